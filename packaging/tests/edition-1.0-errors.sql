-- Edition 1.0: what a user can do wrong is an ERROR that names the thing, with a HINT, and leaves nothing behind.
\ir helpers.psql
DROP EXTENSION pgml;
CREATE EXTENSION pgml VERSION '1.0';

CREATE TABLE public.good (a int, b float8, y int);
INSERT INTO public.good SELECT n, n * 0.5, n % 2 FROM generate_series(1, 40) AS n;
CREATE TABLE public.no_rows (a int, y int);
CREATE TABLE public.one_row AS SELECT 1 AS a, 1 AS y;
CREATE TABLE public.one_class AS SELECT n AS a, 1 AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.missing AS SELECT CASE WHEN n > 3 THEN n END AS a, CASE WHEN n <> 9 THEN n END AS b, n AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.missing_label AS SELECT n AS a, CASE WHEN n <> 9 THEN n END AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.nan AS SELECT CASE n WHEN 1 THEN 'NaN' ELSE n::float8 END AS a, n AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.infinite AS SELECT CASE n WHEN 1 THEN 'Infinity' ELSE n::float8 END AS a, n AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.texts AS SELECT n::text AS name, n AS a, n AS y FROM generate_series(1, 20) AS n;

-- Each has a hint: '%_' is not empty.
SELECT pg_temp.expect_error(format('SELECT pgml.train(%s)', arguments), state, message, hint) FROM (VALUES
    ($$'new', 'regression', 'good', 'y', 'magic'$$, '42704', 'unknown algorithm "magic"', '%random_forest%'),
    ($$'new', 'regression', 'good', 'y', 'random_forrest'$$, '42704', 'unknown algorithm "random_forrest"', 'Did you mean random_forest?%'),
    ($$'new', 'regression', 'good', 'y', NULL$$, '22004', 'algorithm must not be NULL', '%_'),
    ($$'new', 'guessing', 'good', 'y'$$, '22023', 'unknown task "guessing"', '%regression%'),
    ($$'new', 'regression', 'good', 'y', 'perceptron'$$, '22023', 'algorithm perceptron can''t do regression', '%classification%'),
    ($$'new', 'classification', 'good', 'y', 'lasso'$$, '22023', 'algorithm lasso can''t do classification', '%regression%'),
    ($$'new', 'regression', 'nowhere', 'y'$$, '42P01', 'relation "nowhere" does not exist', '%search_path%'),
    ($$'new', 'regression', 'nowhere.good', 'y'$$, '42P01', 'relation "nowhere.good" does not exist', '%_'),
    ($$'new', 'regression', 'good', 'z'$$, '42703', 'column "z" of relation public.good does not exist', 'It has: a, b, y.'),
    ($$'new', 'regression', 'missing_label', 'y'$$, '22004', 'NULL in column "y" (1 row)', '%WHERE "y" IS NOT NULL%'),
    ($$'new', 'regression', 'missing', 'y'$$, '22004', 'NULL in column "a" (3 rows), column "b" (1 row)', '%coalesce%'),
    ($$'new', 'regression', 'nan', 'y'$$, '22000', 'NaN or infinite values in column "a" (1 row)', '%view%'),
    ($$'new', 'regression', 'infinite', 'y'$$, '22000', 'NaN or infinite values in column "a" (1 row)', '%view%'),
    ($$'new', 'regression', 'no_rows', 'y'$$, '02000', 'relation public.no_rows has no rows', '%view%'),
    ($$'new', 'regression', 'one_row', 'y'$$, '02000', 'relation public.one_row has one row%', '%_'),
    ($$'new', 'classification', 'one_class', 'y'$$, '22000', 'label "y" has only one class%', '%two classes%'),
    ($$'new', 'regression', 'texts', 'y'$$, '42804', 'column "name" has type text, which cannot be a feature', '%view%'),
    ($$'new', 'regression', 'texts', 'name'$$, '42804', 'column "name" has type text, which cannot be a label', '%numbers%'),
    ($$'new', 'regression', 'good', 'y', 'ridge', '[1]'$$, '22023', 'hyperparams must be a JSON object, not an array', '%_'),
    ($$'new', 'regression', 'good', 'y', 'ridge', '3'$$, '22023', 'hyperparams must be a JSON object, not a number', '%_'),
    ($$'new', 'regression', 'good', 'y', 'ridge', '{"alhpa": 1}'$$, '22023', '%"alhpa"%', '%alpha%'),
    ($$'new', 'regression', 'good', 'y', 'ridge', search => 'grid'$$, '22023', 'search ''grid'' needs search_params', '%alpha%'),
    ($$'new', 'regression', 'good', 'y', 'ridge', search => 'bayes', search_params => '{"alpha": [1]}'$$, '22023', 'unknown search "bayes"', '%grid%'),
    ($$'new', 'regression', 'good', 'y', 'ridge', search => 'grid', search_params => '{"alpha": 1}'$$, '22023', 'search_params of "alpha" must be a list%', '%_'),
    ($$'new', 'regression', 'good', 'y', test_sampling => 'stratified'$$, '22023', 'unknown test_sampling "stratified"', '%first%'),
    ($$'new', 'regression', 'good', 'y', test_size => 40$$, '22023', 'test_size 40 leaves no row%', '%share%'),
    ($$NULL$$, '22004', 'project_name must not be NULL', '%_'),
    ($$''$$, '22023', 'project_name must not be empty', '%_'),
    ($$'new'$$, '22023', 'project "new" is new, so train() needs task', '%first training%'),
    ($$'new', 'regression', 'good'$$, '22023', 'project "new" is new, so train() needs y_column_name', '%first training%')
) AS cases(arguments, state, message, hint);
SELECT pg_temp.expect_error($$SELECT pgml.train_joint('new', 'regression', 'good', '{}')$$, '22023', 'y_column_name must not be empty', '%_');
SELECT pg_temp.expect_error($$SELECT pgml.train_joint('new', 'regression', 'good', ARRAY['y', NULL])$$, '22004', 'y_column_name must not be NULL', '%_');
SELECT pg_temp.expect_error($$SELECT pgml.snapshot()$$, '22004', 'relation_name must not be NULL', '%_');
SELECT pg_temp.expect_error($$SELECT pgml.snapshot('good')$$, '22004', 'y_column_name must not be NULL', '%_');
SELECT pg_temp.expect_error($$SELECT pgml.snapshot('nowhere', '{y}')$$, '42P01', 'relation "nowhere" does not exist', '%_');
SELECT pg_temp.expect_error($$SELECT pgml.snapshot('good', '{y}', test_sampling => 'any')$$, '22023', 'unknown test_sampling "any"', '%_');
SELECT pg_temp.expect_error($$SELECT pgml.load_dataset('irsi')$$, '22023', 'unknown data set "irsi"', 'Did you mean iris?%');

