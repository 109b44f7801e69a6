-- CREATE EXTENSION pgml VERSION '2.10.0': what PostgresML 2.10.0's SQL has, and the way on to the current edition.
\ir helpers.psql
\ir surface.psql
CREATE TEMPORARY TABLE fresh AS SELECT * FROM pg_temp.surface() AS line;
DROP EXTENSION pgml;
CREATE EXTENSION pgml VERSION '2.10.0';
SELECT pgml.load_dataset(name) FROM unnest('{diabetes,iris,linnerud}'::text[]) AS name;

-- Catches a table, a column or a type that is not the catalog's.
DO $$
DECLARE
    got text;
BEGIN
    SELECT string_agg(columns, E'\n' ORDER BY columns) INTO got FROM (
        SELECT relname || ': ' || string_agg(attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END, ', ' ORDER BY attnum) AS columns
        FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = 'pgml'::regnamespace AND relname IN ('projects', 'snapshots', 'models', 'deployments', 'files', 'overview', 'trained_models', 'deployed_models') AND attnum > 0
        GROUP BY relname
    ) AS t;
    ASSERT got = $t$deployed_models: id bigint, name text, task pgml.task, algorithm text, runtime pgml.runtime, deployed_at timestamp without time zone
deployments: id bigint not null, project_id bigint not null, model_id bigint not null, strategy pgml.strategy not null, created_at timestamp without time zone not null
files: id bigint not null, model_id bigint not null, path text not null, part integer not null, created_at timestamp without time zone not null, updated_at timestamp without time zone not null, data bytea not null
models: id bigint not null, project_id bigint not null, snapshot_id bigint, num_features integer not null, algorithm text not null, runtime pgml.runtime, hyperparams jsonb not null, status text not null, metrics jsonb, search text, search_params jsonb not null, search_args jsonb not null, created_at timestamp without time zone not null, updated_at timestamp without time zone not null
overview: name text, deployed_at timestamp without time zone, task pgml.task, algorithm text, runtime pgml.runtime, relation_name text, y_column_name text[], test_sampling pgml.sampling, test_size real
projects: id bigint not null, name text not null, task pgml.task not null, created_at timestamp without time zone not null, updated_at timestamp without time zone not null
snapshots: id bigint not null, relation_name text not null, y_column_name text[], test_size real not null, test_sampling pgml.sampling not null, status text not null, columns jsonb, analysis jsonb, created_at timestamp without time zone not null, updated_at timestamp without time zone not null, materialized boolean
trained_models: id bigint, name text, task pgml.task, algorithm text, runtime pgml.runtime, created_at timestamp without time zone, test_sampling pgml.sampling, test_size real, deployed boolean$t$, got;
    SELECT string_agg(indexrelid::regclass::text, ',' ORDER BY indexrelid::regclass::text) INTO got
    FROM pg_index JOIN pg_class ON oid = indrelid WHERE relnamespace = 'pgml'::regnamespace AND NOT indisprimary;
    ASSERT got = 'pgml.deployments_model_id_created_at_idx,pgml.deployments_project_id_created_at_idx,pgml.files_model_id_path_part_idx,pgml.models_project_id_idx,pgml.models_snapshot_id_idx,pgml.projects_name_idx', got;
    SELECT string_agg(tgname, ',' ORDER BY tgname) INTO got FROM pg_trigger WHERE NOT tgisinternal;
    ASSERT got = 'files_auto_updated_at,models_auto_updated_at,projects_auto_updated_at,snapshots_auto_updated_at', got;
END
$$;

-- Catches results of other types than PostgresML's, and calls that it answers with "is not unique".
SELECT pgml.train('plane', 'regression', 'pgml.iris', 'target', runtime => 'python');
SELECT pgml.train('species', 'classification', 'pgml.iris', 'target', 'random_forest', '{"n_estimators": 5}');
SELECT pgml.train_joint('joint', 'regression', 'pgml.linnerud', '{weight,waist}');
DO $$
DECLARE
    argument text;
    name text;
    project text;
    result text;
    expected text;
    actual text;
