-- Training and prediction in Rust: every algorithm, without a Python interpreter in the process.
\ir helpers.psql

SET client_min_messages = error;
-- Rows that need no data set of Python's: two features that count, one that doesn't, and three classes.
CREATE TABLE public.flowers AS
SELECT
    (i % 7)::float8 AS petal,
    ((i * 5) % 11)::float8 AS sepal,
    ((i * 3) % 13)::float8 AS noise,
    (2 * (i % 7) + ((i * 5) % 11) > 10)::int + (2 * (i % 7) + ((i * 5) % 11) > 16)::int AS kind,
    (2 * (i % 7) + ((i * 5) % 11))::float8 AS height,
    ARRAY[(i % 7), ((i * 5) % 11)]::float8[] AS sizes
FROM generate_series(1, 300) AS i;
CREATE VIEW public.kinds AS SELECT petal, sepal, noise, kind FROM public.flowers;
CREATE VIEW public.heights AS SELECT petal, sepal, noise, height FROM public.flowers;

-- Catches an algorithm that does not train, or that scores no better than chance.
DO $$
DECLARE
    one record;
    score float8;
BEGIN
    FOR one IN VALUES
        ('linear', 'regression', 'height', '{}', 0.99), ('ridge', 'regression', 'height', '{}', 0.99),
        ('lasso', 'regression', 'height', '{"alpha": 0.1}', 0.95), ('elastic_net', 'regression', 'height', '{"alpha": 0.1}', 0.95),
        ('svm', 'regression', 'height', '{"C": 10}', 0.9), ('linear_svm', 'regression', 'height', '{}', 0.9),
        ('random_forest', 'regression', 'height', '{}', 0.95), ('knn', 'regression', 'height', '{}', 0.5),
        ('lightgbm', 'regression', 'height', '{}', 0.95),
        ('xgboost', 'regression', 'height', '{}', 0.95), ('xgboost_random_forest', 'regression', 'height', '{}', 0.9),
        ('linear', 'classification', 'kind', '{"max_iter": 1000}', 0.9), ('ridge', 'classification', 'kind', '{}', 0.5),
        ('svm', 'classification', 'kind', '{}', 0.9), ('linear_svm', 'classification', 'kind', '{"max_iter": 10000}', 0.5),
        ('random_forest', 'classification', 'kind', '{}', 0.85), ('knn', 'classification', 'kind', '{}', 0.5),
        ('lightgbm', 'classification', 'kind', '{}', 0.9),
        ('xgboost', 'classification', 'kind', '{}', 0.9), ('xgboost_random_forest', 'classification', 'kind', '{}', 0.9)
    LOOP
        PERFORM pgml.train(
            concat_ws(' ', one.column1, one.column2), one.column2, 'public.' || one.column3 || 's', one.column3,
            one.column1::pgml.algorithm, one.column4::jsonb, runtime => 'rust'
        );
        SELECT d.score INTO score FROM pgml.model_details AS d WHERE d.name = concat_ws(' ', one.column1, one.column2);
        ASSERT score > one.column5, format('%s scores %s', one, score);
    END LOOP;
    ASSERT (SELECT count(*) = 20 AND bool_and(runtime = 'rust' AND predicted_by = 'rust' AND bytes > 0 AND deployed)
            FROM pgml.model_details), (SELECT json_agg(d)::text FROM pgml.model_details AS d);
END
$$;

-- Catches a prediction that differs from what was learned, in each form.
SELECT pg_temp.expect_close('linear', pgml.predict('linear regression', ARRAY[3, 4, 5]::float8[]), 10, 1e-9);
DO $$
BEGIN
    ASSERT pgml.predict('lightgbm classification', ARRAY[6, 10, 1]::float8[]) = 2;
    ASSERT pgml.predict('lightgbm classification', ARRAY[0, 0, 1]::float8[]) = 0;
    ASSERT (SELECT abs(sum(p) - 1) < 1e-9 FROM unnest(pgml.predict_proba('lightgbm classification', ARRAY[6, 10, 1]::float8[])) AS p);
    ASSERT pgml.predict('xgboost classification', ARRAY[6, 10, 1]::float8[]) = 2;
    ASSERT pgml.predict('xgboost_random_forest classification', ARRAY[0, 0, 1]::float8[]) = 0;
    ASSERT (SELECT abs(sum(p) - 1) < 1e-6 FROM unnest(pgml.predict_proba('xgboost classification', ARRAY[6, 10, 1]::float8[])) AS p);
    ASSERT ARRAY(SELECT pgml.predict_batch('knn classification', ARRAY[[6, 10, 1], [0, 0, 1]]::float8[])) = '{2,0}';
END
$$;

