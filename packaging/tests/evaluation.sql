-- evaluate and confusion_matrix: the scores of a training, on other rows; columns by name, classes as what they are, the caller's rights.
\ir helpers.psql
CREATE TABLE sold AS
SELECT
    n AS id, (n % 13)::float8 AS a, (ARRAY['web', 'shop', 'phone'])[1 + n % 3] AS kind, '2026-01-01'::date + n % 40 AS day, 1 + n % 2 AS weight,
    CASE WHEN n % 7 > 0 THEN n % 11 END AS b,
    CASE WHEN n % 13 > 6 AND n % 17 > 0 THEN 'yes' WHEN n % 3 = 0 THEN 'no' ELSE 'maybe' END AS outcome,
    n % 13 > 6 AND n % 17 > 0 AS bought, n % 13 * 2.5 + n % 3 + n % 5 / 10.0 AS price, (n % 13 + n % 3)::int AS count
FROM generate_series(1, 800) AS n;
-- The first 600 are trained on by a view of their own: the same rows that the split takes for the training, and 200 others.
CREATE VIEW early AS SELECT * FROM sold WHERE id <= 600;
CREATE VIEW late AS SELECT day, 'passed over'::text AS more, outcome, bought, price, count, kind, b, a, id FROM sold WHERE id > 600;

-- Each kind of label, by both runtimes: the scores of a training's test rows are those of these rows.
CREATE TABLE compared (label text, algorithm text, runtime text, bad text);
DO $$
DECLARE
    label text;
    task text;
    algorithm text;
    runtime text;
    model bigint;
    trained jsonb;
    found jsonb;
    name text;
BEGIN
    FOR label, task, algorithm, runtime IN
        SELECT l, t, a, r FROM (VALUES ('outcome', 'classification'), ('bought', 'classification'), ('count', 'classification'), ('price', 'regression')) AS l(l, t),
            (VALUES ('random_forest', 'python'), ('random_forest', 'rust'), ('lightgbm', 'rust'), ('xgboost', 'python'), ('linear', 'rust')) AS a(a, r)
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW one_%1$s AS SELECT a, kind, day, %1$s FROM sold ORDER BY id', label);
        SELECT t.model_id INTO model FROM pgml.train(
            format('%s %s %s', label, algorithm, runtime), task, 'one_' || label, label, algorithm::pgml.algorithm,
            CASE algorithm WHEN 'linear' THEN '{}' ELSE '{"n_estimators": 10}' END, test_size => 200, test_sampling => 'last',
            runtime => runtime::pgml.runtime, preprocess => '{"kind": {"encode": "one_hot"}, "day": {"scale": "standard"}}'
        ) AS t;
        SELECT metrics INTO trained FROM pgml.models WHERE id = model;
        found := pgml.evaluate(model, 'late');
        ASSERT found->>'rows' = '200' AND found->>'model_id' = model::text, found::text;
        FOREACH name IN ARRAY CASE task WHEN 'regression' THEN '{r2,mean_squared_error,mean_absolute_error}'::text[]
            ELSE '{f1,precision,recall,accuracy,balanced_accuracy,log_loss,roc_auc}' END LOOP
            ASSERT (trained->>name) IS NOT NULL AND abs((found->>name)::float8 - (trained->>name)::float8) <= 1e-9 * greatest(1, abs((trained->>name)::float8)),
                format('%s, %s, %s: %s is %s and was %s', label, algorithm, runtime, name, found->>name, trained->>name);
        END LOOP;
        ASSERT found = pgml.evaluate(format('%s %s %s', label, algorithm, runtime), 'public.late'), 'by the project';
    END LOOP;
END
$$;
SELECT pgml.train_joint('two', 'regression', 'early', '{price,count}', 'random_forest', '{"n_estimators": 5}', exclude => '{id,outcome,bought,b,day,weight}', preprocess => '{"kind": {"encode": "one_hot"}}');
SELECT pg_temp.expect('several labels', $$SELECT (e->>'r2')::float8 > 0.5 AND e->>'rows' = '200' FROM pgml.evaluate('two', 'late') AS e$$, 'true');
CREATE VIEW points AS SELECT a, count::float8 AS c FROM sold;
SELECT pgml.train('groups', 'clustering', 'points', algorithm => 'kmeans', hyperparams => '{"n_clusters": 3}', runtime => 'rust');
SELECT pg_temp.expect('clusters', $$SELECT (e->>'silhouette')::float8 > 0.2 AND e->>'rows' = '800' FROM pgml.evaluate('groups', 'points') AS e$$, 'true');

