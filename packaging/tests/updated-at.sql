-- The trigger of pgml.auto_updated_at on every table that can have it.
\ir helpers.psql

-- Catches an UPDATE that fails because a column's type has no equality.
CREATE TABLE public.texts (body text, updated_at timestamp);
CREATE TABLE public.jsons (body json, updated_at timestamp);
CREATE TABLE public.points (body point, updated_at timestamptz);
CREATE TABLE public.boxes (body box[], updated_at timestamp);
CREATE TABLE public.generated (body text, twice text GENERATED ALWAYS AS (body || body) STORED, updated_at timestamp);
CREATE TYPE public.pair AS (a json, b point);
CREATE TABLE public.composites (body public.pair, updated_at timestamp);
SELECT pgml.auto_updated_at(t) FROM unnest('{public.texts,public.jsons,public.points,public.boxes,public.generated,public.composites}'::regclass[]) AS t;
INSERT INTO public.texts VALUES ('a', '2020-01-01');
INSERT INTO public.jsons VALUES ('{"a": 1}', '2020-01-01');
INSERT INTO public.points VALUES ('(1,2)', '2020-01-01');
INSERT INTO public.boxes VALUES (ARRAY['((1,2),(3,4))'::box], '2020-01-01');
INSERT INTO public.generated VALUES ('a', DEFAULT, '2020-01-01');
INSERT INTO public.composites VALUES (ROW('1', '(1,2)'), '2020-01-01');
SELECT pg_temp.expect(t, format('UPDATE public.%I SET body = %L RETURNING updated_at > ''2020-01-02''', t, body), 'true')
FROM (VALUES ('texts', 'b'), ('jsons', '{"a": 2}'), ('points', '(3,4)'), ('boxes', '{((1,2),(3,5))}'), ('generated', 'b'), ('composites', '(1,"(3,4)")')) AS v (t, body);

-- Catches an update that changes nothing and moves the time all the same: also where a column is generated, which NEW lacks.
SELECT pg_temp.expect(t, format('UPDATE public.%I SET updated_at = ''2020-01-01'' RETURNING updated_at = ''2020-01-01''', t), 'true')
FROM unnest('{texts,jsons,points,generated,composites}'::text[]) AS t;
SELECT pg_temp.expect(t, format('UPDATE public.%I SET body = body RETURNING updated_at = ''2020-01-01''', t), 'true')
FROM unnest('{texts,jsons,points,generated,composites}'::text[]) AS t;

-- Catches a table that gets the trigger and then can't be updated any more.
CREATE TABLE public.without (body json);
CREATE TABLE public.number (body json, updated_at int);
CREATE TABLE public.computed (body date, updated_at date GENERATED ALWAYS AS (body) STORED);
SELECT pg_temp.expect(t, format('SELECT pgml.auto_updated_at(%L)', 'public.' || t), 'ERROR 42703%updated_at%HINT%ADD COLUMN%')
FROM unnest('{without,number,computed}'::text[]) AS t;

-- Catches partitions, and names as long as Postgres allows.
CREATE TABLE public."Parted, with a name as long as PostgreSQL takes it: äöüßxxxxxx" (id int, body json, updated_at timestamp) PARTITION BY RANGE (id);
CREATE TABLE public.part PARTITION OF public."Parted, with a name as long as PostgreSQL takes it: äöüßxxxxxx" FOR VALUES FROM (0) TO (10);
SELECT pgml.auto_updated_at('public."Parted, with a name as long as PostgreSQL takes it: äöüßxxxxxx"');
INSERT INTO public.part VALUES (1, '1', '2020-01-01');
SELECT pg_temp.expect('a partition', $$UPDATE public.part SET body = '2' RETURNING updated_at > '2020-01-02'$$, 'true');
\o
\echo updated_at: passed
