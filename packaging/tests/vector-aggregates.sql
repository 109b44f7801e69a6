-- sum, min, max, min_abs and max_abs over real[].
\ir helpers.psql
CREATE TABLE public.vectors AS SELECT ARRAY[n, -n, n % 7 - 3]::real[] AS v FROM generate_series(1, 20000) AS n;

-- Catches a wrong element, a NULL vector that counts, and a single vector that no step ever saw.
DO $$
DECLARE
    got record;
BEGIN
    SELECT pgml.sum(v), pgml.min(v), pgml.max(v), pgml.min_abs(v), pgml.max_abs(v) INTO got
    FROM (VALUES ('{1,-5,0}'::real[]), (NULL), ('{-2,3,0}'), ('{0.5,4,-0}')) AS t (v);
    ASSERT got = ROW('{-0.5,2,0}'::real[], '{-2,-5,0}'::real[], '{1,4,0}'::real[], '{0.5,3,0}'::real[], '{2,5,0}'::real[]), got::text;
    SELECT pgml.sum(v), pgml.min_abs(v), pgml.max_abs(v) INTO got FROM (VALUES ('{-1,2}'::real[])) AS t (v);
    ASSERT got = ROW('{-1,2}'::real[], '{1,2}'::real[], '{1,2}'::real[]), got::text;
    SELECT pgml.sum(v), pgml.max_abs(v) INTO got FROM (VALUES (NULL::real[])) AS t (v);
    ASSERT got = ROW(NULL::real[], NULL::real[]), got::text;
    SELECT pgml.sum(ARRAY[1.5, n]), pgml.max(ARRAY[n, 2]) INTO got FROM generate_series(1, 3) AS n;
    ASSERT got = ROW('{4.5,6}'::real[], '{3,2}'::real[]), got::text;
END
$$;
SELECT pg_temp.expect_error($$SELECT pgml.sum(v) FROM (VALUES ('{1,2}'::real[]), ('{1}')) AS t (v)$$, '2202E', 'the vectors have different lengths: 2 and 1');
SELECT pg_temp.expect_error($$SELECT pgml.max(v) FROM (VALUES ('{1,2}'::real[]), ('{1,NULL}')) AS t (v)$$, '22004', 'element 2 of the vector is NULL');

-- Catches an aggregate that can't be shared by workers, and one whose shared result is another.
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
DO $$
DECLARE
    line text;
    plan text := '';
    shared record;
    alone record;
BEGIN
    FOR line IN EXPLAIN SELECT pgml.min(v), pgml.max(v), pgml.min_abs(v), pgml.max_abs(v), pgml.sum(v) FROM public.vectors LOOP
        plan := plan || line;
    END LOOP;
    ASSERT plan LIKE '%Partial Aggregate%', plan;
    SELECT pgml.min(v) AS a, pgml.max(v) AS b, pgml.min_abs(v) AS c, pgml.max_abs(v) AS d, pgml.sum(v) AS e INTO shared FROM public.vectors;
    SET LOCAL max_parallel_workers_per_gather = 0;
    SELECT pgml.min(v) AS a, pgml.max(v) AS b, pgml.min_abs(v) AS c, pgml.max_abs(v) AS d, pgml.sum(v) AS e INTO alone FROM public.vectors;
    ASSERT (shared.a, shared.b, shared.c, shared.d) = (alone.a, alone.b, alone.c, alone.d), format('%s instead of %s', shared, alone);
    ASSERT alone.a = '{1,-20000,-3}'::real[] AND alone.d = '{20000,20000,3}'::real[], alone::text;
    PERFORM pg_temp.expect_close('sum', shared.e[1], alone.e[1], 1e-4);
END
$$;
\o
\echo vector aggregates: passed