-- The matrix counts each row once, in the order of the classes.
SELECT pg_temp.expect('all rows', $$SELECT sum(rows) FROM pgml.confusion_matrix('outcome lightgbm rust', 'late')$$, '200');
SELECT pg_temp.expect('the right ones', $$SELECT round(sum(rows) FILTER (WHERE actual = predicted) / sum(rows), 6) = round((pgml.evaluate('outcome lightgbm rust', 'late')->>'accuracy')::numeric, 6) FROM pgml.confusion_matrix('outcome lightgbm rust', 'late')$$, 'true');
SELECT pg_temp.expect('its rows', $$SELECT bool_and(m.rows = (SELECT count(*) FROM late AS t WHERE t.outcome = m.actual AND pgml.predict_label('outcome lightgbm rust', t) = m.predicted)) FROM pgml.confusion_matrix('outcome lightgbm rust', 'late') AS m$$, 'true');
SELECT pg_temp.expect('its order', $$SELECT array_agg(actual || predicted ORDER BY place) = array_agg(actual || predicted ORDER BY actual, predicted) FROM pgml.confusion_matrix('outcome random_forest python', 'sold') WITH ORDINALITY AS m(actual, predicted, rows, place)$$, 'true');
SELECT pg_temp.expect('true and false', $$SELECT count(*) FROM pgml.confusion_matrix('bought random_forest rust', 'sold') WHERE actual NOT IN ('true', 'false')$$, '0');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.confusion_matrix('price linear rust', 'late')$$, '0A000', 'model % is no classification%');
SELECT pg_temp.expect_error($$SELECT * FROM pgml.confusion_matrix('two', 'late')$$, '0A000', 'model % predicts 2 labels at once');

-- Classes that the model never saw, and classes in a column of another type.
CREATE VIEW stranger AS SELECT a, kind, day, CASE WHEN id = 700 THEN 'nobody knows' ELSE outcome END AS outcome FROM sold WHERE id > 600;
SELECT pg_temp.expect('a class of its own', $$SELECT string_agg(actual, ',') || sum(rows) FROM pgml.confusion_matrix('outcome linear rust', 'stranger') WHERE actual = 'nobody knows'$$, 'nobody knows1');
SELECT pg_temp.expect('no probability of it', $$SELECT e->'notes'->>'log_loss' FROM pgml.evaluate('outcome linear rust', 'stranger') AS e$$, 'the test rows have classes that the training rows lack: nobody knows');
CREATE VIEW as_text AS SELECT a, kind, day, count::text AS count FROM sold WHERE id > 600;
SELECT pg_temp.expect('numbers as texts', $$SELECT pgml.evaluate('count linear rust', 'as_text') = pgml.evaluate('count linear rust', 'late')$$, 'true');
CREATE VIEW as_word AS SELECT a, kind, day, 'many' AS count FROM sold;
SELECT pg_temp.expect_error($$SELECT pgml.evaluate('count linear rust', 'as_word')$$, '42804', 'label "count" has the class "many", and the classes of the model are numbers', '%type%');
CREATE VIEW as_half AS SELECT a, kind, day, a + 0.5 AS count FROM sold;
SELECT pg_temp.expect_error($$SELECT pgml.evaluate('count linear rust', 'as_half')$$, '22000', 'label "count" has values that are not whole numbers%');

-- Missing values: as the model takes them. A weight is no column of the model.
CREATE VIEW weighed AS SELECT a, b, weight, price FROM sold WHERE id <= 600;
SELECT pgml.train('gaps', 'regression', 'weighed', 'price', 'lightgbm', '{"n_estimators": 5}', weight_column => 'weight', runtime => 'rust');
SELECT pg_temp.expect('gaps', $$SELECT e->>'rows' FROM pgml.evaluate('gaps', 'late') AS e$$, '200');
SELECT pgml.train('no gaps', 'regression', 'weighed', 'price', 'ridge', runtime => 'rust', preprocess => '{"b": {"impute": "mean"}}', weight_column => 'weight');
SELECT pg_temp.expect('imputed', $$SELECT e->>'rows' FROM pgml.evaluate('no gaps', 'late') AS e$$, '200');
CREATE VIEW whole AS SELECT a, coalesce(b, 0) AS b, price FROM sold;
SELECT pgml.train('whole', 'regression', 'whole', 'price', 'ridge', runtime => 'rust');
SELECT pg_temp.expect_error($$SELECT pgml.evaluate('whole', 'late')$$, '22004', 'column "b" is NULL, and the model fills no gaps of it');
CREATE VIEW unlabelled AS SELECT a, b, CASE WHEN id % 100 > 1 THEN price END AS price FROM sold;
SELECT pg_temp.expect_error($$SELECT pgml.evaluate('gaps', 'unlabelled')$$, '22004', 'NULL in column "price" (16 rows)');
CREATE VIEW new_kind AS SELECT a, 'fax' AS kind, day, price FROM sold;
SELECT pg_temp.expect_error($$SELECT pgml.evaluate('price linear rust', 'new_kind')$$, '22000', 'column "kind" has the category "fax"%');

