-- (a) The dot product of 10,000 pairs of 128 numbers.
\ir setup.psql
CREATE EXTENSION IF NOT EXISTS plpython3u;
CREATE TABLE IF NOT EXISTS bench.vectors AS
SELECT n, (SELECT array_agg(sin(n * 7.0 + i)::real ORDER BY i) FROM generate_series(1, 128) AS i) AS x,
       (SELECT array_agg(cos(n * 3.0 + i)::real ORDER BY i) FROM generate_series(1, 128) AS i) AS y
FROM generate_series(1, 10000) AS n;
VACUUM ANALYZE bench.vectors;

CREATE OR REPLACE FUNCTION bench.dot_sql(x real[], y real[]) RETURNS real LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT sum(a * b)::real FROM unnest(x, y) AS t(a, b)
$$;
CREATE OR REPLACE FUNCTION bench.dot_plpgsql(x real[], y real[]) RETURNS real LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    total real := 0;
BEGIN
    FOR i IN 1..array_length(x, 1) LOOP
        total := total + x[i] * y[i];
    END LOOP;
    RETURN total;
END
$$;
CREATE OR REPLACE FUNCTION bench.dot_python(x real[], y real[]) RETURNS real LANGUAGE plpython3u IMMUTABLE STRICT AS $$
    return sum(a * b for a, b in zip(x, y))
$$;
CREATE OR REPLACE FUNCTION bench.dot_numpy(x real[], y real[]) RETURNS real LANGUAGE plpython3u IMMUTABLE STRICT AS $$
    if "numpy" not in GD:
        import sys
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        sys.path.append(f"/usr/lib/pgml/python{version}/site-packages")
        import numpy
        GD["numpy"] = numpy
    numpy = GD["numpy"]
    return float(numpy.dot(numpy.array(x, dtype="float32"), numpy.array(y, dtype="float32")))
$$;
-- What the BLAS takes for it when the numbers are in memory already: no row, no function call.
CREATE OR REPLACE FUNCTION bench.dot_blas_alone() RETURNS real LANGUAGE plpython3u AS $$
    import numpy
    if "vectors" not in GD:
        rows = plpy.execute("SELECT x, y FROM bench.vectors")
        GD["vectors"] = tuple(numpy.array([row[name] for row in rows], dtype="float32") for name in "xy")
    x, y = GD["vectors"]
    return float(numpy.matmul(x[:, None, :], y[:, :, None]).sum())
$$;

\o
SELECT pg_temp.compare('dot', '10,000 x 128 real[]', 'pair', :rounds, json_build_array(
    pg_temp.side('SQL', 'SELECT sum(bench.dot_sql(x, y)) FROM bench.vectors', 10000),
    pg_temp.side('PL/pgSQL', 'SELECT sum(bench.dot_plpgsql(x, y)) FROM bench.vectors', 10000),
    pg_temp.side('PL/Python sum', 'SELECT sum(bench.dot_python(x, y)) FROM bench.vectors', 10000),
    pg_temp.side('PL/Python numpy', 'SELECT sum(bench.dot_numpy(x, y)) FROM bench.vectors', 10000),
    pg_temp.side('BLAS alone', 'SELECT bench.dot_blas_alone()', 10000),
    pg_temp.side('floor', 'SELECT sum(cardinality(x)) FROM bench.vectors', 10000),
    pg_temp.side('pgml', 'SELECT sum(pgml.dot_product(x, y)) FROM bench.vectors', 10000)
));
