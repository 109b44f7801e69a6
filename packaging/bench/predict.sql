-- (b) Predictions: a PL/Python function in the style of PostgresML 1.0 against pgml, one row a call and in a batch.
\ir models.psql
\o
SELECT pg_temp.compare('predict', what || ', single row', 'row', :rounds, json_build_array(
    pg_temp.side('1.0 style', format('SELECT sum(bench.predict_1_0(%L, x)) FROM (SELECT x FROM %s LIMIT %s) AS t', project, rows, slow), slow),
    pg_temp.side('floor', format('SELECT sum(cardinality(x)) FROM %s_many', rows), CASE rows WHEN 'bench.digits' THEN 17970 ELSE 44200 END),
    pg_temp.side('pgml', format('SELECT sum(pgml.predict(%L, x)) FROM %s_many', project, rows), CASE rows WHEN 'bench.digits' THEN 17970 ELSE 44200 END)
)) FROM bench.models;
SELECT pg_temp.compare('predict', what || ', batch', 'row', :rounds, json_build_array(
    pg_temp.side('1.0 style', format('SELECT sum(p) FROM bench.batches AS b, bench.predict_batch_1_0(%L, b.few) AS p WHERE project = %1$L', project), slow),
    pg_temp.side('pgml', format('SELECT sum(p) FROM (SELECT pgml.predict_batch(%L, many) AS p FROM bench.batches WHERE project = %1$L) AS t', project), 10000)
)) FROM bench.models;
