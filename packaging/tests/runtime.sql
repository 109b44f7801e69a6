-- The Python packages: settings, what happens without them, and that nothing else needs them.
\ir helpers.psql

-- Catches packages that only a superuser should choose being chosen by anybody.
DO $$
BEGIN
    PERFORM pgml.version();
    ASSERT (SELECT context FROM pg_settings WHERE name = 'pgml.runtime_path') = 'superuser';
    ASSERT (SELECT context FROM pg_settings WHERE name = 'pgml.venv') = 'superuser';
    ASSERT (SELECT boot_val FROM pg_settings WHERE name = 'pgml.runtime_path') = '/usr/lib/pgml';
    ASSERT (SELECT setting FROM pg_settings WHERE name = 'pgml.omp_num_threads') = '1';
END
$$;

-- Catches a missing package that is reported as Python's own exception, or not with what to install. The next call has
-- the packages and works: a failed start is not remembered.
SET pgml.runtime_path = '/nonexistent';
SELECT pg_temp.expect_error(
    $$SELECT pgml.load_dataset('iris')$$, '58P01', 'the Python packages of pgml are not installed for Python %',
    '%apt install pgml-python%', '%/nonexistent/python3.%/site-packages%'
);
SET pgml.venv = '/nonexistent';
SELECT pg_temp.expect_error($$SELECT pgml.load_dataset('iris')$$, 'F0000', 'pgml.venv is not a virtual environment: /nonexistent', '%-m venv%');
-- Catches a virtual environment of another Python version, whose packages would crash or not be found.
SELECT current_setting('data_directory') || '/pgml_test_venv' AS venv \gset
SELECT format('mkdir -p %s/lib/python2.7/site-packages', :'venv') AS make \gset
COPY (SELECT 1) TO PROGRAM :'make';
SET pgml.venv = :'venv';
SELECT pg_temp.expect_error($$SELECT pgml.load_dataset('iris')$$, 'F0000', 'pgml.venv is of Python 2.7, and this server has Python 3.%', '%-m venv%');
RESET pgml.venv;
DO $$
BEGIN
    ASSERT pgml.norm_l2('{3,4}') = 5, 'the vectors need packages';
    ASSERT pgml.version() IS NOT NULL AND pgml.python_version() LIKE '3.%';
END
$$;
RESET pgml.runtime_path;
SELECT pgml.load_dataset('iris');
SELECT pgml.train('iris', 'classification', 'pgml.iris', 'target');

-- Catches a setting that is not looked at: the same packages, this time as a virtual environment.
\c
\ir helpers.psql
SELECT current_setting('pgml.runtime_path') AS runtime, substring(pgml.python_version() FROM '^\d+\.\d+') AS python,
       current_setting('data_directory') || '/pgml_test_venv_2' AS venv \gset
SELECT format('mkdir -p %1$s/lib/python%2$s; ln -sfn %3$s/python%2$s/site-packages %1$s/lib/python%2$s/site-packages', :'venv', :'python', :'runtime') AS make \gset
COPY (SELECT 1) TO PROGRAM :'make';
SET pgml.venv = :'venv';
SET pgml.runtime_path = '/nonexistent';
SELECT pgml.train('iris', algorithm => 'ridge');

-- Catches a BLAS that the packages brought into the backend's global scope.
DO $$
BEGIN
    ASSERT pgml.validate_shared_library();
END
$$;
\o
\echo runtime: passed
