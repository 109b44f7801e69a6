-- Loading data sets, training, and predicting in the same session.
\ir helpers.psql

-- Catches a data set with wrong rows, columns or values.
DO $$
DECLARE
    name text;
    rows bigint;
    got record;
BEGIN
    FOR name, rows IN VALUES ('diabetes', 442), ('digits', 1797), ('iris', 150), ('linnerud', 20), ('wine', 178), ('breast_cancer', 569) LOOP
        SELECT * INTO got FROM pgml.load_dataset(name);
        ASSERT got.table_name = 'pgml.' || name AND got.rows = rows, format('%s: %s', name, got);
        EXECUTE format('SELECT count(*) FROM pgml.%I', name) INTO rows;
        ASSERT got.rows = rows;
    END LOOP;
    ASSERT (SELECT count(*) FILTER (WHERE malignant) FROM pgml.breast_cancer) = 212, 'malignant is turned round';
    ASSERT (SELECT array_dims(image) = '[1:8][1:8]' FROM pgml.digits LIMIT 1);
    ASSERT (SELECT sum(pixel) FROM pgml.digits, unnest(image) AS pixel) = 561718, 'pixels are wrong';
    ASSERT (SELECT round(avg(target)::numeric, 3) FROM pgml.diabetes) = 152.133;
    ASSERT (SELECT count(DISTINCT target) FROM pgml.wine) = 3;
END
$$;

-- Catches a limit that is ignored, a table that is not replaced, and a name that reaches SQL unchecked.
DO $$
BEGIN
    ASSERT (SELECT rows FROM pgml.load_dataset('iris', "limit" => 7)) = 7;
    ASSERT (SELECT count(*) FROM pgml.iris) = 7;
    ASSERT (SELECT rows FROM pgml.load_dataset('iris')) = 150;
END
$$;
SELECT pg_temp.expect_error($$SELECT pgml.load_dataset('iris; DROP TABLE pgml.wine')$$, '22023', '%data set%', '%diabetes%');
SELECT pg_temp.expect_error($$SELECT pgml.load_dataset(NULL)$$, '22004', 'source must not be NULL');
SELECT pg_temp.expect_error($$SELECT pgml.load_dataset('iris', 'half')$$, '22023', '%no subsets%');
SELECT pg_temp.expect_error($$SELECT pgml.load_dataset('iris', kwargs => '{"a": 1}')$$, '22023', '%no subsets%');
SELECT pg_temp.expect_error($$SELECT pgml.load_dataset('iris', "limit" => -1)$$, '22023', '%negative%');

-- Catches a result, a status or a score that is not what was trained.
DO $$
DECLARE
    got record;
BEGIN
    SELECT * INTO got FROM pgml.train('diabetes', 'regression', 'pgml.diabetes', 'target');
    ASSERT (got.project, got.task, got.algorithm, got.deployed)
        = ('diabetes'::text, 'regression'::text, 'linear'::text, true), got::text;
    SELECT * INTO got FROM pgml.models ORDER BY id DESC LIMIT 1;
    ASSERT got.status = 'successful' AND got.num_features = 10 AND got.runtime = 'python' AND got.search IS NULL, got::text;
    ASSERT (got.metrics->>'r2')::float8 BETWEEN 0.4 AND 0.6, got.metrics::text;
    ASSERT (got.metrics->>'mean_squared_error')::float8 BETWEEN 2000 AND 4000, got.metrics::text;
    SELECT * INTO got FROM pgml.snapshots ORDER BY id DESC LIMIT 1;
    ASSERT got.relation_name = 'pgml.diabetes' AND got.y_column_name = '{target}' AND got.test_sampling = 'stratified';
    ASSERT got.test_size = 0.25::real AND got.status = 'successful' AND jsonb_array_length(got.columns) = 11;
    ASSERT got.analysis = '{"rows": 442, "train_rows": 331, "test_rows": 111, "features": 10}', got.analysis::text;
    ASSERT got.columns->10 @> '{"name": "target", "label": true, "pg_type": "real"}', got.columns::text;
END
$$;

