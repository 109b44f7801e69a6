-- preprocess: texts as categories, gaps filled, numbers scaled; predictions from rows.
\ir helpers.psql

CREATE TABLE public.weather AS
SELECT
    (ARRAY['jan', 'apr', 'jul', 'oct'])[1 + i % 4] AS month,
    (ARRAY['nimbus', 'cumulus', 'cirrus'])[1 + (i * 7) % 3]::varchar(20) AS clouds,
    CASE WHEN i % 10 <> 3 THEN ((i * 13) % 50)::numeric END AS humidity,
    ARRAY[(i * 3) % 5, (i * 11) % 7]::int[] AS winds,
    (3 * (i % 4) + 5 * ((i * 7) % 3) + ((i * 13) % 50) / 10.0 + ((i * 3) % 5))::float4 AS rain
FROM generate_series(1, 400) AS i;
CREATE FUNCTION pg_temp.details(project text) RETURNS pgml.model_details LANGUAGE sql AS
$$ SELECT * FROM pgml.model_details WHERE name = $1 ORDER BY id DESC LIMIT 1 $$;

-- Catches a text column that is refused, forgotten, or numbered by where its rows lie; and a row that isn't taken.
SELECT pgml.train('native', 'regression', 'public.weather', 'rain', 'random_forest', preprocess => '{"humidity": {"impute": "mean"}}', runtime => runtime)
FROM unnest('{python,rust}'::pgml.runtime[]) AS runtime;
DO $$
DECLARE
    one record;
    learned jsonb;
BEGIN
    FOR one IN SELECT * FROM pgml.model_details WHERE name = 'native' LOOP
        ASSERT one.score > 0.8 AND one.num_features = 5 AND one.predicted_by = 'rust', one::text;
        ASSERT (SELECT count(DISTINCT pgml.predict(one.id, (month, clouds, humidity, winds))) > 20 FROM public.weather);
        ASSERT (SELECT max(abs(pgml.predict(one.id, (month, clouds, humidity, winds)) - rain)) < 10 FROM public.weather);
        -- The last 40 bytes are the seal.
        SELECT pg_catalog.convert_from(substr(data, 1, length(data) - 40), 'UTF8')::jsonb INTO learned FROM pgml.files WHERE model_id = one.id AND path = 'preprocess.json';
        ASSERT learned @> '{"version": 1, "columns": [{"name": "month", "size": 1, "categories": {"null": 0, "values": {"apr": 1, "jan": 2, "jul": 3, "oct": 4}}},
            {"name": "clouds", "categories": {"values": {"cirrus": 1, "cumulus": 2, "nimbus": 3}}}]}', learned::text;
        ASSERT (SELECT array_agg(feature ORDER BY feature) FROM pgml.feature_importances(one.id)) = '{clouds,humidity,month,winds[1],winds[2]}';
    END LOOP;
END
$$;
-- The whole row of a view is a row, too.
CREATE VIEW public.asked AS SELECT month, clouds, humidity, winds FROM public.weather LIMIT 50;
DO $$
BEGIN
    ASSERT (SELECT bool_and(pgml.predict('native', a) = pgml.predict('native', (a.month, a.clouds, a.humidity, a.winds))
        AND pgml.predict('native', a) = (pgml.predict_joint('native', a))[1]) FROM public.asked AS a);
    ASSERT pgml.predict('native', NULL::public.asked) IS NULL;
    -- A category that is NULL, types that only look alike, and a gap.
    ASSERT pgml.predict('native', ('jan', 'cirrus', 3, ARRAY[1, 2])) = pgml.predict('native', ('jan'::char(8), 'cirrus'::text, 3.0::real, ARRAY[1, 2]::numeric[]));
    ASSERT pgml.predict('native', (NULL, 'cirrus', NULL::numeric, ARRAY[1, 2])) IS NOT NULL;
END
$$;

