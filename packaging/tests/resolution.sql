-- Calls as users write them: every type of argument finds its function, and none finds two.
\ir helpers.psql
CREATE TABLE public.plane AS SELECT n AS a, n * n % 7 AS b, 2 * n + 3 * (n * n % 7) AS y, n % 2 = 0 AS even FROM generate_series(1, 60) AS n;
CREATE VIEW public.numbers AS SELECT a, b, y FROM public.plane;
CREATE VIEW public.classes AS SELECT b, a, even FROM public.plane;
SELECT pgml.train('plane', 'regression', 'numbers', 'y');
SELECT pgml.train('even', 'classification', 'classes', 'even');
SELECT pgml.train_joint('joint', 'regression', 'plane', '{y,b}');

-- Catches a call that PostgresML 2.x answers with "is not unique": a numeric[], a literal, a model's id, in each function.
DO $$
DECLARE
    name text;
    project text;
    argument text;
    who text;
    expected text;
    actual text;
BEGIN
    FOR name, project IN VALUES ('predict', 'plane'), ('predict_joint', 'plane'), ('predict_proba', 'even') LOOP
        EXECUTE format('SELECT pgml.%s(%L, ARRAY[1,1]::float8[])::text', name, project) INTO expected;
        FOREACH argument IN ARRAY ARRAY[
            'ARRAY[1.0,1]', 'ARRAY[1,1]', '''{1,1}''', '''{1,1}''::text', 'ARRAY[1,1]::smallint[]', 'ARRAY[1,1]::bigint[]',
            'ARRAY[1,1]::real[]', 'ARRAY[1,1]::numeric[]', 'ARRAY[true,true]'
        ] LOOP
            FOREACH who IN ARRAY ARRAY[
                quote_literal(project), quote_literal(project) || '::text', quote_literal(project) || '::name',
                (SELECT max(m.id)::text FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id WHERE p.name = project),
                (SELECT max(m.id)::text || '::bigint' FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id WHERE p.name = project)
            ] LOOP
                EXECUTE format('SELECT pgml.%s(%s, %s)::text', name, who, argument) INTO actual;
                ASSERT actual = expected, format('pgml.%s(%s, %s): %s instead of %s', name, who, argument, actual, expected);
            END LOOP;
        END LOOP;
    END LOOP;
    ASSERT pgml.predict('plane', NULL::text) IS NULL AND pgml.predict(NULL::text, '{1,1}') IS NULL;
END
$$;

-- Catches arguments whose types a driver leaves to the server.
PREPARE untyped AS SELECT pgml.predict($1, $2) AS value;
EXECUTE untyped('plane', '{1,1}');
DO $$
BEGIN
    ASSERT (SELECT parameter_types::text FROM pg_prepared_statements WHERE name = 'untyped') = '{text,text}';
END
$$;

-- Catches a literal that is no array and is taken for something.
SELECT pg_temp.expect_error($$SELECT pgml.predict('plane', '1,1')$$, '22P02', 'malformed array literal: "1,1"');
SELECT pg_temp.expect_error($$SELECT pgml.predict('plane', '{1,x}')$$, '22P02', 'invalid input syntax for type double precision: "x"');

-- Catches vector functions that PostgresML 2.x can't tell apart.
DO $$
DECLARE
    argument text;
    name text;
    found text;
BEGIN
    FOREACH argument IN ARRAY ARRAY['ARRAY[3.0,-4.0]', 'ARRAY[3,-4]', '''{3,-4}''', 'ARRAY[3,-4]::bigint[]', 'ARRAY[3,-4]::real[]'] LOOP
        FOREACH name IN ARRAY '{norm_l0,norm_l1,norm_l2,norm_max,normalize_l1,normalize_l2,normalize_max}'::text[] LOOP
            EXECUTE format('SELECT pgml.%s(%s)::text', name, argument) INTO found;
            ASSERT found = (
                SELECT value FROM (VALUES ('norm_l0', '2'), ('norm_l1', '7'), ('norm_l2', '5'), ('norm_max', '4'),
                ('normalize_l1', '{0.42857146,-0.5714286}'), ('normalize_l2', '{0.6,-0.8}'), ('normalize_max', '{0.75,-1}')) AS t (f, value) WHERE f = name
            ), format('pgml.%s(%s) = %s', name, argument, found);
        END LOOP;
        FOREACH name IN ARRAY '{distance_l1,distance_l2,dot_product,cosine_similarity}'::text[] LOOP
            EXECUTE format('SELECT pgml.%s(%s, %s)::text', name, argument, argument) INTO found;
            ASSERT found = (SELECT value FROM (VALUES ('distance_l1', '0'), ('distance_l2', '0'), ('dot_product', '25'), ('cosine_similarity', '1')) AS t (f, value) WHERE f = name);
        END LOOP;
        FOREACH name IN ARRAY '{add,subtract,multiply,divide}'::text[] LOOP
            EXECUTE format('SELECT pgml.%s(%s, ARRAY[1.0,2])::text || pgml.%s(%s, 2)::text', name, argument, name, argument) INTO found;
            ASSERT found = (SELECT value FROM (VALUES ('add', '{4,-2}{5,-2}'), ('subtract', '{2,-6}{1,-6}'), ('multiply', '{3,-8}{6,-8}'), ('divide', '{3,-2}{1.5,-2}')) AS t (f, value) WHERE f = name),
                format('pgml.%s(%s): %s', name, argument, found);
        END LOOP;
    END LOOP;
END
$$;
\o
\echo resolution: passed
