-- The vector functions: values, resolution of argument types, errors, and that none of them needs Python.
\ir helpers.psql

-- Catches a wrong formula, or operands in the wrong order.
DO $$
BEGIN
    ASSERT pgml.add(ARRAY[1, 2, 3]::real[], 2::real) = '{3,4,5}';
    ASSERT pgml.subtract(ARRAY[1, 2, 3]::real[], 2::real) = '{-1,0,1}';
    ASSERT pgml.multiply(ARRAY[1, 2, 3]::real[], 2::real) = '{2,4,6}';
    ASSERT pgml.divide(ARRAY[1, 2, 3]::real[], 2::real) = '{0.5,1,1.5}';
    ASSERT pgml.add(ARRAY[1, 2, 3]::real[], ARRAY[10, 20, 30]::real[]) = '{11,22,33}';
    ASSERT pgml.subtract(ARRAY[1, 2, 3]::real[], ARRAY[10, 20, 30]::real[]) = '{-9,-18,-27}';
    ASSERT pgml.multiply(ARRAY[1, 2, 3]::real[], ARRAY[10, 20, 30]::real[]) = '{10,40,90}';
    ASSERT pgml.divide(ARRAY[1, 2, 3]::real[], ARRAY[10, 20, 40]::real[]) = '{0.1,0.1,0.075}';
    ASSERT pgml.norm_l0('{1,0,-2,0}') = 2;
    ASSERT pgml.norm_l1('{1,0,-2,3}') = 6;
    ASSERT pgml.norm_l2('{3,-4}') = 5;
    ASSERT pgml.norm_max('{1,-7,3}') = 7;
    ASSERT pgml.normalize_l1('{1,-3}') = '{0.25,-0.75}';
    ASSERT pgml.normalize_l2('{3,4}') = '{0.6,0.8}';
    ASSERT pgml.normalize_max('{1,-4}') = '{0.25,-1}';
    ASSERT pgml.distance_l1('{1,2}', '{4,-2}') = 7;
    ASSERT pgml.distance_l2('{1,2}', '{4,-2}') = 5;
    ASSERT pgml.dot_product('{1,2,3}', '{4,5,6}') = 32;
    ASSERT pgml.cosine_similarity('{1,0}', '{0,1}') = 0;
    ASSERT pgml.cosine_similarity('{1,2}', '{-2,-4}') = -1;
END
$$;

-- Catches a vector without elements or without a direction that ends in a crash or NaN.
DO $$
BEGIN
    ASSERT pgml.add('{}'::real[], 1) = '{}';
    ASSERT pgml.add('{}'::real[], '{}'::real[]) = '{}';
    ASSERT pgml.multiply('{}'::real[], 2) = '{}';
    ASSERT pgml.norm_l0('{}') = 0 AND pgml.norm_l1('{}') = 0 AND pgml.norm_l2('{}') = 0 AND pgml.norm_max('{}') = 0;
    ASSERT pgml.dot_product('{}', '{}') = 0;
    ASSERT pgml.normalize_l2('{}') = '{}';
    ASSERT pgml.normalize_l1('{0,0}') = '{0,0}';
    ASSERT pgml.normalize_l2('{0,0}') = '{0,0}';
    ASSERT pgml.normalize_max('{0,0}') = '{0,0}';
    ASSERT pgml.cosine_similarity('{0,0}', '{1,2}') = 0;
    ASSERT pgml.divide('{1,-1}'::real[], 0) = '{Infinity,-Infinity}';
    ASSERT pgml.norm_l2('{3e30,4e30}') = 5e30::real, 'norm_l2 overflows';
END
$$;

-- Catches a function that changes its argument in place, where the table keeps it, and one that reads a stored array
-- (with its short header, or moved out of line and compressed) wrongly.
CREATE TEMPORARY TABLE stored (id int, v real[]);
ALTER TABLE stored ALTER COLUMN v SET STORAGE EXTERNAL;
INSERT INTO stored VALUES (1, '{1,2,3}'), (2, (SELECT array_agg(n) FROM generate_series(1, 5000) AS n));
DO $$
DECLARE
    before text := (SELECT string_agg(v::text, ' ' ORDER BY id) FROM stored);
    doubled real[];
