#!/usr/bin/env python3
"""Adopts a database of PostgresML 1.0 that this program makes; compares its models with themselves.

Usage: adoption.py SITE_PACKAGES [SCRIPT]

1.0's interpreter is this one: estimators are trained here and pickled into plain tables as 1.0 did
it. What they predict here they must predict through SQL afterwards. SCRIPT is pgml-adopt-1.0.sql,
else the installed one. Connects by the PG* variables to an empty database as a superuser.

Catches a row, an id, a sequence, a privilege or a view that is lost, a model that predicts
otherwise, one that can't be loaded and is not reported with what to do, and an error that leaves
half of it done.
"""

import pickle
import sys
from pathlib import Path

from server import Checks, close, psql, query, values

# What of the database must not change when an adoption fails.
STATE = """
SELECT to_jsonb(t) FROM (
    SELECT n.nspname, c.relname, c.relkind::text, c.relacl::text FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('pgml', 'pgml_1_0', 'public')
    UNION ALL SELECT n.nspname, p.proname, 'f', p.proacl::text FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname IN ('pgml', 'pgml_1_0')
    UNION ALL SELECT 'extension', extname, extversion, NULL FROM pg_extension
    ORDER BY 1, 2, 3, 4
) AS t
"""

TRAIN = "pgml.train(text, text, text, text, text, jsonb, text, jsonb, jsonb, real, text)"

# For a role of nobody's and for the application: a function that was closed, a view, a table.
RIGHTS = """
SELECT bool_or(has_function_privilege('pg_monitor', p.oid, 'EXECUTE')),
    bool_and(has_function_privilege('pgml_test_app', p.oid, 'EXECUTE')),
    has_table_privilege('pgml_test_app', 'pgml.overview', 'SELECT WITH GRANT OPTION'),
    has_table_privilege('pgml_test_app', 'pgml.models', 'SELECT')
FROM pg_proc AS p WHERE proname = 'train' AND pronamespace = 'pgml'::regnamespace
"""

# pg_dump leaves out what is recorded as an extension's own privileges.
NOT_IN_A_DUMP = """
SELECT DISTINCT pg_describe_object(classoid, objoid, objsubid)
FROM pg_init_privs AS i, aclexplode(initprivs) AS a
WHERE privtype = 'e' AND a.grantee <> 0 AND a.grantee <> a.grantor
"""

OBJECTS = Path(__file__).resolve().parent / "postgresml-1.0"

# A pickle of a class that no library has.
GONE = b"cgone_library.estimators\nGone\n."

# The rows of each snapshot: data set, features, labels.
DATA = {
    "diabetes": ("age sex bmi bp s1 s2 s3 s4 s5 s6".split(), ["target"]),
    "iris": ("sepal_length sepal_width petal_length petal_width".split(), ["target"]),
    "linnerud": ("chins situps jumps".split(), ["weight", "waste", "pulse"]),
}

checks = Checks()


class OldModel:
    """A model as 1.0 would have left it."""

    def __init__(self, project, task, data, algorithm, estimator, **more):
        """Take what 1.0 would have been asked for; `more` is what is unusual about it."""
        self.project, self.task, self.data = project, task, data
        self.algorithm, self.estimator = algorithm, estimator
        self.sampling = more.get("sampling", "random")
        self.test_size = more.get("test_size", 0.25)
        self.expected = more.get("expected", "predicts as recorded")
        self.file = more.get("file")
        self.path = more.get("path", "estimator.pkl")
        self.status = more.get("status", "successful")
        self.score = more.get("score")
        self.swapped = more.get("swapped", False)
        self.drops_rows = more.get("drops_rows", False)


