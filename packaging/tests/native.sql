-- Prediction without Python: which models have it, that it equals Python's, and damaged files.
\ir helpers.psql

SET client_min_messages = error;
SELECT pgml.load_dataset('diabetes', "limit" => 120);
SELECT pgml.load_dataset('iris');
SELECT pgml.load_dataset('breast_cancer', "limit" => 120);
SELECT pgml.load_dataset('linnerud');
-- Features with room between the classes, so that no solver has to stop early; digits' images are arrays.
SELECT pgml.load_dataset('digits', "limit" => 200);

-- Every pair of an algorithm and a task, each with as many classes or labels as it can have.
CREATE TABLE public.trained (model_id bigint, what text, relation text, features text);
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT a.algorithm, c.*
        FROM unnest(enum_range(NULL::pgml.algorithm)) AS a(algorithm)
        JOIN (VALUES
            ('regression', 'pgml.diabetes', '{target}'::text[], 'ARRAY[age,sex,bmi,bp,s1,s2,s3,s4,s5,s6]::float8[]'),
            ('regression', 'pgml.linnerud', '{weight,pulse}', 'ARRAY[chins,situps,jumps,waist]::float8[]'),
            ('classification', 'pgml.iris', '{target}', 'ARRAY[sepal_length,sepal_width,petal_length,petal_width]::float8[]'),
            ('classification', 'pgml.digits', '{target}', 'ARRAY(SELECT unnest(image))::float8[]')
        ) AS c(task, relation, labels, features) ON true
        WHERE a.algorithm::text <> ALL (
            '{kmeans,mini_batch_kmeans,birch,affinity_propagation,mean_shift,pca,catboost,knn,dbscan,optics,spectral,spectral_bi,spectral_co,feature_agglomeration}'
        )
    LOOP
        BEGIN
            PERFORM pgml.train_joint(
                concat_ws(' ', one.algorithm, one.task, one.relation), one.task, one.relation, one.labels, one.algorithm
            );
        EXCEPTION WHEN OTHERS THEN
            -- What has no such task, or no form for several labels.
            ASSERT SQLERRM ~ 'can''t do|several labels|one label', format('%s: %s', one, SQLERRM);
            CONTINUE;
        END;
        INSERT INTO public.trained
        SELECT max(id), concat_ws(' ', one.algorithm, one.task, one.relation), one.relation, one.features FROM pgml.models;
    END LOOP;
END
$$;

-- Catches a model that Python goes on predicting without saying why, or of another algorithm than these.
DO $$
DECLARE
    left_to_python text[] := ARRAY(
        SELECT DISTINCT m.algorithm FROM pgml.models AS m WHERE m.metrics->>'predicted_by' <> 'rust' ORDER BY 1
    );
BEGIN
    ASSERT left_to_python = '{gaussian_process}', left_to_python::text || (
        SELECT string_agg(concat_ws(' ', t.what, m.metrics->>'not_exported'), E'\n')
        FROM pgml.models AS m JOIN public.trained AS t ON t.model_id = m.id
        WHERE m.metrics->>'predicted_by' <> 'rust' AND m.algorithm <> 'gaussian_process'
    );
    ASSERT NOT EXISTS (SELECT FROM pgml.models WHERE metrics->>'predicted_by' <> 'rust' AND metrics->>'not_exported' IS NULL);
    ASSERT (SELECT count(*) FROM public.trained) >= 90, (SELECT count(*)::text FROM public.trained);
END
$$;

