-- Extensions that bring a BLAS, an OpenMP, C++ and an interpreter of their own, loaded and at work before pgml trains in the
-- same session: PL/R, PostGIS raster, pgRouting, PL/Python. Catches a binding of Python's packages, or of the library itself,
-- to what they brought: the server process dies with signal 11, or numbers are wrong.
\ir ../helpers.psql
CREATE EXTENSION plr;
CREATE EXTENSION postgis;
CREATE EXTENSION postgis_raster;
CREATE EXTENSION pgrouting;
CREATE EXTENSION plpython3u;
CREATE TABLE public.line AS SELECT n AS x, n % 7 AS z, 2 * n + n % 7 AS y FROM generate_series(1, 50) AS n;
CREATE FUNCTION public.r_solves() RETURNS float8 LANGUAGE plr AS $$
    m <- matrix(c(4, 1, 1, 3), 2); sum(solve(m) %*% c(5, 4)) + svd(diag(2))$d[1]
$$;
CREATE FUNCTION public.python_rows() RETURNS int LANGUAGE plpython3u AS $$
    return plpy.execute("SELECT 1 AS n")[0]["n"]
$$;
CREATE FUNCTION public.all_work() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    ASSERT abs(public.r_solves() - 3) < 1e-9, public.r_solves()::text;
    ASSERT (ST_SummaryStats(ST_AddBand(ST_MakeEmptyRaster(3, 3, 0, 0, 1), '8BUI'::text, 7))).sum = 63;
    ASSERT (SELECT count(*) FROM pgr_dijkstra('SELECT 1 AS id, 1 AS source, 2 AS target, 1.0::float8 AS cost', 1, 2)) = 2;
    ASSERT public.python_rows() = 1;
END
$$;
CREATE FUNCTION public.pgml_works(project text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    model bigint;
BEGIN
    PERFORM pgml.train(project, 'regression', 'public.line', 'y');
    SELECT max(id) INTO model FROM pgml.models;
    PERFORM pg_temp.expect_close('least squares beside others', pgml.predict(model, '{5,3}'), 13);
    -- This one has no form without Python, and solves by LAPACK.
    PERFORM pgml.train(project || ' gauss', 'regression', 'public.line', 'y', 'gaussian_process');
    PERFORM pgml.train(project || ' boost', 'regression', 'public.line', 'y', 'xgboost');
END
$$;

-- They first.
\c
\ir ../helpers.psql
SELECT public.all_work();
SELECT public.pgml_works('after them');
SELECT public.all_work();

-- pgml first.
\c
\ir ../helpers.psql
SELECT public.pgml_works('before them');
SELECT public.all_work();
SELECT public.pgml_works('before them again');

-- Training in the backend itself, not in a process of its own.
\c
\ir ../helpers.psql
SET pgml.isolation = 'backend';
SELECT public.all_work();
SELECT public.pgml_works('in the backend');
SELECT public.all_work();
\o
\echo neighbours: passed