BEGIN
    ASSERT pgml.version() = '2.10.0';
    FOR name, project, result IN VALUES
        ('predict', 'plane', 'real'), ('predict_joint', 'joint', 'real[]'), ('predict_proba', 'species', 'real[]')
    LOOP
        FOREACH argument IN ARRAY ARRAY[
            'ARRAY[1,2,3,4]', 'ARRAY[1.0,2,3,4]', '''{1,2,3,4}''', 'ARRAY[1,2,3,4]::smallint[]', 'ARRAY[1,2,3,4]::bigint[]',
            'ARRAY[1,2,3,4]::real[]', 'ARRAY[1,2,3,4]::float8[]', 'ARRAY[1,2,3,4]::numeric[]'
        ] LOOP
            EXECUTE format('SELECT pgml.%s(%L, %s)::text, pg_typeof(pgml.%1$s(%2$L, %3$s))', name, project, argument) INTO actual, expected;
            ASSERT expected = result, format('pgml.%s(%s) is %s', name, argument, expected);
            EXECUTE format('SELECT pgml.%s(%s, %s)::text', name, (SELECT m.id FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id WHERE p.name = project), argument) INTO expected;
            ASSERT actual = expected, format('pgml.%s(%s): %s instead of %s', name, argument, actual, expected);
        END LOOP;
    END LOOP;
    ASSERT pgml.predict('plane', ARRAY[true, false, true, true]) = pgml.predict('plane', '{1,0,1,1}');
    ASSERT ARRAY(SELECT pgml.predict_batch('plane', ARRAY[[1,2,3,4],[5,6,7,8]])) = ARRAY[pgml.predict('plane', '{1,2,3,4}'), pgml.predict('plane', '{5,6,7,8}')];
    ASSERT ARRAY(SELECT pgml.predict_batch('plane', ARRAY[1,2,3,4,5,6,7,8])) = ARRAY(SELECT pgml.predict_batch('plane', ARRAY[[1,2,3,4],[5,6,7,8]]));
    ASSERT pgml.predict('plane', (1, 2, 3, 4)) = pgml.predict('plane', '{1,2,3,4}') AND pg_typeof(pgml.predict('plane', (1, 2, 3, 4))) = 'real'::regtype;
    ASSERT (SELECT pg_typeof(value) = 'real'::regtype FROM pgml.predict_batch('plane', '{{1,2,3,4}}') AS value);
    ASSERT NOT EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'pgml'::regnamespace AND proname LIKE 'predict%' AND provolatile <> 's');
END
$$;

-- Catches an edition whose planner knows nothing of models: a small one takes less than the COST that is declared.
DO $$
DECLARE
    plan json;
BEGIN
    EXECUTE $explain$EXPLAIN (FORMAT JSON) SELECT pgml.predict('plane', ARRAY[1, 2, 3, 4])$explain$ INTO plan;
    ASSERT (plan->0->'Plan'->>'Total Cost')::float8 < 5, plan;
    EXECUTE $explain$EXPLAIN (FORMAT JSON) SELECT pgml.predict('no such project', '{1}'::float8[])$explain$ INTO plan;
    ASSERT (plan->0->'Plan'->>'Total Cost')::float8 > 20, plan;
END
$$;

-- Catches a data set whose columns have other names, another order or other types than PostgresML's.
SELECT pgml.load_dataset(name) FROM unnest('{breast_cancer,digits,wine}'::text[]) AS name;
DO $$
DECLARE
    measures text[] := '{radius,texture,perimeter,area,smoothness,compactness,concavity,concave points,symmetry,fractal dimension}';
    name text;
    expected text;
    got text;