-- Catches a second training that forgets what the project is trained on, or makes a new snapshot of the same.
DO $$
DECLARE
    snapshots bigint := (SELECT count(*) FROM pgml.snapshots);
BEGIN
    PERFORM pgml.train('diabetes', algorithm => 'lasso', hyperparams => '{"alpha": 0.5}');
    PERFORM pgml.train('diabetes', algorithm => 'random_forest', hyperparams => '{"n_estimators": 10}');
    ASSERT (SELECT count(*) FROM pgml.snapshots) = snapshots;
    ASSERT (SELECT count(DISTINCT snapshot_id) FROM pgml.models) = 1;
    ASSERT (SELECT hyperparams->>'alpha' FROM pgml.models WHERE algorithm = 'lasso') = '0.5';
    PERFORM pgml.train('diabetes', y_column_name => 'bmi', redefine => true);
    ASSERT (SELECT count(*) FROM pgml.snapshots) = snapshots + 1;
    ASSERT (SELECT y_column_name FROM pgml.snapshots ORDER BY id DESC LIMIT 1) = '{bmi}';
END
$$;

-- Catches argument types that do not resolve, or resolve to another value.
DO $$
DECLARE
    id bigint := (SELECT m.id FROM pgml.models AS m WHERE algorithm = 'lasso');
    expected float8;
    call text;
    actual float8;
BEGIN
    SELECT pgml.predict(id, '{1,2,3,4,5,6,7,8,9,10}'::float8[]) INTO expected;
    FOREACH call IN ARRAY ARRAY[
        'ARRAY[1,2,3,4,5,6,7,8,9,10]', 'ARRAY[1.0,2,3,4,5,6,7,8,9,10]', '''{1,2,3,4,5,6,7,8,9,10}''',
        'ARRAY[1,2,3,4,5,6,7,8,9,10]::real[]', 'ARRAY[1,2,3,4,5,6,7,8,9,10]::smallint[]',
        'ARRAY[1,2,3,4,5,6,7,8,9,10]::bigint[]', 'ARRAY[1,2,3,4,5,6,7,8,9,10]::numeric[]',
        'ARRAY[[1,2,3,4,5],[6,7,8,9,10]]'
    ] LOOP
        EXECUTE format('SELECT pgml.predict(%s, %s)', id, call) INTO actual;
        ASSERT actual = expected, format('%s: %s instead of %s', call, actual, expected);
        EXECUTE format('SELECT pgml.predict(%L, %s)', 'diabetes', call) INTO actual;
        EXECUTE format('SELECT pgml.predict(%L::text, %s)', 'diabetes', call) INTO actual;
    END LOOP;
    ASSERT pgml.predict('diabetes', NULL) IS NULL;
END
$$;

-- Catches a classification whose labels, probabilities or batches don't fit together.
DO $$
DECLARE
    got record;
BEGIN
    SELECT * INTO got FROM pgml.train('digits', 'classification', 'pgml.digits', 'target', 'random_forest', '{"n_estimators": 30}');
    ASSERT got.deployed;
    SELECT * INTO got FROM pgml.models ORDER BY id DESC LIMIT 1;
    ASSERT got.num_features = 64;
    ASSERT (got.metrics->>'f1')::float8 > 0.9 AND got.metrics ?& '{f1,precision,recall,accuracy,log_loss,roc_auc}', got.metrics::text;
    ASSERT (SELECT count(*) FILTER (WHERE pgml.predict('digits', image) = target) FROM (SELECT * FROM pgml.digits LIMIT 100) AS d) >= 95;
    ASSERT (
        SELECT bool_and(array_length(p, 1) = 10 AND abs((SELECT sum(v) FROM unnest(p) AS v) - 1) < 1e-9)
        FROM (SELECT pgml.predict_proba('digits', image) AS p FROM pgml.digits LIMIT 20) AS t
    );
    ASSERT (
        WITH sample AS (SELECT ctid AS place, (SELECT array_agg(v) FROM unnest(image) AS v) AS row FROM pgml.digits ORDER BY ctid LIMIT 50)
        SELECT (SELECT array_agg(pgml.predict('digits', row) ORDER BY place) FROM sample)
             = ARRAY(SELECT pgml.predict_batch('digits', (SELECT array_agg(row ORDER BY place) FROM sample)))
    ), 'a batch predicts otherwise than its rows';
    ASSERT ARRAY(SELECT pgml.predict_batch('digits', '{}')) = '{}';