BEGIN
    PERFORM pgml.add(v, 1), pgml.multiply(v, 2), pgml.add(v, v), pgml.normalize_l2(v) FROM stored;
    ASSERT before = (SELECT string_agg(v::text, ' ' ORDER BY id) FROM stored);
    SELECT pgml.multiply(v, 2) INTO doubled FROM stored WHERE id = 2;
    ASSERT doubled = (SELECT array_agg((n * 2)::real) FROM generate_series(1, 5000) AS n);
    ASSERT (SELECT pgml.norm_l1(v) FROM stored WHERE id = 2) = 12502500;
    ASSERT array_dims(doubled) = '[1:5000]';
END
$$;

-- Catches a signature that makes plain calls ambiguous, as two array types of the same function did in 2.x.
DO $$
DECLARE
    call text;
    operand text;
BEGIN
    FOREACH operand IN ARRAY ARRAY['ARRAY[1.5,2.5]', 'ARRAY[1,2]', 'ARRAY[1.0,2.0]::real[]', 'ARRAY[1,2]::bigint[]', 'ARRAY[1,2]::smallint[]', 'ARRAY[1.5,2]::numeric[]'] LOOP
        FOREACH call IN ARRAY ARRAY[
            'add(%s, 2)', 'add(%s, 2.0)', 'add(%s, 2::real)', 'subtract(%s, 2)', 'multiply(%s, 2.5)', 'divide(%s, 2)',
            'add(%s, ARRAY[1,2])', 'add(%s, ARRAY[1.0,2.0])', 'subtract(%s, ARRAY[1,2]::real[])', 'multiply(%s, ''{1,2}'')',
            'divide(%s, ARRAY[1,2])', 'norm_l0(%s)', 'norm_l1(%s)', 'norm_l2(%s)', 'norm_max(%s)', 'normalize_l1(%s)',
            'normalize_l2(%s)', 'normalize_max(%s)', 'distance_l1(%s, ARRAY[1,2])', 'distance_l2(%s, ''{1,2}'')',
            'dot_product(%s, ARRAY[1.0,2.0])', 'cosine_similarity(%s, ARRAY[1,2])'
        ] LOOP
            EXECUTE format('SELECT pgml.' || call, operand);
        END LOOP;
    END LOOP;
    PERFORM pgml.norm_l2('{1,2}'), pgml.dot_product('{1,2}', '{3,4}'), pgml.add('{1,2}', 2);
END
$$;

-- Catches reading past the end of the shorter vector, and a NULL element that counts as zero.
SELECT pg_temp.expect_error(format('SELECT pgml.%s(''{1,2}''::real[], ''{1,2,3}''::real[])', name), '2202E', 'the vectors have different lengths: 2 and 3', '%same length%')
FROM unnest('{add,subtract,multiply,divide,distance_l1,distance_l2,dot_product,cosine_similarity}'::text[]) AS name;
SELECT pg_temp.expect_error(format('SELECT pgml.%s(''{1,NULL}''::real[])', name), '22004', 'element 2 of the vector is NULL', '%array_replace%')
FROM unnest('{norm_l0,norm_l1,norm_l2,norm_max,normalize_l1,normalize_l2,normalize_max}'::text[]) AS name;
SELECT pg_temp.expect_error('SELECT pgml.add(''{NULL,1}''::real[], 1)', '22004', 'element 1 of the vector is NULL');
SELECT pg_temp.expect_error('SELECT pgml.add(''{1,2}''::real[], ''{NULL,1}''::real[])', '22004', 'element 1 of the vector is NULL');

-- Catches volatility or strictness that keeps a call out of an index, or runs it for NULL.
DO $$
BEGIN
    ASSERT pgml.norm_l2(NULL) IS NULL AND pgml.add(NULL::real[], 1) IS NULL AND pgml.add('{1}'::real[], NULL::real) IS NULL;
    ASSERT NOT EXISTS (
        SELECT FROM pg_proc
        WHERE pronamespace = 'pgml'::regnamespace AND prosrc LIKE 'vector_%'
        AND NOT (provolatile = 'i' AND proisstrict AND proparallel = 's')
    );
END
$$;
CREATE TABLE public.vectors_indexed (v real[]);
CREATE INDEX ON public.vectors_indexed (pgml.norm_l2(v));
INSERT INTO public.vectors_indexed VALUES ('{1,2}');

-- Catches a library that exposes its BLAS to the backend, and one that starts Python for any of the above.
DO $$
BEGIN
    ASSERT pgml.validate_shared_library();
    ASSERT pgml.version() = (SELECT extversion FROM pg_extension WHERE extname = 'pgml');
END
$$;
\o
\echo vectors: passed
