-- A project that is trained again and again, on a world that changes: what answers, and why.
\ir helpers.psql
SET client_min_messages = error;
CREATE FUNCTION pg_temp.again(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT concat_ws('' | '', algorithm, deployed, model_id, metric, round(score::numeric, 2), round(deployed_score::numeric, 2), reason) FROM pgml.train(%s)', arguments) INTO result;
    RETURN result;
END
$$;

-- Catches a stale model that stays because its score of last week, on last week's rows, was higher.
CREATE TABLE public.churn AS
SELECT n AS id, (n * 37 % 101)::float8 AS use, (n * 53 % 97)::float8 AS age, (n * 37 % 101) > 50 AS left_us FROM generate_series(1, 2000) AS n;
CREATE VIEW public.to_learn AS SELECT use, age, left_us FROM public.churn;
SELECT pg_temp.expect('first', $$SELECT pg_temp.again('''churn'', ''classification'', ''public.to_learn'', ''left_us'', ''random_forest'', ''{"n_estimators": 20}''')$$, 'random_forest | t | 1 | f1 | 1.00 | nothing was deployed');
UPDATE public.churn SET left_us = NOT left_us WHERE id % 5 > 0;
SELECT pg_temp.expect('80 % of the labels have changed', $$SELECT pg_temp.again('''churn''')$$, 'random_forest | t | 2 | f1 | 0.7% | 0.1% | 0.7%%% against 0.1%%% of model 1 on the same 500 rows');
SELECT pg_temp.expect('answers', $$SELECT id FROM pgml.deployed_models$$, '2');
-- Catches a new model that replaces one that is as good.
SELECT pg_temp.expect('nothing has changed', $$SELECT pg_temp.again('''churn''')$$, 'random_forest | f | 3 | f1 | %against % of model 2 on the same 500 rows');
SELECT pg_temp.expect('not deployed', $$SELECT pg_temp.again('''churn'', automatic_deploy => false')$$, 'random_forest | f | 4 | f1 | %automatic_deploy is false');

-- Catches `train` without an algorithm that is linear, or forgets hyperparameters, runtime or steps.
SELECT pg_temp.expect('hyperparameters', $$SELECT hyperparams->>'n_estimators' FROM pgml.models ORDER BY id DESC LIMIT 1$$, '20');
SELECT pg_temp.expect('linear when asked for', $$SELECT algorithm FROM pgml.train('churn', algorithm => 'linear', automatic_deploy => false)$$, 'linear');
SELECT pg_temp.expect('still what is deployed', $$SELECT algorithm FROM pgml.train('churn')$$, 'random_forest');
SELECT pg_temp.expect('with other hyperparameters', $$SELECT algorithm FROM pgml.train('churn', hyperparams => '{"n_estimators": 7}')$$, 'random_forest');
SELECT pg_temp.expect('which were taken', $$SELECT hyperparams->>'n_estimators' FROM pgml.models ORDER BY id DESC LIMIT 1$$, '7');
CREATE TABLE public.steps AS SELECT (CASE n % 3 WHEN 0 THEN 'a' WHEN 1 THEN 'b' END) AS kind, n % 7 AS b, n % 3 * 2 + n % 7 AS y FROM generate_series(1, 300) AS n;
SELECT pg_temp.expect('steps', $$SELECT deployed FROM pgml.train('steps', 'regression', 'public.steps', 'y', 'ridge', runtime => 'rust',
    preprocess => '{"kind": {"encode": "one_hot", "impute": "mode"}, "b": {"scale": "standard"}}')$$, 'true');
SELECT pg_temp.expect('again with its steps', $$SELECT algorithm FROM pgml.train('steps', 'regression', 'public.steps', 'y')$$, 'ridge');
SELECT pg_temp.expect('all of them', $$SELECT m.runtime || ' ' || (SELECT string_agg(c->'preprocessor'->>'encode', ',') FROM jsonb_array_elements(s.columns) AS c WHERE NOT (c->>'label')::boolean)
    FROM pgml.models AS m JOIN pgml.snapshots AS s ON s.id = m.snapshot_id ORDER BY m.id DESC LIMIT 1$$, 'rust one_hot,native');
-- Catches an empty object that counts as none: the steps of the last training would stay.
SELECT pg_temp.expect('without its steps', $$SELECT algorithm FROM pgml.train('steps', algorithm => 'lightgbm', preprocess => '{}')$$, 'lightgbm');
SELECT pg_temp.expect('none of them', $$SELECT (SELECT string_agg((c->'preprocessor'->>'encode') || ' ' || (c->'preprocessor'->>'scale'), ',') FROM jsonb_array_elements(s.columns) AS c WHERE NOT (c->>'label')::boolean)
    FROM pgml.models AS m JOIN pgml.snapshots AS s ON s.id = m.snapshot_id ORDER BY m.id DESC LIMIT 1$$, 'native preserve,native preserve');

-- Catches a project that predicts another thing than it did, or from other columns, without being told to.
CREATE VIEW public.less AS SELECT use, left_us FROM public.churn;
CREATE VIEW public.more AS SELECT use, age, id % 7 AS day, left_us FROM public.churn;
CREATE VIEW public.other AS SELECT use, age, age > 50 AS old FROM public.churn;
CREATE VIEW public.turned AS SELECT age, left_us, use FROM public.churn;
SELECT pg_temp.expect('a column less', $$SELECT pgml.train('churn', 'classification', 'public.less', 'left_us')$$, 'ERROR 22023%lacks "age"%HINT%redefine%');
SELECT pg_temp.expect('a column more', $$SELECT pgml.train('churn', 'classification', 'public.more', 'left_us')$$, 'ERROR 22023%has "day" besides%HINT%redefine%');
SELECT pg_temp.expect('another label', $$SELECT pgml.train('churn', 'classification', 'public.other', 'old')$$, 'ERROR 22023%predicts "old"%HINT%redefine%');
SELECT pg_temp.expect('another order', $$SELECT pg_temp.again('''churn'', ''classification'', ''public.turned'', ''left_us''')$$, 'random_forest | %against % of model 2 on the same 500 rows');
SELECT pg_temp.expect('nothing was noted', $$SELECT count(*) FROM pgml.models AS m JOIN pgml.snapshots AS s ON s.id = m.snapshot_id WHERE s.relation_name IN ('public.less', 'public.more', 'public.other')$$, '0');
SELECT pg_temp.expect('redefined', $$SELECT deployed || ' ' || reason FROM pgml.train('churn', 'classification', 'public.less', 'left_us', redefine => true)$$, 'true the project was redefined: model 2 %');
SELECT pg_temp.expect('nothing to redefine', $$SELECT reason FROM pgml.train('churn', 'classification', 'public.less', 'left_us', redefine => true)$$, '%against % on the same 500 rows');
SELECT pg_temp.expect('the new meaning', $$SELECT pgml.train('churn', 'classification', 'public.to_learn', 'left_us')$$, 'ERROR 22023%has "age" besides%');

-- Catches a deployed model that can't read the new rows and keeps the new one away.
CREATE TABLE public.kinds AS SELECT (ARRAY['a', 'b'])[1 + n % 2] AS kind, n % 2 * 10 + n % 3 AS y FROM generate_series(1, 200) AS n;
SELECT pg_temp.expect('two kinds', $$SELECT deployed FROM pgml.train('kinds', 'regression', 'public.kinds', 'y', 'random_forest', '{"n_estimators": 3}')$$, 'true');
INSERT INTO public.kinds SELECT 'c', 50 + n % 5 FROM generate_series(1, 200) AS n;
SELECT pg_temp.expect('a third one', $$SELECT deployed || ' ' || reason FROM pgml.train('kinds')$$, 'true model % can''t predict the new test rows: %"c"%');

-- Catches always "no" that wins: weighted F1 gives it 0.97 where one row in fifty is "yes".
CREATE TABLE public.fraud AS
SELECT (n * 37 % 1009)::float8 AS a, (n * 53 % 997)::float8 AS b, n % 50 = 0 AND (n * 37 % 1009) > 200 OR n % 100 = 0 AS y FROM generate_series(1, 5000) AS n;
SELECT pg_temp.expect('imbalanced', $$SELECT metric || ' ' || round(score::numeric, 2) FROM pgml.train('fraud', 'classification', 'public.fraud', 'y')$$, 'balanced_accuracy 0.50');
SELECT pg_temp.expect('noted', $$SELECT key_metric || ' ' || round(score::numeric, 2) FROM pgml.model_details WHERE name = 'fraud'$$, 'balanced_accuracy 0.50');
SELECT pg_temp.expect(metric, format($f$SELECT metric || ' ' || (score IS NOT NULL) || ' ' || (deployed_score IS NOT NULL) FROM pgml.train('fraud', algorithm => 'random_forest', hyperparams => '{"n_estimators": 5}', metric => %L)$f$, metric), metric || ' true true')
FROM unnest('{f1,accuracy,precision,recall,balanced_accuracy,roc_auc,log_loss}'::text[]) AS metric;
SELECT pg_temp.expect('the project keeps the last one', $$SELECT metric FROM pgml.train('fraud')$$, 'log_loss');
SELECT pg_temp.expect('less is better', $$SELECT reason FROM pgml.train('fraud', algorithm => 'random_forest', hyperparams => '{"n_estimators": 50, "max_depth": 3}')$$, '0.%');
DO $$
DECLARE
    verdict record;
BEGIN
    SELECT * INTO verdict FROM pgml.train('fraud', algorithm => 'random_forest', hyperparams => '{"n_estimators": 100, "max_depth": 2}');
    ASSERT verdict.deployed = (verdict.score < verdict.deployed_score - 1e-9), format('%s against %s: %s', verdict.score, verdict.deployed_score, verdict.deployed);
END
$$;
SELECT pg_temp.expect('best_score by it', $$SELECT (SELECT min((metrics->>'log_loss')::float8) FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id WHERE p.name = 'fraud') =
    (SELECT score FROM pgml.model_details WHERE name = 'fraud' AND deployed) FROM pgml.deploy('fraud', 'best_score')$$, 'false', 'true');
SELECT pg_temp.expect('which is the least', $$SELECT (SELECT min((metrics->>'log_loss')::float8) FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id WHERE p.name = 'fraud') =
    (SELECT score FROM pgml.model_details WHERE name = 'fraud' AND deployed)$$, 'true');
SELECT pg_temp.expect('a score of another task', $$SELECT pgml.train('fraud', metric => 'r2')$$, 'ERROR 22023%r2%HINT%balanced_accuracy%');
SELECT pg_temp.expect(metric, format($f$SELECT metric FROM pgml.train(%L, 'regression', 'public.steps', 'y', 'random_forest', '{"n_estimators": 3}', preprocess => '{"kind": {"impute": "mode"}}', metric => %1$L)$f$, metric), metric)
FROM unnest('{r2,mean_squared_error,mean_absolute_error}'::text[]) AS metric;

-- Catches ids as features: a whole number in silence, a text with the advice to impute.
CREATE TABLE public.people AS SELECT n AS id, 'user' || n || '@example.org' AS mail, n % 7 AS a, n % 7 * 2 AS y FROM generate_series(1, 300) AS n;
SELECT pg_temp.expect('a text', $$SELECT pgml.train('people', 'regression', 'public.people', 'y')$$, 'ERROR 22000%"mail"%HINT%exclude => ARRAY[''mail'']%');

SELECT pg_temp.expect('ids are left out', $$SELECT algorithm FROM pgml.train('people without', 'regression', 'public.people', 'y', exclude => '{id,mail}')$$, 'linear');
ALTER TABLE public.people DROP COLUMN mail;
SELECT pg_temp.expect('also when one is gone', $$SELECT algorithm FROM pgml.train('people without')$$, 'linear');

-- Catches a deployed model that is scored on rows from which it has learned: a forest knows those by heart.
CREATE FUNCTION pg_temp.chance(n int, salt text) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT ('x' || left(md5(n || salt), 8))::bit(32)::bigint / 4294967296.0 $$;
CREATE TABLE public.noisy (a float8, b float8, side text, y boolean);
CREATE FUNCTION pg_temp.happen(first int, last int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO public.noisy SELECT pg_temp.chance(n, 'a'), pg_temp.chance(n, 'b'), CASE WHEN pg_temp.chance(n, 'd') < 0.5 THEN 'left' ELSE 'right' END,
        (pg_temp.chance(n, 'a') + pg_temp.chance(n, 'b') > 1) <> (pg_temp.chance(n, 'c') < 0.25)
    FROM generate_series(first, last) AS n $$;
DO $$
DECLARE
    this record;
    place int := 2000;
BEGIN
    PERFORM pg_temp.happen(1, place);
    PERFORM pgml.train('weekly', 'classification', 'public.noisy', 'y', 'random_forest', '{"n_estimators": 30}');
    FOREACH place IN ARRAY '{2010,2500,4000}'::int[] LOOP
        PERFORM pg_temp.happen((SELECT count(*) FROM public.noisy)::int + 1, place);
        SELECT * INTO this FROM pgml.train('weekly', hyperparams => '{"n_estimators": 30}');
        ASSERT abs(this.score - this.deployed_score) < 0.06, format('%s rows: %s', place, this.reason);
        ASSERT this.reason NOT LIKE '%learned%', this.reason;
    END LOOP;
    SELECT * INTO this FROM pgml.train('weekly', hyperparams => '{"n_estimators": 30}', test_size => 0.4);
    ASSERT this.reason LIKE '% rows, some of which model % has learned from%', this.reason;
    SELECT * INTO this FROM pgml.train('weekly', hyperparams => '{"n_estimators": 30}', test_sampling => 'random');
    ASSERT this.reason LIKE '% rows, some of which model % has learned from%', this.reason;
END
$$;

-- Catches joint labels, clusters and components that can't be trained twice.
CREATE VIEW public.joint AS SELECT use, age, left_us::int AS y, (age > 50)::int AS z FROM public.churn;
SELECT pg_temp.expect('joint', $$SELECT deployed FROM pgml.train_joint('joint', 'classification', 'public.joint', '{y,z}', 'random_forest', '{"n_estimators": 3}')$$, 'true');
SELECT pg_temp.expect('joint again', $$SELECT reason FROM pgml.train_joint('joint')$$, '%of model % on the same 500 rows');
CREATE VIEW public.plain AS SELECT use, age FROM public.churn WHERE id <= 300;
SELECT pg_temp.expect('clusters', $$SELECT deployed FROM pgml.train('clusters', 'clustering', 'public.plain', algorithm => 'kmeans', hyperparams => '{"n_clusters": 3}')$$, 'true');
SELECT pg_temp.expect('clusters again', $$SELECT reason FROM pgml.train('clusters')$$, '0.%against 0.%on the same 75 rows');
SELECT pg_temp.expect('components', $$SELECT deployed FROM pgml.train('components', 'decomposition', 'public.plain', algorithm => 'pca')$$, 'true');
SELECT pg_temp.expect('components again', $$SELECT reason FROM pgml.train('components')$$, '%each on its own rows');

-- Catches two trainings of one statement, the second of which can't see the first.
SELECT pg_temp.expect('twice in one statement', $$SELECT string_agg(t.reason, '; ') FROM generate_series(1, 2) AS n, LATERAL pgml.train('twice', 'regression', CASE WHEN n > 0 THEN 'public.joint' END, 'y') AS t$$, 'nothing was deployed; %of model % on the same 500 rows');
\o
\echo training again: passed