-- Catches steps that are not those that SQL takes by hand. The last 100 rows are tested on, so that the first 300 decide.
CREATE VIEW public.by_hand AS
SELECT
    (month = 'apr')::int AS apr, (month = 'jan')::int AS jan, (month = 'jul')::int AS jul, (month = 'oct')::int AS oct,
    (w.clouds_mean - t.mean) / t.dev AS clouds,
    (coalesce(humidity, h.median) - h.min) / (h.max - h.min) AS humidity,
    ARRAY[(winds[1] - v.median) / v.range, (winds[2] - v.median) / v.range] AS winds,
    rain
FROM (
    SELECT weather.*, m.clouds_mean, row_number() OVER (ORDER BY weather.ctid) AS place
    FROM public.weather JOIN (SELECT clouds, avg(rain) AS clouds_mean FROM (SELECT * FROM public.weather LIMIT 300) AS w GROUP BY clouds) AS m USING (clouds)
) AS w,
(SELECT avg(c.clouds_mean) AS mean, stddev_pop(c.clouds_mean) AS dev FROM (SELECT avg(rain) OVER (PARTITION BY clouds) AS clouds_mean FROM (SELECT * FROM public.weather LIMIT 300) AS w) AS c) AS t,
(SELECT min(humidity)::float8, max(humidity)::float8, percentile_cont(0.5) WITHIN GROUP (ORDER BY humidity) AS median FROM (SELECT * FROM public.weather LIMIT 300) AS w) AS h,
(SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS median, percentile_cont(0.75) WITHIN GROUP (ORDER BY x) - percentile_cont(0.25) WITHIN GROUP (ORDER BY x) AS range
 FROM (SELECT * FROM public.weather LIMIT 300) AS w, unnest(winds) AS x) AS v
ORDER BY w.place;
CREATE FUNCTION pg_temp.steps() RETURNS jsonb LANGUAGE sql AS $$
    SELECT '{"month": {"encode": "one_hot"}, "clouds": {"encode": "target", "scale": "standard"},
        "humidity": {"impute": "median", "scale": "min_max"}, "winds": {"scale": "robust"}}'::jsonb
$$;
DO $$
DECLARE
    runtime pgml.runtime;
    one record;
BEGIN
    FOREACH runtime IN ARRAY '{python,rust}'::pgml.runtime[] LOOP
        PERFORM pgml.train('steps ' || runtime, 'regression', 'public.weather', 'rain', 'ridge', test_size => 100, test_sampling => 'last', runtime => runtime, preprocess => pg_temp.steps());
        PERFORM pgml.train('hand ' || runtime, 'regression', 'public.by_hand', 'rain', 'ridge', test_size => 100, test_sampling => 'last', runtime => runtime);
        SELECT * INTO one FROM pg_temp.details('steps ' || runtime);
        ASSERT one.num_features = 8 AND one.predicted_by = 'rust', one::text;
        ASSERT abs(one.score - (pg_temp.details('hand ' || runtime)).score) < 1e-6, format('%s, by hand %s', one.score, (pg_temp.details('hand ' || runtime)).score);
        ASSERT (SELECT max(abs(a - b)) < 1e-5 FROM (
            SELECT array_agg(pgml.predict('steps ' || runtime, (month, clouds, humidity, winds)) ORDER BY ctid) AS all_a FROM public.weather
        ) AS x, (
            SELECT array_agg(pgml.predict('hand ' || runtime, (apr, jan, jul, oct, clouds, humidity, winds))) AS all_b FROM public.by_hand
        ) AS y, unnest(all_a, all_b) AS p (a, b)), runtime::text;
        ASSERT (SELECT array_agg(feature ORDER BY feature) FROM pgml.feature_importances('steps ' || runtime))
            = '{clouds,humidity,month=apr,month=jan,month=jul,month=oct,winds[1],winds[2]}';
    END LOOP;
END
$$;

