-- Predictions over sets: what the planner is told of them, parallel workers, and predict_batch a block at a time.
\ir helpers.psql
SET client_min_messages = error;

-- Whole plans, whatever the machine's settings are.
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 1000;
SET parallel_tuple_cost = 0.1;
SET cpu_operator_cost = 0.0025;
SET min_parallel_table_scan_size = '8MB';

-- The workers that are planned for a statement.
CREATE FUNCTION pg_temp.workers(statement text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || statement INTO plan;
    RETURN coalesce((jsonb_path_query_first(plan::jsonb, '$.**."Workers Planned"'))::int, 0);
END
$$;

-- What the planner takes the evaluation of an expression for one row for, in operators of Postgres.
CREATE FUNCTION pg_temp.operators(expression text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    plan json;
    without json;
BEGIN
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT %s FROM (SELECT 1 AS one OFFSET 0) AS t', expression) INTO plan;
    EXECUTE 'EXPLAIN (FORMAT JSON) SELECT one FROM (SELECT 1 AS one OFFSET 0) AS t' INTO without;
    RETURN ((plan->0->'Plan'->>'Total Cost')::float8 - (without->0->'Plan'->>'Total Cost')::float8) / 0.0025;
END
$$;

CREATE TABLE public.learned AS
SELECT sin(n) AS a, cos(n * 3) AS b, sin(n * 7) AS c, sin(n) * cos(n * 3) AS y FROM generate_series(1, 2000) AS n;
-- Few rows on many pages: a scan that workers could share.
CREATE TABLE public.wide AS
SELECT n AS id, ARRAY[sin(n), cos(n * 3), sin(n * 7)] AS x, repeat('x', 1000) AS filler FROM generate_series(1, 12000) AS n;
CREATE TABLE public.few AS SELECT id, x FROM public.wide WHERE id <= 100;
ANALYZE public.wide, public.few;
SELECT pgml.train('cheap', 'regression', 'public.learned', 'y', 'linear', runtime => 'rust');
SELECT pgml.train('costly', 'regression', 'public.learned', 'y', 'random_forest', '{"n_estimators": 100}', runtime => 'rust');
SELECT pgml.train('python', 'regression', 'public.learned', 'y', 'gaussian_process', test_size => 0.9);
SELECT id AS costly FROM pgml.deployed_models WHERE name = 'costly' \gset
SELECT id AS cheap FROM pgml.deployed_models WHERE name = 'cheap' \gset

-- Catches one cost for all models: workers that cost more than they do, or none where they are needed.
SELECT pg_temp.expect('workers for a costly model', $$SELECT pg_temp.workers('SELECT sum(pgml.predict(''costly'', x)) FROM public.wide') > 0$$, 'true');
SELECT pg_temp.expect('none for a cheap one', $$SELECT pg_temp.workers('SELECT sum(pgml.predict(''cheap'', x)) FROM public.wide')$$, '0');
SELECT pg_temp.expect('none for few rows', $$SELECT pg_temp.workers('SELECT sum(pgml.predict(''costly'', x)) FROM public.few')$$, '0');
SELECT pg_temp.expect('workers by the model''s number',
    format($$SELECT pg_temp.workers('SELECT sum(pgml.predict(%s::bigint, x)) FROM public.wide') > 0$$, :'costly'), 'true');
SELECT pg_temp.expect('none by the model''s number',
    format($$SELECT pg_temp.workers('SELECT sum(pgml.predict(%s::bigint, x)) FROM public.wide')$$, :'cheap'), '0');
-- An expression that calls the function of float8[] costs what that does, with the cast.
SELECT pg_temp.expect(call, format('SELECT pg_temp.operators(%L) BETWEEN 100 AND 2000', call), 'true') FROM unnest(ARRAY[
    'pgml.predict(''costly'', ARRAY[one, 2, 3])', 'pgml.predict(''costly'', ARRAY[one, 2, 3]::numeric[])', 'pgml.predict(''costly'', (one, 2, 3))',
    'pgml.predict_joint(''costly'', ARRAY[one, 2, 3])', 'pgml.predict_joint(''costly'', (one, 2, 3))',
    format('pgml.predict(%s::bigint, (one, 2, 3))', :'costly'), format('pgml.predict_joint(%s::bigint, ARRAY[one, 2, 3])', :'costly'),
    'pgml.predict_proba(''costly'', ARRAY[one, 2, 3])', 'pgml.predict_label(''costly'', ARRAY[one, 2, 3])', 'pgml.decompose(''costly'', ARRAY[one, 2, 3])'
]::text[]) AS call;
SELECT pg_temp.expect('cheap', $$SELECT pg_temp.operators('pgml.predict(''cheap'', ARRAY[one, 2, 3])') < 100$$, 'true');
SELECT pg_temp.expect('an array of rows costs more than a row',
    $$SELECT pg_temp.operators('pgml.predict_batch(''costly'', ARRAY[ARRAY[one, 2, 3]])') > 100 * pg_temp.operators('pgml.predict(''costly'', ARRAY[one, 2, 3])')$$, 'true');
SELECT pg_temp.expect('every function that scores in C is asked', $$SELECT string_agg(oid::regprocedure::text, ', ') FROM pg_proc
    WHERE pronamespace = 'pgml'::regnamespace AND proname ~ '^(predict|decompose)' AND prosrc LIKE '%wrapper' AND prosupport = 0$$, 'NULL');

-- Catches a plan that fails because nothing is known of the model: it costs what the function was declared with.
SELECT pg_temp.expect(call, format('SELECT pg_temp.operators(%L) BETWEEN 10000 AND 10100', call), 'true') FROM unnest(ARRAY[
    'pgml.predict(''no such project'', ARRAY[one, 2, 3])', 'pgml.predict(999999::bigint, ARRAY[one, 2, 3])', 'pgml.predict(''python'', ARRAY[one, 2, 3])',
    'pgml.predict(''p'' || one, ARRAY[one, 2, 3])', 'pgml.predict(one::bigint, ARRAY[one, 2, 3])', 'pgml.predict((SELECT ''costly''), ARRAY[one, 2, 3])'
]::text[]) AS call;
SELECT pg_temp.expect('an unknown project in a plan', $$EXPLAIN SELECT pgml.predict('no such project', x) FROM public.few$$, '%Scan on few%');
SELECT pg_temp.expect('an unknown project in a prediction', $$SELECT pgml.predict('no such project', x) FROM public.few$$, 'ERROR%no such project%');
INSERT INTO pgml.projects (name, task) VALUES ('nothing deployed', 'regression');
SELECT pg_temp.expect('nothing deployed', $$SELECT pg_temp.operators('pgml.predict(''nothing deployed'', ARRAY[one, 2, 3])') >= 10000$$, 'true');
UPDATE pgml.models SET hyperparams = '{"n_estimators": {"many": -1}}' WHERE id = :'costly';
SELECT pg_temp.expect('nonsense in the tables', $$SELECT pg_temp.operators('pgml.predict(''costly'', ARRAY[one, 2, 3])') BETWEEN 50 AND 2000$$, 'true');
UPDATE pgml.models SET hyperparams = '{"n_estimators": 100}' WHERE id = :'costly';

-- Catches a plan that is refused, or that tells somebody of a model that is none of their business.
CREATE ROLE planner;
GRANT SELECT ON public.few TO planner;
SET ROLE planner;
SELECT pg_temp.expect('without rights', $$SELECT pg_temp.operators('pgml.predict(''costly'', ARRAY[one, 2, 3])') >= 10000$$, 'true');
SELECT pg_temp.expect('without rights, a prediction', $$SELECT pgml.predict('costly', x) FROM public.few$$, 'ERROR 42501%');
RESET ROLE;
GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files TO planner;
SET ROLE planner;
SELECT pg_temp.expect('with rights', $$SELECT pg_temp.operators('pgml.predict(''costly'', ARRAY[one, 2, 3])') < 2000$$, 'true');
RESET ROLE;
ALTER TABLE pgml.models ENABLE ROW LEVEL SECURITY;
SET ROLE planner;
SELECT pg_temp.expect('with a policy', $$SELECT pg_temp.operators('pgml.predict(''costly'', ARRAY[one, 2, 3])') >= 10000$$, 'true');
SET row_security = off;
SELECT pg_temp.expect('with a policy that may not be', $$SELECT pg_temp.operators('pgml.predict(''costly'', ARRAY[one, 2, 3])') >= 10000$$, 'true');
RESET row_security;
RESET ROLE;
ALTER TABLE pgml.models DISABLE ROW LEVEL SECURITY;
REVOKE SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files FROM planner;

-- Catches a plan in a place where no catalog can be read as usual.
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT pg_temp.expect('read only', $$SELECT pg_temp.operators('pgml.predict(''costly'', ARRAY[one, 2, 3])') < 2000$$, 'true');
COMMIT;
PREPARE by_name (text) AS SELECT pgml.predict($1, x) FROM public.few;
SET plan_cache_mode = force_generic_plan;
EXPLAIN EXECUTE by_name('costly');
EXECUTE by_name('costly');
RESET plan_cache_mode;
EXECUTE by_name('costly');
-- A deployment counts at once, also in the transaction that makes it.
BEGIN;
UPDATE pgml.projects SET name = 'swapped' WHERE name = 'cheap';
UPDATE pgml.projects SET name = 'cheap' WHERE name = 'costly';
SELECT pg_temp.expect('renamed', $$SELECT pg_temp.operators('pgml.predict(''cheap'', ARRAY[one, 2, 3])') > 100$$, 'true');
ROLLBACK;
SELECT pg_temp.expect('undone', $$SELECT pg_temp.operators('pgml.predict(''cheap'', ARRAY[one, 2, 3])') < 100$$, 'true');

-- Catches a worker that predicts otherwise than the session, with and without Python.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
CREATE TEMPORARY TABLE compared AS SELECT name FROM unnest('{cheap,costly,python}'::text[]) AS name;
CREATE FUNCTION pg_temp.predicted(project text, workers int, rows int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
    statement text := format('SELECT md5(string_agg(id || '' '' || p, '','' ORDER BY id)) FROM (
        SELECT id, pgml.predict(%L, x) AS p FROM public.wide WHERE id <= %s OFFSET 0) AS t', project, rows);
BEGIN
    PERFORM set_config('max_parallel_workers_per_gather', workers::text, true);
    ASSERT (pg_temp.workers(statement) > 0) = (workers > 0), format('%s workers are planned for %s', pg_temp.workers(statement), project);
    EXECUTE statement INTO found;
    RETURN found;
END
$$;
SELECT pg_temp.expect(name || ' in workers', format('SELECT pg_temp.predicted(%1$L, 2, %2$s) = pg_temp.predicted(%1$L, 0, %2$s)', name,
    CASE name WHEN 'python' THEN 200 ELSE 12000 END), 'true') FROM compared;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- Catches an array that is predicted as a whole before the first row is given: what is wrong far behind is only found by who
-- wants to see it. In rows of numbers, in records, and in columns of a table.
SELECT pgml.train('scaled', 'regression', 'public.learned', 'y', 'linear', runtime => 'rust', preprocess => '{"a": {"scale": "standard"}}');
CREATE TABLE public.arrays AS SELECT
    (SELECT array_agg(CASE WHEN n = 3000 THEN ARRAY[NULL, 0, 0] ELSE ARRAY[sin(n), cos(n * 3), sin(n * 7)] END ORDER BY n) FROM generate_series(1, 4000) AS n) AS numbers,
    (SELECT array_agg(ROW(sin(n), cos(n * 3), CASE WHEN n <> 3000 THEN sin(n * 7) END) ORDER BY n) FROM generate_series(1, 4000) AS n)::text AS shown;
CREATE TYPE public.abc AS (a float8, b float8, c float8);
CREATE FUNCTION public.records(last int) RETURNS public.abc[] LANGUAGE sql AS $$
    SELECT array_agg(ROW(sin(n), cos(n * 3), CASE WHEN n <> 3000 THEN sin(n * 7) END)::public.abc ORDER BY n) FROM generate_series(1, last) AS n
$$;
SELECT pg_temp.expect('numbers, the first rows', $$SELECT count(*) FROM (SELECT pgml.predict_batch('scaled', numbers) FROM public.arrays LIMIT 10) AS t$$, '10');
SELECT pg_temp.expect('numbers, all rows', $$SELECT count(*) FROM (SELECT pgml.predict_batch('scaled', numbers) FROM public.arrays) AS t$$, 'ERROR 22%');
SELECT pg_temp.expect('records, the first rows', $$SELECT count(*) FROM (SELECT pgml.predict_batch('costly', public.records(4000)) LIMIT 10) AS t$$, '10');
SELECT pg_temp.expect('records, all rows', $$SELECT count(*) FROM (SELECT pgml.predict_batch('costly', public.records(4000))) AS t$$, 'ERROR 22%');
SELECT pg_temp.expect('records, in FROM', $$SELECT count(*) FROM pgml.predict_batch('costly', public.records(4000))$$, 'ERROR 22%');
SELECT pg_temp.expect('after an error', $$SELECT count(*) FROM pgml.predict_batch('costly', public.records(2999))$$, '2999');
-- A NULL that no model takes is found first, as before.
SELECT pg_temp.expect('a NULL', $$SELECT count(*) FROM (SELECT pgml.predict_batch('costly', numbers) FROM public.arrays LIMIT 10) AS t$$, 'ERROR 22%');

-- Catches a set that loses or repeats a row at the end of a block, however its array is stored.
CREATE TABLE public.stored (id int, x float8[]);
ALTER TABLE public.stored ALTER x SET STORAGE EXTERNAL;
INSERT INTO public.stored SELECT size, (SELECT array_agg(x ORDER BY id) FROM public.wide WHERE id <= size) FROM unnest('{1,2,1023,1024,1025,2048,2049,5000}'::int[]) AS size;
CREATE TABLE public.compressed (id int, x float8[]);
INSERT INTO public.compressed SELECT * FROM public.stored;
SELECT pg_temp.expect(format('%s rows in %s', size, relation), format($f$
    SELECT (SELECT md5(string_agg(p::text, ',' ORDER BY n)) FROM public.%1$s AS s, pgml.predict_batch('costly', s.x) WITH ORDINALITY AS b(p, n) WHERE s.id = %2$s)
         = (SELECT md5(string_agg(pgml.predict('costly', x)::text, ',' ORDER BY id)) FROM public.wide WHERE id <= %2$s)
    $f$, relation, size), 'true')
FROM unnest('{1,2,1023,1024,1025,2048,2049,5000}'::int[]) AS size, unnest('{stored,compressed}'::text[]) AS relation;
SELECT pg_temp.expect('records, block after block', $$
    SELECT (SELECT md5(string_agg(p::text, ',')) FROM (SELECT pgml.predict_batch('costly', public.records(2999)) AS p) AS t)
         = (SELECT md5(string_agg(pgml.predict('costly', (a, b, c))::text, ',' ORDER BY n)) FROM unnest(public.records(2999)) WITH ORDINALITY AS r(a, b, c, n))
    $$, 'true');
-- The variables of a loop change while its query runs.
DO $$
DECLARE
    said record;
    records public.abc[] := public.records(2999);
    numbers float8[] := (SELECT x FROM public.stored WHERE id = 2048);
    seen int := 0;
BEGIN
    FOR said IN SELECT pgml.predict_batch('costly', records[:2048]) AS p, pgml.predict_batch('costly', numbers) AS q LOOP
        seen := seen + 1;
        ASSERT said.p = said.q, format('row %s', seen);
        numbers[2000][1] := seen;
        records := NULL;
    END LOOP;
    ASSERT seen = 2048;
END
$$;
SELECT pg_temp.expect('one row after the other', $$SELECT count(*) FROM (SELECT pgml.predict_batch('costly', x) FROM public.stored) AS t$$, '12172');
SELECT pg_temp.expect('no rows', $$SELECT count(*) FROM pgml.predict_batch('costly', '{}'::float8[])$$, '0');
SELECT pg_temp.expect('no rows of Python', $$SELECT count(*) FROM pgml.predict_batch('python', '{}'::float8[])$$, '0');
SELECT pg_temp.expect('blocks of Python', $$SELECT count(*) FROM public.stored AS s, pgml.predict_batch('python', s.x) WHERE id = 2048$$, '2048');

-- Catches a set that looks at its array or its model when they are gone: other statements run between two rows.
BEGIN;
DECLARE predictions CURSOR FOR SELECT pgml.predict_batch('costly', x) FROM public.stored WHERE id = 5000;
MOVE 1000 FROM predictions;
SELECT pgml.drop_project('costly', force => true);
SELECT pgml.predict('cheap', ARRAY[1, 2, 3]);
MOVE 2000 FROM predictions;
FETCH 1 FROM predictions \gset fetched_
MOVE ALL FROM predictions;
CLOSE predictions;
ROLLBACK;
SELECT pg_temp.expect('row 3001 of a cursor', format($$SELECT pgml.predict('costly', x) = %L FROM public.wide WHERE id = 3001$$, :'fetched_predict_batch'), 'true');
BEGIN;
DECLARE abandoned CURSOR FOR SELECT pgml.predict_batch('costly', x) FROM public.stored WHERE id = 5000;
FETCH 5 FROM abandoned;
COMMIT;
SELECT pg_temp.expect('two sets at once', $$SELECT count(*) FROM (SELECT pgml.predict_batch('costly', x), pgml.predict_batch('cheap', x) FROM public.stored WHERE id = 1025) AS t$$, '1025');

DROP OWNED BY planner;
DROP ROLE planner;
\o
\echo set-based: passed
