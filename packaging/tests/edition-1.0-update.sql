-- ALTER EXTENSION pgml UPDATE, from 1.0 straight to the current edition: models stay, and predict the same.
\ir helpers.psql

\ir surface.psql
CREATE TEMPORARY TABLE fresh AS SELECT * FROM pg_temp.surface() AS line;
DROP EXTENSION pgml;

-- Models of several algorithms, tasks and label counts, in edition 1.0.
CREATE EXTENSION pgml VERSION '1.0';
SELECT pgml.load_dataset(name) FROM unnest('{diabetes,wine,digits,linnerud}'::text[]) AS name;
SELECT pgml.train('diabetes', 'regression', 'pgml.diabetes', 'target', algorithm, '{"random_state": 0}')
FROM unnest('{ridge,lasso,random_forest,gradient_boosting_trees,xgboost,lightgbm}'::text[]) AS algorithm;
SELECT pgml.train('wine', 'classification', 'pgml.wine', 'target', algorithm)
FROM unnest('{ridge,svm,extra_trees,xgboost,gaussian_process}'::text[]) AS algorithm;
SELECT pgml.train('digits', 'classification', 'pgml.digits', 'target', 'random_forest', '{"n_estimators": 20}');
SELECT pgml.train_joint('joint', 'regression', 'pgml.linnerud', '{weight,waste,pulse}', algorithm)
FROM unnest('{linear,svm}'::text[]) AS algorithm;
SELECT pgml.train('first', 'regression', 'pgml.diabetes', 'target', test_size => 100, test_sampling => 'first');
SELECT pgml.deploy('diabetes', 'most_recent', 'random_forest');
CREATE TABLE public.said AS
SELECT m.id, r.row, pgml.model_predict(m.id, r.row) AS prediction
FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id, LATERAL (
    (SELECT ARRAY[age, sex, bmi, bp, s1, s2, s3, s4, s5, s6]::float8[] AS row FROM pgml.diabetes WHERE p.name IN ('diabetes', 'first') LIMIT 20)
    UNION ALL
    (SELECT ARRAY[alcohol, malic_acid, ash, alcalinity_of_ash, magnesium, total_phenols, flavanoids, nonflavanoid_phenols, proanthocyanins, color_intensity, hue, "od280/od315_of_diluted_wines", proline]::float8[] FROM pgml.wine WHERE p.name = 'wine' LIMIT 20)
    UNION ALL
    (SELECT ARRAY(SELECT unnest(image))::float8[] FROM pgml.digits WHERE p.name = 'digits' LIMIT 20)
    UNION ALL
    (SELECT ARRAY[chins, situps, jumps]::float8[] FROM pgml.linnerud WHERE p.name = 'joint')
) AS r;
CREATE TABLE public.before AS SELECT id, name, algorithm_name AS algorithm, deployed FROM pgml.trained_models;
CREATE TABLE public.scores AS SELECT id, metrics - '{fit_seconds,read_seconds}'::text[] AS metrics FROM pgml.models;
CREATE TABLE public.deployments AS SELECT * FROM pgml.deployments;
CREATE TABLE public.files AS SELECT * FROM pgml.files;

-- Catches an update that breaks something of a user's, or that leaves half of itself behind.
CREATE VIEW public.mine AS SELECT algorithm_name FROM pgml.trained_models;
SELECT pg_temp.expect_error('ALTER EXTENSION pgml UPDATE', '2BP01', 'pgml 3.0.0 changes what these objects use: view public.mine (view pgml.trained_models)', '%run the statements%', 'view public.mine: DROP VIEW public.mine;');
DROP VIEW public.mine;
INSERT INTO pgml.projects (name, task) VALUES ('gardener', 'gardening');
SELECT pg_temp.expect_error('ALTER EXTENSION pgml UPDATE', 'P0001', '%gardener (gardening)%', '%1.0%');
DELETE FROM pgml.projects WHERE name = 'gardener';
-- What PostgresML 1.0 did with transformers is kept, and no obstacle.
INSERT INTO pgml.projects (name, task) VALUES ('translator', 'translation_en_to_fr');
INSERT INTO pgml.models (project_id, algorithm_name, metrics) SELECT id, 'transformers', '{"bleu": 0.5}' FROM pgml.projects WHERE name = 'translator';
DO $$ BEGIN ASSERT (SELECT extversion FROM pg_extension WHERE extname = 'pgml') = '1.0'; PERFORM pgml.train('diabetes'); END $$;
DELETE FROM pgml.models WHERE id = (SELECT max(id) FROM pgml.models);