-- Catches an error about the numbers of a row where the model has no probabilities at all.
SELECT pg_temp.expect_error(format('SELECT %s(%L, ARRAY[6, 10, 1]::float8[])', function, project), '0A000', 'model % does not give probabilities', '%pgml.predict()%')
FROM unnest('{pgml.predict_proba,pgml.predict_classes}'::text[]) AS function,
    unnest('{ridge classification,linear_svm classification}'::text[]) AS project;
SELECT pg_temp.expect_error($$SELECT pgml.predict_proba('linear regression', ARRAY[6, 10, 1]::float8[])$$, '0A000', 'model % does not give probabilities', '%pgml.predict()%');
SELECT pg_temp.expect_error($$SELECT pgml.predict_proba('linear classification', ARRAY['NaN', 10, 1]::float8[])$$, '22003', 'model % takes finite numbers only');

-- Catches clusters that mix what lies apart, and components that are not those of the rows.
CREATE VIEW public.points AS
SELECT (100 * (i % 3) + i % 7)::float8 AS a, (-50 * (i % 3) + i % 5)::float8 AS b FROM generate_series(1, 300) AS i;
DO $$
DECLARE
    one record;
    algorithm pgml.algorithm;
BEGIN
    FOREACH algorithm IN ARRAY '{kmeans,linear}'::pgml.algorithm[] LOOP
        PERFORM pgml.train('places', 'clustering', 'public.points', algorithm => algorithm, hyperparams => '{"n_clusters": 3}', runtime => 'rust');
        SELECT * INTO one FROM pgml.model_details WHERE name = 'places' ORDER BY id DESC LIMIT 1;
        ASSERT one.runtime = 'rust' AND one.predicted_by = 'rust' AND one.key_metric = 'silhouette' AND one.score > 0.9, one::text;
        ASSERT one.algorithm = 'kmeans', one.algorithm;
        ASSERT (SELECT count(DISTINCT cluster) = 3 AND bool_and(clusters = 1) FROM (
            SELECT min(pgml.predict(one.id, ARRAY[a, b])) AS cluster, count(DISTINCT pgml.predict(one.id, ARRAY[a, b])) AS clusters
            FROM public.points GROUP BY round(a / 100)
        ) AS t), algorithm::text;
    END LOOP;
    FOREACH algorithm IN ARRAY '{pca,linear}'::pgml.algorithm[] LOOP
        PERFORM pgml.train('line', 'decomposition', 'public.points', algorithm => algorithm, hyperparams => '{"n_components": 1}', runtime => 'rust');
        SELECT * INTO one FROM pgml.model_details WHERE name = 'line' ORDER BY id DESC LIMIT 1;
        ASSERT one.runtime = 'rust' AND one.predicted_by = 'rust' AND one.score BETWEEN 0.99 AND 1, one::text;
    END LOOP;
    -- (100, -50) lies along the component, and (50, 100) across it.
    ASSERT (SELECT abs(abs(p[1] - q[1]) - sqrt(12500)) < 1 AND abs(p[1] - r[1]) < 5
            FROM pgml.decompose('line', '{0,0}') AS p, pgml.decompose('line', '{100,-50}') AS q, pgml.decompose('line', '{50,100}') AS r);
END
$$;
SELECT pg_temp.expect_error(
    $$SELECT pgml.train('no', 'clustering', 'public.points', algorithm => 'birch', runtime => 'rust')$$, '0A000', '%birch%clustering%');

-- Several labels at once.
SELECT pgml.train_joint('both', 'regression', 'public.kinds', ARRAY['petal', 'sepal'], 'random_forest', runtime => 'rust');
DO $$ BEGIN ASSERT cardinality(pgml.predict_joint('both', ARRAY[5, 1]::float8[])) = 2; END $$;

-- The same rows give the same model, to the byte. (The last 40 are the seal, and name the model.)
SELECT pgml.train('again', 'classification', 'public.kinds', 'kind', 'random_forest', runtime => 'rust');
DO $$
BEGIN
    ASSERT (SELECT count(DISTINCT substr(f.data, 1, length(f.data) - 40)) = 1 FROM pgml.files AS f JOIN pgml.model_details AS d ON d.id = f.model_id
            WHERE f.path = 'estimator.safetensors' AND d.name IN ('again', 'random_forest classification'));
END
$$;

-- XGBoost: each kind of tree and of loss predicts what the library does (a difference is an ERROR), twice the same, in one thread.
CREATE VIEW public.two_kinds AS SELECT petal, sepal, noise, kind > 0 AS kind FROM public.flowers;
CREATE VIEW public.gaps AS
SELECT CASE WHEN noise = 3 THEN NULL ELSE petal END AS petal, CASE WHEN noise > 10 THEN NULL ELSE sepal END AS sepal, noise, height FROM public.flowers;
DO $$
DECLARE
    one record;
    threads int := (SELECT count(*) FROM pg_ls_dir(format('/proc/%s/task', pg_backend_pid())));
    score float8;
