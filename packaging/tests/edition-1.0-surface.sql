-- Edition 1.0: the names, types and defaults that clients of PostgresML 1.0 were written for.
\ir helpers.psql
DROP EXTENSION pgml;
CREATE EXTENSION pgml VERSION '1.0';

-- Catches a column that is missing, misnamed, of another type or in another place.
DO $$
DECLARE
    name text;
    expected text;
    found text;
BEGIN
    FOR name, expected IN VALUES
        ('projects', 'id bigint, name text, task text, created_at timestamp without time zone, updated_at timestamp without time zone'),
        ('snapshots', 'id bigint, relation_name text, y_column_name text[], test_size real, test_sampling text, status text, columns jsonb, analysis jsonb, created_at timestamp without time zone, updated_at timestamp without time zone'),
        ('models', 'id bigint, project_id bigint, snapshot_id bigint, algorithm_name text, hyperparams jsonb, status text, search text, search_params jsonb, search_args jsonb, created_at timestamp without time zone, updated_at timestamp without time zone, metrics jsonb'),
        ('deployments', 'id bigint, project_id bigint, model_id bigint, strategy text, created_at timestamp without time zone'),
        ('files', 'id bigint, model_id bigint, path text, part integer, created_at timestamp without time zone, updated_at timestamp without time zone, data bytea'),
        ('overview', 'name text, deployed_at timestamp without time zone, task text, algorithm_name text, relation_name text, y_column_name text[], test_sampling text, test_size real'),
        ('trained_models', 'id bigint, name text, task text, algorithm_name text, created_at timestamp without time zone, test_sampling text, test_size real, deployed boolean'),
        ('deployed_models', 'id bigint, name text, task text, algorithm_name text, deployed_at timestamp without time zone')
    LOOP
        SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) INTO found
        FROM pg_attribute WHERE attrelid = ('pgml.' || name)::regclass AND attnum > 0 AND NOT attisdropped;
        ASSERT found = expected, format('%s has %s', name, found);
    END LOOP;
    ASSERT (SELECT column_default FROM information_schema.columns WHERE table_schema = 'pgml' AND table_name = 'models' AND column_name = 'status') = '''new''::text';
    ASSERT EXISTS (
        SELECT FROM pg_index WHERE indrelid = 'pgml.files'::regclass AND indisunique
        AND pg_get_indexdef(indexrelid) LIKE '%(model_id, path, part)'
    );
    ASSERT EXISTS (SELECT FROM pg_index WHERE indrelid = 'pgml.projects'::regclass AND indisunique AND pg_get_indexdef(indexrelid) LIKE '%(name)');
    ASSERT NOT EXISTS (SELECT FROM pg_type WHERE typnamespace = 'pgml'::regnamespace AND typtype = 'e'), '1.0 has no enums';
END
$$;

-- Catches a function that is missing, has other arguments, defaults or results, or that 1.0 does not have.
CREATE TEMPORARY TABLE expected (name text, arguments text, result text);
INSERT INTO expected VALUES
    ('version', '', 'text'),
    ('load_dataset', 'source text, subset text DEFAULT NULL::text, "limit" integer DEFAULT NULL::integer, kwargs jsonb DEFAULT ''{}''::jsonb', 'text'),
    ('snapshot', 'relation_name text DEFAULT NULL::text, y_column_name text[] DEFAULT NULL::text[], test_size real DEFAULT 0.25, test_sampling text DEFAULT ''random''::text', 'TABLE(id text)'),
    ('train', 'project_name text, task text DEFAULT NULL::text, relation_name text DEFAULT NULL::text, y_column_name text DEFAULT NULL::text, algorithm text DEFAULT ''linear''::text, hyperparams jsonb DEFAULT ''{}''::jsonb, search text DEFAULT NULL::text, search_params jsonb DEFAULT ''{}''::jsonb, search_args jsonb DEFAULT ''{}''::jsonb, test_size real DEFAULT 0.25, test_sampling text DEFAULT ''random''::text', 'TABLE(project_name text, task text, algorithm_name text, status text)'),
    ('train_joint', 'project_name text, task text DEFAULT NULL::text, relation_name text DEFAULT NULL::text, y_column_name text[] DEFAULT NULL::text[], algorithm text DEFAULT ''linear''::text, hyperparams jsonb DEFAULT ''{}''::jsonb, search text DEFAULT NULL::text, search_params jsonb DEFAULT ''{}''::jsonb, search_args jsonb DEFAULT ''{}''::jsonb, test_size real DEFAULT 0.25, test_sampling text DEFAULT ''random''::text', 'TABLE(project_name text, task text, algorithm_name text, status text)'),
    ('deploy', 'project_name text, strategy text DEFAULT ''best_score''::text, algorithm_name text DEFAULT NULL::text', 'TABLE(project_name text, strategy text, algorithm_name text)'),
    ('predict', 'project_name text, features double precision[]', 'double precision'),
    ('predict_joint', 'project_name text, features double precision[]', 'double precision[]'),
    ('model_predict', 'model_id bigint, features double precision[]', 'double precision[]'),
    -- 1.0 itself has not this one: it is for who adopts a database.
    ('adoption_leftovers', 'OUT object text, OUT hangs_on text, OUT advice text', 'SETOF record'),
    ('auto_updated_at', 'tbl regclass', 'void'),
    ('set_updated_at', '', 'trigger'),
    ('add', 'vector real[], addend real', 'real[]'), ('add', 'vector real[], addend real[]', 'real[]'),
    ('subtract', 'vector real[], subtrahend real', 'real[]'), ('subtract', 'vector real[], subtrahend real[]', 'real[]'),
    ('multiply', 'vector real[], multiplicand real', 'real[]'), ('multiply', 'vector real[], multiplicand real[]', 'real[]'),
    ('divide', 'vector real[], dividend real', 'real[]'), ('divide', 'vector real[], dividend real[]', 'real[]'),
    ('norm_l0', 'vector real[]', 'real'), ('norm_l1', 'vector real[]', 'real'), ('norm_l2', 'vector real[]', 'real'),
    ('norm_max', 'vector real[]', 'real'), ('normalize_l1', 'vector real[]', 'real[]'),
    ('normalize_l2', 'vector real[]', 'real[]'), ('normalize_max', 'vector real[]', 'real[]'),
    ('distance_l1', 'vector real[], other real[]', 'real'), ('distance_l2', 'vector real[], other real[]', 'real'),
    ('dot_product', 'vector real[], other real[]', 'real'), ('cosine_similarity', 'vector real[], other real[]', 'real');
DO $$
DECLARE
    different text;
BEGIN
    SELECT string_agg(t::text, '; ') INTO different FROM (
        (SELECT 'not there' AS is, * FROM expected EXCEPT
         SELECT 'not there', proname, pg_get_function_arguments(oid), pg_get_function_result(oid) FROM pg_proc WHERE pronamespace = 'pgml'::regnamespace)
        UNION ALL
        (SELECT 'not in 1.0', proname, pg_get_function_arguments(oid), pg_get_function_result(oid) FROM pg_proc WHERE pronamespace = 'pgml'::regnamespace
         EXCEPT SELECT 'not in 1.0', * FROM expected)
    ) AS t;
    ASSERT different IS NULL, different;
END
$$;

-- Catches data sets with other columns than 1.0's, or a second load that replaces a table that somebody has changed.
DO $$
DECLARE
    name text;
    rows bigint;
    columns text;
    found text;
    counted bigint;
BEGIN
    FOR name, rows, columns IN VALUES
        ('diabetes', 442, 'age,sex,bmi,bp,s1,s2,s3,s4,s5,s6,target'),
        ('digits', 1797, 'image,target'),
        ('iris', 150, 'sepal_length,sepal_width,petal_length,petal_width,target'),
        ('linnerud', 20, 'chins,situps,jumps,weight,waste,pulse'),
        ('wine', 178, 'alcohol,malic_acid,ash,alcalinity_of_ash,magnesium,total_phenols,flavanoids,nonflavanoid_phenols,proanthocyanins,color_intensity,hue,od280/od315_of_diluted_wines,proline,target'),
        ('breast_cancer', 569, NULL)
    LOOP
        ASSERT pgml.load_dataset(name) = 'OK';
        EXECUTE format('SELECT count(*) FROM pgml.%I', name) INTO counted;
        ASSERT counted = rows, format('%s has %s rows', name, counted);
        SELECT string_agg(attname, ',' ORDER BY attnum) INTO found
        FROM pg_attribute WHERE attrelid = format('pgml.%I', name)::regclass AND attnum > 0;
        ASSERT columns IS NULL OR found = columns, format('%s has %s', name, found);
    END LOOP;
    ASSERT found LIKE 'mean radius,mean texture,%,worst fractal dimension,malignant', found;
    ASSERT (SELECT count(*) FILTER (WHERE malignant) FROM pgml.breast_cancer) = 212, 'malignant is turned round';
    ASSERT (SELECT array_dims(image) = '[1:8][1:8]' AND pg_typeof(image)::text = 'smallint[]' FROM pgml.digits LIMIT 1);
    DELETE FROM pgml.iris WHERE target = 0;
    ASSERT pgml.load_dataset('iris') = 'OK' AND (SELECT count(*) FROM pgml.iris) = 100, 'an existing table was touched';
    DROP TABLE pgml.wine;
    PERFORM pgml.load_dataset('wine', NULL, 7, '{}');
    ASSERT (SELECT count(*) FROM pgml.wine) = 7;
END
$$;

-- Catches a literal that resolves to no function, or to several.
SELECT pgml.train('p', 'regression', 'pgml.diabetes', 'target');
DO $$
DECLARE
    operand text;
    call text;
    expected float8 := pgml.predict('p', '{1,2,3,4,5,6,7,8,9,10}'::float8[]);
    actual float8;
BEGIN
    FOREACH operand IN ARRAY ARRAY[
        'ARRAY[1,2,3,4,5,6,7,8,9,10]', 'ARRAY[1.0,2,3.0,4,5,6,7,8,9,10]', '''{1,2,3,4,5,6,7,8,9,10}''',
        'ARRAY[1::smallint,2::real,3::float8,4::numeric,5::bigint,6,7,8,9,10]', 'ARRAY[1,2,3,4,5,6,7,8,9,10]::smallint[]',
        'ARRAY[1,2,3,4,5,6,7,8,9,10]::real[]', 'ARRAY[[1,2,3,4,5],[6,7,8,9,10]]'
    ] LOOP
        EXECUTE format('SELECT pgml.predict(%L, %s)', 'p', operand) INTO actual;
        ASSERT actual = expected, operand;
        EXECUTE format('SELECT (pgml.predict_joint(%L, %s))[1]', 'p', operand) INTO actual;
        ASSERT actual = expected, operand;
        EXECUTE format('SELECT (pgml.model_predict(1, %s))[1]', operand) INTO actual;
        ASSERT actual = expected, operand;
    END LOOP;
    FOREACH operand IN ARRAY ARRAY['ARRAY[1.5,2.5]', 'ARRAY[1,2]', 'ARRAY[1,2]::bigint[]', 'ARRAY[1.5,2]::real[]'] LOOP
        FOREACH call IN ARRAY ARRAY[
            'add(%s, 2)', 'add(%s, 2.0)', 'subtract(%s, 2)', 'multiply(%s, 2.5)', 'divide(%s, 2)', 'add(%s, ARRAY[1,2])',
            'subtract(%s, ARRAY[1.0,2.0])', 'multiply(%s, ''{1,2}'')', 'divide(%s, ARRAY[1,2])', 'norm_l0(%s)', 'norm_l1(%s)',
            'norm_l2(%s)', 'norm_max(%s)', 'normalize_l1(%s)', 'normalize_l2(%s)', 'normalize_max(%s)',
            'distance_l1(%s, ARRAY[1,2])', 'distance_l2(%s, ''{1,2}'')', 'dot_product(%s, ARRAY[1.0,2.0])',
            'cosine_similarity(%s, ARRAY[1,2])'
        ] LOOP
            EXECUTE format('SELECT pgml.' || call, operand);
        END LOOP;
    END LOOP;
    ASSERT pgml.version() = '1.0';
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
    AND classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_namespace'::regclass)
    AND NOT EXISTS (SELECT FROM pg_class WHERE oid = objid AND relkind = 'S')
    AND obj_description(objid, classid::regclass::name) IS NULL;
    ASSERT bare IS NULL, 'without COMMENT: ' || bare;
END
$$;

-- Catches a user who can put bytes where the server will load them.
CREATE ROLE pgml_test_edition_1;
DO $$
BEGIN
    ASSERT NOT has_table_privilege('pgml_test_edition_1', 'pgml.files', 'INSERT, UPDATE, SELECT');
    ASSERT NOT has_table_privilege('pgml_test_edition_1', 'pgml.overview', 'SELECT');
END
$$;
DROP ROLE pgml_test_edition_1;
\o
\echo edition 1.0, surface: passed
