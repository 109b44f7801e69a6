-- Labels as what they are: their types, their classes by name, in both runtimes, in models that Python predicts and in those that it doesn't.
\ir helpers.psql
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN grade AS text CHECK (VALUE <> '');
CREATE TABLE people AS
SELECT
    (n % 3)::float8 AS a, (n * 7 % 5)::float8 AS b,
    (ARRAY['no', 'Maybe', 'yes'])[1 + n % 3] AS as_text,
    (ARRAY['no', 'Maybe', 'yes'])[1 + n % 3]::varchar(10) AS as_varchar,
    (ARRAY['no', 'Maybe', 'yes'])[1 + n % 3]::char(8) AS as_char,
    (ARRAY['no', 'Maybe', 'yes'])[1 + n % 3]::grade AS as_domain,
    (ARRAY['sad', 'happy', 'ok'])[1 + n % 3]::mood AS as_enum,
    ('00000000-0000-0000-0000-00000000000' || n % 3)::uuid AS as_uuid,
    '2026-01-30'::date + n % 3 AS as_date,
    n % 3 > 0 AS as_bool,
    (n % 3)::smallint AS as_small, n % 3 - 1 AS as_int,
    9007199254740992 + n % 3 AS as_big,
    16777216 + n % 3 AS as_beyond_real,
    (n % 3)::numeric AS as_numeric,
    99999999999999999999 + (n % 3)::numeric AS as_long
FROM generate_series(1, 240) AS n;

-- Each type of a label, with both runtimes: what predict_label says is the label itself, for every row.
CREATE TABLE tried (label text, algorithm text, runtime pgml.runtime, named text);
DO $$
DECLARE
    label text;
    algorithm text;
    runtime text;
    model bigint;
    bad bigint;
BEGIN
    FOREACH label IN ARRAY '{as_text,as_varchar,as_char,as_domain,as_enum,as_uuid,as_date,as_bool,as_small,as_int,as_big,as_beyond_real,as_numeric,as_long}'::text[] LOOP
        EXECUTE format('CREATE OR REPLACE VIEW one_%1$s AS SELECT a, b, %1$s FROM people', label);
        FOR algorithm, runtime IN VALUES ('random_forest', 'python'), ('random_forest', 'rust'), ('xgboost', 'python'), ('lightgbm', 'rust'), ('linear', 'rust'), ('bagging', 'python') LOOP
            SELECT t.model_id INTO model FROM pgml.train(
                format('%s %s %s', label, algorithm, runtime), 'classification', 'one_' || label, label, algorithm::pgml.algorithm,
                CASE algorithm WHEN 'linear' THEN '{"C": 1000}' WHEN 'lightgbm' THEN '{"n_estimators": 10, "min_child_samples": 2}' ELSE '{"n_estimators": 10}' END,
                runtime => runtime::pgml.runtime
            ) AS t;
            EXECUTE format('SELECT count(*) FROM one_%1$s AS t WHERE pgml.predict_label(%2$s, ARRAY[a, b]) IS DISTINCT FROM trim(%1$s::text)', label, model) INTO bad;
            ASSERT bad = 0, format('%s, %s, %s: %s rows by an array', label, algorithm, runtime, bad);
            EXECUTE format('SELECT count(*) FROM one_%1$s AS t WHERE pgml.predict_label(%2$L, t) IS DISTINCT FROM trim(%1$s::text)', label, format('%s %s %s', label, algorithm, runtime)) INTO bad;
            ASSERT bad = 0, format('%s, %s, %s: %s rows by their names', label, algorithm, runtime, bad);
        END LOOP;
    END LOOP;
END
$$;

-- The classes stand in their order: bytes, the enum's own, numbers by their size; probabilities belong to them.
SELECT pg_temp.expect(label, format('SELECT string_agg(label, '','' ORDER BY class) FROM pgml.classes(%L)', label || ' random_forest rust'), wanted)
FROM (VALUES
    ('as_text', 'Maybe,no,yes'), ('as_char', 'Maybe,no,yes'), ('as_enum', 'sad,ok,happy'), ('as_date', '2026-01-30,2026-01-31,2026-02-01'),
    ('as_bool', 'false,true'), ('as_int', '-1,0,1'), ('as_big', '9007199254740992,9007199254740993,9007199254740994'),
    ('as_long', '99999999999999999999,100000000000000000000,100000000000000000001')
) AS t(label, wanted);
SELECT pg_temp.expect('most probable first', $$SELECT string_agg(label, ',' ORDER BY place) FILTER (WHERE probability > 0.5) || ' ' || round(sum(probability)::numeric, 6)
    || ' ' || bool_and(probability <= coalesce(before, 1))
    FROM (SELECT *, lag(probability) OVER (ORDER BY place) AS before FROM pgml.predict_classes('as_text xgboost python', ARRAY[2, 0]) WITH ORDINALITY AS c(label, probability, place)) AS t$$, 'yes 1.000000 true');
