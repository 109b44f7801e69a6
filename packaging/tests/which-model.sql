-- Which model answers, when that changes between two statements of a session that has it in memory.
\ir helpers.psql
SET client_min_messages = error;
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\setenv PGDATABASE :DBNAME

CREATE TABLE public.line AS SELECT n AS x, 2 * n AS y FROM generate_series(1, 20) AS n;
SELECT pgml.train('p', 'regression', 'public.line', 'y', 'linear');
UPDATE public.line SET y = 3 * x;
SELECT pgml.train('p', 'regression', 'public.line', 'y', 'linear', automatic_deploy => false);
CREATE FUNCTION public.factor() RETURNS float8 LANGUAGE sql AS $$ SELECT round(pgml.predict('p', '{100}')) / 100 $$;
CREATE FUNCTION public.expect_factor(what text, factor float8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    ASSERT public.factor() = factor, format('%s: %s instead of %s', what, public.factor(), factor);
END
$$;
SELECT public.expect_factor('deployed by training', 2);

-- Catches a session that is told of another session's deployments by nothing but its own transactions.
\! psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -c "SELECT pgml.deploy('p', 'most_recent')"
SELECT public.expect_factor('deployed elsewhere', 3);
BEGIN;
SELECT public.expect_factor('in a transaction', 3);
\! psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -c "SELECT pgml.deploy('p', 'rollback')"
SELECT public.expect_factor('deployed elsewhere during a transaction', 2);
COMMIT;

-- Catches a transaction that sees what others deploy although its snapshot doesn't.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT public.expect_factor('at the beginning', 2);
\! psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -c "SELECT pgml.deploy('p', 'most_recent')"
SELECT public.expect_factor('in a snapshot of before', 2);
COMMIT;
SELECT public.expect_factor('after the snapshot', 3);

-- Catches a deployment that goes on counting after it was rolled back: to a savepoint, where the snapshot of the transaction
-- stays the same, or with the transaction.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT public.expect_factor('before the savepoint', 3);
SAVEPOINT here;
SELECT pgml.deploy('p', 'rollback');
SELECT public.expect_factor('after the savepoint', 2);
ROLLBACK TO here;
SELECT public.expect_factor('back at the savepoint', 3);
SAVEPOINT there;
SELECT pgml.deploy('p', 'rollback');
RELEASE there;
SELECT public.expect_factor('after a savepoint that was released', 2);
ROLLBACK;
SELECT public.expect_factor('after the rollback', 3);

-- Catches an open cursor whose later rows are predicted by a model that its query can't see, and the other way round.
BEGIN;
DECLARE factors CURSOR FOR SELECT round(pgml.predict('p', ARRAY[n::float8])) / n AS factor FROM generate_series(100, 104) AS n;
FETCH 2 FROM factors;
SELECT pgml.deploy('p', 'rollback');
SELECT public.expect_factor('beside the cursor', 2);
FETCH 1 FROM factors \gset
SELECT :factor = 3 AS kept \gset
\if :kept
\else
    \warn 'a cursor sees what was deployed after its query began'
    SELECT 1 / 0;
\endif
SELECT public.expect_factor('beside the cursor again', 2);
ROLLBACK;

-- Catches an answer from memory that spares Postgres a read which it has to know of: one of these two must fail.
CREATE TABLE public.decisions (why text);
BEGIN;
SELECT public.expect_factor('not serializable', 3);
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT public.expect_factor('serializable', 3);
\! psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -c "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT pgml.deploy('p', 'rollback') WHERE NOT EXISTS (SELECT FROM public.decisions); COMMIT"
\set ON_ERROR_STOP off
INSERT INTO public.decisions VALUES ('the factor is 3');
\set of_insert :SQLSTATE
COMMIT;
\set of_commit :SQLSTATE
SELECT '40001' IN (:'of_insert', :'of_commit') AS failed \gset
\set ON_ERROR_STOP on
\if :failed
\else
    \warn 'a prediction was not among the reads of a serializable transaction'
    SELECT 1 / 0;
\endif
SELECT public.expect_factor('deployed by the other transaction', 2);

-- Catches a role that predicts from what another role of the session brought into memory.
BEGIN;
SELECT public.expect_factor('as the owner', 2);
CREATE ROLE pgml_test_nobody;
SET LOCAL ROLE pgml_test_nobody;
SELECT pg_temp.expect_error($$SELECT pgml.predict('p', '{1}')$$, '42501', '%permission denied%');
ROLLBACK;

-- Catches what another session deleted, and made anew under the same name.
SELECT public.expect_factor('before it is deleted', 2);
\! psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -c "DELETE FROM pgml.projects"
SELECT pg_temp.expect_error($$SELECT pgml.predict('p', '{1}')$$, '42704', 'project "p" does not exist');
\! psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -c "UPDATE public.line SET y = 5 * x" -c "SELECT pgml.train('p', 'regression', 'public.line', 'y', 'linear')"
SELECT public.expect_factor('made anew', 5);
\! psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -c "TRUNCATE pgml.deployments"
SELECT pg_temp.expect_error($$SELECT pgml.predict('p', '{1}')$$, '02000', 'project "p" has no deployed model');

-- Catches a project of another database that answers under the same name.
\set database :DBNAME
CREATE DATABASE pgml_test_other;
\c pgml_test_other
CREATE EXTENSION pgml;
SELECT pg_catalog.set_config('client_min_messages', 'error', false);
CREATE TABLE public.line AS SELECT n AS x, 7 * n AS y FROM generate_series(1, 20) AS n;
SELECT pgml.train('p', 'regression', 'public.line', 'y', 'linear');
SELECT round(pgml.predict('p', '{100}')) = 700 AS own \gset
\c :database
DROP DATABASE pgml_test_other;
\if :own
\else
    \warn 'another database answered'
    SELECT 1 / 0;
\endif

-- Catches models that are kept without end: more of them than a session may have, each used again and again.
SET client_min_messages = error;
SET pgml.model_cache = '64kB';
SELECT pgml.load_dataset('diabetes');
SELECT pgml.train('many', 'regression', 'pgml.diabetes', 'target', 'random_forest', jsonb_build_object('n_estimators', n), automatic_deploy => false)
FROM generate_series(1, 5) AS n;
DO $$
DECLARE
    row float8[] := array_fill(0.01::float8, '{10}');
    expected float8[] := ARRAY(SELECT pgml.predict(id, row) FROM pgml.models WHERE algorithm = 'random_forest' ORDER BY id);
BEGIN
    FOR n IN 1..5 LOOP
        ASSERT expected = ARRAY(SELECT pgml.predict(id, row) FROM pgml.models WHERE algorithm = 'random_forest' ORDER BY id);
    END LOOP;
    ASSERT (SELECT count(DISTINCT e) FROM unnest(expected) AS e) = 5;
END
$$;
\o
\echo which model: passed
