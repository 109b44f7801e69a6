-- Which model answers: automatic deployment, strategies, and what a session keeps in memory.
\ir helpers.psql

SELECT pgml.load_dataset('diabetes');
SELECT pgml.train('p', 'regression', 'pgml.diabetes', 'target', 'lasso', '{"alpha": 1000}');
SELECT pgml.train('p', algorithm => 'linear');
SELECT pgml.train('p', algorithm => 'ridge', hyperparams => '{"alpha": 10000}');
SELECT pgml.train('p', algorithm => 'elastic_net', hyperparams => '{"alpha": 1000}', automatic_deploy => false);

CREATE FUNCTION pg_temp.deployed() RETURNS text LANGUAGE sql AS $$ SELECT algorithm FROM pgml.deployed_models WHERE name = 'p' $$;

-- Catches a model that is deployed although its score is lower, or not although it is higher.
DO $$
BEGIN
    ASSERT pg_temp.deployed() = 'linear';
    ASSERT (SELECT array_agg(strategy::text ORDER BY id) FROM pgml.deployments) = '{new_score,new_score}';
    ASSERT (SELECT count(*) FILTER (WHERE deployed) FROM pgml.trained_models WHERE name = 'p') = 1;
    ASSERT (SELECT count(*) FROM pgml.overview WHERE name = 'p') = 1;
END
$$;

-- Catches a strategy that chooses another model than it says.
DO $$
DECLARE
    got record;
BEGIN
    SELECT * INTO got FROM pgml.deploy('p', 'most_recent');
    ASSERT got = ROW('p'::text, 'most_recent'::text, 'elastic_net'::text)::record, got::text;
    ASSERT pg_temp.deployed() = 'elastic_net';
    PERFORM pgml.deploy('p', 'rollback');
    ASSERT pg_temp.deployed() = 'linear';
    PERFORM pgml.deploy('p', 'most_recent', 'lasso');
    ASSERT pg_temp.deployed() = 'lasso';
    PERFORM pgml.deploy('p', 'best_score');
    ASSERT pg_temp.deployed() = 'linear';
    PERFORM pgml.deploy('p', 'best_score', 'ridge');
    ASSERT pg_temp.deployed() = 'ridge';
    PERFORM pgml.deploy((SELECT id FROM pgml.models WHERE algorithm = 'linear'));
    ASSERT pg_temp.deployed() = 'linear';
    ASSERT (SELECT strategy FROM pgml.deployments ORDER BY id DESC LIMIT 1) = 'specific';
END
$$;

-- Catches scores compared as text: there, 9e-05 is the best of these.
UPDATE pgml.models SET metrics = jsonb_build_object('r2', CASE algorithm WHEN 'ridge' THEN 0.00009 WHEN 'linear' THEN 0.5 WHEN 'lasso' THEN 0.10 ELSE -3 END);
UPDATE pgml.models SET metrics = replace(metrics::text, '0.00009', '9e-05')::jsonb;
DO $$
BEGIN
    PERFORM pgml.deploy('p', 'most_recent', 'ridge');
    PERFORM pgml.deploy('p', 'best_score');
    ASSERT pg_temp.deployed() = 'linear';
END
$$;

-- Catches a prediction from memory that the catalog no longer agrees with.
DO $$
DECLARE
    linear float8;
    lasso float8;
    features float8[] := '{0.03,0.05,0.06,0.02,-0.04,-0.03,-0.04,-0.002,0.019,-0.017}';
BEGIN
    linear := pgml.predict('p', features);
    PERFORM pgml.deploy('p', 'most_recent', 'lasso');
    lasso := pgml.predict('p', features);
    ASSERT linear <> lasso, 'predict does not see a deployment';
    BEGIN
        PERFORM pgml.deploy('p', 'best_score');
        ASSERT pgml.predict('p', features) = linear;
        RAISE SQLSTATE 'UNDO1';
    EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
        ASSERT pgml.predict('p', features) = lasso, 'predict does not see a rollback';
    END;