SELECT pg_temp.expect('the same numbers as predict_proba', $$SELECT bool_and(abs(c.probability - (pgml.predict_proba('as_enum lightgbm rust', ARRAY[2, 0]))[1 + k.class]) < 1e-12)
    FROM pgml.predict_classes('as_enum lightgbm rust', ARRAY[2, 0]) AS c JOIN pgml.classes('as_enum lightgbm rust') AS k USING (label)$$, 'true');

-- A number is given where the label is one that real holds, and nothing else.
SELECT pg_temp.expect(label, format('SELECT pgml.predict(%L, ARRAY[1, 2])', label || ' random_forest python'), wanted)
FROM (VALUES ('as_bool', '1'), ('as_small', '1'), ('as_int', '0'), ('as_numeric', '1')) AS t(label, wanted);
SELECT pg_temp.expect_error(format(call, label || ' random_forest python'), '42804', 'the label of model % is %, and a number says nothing about its classes', '%pgml.predict_label()%')
FROM unnest('{as_text,as_char,as_domain,as_enum,as_uuid,as_date,as_big,as_beyond_real,as_long}'::text[]) AS label,
    unnest(ARRAY['SELECT pgml.predict(%L, ARRAY[1, 2])', 'SELECT pgml.predict(%L, (1.0, 2.0))', 'SELECT * FROM pgml.predict_batch(%L, ARRAY[[1, 2]])', 'SELECT pgml.predict_joint(%L, ARRAY[1, 2])']) AS call;
SELECT pg_temp.expect('probabilities need no number', $$SELECT array_length(pgml.predict_proba('as_text random_forest rust', ARRAY[1, 2]), 1)$$, '3');
SELECT pg_temp.expect('the notation of an array', $$SELECT pgml.predict_label('as_text random_forest rust', '{1,2}')$$, 'Maybe');
SELECT pg_temp.expect('booleans', $$SELECT pgml.predict_label('as_text random_forest rust', ARRAY[true, false]) IN ('Maybe', 'no', 'yes')$$, 'true');

-- What has no classes, or several labels.
SELECT pgml.train('value', 'regression', 'one_as_small', 'as_small');
SELECT pg_temp.expect_error($$SELECT pgml.predict_label('value', ARRAY[1, 2])$$, '0A000', 'model % is no classification%', '%pgml.predict()%');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.classes('value')$$, '0A000', 'model % is no classification%');
CREATE VIEW several AS SELECT a, b, as_text, as_small FROM people;
SELECT pg_temp.expect_error($$SELECT pgml.train_joint('several', 'classification', 'several', '{as_text,as_small}')$$, '42804', 'column "as_text" has type text, which cannot be one of several labels', '%pgml.train()%');
CREATE VIEW two AS SELECT a, b, as_int, as_small FROM people;
SELECT pgml.train_joint('two', 'classification', 'two', '{as_int,as_small}', 'random_forest', '{"n_estimators": 3}');
SELECT pg_temp.expect_error($$SELECT pgml.predict_label('two', ARRAY[1, 2])$$, '0A000', 'model % predicts 2 labels at once', '%predict_joint%');
SELECT pg_temp.expect_error($$SELECT pgml.train('text as a value', 'regression', 'one_as_text', 'as_text')$$, '42804', 'column "as_text" has type text, which cannot be a label', '%classification%');

-- A class that only a test row has is named in the note, not numbered.
CREATE TABLE late AS SELECT n::float8 AS a, CASE WHEN n > 90 THEN 'late' ELSE (ARRAY['x', 'y'])[1 + n % 2] END AS y FROM generate_series(1, 100) AS n;
SELECT pgml.train('late ' || runtime, 'classification', 'late', 'y', 'random_forest', '{"n_estimators": 3}', test_size => 0.1, test_sampling => 'last', runtime => runtime)
FROM unnest(enum_range(NULL::pgml.runtime)) AS runtime;
SELECT pg_temp.expect('its name', $$SELECT bool_and(metrics->'notes'->>'roc_auc' LIKE '%lack: late') AND count(*) = 2 FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = project_id WHERE p.name LIKE 'late %'$$, 'true');
SELECT pg_temp.expect('its place', $$SELECT string_agg(class || label, ',' ORDER BY class) FROM pgml.classes('late rust')$$, '0x,1y');

