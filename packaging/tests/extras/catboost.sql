-- With pgml-python-catboost: both tasks, texts as categories, and models that predict in Rust what CatBoost predicts.
\ir ../helpers.psql

SELECT rows FROM pgml.load_dataset('diabetes');
SELECT rows FROM pgml.load_dataset('iris');
SELECT rows FROM pgml.load_dataset('breast_cancer');

CREATE FUNCTION pg_temp.last_metrics() RETURNS jsonb LANGUAGE sql AS $$ SELECT metrics FROM pgml.models ORDER BY id DESC LIMIT 1 $$;

-- One row in six has no number, one text in seven is NULL: both are CatBoost's to judge.
CREATE TABLE public.flats AS
    SELECT CASE WHEN n % 6 > 0 THEN (n % 101)::float8 END AS size, (n * 7 % 13)::int AS floor,
        CASE WHEN n % 7 > 0 THEN (ARRAY['north', 'east', 'south', 'west', 'centre'])[1 + n % 5] END AS district,
        CASE WHEN n % 3 = 0 THEN 'old' ELSE 'new' END AS age,
        (n % 101) * 3 + (n % 5) * 40 + CASE WHEN n % 3 = 0 THEN -25 ELSE 0 END + n * 7 % 13 AS rent
    FROM generate_series(1, 1500) AS n;
CREATE VIEW public.flats_of_two AS SELECT size, floor, age, rent FROM public.flats;
CREATE VIEW public.flat_sides AS SELECT size, floor, rent, district FROM public.flats WHERE district IS NOT NULL;

DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT * FROM (VALUES
        ('regression', 'pgml.diabetes', 'target', '{}'),
        ('regression', 'pgml.diabetes', 'target', '{"loss_function": "MAE", "grow_policy": "Lossguide", "iterations": 60}'),
        ('regression', 'pgml.diabetes', 'target', '{"grow_policy": "Depthwise", "depth": 4, "iterations": 60}'),
        ('classification', 'pgml.iris', 'target', '{"iterations": 100}'),
        ('classification', 'pgml.breast_cancer', 'malignant', '{"iterations": 100, "class_weights": {"true": 3}}'),
        ('classification', 'public.flat_sides', 'district', '{"iterations": 60}'),
        -- A text with two values is a question, and no table.
        ('regression', 'public.flats_of_two', 'rent', '{"iterations": 100}')
    ) AS v(task, relation, label, hyperparams) LOOP
        PERFORM pgml.train(format('%s of %s', one.task, one.relation), one.task, one.relation, one.label, 'catboost',
            one.hyperparams::jsonb, redefine => true);
        ASSERT pg_temp.last_metrics()->>'predicted_by' = 'rust', format('%s: %s', one, pg_temp.last_metrics()->>'not_exported');
        ASSERT (pg_temp.last_metrics()->>CASE one.task WHEN 'regression' THEN 'r2' ELSE 'f1' END)::float8 > 0.3, format('%s: %s', one, pg_temp.last_metrics());
        ASSERT (pg_temp.last_metrics()->'feature_importances') IS NOT NULL, one;
    END LOOP;
    -- Tables of categories are Python's; the seed and one thread make the model the same each time.
    FOR one IN 1..2 LOOP
        PERFORM pgml.train('rent', 'regression', 'public.flats', 'rent', 'catboost', '{"iterations": 100}');
    END LOOP;
    ASSERT pg_temp.last_metrics()->>'predicted_by' = 'python';
    ASSERT pg_temp.last_metrics()->>'not_exported' LIKE '%categories%', pg_temp.last_metrics()->>'not_exported';
    ASSERT (pg_temp.last_metrics()->>'r2')::float8 > 0.7, pg_temp.last_metrics();
    ASSERT 1 = (SELECT count(DISTINCT metrics->>'r2') FROM (SELECT metrics FROM pgml.models ORDER BY id DESC LIMIT 2) AS twice);
END
$$;

-- Rows with texts: NULLs too, and a category that training did not see, which counts as missing.
DO $$
DECLARE
    near float8;
BEGIN
    SELECT avg(abs(pgml.predict('rent', f) - f.rent)) INTO near FROM public.flats AS f;
    ASSERT near < 40, near;
    PERFORM pgml.predict('rent', (NULL::float8, 3, NULL::text, 'old'));
    ASSERT pgml.predict('rent', (50.0::float8, 3, 'abroad', 'old')) BETWEEN 0 AND 600;
    ASSERT pgml.predict('regression of public.flats_of_two', (50.0::float8, 3, 'ancient')) BETWEEN 0 AND 600;
