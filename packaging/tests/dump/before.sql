-- First half: what a dump has to carry, in whatever edition this database has. The second half runs where it was restored.
\ir ../helpers.psql

SELECT pgml.load_dataset('diabetes');
SELECT pgml.load_dataset('digits');
SELECT pgml.train('ridge', 'regression', 'pgml.diabetes', 'target', 'ridge');
SELECT pgml.train('ridge', 'regression', 'pgml.diabetes', 'target', 'lasso');
SELECT pgml.train('boosting', 'regression', 'pgml.diabetes', 'target', 'xgboost', '{"n_estimators": 10}');
-- Predicted by Python, and its file has more than one part.
SELECT pgml.train('process', 'regression', 'pgml.diabetes', 'target', 'gaussian_process');
SELECT pgml.train('forest', 'classification', 'pgml.digits', 'target', 'random_forest', '{"n_estimators": 20}');
SELECT pgml.deploy('ridge', 'most_recent');

CREATE VIEW public.answers AS
SELECT p.name, r.row, pgml.predict(p.name, r.row) AS prediction
FROM pgml.projects AS p
JOIN LATERAL (
    (SELECT ARRAY[age, sex, bmi, bp, s1, s2, s3, s4, s5, s6]::float8[] AS row FROM pgml.diabetes WHERE p.name <> 'forest' ORDER BY target LIMIT 20)
    UNION ALL
    (SELECT ARRAY(SELECT unnest(image))::float8[] FROM pgml.digits WHERE p.name = 'forest' ORDER BY image LIMIT 20)
) AS r ON true;
CREATE TABLE public.said AS SELECT * FROM public.answers;
CREATE TABLE public.saved AS
SELECT (SELECT json_agg(to_json(t) ORDER BY id) FROM pgml.projects AS t)::text AS projects,
       (SELECT json_agg(to_json(t) ORDER BY id) FROM pgml.snapshots AS t)::text AS snapshots,
       (SELECT json_agg(to_json(t) ORDER BY id) FROM pgml.models AS t)::text AS models,
       (SELECT json_agg(to_json(t) ORDER BY id) FROM pgml.deployments AS t)::text AS deployments,
       (SELECT json_agg(to_json(t) ORDER BY id) FROM pgml.files AS t)::text AS files;

DO $$ BEGIN ASSERT (SELECT count(*) FROM public.said) = 80; END $$;
\o
\echo dump, before: passed
