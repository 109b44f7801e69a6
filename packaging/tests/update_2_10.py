#!/usr/bin/env python3
"""Updates a database as PostgresML 2.10.0 left it; compares its models with their own libraries.

Usage: update_2_10.py SITE_PACKAGES PYTHON_TESTS

The database is made here: our edition 2.10.0, with postgresml-2.10/objects.sql over it, and models
in the form that each of PostgresML's runtimes stored them in. PYTHON_TESTS has foreign_models.py.
Connects by the PG* variables to an empty database as a superuser.

Catches a model that is lost, can't be read or predicts otherwise, an update that ends elsewhere
than a new extension begins, and one that breaks something of a user's or says nothing about it.
"""

import json
import pickle
import sys
from pathlib import Path

from server import Checks, psql, query, values

HERE = Path(__file__).resolve().parent
PART = 1000

checks = Checks()


def old_models(x, y_value, y_class):
    """Return `{name: (runtime, algorithm, bytes, predictions)}`, one for each form of the bytes."""
    import foreign_models
    import lightgbm
    import xgboost
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import Ridge

    models = {}
    for name, (data, expected) in foreign_models.linfa(x).items():
        models[name] = ("rust", "svm" if "svm" in name else "linear", data, expected)
    for name, (data, expected) in foreign_models.boosted(x, y_value, y_class).items():
        models[name] = ("rust", name.split()[0], data, expected)
        models[f"{name} of 2.0.0"] = (
            "rust",
            name.split()[0],
            foreign_models.PREFIX + data,
            expected,
        )
    for algorithm, estimator, target in (
        ("ridge", Ridge(), y_value),
        ("random_forest", RandomForestClassifier(5, random_state=0), y_class),
        ("xgboost", xgboost.XGBClassifier(n_estimators=5, n_jobs=1), y_class),
        ("lightgbm", lightgbm.LGBMRegressor(n_estimators=5, n_jobs=1, verbosity=-1), y_value),
    ):
        estimator.fit(x, target)
        data = pickle.dumps(estimator)
        models[f"pickle of {algorithm}"] = ("python", algorithm, data, estimator.predict(x))
    return models


