-- Columns of an analyst's table: rows by name, what is left out, weights, dates and times, values that are missing.
\ir helpers.psql
CREATE TABLE customers (
    id bigint PRIMARY KEY, a float8, gone text, kind text, vip boolean, since date, seen timestamptz, opened time, tenure interval, weight numeric, y float8
);
ALTER TABLE customers DROP COLUMN gone;
INSERT INTO customers
SELECT n, n % 17, (ARRAY['x', 'y', 'z'])[1 + n % 3], n % 2 = 0, '2020-01-01'::date + n, '2026-01-01 12:00+00'::timestamptz + n * interval '1 hour',
    '08:00'::time + n % 10 * interval '1 hour', n % 5 * interval '1 day', 1 + n % 2, n % 17 * 2 + n % 3 * 10
FROM generate_series(1, 300) AS n;

-- The primary key is used with a warning, and left out without one.
SELECT pgml.train('c', 'regression', 'customers', 'y', 'random_forest', '{"n_estimators": 20}', exclude => '{id}', weight_column => 'weight');
SELECT pg_temp.expect('columns', $$SELECT string_agg(c->>'name', ',' ORDER BY (c->>'position')::int) FROM jsonb_array_elements((SELECT columns FROM pgml.snapshots ORDER BY id DESC LIMIT 1)) AS c$$, 'a,kind,vip,since,seen,opened,tenure,y');
SELECT pg_temp.expect('noted', $$SELECT analysis->>'exclude' || (analysis->>'weight_column') FROM (SELECT * FROM pgml.snapshots ORDER BY id DESC LIMIT 1) AS s$$, '["id"]weight');

-- By name: the table's own row, in any order, with more columns; a view's, a subquery's, a composite type's. By place: (a, b).
SELECT pg_temp.expect('a table', $$SELECT count(t.y - pgml.predict('c', t)) FROM customers AS t$$, '300');
SELECT pg_temp.expect('near', $$SELECT avg(abs(t.y - pgml.predict('c', t))) < 2 FROM customers AS t$$, 'true');
CREATE VIEW turned AS SELECT 'more'::text AS more, tenure, opened, seen, since, vip, kind, a FROM customers;
SELECT pg_temp.expect('another order', $$SELECT sum(pgml.predict('c', v)) = (SELECT sum(pgml.predict('c', t)) FROM customers AS t) FROM turned AS v$$, 'true');
SELECT pg_temp.expect('a subquery', $$SELECT sum(pgml.predict('c', s)) = (SELECT sum(pgml.predict('c', t)) FROM customers AS t) FROM (SELECT vip, a, kind, opened, since, tenure, seen FROM customers) AS s$$, 'true');
SELECT pg_temp.expect('by place', $$SELECT sum(pgml.predict('c', (a, kind, vip, since, seen, opened, tenure))) = (SELECT sum(pgml.predict('c', t)) FROM customers AS t) FROM customers$$, 'true');
SELECT pg_temp.expect_error($$SELECT pgml.predict('c', s) FROM (SELECT a, kind, vip FROM customers LIMIT 1) AS s$$, '42703', 'the row has no column "since", which model % takes', 'It has: a, kind, vip.%');
SELECT pg_temp.expect_error($$SELECT pgml.predict('c', (1, 'x'))$$, '2202E', 'model % takes 7 columns, and 2 were given');
SELECT pg_temp.expect('many rows at once', $$SELECT count(*) FROM pgml.predict_batch('c', (SELECT array_agg(t) FROM customers AS t)) AS p$$, '300');
-- A table that changes between two calls of a session.
SELECT pg_temp.expect('before', $$SELECT count(pgml.predict('c', t)) FROM customers AS t$$, '300');
ALTER TABLE customers ADD COLUMN later int DEFAULT 7;
ALTER TABLE customers DROP COLUMN weight;
SELECT pg_temp.expect('after', $$SELECT sum(pgml.predict('c', t)) = (SELECT sum(pgml.predict('c', s)) FROM (SELECT a, kind, vip, since, seen, opened, tenure FROM customers) AS s) FROM customers AS t$$, 'true');
ALTER TABLE customers RENAME COLUMN vip TO very;
SELECT pg_temp.expect_error($$SELECT pgml.predict('c', t) FROM customers AS t$$, '42703', 'the row has no column "vip"%');
ALTER TABLE customers RENAME COLUMN very TO vip;
ALTER TABLE customers DROP COLUMN later;
-- A trigger's NEW is such a row.
CREATE TABLE scored (a float8, kind text, p float8);
CREATE VIEW small AS SELECT kind, a, y FROM customers;
SELECT pgml.train('small', 'regression', 'small', 'y', 'random_forest', '{"n_estimators": 5}');
CREATE FUNCTION score() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.p := pgml.predict('small', NEW); RETURN NEW; END $$;
CREATE TRIGGER score BEFORE INSERT ON scored FOR EACH ROW EXECUTE FUNCTION score();
INSERT INTO scored (a, kind) SELECT a, kind FROM customers;
SELECT pg_temp.expect('a trigger', $$SELECT count(p) || ' ' || bool_and(p = pgml.predict('small', (kind, a))) FROM scored$$, '300 true');