ALTER EXTENSION pgml UPDATE;

-- Catches an update that ends somewhere else than a new extension begins.
SELECT pg_temp.expect_as_new();
DO $$
BEGIN
    ASSERT (SELECT extversion FROM pg_extension WHERE extname = 'pgml') = pgml.version();
END
$$;

-- Catches a model that is lost, changed, or deployed otherwise, in a session that never saw edition 1.0.
\c
\ir helpers.psql
DO $$
DECLARE
    got record;
BEGIN
    ASSERT (SELECT count(*) FROM public.said) = 6 * 20 + 5 * 20 + 20 + 2 * 20 + 20;
    ASSERT NOT EXISTS (SELECT FROM public.said WHERE pgml.predict_joint(id, row) IS DISTINCT FROM prediction);
    ASSERT NOT EXISTS (SELECT * FROM public.before EXCEPT SELECT id, name, algorithm, deployed FROM pgml.trained_models);
    ASSERT NOT EXISTS (SELECT * FROM public.files EXCEPT SELECT * FROM pgml.files), 'bytes changed';
    ASSERT NOT EXISTS (SELECT id, project_id, model_id, strategy, created_at FROM public.deployments EXCEPT SELECT id, project_id, model_id, strategy::text, created_at FROM pgml.deployments);
    ASSERT (SELECT array_agg(DISTINCT num_features ORDER BY num_features) FROM pgml.models WHERE algorithm <> 'transformers') = '{3,10,13,64}';
    ASSERT (SELECT bool_and(status = 'successful' AND materialized) FROM pgml.snapshots);
    SELECT columns INTO got FROM pgml.snapshots WHERE relation_name = 'pgml.linnerud' LIMIT 1;
    ASSERT jsonb_array_length(got.columns) = 6 AND got.columns->0 @> '{"name": "chins", "label": false, "position": 1, "size": 1, "pg_type": "real"}'
        AND got.columns->5 @> '{"name": "pulse", "label": true, "position": 6}', got.columns::text;
    ASSERT (SELECT columns->0->>'size' FROM pgml.snapshots WHERE relation_name = 'pgml.digits') = '64';
    ASSERT (SELECT algorithm FROM pgml.deployed_models WHERE name = 'diabetes') = 'random_forest';
    ASSERT (SELECT p.task::text = 'transformer' AND m.metrics = '{"bleu": 0.5, "task": "translation_en_to_fr"}'
        FROM pgml.projects AS p JOIN pgml.models AS m ON m.project_id = p.id WHERE p.name = 'translator');
END
$$;

-- Catches a snapshot that is split otherwise than before: the same algorithm then has other scores.
DO $$
DECLARE
    before jsonb;
    after jsonb;
BEGIN
    PERFORM pgml.train('diabetes', algorithm => 'lightgbm');
    SELECT metrics - '{fit_seconds,read_seconds}'::text[] INTO after FROM pgml.models ORDER BY id DESC LIMIT 1;
    SELECT s.metrics INTO before FROM public.scores AS s JOIN pgml.models USING (id) WHERE algorithm = 'lightgbm' ORDER BY id LIMIT 1;
    ASSERT before = after, format('%s instead of %s', after, before);
    PERFORM pgml.train('first');
    SELECT metrics - '{fit_seconds,read_seconds}'::text[] INTO after FROM pgml.models ORDER BY id DESC LIMIT 1;
    SELECT s.metrics INTO before FROM public.scores AS s JOIN pgml.models AS m USING (id) JOIN pgml.projects AS p ON p.id = m.project_id WHERE p.name = 'first' ORDER BY s.id LIMIT 1;
    PERFORM pg_temp.expect_close('first', (after->>'r2')::float8, (before->>'r2')::float8);
END
$$;
\o
\echo edition 1.0, update: passed
