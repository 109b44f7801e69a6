-- The extension dropped and made again: nothing of its earlier life is left behind, or in its way.
\ir helpers.psql
SET client_min_messages = error;
CREATE TABLE public.line AS SELECT n AS a, 2 * n AS y FROM generate_series(1, 40) AS n;

-- Catches a schema, the rows of a snapshot or a data set that outlive the extension, or stop DROP EXTENSION.
SELECT pgml.train('line', 'regression', 'public.line', 'y', materialize_snapshot => true);
SELECT pgml.load_dataset('iris');
DROP EXTENSION pgml;
SELECT pg_temp.expect('after the first life', $$SELECT to_regnamespace('pgml') IS NULL AND to_regnamespace('pgml_private') IS NULL$$, 'true');
CREATE EXTENSION pgml;
SELECT pg_temp.expect('training', $$SELECT deployed FROM pgml.train('line', 'regression', 'public.line', 'y')$$, 'true');
SELECT pg_temp.expect('kept rows', $$SELECT deployed IS NOT NULL FROM pgml.train('line', 'regression', 'public.line', 'y', materialize_snapshot => true)$$, 'true');
SELECT pg_temp.expect('a data set', $$SELECT rows FROM pgml.load_dataset('iris')$$, '150');
-- Catches what is the user's own in schema pgml being dropped without CASCADE.
CREATE TABLE pgml.mine (a int);
SELECT pg_temp.expect('a table of the user''s', 'DROP EXTENSION pgml', 'ERROR 2BP01%');
DROP TABLE pgml.mine;
DROP EXTENSION pgml;
CREATE EXTENSION pgml VERSION '1.0';
SELECT pg_temp.expect('edition 1.0', $$SELECT status FROM pgml.train('line', 'regression', 'public.line', 'y')$$, 'deployed');
DROP EXTENSION pgml;
CREATE EXTENSION pgml VERSION '2.10.0';
SELECT pg_temp.expect('edition 2.10.0', $$SELECT deployed FROM pgml.train('line', 'regression', 'public.line', 'y', materialize_snapshot => true)$$, 'true');
DROP EXTENSION pgml;

-- Catches an earlier life of another product, whose schema and tables are still there.
CREATE SCHEMA pgml;
CREATE TABLE pgml.snapshot_1 (left_behind int);
CREATE TABLE pgml.snapshot_2 (left_behind int);
CREATE EXTENSION pgml;
SELECT pg_temp.expect('a snapshot beside old ones', $$SELECT relation FROM pgml.snapshot('public.line', 'y')$$, 'pgml.snapshot_3');
SELECT pg_temp.expect('the old one', 'SELECT count(*) FROM pgml.snapshot_1', '0');
DROP EXTENSION pgml CASCADE;
-- Catches a schema in which somebody else could have put functions.
CREATE ROLE pgml_test_somebody;
CREATE SCHEMA pgml AUTHORIZATION pgml_test_somebody;
SELECT pg_temp.expect('somebody else''s schema', 'CREATE EXTENSION pgml', 'ERROR 55000%HINT%');
DROP SCHEMA pgml;
DROP ROLE pgml_test_somebody;
CREATE SCHEMA pgml;
CREATE TABLE pgml.projects (mine text);
SELECT pg_temp.expect('a table of that name', 'CREATE EXTENSION pgml', 'ERROR 42P07%');
DROP SCHEMA pgml CASCADE;

-- Catches a database that is made from a template with the extension in it, and shares its number with another one's model.
CREATE EXTENSION pgml;
SELECT pgml.train('line', 'regression', 'public.line', 'y');
\set database :DBNAME
\c postgres
CREATE DATABASE pgml_test_copy TEMPLATE :"database";
\c pgml_test_copy
SELECT round(pgml.predict('line', ARRAY[4])::numeric) = 8 AS predicts \gset
SELECT pg_catalog.set_config('client_min_messages', 'error', false);
SELECT deployed IS NOT NULL AS trains FROM pgml.train('line', algorithm => 'ridge') \gset
DROP EXTENSION pgml;
\c :database
DROP DATABASE pgml_test_copy;
SELECT :'predicts'::boolean AND :'trains'::boolean AS both \gset
\if :both
\else
    \warn 'a copy of the database does not work'
    SELECT 1 / 0;
\endif
\o
\echo second life: passed