-- Weights: a row that counts three times is three rows; wrong ones are named.
CREATE TABLE weighed AS SELECT n % 10 AS a, n % 10 * CASE WHEN n % 3 = 0 THEN 2.0 ELSE -1.0 END AS y, CASE WHEN n % 3 = 0 THEN 3 ELSE 1 END AS w FROM generate_series(1, 100) AS n;
SELECT pgml.train('weighed ' || runtime, 'regression', 'weighed', 'y', algorithm, weight_column => 'w', runtime => runtime, automatic_deploy => true)
FROM (VALUES ('linear'::pgml.algorithm), ('random_forest'), ('lightgbm')) AS t(algorithm), unnest(enum_range(NULL::pgml.runtime)) AS runtime;
SELECT pgml.deploy('weighed ' || runtime, 'best_score', 'linear') FROM unnest(enum_range(NULL::pgml.runtime)) AS runtime;
SELECT pg_temp.expect('both runtimes', $$SELECT abs(pgml.predict('weighed python', ARRAY[9]) - pgml.predict('weighed rust', ARRAY[9])) < 1$$, 'true');
SELECT pgml.train('not weighed', 'regression', 'weighed', 'y', exclude => '{w}');
SELECT pg_temp.expect('the weight counts', $$SELECT pgml.predict('weighed python', ARRAY[9]) > pgml.predict('not weighed', ARRAY[9]) + 3$$, 'true');
SELECT pg_temp.expect_error($$SELECT pgml.train('w', 'regression', 'weighed', 'y', 'least_angle', weight_column => 'w')$$, '22023', 'algorithm least_angle can''t weigh rows');
SELECT pg_temp.expect_error($$SELECT pgml.train('w', 'regression', 'weighed', 'y', 'knn', weight_column => 'w')$$, '0A000', 'the rust runtime can''t weigh rows for knn');
SELECT pg_temp.expect_error($$SELECT pgml.train('w', 'regression', 'weighed', 'y', weight_column => 'y')$$, '22023', 'column "y" is the label%');
SELECT pg_temp.expect_error($$SELECT pgml.train('w', 'regression', 'customers', 'y', weight_column => 'kind')$$, '42804', 'column "kind" has type text, which cannot be a weight');
SELECT pg_temp.expect_error($$SELECT pgml.train('w', 'regression', 'weighed', 'y', exclude => '{nobody}')$$, '42703', 'column "nobody"%');
SELECT pg_temp.expect_error($$SELECT pgml.train('w', 'regression', 'weighed', 'y', exclude => '{y}')$$, '22023', 'column "y" is the label%');
CREATE TABLE wrong AS SELECT a, y, -1 AS w FROM weighed;
SELECT pg_temp.expect_error($$SELECT pgml.train('w', 'regression', 'wrong', 'y', weight_column => 'w')$$, '22000', 'the weights in column "w" are negative%');
UPDATE wrong SET w = NULL WHERE a = 1;
SELECT pg_temp.expect_error($$SELECT pgml.train('w', 'regression', 'wrong', 'y', weight_column => 'w')$$, '22004', 'NULL in column "w"%');
-- They stay the project's.
SELECT pg_temp.expect('again', $$SELECT project FROM pgml.train('weighed python', algorithm => 'ridge')$$, 'weighed python');
SELECT pg_temp.expect('again, with the relation', $$SELECT project FROM pgml.train('weighed python', 'regression', 'weighed', 'y', 'ridge')$$, 'weighed python');
SELECT pg_temp.expect('noted', $$SELECT bool_and(analysis->>'weight_column' = 'w') FROM (SELECT * FROM pgml.snapshots ORDER BY id DESC LIMIT 2) AS s$$, 'true');

