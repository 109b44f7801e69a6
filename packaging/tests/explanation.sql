-- explain: contributions add up to what the model says, of every algorithm that is explained, by the columns that the user knows.
\ir helpers.psql
CREATE TABLE sold AS
SELECT
    n AS id, (n % 13)::float8 AS a, (ARRAY['web', 'shop', 'phone'])[1 + n % 3] AS kind, '2026-01-01'::date + n % 40 AS day,
    n % 2 = 0 AS gift, ARRAY[n % 5, n % 6]::float8[] AS pair, CASE WHEN n % 7 > 0 THEN n % 11 END AS b,
    CASE WHEN n % 13 > 6 AND n % 17 > 0 THEN 'yes' WHEN n % 3 = 0 THEN 'no' ELSE 'maybe' END AS outcome,
    n % 13 > 6 AND n % 17 > 0 AS bought, n % 13 * 2.5 + n % 3 + n % 5 / 10.0 AS price
FROM generate_series(1, 300) AS n;
CREATE VIEW numbers AS SELECT a, gift, pair, price FROM sold;
CREATE VIEW two AS SELECT a, gift, pair, bought FROM sold;
CREATE VIEW three AS SELECT a, gift, pair, outcome FROM sold;

-- Every algorithm: the sum is the prediction, or the model says why there is none. Python's and Rust's.
CREATE TABLE tried (algorithm text, runtime text, label text, outcome text);
DO $$
DECLARE
    one record;
    model bigint;
    worst float8;
    said text;
BEGIN
    FOR one IN
        SELECT a.name, r.runtime, v.label FROM unnest(enum_range(NULL::pgml.algorithm)) AS a(name), (VALUES ('python'), ('rust')) AS r(runtime), (VALUES ('numbers'), ('two'), ('three')) AS v(label)
    LOOP
        BEGIN
            SELECT t.model_id INTO model FROM pgml.train(
                format('%s %s %s', one.name, one.runtime, one.label), CASE one.label WHEN 'numbers' THEN 'regression' ELSE 'classification' END, one.label,
                CASE one.label WHEN 'numbers' THEN 'price' WHEN 'two' THEN 'bought' ELSE 'outcome' END, one.name, '{}',
                runtime => one.runtime::pgml.runtime
            ) AS t;
        EXCEPTION WHEN OTHERS THEN
            CONTINUE;
        END;
        BEGIN
            IF one.label = 'numbers' THEN
                SELECT max(abs(pgml.predict(model, t) - e.sum) / greatest(1, abs(e.sum))) INTO worst
                FROM numbers AS t CROSS JOIN LATERAL (SELECT sum(contribution) FROM pgml.explain(model, t)) AS e(sum);
            ELSIF one.label = 'two' THEN
                -- The margin of one class is the other's, with the other sign; where there are shares, their sum is one.
                SELECT max(least(abs(e.yes + e.no), abs(e.yes + e.no - 1))) INTO worst FROM (SELECT * FROM two LIMIT 50) AS t CROSS JOIN LATERAL (
                    SELECT (SELECT sum(contribution) FROM pgml.explain(model, t, label => 'true')), (SELECT sum(contribution) FROM pgml.explain(model, t, label => 'false'))
                ) AS e(yes, no);
            ELSE
                -- The class that is predicted has the largest sum.
                SELECT count(*) FILTER (WHERE e.said + 1e-6 < e.most) INTO worst FROM (SELECT * FROM three LIMIT 50) AS t CROSS JOIN LATERAL (
                    SELECT (SELECT sum(contribution) FROM pgml.explain(model, t)), (SELECT max(s) FROM (
                        SELECT sum(x.contribution) AS s FROM unnest('{yes,no,maybe}'::text[]) AS l(l), pgml.explain(model, t, label => l) AS x GROUP BY l
                    ) AS s)
                ) AS e(said, most);
            END IF;
            -- XGBoost adds up its trees in four bytes: each of a hundred sums of numbers near ten is off by up to 5e-7.
            said := CASE WHEN worst < CASE WHEN one.name::text LIKE 'xgboost%' THEN 5e-5 ELSE 1e-6 END THEN 'explained' ELSE format('off by %s', worst) END;
        EXCEPTION WHEN feature_not_supported THEN
            GET STACKED DIAGNOSTICS said = MESSAGE_TEXT;
        END;
        INSERT INTO tried VALUES (one.name, one.runtime, one.label, said);
    END LOOP;