END
$$;
-- A text with an order is a number, and a column of numbers a category where it is asked for.
SELECT pgml.train('numbered', 'regression', 'public.flats', 'rent', 'catboost', '{"iterations": 100}',
    preprocess => '{"district": {"encode": {"ordinal": ["north", "west", "centre", "east", "south"]}, "impute": "mode"}}');
SELECT pgml.train('asked for', 'regression', 'public.flats', 'rent', 'catboost', '{"iterations": 100, "cat_features": ["floor"]}');
DO $$
BEGIN
    ASSERT pg_temp.last_metrics()->>'predicted_by' = 'python';
END
$$;

-- The margin of the model is the sum of its explanation.
DO $$
DECLARE
    predicted float8;
    explained float8;
BEGIN
    SELECT pgml.predict('regression of public.flats_of_two', f), (SELECT sum(contribution) FROM pgml.explain('regression of public.flats_of_two', f))
        INTO predicted, explained FROM public.flats_of_two AS f LIMIT 1;
    PERFORM pg_temp.expect_close('the sum of an explanation', explained, predicted, 1e-6);
END
$$;

-- A search, several labels, weights.
SELECT pgml.train('searched', 'regression', 'public.flats', 'rent', 'catboost', '{"iterations": 30}', search => 'grid',
    search_params => '{"depth": [2, 4], "l2_leaf_reg": [1, 9]}', search_args => '{"cv": 2}');
SELECT rows FROM pgml.load_dataset('linnerud');
SELECT pgml.train_joint('joint', 'regression', 'pgml.linnerud', ARRAY['weight', 'pulse'], 'catboost', '{"iterations": 20}');
CREATE VIEW public.weighed AS SELECT size, floor, rent, 1 + floor % 3 AS w FROM public.flats;
SELECT pgml.train('weighed', 'regression', 'public.weighed', 'rent', 'catboost', '{"iterations": 20}', weight_column => 'w');

-- What a server must not be asked.
SELECT pg_temp.expect_error(
    format('SELECT pgml.train(''refused'', ''regression'', ''pgml.diabetes'', ''target'', ''catboost'', %L)', hyperparams), '22023', message, hint)
FROM (VALUES
    ('{"train_dir": "/tmp/x"}', 'hyperparameter "train_dir" of catboost can''t be used in a server', '%no files%'),
    ('{"snapshot_file": "/tmp/x"}', 'hyperparameter "snapshot_file" of catboost can''t be used in a server', '%no files%'),
    ('{"task_type": "GPU"}', 'hyperparameter "task_type" of catboost can''t be used in a server', '%processor%'),
    ('{"early_stopping_rounds": 3}', 'hyperparameter "early_stopping_rounds" of catboost can''t be used in a server', '%search%'),
    ('{"iteration": 3}', 'unknown catboost hyperparameter "iteration"', 'Did you mean iterations?%'),
    ('{"depth": 40}', 'training catboost failed: %depth%', NULL)
) AS v(hyperparams, message, hint);

-- Rust and CatBoost itself predict the same for every row, to the last bit: without the exported file Python predicts.
CREATE TABLE public.said AS
    SELECT 'a' AS of, row_number() OVER () AS n, pgml.predict('regression of pgml.diabetes', d)::float8 AS said FROM pgml.diabetes AS d
    UNION ALL SELECT 'b', row_number() OVER (), pgml.predict('regression of public.flats_of_two', f) FROM public.flats_of_two AS f
    UNION ALL SELECT 'c', row_number() OVER (), (pgml.predict_proba('classification of pgml.iris', i))[1] FROM pgml.iris AS i;
DELETE FROM pgml.files WHERE path = 'estimator.safetensors';
\c
\ir ../helpers.psql
CREATE TABLE public.said_by_python AS
    SELECT 'a' AS of, row_number() OVER () AS n, pgml.predict('regression of pgml.diabetes', d)::float8 AS said FROM pgml.diabetes AS d
    UNION ALL SELECT 'b', row_number() OVER (), pgml.predict('regression of public.flats_of_two', f) FROM public.flats_of_two AS f
    UNION ALL SELECT 'c', row_number() OVER (), (pgml.predict_proba('classification of pgml.iris', i))[1] FROM pgml.iris AS i;
DO $$
BEGIN
    ASSERT (SELECT count(*) = 442 + 1500 + 150 FROM public.said JOIN public.said_by_python USING (of, n));
    ASSERT (SELECT bool_and(a.said = b.said) FROM public.said AS a JOIN public.said_by_python AS b USING (of, n) WHERE of IN ('a', 'b'));
    ASSERT (SELECT max(abs(a.said - b.said)) < 1e-6 FROM public.said AS a JOIN public.said_by_python AS b USING (of, n) WHERE of = 'c');
END
$$;
