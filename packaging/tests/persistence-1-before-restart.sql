-- First half: trains, and notes what the models predict. Restart the server before the second half.
\ir helpers.psql

SELECT pgml.load_dataset('diabetes');
SELECT pgml.load_dataset('digits');
SELECT pgml.train('diabetes', 'regression', 'pgml.diabetes', 'target', 'linear');
SELECT pgml.train('diabetes', algorithm => 'gradient_boosting_trees', hyperparams => '{"n_estimators": 20}');
SELECT pgml.train('digits', 'classification', 'pgml.digits', 'target', 'xgboost', '{"n_estimators": 5}');
-- More than one part of a file.
SELECT pgml.train('large', 'classification', 'pgml.digits', 'target', 'extra_trees', '{"n_estimators": 150}', automatic_deploy => true);

CREATE TABLE public.predictions_before AS
SELECT m.id AS model_id, r.row AS features, pgml.predict(m.id, r.row) AS prediction
FROM pgml.models AS m
JOIN LATERAL (
    (SELECT ARRAY[age, sex, bmi, bp, s1, s2, s3, s4, s5, s6]::float8[] AS row FROM pgml.diabetes WHERE m.num_features = 10 LIMIT 20)
    UNION ALL
    (SELECT ARRAY(SELECT unnest(image))::float8[] FROM pgml.digits WHERE m.num_features = 64 LIMIT 20)
) AS r ON true;
CREATE TABLE public.deployed_before AS SELECT * FROM pgml.deployed_models;

DO $$
BEGIN
    ASSERT (SELECT count(*) FROM public.predictions_before) = 80;
    ASSERT (SELECT max(part) FROM pgml.files) > 0, 'no model is long enough for two parts';
END
$$;
\o
\echo persistence, before the restart: passed