-- Catches a model whose steps Python's own prediction doesn't see: one that isn't exported.
SET client_min_messages = error;
SELECT pgml.train('python', 'regression', 'public.weather', 'rain', 'gaussian_process', test_size => 100, test_sampling => 'last', preprocess => pg_temp.steps());
SELECT pgml.train('python by hand', 'regression', 'public.by_hand', 'rain', 'gaussian_process', test_size => 100, test_sampling => 'last');
RESET client_min_messages;
DO $$
BEGIN
    ASSERT (pg_temp.details('python')).predicted_by = 'python';
    ASSERT (SELECT max(abs(a - b)) < 1e-3 FROM (
        SELECT array_agg(pgml.predict('python', (month, clouds, humidity, winds)) ORDER BY ctid) AS all_a FROM public.weather
    ) AS x, (
        SELECT array_agg(pgml.predict('python by hand', (apr, jan, jul, oct, clouds, humidity, winds))) AS all_b FROM public.by_hand
    ) AS y, unnest(all_a, all_b) AS p (a, b));
END
$$;

-- Catches a later training that forgets the steps, and a snapshot that doesn't note them as 2.x does.
DO $$
DECLARE
    found jsonb;
BEGIN
    PERFORM pgml.train('steps python', algorithm => 'lasso');
    ASSERT (pg_temp.details('steps python')).num_features = 8;
    SELECT s.columns INTO found FROM pgml.snapshots AS s JOIN pgml.models AS m ON m.snapshot_id = s.id WHERE m.id = (pg_temp.details('steps python')).id;
    ASSERT found->0 @> '{"name": "month", "label": false, "position": 1, "size": 1, "preprocessor": {"encode": "one_hot", "impute": "error", "scale": "preserve"}}', found->>0;
    ASSERT found->0->'statistics'->'categories' ?& '{apr,jan,jul,oct}' AND (found->0->'statistics'->'categories'->'apr'->>'members')::int = 75, found->>0;
    ASSERT (found->2->'statistics'->>'missing')::int = 30 AND jsonb_array_length(found->2->'statistics'->'ventiles') = 19
        AND jsonb_array_length(found->2->'statistics'->'histogram') = 20, found->>2;
    ASSERT found->4 @> '{"name": "rain", "label": true, "preprocessor": {"encode": "native"}}' AND NOT found->4 ? 'statistics', found->>4;
    -- Other steps are another snapshot.
    PERFORM pgml.train('steps python', preprocess => '{"humidity": {"impute": "zero"}}');
    ASSERT (pg_temp.details('steps python')).num_features = 5;
    ASSERT (SELECT count(DISTINCT m.snapshot_id) = 2 FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id WHERE p.name = 'steps python');
    -- A copy of the rows keeps them, too.
    PERFORM pgml.train('copied', 'regression', 'public.weather', 'rain', 'ridge', materialize_snapshot => true, preprocess => pg_temp.steps());
    PERFORM pgml.train('copied', algorithm => 'lasso');
    ASSERT (SELECT count(DISTINCT snapshot_id) = 1 AND bool_and(num_features = 8) FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id WHERE p.name = 'copied');
END
$$;

-- Classes, several labels, clusters and components from rows with texts.
CREATE VIEW public.wet AS SELECT month, clouds, humidity, winds, rain > 12 AS wet FROM public.weather;
CREATE VIEW public.both_of AS SELECT month, clouds, winds, rain, rain * 2 AS twice FROM public.weather;
CREATE VIEW public.unlabelled AS SELECT month, clouds, winds FROM public.weather;
DO $$
DECLARE
    runtime pgml.runtime;