BEGIN
    FOR name, expected IN VALUES
        ('breast_cancer', (SELECT string_agg(format(pattern, measure) || ' real', ', ' ORDER BY p, m) || ', malignant boolean'
            FROM unnest('{mean %s,%s error,worst %s}'::text[]) WITH ORDINALITY AS p(pattern, p), unnest(measures) WITH ORDINALITY AS m(measure, m))),
        ('diabetes', 'age real, sex real, bmi real, bp real, s1 real, s2 real, s3 real, s4 real, s5 real, s6 real, target real'),
        ('digits', 'image smallint[], target smallint'),
        ('iris', 'sepal_length real, sepal_width real, petal_length real, petal_width real, target integer'),
        ('linnerud', 'chins real, situps real, jumps real, weight real, waist real, pulse real'),
        ('wine', 'alcohol real, malic_acid real, ash real, alcalinity_of_ash real, magnesium real, total_phenols real, flavanoids real, '
            'nonflavanoid_phenols real, proanthocyanins real, hue real, color_intensity real, od280/od315_of_diluted_wines real, proline real, target integer')
    LOOP
        SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) INTO got
        FROM pg_attribute WHERE attrelid = ('pgml.' || name)::regclass AND attnum > 0;
        ASSERT got = expected, format('%s: %s', name, got);
    END LOOP;
    ASSERT (SELECT count(*) FILTER (WHERE malignant) FROM pgml.breast_cancer) = 212;
    ASSERT (SELECT avg(hue) < 2 AND avg(color_intensity) > 4 FROM pgml.wine), 'hue and colour are exchanged';
END
$$;
SELECT deployed FROM pgml.train('cells', 'classification', 'pgml.breast_cancer', 'malignant', 'random_forest', '{"n_estimators": 5}', runtime => 'rust');
DO $$
BEGIN
    ASSERT (SELECT avg((pgml.predict('cells', (t."mean radius", t."mean texture", t."mean perimeter", t."mean area", t."mean smoothness", t."mean compactness",
        t."mean concavity", t."mean concave points", t."mean symmetry", t."mean fractal dimension", t."radius error", t."texture error",
        t."perimeter error", t."area error", t."smoothness error", t."compactness error", t."concavity error", t."concave points error",
        t."symmetry error", t."fractal dimension error", t."worst radius", t."worst texture", t."worst perimeter", t."worst area",
        t."worst smoothness", t."worst compactness", t."worst concavity", t."worst concave points", t."worst symmetry",
        t."worst fractal dimension")) = malignant::int)::int) > 0.9 FROM pgml.breast_cancer AS t);
END
$$;

-- Catches a clustering or decomposition that is recorded, shown, deployed or found as linear alone, and a prediction of one that is refused.
CREATE VIEW public.images AS SELECT image FROM pgml.digits;
DO $$
DECLARE
    project text;
    task pgml.task;
    called text;
    name text;
    got record;
    components real[];
BEGIN
    FOR project, task, called IN VALUES ('digit clusters', 'clustering', 'kmeans'), ('digit components', 'decomposition', 'pca') LOOP
        SELECT t.* INTO got FROM pgml.train(project, task::text, 'public.images') AS t;
        ASSERT got::text = format('("%s",%s,%s,t)', project, task, called), got::text;
        SELECT t.* INTO got FROM pgml.train(project, hyperparams => CASE called WHEN 'pca' THEN '{"n_components": 3}' ELSE '{"n_clusters": 10}' END::jsonb) AS t;
        ASSERT got.algorithm = called, got::text;
        ASSERT (SELECT bool_and(t.algorithm = called) FROM pgml.trained_models AS t WHERE t.name = project);
        FOREACH name IN ARRAY ARRAY[called, 'linear'] LOOP
            SELECT d.* INTO got FROM pgml.deploy(project, 'most_recent', name::pgml.algorithm) AS d;
            ASSERT got::text = format('("%s",most_recent,%s)', project, called), got::text;
            SELECT d.* INTO got FROM pgml.deploy(project, 'best_score', name::pgml.algorithm) AS d;
            ASSERT got::text = format('("%s",best_score,%s)', project, called), got::text;
        END LOOP;
        PERFORM pgml.deploy(project, 'rollback');
        ASSERT (SELECT d.algorithm = called FROM pgml.deployed_models AS d WHERE d.name = project), 'deployed_models';
        ASSERT (SELECT bool_and(o.algorithm = called) FROM pgml.overview AS o WHERE o.name = project), 'overview';
        -- A model of a database that recorded what was asked for.
        UPDATE pgml.models SET algorithm = 'linear' WHERE id = (SELECT max(id) FROM pgml.models);
        SELECT d.* INTO got FROM pgml.deploy(project, 'most_recent', called::pgml.algorithm) AS d;
        ASSERT got::text = format('("%s",most_recent,%s)', project, called), got::text;
        UPDATE pgml.models SET algorithm = called WHERE algorithm = 'linear' AND id = (SELECT max(id) FROM pgml.models);
    END LOOP;
    SELECT pgml.decompose('digit components', image) INTO components FROM pgml.digits LIMIT 1;
    ASSERT cardinality(components) = 3;
    ASSERT (SELECT pgml.predict('digit components', image) = components[1] AND pg_typeof(pgml.predict('digit components', image)) = 'real'::regtype FROM pgml.digits LIMIT 1);
    ASSERT (SELECT pgml.predict('digit components', image::real[]) = components[1] FROM pgml.digits LIMIT 1);
    ASSERT (SELECT pgml.predict_joint('digit components', image) = components FROM pgml.digits LIMIT 1);
    ASSERT (SELECT pgml.predict('digit clusters', image) BETWEEN 0 AND 9 FROM pgml.digits LIMIT 1);