-- Dates and times are the numbers that Postgres itself makes of them, in training and in prediction.
SET timezone = 'Pacific/Auckland';
CREATE TABLE times AS SELECT '2024-02-27'::date + n AS d, '2024-02-27 23:30'::timestamp + n * interval '7 hours 1 second' AS t, '1969-12-25 01:00+00'::timestamptz + n * interval '1 day 1 hour' AS z,
    '00:30'::time + n * interval '17 minutes' AS o, make_interval(years => n % 2, months => n % 5, days => n, secs => n / 10.0) AS i FROM generate_series(1, 60) AS n;
SELECT pg_temp.outcome(format('CREATE VIEW numbers_%1$s AS SELECT %1$s, %2$s::float8 AS y FROM times', name, number)) FROM (VALUES
    ('d', '(d - ''1970-01-01''::date)'), ('t', 'extract(epoch FROM t)'), ('z', 'extract(epoch FROM z)'), ('o', 'extract(epoch FROM o)'), ('i', 'extract(epoch FROM i)')
) AS v(name, number);
SELECT pgml.train('time ' || name, 'regression', 'numbers_' || name, 'y') FROM unnest('{d,t,z,o,i}'::text[]) AS name;
SELECT pg_temp.expect(name, format('SELECT bool_and(abs(pgml.predict(%1$L, v) - v.y) <= 1e-6 * abs(v.y) + 1e-3) FROM numbers_%2$s AS v', 'time ' || name, name), 'true') FROM unnest('{d,t,z,o,i}'::text[]) AS name;
SELECT pg_temp.expect('a number in its place', $$SELECT round(pgml.predict('time d', ARRAY[100]))$$, '100');
SELECT pg_temp.expect('a date is the beginning of its day', $$SELECT round(pgml.predict('time t', s)) FROM (SELECT '1970-01-03'::date AS t) AS s$$, '172800');
SELECT pg_temp.expect_error($$SELECT pgml.predict('time d', s) FROM (SELECT now() AS d) AS s$$, '42804', 'column "d" takes a date');
SELECT pg_temp.expect_error($$SELECT pgml.predict('time i', s) FROM (SELECT '01:00'::time AS i) AS s$$, '42804', 'column "i" takes an interval');
SELECT pg_temp.expect_error($$SELECT pgml.predict('time d', s) FROM (SELECT 'today'::text AS d) AS s$$, '42804', 'column "d" takes a date');
CREATE TABLE endless AS SELECT CASE WHEN n = 5 THEN 'infinity'::date ELSE '2026-01-01'::date + n END AS d, n AS y FROM generate_series(1, 20) AS n;
SELECT pg_temp.expect_error($$SELECT pgml.train('endless', 'regression', 'endless', 'y')$$, '22000', 'NaN or infinite values in column "d" (1 row)');
-- Parts.
CREATE VIEW parted AS SELECT d, z, o, extract(isodow FROM d)::float8 AS y FROM times;
SELECT pgml.train('parts', 'regression', 'parted', 'y', 'random_forest', '{"n_estimators": 50}', preprocess => '{"d": {"encode": "parts"}, "z": {"encode": "parts"}, "o": {"encode": "parts"}}');
SELECT pg_temp.expect('their names', $$SELECT string_agg(feature, ' ' ORDER BY feature) FROM pgml.feature_importances('parts')$$, 'd.day d.month d.weekday d.year o.hour z.day z.hour z.month z.weekday z.year');
SELECT pg_temp.expect('what they tell', $$SELECT feature FROM pgml.feature_importances('parts') LIMIT 1$$, 'd.weekday');
SELECT pg_temp.expect('near', $$SELECT avg(abs(pgml.predict('parts', p) - p.y)) < 0.7 FROM parted AS p$$, 'true');
SELECT pg_temp.expect_error($$SELECT pgml.train('parts', 'regression', 'numbers_i', 'y', preprocess => '{"i": {"encode": "parts"}}', redefine => true)$$, '22023', '%an interval has no parts%');
SELECT pg_temp.expect_error($$SELECT pgml.train('x', 'regression', 'weighed', 'y', preprocess => '{"a": {"encode": "parts"}}')$$, '22023', '%is for dates and times%');
RESET timezone;