def old_models():
    """Return models of each kind that an old database can have."""
    import lightgbm
    import xgboost
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.svm import SVR

    def regression(*arguments, **more):
        return OldModel("progression", "regression", "diabetes", *arguments, **more)

    def classification(*arguments, **more):
        return OldModel("species", "classification", "iris", *arguments, **more)

    lost = {"expected": "cannot be loaded"}
    return [
        regression("ridge", Ridge(alpha=0.1, random_state=0)),
        regression("random_forest", RandomForestRegressor(n_estimators=30, random_state=0)),
        regression("xgboost", xgboost.XGBRegressor(n_estimators=10, random_state=0)),
        regression(
            "lightgbm", lightgbm.LGBMRegressor(n_estimators=10, random_state=0, verbosity=-1)
        ),
        regression("ridge", Ridge(), sampling="last", test_size=100, path="model_5/pickle"),
        # 1.0 trained these on the share that it should have tested on.
        regression("svm", SVR(C=100), sampling="last", swapped=True),
        regression("svm", SVR(C=10), sampling="first", swapped=True),
        regression("ridge", Ridge(), score=0.99, expected="predicts otherwise"),
        regression(
            "ridge", Ridge(), drops_rows=True, expected="loads; there is nothing to compare with"
        ),
        regression("ridge", Ridge(), file=b"", **lost),
        regression("ridge", Ridge(), status="new", file=b"", expected="was never trained"),
        regression("passive_aggressive", Ridge(), file=GONE, **lost),
        classification("linear", LogisticRegression(max_iter=1000, random_state=0)),
        classification("random_forest", RandomForestClassifier(n_estimators=10, random_state=0)),
        classification("svm", LogisticRegression(), file=GONE, sampling="first", **lost),
        OldModel("exercise", "regression", "linnerud", "svm", MultiOutputRegressor(SVR())),
        OldModel("exercise", "regression", "linnerud", "ridge", Ridge(), file=GONE, **lost),
    ]


def old_data(name):
    """Return features and labels of a data set, in an order that is not scikit-learn's own."""
    import numpy as np
    from sklearn import datasets

    source = getattr(datasets, f"load_{name}")()
    y = source.target if name == "linnerud" else source.target.reshape(-1, 1)
    order = np.random.RandomState(5).permutation(len(y))
    return source.data[order].astype(np.float64), y[order].astype(np.float64)


def literal(value):
    """Quote a text for SQL."""
    return "'" + str(value).replace("'", "''") + "'"


def make_old_database(models):
    """Write the plain objects of 1.0 with these models; number them from 11."""
    statements = [(OBJECTS / "tables.sql").read_text(encoding="utf-8")]
    stand_in = "plpgsql AS 'BEGIN RETURN -1; END'"
    if query("SELECT 1 FROM pg_available_extensions WHERE name = 'plpython3u'"):
        statements.append("CREATE EXTENSION IF NOT EXISTS plpython3u;")
        stand_in = "plpython3u AS 'return -1'"
    statements.append(
        "CREATE FUNCTION pgml.predict(project_name text, features float8[]) RETURNS float8 "
        f"LANGUAGE {stand_in};"
        f"CREATE FUNCTION pgml.mean(numbers float8[]) RETURNS float8 LANGUAGE {stand_in};"
    )
    projects = {}
    for model in models:
        projects.setdefault(model.project, (len(projects) + 3, model.task))
    for name, (number, task) in projects.items():
        statements.append(
            f"INSERT INTO pgml.projects (id, name, task) VALUES ({number}, '{name}', '{task}');"
        )
    for place, model in enumerate(models):
        model.id, model.snapshot = 11 + place, 21 + place
        statements += old_model(model, projects[model.project][0])
    statements.append((OBJECTS / "users.sql").read_text(encoding="utf-8"))
    run("\n".join(statements))


