-- to_sql: the expression gives the predictions of the model, in a database that has no extension.
\ir helpers.psql

-- The same rows in both databases: numbers of each kind, gaps, texts that need quotes, dates and times, arrays.
\set rows 'CREATE TABLE public.rows AS SELECT i AS id, sin(i) * 3 AS a, (cos(i * 1.7) * 5)::real AS "B ""b""", (i * 7 % 13)::numeric / 4 AS c, i % 3 = 0 AS flag, CASE WHEN i % 11 = 0 THEN NULL ELSE sin(i * 0.3) END AS gap, (ARRAY[''x'', ''it''''s'', ''back\\slash'', ''ü''])[1 + i * 5 % 4] AS word, DATE ''1965-01-31'' + i * 97 AS day, TIMESTAMP ''1999-12-31 23:30'' + i * INTERVAL ''7 hours 13 seconds'' AS moment, TIMESTAMPTZ ''2001-02-03 04:05+02'' + i * INTERVAL ''5 hours'' AS zoned, TIME ''00:10'' + (i % 20) * INTERVAL ''50 minutes'' AS clock, (i % 9) * INTERVAL ''1 year 1 month 2 days 3.5 seconds'' AS span, ARRAY[sin(i * 2), cos(i * 3), i % 5] AS vector FROM generate_series(1, 300) AS i'
:rows;

CREATE VIEW public.numbers AS SELECT a, "B ""b""", c, flag, vector, a * 2 + c + (vector[1] > 0)::int AS y FROM public.rows;
CREATE VIEW public.gaps AS SELECT a, gap, flag, a + COALESCE(gap, 2) AS y FROM public.rows;
CREATE VIEW public.classes AS SELECT a, "B ""b""", c, (ARRAY['no', 'it''s', 'may\be'])[1 + (a > 0)::int + (a > 0 AND c > 1)::int] AS y FROM public.rows;
CREATE VIEW public.two AS SELECT a, c, vector, a + c > 1 AS y FROM public.rows;
CREATE VIEW public.times AS SELECT day, moment, zoned, clock, span, a, a + extract(hour FROM clock) AS y FROM public.rows;
CREATE VIEW public.words AS SELECT word, a, gap, a + length(word) AS y FROM public.rows;
CREATE VIEW public.both_of AS SELECT a, c, a + c AS y, a - c AS z FROM public.rows;

SELECT pgml.train('numbers ' || algorithm, 'regression', 'public.numbers', 'y', algorithm)
FROM unnest('{linear,ridge,lasso,random_forest,extra_trees,lightgbm,xgboost,gradient_boosting_trees,hist_gradient_boosting,bagging}'::text[]) AS t(algorithm);
SELECT pgml.train('gaps ' || algorithm, 'regression', 'public.gaps', 'y', algorithm)
FROM unnest('{lightgbm,xgboost,hist_gradient_boosting}'::text[]) AS t(algorithm);
SELECT pgml.train(source || ' ' || algorithm, 'classification', 'public.' || source, 'y', algorithm)
FROM unnest('{linear,random_forest,lightgbm,xgboost,gradient_boosting_trees,hist_gradient_boosting,ada_boost,linear_svm}'::text[]) AS t(algorithm),
    unnest('{classes,two}'::text[]) AS s(source);
SELECT pgml.train('times ' || algorithm, 'regression', 'public.times', 'y', algorithm,
    preprocess => '{"day": {"encode": "parts"}, "moment": {"encode": "parts"}, "clock": {"encode": "parts"}, "zoned": {"scale": "standard"}}')
FROM unnest('{linear,random_forest}'::text[]) AS t(algorithm);
SELECT pgml.train('raw times', 'regression', 'public.times', 'y', 'lightgbm');
SELECT pgml.train('words ' || algorithm || encode, 'regression', 'public.words', 'y', algorithm,
    preprocess => format('{"word": {"encode": "%s"}, "gap": {"impute": "median", "scale": "robust"}, "a": {"scale": "min_max"}}', encode)::jsonb)
FROM unnest('{linear,lightgbm}'::text[]) AS t(algorithm), unnest('{native,target,one_hot}'::text[]) AS e(encode);
SELECT pgml.train_joint('both', 'regression', 'public.both_of', '{y,z}', 'random_forest');

-- What each model says here.
CREATE FUNCTION pg_temp.said(model bigint, label pgml.task, several boolean) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    function text := CASE WHEN several THEN 'predict_joint' WHEN label = 'classification' THEN 'predict_label' ELSE 'predict' END;
    result text[];
BEGIN
    EXECUTE format('SELECT array_agg(pgml.%I(%s::bigint, r)::text ORDER BY r.id) FROM public.rows AS r', function, model) INTO result;
    RETURN result;
END
$$;
SELECT jsonb_object_agg(p.name, jsonb_build_object('sql', pgml.to_sql(m.id), 'trees', m.algorithm NOT IN ('linear', 'ridge', 'lasso', 'linear_svm'),
    'said', pg_temp.said(m.id, p.task, p.name = 'both'), 'boolean', p.name LIKE 'two %')) AS models, count(*) AS count, current_database() AS here
FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id \gset
SELECT :count > 35 AS enough \gset
\if :enough
\else
    DO $$ BEGIN ASSERT false, 'models are missing'; END $$;
\endif

-- A row that predict refuses has no prediction there either; one that it takes has.
SELECT pg_temp.expect_error($$SELECT pgml.predict('numbers ridge', t) FROM (SELECT a, "B ""b""", NULL::numeric AS c, flag, vector FROM public.rows LIMIT 1) AS t$$, '22004', '%NULL%');
SELECT pgml.to_sql(id) AS ridge FROM pgml.model_details WHERE name = 'numbers ridge' \gset

SELECT pg_temp.expect_error($$SELECT pgml.to_sql(-1)$$, '42704', 'model -1 does not exist');
CREATE VIEW public.small AS SELECT a, c, a * c AS y FROM public.rows;
SELECT pgml.train('machine', 'regression', 'public.small', 'y', 'svm');
SELECT pgml.train('process', 'regression', 'public.small', 'y', 'gaussian_process');
SELECT pgml.train('many', 'regression', 'public.small', 'y', 'lightgbm', '{"n_estimators": 1001}');
SELECT pg_temp.expect_error(format('SELECT pgml.to_sql(%s)', id), sqlstate, message, hint)
FROM pgml.model_details JOIN (VALUES
    ('machine', '0A000', 'a model can''t be written as SQL: it is a kernel machine', '%exchange.md%'),
    ('process', '0A000', 'model % predicts in Python only%', '%why_python%'),
    ('many', '54000', 'a model can''t be written as SQL: it has 1001 trees, and 1000 is the most', '%fewer%')
) AS e(name, sqlstate, message, hint) USING (name);

-- The other database.
SELECT :'here' || '_without' AS other \gset
DROP DATABASE IF EXISTS :"other";
CREATE DATABASE :"other" TEMPLATE template0;
\connect :"other"
SET client_min_messages = warning;
DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pgml'); END $$;
:rows;
CREATE TABLE public.expected AS SELECT key AS name, value FROM jsonb_each(:'models'::jsonb);
-- The settings of this session, whatever they are, change nothing.
SET extra_float_digits = 1;
-- From PostgreSQL 19 on, there is one form of strings.
SELECT current_setting('server_version_num')::int < 190000 AS both_strings \gset
\if :both_strings
SET standard_conforming_strings = off;
\endif
SET timezone = 'Asia/Kathmandu';
DO $$
DECLARE
    one record;
    found text[];
    wanted text[];
    different int;
    far int;
BEGIN
    FOR one IN SELECT name, value FROM public.expected ORDER BY name LOOP
        EXECUTE format('SELECT array_agg((%s)::text ORDER BY id) FROM public.rows', one.value->>'sql') INTO found;
        SELECT array_agg(CASE WHEN NOT (one.value->>'boolean')::boolean THEN v WHEN v = 'true' THEN '1' ELSE '0' END ORDER BY n)
        INTO wanted FROM jsonb_array_elements_text(one.value->'said') WITH ORDINALITY AS t(v, n);
        ASSERT cardinality(found) = 300 AND cardinality(wanted) = 300, one.name;
        SELECT count(*) FILTER (WHERE f IS DISTINCT FROM w),
            count(*) FILTER (WHERE f IS DISTINCT FROM w AND (f IS NULL OR w IS NULL OR f !~ '^[-0-9.e+]+$' OR abs(f::float8 - w::float8) > 1e-12 * greatest(1, abs(w::float8))))
        INTO different, far FROM unnest(found, wanted) AS t(f, w);
        ASSERT far = 0, format('%s: %s of 300 predictions are others: %s instead of %s', one.name, far, found[1:3], wanted[1:3]);
        ASSERT different = 0 OR NOT (one.value->>'trees')::boolean, format('%s: %s of 300 predictions of trees differ in a bit', one.name, different);
    END LOOP;
END
$$;

-- What predict refuses is NULL, and a column that is not there an error that names it.
SELECT ARRAY_AGG(p) AS refused FROM (SELECT :ridge AS p FROM (VALUES (1.0, 1.0, NULL, true, '{1,2,3}'::float8[]), ('NaN', 1, 1, true, '{1,2,3}'),
    ('Infinity', 1, 1, true, '{1,2,3}'), (1, 1, 1, true, '{1,2}'), (1, 1, 1, NULL, '{1,2,3}')) AS t(a, "B ""b""", c, flag, vector)) AS t \gset
SELECT :'refused' = '{NULL,NULL,NULL,NULL,NULL}' AS all_null \gset
\if :all_null
\else
    DO $$ BEGIN ASSERT false, 'a row was predicted that predict refuses'; END $$;
\endif
\connect :"here"
DROP DATABASE :"other";