END
$$;
-- The same id, another model: a sequence that was set back, or an extension that was made anew.
CREATE TEMPORARY TABLE kept AS SELECT * FROM pgml.models WHERE algorithm = 'lasso';
CREATE TEMPORARY TABLE kept_files AS SELECT f.* FROM pgml.files AS f JOIN pgml.models AS m ON m.id = f.model_id WHERE m.algorithm = 'linear';
SELECT pgml.predict(id, '{0.03,0.05,0.06,0.02,-0.04,-0.03,-0.04,-0.002,0.019,-0.017}') AS before FROM kept \gset
DELETE FROM pgml.models WHERE algorithm = 'lasso';
SELECT pg_temp.expect_error(format($$SELECT pgml.predict(%s::bigint, '{1}')$$, id), '42704', 'model % does not exist') FROM kept;
INSERT INTO pgml.models SELECT * FROM kept;
INSERT INTO pgml.files SELECT f.id + 1000000, kept.id, f.path, f.part, f.created_at, f.updated_at, f.data FROM kept_files AS f, kept;
SELECT pgml.trust(id) FROM kept;
SELECT pgml.predict(id, '{0.03,0.05,0.06,0.02,-0.04,-0.03,-0.04,-0.002,0.019,-0.017}') <> :before AS differs FROM kept \gset
\if :differs
\else
    \warn 'predict used a model from memory that is no longer in the catalog'
    SELECT 1 / 0;
\endif

-- Catches a session that goes on with its model after another session has deployed one.
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\setenv PGDATABASE :DBNAME
SELECT pgml.deploy('p', 'most_recent', 'ridge');
SELECT pgml.predict('p', '{0.03,0.05,0.06,0.02,-0.04,-0.03,-0.04,-0.002,0.019,-0.017}') AS before \gset
\! psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -c "SELECT pgml.deploy('p', 'most_recent', 'linear')"
SELECT pgml.predict('p', '{0.03,0.05,0.06,0.02,-0.04,-0.03,-0.04,-0.002,0.019,-0.017}') <> :before AS differs \gset
\if :differs
\else
    \warn 'predict does not see what another session deployed'
    SELECT 1 / 0;
\endif

-- Catches choices that cannot be made and are made nevertheless.
SELECT pg_temp.expect_error($$SELECT pgml.deploy('nobody', 'best_score')$$, '42704', 'project "nobody" does not exist', '%pgml.projects%');
SELECT pg_temp.expect_error($$SELECT pgml.deploy('p', 'best_score', 'svm')$$, '42704', 'project "p" has no trained model with algorithm "svm"');
SELECT pg_temp.expect_error($$SELECT pgml.deploy('p', 'specific')$$, '22023', 'strategy "specific" chooses no model by itself', '%deploy(model_id)%');
SELECT pg_temp.expect_error($$SELECT pgml.deploy(-1)$$, '42704', 'model -1 does not exist');
SELECT pgml.train('single', 'regression', 'pgml.diabetes', 'target');
SELECT pg_temp.expect_error($$SELECT pgml.deploy('single', 'rollback')$$, '42704', 'project "single" has no earlier deployment to roll back to');
SELECT pgml.train('idle', 'regression', 'pgml.diabetes', 'target', automatic_deploy => false);
SELECT pg_temp.expect_error($$SELECT pgml.predict('idle', '{1,2,3,4,5,6,7,8,9,10}')$$, '02000', 'project "idle" has no deployed model', '%pgml.deploy%');
UPDATE pgml.models SET status = 'failed' WHERE id = (SELECT max(id) FROM pgml.models);
SELECT pg_temp.expect_error(format('SELECT pgml.deploy(%s)', max(id)), '55000', 'model % of project "idle" cannot be deployed: its status is failed') FROM pgml.models;

-- Catches a changed row that does not say when.
DO $$
BEGIN
    ASSERT (SELECT updated_at > created_at FROM pgml.models ORDER BY id DESC LIMIT 1);
END
$$;

-- Catches what a session keeps about an extension that is no longer there: model 1 is now another one.
SELECT pgml.predict('p', '{0.03,0.05,0.06,0.02,-0.04,-0.03,-0.04,-0.002,0.019,-0.017}');
DROP EXTENSION pgml CASCADE;
CREATE EXTENSION pgml;
CREATE TABLE public.line AS SELECT n AS x, 2 * n AS y FROM generate_series(1, 20) AS n;
SELECT pgml.train('p', 'regression', 'public.line', 'y');
DO $$
BEGIN
    ASSERT (SELECT max(id) FROM pgml.models) = 1;
    PERFORM pg_temp.expect_close('after DROP EXTENSION', pgml.predict(1, '{5}'), 10);
END
$$;
\o
\echo deployment: passed
