-- Databases that are not in UTF8: names, categories, classes and messages arrive as they were written.
\ir helpers.psql
\set here :DBNAME
DROP DATABASE IF EXISTS pgml_latin1;
CREATE DATABASE pgml_latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
\c pgml_latin1
CREATE EXTENSION pgml;
\ir helpers.psql
SET client_encoding = 'UTF8';
CREATE TABLE "maße" (farbe text, "größe" float8, "höhe" float8, "güte" text);
INSERT INTO "maße" SELECT (ARRAY['weiß', 'grün', 'rot'])[1 + n % 3], n % 20, n % 3 * 10 + n % 20 / 10.0, (ARRAY['schön', 'häßlich'])[1 + n % 3 / 2] FROM generate_series(1, 120) AS n;
-- Catches a name of a project, a relation, a column or a category that is garbled on any way, or an XX000.
SELECT pg_temp.expect('training ' || runtime, format('SELECT project FROM pgml.train(%L, ''regression'', ''"maße"'', ''höhe'', ''random_forest'', ''{"n_estimators": 5}'', runtime => %L, exclude => ''{güte}'')', 'Größe ' || runtime, runtime), 'Größe %')
FROM unnest(enum_range(NULL::pgml.runtime)) AS runtime;
SELECT pg_temp.expect('the project', $$SELECT count(*) FROM pgml.projects WHERE name IN ('Größe python', 'Größe rust')$$, '2');
SELECT pg_temp.expect('the relation', $$SELECT DISTINCT relation_name FROM pgml.overview$$, 'public."maße"');
SELECT pg_temp.expect('two categories', $$SELECT abs(pgml.predict('Größe rust', ('weiß'::text, 6.0)) - pgml.predict('Größe rust', ('grün'::text, 6.0))) > 5$$, 'true');
SELECT pg_temp.expect('by name', $$SELECT count(pgml.predict('Größe python', m)) FROM "maße" AS m$$, '120');
SELECT pg_temp.expect('importances', $$SELECT string_agg(feature, ' ' ORDER BY feature) FROM pgml.feature_importances('Größe rust')$$, 'farbe größe');
SELECT pg_temp.expect('steps', $$SELECT project FROM pgml.train('steps', 'regression', '"maße"', 'höhe', 'linear', preprocess => '{"größe": {"scale": "standard"}, "farbe": {"encode": "one_hot"}}', exclude => '{güte}', materialize_snapshot => true)$$, 'steps');
SELECT pg_temp.expect('their names', $$SELECT string_agg(feature, ' ' ORDER BY feature) FROM pgml.feature_importances('steps')$$, 'farbe=grün farbe=rot farbe=weiß größe');
SELECT pg_temp.expect('noted', $$SELECT columns->1->>'name' FROM pgml.snapshots ORDER BY id DESC LIMIT 1$$, 'größe');
SELECT pg_temp.expect('a label', format('SELECT project FROM pgml.train(%L, ''classification'', ''"maße"'', ''güte'', ''random_forest'', ''{"n_estimators": 5, "class_weight": {"schön": 2}}'', runtime => ''python'')', 'Güte'), 'Güte');
SELECT pg_temp.expect('its class', $$SELECT count(*) FROM "maße" AS m WHERE pgml.predict_label('Güte', m) = "güte"$$, '120');
SELECT pg_temp.expect('its classes', $$SELECT string_agg(label, ',' ORDER BY class) FROM pgml.classes('Güte')$$, 'häßlich,schön');
SELECT pg_temp.expect('recorded', $$SELECT hyperparams->'class_weight'->>'schön' FROM pgml.models ORDER BY id DESC LIMIT 1$$, '2');
SELECT pg_temp.expect('kept rows', $$SELECT relation ~ '^pgml' FROM pgml.snapshot('"maße"', 'höhe')$$, 'true');
CREATE TABLE gaps AS SELECT NULLIF("größe", 7) AS "größe", "höhe" AS y FROM "maße";
SELECT pg_temp.expect_error($$SELECT pgml.train('gaps', 'regression', 'gaps', 'y')$$, '22004', 'NULL in column "größe" (6 rows)');
SELECT pg_temp.expect_error($$SELECT pgml.predict('Maß', ARRAY[1])$$, '42704', 'project "Maß" does not exist');
SELECT pg_temp.expect_error($$SELECT pgml.predict('Größe rust', ('blau'::text, 6.0))$$, '22000', 'column "farbe" has the category "blau"%');
SELECT pg_temp.expect_error($$SELECT pgml.train('Güte', 'classification', '"maße"', 'güte', 'random_forest', '{"class_weight": {"übel": 2}}')$$, '22023', 'unknown class in class_weight%übel%', '%häßlich%');
SELECT pg_temp.expect_error($$SELECT pgml.train('nichts', 'regression', '"maße"', 'länge')$$, '42703', 'column "länge" of relation public."maße" does not exist', '%größe%');

-- SQL_ASCII: bytes without a meaning stay apart, and come back as they were.
\c :here
SET client_min_messages = warning;
DROP DATABASE pgml_latin1;
DROP DATABASE IF EXISTS pgml_ascii;
CREATE DATABASE pgml_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C';
\c pgml_ascii
CREATE EXTENSION pgml;
\ir helpers.psql
CREATE TABLE bytes (kind text, x float8, y float8, label text);
INSERT INTO bytes SELECT CASE n % 2 WHEN 0 THEN E'\xe9' ELSE E'\xe8' END, n % 20, n % 2 * 10, CASE n % 2 WHEN 0 THEN E'\xf6' ELSE E'\xfc' END FROM generate_series(1, 100) AS n;
SELECT pgml.train(E'b\xe9', 'regression', 'bytes', 'y', 'random_forest', '{"n_estimators": 5}', exclude => '{label}', runtime => runtime) FROM unnest(enum_range(NULL::pgml.runtime)) AS runtime;
SELECT pg_temp.expect('they stay two', $$SELECT abs(pgml.predict(E'b\xe9', (E'\xe9'::text, 5.0)) - pgml.predict(E'b\xe9', (E'\xe8'::text, 5.0))) > 5$$, 'true');
SELECT pg_temp.expect('the name', $$SELECT count(*) FROM pgml.projects WHERE name = E'b\xe9'$$, '1');
SELECT pgml.train('label', 'classification', 'bytes', 'label', 'random_forest', '{"n_estimators": 5}', exclude => '{y}');
SELECT pg_temp.expect('the classes', $$SELECT count(*) FROM bytes AS b WHERE pgml.predict_label('label', b) = label$$, '100');
SELECT pg_temp.expect_error($$SELECT pgml.predict(E'\xfc', ARRAY[1])$$, '42704', E'project "\xfc" does not exist');
\c :here
SET client_min_messages = warning;
DROP DATABASE pgml_ascii;
