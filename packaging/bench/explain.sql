-- (i) Explaining 10,000 rows with 100 trees of 31 leaves: pgml.explain over a table, against LightGBM's own pred_contrib and shap's
-- TreeExplainer on the same rows in memory, with the same model, each in one thread. shap is measured where the server's Python finds it.
\ir setup.psql
CREATE EXTENSION IF NOT EXISTS plpython3u;
CREATE TABLE IF NOT EXISTS bench.explained AS
SELECT sin(n) AS a, cos(n * 3) AS b, sin(n * 7) AS c, cos(n * 11) AS d, sin(n * 13) AS e, sin(n * 17) AS f, cos(n * 19) AS g, sin(n * 23) AS h,
    cos(n * 29) AS i, sin(n * 31) AS j, (sin(n) * cos(n * 3) + sin(n * 7) * cos(n * 11) * sin(n * 13) + sin(n * 17) / 3 + sin(n * 41) / 9)::float8 AS y
FROM generate_series(1, 10000) AS n;
SELECT pgml.train('explained', 'regression', 'bench.explained', 'y', 'lightgbm', '{"n_estimators": 100, "num_leaves": 31, "n_jobs": 1}', runtime => 'python', test_sampling => 'last');
-- The library's model of the same rows: LightGBM gives the same trees for the same rows in the same order. It is in a process of its
-- own, because NumPy can't be loaded into one twice, and pgml has its own.
CREATE OR REPLACE FUNCTION bench.contributions(of text) RETURNS float8 LANGUAGE plpython3u AS $$
    import json, subprocess, sys, textwrap
    if "helper" not in GD:
        program = textwrap.dedent("""
            import json, sys
            sys.path.append(f"/usr/lib/pgml/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages")
            import lightgbm, numpy
            rows = numpy.asarray(json.loads(sys.stdin.readline()))
            model = lightgbm.LGBMRegressor(n_estimators=100, num_leaves=31, n_jobs=1, verbosity=-1)
            rows, model = rows[:, :-1], model.fit(rows[:7500, :-1], rows[:7500, -1])
            explainer = None
            for of in sys.stdin:
                if of.strip() == "LightGBM":
                    found = model.predict(rows, pred_contrib=True, num_threads=1)
                else:
                    if explainer is None:
                        import shap
                        explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
                        # With a model of LightGBM's, shap calls LightGBM unless it is told that it has data to compare with.
                        explainer.model.original_model, explainer.model.model_type = None, "internal"
                    found = explainer.shap_values(rows, check_additivity=False)
                print(float(found.sum()), flush=True)
        """)
        GD["helper"] = subprocess.Popen(["/usr/bin/python3", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        rows = [[row[name] for name in "abcdefghijy"] for row in plpy.execute("SELECT * FROM bench.explained")]
        GD["helper"].stdin.write(json.dumps(rows) + "\n")
    GD["helper"].stdin.write(of + "\n")
    GD["helper"].stdin.flush()
    return float(GD["helper"].stdout.readline())
$$;
CREATE FUNCTION pg_temp.has_shap() RETURNS boolean LANGUAGE plpython3u AS $$
    import importlib.util
    return importlib.util.find_spec("shap") is not None
$$;
\o
SELECT pg_temp.compare('explain', '10,000 rows, 100 trees x 31 leaves', 'row', :rounds, (
    SELECT json_agg(side) FROM (
        SELECT pg_temp.side('LightGBM', $$SELECT bench.contributions('LightGBM')$$, 10000)
        UNION ALL SELECT pg_temp.side('shap', $$SELECT bench.contributions('shap')$$, 10000) WHERE pg_temp.has_shap()
        UNION ALL SELECT pg_temp.side('pgml', $$SELECT sum(e.contribution) FROM bench.explained AS t, pgml.explain('explained', t) AS e$$, 10000)
    ) AS sides(side)
));
