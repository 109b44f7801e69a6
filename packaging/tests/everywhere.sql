-- predict and train where applications call them: materialized views, triggers, cursors, plans, parallel workers, policies, partitions.
\ir helpers.psql
SET client_min_messages = error;
CREATE TABLE public.line AS SELECT n AS id, n::float8 AS a, (n % 7)::float8 AS b, 2.0 * n + n % 7 AS y FROM generate_series(1, 2000) AS n;
CREATE VIEW public.to_learn AS SELECT a, b, y FROM public.line WHERE id <= 200;
SELECT pg_temp.expect('first model', $$SELECT deployed FROM pgml.train('line', 'regression', 'public.to_learn', 'y')$$, 'true');

-- Catches a refresh that fails under the search_path that Postgres 17 gives it.
CREATE MATERIALIZED VIEW public.answers AS SELECT id, pgml.predict('line', ARRAY[a, b]) AS p FROM public.line;
CREATE UNIQUE INDEX ON public.answers (id);
SELECT pg_temp.expect('refresh', 'REFRESH MATERIALIZED VIEW CONCURRENTLY public.answers', 'done');
SELECT pg_temp.expect('its rows', 'SELECT bool_and(abs(p - y) < 1e-6) FROM public.answers JOIN public.line USING (id)', 'true');
SELECT pg_temp.expect('training on it', $$SELECT deployed FROM pgml.train('answers', 'regression', 'public.answers', 'p')$$, 'true');

-- Catches triggers that predict otherwise than queries, from arrays or rows.
CREATE TABLE public.events (a float8, b float8, p float8, q float8);
CREATE TYPE public.two AS (a float8, b float8);
CREATE FUNCTION public.fill() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r public.two := (NEW.a, NEW.b);
BEGIN
    NEW.p := pgml.predict('line', ARRAY[NEW.a, NEW.b]);
    NEW.q := pgml.predict('line', r);
    RETURN NEW;
END
$$;
CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON public.events FOR EACH ROW EXECUTE FUNCTION public.fill();
COPY public.events (a, b) FROM STDIN;
1	1
2	2
3	3
\.
INSERT INTO public.events (a, b) SELECT a, b FROM public.line;
SELECT pg_temp.expect('triggers', $$SELECT count(*) FILTER (WHERE abs(p - (2 * a + b)) < 1e-6 AND p = q) || ' of ' || count(*) FROM public.events$$, '2003 of 2003');

-- Catches sets that are not read to their end, or that mix with others.
SELECT pg_temp.expect('LIMIT', $$SELECT count(*) FROM (SELECT pgml.predict_batch('line', ARRAY[[1, 1], [2, 2], [3, 3]]) LIMIT 2) AS t$$, '2');
SELECT pg_temp.expect('a set for each row', $$SELECT count(*) FROM public.line AS l, LATERAL pgml.predict_batch('line', ARRAY[[l.a, l.b], [l.b, l.a]]) AS p WHERE l.id <= 100$$, '200');
SELECT pg_temp.expect('beside another', $$SELECT bool_and(abs(p - y) < 1e-6) FROM (SELECT array_agg(ARRAY[a, b] ORDER BY id) AS x, array_agg(y ORDER BY id) AS ys FROM public.line) AS t,
    LATERAL ROWS FROM (pgml.predict_batch('line', x), unnest(ys)) AS r (p, y)$$, 'true');
-- Catches batches of rows that predict otherwise than single ones.
CREATE VIEW public.features AS SELECT a, b FROM public.line;
SELECT pg_temp.expect('a table''s rows', $$SELECT count(*) || ' ' || round(sum(p)::numeric, 3) FROM pgml.predict_batch('line', (SELECT array_agg(f ORDER BY a) FROM public.features AS f)) AS p$$,
    (SELECT count(*) || ' ' || round(sum(pgml.predict('line', ARRAY[a, b]))::numeric, 3) FROM public.line));
SELECT pg_temp.expect('rows written out', $$SELECT string_agg(round(p::numeric)::text, ',') FROM pgml.predict_batch('line', ARRAY[(10, 3), (20, 6)]) AS p$$, '23,46');
SELECT pg_temp.expect('no rows', $$SELECT count(*) FROM pgml.predict_batch('line', '{}'::public.two[])$$, '0');
SELECT pg_temp.expect('a row that is NULL', $$SELECT count(*) FROM pgml.predict_batch('line', ARRAY[(1, 1)::public.two, NULL])$$, 'ERROR 22004%');
SELECT pg_temp.expect('by the model''s id', $$SELECT round(p::numeric) FROM pgml.predict_batch(1, ARRAY[(10, 3)]) AS p$$, '23');

