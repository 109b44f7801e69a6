-- (e) One million rows of 20 columns, from the table into the numbers that a fit takes; the fit is not part of it.
\ir setup.psql
CREATE EXTENSION IF NOT EXISTS plpython3u;
CREATE TABLE IF NOT EXISTS bench.wide AS
SELECT sin(n)::float8 AS c1, cos(n)::float8 AS c2, sin(n * 3)::float8 AS c3, cos(n * 3)::float8 AS c4, sin(n * 5)::float8 AS c5,
    cos(n * 5)::float8 AS c6, sin(n * 7)::float8 AS c7, cos(n * 7)::float8 AS c8, sin(n * 11)::float8 AS c9, cos(n * 11)::float8 AS c10,
    sin(n * 13)::float8 AS c11, cos(n * 13)::float8 AS c12, sin(n * 17)::float8 AS c13, cos(n * 17)::float8 AS c14,
    sin(n * 19)::float8 AS c15, cos(n * 19)::float8 AS c16, sin(n * 23)::float8 AS c17, cos(n * 23)::float8 AS c18, sin(n * 29)::float8 AS c19,
    (n % 1000)::float8 AS y
FROM generate_series(1, 1000000) AS n;
VACUUM ANALYZE bench.wide;

-- As PostgresML 1.0 read: rows as dicts, from them lists, from these arrays.
CREATE OR REPLACE FUNCTION bench.read_1_0() RETURNS float8 LANGUAGE plpython3u AS $$
    import sys, time
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    sys.path.append(f"/usr/lib/pgml/python{version}/site-packages")
    import numpy
    began = time.perf_counter()
    x, y = [], []
    for row in plpy.cursor("SELECT * FROM bench.wide"):
        y.append(row.pop("y"))
        x.append([value for value in row.values()])
    x, y = numpy.asarray(x), numpy.asarray(y)
    assert x.shape == (1000000, 19)
    return time.perf_counter() - began
$$;
-- What training itself says; 'last' keeps the order, and ridge is quick.
CREATE OR REPLACE FUNCTION bench.read_pgml() RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pgml.train('read', 'regression', 'bench.wide', 'y', 'ridge', test_sampling => 'last');
    RETURN (SELECT (metrics->>'read_seconds')::float8 FROM pgml.models ORDER BY id DESC LIMIT 1);
END
$$;
CREATE TABLE IF NOT EXISTS bench.read_seconds (side text, seconds float8);
TRUNCATE bench.read_seconds;
INSERT INTO bench.read_seconds SELECT 'PL/Python', bench.read_1_0();
INSERT INTO bench.read_seconds SELECT 'pgml', bench.read_pgml();
INSERT INTO bench.read_seconds SELECT 'PL/Python', bench.read_1_0();
INSERT INTO bench.read_seconds SELECT 'pgml', bench.read_pgml();
INSERT INTO bench.read_seconds SELECT 'PL/Python', bench.read_1_0();
INSERT INTO bench.read_seconds SELECT 'pgml', bench.read_pgml();
\o
SELECT pg_temp.measured('read', '1,000,000 rows x 20 columns', 's', 'table', (
    SELECT json_agg(json_build_object('name', side, 'values', seconds))
    FROM (SELECT side, json_agg(seconds) AS seconds FROM bench.read_seconds GROUP BY side) AS s
));