-- class_weight by the classes' names, in both runtimes, in a search, and trained again from what is recorded.
CREATE TABLE rare AS SELECT (n * 37 % 101) / 10.0 AS a, (n * 53 % 97) / 10.0 AS b, CASE WHEN (n * 37 % 101) > 88 AND n % 3 = 0 THEN 'yes' ELSE 'no' END AS y FROM generate_series(1, 1200) AS n;
CREATE VIEW rare_bool AS SELECT a, b, y = 'yes' AS y FROM rare;
CREATE VIEW rare_int AS SELECT a, b, (y = 'yes')::int AS y FROM rare;
SELECT pgml.train(format('%s %s %s', relation, weights, runtime), 'classification', relation, 'y', 'linear', jsonb_build_object('class_weight', weights::jsonb), runtime => runtime)
FROM (VALUES ('rare', '{"no": 1, "yes": 50}'), ('rare_bool', '{"false": 1, "true": 50}'), ('rare_bool', '{"0": 1, "1": 50}'), ('rare_int', '{"0": 1, "1": 50}'), ('rare', 'null')) AS t(relation, weights),
    unnest(enum_range(NULL::pgml.runtime)) AS runtime;
DO $$
DECLARE
    project text;
    heavy bigint;
    plain bigint;
    runtime text;
BEGIN
    FOR project, runtime IN SELECT p.name, m.runtime FROM pgml.projects AS p JOIN pgml.models AS m ON m.project_id = p.id WHERE p.name LIKE 'rare%50%' LOOP
        SELECT count(*) FILTER (WHERE pgml.predict_label(project, ARRAY[a, b]) IN ('yes', 'true', '1')),
            count(*) FILTER (WHERE pgml.predict_label('rare null ' || runtime, ARRAY[a, b]) = 'yes') INTO heavy, plain FROM rare;
        ASSERT heavy > plain, format('%s: %s rows, and %s without weights', project, heavy, plain);
    END LOOP;
END
$$;
SELECT pg_temp.expect('recorded by name', $$SELECT hyperparams->'class_weight'->>'yes' FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = project_id WHERE p.name LIKE 'rare {"no"%python'$$, '50');
SELECT pg_temp.expect('trained again from the record', $$SELECT algorithm FROM pgml.train('rare {"no": 1, "yes": 50} python')$$, 'linear');
SELECT pg_temp.expect('and recorded again', $$SELECT hyperparams->'class_weight'->>'yes' FROM pgml.models ORDER BY id DESC LIMIT 1$$, '50');
SELECT pg_temp.expect_error(
    format('SELECT pgml.train(%L, ''classification'', ''rare'', ''y'', ''linear'', ''{"class_weight": {"perhaps": 2}}'', runtime => %L)', 'nobody', runtime),
    '22023', 'unknown class in class_weight%perhaps%', '%no%yes%'
) FROM unnest(enum_range(NULL::pgml.runtime)) AS runtime;
SELECT pgml.train('search', 'classification', 'rare', 'y', 'linear', search => 'grid', search_params => '{"class_weight": [null, "balanced", {"no": 1, "yes": 5}]}', search_args => '{"cv": 3}');
SELECT pg_temp.expect('a search', $$SELECT hyperparams ? 'class_weight' FROM pgml.models ORDER BY id DESC LIMIT 1$$, 'true');

-- The task from the label.
SELECT pg_temp.expect(label, format('SELECT task FROM pgml.train(%1$L, relation_name => %1$L, y_column_name => %2$L, algorithm => ''random_forest'', hyperparams => ''{"n_estimators": 2}'')', 'one_' || label, label), wanted)
FROM (VALUES ('as_text', 'classification'), ('as_varchar', 'classification'), ('as_enum', 'classification'), ('as_bool', 'classification'), ('as_numeric', 'regression')) AS t(label, wanted);
SELECT pg_temp.expect_error(format('SELECT pgml.train(%1$L, relation_name => %1$L, y_column_name => %2$L)', 'one_' || label, label), '22023',
    'the label of project "one_%", column "%", has type %, which can be a class or a value: train() needs task', '%classification%regression%')
FROM unnest('{as_small,as_int,as_big,as_date}'::text[]) AS label;
SELECT pg_temp.expect('a new label where there is none', $$SELECT pgml.train('nothing', relation_name => 'people', y_column_name => 'nobody')$$, 'ERROR 42703%nobody%');