-- Catches a plan that goes on with the model of before, and a deployment that outlives its rollback.
PREPARE ask AS SELECT round(pgml.predict('line', ARRAY[10, 3])::numeric);
SET plan_cache_mode = force_generic_plan;
SELECT pg_temp.expect('prepared', 'EXECUTE ask', '23');
CREATE VIEW public.other AS SELECT a, b, y + 1000 AS y FROM public.to_learn;
SELECT pg_temp.expect('second model', $$SELECT project FROM pgml.train('line', 'regression', 'public.other', 'y', automatic_deploy => false)$$, 'line');
SELECT pg_temp.expect('deployed', $$SELECT strategy FROM pgml.deploy('line', 'most_recent')$$, 'most_recent');
SELECT pg_temp.expect('prepared before', 'EXECUTE ask', '1023');
BEGIN;
SELECT pg_temp.expect('rolled back', $$SELECT strategy FROM pgml.deploy('line', 'rollback')$$, 'rollback');
SELECT pg_temp.expect('within', 'EXECUTE ask', '23');
ROLLBACK;
SELECT pg_temp.expect('and back', 'EXECUTE ask', '1023');
RESET plan_cache_mode;

-- Catches parallel workers that don't see what their transaction trained, or have no Python.
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
BEGIN;
SELECT pg_temp.expect('in a transaction', $$SELECT deployed FROM pgml.train('uncommitted', 'regression', 'public.to_learn', 'y')$$, 'true');
SELECT pg_temp.expect('its workers', $$SELECT max(abs(pgml.predict('uncommitted', ARRAY[a, b]) - y)) < 1e-3 FROM public.line$$, 'true');
ROLLBACK;
SELECT pg_temp.expect('which is gone', $$SELECT pgml.predict('uncommitted', ARRAY[1, 1])$$, 'ERROR 42704%');
SELECT pg_temp.expect('for Python', $$SELECT deployed FROM pgml.train('parallel', 'regression', 'public.to_learn', 'y', 'gaussian_process')$$, 'true');
SELECT pg_temp.expect('Python in each worker', $$SELECT count(pgml.predict('parallel', ARRAY[a, b])) FROM public.line$$, '2000');
RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET max_parallel_workers_per_gather;

-- Catches what Postgres forbids and is not said so, and what it allows.
SELECT pg_temp.expect('a generated column', $$ALTER TABLE public.line ADD COLUMN p float8 GENERATED ALWAYS AS (pgml.predict('line', ARRAY[a, b])) STORED$$, 'ERROR 42P17%immutable%');
SELECT pg_temp.expect('an index', $$CREATE INDEX ON public.line (pgml.predict('line', ARRAY[a, b]))$$, 'ERROR 42P17%IMMUTABLE%');
BEGIN READ ONLY;
SELECT pg_temp.expect('reading only', $$SELECT round(pgml.predict('line', ARRAY[10, 3])::numeric)$$, '1023');
SELECT pg_temp.expect('training while reading only', $$SELECT pgml.train('line', algorithm => 'lasso')$$, 'ERROR 25006%');
ROLLBACK;
CREATE TEMPORARY TABLE mine AS SELECT a, b, y FROM public.to_learn;
SELECT pg_temp.expect('a temporary table', $$SELECT deployed FROM pgml.train('temporary', 'regression', 'mine', 'y')$$, 'true');
DROP TABLE mine;
SELECT pg_temp.expect('which is gone', $$SELECT pgml.train('temporary')$$, 'ERROR 42P01%');
CREATE TABLE public.parts (a float8, b float8, y float8) PARTITION BY LIST (b);
CREATE TABLE public.part_0 (gone text, y float8, b float8, a float8);
ALTER TABLE public.part_0 DROP COLUMN gone;
ALTER TABLE public.parts ATTACH PARTITION public.part_0 FOR VALUES IN (0, 1, 2, 3);
CREATE TABLE public.part_1 PARTITION OF public.parts DEFAULT;
INSERT INTO public.parts SELECT a, b, y FROM public.to_learn;
SELECT pg_temp.expect('partitions of another order', $$SELECT deployed FROM pgml.train('parts', 'regression', 'public.parts', 'y')$$, 'true');
SELECT pg_temp.expect('whole rows of them', $$SELECT bool_and(abs(pgml.predict('parts', (p.a, p.b)) - p.y) < 1e-6) FROM public.parts AS p$$, 'true');
\o
\echo everywhere: passed
