#!/usr/bin/env python3
"""Adopts a database with the models of models-2022.json; asks them through SQL what they said then.

Usage: adoption/old_models.py SITE_PACKAGES [SCRIPT]

Each model was trained and pickled with the libraries of 2022 (make_models.py), and is in a project
of its own. Connects by the PG* variables to an empty database as a superuser. Catches a model that
can't be read any more or answers otherwise, a verdict that its score does not bear out, one that no
longer takes a missing feature, and a failed model whose retraining replaces one that works.
"""

import base64
import json
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from server import Checks, psql, query, values

DOCUMENT = json.loads((HERE / "models-2022.json").read_text(encoding="utf-8"))
TABLES = {("rows", "value"): 1, ("rows", "classes"): 2, ("rows", "two"): 3}
TABLES.update({("gaps", "value"): 4, ("gaps", "classes"): 5})
TOLERANCE = 1e-9

checks = Checks()


def number(value):
    """Write a number or a gap for SQL."""
    return "NULL" if value is None else repr(float(value))


def snapshot(rows, labels, number_of):
    """Return the SQL of a snapshot with its rows, as 1.0 kept them."""
    pairs = zip(DOCUMENT[rows], DOCUMENT["labels"][labels])
    lines = ",".join(f"({', '.join(map(number, [*row, label]))})" for row, label in pairs)
    columns = "a float8, b float8, c float8, d float8, y float8"
    return [
        f"CREATE TABLE pgml.snapshot_{number_of} ({columns})",
        f"INSERT INTO pgml.snapshot_{number_of} VALUES {lines}",
        "INSERT INTO pgml.snapshots "
        "(id, relation_name, y_column_name, test_size, test_sampling, status) "
        f"VALUES ({number_of}, 'public.rows', '{{y}}', 0.25, 'last', 'created')",
    ]


def project(one, number_of):
    """Return the SQL of a project."""
    return (
        "INSERT INTO pgml.projects (id, name, task) "
        f"VALUES ({number_of}, 'project {number_of}', '{one['task']}')"
    )


def model(one, number_of, of_project, of_snapshot, data):
    """Return the SQL of a model."""
    key = "r2" if one["task"] == "regression" else "f1"
    return [
        "INSERT INTO pgml.models (id, project_id, snapshot_id, algorithm_name, hyperparams, "
        "status, search_params, search_args, metrics) "
        f"VALUES ({number_of}, {of_project}, {of_snapshot}, "
        f"'{one['algorithm']}', '{{}}', 'successful', '{{}}', '{{}}', "
        f"'{{\"{key}\": {one['score']!r}}}')",
        "INSERT INTO pgml.files (model_id, path, part, data) "
        f"VALUES ({number_of}, 'estimator.pkl', 0, '\\x{data.hex()}')",
    ]


def make():
    """Write the database; return each model with its id and rows."""
    done = psql("-f", str(HERE / "original.sql"))
    if done.returncode:
        sys.exit(f"the database can't be made: {done.stderr}")
    statements = []
    for (rows, labels), of_snapshot in TABLES.items():
        statements += snapshot(rows, labels, of_snapshot)
    made = []
    for rows, models in DOCUMENT["models"].items():
        for one in models:
            own = len(made) + 1
            made.append((own, rows, one))
            data = zlib.decompress(base64.b64decode(one["pickle"]))
            statements.append(project(one, own))
            statements += model(one, own, own, TABLES[rows, one["labels"]], data)
            statements.append(
                "INSERT INTO pgml.deployments (project_id, model_id, strategy) "
                f"VALUES ({own}, {own}, 'new_score')"
            )
    # One that no library can read, in the project of one that works.
    lost = dict(made[0][2], algorithm="ridge")
    statements += model(lost, 999, 1, 1, b"cgone_library.estimators\nGone\n.")
    statements += [
        f"SELECT setval('pgml.{name}_id_seq', 1000)" for name in ("projects", "snapshots", "models")
    ]
    query(*statements)
    return made


def verify(made, when):
    """Compare what each model says of each row with what it said."""
    statements = []
    for model_id, rows, _ in made:
        given = ",".join(
            "(ARRAY[" + ",".join(map(number, row)) + "]::float8[])" for row in DOCUMENT[rows]
        )
        statements.append(
            f"SELECT jsonb_agg(pgml.predict('project {model_id}', r) ORDER BY n) FROM "
            f"(SELECT column1 AS r, row_number() OVER () AS n FROM (VALUES {given}) AS v) AS w"
        )
    for (_, rows, one), found in zip(made, values("SET client_min_messages = error", *statements)):
        worst = max(abs(a - b) / max(1, abs(a)) for a, b in zip(one["predicted"], found))
        what = f"{when}: {one['task']} {one['algorithm']} of {one['labels']}, {rows}"
        checks.check(f"{what} predicts the same", worst <= TOLERANCE, worst)


def verify_report(made):
    """The verdict of each model, and on how many rows it is founded."""
    report = {
        row["model_id"]: row for row in values("SELECT to_jsonb(a) FROM pgml_1_0.adoption AS a")
    }
    for model_id, rows, one in made:
        row = report[model_id]
        what = f"{one['task']} {one['algorithm']} of {one['labels']}, {rows}"
        checks.equal(f"{what}: verdict", "predicts as recorded", row["result"])
        checks.check(
            f"{what}: says what was compared", "last 20 of 80 rows" in (row["compared"] or ""), row
        )
    return report


def verify_retraining(report):
    """What can't be read is trained again beside what works, and does not take its place."""
    lost = report[999]
    checks.equal("the lost model", "cannot be loaded", lost["result"])
    done = psql(script=lost["retrain"])
    checks.check("it is trained again", done.returncode == 0, done.stderr)
    newest = query("SELECT algorithm_name, status FROM pgml.models ORDER BY id DESC LIMIT 1")
    checks.equal("as what it was", ["ridge|successful"], newest)
    current = query("SELECT id FROM pgml.deployed_models WHERE name = 'project 1'")
    checks.equal("the one that works still answers", ["1"], current)


def main():
    """Make, adopt, compare, update, compare."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.strip())
    share = query("SELECT setting FROM pg_config WHERE name = 'SHAREDIR'")[0]
    script = sys.argv[2] if len(sys.argv) == 3 else f"{share}/extension/pgml-adopt-1.0.sql"
    made = make()
    checks.check("there are models", len(made) > 60, len(made))
    done = psql("-f", script)
    checks.check("the adoption", done.returncode == 0, done.stderr[:2000])
    if done.returncode:
        return checks.finish()
    verify(made, "adopted")
    verify_retraining(verify_report(made))
    refused = psql("-c", "SELECT pgml.predict('project 2', '{1,2,NULL,4}')").stderr
    checks.check("a model that takes no gaps says so", "NULL" in refused, refused)
    query(
        "DROP FUNCTION pgml_1_0.norm_max(real[])",
        "DROP SCHEMA pgml_1_0",
        "ALTER EXTENSION pgml UPDATE",
    )
    verify([one for one in made if one[1] == "rows"], "updated")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