-- Missing values stay missing where the algorithm takes them, in training and in prediction; for the others they are an error.
CREATE TABLE gaps AS SELECT CASE WHEN n % 4 = 0 THEN NULL ELSE n % 13 END::float8 AS a, CASE WHEN n % 9 = 0 THEN NULL ELSE '2026-01-01'::date + n END AS d, CASE WHEN n % 7 > 0 THEN (ARRAY['p', 'q'])[1 + n % 2] END AS kind,
    ARRAY[n % 3, NULLIF(n % 5, 0)] AS v, CASE WHEN n % 4 = 0 THEN 100 ELSE n % 13 END AS y FROM generate_series(1, 400) AS n;
SELECT pgml.train('gaps ' || algorithm || runtime, 'regression', 'gaps', 'y', algorithm::pgml.algorithm, runtime => runtime::pgml.runtime)
FROM (VALUES ('xgboost', 'python'), ('xgboost_random_forest', 'python'), ('lightgbm', 'python'), ('hist_gradient_boosting', 'python'), ('lightgbm', 'rust')) AS t(algorithm, runtime);
SELECT pg_temp.expect(name, format('SELECT round(avg(pgml.predict(%1$L, g)) FILTER (WHERE a IS NULL)) BETWEEN 90 AND 110 AND avg(abs(pgml.predict(%1$L, g) - y)) < 12 FROM gaps AS g', name), 'true') FROM pgml.projects WHERE name LIKE 'gaps%';
SELECT pg_temp.expect('in Rust', $$SELECT string_agg(DISTINCT predicted_by, ',') FROM pgml.model_details WHERE name LIKE 'gaps%'$$, 'rust');
SELECT pg_temp.expect_error($$SELECT pgml.train('others', 'regression', 'gaps', 'y', 'random_forest')$$, '22004', 'NULL in column "a" (100 rows), column "d" (44 rows), column "v" (80 rows)');
CREATE VIEW gap AS SELECT a, y FROM gaps;
SELECT pgml.train('gap', 'regression', 'gap', 'y', 'xgboost');
SELECT pg_temp.expect('an array', $$SELECT round(pgml.predict('gap', ARRAY[NULL]::float8[]))$$, '100');
SELECT pg_temp.expect('a row', $$SELECT round(pgml.predict('gap', ROW(NULL::float8)))$$, '100');
SELECT pg_temp.expect('a batch', $$SELECT round(max(p)) || ' ' || count(*) FROM pgml.predict_batch('gap', ARRAY[[NULL], [1]]::float8[]) AS p$$, '100 2');
SELECT pgml.train('gap filled', 'regression', 'gap', 'y', 'xgboost', preprocess => '{"a": {"impute": "zero"}}');
SELECT pg_temp.expect('filled where that is asked for', $$SELECT pgml.predict('gap filled', ROW(NULL::float8)) = pgml.predict('gap filled', ROW(0.0))$$, 'true');

-- Names of features are told apart, whatever columns and categories are called.
CREATE TABLE names AS SELECT (ARRAY['NULL', NULL, '=', '', '__NULL__', 'b=c'])[1 + n % 6] AS "a", (ARRAY['c', 'NULL'])[1 + n % 2] AS "a=b", n % 7 AS "a=NULL", ARRAY[n % 2, n % 3] AS v, n % 5 AS "v[1]", n % 6 AS y FROM generate_series(1, 300) AS n;
SELECT pgml.train('names', 'regression', 'names', 'y', 'random_forest', '{"n_estimators": 5}', preprocess => '{"a": {"encode": "one_hot"}, "a=b": {"encode": "one_hot"}}');
SELECT pg_temp.expect('all of them', $$SELECT count(*) || ' ' || count(DISTINCT feature) FROM pgml.feature_importances('names')$$, '12 12');
SELECT pg_temp.expect('statistics', $$SELECT count(*) FROM jsonb_array_elements((SELECT columns FROM pgml.snapshots ORDER BY id DESC LIMIT 1)) AS c, jsonb_object_keys(c->'statistics'->'categories') WHERE c->>'name' = 'a'$$, '6');

