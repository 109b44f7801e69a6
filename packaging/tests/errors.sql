-- What a user can do wrong: each is an ERROR of the right SQLSTATE that names the thing and says what to do, and none
-- leaves a row behind.
\ir helpers.psql

CREATE TABLE public.good (a int, b float8, y int);
INSERT INTO public.good SELECT n, n * 0.5, n % 2 FROM generate_series(1, 40) AS n;
CREATE TABLE public.no_rows (a int, y int);
CREATE TABLE public.one_row AS SELECT 1 AS a, 1 AS y;
CREATE TABLE public.one_class AS SELECT n AS a, 1 AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.missing AS SELECT CASE WHEN n > 3 THEN n END AS a, CASE WHEN n <> 9 THEN n END AS b, n AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.missing_label AS SELECT n AS a, CASE WHEN n <> 9 THEN n END AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.not_finite AS SELECT CASE n WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' ELSE n::float8 END AS a, n AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.texts AS SELECT n::text AS name, n AS a, n AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.points AS SELECT point(n, n) AS place, n AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.ragged AS SELECT CASE WHEN n < 5 THEN ARRAY[1, n] ELSE ARRAY[1, n, 3] END AS v, n AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.null_element AS SELECT ARRAY[1, CASE WHEN n <> 7 THEN n END] AS v, n AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.empty_arrays AS SELECT '{}'::int[] AS v, n AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.only_label AS SELECT n AS y FROM generate_series(1, 20) AS n;
CREATE TABLE public.fractions AS SELECT n AS a, n + 0.5 AS y FROM generate_series(1, 20) AS n;

CREATE FUNCTION pg_temp.train(arguments text) RETURNS text LANGUAGE sql AS $$ SELECT format('SELECT pgml.train(%s)', arguments) $$;

-- Catches errors that come late, from somewhere deep, or without the name of the thing.
SELECT pg_temp.expect_error(pg_temp.train(arguments), state, message, hint) FROM (VALUES
    ($$NULL$$, '22004', 'project_name must not be NULL', NULL),
    ($$''$$, '22023', 'project_name must not be empty', NULL),
    ($$'new'$$, '22023', 'project "new" is new, so train() needs task', '%first training%'),
    ($$'new', 'regression'$$, '22023', 'project "new" is new, so train() needs relation_name', '%first training%'),
    ($$'new', 'regression', 'good'$$, '22023', 'project "new" is new, so train() needs y_column_name', '%first training%'),
    ($$'new', 'guessing', 'good', 'y'$$, '22023', 'unknown task "guessing"', '%regression%'),
    ($$'new', 'regression', 'nowhere', 'y'$$, '42P01', 'relation "nowhere" does not exist', '%search_path%'),
    ($$'new', 'regression', 'nowhere.good', 'y'$$, '42P01', 'relation "nowhere.good" does not exist', NULL),
    ($$'new', 'regression', 'good', 'z'$$, '42703', 'column "z" of relation public.good does not exist', 'It has: a, b, y.'),
    ($$'new', 'regression', 'good', 'Y'$$, '42703', 'column "Y" of relation public.good does not exist', NULL),
    ($$'new', 'regression', 'no_rows', 'y'$$, '02000', 'relation public.no_rows has no rows', '%view%'),
    ($$'new', 'regression', 'one_row', 'y'$$, '02000', 'relation public.one_row has one row%', NULL),
    ($$'new', 'classification', 'one_class', 'y'$$, '22000', 'label "y" has only one class%', '%two classes%'),
    ($$'new', 'classification', 'fractions', 'y'$$, '22000', 'label "y" has values that are not whole numbers%', '%regression%'),
    ($$'new', 'regression', 'missing', 'y'$$, '22004', 'NULL in column "a" (3 rows), column "b" (1 row)', '%coalesce%'),
    ($$'new', 'regression', 'missing_label', 'y'$$, '22004', 'NULL in column "y" (1 row)', NULL),
    ($$'new', 'regression', 'not_finite', 'y'$$, '22000', 'NaN or infinite values in column "a" (2 rows)', '%view%'),
    ($$'new', 'regression', 'points', 'y'$$, '42804', 'column "place" has type point, which cannot be a feature', '%view%'),
    ($$'new', 'regression', 'texts', 'name'$$, '42804', 'column "name" has type text, which cannot be a label', '%Train on a view%'),
    ($$'new', 'regression', 'ragged', 'y'$$, '2202E', 'column "v" has arrays of different sizes: 2 values in the first row, 3 in row 5', NULL),
    ($$'new', 'regression', 'ragged', 'v'$$, '42804', 'column "v" has type integer[], which cannot be a label', NULL),
    ($$'new', 'regression', 'null_element', 'y'$$, '22004', 'NULL in column "v" (1 row)', NULL),
    ($$'new', 'regression', 'empty_arrays', 'y'$$, '2202E', 'column "v" has empty arrays', NULL),
    ($$'new', 'regression', 'only_label', 'y'$$, '22000', '%no column to learn from%', NULL),
    ($$'new', 'regression', 'good', 'y', test_size => 0$$, '22023', 'test_size 0 %', '%share%'),
    ($$'new', 'regression', 'good', 'y', test_size => 1$$, '22023', 'test_size 1 %', NULL),
    ($$'new', 'regression', 'good', 'y', test_size => 'NaN'$$, '22023', 'test_size NaN %', NULL),
    ($$'new', 'regression', 'good', 'y', test_size => 40$$, '22023', 'test_size 40 leaves no row to train on%40 rows', NULL),
    ($$'new', 'regression', 'good', 'y', test_size => NULL$$, '22004', 'test_size must not be NULL', NULL),
    ($$'new', 'regression', 'good', 'y', 'magic'$$, '22P02', '%pgml.algorithm%magic%', NULL),
    ($$'new', 'regression', 'good', 'y', 'perceptron'$$, '22023', '%perceptron%regression%', '%classification%'),
    ($$'new', 'regression', 'good', 'y', 'ridge', '[1]'$$, '22023', 'hyperparams must be a JSON object, not an array', NULL),
    ($$'new', 'regression', 'good', 'y', 'ridge', '{"alhpa": 1}'$$, '22023', '%alhpa%', '%alpha%'),
    ($$'new', 'regression', 'good', 'y', 'ridge', '{"alpha": "much"}'$$, '22023', '%alpha%', NULL),
    ($$'new', 'regression', 'good', 'y', 'ridge', search => 'grid'$$, '22023', '%search_params%', NULL)
) AS cases(arguments, state, message, hint);
SELECT pg_temp.expect_error($$SELECT pgml.train_joint('new', 'regression', 'good', '{}')$$, '22023', 'y_column_name must not be empty');
SELECT pg_temp.expect_error($$SELECT pgml.train_joint('new', 'regression', 'good', ARRAY['y', NULL])$$, '22004', 'y_column_name must not be NULL');
SELECT pg_temp.expect_error($$SELECT pgml.train_joint('new', 'regression', 'good', '{y,y}')$$, '42701', 'column "y" is named twice as a label');

