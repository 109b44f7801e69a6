-- (h) Rows by name against arrays of the same numbers: ten columns, with the id and the label that the model passes over.
\ir setup.psql
CREATE TABLE IF NOT EXISTS bench.named AS
SELECT n AS id, sin(n) AS a, cos(n * 3) AS b, sin(n * 7) AS c, cos(n * 11) AS d, sin(n * 13) AS e,
    sin(n * 17) AS f, cos(n * 19) AS g, sin(n * 23) AS h, cos(n * 29) AS i, sin(n * 31) AS j, (sin(n) + cos(n * 3))::float8 AS y
FROM generate_series(1, 20000) AS n;
SELECT pgml.train('named linear', 'regression', 'bench.named', 'y', 'ridge', exclude => '{id}');
SELECT pgml.train('named random_forest', 'regression', 'bench.named', 'y', 'random_forest', '{"n_estimators": 100}', exclude => '{id}');
\o
SELECT pg_temp.compare('rows', what || ', by name', 'row', :rounds, json_build_array(
    pg_temp.side('array', format('SELECT sum(pgml.predict(%L, ARRAY[a, b, c, d, e, f, g, h, i, j])) FROM bench.named', 'named ' || what), 20000),
    pg_temp.side('pgml', format('SELECT sum(pgml.predict(%L, t)) FROM bench.named AS t', 'named ' || what), 20000)
)) FROM unnest('{linear,random_forest}'::text[]) AS what;