def old_model(model, project):
    """Train one model here, and return the SQL that writes what 1.0 wrote."""
    import numpy as np
    from sklearn import metrics

    features, labels = DATA[model.data]
    x, y = old_data(model.data)
    model.x = x
    rows = len(x)
    # 1.0 rounded otherwise than scikit-learn does: down.
    test = int(model.test_size if model.test_size > 1 else rows * model.test_size)
    train_part, test_part = slice(0, rows - test), slice(rows - test, rows)
    if model.sampling == "first":
        train_part, test_part = slice(test, rows), slice(0, test)
    if model.swapped:
        train_part, test_part = test_part, train_part
    target = y[:, 0] if y.shape[1] == 1 else y
    if model.task == "classification":
        target = target.astype(np.int64)
    model.estimator.fit(x[train_part], target[train_part])
    guess, true = model.estimator.predict(x[test_part]), target[test_part]
    if model.task == "regression":
        scores = {"r2": metrics.r2_score(true, guess)}
        scores["mean_squared_error"] = metrics.mean_squared_error(true, guess)
    else:
        scores = {"f1": metrics.f1_score(true, guess, average="weighted")}
    if model.score:
        scores["r2"] = model.score
    noted = "{" + ", ".join(f'"{name}": {float(value)!r}' for name, value in scores.items()) + "}"
    columns = ", ".join(f"{name} float8" for name in [*features, *labels])
    lines = "".join(f"({', '.join(repr(float(v)) for v in [*a, *b])})," for a, b in zip(x, y))[:-1]
    names = "{" + ",".join(labels) + "}"
    statements = [
        "INSERT INTO pgml.snapshots (id, relation_name, y_column_name, test_size, test_sampling, "
        f"status) VALUES ({model.snapshot}, 'pgml.{model.data}', '{names}', {model.test_size}, "
        f"'{model.sampling}', 'created');",
        "INSERT INTO pgml.models (id, project_id, snapshot_id, algorithm_name, hyperparams, "
        f"status, metrics) VALUES ({model.id}, {project}, {model.snapshot}, '{model.algorithm}', "
        f"'{{\"random_state\": 0}}', '{model.status}', '{noted}');",
    ]
    if model.task == "classification" or model.algorithm == "svm":
        statements[-1] = statements[-1].replace('{"random_state": 0}', "{}")
    if not model.drops_rows:
        table = f"pgml.snapshot_{model.snapshot}"
        statements.append(f"CREATE TABLE {table} ({columns}); INSERT INTO {table} VALUES {lines};")
    data = pickle.dumps(model.estimator) if model.file is None else model.file
    for part in range(0, len(data), 20000):
        statements.append(
            "INSERT INTO pgml.files (model_id, path, part, data) "
            f"VALUES ({model.id}, '{model.path}', "
            f"{part // 20000}, '\\x{data[part : part + 20000].hex()}');"
        )
    if model.status == "successful":
        statements.append(
            "INSERT INTO pgml.deployments (project_id, model_id, strategy) "
            f"VALUES ({project}, {model.id}, 'new_score');"
        )
    return statements


def run(script):
    """Run a script that must succeed."""
    done = psql(script=script)
    if done.returncode:
        sys.exit(f"psql failed: {done.stderr[:2000]}")
    return done


def adopt(script, *arguments):
    """Run the adoption, as a user would."""
    return psql(*arguments, "-f", script)


def refusals(script):
    """Each refusal says what is wrong, and leaves everything as it was."""
    broken = [
        ("a schema in the way", "CREATE SCHEMA pgml_1_0", "DROP SCHEMA pgml_1_0", "pgml_1_0", ()),
        # Nothing but the new tables' foreign keys finds this, in the middle of the work.
        (
            "a deployment of no model",
            "INSERT INTO pgml.deployments (id, project_id, model_id, strategy) "
            "VALUES (69, 3, 999, 'new_score')",
            "DELETE FROM pgml.deployments WHERE id = 69",
            "row 69 of pgml.deployments is of model 999",
            (),
        ),
        (
            "a table that is not 1.0's",
            "ALTER TABLE pgml.models RENAME algorithm_name TO algorithm",
            "ALTER TABLE pgml.models RENAME algorithm TO algorithm_name",
            "pgml.models.algorithm_name",
            (),
        ),
        (
            "no superuser",
            "SELECT 1",
            "SELECT 1",
            "takes a superuser",
            ("-c", "SET ROLE pgml_test_app"),
        ),
        # Nearly at the end: no model can be loaded, and none of them is to blame.
        (
            "no Python packages",
            "ALTER DATABASE CURRENT SET pgml.runtime_path = '/nonexistent'",
            "ALTER DATABASE CURRENT RESET pgml.runtime_path",
            "pgml-python",
            (),
        ),
    ]
    database = query("SELECT quote_ident(current_database())")[0]
    for what, breaks, mends, words, arguments in broken:
        query(breaks.replace("CURRENT", database))
        before = query(STATE)
        done = adopt(script, *arguments)
        checks.check(f"refuses {what}", done.returncode and words in done.stderr, done.stderr)
        checks.check(
            f"hints at {what}", "HINT" in done.stderr or "DETAIL" in done.stderr, done.stderr
        )
        checks.equal(f"leaves everything: {what}", before, query(STATE))
        query(mends.replace("CURRENT", database))


