-- What each kind of user can do with exactly the grants of docs/security.md, and what an error says to one who lacks them.
\ir helpers.psql
SET client_min_messages = error;
CREATE ROLE pgml_test_predictor;
CREATE ROLE pgml_test_trainer;
CREATE ROLE pgml_test_evaluator;
CREATE ROLE pgml_test_owner;
CREATE ROLE pgml_test_reader;
CREATE TABLE public.of_all AS
SELECT n AS a, CASE WHEN n % 2 = 0 THEN 'even' ELSE 'odd' END AS kind, n * 2 AS y, CASE WHEN n <= 60 THEN 'pgml_test_trainer' ELSE 'other' END AS owner
FROM generate_series(1, 120) AS n;
ALTER TABLE public.of_all ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.of_all USING (owner = current_user);
CREATE VIEW public.seen AS SELECT a, kind, y FROM public.of_all;
GRANT SELECT ON public.of_all TO pgml_test_trainer, pgml_test_evaluator;
ALTER VIEW public.seen OWNER TO pgml_test_trainer;
GRANT CREATE, USAGE ON SCHEMA public TO pgml_test_trainer;

-- Catches an error about a right that doesn't say which grant is missing.
SET ROLE pgml_test_trainer;
SELECT pg_temp.expect('training', $$SELECT pgml.train('own', 'regression', 'public.seen', 'y')$$, 'ERROR 42501%HINT%GRANT SELECT, INSERT, UPDATE ON pgml.projects, pgml.models, pgml.snapshots TO pgml_test_trainer%GRANT USAGE ON ALL SEQUENCES%');
SELECT pg_temp.expect('predicting', $$SELECT pgml.predict('own', ARRAY[1])$$, 'ERROR 42501%HINT: GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files TO pgml_test_trainer%');
SELECT pg_temp.expect('deploying', $$SELECT pgml.deploy('own', 'rollback')$$, 'ERROR 42501%HINT: GRANT%');
SELECT pg_temp.expect('a snapshot', $$SELECT pgml.snapshot('public.seen', 'y')$$, 'ERROR 42501%HINT: GRANT%');
SELECT pg_temp.expect('dropping', $$SELECT pgml.drop_project('own')$$, 'ERROR 42501%HINT: GRANT%DELETE%');
SELECT pg_temp.expect('renaming', $$SELECT pgml.rename_project('own', 'other')$$, 'ERROR 42501%HINT: GRANT%');
SELECT pg_temp.expect('importances', $$SELECT * FROM pgml.feature_importances('own')$$, 'ERROR 42501%HINT: GRANT SELECT%');
SELECT pg_temp.expect('a data set', $$SELECT pgml.load_dataset('iris')$$, 'ERROR 42501%HINT: GRANT CREATE ON SCHEMA pgml%');
RESET ROLE;