END
$$;
DO $$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(format('%s %s %s: %s', algorithm, runtime, label, outcome), E'\n') INTO wrong FROM tried
    WHERE outcome NOT LIKE 'explained' AND outcome NOT LIKE 'model % can''t be explained: %';
    ASSERT wrong IS NULL, wrong;
    -- What has to be explained is.
    SELECT string_agg(format('%s %s %s: %s', algorithm, runtime, label, outcome), E'\n') INTO wrong FROM tried
    WHERE outcome <> 'explained' AND algorithm IN ('linear', 'ridge', 'lasso', 'elastic_net', 'random_forest', 'extra_trees', 'bagging', 'gradient_boosting_trees', 'hist_gradient_boosting', 'xgboost', 'xgboost_random_forest', 'lightgbm');
    ASSERT wrong IS NULL, wrong;
    ASSERT (SELECT count(*) FROM tried WHERE outcome = 'explained') > 40, (SELECT count(*) FROM tried)::text;
    ASSERT (SELECT count(*) FROM tried WHERE outcome LIKE '%kernel machine%') > 0, 'no kernel machine';
END
$$;

-- What it says is what predict_proba says.
SELECT pg_temp.expect('a share', $$SELECT bool_and(abs(e.sum - (pgml.predict_proba('random_forest python three', t))[1 + k.class]) < 1e-9)
    FROM three AS t CROSS JOIN pgml.classes('random_forest python three') AS k CROSS JOIN LATERAL (SELECT sum(contribution) FROM pgml.explain('random_forest python three', t, label => k.label)) AS e(sum)$$, 'true');
SELECT pg_temp.expect('a margin', format($$SELECT bool_and(abs(1 / (1 + exp(-e.sum)) - (pgml.predict_proba(%1$L, t))[2]) < 1e-6)
    FROM two AS t CROSS JOIN LATERAL (SELECT sum(contribution) FROM pgml.explain(%1$L, t, label => 'true')) AS e(sum)$$, name), 'true')
FROM unnest('{lightgbm rust two,lightgbm python two,xgboost python two,linear rust two,gradient_boosting_trees python two}'::text[]) AS name;

-- The columns that the user knows, in whatever form the row comes, the largest first.
CREATE VIEW mixed AS SELECT a, kind, day, gift, pair, b, price FROM sold;
SELECT pgml.train('mixed', 'regression', 'mixed', 'price', 'lightgbm', '{"n_estimators": 20}', runtime => 'rust', preprocess => '{"kind": {"encode": "one_hot"}, "day": {"encode": "parts"}}');
SELECT pg_temp.expect('columns', $$SELECT string_agg(feature, ',' ORDER BY feature) FROM pgml.explain('mixed', (SELECT t FROM mixed AS t LIMIT 1))$$, '(base),a,b,day,gift,kind,pair');
SELECT pg_temp.expect('values', $$SELECT string_agg(concat(feature, '=', value), ' ' ORDER BY feature) FROM pgml.explain('mixed', (SELECT t FROM (SELECT 'NOT KNOWN' AS id, 'web' AS kind, NULL::int AS b, 2.50::numeric AS a, '2026-02-03'::date AS day, true AS gift, '{1,2}'::int[] AS pair) AS t))$$, '(base)= a=2.50 b= day=2026-02-03 gift=t kind=web pair={1,2}');
SELECT pg_temp.expect('parts', $$SELECT string_agg(feature, ',' ORDER BY feature COLLATE "C") FROM pgml.explain('mixed', (SELECT t FROM mixed AS t LIMIT 1), parts => true)$$, '(base),a,b,day.day,day.month,day.weekday,day.year,gift,kind=phone,kind=shop,kind=web,pair[[]1],pair[[]2]', '(base),a,b,day.day,day.month,day.weekday,day.year,gift,kind=phone,kind=shop,kind=web,pair[1],pair[2]');
SELECT pg_temp.expect('parts are summed', $$SELECT bool_and(abs(whole.sum - parts.sum) < 1e-9) FROM mixed AS t CROSS JOIN LATERAL (
    SELECT (SELECT contribution FROM pgml.explain('mixed', t) WHERE feature = 'kind')) AS whole(sum) CROSS JOIN LATERAL (
    SELECT (SELECT sum(contribution) FROM pgml.explain('mixed', t, parts => true) WHERE feature LIKE 'kind=%')) AS parts(sum)$$, 'true');
