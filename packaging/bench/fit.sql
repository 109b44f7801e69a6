-- (g) scikit-learn's fit alone against all of pgml.train: reading, splitting, fitting, scoring, exporting, storing.
\ir setup.psql
CREATE EXTENSION IF NOT EXISTS plpython3u;
CREATE TABLE IF NOT EXISTS bench.rows AS
SELECT sin(n) AS a, cos(n * 3) AS b, sin(n * 7) AS c, cos(n * 11) AS d, sin(n * 13) AS e, (sin(n) * cos(n * 3) + sin(n * 17) / 9)::float8 AS y
FROM generate_series(1, 20000) AS n;
CREATE OR REPLACE FUNCTION bench.fit_alone() RETURNS float8 LANGUAGE plpython3u AS $$
    import sys, time
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    sys.path.append(f"/usr/lib/pgml/python{version}/site-packages")
    import numpy
    from sklearn.ensemble import RandomForestRegressor
    rows = numpy.asarray([[row[name] for name in "abcdey"] for row in plpy.execute("SELECT * FROM bench.rows LIMIT 15000")])
    estimator = RandomForestRegressor(n_estimators=40, random_state=0)
    began = time.perf_counter()
    estimator.fit(rows[:, :-1], rows[:, -1])
    return time.perf_counter() - began
$$;
CREATE TEMPORARY TABLE took (side text, seconds float8);
CREATE FUNCTION pg_temp.train() RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    PERFORM pgml.train('fit', 'regression', 'bench.rows', 'y', 'random_forest', '{"n_estimators": 40}', test_sampling => 'last');
    RETURN extract(epoch FROM clock_timestamp() - began);
END
$$;
SELECT bench.fit_alone(), pg_temp.train();
INSERT INTO took SELECT 'fit alone', bench.fit_alone();
INSERT INTO took SELECT 'pgml', pg_temp.train();
INSERT INTO took SELECT 'fit alone', bench.fit_alone();
INSERT INTO took SELECT 'pgml', pg_temp.train();
INSERT INTO took SELECT 'fit alone', bench.fit_alone();
INSERT INTO took SELECT 'pgml', pg_temp.train();
\o
SELECT pg_temp.measured('fit', 'random forest, 15,000 rows x 5 columns', 's', 'training', (
    SELECT json_agg(json_build_object('name', side, 'values', seconds))
    FROM (SELECT side, json_agg(seconds) AS seconds FROM took GROUP BY side) AS s
));
