-- Searches in which some candidates have no score: the best is the best of those that have one.
\ir helpers.psql
SET client_min_messages = error;

-- Catches a first candidate that wins because every mean is NaN: XGBoost refuses the fold whose training rows lack a class.
CREATE TABLE public.rare AS
SELECT n AS a, (n * 7) % 13 AS b, CASE WHEN n = 1 THEN 0 WHEN n <= 100 THEN 1 ELSE 2 END AS y FROM generate_series(1, 200) AS n;
SELECT pg_temp.expect(algorithm || ', ' || search, format(
    $f$SELECT deployed FROM pgml.train('%1$s %2$s', 'classification', 'public.rare', 'y', %1$L, '{"n_estimators": 20}', search => %2$L,
        search_params => '{"min_child_weight": [1000000, 1]}', search_args => %3$L)$f$,
    algorithm, search, CASE search WHEN 'grid' THEN '{"cv": 5}' ELSE '{"cv": 5, "n_iter": 2}' END), 'true')
FROM unnest('{xgboost,lightgbm}'::text[]) AS algorithm, unnest('{grid,random}'::text[]) AS search;
DO $$
DECLARE
    found text;
BEGIN
    SELECT string_agg(name || ': ' || (hyperparams->>'min_child_weight'), ', ') INTO found FROM pgml.model_details
    WHERE hyperparams->>'min_child_weight' <> '1';
    ASSERT found IS NULL, found;
END
$$;

-- Catches a candidate that fails and ends the search, in either runtime; and one that is told to be the best.
SELECT pg_temp.expect('nonsense in ' || runtime, format(
    $f$SELECT deployed FROM pgml.train('nonsense %1$s', 'classification', 'public.rare', 'y', 'random_forest', '{"n_estimators": 5}', runtime => %1$L,
        search => 'grid', search_params => '{"max_depth": [-5, 3]}', search_args => '{"cv": 3}')$f$, runtime), 'true')
FROM unnest('{python,rust}'::text[]) AS runtime;
SELECT pg_temp.expect(name, format($f$SELECT hyperparams->>'max_depth' FROM pgml.model_details WHERE name = %L$f$, name), '3')
FROM unnest('{nonsense python,nonsense rust}'::text[]) AS name;
SELECT pg_temp.expect('nothing but nonsense in ' || runtime, format(
    $f$SELECT deployed FROM pgml.train('none', 'classification', 'public.rare', 'y', 'random_forest', runtime => %1$L,
        search => 'grid', search_params => '{"max_depth": [-5, -6]}', search_args => '{"cv": 3}')$f$, runtime), 'ERROR 22023%max_depth%')
FROM unnest('{python,rust}'::text[]) AS runtime;

-- Catches folds that no class has enough rows for, and several scores, of which none says what is best.
SELECT pg_temp.expect('cv 1', $$SELECT pgml.train('cv', 'classification', 'public.rare', 'y', 'random_forest', search => 'grid',
    search_params => '{"max_depth": [2, 3]}', search_args => '{"cv": 1}')$$, 'ERROR 22023%');
SELECT pg_temp.expect('several scores', $$SELECT pgml.train('scores', 'classification', 'public.rare', 'y', 'random_forest', search => 'grid',
    search_params => '{"max_depth": [2, 3]}', search_args => '{"cv": 2, "scoring": ["accuracy", "f1_micro"]}')$$, 'ERROR 22023%scoring%');
SELECT pg_temp.expect('jobs', $$SELECT deployed FROM pgml.train('jobs', 'classification', 'public.rare', 'y', 'random_forest', '{"n_jobs": -1}',
    search => 'grid', search_params => '{"max_depth": [2, 3]}', search_args => '{"cv": 2, "n_jobs": -1}')$$, 'true');
\o
\echo searches: passed
