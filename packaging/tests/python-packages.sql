-- What Python has, and scikit-learn's metrics in SQL.
\ir helpers.psql

-- Catches versions that are not those of what is loaded.
DO $$
DECLARE
    listed text[];
BEGIN
    ASSERT pgml.validate_python_dependencies();
    SELECT array_agg(package) INTO listed FROM pgml.python_pip_freeze();
    ASSERT 'numpy==' || pgml.python_package_version('numpy') = ANY (listed), listed::text;
    ASSERT 'scikit-learn==' || pgml.python_package_version('scikit-learn') = ANY (listed), listed::text;
    ASSERT pgml.python_version() ~ '^3\.\d+\.\d+', pgml.python_version();
END
$$;
SELECT pg_temp.expect_error($$SELECT pgml.python_package_version('no-such-package')$$, '42704', 'the Python package "no-such-package" is not installed', '%pip_freeze%');
SELECT pg_temp.expect_error($$SELECT pgml.python_package_version('')$$, '42704', 'the Python package "" is not installed');

-- Catches scores that are not scikit-learn's: values worked out by hand from their definitions.
DO $$
DECLARE
    scores jsonb;
BEGIN
    PERFORM pg_temp.expect_close('r2', pgml.sklearn_r2_score(ARRAY[3, -0.5, 2, 7], ARRAY[2.5, 0.0, 2, 8]), 0.9486081, 1e-6);
    scores := pgml.sklearn_regression_metrics(ARRAY[3, -0.5, 2, 7], ARRAY[2.5, 0.0, 2, 8]);
    PERFORM pg_temp.expect_close('mse', (scores->>'mean_squared_error')::float8, 0.375);
    -- Class 0: precision 1/1, recall 1/2. Class 1: precision 1/2, recall 1/2. Class 2 is never predicted right.
    scores := pgml.sklearn_classification_metrics(ARRAY[0,0,1,1,2], ARRAY[0,1,1,2,3], 4);
    PERFORM pg_temp.expect_close('precision', (scores->>'precision')::float8, (2 * 1 + 2 * 0.5 + 0) / 5);
    PERFORM pg_temp.expect_close('recall', (scores->>'recall')::float8, (2 * 0.5 + 2 * 0.5 + 0) / 5);
    PERFORM pg_temp.expect_close('accuracy', (scores->>'accuracy')::float8, 0.4);
    PERFORM pg_temp.expect_close('f1', pgml.sklearn_f1_score('{0,0,1,1,2}', '{0,1,1,2,3}'), (2 * 2.0 / 3 + 2 * 0.5) / 5, 1e-6);
    ASSERT pgml.sklearn_f1_score(NULL, '{1}') IS NULL AND pgml.sklearn_classification_metrics(NULL, '{1}') IS NULL;
    ASSERT pgml.sklearn_r2_score('{1}', '{2}') IS NULL;
END
$$;
SELECT pg_temp.expect_error($$SELECT pgml.sklearn_r2_score('{1,2}', '{1}')$$, '22023', 'there are 2 true values and 1 predicted ones');
SELECT pg_temp.expect_error($$SELECT pgml.sklearn_f1_score('{}', '{}')$$, '22023', 'there are no values to score');
SELECT pg_temp.expect_error($$SELECT pgml.sklearn_f1_score('{1.5}', '{1}')$$, '22023', '%whole numbers%', '%sklearn_regression_metrics%');
SELECT pg_temp.expect_error($$SELECT pgml.sklearn_r2_score('{1,NULL}', '{1,2}')$$, '22004', 'element 2 of the vector is NULL');
\o
\echo python packages: passed