-- Catches a name that reaches SQL unchecked. (Servers before 16 refuse its syntax, later ones find no such relation.)
DO $$
BEGIN
    PERFORM pgml.train('new', 'regression', 'good; DROP TABLE good', 'y');
    ASSERT false, 'trained on a name that is none';
EXCEPTION WHEN invalid_name OR undefined_table THEN
    ASSERT to_regclass('good') IS NOT NULL;
END
$$;

-- Catches a failed training that leaves a project, a snapshot or a model behind.
DO $$
BEGIN
    ASSERT NOT EXISTS (SELECT FROM pgml.projects) AND NOT EXISTS (SELECT FROM pgml.snapshots);
    ASSERT NOT EXISTS (SELECT FROM pgml.models) AND NOT EXISTS (SELECT FROM pgml.files);
END
$$;

-- Catches a project that changes its task, and with it the meaning of its scores.
SELECT pgml.train('p', 'classification', 'good', 'y', 'random_forest', '{"n_estimators": 3}');
SELECT pg_temp.expect_error($$SELECT pgml.train('p', 'regression')$$, '22023', 'project "p" is for classification, not for regression', '%another project%');

-- Catches names that only Postgres's parser complains of, labels that no task takes, and a class for each row.
CREATE TABLE public."Good Rows" AS SELECT n AS a, now() + n * interval '1 day' AS seen, 'user' || n AS who, n % 7 AS y FROM generate_series(1, 100) AS n;
CREATE VIEW public."Goods" AS SELECT a, y FROM public."Good Rows";
SELECT pg_temp.expect_error(statement, state, message, hint) FROM (VALUES
    ($$SELECT pgml.train('named', 'regression', 'Good Rows', 'y')$$, '42602', '"Good Rows" is no name of a relation', '%''"Good Rows"''.'),
    ($$SELECT pgml.train('named', 'regression', 'SELECT * FROM "Good Rows"', 'y')$$, '42602', '% is no name of a relation', '%CREATE VIEW%'),
    ($$SELECT pgml.train('named', 'regression', 'Goods', 'y')$$, '42P01', 'relation "Goods" does not exist', '%''"Goods"''.'),
    ($$SELECT pgml.snapshot('Good Rows', 'y')$$, '42602', '"Good Rows" is no name of a relation', '%''"Good Rows"''.'),
    ($$SELECT pgml.evaluate('p', 'Good Rows')$$, '42602', '"Good Rows" is no name of a relation', '%''"Good Rows"''.'),
    ($$SELECT pgml.train('named', relation_name => '"Good Rows"', y_column_name => 'seen')$$, '42804', 'column "seen" has type %, which cannot be a label', '%view%'),
    ($$SELECT pgml.train('named', 'regression', '"Good Rows"', 'who')$$, '42804', 'column "who" has type text, which cannot be a label', '%''classification''%'),
    ($$SELECT pgml.train('named', 'classification', '"Good Rows"', 'who', exclude => '{a,seen}')$$, '22000', 'label "who" has a different class in nearly every row: 100 classes in 100 rows', '%another label%'),
    ($$SELECT pgml.train('named', 'classification', '"Good Rows"', 'a', exclude => '{who,seen}')$$, '22000', 'label "a" has a different class in nearly every row: 100 classes in 100 rows', '%regression%')
) AS wrong(statement, state, message, hint);

