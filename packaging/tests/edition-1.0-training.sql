-- Edition 1.0: snapshots, samplings, results and what is deployed. What is learned is compared in edition_1_0.py.
\ir helpers.psql
DROP EXTENSION pgml;
CREATE EXTENSION pgml VERSION '1.0';
SELECT pgml.load_dataset('diabetes');
SELECT pgml.load_dataset('linnerud');

-- Catches a result, a status or a row of the catalog that is not as 1.0 wrote it.
DO $$
DECLARE
    got record;
BEGIN
    SELECT * INTO got FROM pgml.train('p', 'regression', 'pgml.diabetes', 'target', 'lasso', '{"alpha": 1000}');
    ASSERT got = ROW('p'::text, 'regression'::text, 'lasso'::text, 'deployed'::text)::record, got::text;
    SELECT * INTO got FROM pgml.train('p');
    ASSERT got.status = 'deployed' AND got.algorithm_name = 'linear', got::text;
    SELECT * INTO got FROM pgml.train('p', algorithm => 'ridge', hyperparams => '{"alpha": 10000}');
    ASSERT got.status = 'not deployed', got::text;
    SELECT * INTO got FROM pgml.models ORDER BY id LIMIT 1;
    ASSERT got.status = 'successful' AND got.hyperparams = '{"alpha": 1000, "random_state": 0}' AND got.metrics ?& '{r2,mean_squared_error}', got::text;
    ASSERT got.search IS NULL AND got.search_params = '{}' AND got.search_args = '{}';
    SELECT * INTO got FROM pgml.snapshots ORDER BY id DESC LIMIT 1;
    ASSERT got.relation_name = 'pgml.diabetes' AND got.y_column_name = '{target}' AND got.test_size = 0.25::real, got::text;
    ASSERT got.test_sampling = 'random' AND got.status = 'created' AND got.columns->>'age' = 'real' AND got.columns ? 'target', got::text;
    ASSERT got.analysis->>'test_rows' = '111', got.analysis::text;
    ASSERT (SELECT array_agg(strategy ORDER BY id) FROM pgml.deployments) = '{new_score,new_score}';
    ASSERT (SELECT array_agg(algorithm_name ORDER BY deployed_at) FROM pgml.overview WHERE name = 'p') = '{lasso,linear}';
    ASSERT (SELECT array_agg(deployed ORDER BY id) FROM pgml.trained_models) = '{f,t,f}';
END
$$;

-- Catches a copy that lacks rows, that a later change of the relation reaches, or that is not shuffled; and a second model
-- that makes a snapshot of its own.
DO $$
DECLARE
    before float8;
    got record;
BEGIN
    ASSERT (SELECT count(*) FROM pgml.snapshots) = 1 AND (SELECT count(*) FROM pgml.snapshot_1) = 442;
    ASSERT NOT EXISTS (SELECT * FROM pgml.diabetes EXCEPT ALL SELECT * FROM pgml.snapshot_1);
    ASSERT (SELECT array_agg(target ORDER BY ctid) FROM pgml.diabetes) <> (SELECT array_agg(target ORDER BY ctid) FROM pgml.snapshot_1);
    SELECT metrics->>'r2' INTO before FROM pgml.models WHERE algorithm_name = 'linear';
    CREATE TEMPORARY TABLE kept AS SELECT * FROM pgml.diabetes;
    DELETE FROM pgml.diabetes WHERE target > 100;
    PERFORM pgml.train('p');
    ASSERT (SELECT metrics->>'r2' FROM pgml.models ORDER BY id DESC LIMIT 1)::float8 = before, 'not trained on the snapshot';
    TRUNCATE pgml.diabetes;
    INSERT INTO pgml.diabetes SELECT * FROM kept;
    PERFORM pgml.train('p', y_column_name => 'bmi');
    SELECT * INTO got FROM pgml.snapshots ORDER BY id DESC LIMIT 1;
    ASSERT got.id = 2 AND got.relation_name = 'pgml.diabetes' AND got.y_column_name = '{bmi}', got::text;
END
$$;

-- Catches a sampling that takes other rows: of these, a line learns only from the ones it is to learn from.
CREATE TABLE public.halves AS SELECT n AS x, CASE WHEN n <= 30 THEN -n ELSE n END AS y FROM generate_series(1, 100) AS n;
DO $$
DECLARE
    sampling text;
    size real;
    at float8;
    expected float8;
BEGIN
    -- The first 30 rows are another line: tested on, they leave the rest to be learned exactly.
    FOR sampling, size, at, expected IN VALUES ('first', 0.3, 50, 50), ('first', 30, 50, 50), ('last', 0.7, 10, -10), ('last', 70, 10, -10) LOOP
        PERFORM pgml.train('halves ' || sampling || size, 'regression', 'halves', 'y', test_size => size, test_sampling => sampling);
        PERFORM pg_temp.expect_close(sampling || ' ' || size, pgml.predict('halves ' || sampling || size, ARRAY[at]), expected, 1e-6);
    END LOOP;
    ASSERT (SELECT analysis->>'test_rows' FROM pgml.snapshots ORDER BY id DESC LIMIT 1) = '70';