-- What is missing, or empty, or of no use.
SELECT pg_temp.expect_error($$SELECT pgml.evaluate('gaps', 'nowhere')$$, '42P01', 'relation "nowhere" does not exist');
SELECT pg_temp.expect_error($$SELECT pgml.evaluate('gaps', 'points')$$, '42703', 'column "b" of relation public.points does not exist', 'It has: a, c.');
CREATE VIEW without AS SELECT a, b FROM sold;
SELECT pg_temp.expect_error($$SELECT pgml.evaluate('gaps', 'without')$$, '42703', 'column "price" of relation public.without does not exist');
CREATE TABLE empty (LIKE sold);
SELECT pg_temp.expect_error($$SELECT pgml.evaluate('gaps', 'empty')$$, '02000', 'relation public.empty has no rows');
SELECT pg_temp.expect_error($$SELECT pgml.evaluate('nobody', 'late')$$, '42704', 'project "nobody" does not exist');
SELECT pg_temp.expect_error($$SELECT pgml.evaluate(-1, 'late')$$, '42704', 'model -1 does not exist');
SELECT pg_temp.expect('NULL', $$SELECT pgml.evaluate('gaps', NULL) IS NULL$$, 'true');
SELECT pgml.train('axes', 'decomposition', 'points', algorithm => 'pca', runtime => 'rust');
SELECT pg_temp.expect_error($$SELECT pgml.evaluate('axes', 'points')$$, '0A000', 'model % is a decomposition%');

-- Partitions; a table as it is now; one row; the model's own rows with a warning.
CREATE TABLE parted (LIKE sold) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (700);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (700) TO (900);
INSERT INTO parted SELECT * FROM sold WHERE id > 600;
SELECT pg_temp.expect('partitions', $$SELECT pgml.evaluate('gaps', 'parted') = pgml.evaluate('gaps', 'late')$$, 'true');
DELETE FROM parted WHERE id <> 650;
SELECT pg_temp.expect('one row', $$SELECT (e->>'rows') || ' ' || (e->'notes'->>'r2') FROM pgml.evaluate('gaps', 'parted') AS e$$, '1 r2 needs at least two test rows');

-- What is kept of each row has to find room.
CREATE VIEW many AS SELECT n::float8 AS a, n AS b, n::numeric AS price FROM generate_series(1, 60000) AS n;
SET pgml.memory_limit = 1;
SELECT pg_temp.expect_error($$SELECT pgml.evaluate('gaps', 'many')$$, '53400', 'scoring the predictions for public.many would take at least 2 MB%', 'Evaluate on fewer rows%');
RESET pgml.memory_limit;
SELECT pg_temp.expect('with room', $$SELECT e->>'rows' FROM pgml.evaluate('gaps', 'many') AS e$$, '60000');

-- Every row that the caller sees, and no other.
CREATE ROLE pgml_test_evaluator;
ALTER TABLE sold ENABLE ROW LEVEL SECURITY;
CREATE POLICY odd ON sold USING (id % 2 = 1);
SET ROLE pgml_test_evaluator;
SELECT pg_temp.expect('no right at all', $$SELECT pgml.evaluate('gaps', 'sold')$$, 'ERROR 42501%HINT: GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files TO pgml_test_evaluator%');
RESET ROLE;
GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files TO pgml_test_evaluator;
SET ROLE pgml_test_evaluator;
SELECT pg_temp.expect('not the question', $$SELECT pgml.evaluate('gaps', 'sold')$$, 'ERROR 42501%HINT: GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files, pgml.snapshots TO pgml_test_evaluator%');
RESET ROLE;
GRANT SELECT ON pgml.snapshots TO pgml_test_evaluator;
SET ROLE pgml_test_evaluator;
SELECT pg_temp.expect('not the relation', $$SELECT pgml.evaluate('gaps', 'sold')$$, 'ERROR 42501%HINT: GRANT SELECT ON public.sold TO pgml_test_evaluator%');
SELECT pg_temp.expect('nor its matrix', $$SELECT * FROM pgml.confusion_matrix('outcome linear rust', 'sold')$$, 'ERROR 42501%HINT: GRANT SELECT ON public.sold TO pgml_test_evaluator%');
RESET ROLE;
GRANT SELECT ON sold TO pgml_test_evaluator;
SET ROLE pgml_test_evaluator;
SELECT pg_temp.expect('what the policy shows', $$SELECT e->>'rows' FROM pgml.evaluate('gaps', 'sold') AS e$$, '400');
SELECT pg_temp.expect('of the matrix, too', $$SELECT sum(rows) FROM pgml.confusion_matrix('outcome linear rust', 'sold')$$, '400');
RESET ROLE;
DROP OWNED BY pgml_test_evaluator;
DROP ROLE pgml_test_evaluator;
\o
\echo evaluation: passed