SELECT pg_temp.expect('they add up', $$SELECT bool_and(abs(pgml.predict('mixed', t) - e.sum) < 1e-6) FROM mixed AS t CROSS JOIN LATERAL (SELECT sum(contribution) FROM pgml.explain('mixed', t)) AS e(sum)$$, 'true');
SELECT pg_temp.expect('the order', $$SELECT bool_and(CASE place WHEN 1 THEN feature = '(base)' AND value IS NULL ELSE abs(contribution) >= after END) FROM (SELECT *, lead(abs(contribution), 1, 0) OVER (ORDER BY place) AS after FROM pgml.explain('mixed', (SELECT t FROM mixed AS t LIMIT 1)) WITH ORDINALITY AS e(feature, value, contribution, place)) AS t$$, 'true');
SELECT pg_temp.expect('by place', $$SELECT string_agg(e.feature || e.value, ' ' ORDER BY e.feature) FROM pgml.explain('random_forest rust numbers', (3.0, true, '{1,2}'::float8[])) AS e$$, 'a3.0 giftt pair{1,2}');
SELECT pg_temp.expect('an array', $$SELECT string_agg(e.feature || e.value, ' ' ORDER BY e.feature) FROM pgml.explain('random_forest rust numbers', ARRAY[3, 1, 1, 2]) AS e$$, 'a3 gift1 pair{1,2}');
SELECT pg_temp.expect('the notation of an array', $$SELECT sum(contribution) = pgml.predict('random_forest rust numbers', '{3,1,1,2}') OR abs(sum(contribution) - pgml.predict('random_forest rust numbers', '{3,1,1,2}')) < 1e-9 FROM pgml.explain('random_forest rust numbers', '{3,1,1,2}')$$, 'true');
SELECT pg_temp.expect('booleans', $$SELECT count(*) FROM pgml.explain('random_forest rust numbers', ARRAY[true, false, true, false])$$, '4');
SELECT pg_temp.expect('NULL', $$SELECT count(*) FROM pgml.explain('mixed', NULL::mixed)$$, '0');
SELECT pg_temp.expect('no label', $$SELECT count(*) FROM pgml.explain('linear rust three', ARRAY[1, 0, 1, 2], NULL, NULL)$$, '4');
SELECT pgml.train('linear rust all', 'regression', 'numbers', 'price', 'linear', runtime => 'rust', test_size => 200, test_sampling => 'last');
SELECT pg_temp.expect('nothing at the mean', $$SELECT abs(contribution) < 1e-9 FROM pgml.explain('linear rust all', ARRAY[(SELECT avg(a) FROM sold WHERE id <= 100), 0, 1, 2]) WHERE feature = 'a'$$, 'true');
SELECT pg_temp.expect('a difference of two rows is the weight', $$SELECT abs((SELECT contribution FROM pgml.explain('linear rust numbers', ARRAY[11, 0, 1, 2]) WHERE feature = 'a') - (SELECT contribution FROM pgml.explain('linear rust numbers', ARRAY[1, 0, 1, 2]) WHERE feature = 'a')
    - (pgml.predict('linear rust numbers', ARRAY[11, 0, 1, 2]) - pgml.predict('linear rust numbers', ARRAY[1, 0, 1, 2]))) < 1e-9$$, 'true');