END
$$;

-- Catches boolean labels and features, and a column of each numeric type, that are read as something else.
CREATE TABLE public.all_types AS
SELECT n::smallint AS a, n AS b, n::bigint AS c, n::real AS d, n::float8 AS e, n::numeric AS f, n % 2 = 0 AS g,
       ARRAY[n, n + 1] AS h, ARRAY[n % 3 = 0, n % 5 = 0] AS i, ARRAY[[n::numeric, 1], [2, 3]] AS j, n > 50 AS y
FROM generate_series(1, 100) AS n;
CREATE DOMAIN public.positive AS int CHECK (VALUE > 0);
ALTER TABLE public.all_types ALTER COLUMN b TYPE public.positive;
ALTER TABLE public.all_types ADD COLUMN gone text;
ALTER TABLE public.all_types DROP COLUMN gone;
DO $$
BEGIN
    PERFORM pgml.train('types', 'classification', 'all_types', 'y', 'random_forest', '{"n_estimators": 5}');
    ASSERT (SELECT num_features FROM pgml.models ORDER BY id DESC LIMIT 1) = 7 + 2 + 2 + 4;
    ASSERT pgml.predict('types', '{99,99,99,99,99,99,0,99,100,1,0,99,1,2,3}') = 1;
    ASSERT pgml.predict('types', '{2,2,2,2,2,2,1,2,3,0,0,2,1,2,3}') = 0;
END
$$;

-- Catches relations that are found by text instead of by the server's own rules.
CREATE SCHEMA "Odd ""schema""";
CREATE TABLE "Odd ""schema"""."Odd.table" AS SELECT n AS "x ""1""", n * 2 AS "Y" FROM generate_series(1, 40) AS n;
CREATE VIEW public.a_view AS SELECT "x ""1""" AS x, "Y" AS y FROM "Odd ""schema"""."Odd.table";
CREATE MATERIALIZED VIEW public.a_matview AS SELECT * FROM public.a_view;
CREATE TABLE public.parted (x int, y int) PARTITION BY RANGE (x);
CREATE TABLE public.parted_1 PARTITION OF public.parted FOR VALUES FROM (0) TO (20);
CREATE TABLE public.parted_2 PARTITION OF public.parted FOR VALUES FROM (20) TO (100);
INSERT INTO public.parted SELECT x, y FROM public.a_view;
DO $$
DECLARE
    relation text;
    label text;
BEGIN
    FOR relation, label IN VALUES
        ('"Odd ""schema"""."Odd.table"', 'Y'), ('a_view', 'y'), ('public.a_matview', 'y'), ('public.parted', 'y')
    LOOP
        PERFORM pgml.train('relation ' || relation, 'regression', relation, label);
        PERFORM pg_temp.expect_close(relation, pgml.predict('relation ' || relation, '{7}'), 14, 1e-6);
    END LOOP;
END
$$;
SET search_path = "Odd ""schema""", public;
SELECT pgml.train('by search path', 'regression', '"Odd.table"', 'Y');
RESET search_path;
DO $$
BEGIN
    ASSERT (SELECT relation_name FROM pgml.overview WHERE name = 'by search path') = '"Odd ""schema"""."Odd.table"';
    PERFORM pgml.train('by search path');
END
$$;