BEGIN
    FOREACH runtime IN ARRAY '{python,rust}'::pgml.runtime[] LOOP
        PERFORM pgml.train('wet ' || runtime, 'classification', 'public.wet', 'wet', 'random_forest', runtime => runtime,
            preprocess => '{"month": {"encode": {"ordinal": ["jan", "apr", "jul", "oct"]}}, "clouds": {"encode": "target"}, "humidity": {"impute": "mode", "scale": "max_abs"}}');
        ASSERT (pg_temp.details('wet ' || runtime)).score > 0.9;
        ASSERT (SELECT bool_and(abs(1 - p[1] - p[2]) < 1e-9) FROM (SELECT pgml.predict_proba('wet ' || runtime, (month, clouds, humidity, winds)) AS p FROM public.wet) AS t);
        PERFORM pgml.train_joint('both ' || runtime, 'regression', 'public.both_of', '{rain,twice}', 'linear', runtime => runtime, preprocess => '{"month": {"encode": "one_hot"}, "clouds": {"encode": "one_hot"}}');
        ASSERT (SELECT bool_and(abs(2 * p[1] - p[2]) < 1e-3) FROM (SELECT pgml.predict_joint('both ' || runtime, (month, clouds, winds)) AS p FROM public.both_of) AS t);
        PERFORM pgml.train('groups ' || runtime, 'clustering', 'public.unlabelled', algorithm => 'kmeans', runtime => runtime,
            hyperparams => '{"n_clusters": 3}', preprocess => '{"clouds": {"encode": "one_hot"}}');
        ASSERT (SELECT count(DISTINCT pgml.predict('groups ' || runtime, u)) = 3 FROM public.unlabelled AS u);
        PERFORM pgml.train('plane ' || runtime, 'decomposition', 'public.unlabelled', algorithm => 'pca', runtime => runtime, hyperparams => '{"n_components": 2}');
        ASSERT (SELECT bool_and(array_length(pgml.decompose('plane ' || runtime, u), 1) = 2) FROM public.unlabelled AS u);
    END LOOP;
END
$$;

-- Arrays are the columns' own numbers where there are no texts, NULL among them; one row after the other is a batch.
CREATE VIEW public.numbers AS SELECT humidity, winds, rain FROM public.weather;
SELECT pgml.train('numbers', 'regression', 'public.numbers', 'rain', 'ridge', preprocess => '{"humidity": {"impute": "mean", "scale": "standard"}}');
DO $$
BEGIN
    ASSERT pgml.predict('numbers', ARRAY[30, 1, 2]) = pgml.predict('numbers', (30, ARRAY[1, 2]));
    ASSERT pgml.predict('numbers', ARRAY[NULL, 1, 2]) = pgml.predict('numbers', (NULL::int, ARRAY[1, 2]));
    ASSERT pgml.predict('numbers', ARRAY['NaN', 1, 2]::float8[]) = pgml.predict('numbers', ARRAY[NULL, 1, 2]);
    ASSERT ARRAY(SELECT pgml.predict_batch('numbers', ARRAY[[NULL, 1, 2], [30, 1, 2]])) = ARRAY[pgml.predict('numbers', ARRAY[NULL, 1, 2]), pgml.predict('numbers', ARRAY[30, 1, 2])];
    ASSERT ARRAY(SELECT pgml.predict_batch('numbers', ARRAY[NULL, 1, 2, 30, 1, 2])) = ARRAY(SELECT pgml.predict_batch('numbers', ARRAY[[NULL, 1, 2], [30, 1, 2]]));
END
$$;
-- A model without steps takes a row and a flat batch, too.
CREATE VIEW public.plain AS SELECT winds, rain FROM public.weather;
SELECT pgml.train('plain', 'regression', 'public.plain', 'rain', algorithm) FROM unnest('{ridge,gaussian_process}'::pgml.algorithm[]) AS algorithm;
DO $$
DECLARE
    model bigint;
BEGIN
    FOR model IN SELECT id FROM pgml.model_details WHERE name = 'plain' LOOP
        ASSERT pgml.predict(model, ROW(ARRAY[1, 2])) = pgml.predict(model, ARRAY[1, 2]) AND pgml.predict(model, (1, 2::smallint)) = pgml.predict(model, ARRAY[1, 2]);
        ASSERT ARRAY(SELECT pgml.predict_batch(model, ARRAY[1, 2, 3, 4])) = ARRAY(SELECT pgml.predict_batch(model, ARRAY[[1, 2], [3, 4]]));
    END LOOP;
END
$$;