-- Catches a prediction of an exported model that starts Python.
\c
\ir helpers.psql
CREATE TABLE public.predicted (model_id bigint, place bigint, joint float8[], probabilities float8[]);
CREATE FUNCTION public.predict_all(only_rust boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT t.*, m.metrics->>'log_loss' IS NOT NULL AS probable
        FROM public.trained AS t JOIN pgml.models AS m ON m.id = t.model_id
        WHERE m.metrics->>'predicted_by' = 'rust' OR NOT only_rust
    LOOP
        EXECUTE format(
            'INSERT INTO public.predicted SELECT %1$s, row_number() OVER (), pgml.predict_joint(%1$s, %2$s), '
            'CASE WHEN %4$L THEN pgml.predict_proba(%1$s, %2$s) END FROM %3$s',
            one.model_id, one.features, one.relation, one.probable
        );
    END LOOP;
END
$$;
SELECT public.predict_all(true);
DO $$
BEGIN
    ASSERT (SELECT count(DISTINCT model_id) FROM public.predicted) > 80;
    ASSERT (SELECT count(*) FROM public.predicted WHERE probabilities IS NOT NULL) > 1000;
    ASSERT NOT pgml.python_is_running(), 'a model that has a form without Python was predicted by it';
END
$$;

-- Catches a prediction that differs from Python's on the same model: in any bit where trees are added up, and in any class;
-- in the ninth digit elsewhere. Without its file, the same model is Python's.
BEGIN;
ALTER TABLE public.predicted RENAME TO predicted_in_rust;
CREATE TABLE public.predicted (LIKE public.predicted_in_rust);
DELETE FROM pgml.files WHERE path = 'estimator.safetensors';
SELECT public.predict_all(false);
DO $$
DECLARE
    wrong text;
BEGIN
    ASSERT pgml.python_is_running();
    SELECT string_agg(DISTINCT t.what, ', ') INTO wrong
    FROM public.predicted AS python
    JOIN public.predicted_in_rust AS rust USING (model_id, place)
    JOIN public.trained AS t USING (model_id)
    JOIN LATERAL (
        SELECT bool_or(
            CASE WHEN t.what ~ '^(random_forest|extra_trees|bagging|ada_boost|(hist_)?gradient_boosting|xgboost|lightgbm)|classification'
                THEN ours IS DISTINCT FROM theirs
                ELSE abs(ours - theirs) > 1e-9 * greatest(abs(ours), abs(theirs))
            END
        ) AS differs
        FROM unnest(rust.joint, python.joint) AS j(ours, theirs)
    ) AS labels ON true
    LEFT JOIN LATERAL (
        SELECT bool_or(abs(ours - theirs) > 1e-9 * greatest(abs(ours), abs(theirs))) AS differs
        FROM unnest(rust.probabilities, python.probabilities) AS j(ours, theirs)
    ) AS probabilities ON true
    WHERE labels.differs OR probabilities.differs;
    ASSERT wrong IS NULL, wrong;
END
$$;
ROLLBACK;

-- Catches rows that the file can't answer as Python would: each gets Python's answer, or Python's error.
CREATE FUNCTION pg_temp.model(algorithm text) RETURNS bigint LANGUAGE sql AS $$
    SELECT max(id) FROM pgml.models AS m WHERE m.algorithm = $1 AND num_features = 10
$$;
SELECT pg_temp.expect_error(format($$SELECT pgml.predict(%s, '{1,2,3,4,5,6,7,8,9,NaN}')$$, pg_temp.model('linear')), '22023', '%NaN%');
SELECT pg_temp.expect_error(format($$SELECT pgml.predict(%s, '{1,2,3,4,5,6,7,8,9,infinity}')$$, pg_temp.model('linear')), '22023', '%infinity%');
SELECT pg_temp.expect_error(format($$SELECT pgml.predict(%s, '{1,2,3,4,5,6,7,8,9,1e300}')$$, pg_temp.model('random_forest')), '22023', '%too large%');
DO $$ BEGIN ASSERT pgml.predict(pg_temp.model('xgboost'), '{1,2,3,4,5,6,7,8,9,NaN}') IS NOT NULL; END $$;

-- Catches small arrays that are read where they lie in the row, packed and unaligned, and large ones stored compressed or
-- apart; arrays of PL/pgSQL; and one with room for NULLs but none in it.
CREATE TABLE public.stored AS SELECT ARRAY[age,sex,bmi,bp,s1,s2,s3,s4,s5,s6]::float8[] AS row, row_number() OVER () AS place FROM pgml.diabetes;
ALTER TABLE public.stored ADD COLUMN padding "char" DEFAULT 'x', ADD COLUMN again float8[];
UPDATE public.stored SET again = row;
CREATE TABLE public.toasted AS SELECT (SELECT array_agg(row ORDER BY place) FROM public.stored) AS rows;
DO $$
DECLARE
    model bigint := pg_temp.model('ridge');
    line float8[] := (SELECT row FROM public.stored WHERE place = 1);
    expected float8 := pgml.predict(model, (SELECT ARRAY[age,sex,bmi,bp,s1,s2,s3,s4,s5,s6]::float8[] FROM pgml.diabetes LIMIT 1));
    with_bitmap float8[];
BEGIN
    ASSERT (SELECT pg_column_size(again) < 110 FROM public.stored LIMIT 1), 'the arrays are not packed';
    ASSERT (SELECT pgml.predict(model, row) = expected AND pgml.predict(model, again) = expected FROM public.stored WHERE place = 1);
    line[11] := 0;
    line := line[1:10];
    ASSERT pgml.predict(model, line) = expected;
    with_bitmap := line || NULL::float8;
    with_bitmap[11] := 1;
    PERFORM pg_temp.expect_error(format('SELECT pgml.predict(%s, %L)', model, with_bitmap), '2202E', '%takes 10 features, and 11%');
    ASSERT ARRAY(SELECT pgml.predict_batch(model, rows) FROM public.toasted) = ARRAY(SELECT pgml.predict(model, row) FROM public.stored ORDER BY place);
END
$$;

-- Catches a batch that gives other rows when it is not read to its end, and again.
DO $$
DECLARE
    model bigint := pg_temp.model('ridge');
BEGIN
    ASSERT (SELECT count(*) = 6 AND count(DISTINCT first) = 1 FROM generate_series(1, 6) AS n
            JOIN LATERAL (SELECT p + 0 * n AS first FROM pgml.predict_batch(model, (SELECT rows FROM public.toasted)) AS p LIMIT 1) AS b ON true);
    ASSERT (SELECT count(*) FROM (SELECT pgml.predict_batch(model, rows) FROM public.toasted LIMIT 7) AS b) = 7;
    ASSERT NOT EXISTS (SELECT pgml.predict_batch(model, '{}'));
    ASSERT NOT EXISTS (SELECT pgml.predict_batch(model, NULL));
END
$$;

-- Catches a damaged file that crashes the backend, or that nobody hears of. The change counts in this very session. Without
-- pgml.trust, the missing seal is found before anything else.
DO $$
DECLARE
    model bigint := pg_temp.model('random_forest');
    good bytea := (SELECT substr(data, 1, length(data) - 40) FROM pgml.files WHERE model_id = model AND path = 'estimator.safetensors');
    row float8[] := (SELECT row FROM public.stored LIMIT 1);
    before float8 := pgml.predict(model, row);
    refused int := 0;
    place int;
BEGIN
    FOR damage IN 1..400 LOOP
        place := hashint4(damage) & 2147483647;
        UPDATE pgml.files SET data = CASE damage % 4
            WHEN 0 THEN substr(good, 1, place % length(good))
            WHEN 1 THEN set_byte(good, place % 2000, place >> 11 & 255)
            WHEN 2 THEN set_byte(good, place % length(good), place >> 11 & 255)
            ELSE good || '\x00'
        END WHERE model_id = model AND path = 'estimator.safetensors';
        IF damage <= 4 THEN
            PERFORM pg_temp.expect_error(format('SELECT pgml.predict(%s, %L)', model, row), '55000', '%not as this database stored it%');
        END IF;
        PERFORM pgml.trust(model);
        BEGIN
            PERFORM pgml.predict(model, row);
        EXCEPTION WHEN SQLSTATE 'XX001' THEN
            refused := refused + 1;
            ASSERT SQLERRM LIKE 'file "estimator.safetensors" of model % can''t be used: %' AND SQLERRM NOT LIKE '%panick%', SQLERRM;
        END;
    END LOOP;
    ASSERT refused BETWEEN 200 AND 399, refused::text;
    UPDATE pgml.files SET data = good WHERE model_id = model AND path = 'estimator.safetensors';
    PERFORM pgml.trust(model);
    ASSERT pgml.predict(model, row) = before;
    UPDATE pgml.files SET data = '' WHERE model_id = model AND path = 'estimator.safetensors';
    PERFORM pgml.trust(model);
    PERFORM pg_temp.expect_error(format('SELECT pgml.predict(%s, %L)', model, row), 'XX001', '%can''t be used%');
END
$$;
\o
\echo native: passed