-- Constraints by the features' names.
CREATE TABLE wavy AS SELECT n / 100.0 AS a, n % 10 AS b, n / 100.0 + sin(n / 10.0) AS y FROM generate_series(1, 600) AS n;
SELECT pgml.train('wavy ' || algorithm, 'regression', 'wavy', 'y', algorithm::pgml.algorithm, hyperparams => format('{%s: {"a": 1}}', to_json(name))::jsonb)
FROM (VALUES ('xgboost', 'monotone_constraints'), ('lightgbm', 'monotone_constraints'), ('hist_gradient_boosting', 'monotonic_cst')) AS t(algorithm, name);
SELECT pg_temp.expect(name, format('SELECT bool_and(p >= coalesce(before, p) - 1e-5) FROM (SELECT p, lag(p) OVER (ORDER BY a) AS before FROM (SELECT n / 50.0 AS a, pgml.predict(%L, ARRAY[n / 50.0, 5]) AS p FROM generate_series(1, 300) AS n) AS s) AS t', name), 'true') FROM pgml.projects WHERE name LIKE 'wavy%';
SELECT pg_temp.expect_error($$SELECT pgml.train('wavy', 'regression', 'wavy', 'y', 'xgboost', '{"monotone_constraints": {"nobody": 1}}')$$, '22023', 'unknown feature in monotone_constraints%nobody%', '%a, b%');

-- Many classes: scores cost no more than the fit.
CREATE TABLE classes AS SELECT n % 3000 AS a, 'class ' || n % 3000 AS y FROM generate_series(1, 9000) AS n;
-- Before, scores alone took more than eleven minutes.
SET statement_timeout = '120s';
SELECT pgml.train('many classes', 'classification', 'classes', 'y', 'extra_trees', '{"n_estimators": 1}');
RESET statement_timeout;
SELECT pg_temp.expect('every score', $$SELECT metrics ? 'roc_auc' FROM pgml.models ORDER BY id DESC LIMIT 1$$, 'true');
SELECT pg_temp.expect('a label', $$SELECT pgml.predict_label('many classes', ARRAY[2999])$$, 'class 2999');

-- Catches a forest that keeps a share of each class in each leaf: 20 trees were 3.8 GB, and took six times the fit to store.
CREATE TABLE many AS SELECT sin(n % 3000 * 0.37) AS a, sin(n % 3000 * 0.74) AS b, n % 3000 / 1000.0 + n / 9e5 AS c, 'class ' || n % 3000 AS y FROM generate_series(1, 9000) AS n;
CREATE FUNCTION pg_temp.took(how text) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    EXECUTE how;
    RETURN extract(epoch FROM clock_timestamp() - began);
END
$$;
SET statement_timeout = '300s';
SELECT pg_temp.took($$SELECT pgml.train('forest', 'classification', 'many', 'y', 'random_forest', '{"n_estimators": 20}', runtime => 'python')$$) AS took \gset
RESET statement_timeout;
SELECT (metrics->>'fit_seconds')::float8 AS fit, id AS forest FROM pgml.models ORDER BY id DESC LIMIT 1 \gset
SELECT pg_temp.expect('at most twice the fit and 5 s', format('SELECT %s < 2 * %s + 5', :'took', :'fit'), 'true');
SELECT pg_temp.expect('small', format('SELECT sum(length(data)) < 100e6 FROM pgml.files WHERE model_id = %s', :'forest'), 'true');
SELECT pg_temp.expect('predicts without Python', format('SELECT metrics->>%L FROM pgml.models WHERE id = %s', 'predicted_by', :'forest'), 'rust');
SELECT pg_temp.expect('a share of each', $$SELECT count(*) || ' ' || round(sum(probability)::numeric, 6) FROM pgml.predict_classes('forest', ROW(0.0, 0.0, 0.0))$$, '3000 1.000000');
