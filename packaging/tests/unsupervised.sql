-- Clustering and decomposition: trainings without a label.
\ir helpers.psql
SELECT pgml.load_dataset(name) FROM unnest('{iris,digits}'::text[]) AS name;
CREATE VIEW public.flowers AS SELECT sepal_length, sepal_width, petal_length, petal_width FROM pgml.iris;

-- Catches an algorithm that does not train, has no score, or gives all rows to one cluster.
DO $$
DECLARE
    algorithm pgml.algorithm;
    got record;
    clusters int;
BEGIN
    FOREACH algorithm IN ARRAY '{linear,kmeans,mini_batch_kmeans,birch,affinity_propagation,mean_shift}'::pgml.algorithm[] LOOP
        SELECT * INTO got FROM pgml.train('clusters ' || algorithm, 'clustering', 'flowers', algorithm => algorithm,
            hyperparams => CASE WHEN algorithm IN ('linear', 'kmeans', 'mini_batch_kmeans', 'birch') THEN '{"n_clusters": 3}' ELSE '{}' END::jsonb);
        ASSERT got.task = 'clustering' AND got.deployed, got::text;
        SELECT * INTO got FROM pgml.models ORDER BY id DESC LIMIT 1;
        ASSERT got.num_features = 4 AND (got.metrics->>'silhouette')::float8 BETWEEN 0.2 AND 0.9, format('%s: %s', algorithm, got.metrics);
        SELECT count(DISTINCT pgml.predict('clusters ' || algorithm, ARRAY[sepal_length, sepal_width, petal_length, petal_width])) INTO clusters FROM flowers;
        ASSERT clusters >= 2 AND (got.hyperparams->>'n_clusters' IS NULL OR clusters = 3), format('%s: %s clusters', algorithm, clusters);
        ASSERT (SELECT y_column_name IS NULL FROM pgml.snapshots ORDER BY id DESC LIMIT 1);
    END LOOP;
    -- 'linear' is kmeans, and is said to be.
    ASSERT NOT EXISTS (SELECT FROM pgml.models AS m WHERE m.algorithm = 'linear'), 'a clustering is linear';
    ASSERT NOT EXISTS (SELECT FROM flowers AS f WHERE pgml.predict('clusters linear', ARRAY[f.sepal_length, f.sepal_width, f.petal_length, f.petal_width])
        <> pgml.predict('clusters kmeans', ARRAY[f.sepal_length, f.sepal_width, f.petal_length, f.petal_width]));
END
$$;

-- Catches a later training that forgets the relation, asks for a label, or is compared by another score.
DO $$
DECLARE
    got record;
BEGIN
    SELECT * INTO got FROM pgml.train('clusters kmeans', hyperparams => '{"n_clusters": 8}');
    ASSERT NOT got.deployed, 'a lower silhouette is deployed';
    SELECT * INTO got FROM pgml.train('clusters kmeans', search => 'grid', search_params => '{"n_clusters": [2, 6]}', search_args => '{"cv": 2}');
    ASSERT got.deployed AND (SELECT hyperparams->>'n_clusters' FROM pgml.models ORDER BY id DESC LIMIT 1) = '2';
    SELECT * INTO got FROM pgml.deploy('clusters kmeans', 'best_score');
    ASSERT got.algorithm = 'kmeans', format('trained again is what was deployed: %s', got);
    ASSERT (SELECT count(*) FROM pgml.snapshots WHERE relation_name = 'public.flowers') = 6;
END
$$;

-- Catches components that are not those of the rows, and a decomposition that is taken for a prediction.
DO $$
DECLARE
    algorithm pgml.algorithm;
    got record;
    spread float8[];
