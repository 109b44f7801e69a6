-- PL/Python and pgml in one session, in either order. Says so when PL/Python is not installed: then nothing is checked.
\ir helpers.psql
SELECT count(*) > 0 AS available FROM pg_available_extensions WHERE name = 'plpython3u' \gset
\if :available
CREATE EXTENSION IF NOT EXISTS plpython3u;
CREATE FUNCTION public.python_rows() RETURNS int LANGUAGE plpython3u AS $$
    return plpy.execute("SELECT count(*)::int AS n FROM pg_class WHERE relname = 'pg_class'")[0]["n"]
$$;

-- Catches an interpreter that pgml starts in a way that leaves PL/Python without its own module.
\c
\ir helpers.psql
SELECT pgml.load_dataset('iris');
-- This one has no form without Python.
SELECT pgml.train('iris', 'classification', 'pgml.iris', 'target', 'gaussian_process');
DO $$ BEGIN ASSERT public.python_rows() = 1; ASSERT pgml.predict('iris', '{5.1,3.5,1.4,0.2}') = 0; END $$;

-- Catches one that is started a second time, or whose lock somebody else holds.
\c
\ir helpers.psql
DO $$
BEGIN
    ASSERT public.python_rows() = 1;
    ASSERT pgml.predict('iris', '{5.1,3.5,1.4,0.2}') = 0;
    ASSERT public.python_rows() = 1;
END
$$;

-- Catches two installations of NumPy that get mixed: each side keeps its own.
\c
\ir helpers.psql
DO LANGUAGE plpython3u $$
import sys, types
sys.modules["numpy"] = types.ModuleType("numpy")
sys.modules["numpy"].__file__ = "/elsewhere/numpy/__init__.py"
$$;
DO $$ BEGIN ASSERT pgml.predict('iris', '{5.1,3.5,1.4,0.2}') = 0; END $$;
DO LANGUAGE plpython3u $$
import numpy, sys
assert numpy.__file__ == "/elsewhere/numpy/__init__.py", numpy.__file__
assert "sklearn" not in sys.modules and not any("pgml" in path for path in sys.path)
$$;

-- Catches packages that bind to a BLAS which something else brought into the backend, and a self-check that doesn't
-- see it. Needs a shared OpenBLAS on the server; without one, this part checks nothing.
\c
\ir helpers.psql
DO LANGUAGE plpython3u $$
import ctypes
try:
    ctypes.CDLL("libopenblas.so.0", mode=ctypes.RTLD_GLOBAL)
    plpy.execute("SET pgml_test.polluted = 'yes'")
except OSError:
    plpy.execute("SET pgml_test.polluted = 'no'")
$$;
DO $$
BEGIN
    IF current_setting('pgml_test.polluted') = 'yes' THEN
        PERFORM pg_temp.expect_error('SELECT pgml.validate_shared_library()', '58000', 'the symbol % of a BLAS is visible%libopenblas%');
        CREATE TABLE public.line AS SELECT n AS x, n % 7 AS z, 2 * n + n % 7 AS y FROM generate_series(1, 50) AS n;
        PERFORM pgml.train('polluted', 'regression', 'public.line', 'y');
        PERFORM pg_temp.expect_close('least squares beside another BLAS', pgml.predict((SELECT max(id) FROM pgml.models), '{5,3}'), 13);
    END IF;
END
$$;
\o
\echo plpython: passed
\else
\o
\echo plpython: not checked, the extension plpython3u is not available
\endif