BEGIN
    FOR one IN VALUES
        ('regression', 'heights', 'height', '{"booster": "dart", "rate_drop": 0.3}'), ('regression', 'heights', 'height', '{"tree_method": "exact"}'),
        ('regression', 'heights', 'height', '{"tree_method": "approx", "subsample": 0.7, "colsample_bynode": 0.7, "seed": 5}'),
        ('regression', 'heights', 'height', '{"grow_policy": "lossguide", "max_leaves": 8, "max_depth": 0, "eta": 0.5}'),
        ('regression', 'heights', 'height', '{"objective": "reg:pseudohubererror"}'), ('regression', 'heights', 'height', '{"objective": "reg:absoluteerror"}'),
        ('regression', 'heights', 'height', '{"objective": "reg:quantileerror", "quantile_alpha": 0.5}'),
        ('regression', 'heights', 'height', '{"monotone_constraints": [1, 1, 0], "interaction_constraints": [[0, 1], [2]], "base_score": 3}'),
        ('regression', 'gaps', 'height', '{}'), ('regression', 'heights', 'height', '{"early_stopping_rounds": 5, "n_estimators": 1000}'),
        ('classification', 'two_kinds', 'kind', '{"scale_pos_weight": 2, "num_parallel_tree": 2, "n_estimators": 20}'),
        ('classification', 'two_kinds', 'kind', '{"early_stopping_rounds": 3, "eval_metric": ["auc", "logloss"]}'),
        ('classification', 'kinds', 'kind', '{"early_stopping_rounds": 3, "max_delta_step": 1, "importance_type": "total_cover"}')
    LOOP
        PERFORM pgml.train(format('tried %s %s', one.column2, one.column4), one.column1, 'public.' || one.column2, one.column3, 'xgboost', one.column4::jsonb, runtime => 'rust')
        FROM generate_series(1, 2);
        SELECT min(d.score) INTO score FROM pgml.model_details AS d WHERE d.name = format('tried %s %s', one.column2, one.column4);
        ASSERT score > CASE one.column2 WHEN 'gaps' THEN 0.6 ELSE 0.8 END, format('%s scores %s', one, score);
        ASSERT (SELECT count(DISTINCT substr(f.data, 1, length(f.data) - 40)) = 1 FROM pgml.files AS f JOIN pgml.model_details AS d ON d.id = f.model_id
            WHERE f.path = 'estimator.safetensors' AND d.name = format('tried %s %s', one.column2, one.column4)), format('%s is another model each time', one);
    END LOOP;
    ASSERT (SELECT count(*) FROM pg_ls_dir(format('/proc/%s/task', pg_backend_pid()))) = threads, 'a thread stays';
    ASSERT (SELECT bool_and((m.metrics->>'best_iteration')::int BETWEEN 1 AND 990) FROM pgml.models AS m WHERE m.hyperparams ? 'early_stopping_rounds'), 'nothing stopped';
    -- A missing value is no error, and not zero.
    ASSERT pgml.predict('tried gaps {}', (NULL::float8, 5::float8, 1::float8)) IS NOT NULL;
END
$$;
SELECT pg_temp.expect_error(
    $q$SELECT pgml.train('no', 'regression', 'public.heights', 'height', 'xgboost', '{"booster": "gblinear"}', runtime => 'rust')$q$,
    '22023', '%"booster" must be one of "gbtree", "dart", not "gblinear"');
SELECT pg_temp.expect_error(
    $q$SELECT pgml.train('no', 'regression', 'public.heights', 'height', 'xgboost', '{"tree_method": "file:///etc/passwd?format=csv#cache"}', runtime => 'rust')$q$,
    '22023', '%"tree_method" must be one of%');
-- An exception of the library is an ERROR, and the session goes on.
CREATE VIEW public.huge AS SELECT CASE WHEN noise = 1 THEN 1e300 ELSE petal END AS petal, sepal, height FROM public.flowers;
SELECT pg_temp.expect_error(
    $q$SELECT pgml.train('no', 'regression', 'public.huge', 'height', 'xgboost', runtime => 'rust')$q$, '22000', 'training xgboost failed: %inf%');
SELECT pgml.train('after an exception', 'regression', 'public.heights', 'height', 'xgboost', runtime => 'rust');

-- A search keeps the best of what it tried.
SELECT pgml.train('searched', 'classification', 'public.kinds', 'kind', 'knn', search => 'grid',
    search_params => '{"n_neighbors": [1, 30], "weights": ["uniform", "distance"]}', runtime => 'rust');
DO $$
DECLARE
    found record;