BEGIN
    FOREACH algorithm IN ARRAY '{linear,pca}'::pgml.algorithm[] LOOP
        PERFORM pgml.train('components', 'decomposition', 'flowers', algorithm => algorithm, hyperparams => '{"n_components": 2}');
        SELECT * INTO got FROM pgml.models ORDER BY id DESC LIMIT 1;
        ASSERT (got.metrics->>'cumulative_explained_variance')::float8 BETWEEN 0.95 AND 1, got.metrics::text;
        ASSERT jsonb_array_length(got.metrics->'explained_variance_ratio') = 2 AND got.algorithm = 'pca', got.algorithm;
    END LOOP;
    ASSERT array_length(pgml.decompose('components', ARRAY[5.1, 3.5, 1.4, 0.2]), 1) = 2;
    ASSERT pgml.decompose('components', '{5.1,3.5,1.4,0.2}') = pgml.predict_joint('components', ARRAY[5.1, 3.5, 1.4, 0.2]);
    -- One value is the first component, by every function that gives one.
    SELECT pgml.decompose('components', '{5.1,3.5,1.4,0.2}') AS row, pgml.decompose('components', '{6,3,4,1}') AS other, max(id) AS id
    FROM pgml.models INTO got;
    ASSERT pgml.predict('components', '{5.1,3.5,1.4,0.2}') = got.row[1] AND pgml.predict(got.id, '{5.1,3.5,1.4,0.2}') = got.row[1];
    ASSERT pgml.predict('components', (5.1, 3.5, 1.4, 0.2)) = got.row[1];
    -- (Python's sums of several rows are rounded in another order.)
    ASSERT (SELECT bool_and(abs(v - w) < 1e-9) AND count(*) = 2 FROM ROWS FROM (
        pgml.predict_batch('components', ARRAY[[5.1, 3.5, 1.4, 0.2], [6, 3, 4, 1]]), unnest(ARRAY[got.row[1], got.other[1]])) AS t(v, w));
    ASSERT (SELECT bool_and(abs(v - w) < 1e-9) AND count(*) = 2 FROM ROWS FROM (
        pgml.predict_batch('components', ARRAY[(5.1, 3.5, 1.4, 0.2), (6, 3, 4, 1)]), unnest(ARRAY[got.row[1], got.other[1]])) AS t(v, w));
    -- The first component is the one along which the rows differ most, and the mean is zero.
    SELECT ARRAY[var_pop(c[1]), var_pop(c[2]), avg(c[1]), covar_pop(c[1], c[2])] INTO spread
    FROM (SELECT pgml.decompose('components', ARRAY[sepal_length, sepal_width, petal_length, petal_width]) AS c FROM flowers) AS t;
    ASSERT spread[1] > 10 * spread[2] AND abs(spread[3]) < 0.3 AND abs(spread[4]) < 0.3, spread::text;
    PERFORM pgml.train('pixels', 'decomposition', 'pgml.digits', algorithm => 'pca', hyperparams => '{"n_components": 5}');
    ASSERT (SELECT array_length(pgml.decompose('pixels', ARRAY(SELECT unnest(image)) || target::smallint), 1) FROM pgml.digits LIMIT 1) = 5;
END
$$;

-- Catches a runtime whose clusters or components are not the other's. Of a component and its opposite, either is right.
DO $$
DECLARE
    runtime pgml.runtime;
BEGIN
    FOREACH runtime IN ARRAY '{python,rust}'::pgml.runtime[] LOOP
        PERFORM pgml.train('clusters ' || runtime, 'clustering', 'flowers', algorithm => 'kmeans', hyperparams => '{"n_clusters": 3, "n_init": 10}', runtime => runtime);
        PERFORM pgml.train('components ' || runtime, 'decomposition', 'flowers', algorithm => 'pca', hyperparams => '{"n_components": 2}', runtime => runtime);
    END LOOP;
    ASSERT (SELECT count(DISTINCT (p, r)) = 3 FROM (
        SELECT pgml.predict('clusters python', f.features) AS p, pgml.predict('clusters rust', f.features) AS r
        FROM (SELECT ARRAY[sepal_length, sepal_width, petal_length, petal_width]::float8[] AS features FROM flowers) AS f
    ) AS t), 'other clusters';
    ASSERT (SELECT bool_and(abs(abs(p[1]) - abs(r[1])) < 1e-9 AND abs(abs(p[2]) - abs(r[2])) < 1e-9) FROM (
        SELECT pgml.decompose('components python', f.features) AS p, pgml.decompose('components rust', f.features) AS r
        FROM (SELECT ARRAY[sepal_length, sepal_width, petal_length, petal_width]::float8[] AS features FROM flowers) AS f
    ) AS t), 'other components';
    ASSERT (SELECT count(*) = 2 AND max(score) - min(score) < 1e-9 FROM pgml.model_details WHERE name IN ('clusters python', 'clusters rust')), 'other silhouettes';
    ASSERT (SELECT max(score) - min(score) < 1e-9 FROM pgml.model_details WHERE name IN ('components python', 'components rust')), 'other shares';
END
$$;

-- Catches a decomposition whose task is remembered beyond the statement that asked for it.
DO $$
BEGIN
    PERFORM pgml.decompose('components', '{5.1,3.5,1.4,0.2}'), pgml.predict('components', '{5.1,3.5,1.4,0.2}');
    UPDATE pgml.projects SET task = 'clustering' WHERE name = 'components';
    BEGIN
        PERFORM pgml.decompose('components', '{5.1,3.5,1.4,0.2}');
        RAISE 'a clustering decomposes';
    EXCEPTION WHEN feature_not_supported THEN
        NULL;
    END;
    BEGIN
        PERFORM pgml.predict('components', '{5.1,3.5,1.4,0.2}');
    EXCEPTION WHEN feature_not_supported THEN
        UPDATE pgml.projects SET task = 'decomposition' WHERE name = 'components';
        PERFORM pgml.decompose('components', '{5.1,3.5,1.4,0.2}');
        RETURN;
    END;
    RAISE 'a clustering of several labels predicts one value';
END
$$;
SELECT pg_temp.expect_error($$SELECT pgml.decompose('clusters kmeans', '{1,2,3,4}')$$, '0A000', 'project "clusters kmeans" decomposes nothing: its task is clustering', '%pgml.predict%');
SELECT pg_temp.expect_error($$SELECT pgml.decompose('nobody', '{1,2}')$$, '42704', 'project "nobody" does not exist');
SELECT pg_temp.expect_error($$SELECT pgml.train('new', 'clustering', 'flowers', algorithm => 'pca')$$, '22023', '%pca can''t do clustering', '%decomposition%');
SELECT pg_temp.expect_error($$SELECT pgml.train('new', 'clustering', 'flowers', algorithm => 'random_forest')$$, '22023', '%random_forest can''t do clustering', '%regression, classification%');
SELECT pg_temp.expect_error($$SELECT pgml.train('new', 'regression', 'flowers', 'petal_width', 'kmeans')$$, '22023', '%kmeans can''t do regression', '%clustering%');
SELECT pg_temp.expect_error($$SELECT pgml.train('new', 'clustering')$$, '22023', 'project "new" is new, so train() needs relation_name');
SELECT pg_temp.expect_error($$SELECT pgml.train('new', 'clustering', 'flowers', hyperparams => '{"n_clusters": 1000}')$$, '22023', '%n_clusters%');
\o
\echo unsupervised: passed
