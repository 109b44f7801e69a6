-- A host whose Python packages pgml must not see (plant.py). Each part is a session of its own, since a session has one Python.
-- The variable `plpython` says whether the database has PL/Python.
\set ON_ERROR_STOP on
\o /dev/null
SET client_min_messages = warning;
CREATE EXTENSION pgml;

-- Catches packages that come from the host in a session that is pgml's alone.
SELECT pgml.load_dataset('iris');
SELECT pgml.train('process', 'classification', 'pgml.iris', 'target', 'gaussian_process');
SELECT pgml.train('trees', 'classification', 'pgml.iris', 'target', 'hist_gradient_boosting');
SELECT pgml.train('lightgbm', 'classification', 'pgml.iris', 'target', 'lightgbm', runtime => 'python');
SELECT pgml.train('xgboost', 'classification', 'pgml.iris', 'target', 'xgboost', runtime => 'python');
SET pgml.isolation = 'backend';
SELECT pgml.train('linear', 'classification', 'pgml.iris', 'target', 'linear');
DO $$
BEGIN
    ASSERT pgml.predict('process', '{5.1,3.5,1.4,0.2}') = 0;
    ASSERT pgml.validate_python_dependencies();
END
$$;

\if :plpython
-- A session whose Python pgml started before the database had PL/Python can't start PL/Python.
\c
SET client_min_messages = warning;
CREATE EXTENSION plpython3u;
CREATE FUNCTION public.host_path() RETURNS text LANGUAGE plpython3u AS $$
    import sys
    return "|".join(sys.path)
$$;
CREATE FUNCTION public.host_numpy() RETURNS text LANGUAGE plpython3u AS $$
    import numpy
    return numpy.__version__
$$;
CREATE FUNCTION public.host_sees(name text) RETURNS text LANGUAGE plpython3u AS $$
    import importlib, sys
    try:
        return "loaded from " + importlib.import_module(name).__file__
    except Exception as error:
        return str(error)
$$;
CREATE FUNCTION public.host_modules() RETURNS text LANGUAGE plpython3u AS $$
    import sys
    return ",".join(name for name in ("sklearn", "scipy", "joblib", "pgml_runtime", "numpy.linalg") if name in sys.modules)
$$;

-- The path that PL/Python has by itself.
\c
SET client_min_messages = warning;
SELECT public.host_path() AS path \gset
SELECT public.host_path() LIKE '%/srv/hostile%' AS hostile \gset
\if :hostile
\else
\warn 'PL/Python does not see the packages of the host: nothing is tried'
SELECT 1 / 0;
\endif

-- Catches a world that PL/Python's modules get into, or that it loses its own in; PL/Python first.
\c
SET client_min_messages = warning;
SELECT public.host_numpy() AS numpy, public.host_sees('pandas') AS pandas \gset
SELECT :'numpy' = 'the host has it' AND :'pandas' LIKE 'numpy.dtype size changed%' AS planted \gset
SELECT 1 / (:'planted')::bool::int;
SELECT pgml.train('process', 'classification', 'pgml.iris', 'target', 'gaussian_process');
SET pgml.isolation = 'backend';
SELECT pgml.train('xgboost', algorithm => 'xgboost', runtime => 'python', hyperparams => '{"n_estimators": 3}');
SELECT set_config('hostile.path', :'path', false);
DO $$
BEGIN
    ASSERT pgml.predict('process', '{5.1,3.5,1.4,0.2}') = 0;
    ASSERT public.host_numpy() = 'the host has it', public.host_numpy();
    ASSERT public.host_sees('pandas') LIKE 'numpy.dtype size changed%', public.host_sees('pandas');
    ASSERT public.host_modules() = '', public.host_modules();
    ASSERT public.host_path() = current_setting('hostile.path'), public.host_path();
    ASSERT pgml.predict('process', '{5.1,3.5,1.4,0.2}') = 0;
END
$$;

-- The same with pgml first.
\c
SET client_min_messages = warning;
SELECT set_config('hostile.path', :'path', false);
SET pgml.isolation = 'backend';
SELECT pgml.train('process', 'classification', 'pgml.iris', 'target', 'gaussian_process');
DO $$
BEGIN
    ASSERT pgml.predict('process', '{5.1,3.5,1.4,0.2}') = 0;
    ASSERT public.host_path() = current_setting('hostile.path'), public.host_path();
    ASSERT public.host_modules() = '', public.host_modules();
    ASSERT public.host_numpy() = 'the host has it', public.host_numpy();
    ASSERT public.host_sees('sklearn') LIKE '%host%', public.host_sees('sklearn');
    ASSERT pgml.predict('process', '{5.1,3.5,1.4,0.2}') = 0;
    ASSERT public.host_numpy() = 'the host has it', public.host_numpy();
END
$$;
\endif
\o
\echo hostile: passed