ROWS = "SELECT '{0}', count(*), sum(id), max(created_at) FROM pgml.{0}"
TABLES = ("projects", "snapshots", "models", "deployments", "files")


def verify_adopted(models, rows):
    """Every row is there under its id, and every model that can be loaded predicts what it did."""
    report = {
        row["model_id"]: row for row in values("SELECT to_jsonb(a) FROM pgml_1_0.adoption AS a")
    }
    checks.equal("rows", rows, query(*(ROWS.format(name) for name in TABLES)))
    deployed = {model.project: model.id for model in models if model.status == "successful"}
    for model in models:
        row = report[model.id]
        what = f"model {model.id} {model.algorithm}"
        checks.equal(f"{what} report", model.expected, row["result"])
        checks.equal(f"{what} deployed", deployed[model.project] == model.id, row["deployed"])
        reported = row["result"] != "predicts as recorded"
        checks.check(f"{what} why", bool(row["why"]) == reported, row)
        to_retrain = model.expected in ("cannot be loaded", "predicts otherwise")
        checks.check(f"{what} retrain", bool(row["retrain"]) == to_retrain, row)
        if model.file == GONE:
            checks.check(f"{what} names the class", "gone_library" in row["why"], row["why"])
            failed = psql("-c", f"SELECT pgml.model_predict({model.id}, '{{1,2,3,4}}')").stderr
            checks.check(f"{what} says so", "gone_library" in failed and "HINT" in failed, failed)
    verify_predictions(models, "pgml.model_predict")
    checks.equal("sequence", "40", query("SELECT last_value FROM pgml.projects_id_seq")[0])
    retrained(models, report)
    verify_surroundings()


def verify_predictions(models, function):
    """Compare SQL with the estimators that were pickled, to the last bit that JSON has."""
    usable = [model for model in models if model.file is None]
    statements = []
    for model in usable:
        rows = ",".join(
            "(" + literal("{" + ",".join(map(repr, map(float, row))) + "}") + ")"
            for row in model.x[:40]
        )
        statements.append(
            f"SELECT jsonb_agg({function}({model.id}::bigint, r::float8[]) ORDER BY n) FROM "
            f"(SELECT column1 AS r, row_number() OVER () AS n FROM (VALUES {rows}) AS v) AS w"
        )
    for model, found in zip(usable, values(*statements)):
        expected = model.estimator.predict(model.x[:40]).reshape(
            40 if len(model.x) > 40 else len(model.x), -1
        )
        checks.check(
            f"model {model.id} {model.algorithm} predicts by {function} what it predicted",
            close(expected.tolist(), found),
            f"{found[:2]} instead of {expected[:2].tolist()}",
        )


def retrained(models, report):
    """Train anew, as the report says: from the kept rows, and deployed where it was."""
    lost = [
        model for model in models if model.expected == "cannot be loaded" and model.file == GONE
    ]
    for model in lost:
        done = psql(script="SET client_min_messages = error;" + report[model.id]["retrain"])
        checks.equal(f"retraining {model.id}", 0, done.returncode)
        checks.check(f"retraining {model.id}", not done.stderr, done.stderr)
        newest = values(
            "SELECT to_jsonb(t) FROM (SELECT m.id, m.algorithm_name, s.analysis, "
            f"(SELECT count(*) FROM pgml.snapshot_{model.snapshot}) AS rows FROM pgml.models AS m "
            "JOIN pgml.snapshots AS s ON s.id = m.snapshot_id "
            "ORDER BY m.id DESC LIMIT 1) AS t"
        )[0]
        checks.check(f"id of the retrained {model.id}", newest["id"] > 90, newest)
        checks.equal(
            f"algorithm of the retrained {model.id}", model.algorithm, newest["algorithm_name"]
        )
        checks.equal(
            f"rows of the retrained {model.id}", newest["rows"], newest["analysis"]["rows"]
        )
        if report[model.id]["deployed"]:
            current = values(f"SELECT id FROM pgml.deployed_models WHERE name = '{model.project}'")
            checks.equal(f"deployment of the retrained {model.id}", [newest["id"]], current)