-- Catches predictions for features that are not the model's.
SELECT pg_temp.expect_error($$SELECT pgml.predict('nobody', '{1,2}')$$, '42704', 'project "nobody" does not exist', '%pgml.projects%');
SELECT pg_temp.expect_error($$SELECT pgml.predict(-5, '{1,2}')$$, '42704', 'model -5 does not exist', '%trained_models%');
SELECT pg_temp.expect_error($$SELECT pgml.predict('p', '{1,2,3}')$$, '2202E', 'model % takes 2 features, and 3 were given', '%without the label%');
SELECT pg_temp.expect_error($$SELECT pgml.predict('p', '{}')$$, '2202E', 'model % takes 2 features, and 0 were given');
SELECT pg_temp.expect_error($$SELECT pgml.predict('p', '{1,NULL}')$$, '22004', 'element 2 of the features is NULL');
SELECT pg_temp.expect_error($$SELECT pgml.predict_batch('p', '{1,2,3}')$$, '2202E', '3 numbers are not rows of 2, which model % takes', '%ARRAY[[1, 2], [3, 4]]%');
SELECT pg_temp.expect_error($$SELECT pgml.predict_batch('p', '{{{1,2}}}')$$, '2202E', 'features has 3 dimensions, and a batch has two', '%ARRAY[[1, 2], [3, 4]]%');
SELECT pg_temp.expect_error($$SELECT pgml.predict_batch('p', '{{1,2,3},{4,5,6}}')$$, '2202E', 'model % takes 2 features, and 3 were given');
SELECT pgml.train('without proba', 'classification', 'good', 'y', 'ridge');
SELECT pg_temp.expect_error($$SELECT pgml.predict_proba('without proba', '{1,2}')$$, '22023', '%probabilit%', '%pgml.predict%');

-- Catches bytes that are no model taking the backend down.
UPDATE pgml.files SET data = 'no pickle' WHERE model_id = (SELECT max(id) FROM pgml.models);
\c
\ir helpers.psql
SELECT pg_temp.expect_error($$SELECT pgml.predict('without proba', '{1,2}')$$, '55000', 'model % is not as this database stored it, and is not read', '%pgml.trust(%');
SELECT pgml.trust(max(id)) FROM pgml.models;
SELECT pg_temp.expect_error($$SELECT pgml.predict('without proba', '{1,2}')$$, 'XX001', 'file "estimator.safetensors" of model % can''t be used%', '%train the model again%');
DELETE FROM pgml.files WHERE model_id = (SELECT max(id) FROM pgml.models) AND path = 'estimator.safetensors';
DO $$
BEGIN
    PERFORM pgml.predict('without proba', '{1,2}');
    ASSERT false, 'predicted with bytes that are no model';
EXCEPTION WHEN assert_failure THEN
    RAISE;
WHEN OTHERS THEN
    ASSERT SQLERRM NOT LIKE '%panick%', SQLERRM;
END
$$;
DELETE FROM pgml.files WHERE model_id = (SELECT max(id) FROM pgml.models);
SELECT pg_temp.expect_error($$SELECT pgml.predict('without proba', '{1,2}')$$, '02000', 'the files of model % are missing', '%again%');

-- Catches a backend that does not survive its errors.
DO $$
BEGIN
    ASSERT pgml.predict('p', '{3,1.5}') IN (0, 1);
END
$$;
\o
\echo errors: passed