-- What is refused, and why.
SELECT pg_temp.expect_error($$SELECT * FROM pgml.explain('linear rust three', ARRAY[1, 0, 1, 2], label => 'perhaps')$$, '22023', 'model % has no class "perhaps"', 'It has "maybe", "no", "yes".');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.explain('linear rust numbers', ARRAY[1, 0, 1, 2], label => 'yes')$$, '0A000', 'model % is no classification%');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.explain('linear rust numbers', ARRAY[1, 0])$$, '2202E', 'model % takes 4 features, and 2 were given');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.explain('svm rust numbers', ARRAY[1, 0, 1, 2])$$, '0A000', 'model % can''t be explained: it is a kernel machine%', '%docs/sql/evaluation.md%');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.explain('knn rust numbers', ARRAY[1, 0, 1, 2])$$, '0A000', 'model % can''t be explained: it is a mean of neighbours%');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.explain('ada_boost python numbers', ARRAY[1, 0, 1, 2])$$, '0A000', 'model % can''t be explained: it is a median of trees%');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.explain('gaussian_process python numbers', ARRAY[1, 0, 1, 2])$$, '0A000', 'model % can''t be explained: Python predicts with it, because GaussianProcess%');
SELECT pgml.train_joint('both', 'regression', 'numbers', '{a,price}', 'random_forest', '{"n_estimators": 3}');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.explain('both', ARRAY[0, 1, 2])$$, '0A000', 'model % predicts 2 labels at once');
CREATE VIEW points AS SELECT a, price FROM sold;
SELECT pgml.train('groups', 'clustering', 'points', algorithm => 'kmeans', hyperparams => '{"n_clusters": 3}', runtime => 'rust');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.explain('groups', ARRAY[0, 1])$$, '0A000', 'model % can''t be explained: its task is clustering');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.explain('linear rust numbers', ARRAY['NaN', 0, 1, 2]::float8[])$$, '22003', 'model % takes finite numbers only');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.explain('nobody', ARRAY[0, 1])$$, '42704', 'project "nobody" does not exist');

-- A model of a release whose files lack what contributions are computed from predicts as before, and says what to do.
DO $$
DECLARE
    model CONSTANT bigint := (SELECT model_id FROM pgml.deployments AS d JOIN pgml.projects AS p ON p.id = d.project_id WHERE p.name = 'linear rust numbers' ORDER BY d.id DESC LIMIT 1);
    before CONSTANT float8 := pgml.predict(model, ARRAY[1, 0, 1, 2]);
BEGIN
    -- The tensor by another name, and the version that such files have.
    UPDATE pgml.files SET data = decode(replace(replace(encode(substr(data, 1, length(data) - 40), 'hex'), encode('0.means', 'hex'), encode('0.meanz', 'hex')), encode('version\\":3', 'hex'), encode('version\\":1', 'hex')), 'hex') || substr(data, length(data) - 39)
    WHERE model_id = model AND path = 'estimator.safetensors';
    PERFORM pgml.trust(model);
    ASSERT pgml.predict(model, ARRAY[1, 0, 1, 2]) = before;
END
$$;
SELECT pg_temp.expect_error($$SELECT * FROM pgml.explain('linear rust numbers', ARRAY[1, 0, 1, 2])$$, '55000', 'model % can''t be explained: it was stored without the means of the features', 'Train it again%');

-- Splits by categories: what the library that trained it calls a category is none of an amount. Rust predicts and explains.
SELECT pgml.train('categories lightgbm', 'regression', 'numbers', 'price', 'lightgbm', '{"categorical_feature": [0], "n_estimators": 10, "min_data_per_group": 5, "cat_smooth": 1}', runtime => 'python');
SELECT pgml.train('categories xgboost', 'regression', 'numbers', 'price', 'xgboost', '{"enable_categorical": true, "feature_types": ["c", "q", "q", "q"], "n_estimators": 10}', runtime => 'python');
SELECT pg_temp.expect('Rust predicts ' || name, format($$SELECT concat(predicted_by, why_python) FROM pgml.model_details AS d WHERE d.name = %L$$, name), 'rust'),
    pg_temp.expect('the contributions of ' || name, format($$SELECT bool_and(abs(pgml.predict(%1$L, t) - e.sum) < 1e-4) FROM numbers AS t CROSS JOIN LATERAL (SELECT sum(contribution) FROM pgml.explain(%1$L, t)) AS e(sum)$$, name), 'true')
FROM unnest('{categories lightgbm,categories xgboost}'::text[]) AS name;

-- The rights of a predictor are enough.
CREATE ROLE pgml_test_explainer;
SET ROLE pgml_test_explainer;
SELECT pg_temp.expect('no right at all', $$SELECT * FROM pgml.explain('mixed', ARRAY[1])$$, 'ERROR 42501%HINT: GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files TO pgml_test_explainer%');
RESET ROLE;
GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files TO pgml_test_explainer;
SET ROLE pgml_test_explainer;
SELECT pg_temp.expect('a predictor', $$SELECT count(*) FROM pgml.explain('random_forest rust numbers', ARRAY[1, 0, 1, 2])$$, '4');
RESET ROLE;
DROP OWNED BY pgml_test_explainer;
DROP ROLE pgml_test_explainer;
\o
\echo explanation: passed