def quoted(text):
    """Write a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def insert(models, x):
    """Write the rows as PostgresML did, with what its rules leave open."""
    rows = json.dumps(x.tolist())
    script = [
        "CREATE TABLE public.flowers AS SELECT row_number() OVER () AS n, "
        "ARRAY(SELECT jsonb_array_elements_text(r)::float8) AS features "
        f"FROM jsonb_array_elements({quoted(rows)}) AS r",
        "INSERT INTO pgml.snapshots (relation_name, y_column_name, test_size, test_sampling, "
        "status, columns, analysis, materialized) VALUES "
        "('public.flowers', '{n}', 0.25, 'stratified', 'successful', "
        "'[]', '{\"samples\": 150}', NULL)",
    ]
    for name, (runtime, algorithm, data, _) in models.items():
        script.append(
            f"INSERT INTO pgml.projects (name, task) VALUES ({quoted(name)}, 'regression')"
        )
        script.append(
            "INSERT INTO pgml.models (project_id, snapshot_id, num_features, algorithm, runtime, "
            "hyperparams, status, search_params, search_args) "
            f"SELECT max(id), 1, {x.shape[1]}, '{algorithm}', '{runtime}', '{{}}', 'successful', "
            "'{}', '{}' FROM pgml.projects"
        )
        script.append(
            "INSERT INTO pgml.deployments (project_id, model_id, strategy) "
            "SELECT project_id, id, 'new_score' FROM pgml.models ORDER BY id DESC LIMIT 1"
        )
        for part, start in enumerate(range(0, len(data), PART)):
            script.append(
                "INSERT INTO pgml.files (model_id, path, part, data) "
                f"SELECT max(id), 'estimator.rmp', {part}, "
                f"'\\x{data[start : start + PART].hex()}' FROM pgml.models"
            )
    # A deployment of a model that failed, and one of a model whose snapshot is gone.
    script.append("UPDATE pgml.models SET status = 'failed', metrics = NULL WHERE id = 1")
    script.append("UPDATE pgml.models SET snapshot_id = NULL WHERE id = 2")
    query(*script)


STATE = " UNION ALL ".join(
    f"SELECT jsonb_build_array('{table}', to_jsonb(t){but}) FROM pgml.{table} AS t"
    for table, but in (
        # The update adds a column.
        ("projects", " - 'metric'"),
        ("models", ""),
        ("deployments", ""),
        # The update puts a seal behind the bytes.
        (
            "files",
            " - 'updated_at' || jsonb_build_object('data', "
            "regexp_replace(encode(data, 'hex'), '70676d6c7365616c.{64}$', ''))",
        ),
    )
)
SEALED = "SELECT count(DISTINCT model_id) FROM pgml.files WHERE position('pgmlseal' IN data) > 0"


def surface():
    """Return what the database has of the extension, in lines that can be compared."""
    script = f"\\i {HERE}/surface.psql\nSELECT * FROM pg_temp.surface();\n"
    done = psql(script=script)
    # The values of an enum that was there keep their order, and come before those that are new.
    lines = [
        line for line in done.stdout.splitlines() if line and "type pgml.algorithm" not in line
    ]
    return sorted(lines)


def refused_while_something_depends():
    """Check that nothing happens to what the update would break, and that it is named."""
    query(
        "CREATE VIEW public.embedded AS SELECT pgml.embed('m', 'text') AS vector",
        "CREATE FUNCTION public.asks() RETURNS jsonb LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN pgml.transform('t', ARRAY['x']); END $$",
    )
    done = psql("-c", "ALTER EXTENSION pgml UPDATE")
    told = "NOTICE:  pgml 3.0.0 has no text generation, and drops: pgml.embed(text,text,jsonb), "
    # The context that Postgres 18 tells has the script, and so the word.
    checks.check("one notice", done.stderr.count("NOTICE:") == 1, done.stderr)
    checks.check("the notice names the functions", told in done.stderr, done.stderr)
    for user in ("view public.embedded", "function public.asks()"):
        checks.check(f"{user} is named", done.stderr.count(user) == 2, done.stderr)
    checks.check("the update stops", done.returncode != 0 and "HINT" in done.stderr, done.stderr)
    version = query("SELECT extversion FROM pg_extension WHERE extname = 'pgml'")
    checks.equal("the version after the refusal", ["2.10.0"], version)
    checks.equal("the view still works", ["{1}"], query("SELECT vector FROM public.embedded"))
    query("DROP VIEW public.embedded", "DROP FUNCTION public.asks()")


def main():
    """Make the database, update it, and look at it."""
    sys.path[:0] = sys.argv[1:3]
    from sklearn.datasets import load_iris

    x, y_class = load_iris(return_X_y=True)
    models = old_models(x, x.sum(axis=1), y_class)
    query("CREATE EXTENSION pgml")
    fresh = surface()
    query("DROP EXTENSION pgml", "CREATE EXTENSION pgml VERSION '2.10.0'")
    made = psql("-f", str(HERE / "postgresml-2.10" / "objects.sql"))
    if made.returncode:
        sys.exit(f"the database can't be made: {made.stderr}")
    insert(models, x)
    state = sorted(query(STATE))
    refused_while_something_depends()
    query(
        "CREATE VIEW public.lengths AS "
        "SELECT pgml.norm_l2(features::real[]) AS length FROM public.flowers",
        "CREATE VIEW public.total AS SELECT pgml.sum(features::real[]) AS sum FROM public.flowers",
    )

    done = psql("-c", "ALTER EXTENSION pgml UPDATE")
    checks.check("the update", done.returncode == 0, done.stderr)
    checks.check("one notice", done.stderr.count("NOTICE") == 1, done.stderr)
    checks.check("nothing depends", "Objects that depend on it: none" in done.stderr, done.stderr)
    checks.equal("rows", state, sorted(query(STATE)))
    checks.equal("models with a seal", [str(len(models))], query(SEALED))
    checks.equal(
        "the length",
        [5.1**2 + 3.5**2 + 1.4**2 + 0.2**2],
        [float(query("SELECT round((length ^ 2)::numeric, 2) FROM public.lengths LIMIT 1")[0])],
    )
    total = query("SELECT round(sum[1]::numeric, 1) FROM public.total")
    checks.equal("the sum", [round(float(x[:, 0].sum()), 1)], [float(one) for one in total])
    query("DROP VIEW public.lengths", "DROP VIEW public.total")
    now = surface()
    checks.equal("only in a new extension", [], sorted(set(fresh) - set(now)))
    checks.equal("only in the updated one", [], sorted(set(now) - set(fresh)))

    ask = "SELECT jsonb_agg(pgml.predict({}, features) ORDER BY n) FROM public.flowers"
    predicted = values(*(ask.format(quoted(name)) for name in models))
    for (name, (_, _, _, expected)), found in zip(models.items(), predicted):
        worst = max(abs(a - float(b)) / max(1.0, abs(float(b))) for a, b in zip(found, expected))
        checks.check(f"{name} predicts the same", len(found) == len(x) and worst <= 1e-6, worst)
    trained = query(
        "CREATE VIEW public.numbers AS "
        "SELECT features, features[1] + features[2] AS y FROM public.flowers",
        "SELECT deployed FROM pgml.train('pickle of ridge', 'regression', 'public.numbers', 'y')",
        "SELECT algorithm FROM pgml.deploy('pickle of ridge', 'most_recent', 'ridge')",
    )
    checks.equal("the project goes on", ["t", "ridge"], trained)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