-- Word for word from docs/security.md.
GRANT SELECT ON pgml.overview, pgml.trained_models, pgml.deployed_models, pgml.model_details, pgml.disk_use TO pgml_test_reader;
GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files TO pgml_test_predictor;
GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files, pgml.snapshots TO pgml_test_evaluator;
GRANT SELECT, INSERT, UPDATE ON pgml.projects, pgml.models, pgml.snapshots TO pgml_test_trainer;
GRANT SELECT, INSERT ON pgml.deployments, pgml.files TO pgml_test_trainer;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA pgml TO pgml_test_trainer;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA pgml TO pgml_test_owner;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA pgml TO pgml_test_owner;
GRANT CREATE ON SCHEMA pgml TO pgml_test_owner;
SET ROLE pgml_test_trainer;
SELECT pg_temp.expect('trains on what the policy shows', $$SELECT deployed FROM pgml.train('own', 'regression', 'public.seen', 'y', 'random_forest', '{"n_estimators": 3}')$$, 'true');
SELECT pg_temp.expect('its rows', $$SELECT analysis->>'rows' FROM pgml.snapshots ORDER BY id DESC LIMIT 1$$, '60');
-- Catches a right to make things in schema pgml, where a function could take the place of pgml's, for keeping rows.
SELECT pg_temp.expect('keeps the rows', $$SELECT deployed IS NOT NULL FROM pgml.train('kept', 'regression', 'public.seen', 'y', materialize_snapshot => true)$$, 'true');
SELECT pg_temp.expect('the kept rows', $$SELECT count(*) FROM public.seen AS s JOIN pgml.snapshots AS n ON n.materialized WHERE (n.analysis->>'rows')::int = 60$$, '60');
SELECT pg_temp.expect('from the kept rows', $$SELECT deployed IS NOT NULL FROM pgml.train('kept', algorithm => 'random_forest', hyperparams => '{"n_estimators": 3}')$$, 'true');
SELECT pg_temp.expect('a snapshot', $$SELECT relation LIKE 'pgml.snapshot%' FROM pgml.snapshot('public.seen', 'y')$$, 'true');
SELECT pg_temp.expect('a data set', $$SELECT pgml.load_dataset('iris')$$, 'ERROR 42501%HINT: GRANT CREATE ON SCHEMA pgml TO pgml_test_trainer%');
SELECT pg_temp.expect('no table of its own', 'CREATE TABLE pgml.mine (a int)', 'ERROR 42501%');
SELECT pg_temp.expect('deploys', $$SELECT strategy FROM pgml.deploy('own', 'most_recent')$$, 'most_recent');
SELECT pg_temp.expect('does not drop', $$SELECT pgml.drop_project('own', force => true)$$, 'ERROR 42501%HINT: GRANT%DELETE%');
SELECT pg_temp.expect('another''s table', $$SELECT pgml.train('theirs', 'regression', 'pg_catalog.pg_authid', 'rolconnlimit')$$, 'ERROR%');
RESET ROLE;
CREATE SCHEMA closed;
CREATE TABLE closed.line AS SELECT n AS a, n AS y FROM generate_series(1, 40) AS n;
SET ROLE pgml_test_trainer;
SELECT pg_temp.expect('a schema without USAGE', $$SELECT pgml.train('closed', 'regression', 'closed.line', 'y')$$, 'ERROR 42501%HINT%USAGE ON SCHEMA%');
RESET ROLE;
GRANT USAGE ON SCHEMA closed TO pgml_test_trainer;
SET ROLE pgml_test_trainer;
SELECT pg_temp.expect('a table without SELECT', $$SELECT pgml.train('closed', 'regression', 'closed.line', 'y')$$, 'ERROR 42501%HINT: GRANT SELECT ON closed.line TO pgml_test_trainer%');
SELECT pg_temp.expect('a table without SELECT, kept', $$SELECT pgml.train('closed', 'regression', 'closed.line', 'y', materialize_snapshot => true)$$, 'ERROR 42501%HINT: GRANT SELECT ON closed.line TO pgml_test_trainer%');
SET ROLE pgml_test_predictor;
SELECT pg_temp.expect('predicts', $$SELECT pgml.predict('own', (5, 'odd'::text)) IS NOT NULL$$, 'true');
SELECT pg_temp.expect('predicts rows', $$SELECT count(*) FROM pgml.predict_batch('own', ARRAY[(5, 'odd'::text), (6, 'even'::text)])$$, '2');
SELECT pg_temp.expect('importances', $$SELECT count(*) FROM pgml.feature_importances('own')$$, '2');
SELECT pg_temp.expect('explains', $$SELECT count(*) FROM pgml.explain('own', (5, 'odd'::text))$$, '3');
SELECT pg_temp.expect('does not evaluate', $$SELECT pgml.evaluate('own', 'public.seen')$$, 'ERROR 42501%HINT: GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files, pgml.snapshots TO pgml_test_predictor%');
SELECT pg_temp.expect('does not train', $$SELECT pgml.train('own', algorithm => 'lasso')$$, 'ERROR 42501%HINT: GRANT%');
SELECT pg_temp.expect('does not read the key', $$SELECT count(*) FROM pgml_private.seal_keys$$, 'ERROR 42501%');
SELECT pg_temp.expect('does not trust', $$SELECT pgml.trust(1)$$, 'ERROR 42501%');
SELECT pg_temp.expect('does not raise its cache', $$SET pgml.model_cache = '100GB'$$, 'ERROR 42501%');
SET ROLE pgml_test_evaluator;
SELECT pg_temp.expect('evaluates on what the policy shows', $$SELECT pgml.evaluate('own', 'public.of_all')$$, 'ERROR 02000%of_all has no rows%');
SELECT pg_temp.expect('not on what it may not read', $$SELECT pgml.evaluate('own', 'public.seen')$$, 'ERROR 42501%HINT: GRANT SELECT ON public.seen TO pgml_test_evaluator%');
SELECT pg_temp.expect('explains', $$SELECT count(*) FROM pgml.explain('own', (5, 'odd'::text))$$, '3');
SET ROLE pgml_test_reader;
SELECT pg_temp.expect('looks on', $$SELECT (SELECT count(*) FROM pgml.model_details) > 0 AND (SELECT sum(bytes) FROM pgml.disk_use) > 0$$, 'true');
SELECT pg_temp.expect('does not predict', $$SELECT pgml.predict('own', (5, 'odd'::text))$$, 'ERROR 42501%HINT: GRANT SELECT%');
SET ROLE pgml_test_owner;
SELECT pg_temp.expect('renames', $$SELECT pgml.rename_project('own', 'ours') IS NULL$$, 'false', 'true');
SELECT pg_temp.expect('drops', $$SELECT pgml.drop_project('kept', force => true) IS NULL$$, 'false', 'true');
SELECT pg_temp.expect('a data set', $$SELECT rows FROM pgml.load_dataset('iris')$$, '150');
RESET ROLE;
DO $$ BEGIN ASSERT (SELECT array_agg(name) FROM pgml.projects) = '{ours}', (SELECT array_agg(name)::text FROM pgml.projects); END $$;
DROP OWNED BY pgml_test_trainer, pgml_test_evaluator, pgml_test_predictor, pgml_test_owner, pgml_test_reader CASCADE;
DROP ROLE pgml_test_trainer, pgml_test_evaluator, pgml_test_predictor, pgml_test_owner, pgml_test_reader;
\o
\echo roles: passed
