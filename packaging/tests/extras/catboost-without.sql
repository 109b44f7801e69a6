-- Without pgml-python-catboost: an ERROR that names the package, before any row is read.
\ir ../helpers.psql

CREATE FUNCTION public.unread(int) RETURNS real LANGUAGE plpgsql AS $$ BEGIN RAISE 'a row was read'; END $$;
SELECT rows FROM pgml.load_dataset('iris');
CREATE VIEW public.never AS SELECT public.unread(target) AS length, target FROM pgml.iris;
SELECT pg_temp.expect_error($$SELECT pgml.train('never', 'classification', 'public.never', 'target', 'catboost')$$,
    '58P01', 'the Python package catboost can''t be loaded', 'Install the package pgml-python-catboost (apt install pgml-python-catboost), %');
