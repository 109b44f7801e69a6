-- A model's life after training: dropped, its project dropped or renamed, and what they keep on the disk.
\ir helpers.psql
SET client_min_messages = error;
CREATE TABLE public.line AS SELECT n % 10 AS a, 2 * (n % 10) AS y FROM generate_series(1, 200) AS n;
SELECT pgml.train('line', 'regression', 'public.line', 'y', 'ridge', materialize_snapshot => true);
SELECT pgml.train('line', algorithm => 'linear');
SELECT pgml.train('line', algorithm => 'lasso', automatic_deploy => false);
SELECT pgml.train('other', 'regression', 'public.line', 'y');

-- Catches a project's disk use that leaves something out.
SELECT pg_temp.expect('what a project keeps', $$SELECT models || ' ' || snapshots || ' ' || (snapshot_bytes = pg_total_relation_size('pgml.snapshot_1')) || ' '
    || (model_bytes = (SELECT sum(octet_length(data)) FROM pgml.files WHERE model_id <= 3)) || ' ' || (bytes = model_bytes + snapshot_bytes) FROM pgml.disk_use WHERE name = 'line'$$, '3 1 true true true');
SELECT pg_temp.expect('of a model', $$SELECT count(*) FROM pgml.model_details WHERE snapshot_bytes = pg_total_relation_size('pgml.snapshot_1') AND snapshot_id = 1$$, '3');
SELECT pg_temp.expect('a snapshot of no model', $$SELECT relation FROM pgml.snapshot('public.line', 'y')$$, 'pgml.snapshot_3');
SELECT pg_temp.expect('is counted', $$SELECT snapshots || ' ' || (snapshot_bytes > 0) FROM pgml.disk_use WHERE name IS NULL$$, '1 true');

-- Catches a model that answers and is gone, and rows that nothing uses any more.
SELECT pg_temp.expect('the deployed one', $$SELECT pgml.drop_model(id) FROM pgml.deployed_models WHERE name = 'line'$$, 'ERROR 55006%model %is deployed%HINT%force => true%');
SELECT pg_temp.expect('another', $$SELECT pgml.drop_model(3)$$, '', 'NULL');
SELECT pg_temp.expect('its files', $$SELECT count(*) FROM pgml.files WHERE model_id = 3$$, '0');
SELECT pg_temp.expect('the rows are kept', $$SELECT to_regclass('pgml.snapshot_1') IS NOT NULL$$, 'true');
SELECT pg_temp.expect('none', $$SELECT pgml.drop_model(99)$$, 'ERROR 42704%');
DO $$
DECLARE
    before bigint := (SELECT id FROM pgml.deployed_models WHERE name = 'line');
BEGIN
    PERFORM pgml.drop_model(before, force => true);
    ASSERT NOT EXISTS (SELECT FROM pgml.models WHERE id = before);
END
$$;
SELECT pg_temp.expect('predicts or says why not', $$SELECT round(pgml.predict('line', ARRAY[4])::numeric)$$, '8', 'ERROR 02000%');

-- Catches a project that leaves models, deployments or rows behind.
SELECT pg_temp.expect('a project that answers', $$SELECT pgml.drop_project('other')$$, 'ERROR 55006%project "other" has a deployed model%HINT%force => true%');
SELECT pg_temp.expect('by force', $$SELECT pgml.drop_project('line', force => true)$$, '', 'NULL');
SELECT pg_temp.expect('its rows', $$SELECT to_regclass('pgml.snapshot_1') IS NULL AND NOT EXISTS (SELECT FROM pgml.snapshots WHERE id = 1)$$, 'true');
SELECT pg_temp.expect('and nothing of others', $$SELECT string_agg(name, ',') FROM pgml.deployed_models$$, 'other');
SELECT pg_temp.expect('none', $$SELECT pgml.drop_project('line')$$, 'ERROR 42704%');
SELECT pg_temp.expect('its name is free', $$SELECT reason FROM pgml.train('line', 'regression', 'public.line', 'y')$$, 'nothing was deployed');

-- Catches a name that goes on answering, and one that was somebody else's.
SELECT pg_temp.expect('before', $$SELECT round(pgml.predict('other', ARRAY[4])::numeric)$$, '8');
SELECT pg_temp.expect('renamed', $$SELECT pgml.rename_project('other', 'renamed')$$, '', 'NULL');
SELECT pg_temp.expect('the old name', $$SELECT pgml.predict('other', ARRAY[4])$$, 'ERROR 42704%');
SELECT pg_temp.expect('the new name', $$SELECT round(pgml.predict('renamed', ARRAY[4])::numeric)$$, '8');
SELECT pg_temp.expect('taken', $$SELECT pgml.rename_project('renamed', 'line')$$, 'ERROR 42710%');
SELECT pg_temp.expect('empty', $$SELECT pgml.rename_project('renamed', '')$$, 'ERROR 22023%');
SELECT pg_temp.expect('itself', $$SELECT pgml.rename_project('renamed', 'renamed')$$, '', 'NULL');
\o
\echo life: passed