END
$$;

-- Catches pgml.snapshot() that gives another id than the table's.
DO $$
DECLARE
    got text := (SELECT id FROM pgml.snapshot('pgml.linnerud', ARRAY['weight', 'waste'], test_size => 4, test_sampling => 'last'));
BEGIN
    ASSERT got = (SELECT max(id)::text FROM pgml.snapshots);
    ASSERT to_regclass('pgml.snapshot_' || got) IS NOT NULL;
    ASSERT (SELECT status FROM pgml.snapshots WHERE id::text = got) = 'created';
END
$$;

-- Catches labels that are mixed up.
DO $$
DECLARE
    labels float8[];
BEGIN
    PERFORM pgml.train_joint('joint', 'regression', relation_name => 'pgml.linnerud', y_column_name => ARRAY['weight', 'waste', 'pulse']);
    SELECT pgml.predict_joint('joint', ARRAY[5, 162, 60]) INTO labels;
    ASSERT array_length(labels, 1) = 3 AND labels[1] BETWEEN 120 AND 250 AND labels[2] BETWEEN 25 AND 50 AND labels[3] BETWEEN 40 AND 80, labels::text;
END
$$;
SELECT pg_temp.expect_error($$SELECT pgml.predict('joint', ARRAY[5, 162, 60])$$, '0A000', 'model % predicts 3 labels at once', '%predict_joint%');

-- Catches a strategy that chooses another model than it says, or that compares scores as text: there, 9e-05 is the best.
CREATE FUNCTION pg_temp.deployed() RETURNS text LANGUAGE sql AS $$ SELECT algorithm_name FROM pgml.deployed_models WHERE name = 'q' $$;
SELECT pgml.train('q', 'regression', 'pgml.diabetes', 'target', algorithm) FROM unnest('{linear,lasso,ridge}'::text[]) AS algorithm;
UPDATE pgml.models SET metrics = format('{"r2": %s}', CASE algorithm_name WHEN 'ridge' THEN '9e-05' WHEN 'linear' THEN '0.5' ELSE '-3' END)::jsonb
WHERE project_id = (SELECT id FROM pgml.projects WHERE name = 'q');
DO $$
DECLARE
    got record;
BEGIN
    SELECT * INTO got FROM pgml.deploy('q', 'most_recent');
    ASSERT got = ROW('q'::text, 'most_recent'::text, 'ridge'::text)::record, got::text;
    ASSERT pg_temp.deployed() = 'ridge';
    PERFORM pgml.deploy('q');
    ASSERT pg_temp.deployed() = 'linear', 'the default is best_score';
    PERFORM pgml.deploy('q', 'rollback');
    ASSERT pg_temp.deployed() = 'ridge';
    PERFORM pgml.deploy('q', 'best_score', 'lasso');
    ASSERT pg_temp.deployed() = 'lasso';
    PERFORM pgml.deploy('q', strategy => 'most_recent', algorithm_name => 'linear');
    ASSERT pg_temp.deployed() = 'linear';
END
$$;

-- Catches a training that leaves something behind when its transaction is rolled back.
BEGIN;
SELECT pgml.train('rolled back', 'regression', 'pgml.diabetes', 'target');
ROLLBACK;
SELECT pg_temp.expect_error($$SELECT pgml.predict('rolled back', '{1,2,3,4,5,6,7,8,9,10}')$$, '42704', 'project "rolled back" does not exist');

-- Catches names that reach SQL unchecked.
CREATE SCHEMA "Odd ""schema""";
CREATE TABLE "Odd ""schema"""."Odd.table" AS SELECT n AS r, n * 2 AS "Y ""1""" FROM generate_series(1, 40) AS n;
SELECT pgml.train('odd', 'regression', '"Odd ""schema"""."Odd.table"', 'Y "1"');
DO $$ BEGIN PERFORM pg_temp.expect_close('odd', pgml.predict('odd', '{7}'), 14, 1e-6); END $$;

-- Catches an edition whose planner knows nothing of models: a small one takes less than the COST that is declared.
DO $$
DECLARE
    plan json;
BEGIN
    EXECUTE $explain$EXPLAIN (FORMAT JSON) SELECT pgml.predict('odd', '{7}'::float8[])$explain$ INTO plan;
    ASSERT (plan->0->'Plan'->>'Total Cost')::float8 < 5, plan;
    EXECUTE $explain$EXPLAIN (FORMAT JSON) SELECT pgml.predict('no such project', '{1}'::float8[])$explain$ INTO plan;
    ASSERT (plan->0->'Plan'->>'Total Cost')::float8 > 20, plan;
END
$$;
\o
\echo edition 1.0, training: passed