def verify_surroundings():
    """Views, privileges, and other objects of the schema."""
    checks.equal("a table of the user's", ["kept"], query("SELECT note FROM pgml.mine"))
    query("INSERT INTO pgml.mine (note) VALUES ('its sequence')")
    read = query("SELECT count(*) > 15, bool_or(r2 IS NOT NULL) FROM app.scores")
    checks.equal("a view on the tables", ["t|t"], read)
    predicted = float(query("SELECT p FROM app.predicted")[0])
    checks.check("a view on the functions", predicted != -1, predicted)
    allowed = query(
        "SELECT has_table_privilege('pgml_test_app', 'pgml.models', 'SELECT'), "
        "has_table_privilege('pgml_test_app', 'pgml.files', 'INSERT'), "
        "has_table_privilege('pgml_test_app', 'pgml.projects', 'UPDATE'), "
        "has_schema_privilege('pgml_test_app', 'pgml', 'USAGE')"
    )
    checks.equal("privileges", ["t|t|f|t"], allowed)
    checks.equal(
        "extension", ["1.0"], query("SELECT extversion FROM pg_extension WHERE extname = 'pgml'")
    )
    checks.equal(
        "old functions",
        [],
        query(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'pgml_1_0'::regnamespace ORDER BY 1"
        ),
    )


def main():
    """Make, refuse, adopt, update."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.strip())
    sys.path.insert(1, sys.argv[1])
    share = query("SELECT setting FROM pg_config WHERE name = 'SHAREDIR'")[0]
    script = sys.argv[2] if len(sys.argv) == 3 else f"{share}/extension/pgml-adopt-1.0.sql"
    models = old_models()
    make_old_database(models)
    refusals(script)
    rows = query(*(ROWS.format(name) for name in TABLES))
    done = adopt(script)
    checks.check("adoption", done.returncode == 0, done.stderr[:3000])
    checks.check(
        "warns of who may write models", "pgml_test_app may still" in done.stderr, done.stderr
    )
    if done.returncode:
        return checks.finish()
    checks.check("prints the report", "cannot be loaded" in done.stdout, done.stdout)
    verify_adopted(models, rows)
    again = adopt(script)
    checks.check(
        "refuses a second time", "has the extension pgml already" in again.stderr, again.stderr
    )

    # The rest of the way: the old schema goes, the edition is updated, the models stay.
    query(
        "SET client_min_messages = error",
        "DROP VIEW app.scores",
        "DROP MATERIALIZED VIEW app.cached",
        # Its only column has another name than the extension's view.
        "DROP VIEW pgml_1_0.deployed_models",
        "DROP SCHEMA pgml_1_0",
        f"REVOKE EXECUTE ON FUNCTION {TRAIN} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {TRAIN} TO pgml_test_app",
        "GRANT SELECT ON pgml.overview TO pgml_test_app WITH GRANT OPTION",
        "ALTER EXTENSION pgml UPDATE",
    )
    checks.equal("who may do what after the update", ["f|t|t|t"], query(RIGHTS))
    checks.equal("a dump has what users granted", [], query(NOT_IN_A_DUMP))
    verify_predictions(models, "pgml.predict_joint")
    widths = query("SELECT DISTINCT num_features FROM pgml.models ORDER BY 1")
    checks.equal("num_features", ["3", "4", "10"], [width for width in widths if width != "0"])
    query("DROP OWNED BY pgml_test_app", "DROP ROLE pgml_test_app")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