BEGIN
    SELECT m.hyperparams, m.metrics->'search_results' AS results INTO found
    FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id WHERE p.name = 'searched';
    ASSERT jsonb_array_length(found.results->'params') = 4;
    ASSERT found.hyperparams ?& '{n_neighbors,weights}', found.hyperparams::text;
END
$$;

-- Which features count.
DO $$
DECLARE
    model text;
BEGIN
    FOREACH model IN ARRAY '{linear regression,random_forest regression,lightgbm regression,xgboost regression,random_forest classification}'::text[] LOOP
        ASSERT (SELECT array_agg(feature ORDER BY feature) = '{noise,petal,sepal}' AND abs(sum(importance) - 1) < 1e-9
                FROM pgml.feature_importances(model)), model;
        ASSERT model LIKE 'lightgbm%' OR
            (SELECT feature FROM pgml.feature_importances(model) ORDER BY importance LIMIT 1) = 'noise', model;
    END LOOP;
    ASSERT NOT EXISTS (SELECT FROM pgml.feature_importances('knn regression'));
END
$$;
CREATE VIEW public.arrays AS SELECT sizes, height FROM public.flowers;
SELECT pgml.train('arrays', 'regression', 'public.arrays', 'height', runtime => 'rust');
DO $$
BEGIN
    ASSERT (SELECT array_agg(feature ORDER BY feature) FROM pgml.feature_importances('arrays')) = '{sizes[1],sizes[2]}';
END
$$;

-- What can't be done is said, with what can.
SELECT pg_temp.expect_error(
    $$SELECT pgml.train('no', 'regression', 'public.heights', 'height', 'ridge', '{"alpa": 1}', runtime => 'rust')$$,
    '22023', 'unknown hyperparameter of ridge in the rust runtime: "alpa"', 'Known are: alpha, fit_intercept.');
SELECT pg_temp.expect_error(
    $$SELECT pgml.train('no', 'regression', 'public.heights', 'height', 'ridge', '{"alpha": "much"}', runtime => 'rust')$$,
    '22023', '%"alpha" must be a number of 0 or more, not "much"');
SELECT pg_temp.expect_error(
    $$SELECT pgml.train('no', 'regression', 'public.heights', 'height', 'gaussian_process', runtime => 'rust')$$,
    '0A000', '%gaussian_process%');
SELECT pg_temp.expect_error(
    $$SELECT pgml.predict('linear regression', ARRAY['NaN', 1, 1]::float8[])$$, '22003', 'model % takes finite numbers only');

-- A training ends when it is cancelled: trees, boosting steps. Each would take hours.
CREATE VIEW public.many AS SELECT f.* FROM public.kinds AS f, generate_series(1, 60);
CREATE FUNCTION pg_temp.expect_timeout(algorithm pgml.algorithm, hyperparams jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        PERFORM pgml.train(
            'no', CASE algorithm WHEN 'kmeans' THEN 'clustering' ELSE 'classification' END, 'public.many',
            CASE WHEN algorithm <> 'kmeans' THEN 'kind' END, algorithm, hyperparams, runtime => 'rust'
        );
    EXCEPTION WHEN query_canceled THEN
        RETURN;
    END;
    RAISE 'training % was not cancelled', algorithm;
END
$$;
SET statement_timeout = '2s';
SELECT pg_temp.expect_timeout('random_forest', '{"n_estimators": 10000000}');
SELECT pg_temp.expect_timeout('lightgbm', '{"n_estimators": 10000000}');
SELECT pg_temp.expect_timeout('xgboost', '{"n_estimators": 10000000}');
-- One round.
SELECT pg_temp.expect_timeout('xgboost_random_forest', '{"n_estimators": 100000}');
SELECT pg_temp.expect_timeout('kmeans', '{"n_clusters": 50, "n_init": 1000000}');
RESET statement_timeout;
DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM pgml.projects WHERE name = 'no'); END $$;

-- In the middle of a round of large trees: late by less than a second on a machine that does nothing else.
CREATE TABLE public.wide AS SELECT n AS label, ARRAY(SELECT (n::bigint * (k * 7919 + 13) % 1009)::float8 FROM generate_series(1, 60) AS k) AS x FROM generate_series(1, 20000) AS n;
SET statement_timeout = '4s';
DO $$
BEGIN
    PERFORM pgml.train('no', 'regression', 'public.wide', 'label', 'xgboost_random_forest', '{"n_estimators": 100000, "max_depth": 12}', runtime => 'rust');
    RAISE 'a forest was not cancelled';
EXCEPTION WHEN query_canceled THEN
    ASSERT clock_timestamp() - statement_timestamp() < '12 s', format('the timeout of 4 s took effect after %s', clock_timestamp() - statement_timestamp());
END
$$;
RESET statement_timeout;

-- All of this session, and no interpreter.
DO $$ BEGIN ASSERT NOT pgml.python_is_running(), 'Python was started'; END $$;