END
$$;
DROP VIEW public.images;
-- Several labels of a regression are no components.
SELECT pg_temp.expect_error($$SELECT pgml.predict('joint', ARRAY[1, 2, 3, 4])$$, '0A000', 'model % predicts 2 labels at once', '%predict_joint%');

-- Catches what this build can't do being refused only after rows were read: here each row is an ERROR of another kind.
CREATE FUNCTION public.unread(int) RETURNS real LANGUAGE plpgsql AS $$ BEGIN RAISE 'a row was read'; END $$;
CREATE VIEW public.never AS SELECT public.unread(target) AS length, target FROM pgml.iris;
CREATE FUNCTION pg_temp.refused(rest text, state text, message text, hint text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_temp.expect_error(format('SELECT pgml.train(''refused'', ''classification'', ''public.never'', ''target'', %s)', rest), state, message, hint)
$$;
SELECT pg_temp.expect_error($$SELECT pgml.train('refused', 'classification', 'public.never', 'target')$$, 'P0001', 'a row was read');
SELECT pg_temp.refused($$'dbscan'$$, '0A000', 'algorithm dbscan is only a name: no runtime trains it', '%another algorithm%');
-- A package of its own has it.
SELECT pg_temp.refused($$'catboost'$$, '58P01', 'the Python package catboost can''t be loaded', '%pgml-python-catboost%');
SELECT pg_temp.refused($$'catboost', runtime => 'rust'$$, '0A000', 'the rust runtime does not train catboost for classification', '%python%');
SELECT pg_temp.refused($$'knn', runtime => 'python'$$, '0A000', 'the python runtime does not train knn', '%rust%');
SELECT pg_temp.refused($$'lasso'$$, '22023', 'algorithm lasso can''t do classification', '%regression%');
SELECT pg_temp.refused($$'pca'$$, '22023', 'algorithm pca can''t do classification', '%decomposition%');
SELECT pg_temp.refused($$'gaussian_process', runtime => 'rust'$$, '0A000', 'the rust runtime does not train gaussian_process for classification', '%python%');
SELECT pg_temp.refused($$'random_forest', '{"n_trees": 5}'$$, '22023', '%n_trees%', '%n_estimators%');
SELECT pg_temp.refused($$'random_forest', search => 'grid'$$, '22023', 'search ''grid'' needs search_params', '%alpha%');
SELECT pg_temp.refused($$'random_forest', search => 'grid', search_params => '{"n_estimators": [1, 2]}', search_args => '{"n_iter": 3}'$$, '22023',
    'unknown search_args name for search ''grid'' "n_iter"', '%cv%');
SELECT pg_temp.refused($$'random_forest', search => 'random', search_params => '{"n_estimators": 3}'$$, '22023', 'search_params of "n_estimators" must be a list%', '%');
SELECT pg_temp.refused($$'random_forest', runtime => 'rust', search => 'grid', search_params => '{"n_estimators": [1, 2]}', search_args => '{"n_iter": 3}'$$, '22023',
    '%search_args name for search ''grid'': "n_iter"', '%cv%');
SELECT pg_temp.expect_error($$SELECT pgml.train('refused', 'transformer', 'public.never', 'target')$$, '22023', '%transformer%', '%classification%');
DROP VIEW public.never;
DROP FUNCTION public.unread;
DROP TABLE pgml.breast_cancer, pgml.digits, pgml.wine;

-- Catches an update that stops for nothing, or breaks something of a user's, or opens a function to those who had been shut out.
SELECT pgml.deploy('plane', 'most_recent');
SELECT pgml.snapshot('pgml.iris', 'target');
CREATE TABLE public.said AS SELECT pgml.predict('plane', ARRAY[sepal_length, sepal_width, petal_length, petal_width]) AS prediction, sepal_length, sepal_width, petal_length, petal_width FROM pgml.iris;
CREATE TABLE public.rows AS SELECT 'files' AS of, to_jsonb(t) AS row FROM pgml.files AS t UNION ALL SELECT 'models', to_jsonb(t) FROM pgml.models AS t
    UNION ALL SELECT 'snapshots', to_jsonb(t) FROM pgml.snapshots AS t UNION ALL SELECT 'deployments', to_jsonb(t) FROM pgml.deployments AS t UNION ALL SELECT 'projects', to_jsonb(t) - 'metric' FROM pgml.projects AS t;
CREATE VIEW public.lengths AS SELECT pgml.norm_l2(ARRAY[sepal_length, sepal_width]) AS length FROM pgml.iris;
CREATE VIEW public.total AS SELECT pgml.sum(ARRAY[sepal_length]) AS sum FROM pgml.iris;
CREATE VIEW public.mine AS SELECT name FROM pgml.overview;
CREATE VIEW public.predicted AS SELECT pgml.predict('plane', ARRAY[sepal_length, sepal_width, petal_length, petal_width]) AS real FROM pgml.iris;
REVOKE EXECUTE ON FUNCTION pgml.predict(text, float8[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgml.predict(text, float8[]) TO pg_monitor;
SELECT pg_temp.expect_error('ALTER EXTENSION pgml UPDATE', '2BP01', 'predictions are double precision in pgml 3.0.0, and objects depend on them as real: view public.predicted (pgml.predict(text,real[]))', '%create them again%');
DO $$ BEGIN ASSERT (SELECT extversion FROM pg_extension WHERE extname = 'pgml') = '2.10.0'; PERFORM count(real) FROM public.predicted; END $$;
DROP VIEW public.predicted;

ALTER EXTENSION pgml UPDATE;

DO $$
BEGIN
    ASSERT (SELECT extversion FROM pg_extension WHERE extname = 'pgml') = pgml.version();
    ASSERT (SELECT count(*) FROM public.lengths) = 150 AND (SELECT sum IS NOT NULL FROM public.total) AND EXISTS (SELECT FROM public.mine);
    ASSERT NOT EXISTS (SELECT FROM public.said WHERE pgml.predict('plane', ARRAY[sepal_length, sepal_width, petal_length, petal_width])::real <> prediction);
    ASSERT NOT EXISTS (SELECT * FROM public.rows EXCEPT
        (SELECT 'files' AS of, to_jsonb(t) AS row FROM pgml.files AS t UNION ALL SELECT 'models', to_jsonb(t) FROM pgml.models AS t
        UNION ALL SELECT 'snapshots', to_jsonb(t) FROM pgml.snapshots AS t UNION ALL SELECT 'deployments', to_jsonb(t) FROM pgml.deployments AS t UNION ALL SELECT 'projects', to_jsonb(t) - 'metric' FROM pgml.projects AS t));
    ASSERT NOT (SELECT bool_or(coalesce(proacl::text ~ '[{,]=X', true)) FROM pg_proc WHERE proname = 'predict'), 'everyone may predict again';
    ASSERT (SELECT bool_and(has_function_privilege('pg_monitor', oid, 'EXECUTE')) FROM pg_proc WHERE proname = 'predict');
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgml TO PUBLIC;
END
$$;
DROP VIEW public.lengths, public.total;
\o
\echo edition 2.10: passed