-- Catches a failed training that leaves a project, a snapshot with its table, or a model behind.
DO $$
BEGIN
    ASSERT NOT EXISTS (SELECT FROM pgml.projects) AND NOT EXISTS (SELECT FROM pgml.snapshots);
    ASSERT NOT EXISTS (SELECT FROM pgml.models) AND NOT EXISTS (SELECT FROM pgml.files);
    ASSERT NOT EXISTS (SELECT FROM pg_class WHERE relname LIKE 'snapshot\_%' AND relnamespace = 'pgml'::regnamespace);
END
$$;

SELECT pgml.train('p', 'classification', 'good', 'y', 'random_forest', '{"n_estimators": 3}');
SELECT pg_temp.expect_error(call, state, message, hint) FROM (VALUES
    ($$SELECT pgml.train('p', 'regression')$$, '22023', 'project "p" is for classification, not for regression', '%another project%'),
    ($$SELECT pgml.predict('nobody', '{1,2}')$$, '42704', 'project "nobody" does not exist', '%pgml.projects%'),
    ($$SELECT pgml.model_predict(-5, '{1,2}')$$, '42704', 'model -5 does not exist', '%trained_models%'),
    ($$SELECT pgml.predict('p', ARRAY[1,2,3])$$, '2202E', 'model % takes 2 features, and 3 were given', '%without the label%'),
    ($$SELECT pgml.predict_joint('p', ARRAY[1])$$, '2202E', 'model % takes 2 features, and 1 were given', '%_'),
    ($$SELECT pgml.predict('p', ARRAY[1,NULL])$$, '22004', 'element 2 of the features is NULL', '%_'),
    ($$SELECT pgml.model_predict((SELECT max(id) FROM pgml.models), ARRAY[NULL,1])$$, '22004', 'element 1 of the features is NULL', '%_'),
    ($$SELECT pgml.deploy('nobody')$$, '42704', 'project "nobody" does not exist', '%_'),
    ($$SELECT pgml.deploy('p', 'luckiest')$$, '22023', 'unknown strategy "luckiest"', '%best_score%'),
    ($$SELECT pgml.deploy('p', 'best_score', 'svm')$$, '42704', 'project "p" has no trained model with algorithm "svm"', '%_'),
    ($$SELECT pgml.deploy('p', 'rollback')$$, '42704', 'project "p" has no earlier deployment%', '%_'),
    ($$SELECT pgml.deploy(NULL)$$, '22004', 'project_name must not be NULL', '%_')
) AS cases(call, state, message, hint);

-- Catches a snapshot whose rows somebody has dropped.
SELECT format('DROP TABLE pgml.snapshot_%s', max(id)) FROM pgml.snapshots \gexec
SELECT pg_temp.expect_error($$SELECT pgml.train('p')$$, '42P01', 'the rows of snapshot % are gone: table pgml.snapshot_% does not exist', '%new snapshot%');

-- Catches a backend that does not survive its errors.
DO $$ BEGIN ASSERT pgml.predict('p', '{3,1.5}') IN (0, 1); END $$;
\o
\echo edition 1.0, errors: passed