-- What can't be done is said by the column's name.
SELECT pg_temp.expect_error($$SELECT pgml.train('no', 'regression', 'public.weather', 'rain', preprocess => '{"month": {"encode": "hash"}}')$$, '22023', 'preprocess of column "month": unknown variant `hash`%', '%one_hot%');
SELECT pg_temp.expect_error($$SELECT pgml.train('no', 'regression', 'public.weather', 'rain', preprocess => '{"rain": {"scale": "standard"}}')$$, '22023', 'preprocess of column "rain": it is the label%');
SELECT pg_temp.expect_error($$SELECT pgml.train('no', 'regression', 'public.weather', 'rain', preprocess => '{"snow": {"scale": "standard"}}')$$, '42703', 'column "snow" of relation public.weather does not exist', 'It has: month, clouds, humidity, winds.');
SELECT pg_temp.expect_error($$SELECT pgml.train('no', 'regression', 'public.weather', 'rain', preprocess => '{"humidity": {"encode": "target"}}')$$, '22023', '%this one has numbers');
SELECT pg_temp.expect_error($$SELECT pgml.train('no', 'regression', 'public.weather', 'rain')$$, '22004', 'NULL in column "humidity" (40 rows)', '%preprocess%');
SELECT pg_temp.expect_error($$SELECT pgml.train('no', 'clustering', 'public.unlabelled', algorithm => 'kmeans', preprocess => '{"month": {"encode": "target"}}')$$, '22023', '%needs a label');
SELECT pg_temp.expect_error($$SELECT pgml.train('no', 'regression', 'public.weather', 'rain', preprocess => '{"humidity": {"impute": "zero"}, "month": {"encode": {"ordinal": ["jan", "apr"]}}}')$$, '22023', 'column "month" has 2 categories that the list of "ordinal" lacks: "jul", "oct"');
SELECT pg_temp.expect_error($$SELECT pgml.predict('native', ('dec', 'cirrus', 3, ARRAY[1, 2]))$$, '22000', 'column "month" has the category "dec", which the rows to train on lacked', '%impute%');
SELECT pg_temp.expect_error($$SELECT pgml.predict('native', ('jan', 'cirrus', 3))$$, '2202E', 'model % takes 4 columns, and 3 were given', '%("month", "clouds", "humidity", "winds")%');
SELECT pg_temp.expect_error($$SELECT pgml.predict('native', (1, 'cirrus', 3, ARRAY[1, 2]))$$, '42804', 'column "month" takes text');
SELECT pg_temp.expect_error($$SELECT pgml.predict('native', ('jan', 'cirrus', '3'::text, ARRAY[1, 2]))$$, '42804', 'column "humidity" takes a number');
SELECT pg_temp.expect_error($$SELECT pgml.predict('native', ('jan', 'cirrus', 3, ARRAY[1]))$$, '2202E', 'column "winds" takes 2 numbers, and 1 were given');
SELECT pg_temp.expect_error($$SELECT pgml.predict('native', ('jan', 'cirrus', 3, NULL::int[]))$$, '22004', 'column "winds" is NULL%');
SELECT pg_temp.expect_error($$SELECT pgml.predict('native', ('jan', 'cirrus', '1.2.3.4'::inet, ARRAY[1, 2]))$$, '42804', 'column 3 of the row has type inet%');
SELECT pg_temp.expect_error($$SELECT pgml.predict('native', ARRAY[1, 2, 3, 4, 5])$$, '42804', 'model % takes a row, because its column "month" is text', '%("month", "clouds", "humidity", "winds")%');
SELECT pg_temp.expect_error($$SELECT pgml.predict('plain', ('a'::text, 1))$$, '42804', 'column 1 of the row is text, and the model takes numbers');
SELECT pg_temp.expect_error($$SELECT pgml.predict_batch('plain', ARRAY[1, 2, 3])$$, '2202E', '3 numbers are not rows of 2, which model % takes');
SELECT pg_temp.expect_error($$SELECT pgml.predict_batch('numbers', ARRAY[1, 2, 3, 4])$$, '2202E', '4 numbers are not rows of 3, which model % takes');
-- A category of the test rows alone: refused, or imputed.
CREATE VIEW public.rare AS SELECT CASE WHEN row_number() OVER (ORDER BY w.ctid) = 400 THEN 'rare' ELSE month END AS month, rain FROM public.weather AS w;
SELECT pg_temp.expect_error($$SELECT pgml.train('no', 'regression', 'public.rare', 'rain', test_size => 10, test_sampling => 'last')$$, '22000', 'categories among the test rows that the rows to train on lack, in column "month" (1 row)', '%impute%');
SELECT pgml.train('rare', 'regression', 'public.rare', 'rain', test_size => 10, test_sampling => 'last', preprocess => '{"month": {"impute": "mode"}}');
DO $$ BEGIN ASSERT pgml.predict('rare', ROW('dec')) = pgml.predict('rare', ROW('jul')); END $$;

