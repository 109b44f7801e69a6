-- (g) scikit-learn's fit alone against all of pgml.train: reading, splitting, fitting, scoring, exporting, storing.
-- Of the two models the forest is large (its trees know every row), the other is small.
\ir setup.psql
CREATE EXTENSION IF NOT EXISTS plpython3u;
CREATE TABLE IF NOT EXISTS bench.rows AS
SELECT sin(n) AS a, cos(n * 3) AS b, sin(n * 7) AS c, cos(n * 11) AS d, sin(n * 13) AS e, (sin(n) * cos(n * 3) + sin(n * 17) / 9)::float8 AS y
FROM generate_series(1, 20000) AS n;
CREATE OR REPLACE FUNCTION bench.fit_alone(algorithm text, trees int) RETURNS float8 LANGUAGE plpython3u AS $$
    import sys, time
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    sys.path.append(f"/usr/lib/pgml/python{version}/site-packages")
    import numpy
    from sklearn import ensemble
    names = {"random_forest": "RandomForestRegressor", "gradient_boosting_trees": "GradientBoostingRegressor"}
    rows = numpy.asarray([[row[name] for name in "abcdey"] for row in plpy.execute("SELECT * FROM bench.rows LIMIT 15000")])
    estimator = getattr(ensemble, names[algorithm])(n_estimators=trees, random_state=0)
    began = time.perf_counter()
    estimator.fit(rows[:, :-1], rows[:, -1])
    return time.perf_counter() - began
$$;
CREATE TEMPORARY TABLE took (algorithm text, side text, seconds float8);
CREATE FUNCTION pg_temp.train(algorithm text, trees int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    PERFORM pgml.train('fit ' || $1, 'regression', 'bench.rows', 'y', $1::pgml.algorithm,
                       jsonb_build_object('n_estimators', trees), test_sampling => 'last');
    RETURN extract(epoch FROM clock_timestamp() - began);
END
$$;
-- Round 0 is not counted: it imports the packages.
CREATE PROCEDURE pg_temp.measure(algorithm text, trees int) LANGUAGE plpgsql AS $$
BEGIN
    FOR round IN 0..3 LOOP
        INSERT INTO took SELECT $1, 'fit alone', bench.fit_alone($1, trees);
        INSERT INTO took SELECT $1, 'pgml', pg_temp.train($1, trees);
        IF round = 0 THEN
            DELETE FROM took AS t WHERE t.algorithm = $1;
        END IF;
    END LOOP;
END
$$;
CALL pg_temp.measure('random_forest', 40);
CALL pg_temp.measure('gradient_boosting_trees', 200);
\o
SELECT pg_temp.measured('fit', replace(algorithm, '_', ' ') || ', 15,000 rows x 5 columns', 's', 'training', (
    SELECT json_agg(json_build_object('name', side, 'values', seconds))
    FROM (SELECT side, json_agg(seconds) AS seconds FROM took AS t WHERE t.algorithm = a.algorithm GROUP BY side) AS s
)) FROM (SELECT DISTINCT algorithm FROM took) AS a ORDER BY algorithm DESC;