-- Catches a search_path that puts other functions and operators in the place of the server's.
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.never(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''hijacked''; END';
CREATE OPERATOR hostile.= (FUNCTION = hostile.never, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION hostile.to_regclass(text) RETURNS regclass LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''hijacked''; END';
SET search_path = hostile, pg_catalog, public;
SELECT pgml.train('hostile', 'regression', 'public.a_view', 'y');
SELECT pgml.predict('hostile', '{3}');
SELECT pgml.deploy('hostile', 'best_score');
SELECT pgml.load_dataset('linnerud');
RESET search_path;

-- Catches a split that depends on where rows lie, or on the session.
CREATE TABLE public.shuffled AS SELECT * FROM pgml.diabetes ORDER BY md5(target::text || bmi::text);
DO $$
DECLARE
    sampling pgml.sampling;
BEGIN
    FOREACH sampling IN ARRAY '{stratified,random}'::pgml.sampling[] LOOP
        PERFORM pgml.train('order a ' || sampling, 'regression', 'pgml.diabetes', 'target', test_sampling => sampling);
        PERFORM pgml.train('order b ' || sampling, 'regression', 'public.shuffled', 'target', test_sampling => sampling);
        ASSERT (
            SELECT count(DISTINCT (m.metrics - '{fit_seconds,read_seconds}'::text[])) = 1
            FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id WHERE p.name LIKE 'order _ ' || sampling
        ), sampling || ' depends on the physical order';
    END LOOP;
END
$$;

-- Catches a stratified split that is not by label, and a count of test rows that is taken for a share.
CREATE TABLE public.rare AS SELECT n AS x, (n % 20 = 0)::int AS y FROM generate_series(1, 400) AS n;
DO $$
BEGIN
    PERFORM pgml.train('rare', 'classification', 'public.rare', 'y', 'random_forest', '{"n_estimators": 3}', test_size => 40);
    ASSERT (SELECT analysis->>'test_rows' FROM pgml.snapshots ORDER BY id DESC LIMIT 1) = '40';
END
$$;

-- Catches several labels that are mixed up, and a search that is not refitted or not reported.
DO $$
DECLARE
    got record;
    labels float8[];
BEGIN
    PERFORM pgml.train_joint('joint', 'regression', 'pgml.linnerud', ARRAY['weight', 'pulse']);
    SELECT pgml.predict_joint('joint', '{5,162,60,36}') INTO labels;
    ASSERT array_length(labels, 1) = 2 AND labels[1] BETWEEN 120 AND 250 AND labels[2] BETWEEN 40 AND 80, labels::text;
    SELECT * INTO got FROM pgml.train('search', 'regression', 'pgml.diabetes', 'target', 'ridge',
        search => 'grid', search_params => '{"alpha": [0.001, 0.1, 1000]}', search_args => '{"cv": 3}');
    SELECT * INTO got FROM pgml.models ORDER BY id DESC LIMIT 1;
    ASSERT got.search = 'grid' AND got.metrics ? 'search_results' AND got.hyperparams->>'alpha' IN ('0.001', '0.1'), got::text;
END
$$;
SELECT pg_temp.expect_error($$SELECT pgml.predict('joint', '{5,162,60,36}')$$, '0A000', 'model % predicts 2 labels at once', '%predict_joint%');

-- Catches a training that leaves something behind when its transaction is rolled back.
BEGIN;
SELECT pgml.train('rolled back', 'regression', 'pgml.diabetes', 'target');
SELECT pgml.predict('rolled back', '{1,2,3,4,5,6,7,8,9,10}');
ROLLBACK;
SELECT pg_temp.expect_error($$SELECT pgml.predict('rolled back', '{1,2,3,4,5,6,7,8,9,10}')$$, '42704', 'project "rolled back" does not exist');

-- Catches a warning of scikit-learn that is lost, or that becomes an error.
DO $$
BEGIN
    PERFORM pgml.train('warns', 'classification', 'pgml.wine', 'target', 'linear', '{"max_iter": 1}');
    ASSERT EXISTS (SELECT FROM pgml.projects WHERE name = 'warns');
END
$$;

-- Catches objects without a description.
DO $$
DECLARE
    bare text;
BEGIN
    SELECT string_agg(pg_describe_object(classid, objid, 0), ', ') INTO bare
    FROM pg_depend
    WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgml') AND deptype = 'e'
    AND classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass)
    AND NOT EXISTS (SELECT FROM pg_class WHERE oid = objid AND relkind = 'S')
    AND NOT (classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type WHERE oid = objid AND (typrelid <> 0 OR typelem <> 0)))
    AND obj_description(objid, classid::regclass::name) IS NULL;
    ASSERT bare IS NULL, 'without COMMENT: ' || bare;
END
$$;
\o
\echo training: passed