-- A damaged file is an error, whatever is wrong with it.
CREATE TABLE public.saved AS SELECT pgml.predict('numbers', ARRAY[30, 1, 2]) AS before;
BEGIN;
UPDATE pgml.files SET data = '{"version": 2}' WHERE path = 'preprocess.json' AND model_id = (pg_temp.details('numbers')).id;
SELECT pg_temp.expect_error($$SELECT pgml.predict('numbers', ARRAY[30, 1, 2])$$, '55000', 'model % is not as this database stored it, and is not read', '%pgml.trust(%');
SELECT pgml.trust((pg_temp.details('numbers')).id);
SELECT pg_temp.expect_error($$SELECT pgml.predict('numbers', ARRAY[30, 1, 2])$$, 'XX001', 'file "preprocess.json" of model % can''t be used: it has version 2%');
ROLLBACK;

-- A model that PostgresML 2.10 trained: its steps are in its snapshot, its arithmetic is float4, and arrays are past the steps.
DO $$
DECLARE
    plain bigint;
BEGIN
    PERFORM pgml.train('theirs', 'regression', 'public.plain', 'rain', 'linear');
    SELECT id INTO plain FROM pgml.models ORDER BY id DESC LIMIT 1;
    DELETE FROM pgml.files WHERE model_id = plain AND path <> 'estimator.pkl';
    UPDATE pgml.files SET path = 'estimator.rmp' WHERE model_id = plain;
    UPDATE pgml.snapshots SET analysis = '{"samples": 400}', columns = '[
        {"name": "month", "pg_type": "text", "nullable": true, "label": false, "position": 1, "size": 1, "array": false,
         "preprocessor": {"encode": "target", "impute": "mean", "scale": "standard"},
         "statistics": {"mean": 4, "std_dev": 2, "categories": {"__NULL__": {"value": 1, "members": 1}, "jan": {"value": 5, "members": 2}}}},
        {"name": "humidity", "pg_type": "float4", "nullable": true, "label": false, "position": 2, "size": 1, "array": false,
         "preprocessor": {"encode": "native", "impute": "min", "scale": "preserve"}, "statistics": {"min": 0.5}},
        {"name": "rain", "pg_type": "float4", "nullable": true, "label": true, "position": 3, "size": 1, "array": false,
         "preprocessor": {"encode": "native", "impute": "error", "scale": "preserve"}, "statistics": {}}
    ]' WHERE id = (SELECT snapshot_id FROM pgml.models WHERE id = plain);
    ASSERT pgml.predict(plain, ('jan', 7)) = pgml.predict(plain, ARRAY[0.5, 7]);
    ASSERT pgml.predict(plain, ('?', NULL::int)) = pgml.predict(plain, ARRAY[0, 0.5]);
    ASSERT pgml.predict(plain, (NULL, 0.1)) = pgml.predict(plain, ARRAY[-1.5, 0.1::real]);
END
$$;

-- In a session that has nothing in memory.
\c
\ir helpers.psql
DO $$
BEGIN
    ASSERT (SELECT before FROM public.saved) = pgml.predict('numbers', ARRAY[30, 1, 2]);
    ASSERT pgml.predict('native', ('jan', 'cirrus', NULL::int, ARRAY[1, 2])) IS NOT NULL;
    ASSERT NOT pgml.python_is_running(), 'Python was started';
END
$$;
\o
\echo preprocess: passed
