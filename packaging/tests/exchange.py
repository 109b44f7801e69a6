#!/usr/bin/env python3
"""Models that LightGBM and XGBoost trained enter, models of pgml leave, and both predict the same.

Usage: exchange.py SITE_PACKAGES

Connects with psql, by the PG* environment variables, to a database where CREATE EXTENSION pgml was
done. Catches a reader that takes another feature, class or missing value than the library that
wrote the file, a writer whose file the library reads as another model, and a model that enters
without its names.
"""

import pathlib
import sys

from server import Checks, psql, query, values

SITE = sys.argv[1]
sys.path.insert(0, SITE)

import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
import xgboost  # noqa: E402
from sklearn import datasets  # noqa: E402

CHECKS = Checks()
FOUR = np.float32


def load(name):
    """Return the rows of a data set, some of them with gaps, and its labels."""
    loaded = getattr(datasets, f"load_{name}")(return_X_y=True)
    rows = np.asarray(loaded[0], dtype=np.float64)
    rows[::7, 0] = np.nan
    return rows, loaded[1] if loaded[1].ndim == 1 else loaded[1][:, 0]


def array(row):
    """Write a row as an array of SQL."""
    return "{" + ",".join("NaN" if np.isnan(one) else repr(float(one)) for one in row) + "}"


def explained(what, model, rows, contributions, name):
    """Check some rows' contributions, and the base behind them, against a library's."""
    contributions = np.asarray(contributions, dtype=np.float64)
    contributions = contributions.reshape(len(rows), -1, rows.shape[1] + 1)
    found = []
    for row, wanted in zip(rows[:EXPLAINED], contributions):
        for label in range(min(len(wanted), CLASSES)):
            # One score that tells two classes apart is that of the second.
            named = f", label => '{label if len(wanted) > 1 else 1}'"
            told = values(
                "SELECT json_object_agg(feature, contribution) FROM pgml.explain("
                f"{model}::bigint, '{array(row)}'::float8[]"
                f"{named if 'classification' in what else ''})"
            )[0]
            names = [f"{name}{place}" for place in range(rows.shape[1])]
            found.append([told[one] for one in (*names, "(base)")])
    wanted = contributions[:EXPLAINED, :CLASSES].reshape(len(found), -1)
    scale = np.maximum(1, np.abs(wanted).max(axis=1, keepdims=True))
    same(f"{what} explained", wanted / scale, np.asarray(found) / scale, False)


def literal(rows):
    """Write rows as one array of SQL."""
    return "'{" + ",".join(array(row) for row in rows) + "}'::float8[]"


def bring(project, task, form, file, names, classes=None):
    """Import a file and return the model's id."""
    listed = "NULL" if names is None else "ARRAY[" + ",".join(f"'{name}'" for name in names) + "]"
    called = (
        "NULL" if classes is None else "ARRAY[" + ",".join(f"'{name}'" for name in classes) + "]"
    )
    return int(
        query(
            f"SELECT pgml.import_model('{project}', '{task}', '{form}', "
            f"'\\x{bytes(file).hex()}'::bytea, {listed}, {called})"
        )[0]
    )


def predictions(model, rows):
    """Return what a model says about rows."""
    done = query(f"SELECT pgml.predict_batch({model}::bigint, {literal(rows)})")
    return np.array([float(one) for one in done])


def shares(model, rows):
    """Return the probabilities of each class."""
    statements = [
        f"SELECT to_json(pgml.predict_proba({model}::bigint, r.row::float8[])) FROM (VALUES "
    ]
    statements[0] += ",".join(f"('{array(row)}')" for row in rows)
    statements[0] += ") AS r(row)"
    return np.array(values(*statements))


def export(model, form):
    """Return the bytes of an exported model."""
    return bytes.fromhex(query(f"SELECT encode(pgml.export_model({model}, '{form}'), 'hex')")[0])


def same(what, expected, found, exact):
    """Check numbers: each bit, or to 1e-6."""
    expected, found = np.asarray(expected, dtype=np.float64), np.asarray(found, dtype=np.float64)
    far = np.abs(expected - found) > (0 if exact else 1e-6 * np.maximum(1, np.abs(expected)))
    CHECKS.check(
        what, expected.shape == found.shape and not far.any(), f"{far.sum()} of {far.size} differ"
    )


def lightgbm_models():
    """LightGBM's text enters, and leaves again."""
    for name, task in SIX:
        rows, labels = load(name)
        classes = len(set(labels))
        objective = (
            "regression" if task == "regression" else "binary" if classes == 2 else "multiclass"
        )
        settings = {"objective": objective, "verbosity": -1, "num_threads": 1, "seed": 1}
        if objective == "multiclass":
            settings["num_class"] = classes
        booster = lightgbm.train(settings, lightgbm.Dataset(rows, labels), 30)
        text = booster.model_to_string().encode()
        model = bring(f"LightGBM {name}", task, "lightgbm", text, None)
        wanted = booster.predict(rows)
        back = lightgbm.Booster(model_str=export(model, "lightgbm").decode())
        if task == "regression":
            same(f"LightGBM {name}", wanted, predictions(model, rows), True)
        else:
            found = shares(model, rows)
            same(f"LightGBM {name}", wanted, found[:, 1] if classes == 2 else found, False)
        same(f"LightGBM {name} and back", wanted, back.predict(rows), True)
        told = booster.predict(rows, pred_contrib=True)
        explained(f"LightGBM {name}, {task}", model, rows, told, "Column_")


def xgboost_models():
    """XGBoost's JSON and UBJSON enter, and leave as JSON."""
    for name, task in SIX:
        rows, labels = load(name)
        classes = len(set(labels))
        objective = (
            "reg:squarederror"
            if task == "regression"
            else "binary:logistic"
            if classes == 2
            else "multi:softprob"
        )
        settings = {"objective": objective, "nthread": 1, "seed": 1, "max_depth": 5}
        if classes > 2 and task == "classification":
            settings["num_class"] = classes
        matrix = xgboost.DMatrix(rows, labels)
        booster = xgboost.train(settings, matrix, 30)
        wanted = booster.predict(matrix)
        names = [f"f{place}" for place in range(rows.shape[1])]
        for form in ("json", "ubj"):
            model = bring(f"XGBoost {name} {form}", task, "xgboost", booster.save_raw(form), names)
            if task == "regression":
                same(f"XGBoost {name} {form}", wanted, predictions(model, rows).astype(FOUR), True)
            else:
                found = shares(model, rows)
                same(
                    f"XGBoost {name} {form}", wanted, found[:, 1] if classes == 2 else found, False
                )
        told = booster.predict(matrix, pred_contribs=True)
        explained(f"XGBoost {name}, {task}", model, rows, told, "f")
        back = xgboost.Booster()
        back.load_model(bytearray(export(model, "xgboost")))
        again = xgboost.DMatrix(rows, feature_names=names)
        same(f"XGBoost {name} and back", wanted, back.predict(again), True)


def trained_here():
    """What pgml trained leaves as each format that can have it."""
    for name, _task in DATA:
        query(f"SELECT pgml.load_dataset('{name}')")
    found = []
    for name, task in DATA:
        rows, _labels = load(name)
        rows = np.nan_to_num(rows).astype(FOUR).astype(np.float64)
        for algorithm in ALGORITHMS:
            project = f"{algorithm} {name}"
            query(
                f"SELECT pgml.train('{project}', '{task}', 'pgml.{name}', "
                f"'{LABEL[name]}', '{algorithm}', "
                f"hyperparams => '{ALGORITHMS[algorithm]}')"
            )
            model = int(query(f"SELECT id FROM pgml.deployed_models WHERE name = '{project}'")[0])
            labels_only = task == "regression" or algorithm in WITHOUT_SHARES
            mine = predictions(model, rows) if labels_only else shares(model, rows)
            forms = {form: leaves(model, form, rows, mine, project, task) for form in FORMS}
            done = psql(script=f"SELECT length(pgml.to_sql({model}));\n")
            CHECKS.check(
                f"{project} as SQL",
                not done.returncode or "written as SQL" in done.stderr,
                done.stderr,
            )
            forms["sql"] = not done.returncode
            found.append((algorithm, task, forms))
    return found


def table(found):
    """Compare the table of docs/sql/exchange.md, a file of its own here, with what was exported."""
    sign = {True: "yes", False: "no"}
    lines = [
        "| algorithm | task | pgml | onnx | lightgbm | xgboost | SQL |",
        "|---|---|---|---|---|---|---|",
    ]
    for algorithm, task, forms in found:
        cells = " | ".join(sign[forms[form]] for form in (*FORMS, "sql"))
        line = f"| `{algorithm}` | {task} | {cells} |"
        if line not in lines:
            lines.append(line)
    made = "\n".join(sorted(lines[2:], key=lambda line: list(ALGORITHMS).index(line.split("`")[1])))
    made = "\n".join([*lines[:2], made]) + "\n"
    known = pathlib.Path(__file__).with_name("exchange-table.md").read_text()
    CHECKS.check("the table of the documentation", made == known, "\n" + made)


def leaves(model, form, rows, mine, project, task):
    """Export a model and compare what its own library says; return whether it can be exported."""
    done = psql(script=f"SELECT encode(pgml.export_model({model}, '{form}'), 'hex');\n")
    if done.returncode:
        CHECKS.check(f"{project} as {form}", "can't be written as" in done.stderr, done.stderr)
        return False
    file = bytes.fromhex(done.stdout.strip())
    if form == "pgml":
        again = bring(f"{project} again", task, form, file, None)
        found = predictions(again, rows) if mine.ndim == 1 else shares(again, rows)
        same(f"{project} as {form}", mine, found, True)
        return True
    if form == "onnx":
        # What ONNX Runtime says about such files: extension/exchange/tests/reference.py.
        again = bring(
            f"{project} from ONNX",
            task,
            form,
            file,
            [f"x{place}" for place in range(rows.shape[1])],
        )
        found = predictions(again, rows) if mine.ndim == 1 else shares(again, rows)
        same(f"{project} as {form}", mine, found, False)
        # ONNX does not tell what contributions are computed from.
        call = f"SELECT * FROM pgml.explain({again}::bigint, '{array(rows[0])}'::float8[])"
        told = psql("-v", "VERBOSITY=verbose", script=f"{call};\n").stderr
        honest = "onnx file that it was imported from" in told or "kernel machine" in told
        CHECKS.check(f"{project} from ONNX is not explained", honest, told)
        return True
    if form == "lightgbm":
        found = lightgbm.Booster(model_str=file.decode()).predict(rows)
    else:
        booster = xgboost.Booster()
        booster.load_model(bytearray(file))
        found = booster.predict(xgboost.DMatrix(rows, feature_names=booster.feature_names))
    same(
        f"{project} as {form}",
        mine[:, 1] if mine.ndim == 2 and mine.shape[1] == 2 else mine,
        found,
        False,
    )
    return True


def refusals():
    """What is no model, or not for the task, is an error that says where and why."""
    text = lightgbm.train(
        {"verbosity": -1}, lightgbm.Dataset(*load("diabetes")), 2
    ).model_to_string()
    calls = (
        ("regression", "lightgbm", text[: len(text) // 3].encode(), "NULL", "22000", "is missing"),
        (
            "regression",
            "lightgbm",
            text.replace("threshold=", "threshold=x ").encode(),
            "NULL",
            "22000",
            "tree 0: value 1 of threshold",
        ),
        (
            "classification",
            "lightgbm",
            text.encode(),
            "NULL",
            "22023",
            "the model is not for classification",
        ),
        ("regression", "lightgbm", text.encode(), "'{a,b}'", "22023", "2 features are named"),
        ("regression", "pickle", b"cos\nsystem\n", "NULL", "22023", "unknown format"),
        ("regression", "pgml", b"\x80\x04", "NULL", "22000", "no whole pgml model"),
        ("regression", "xgboost", b"{L" + b"\x7f" * 8, "NULL", "22000", "byte 10"),
        ("regression", "xgboost", b"", "NULL", "22000", "line 1"),
    )
    for task, form, file, names, state, told in calls:
        arguments = f"'refused', '{task}', '{form}', '\\x{file.hex()}'::bytea, {names}"
        call = f"SELECT pgml.import_model({arguments});\n"
        done = psql("-v", "VERBOSITY=verbose", script=call)
        holds = done.returncode and state in done.stderr and told in done.stderr
        CHECKS.check(f"{form} for {task}: {told}", holds, done.stderr)
    CHECKS.equal(
        "nothing of it was kept",
        ["0"],
        query("SELECT count(*) FROM pgml.projects WHERE name = 'refused'"),
    )


def life():
    """An imported model is one like any other: named, deployed, compared, as SQL."""
    rows, labels = load("iris")
    settings = {"objective": "multiclass", "num_class": 3, "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(rows, labels), 10)
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    kinds = ["setosa", "versi'color", "virginica"]
    file = booster.model_to_string().encode()
    model = bring(
        "life",
        "classification",
        "lightgbm",
        file,
        names,
        [kind.replace("'", "''") for kind in kinds],
    )
    query(f"SELECT pgml.deploy({model})", "SELECT pgml.load_dataset('iris')")
    row = "SELECT sepal_length, sepal_width, petal_length, petal_width FROM pgml.iris"
    expected = [
        kinds[place] for place in np.argmax(booster.predict(datasets.load_iris().data), axis=1)
    ]
    found = query(f"SELECT pgml.predict_label('life', t) FROM ({row}) AS t")
    CHECKS.check("rows by name, labels by name", expected == found, f"{found[:5]}")
    sql = "\n".join(query(f"SELECT pgml.to_sql({model})"))
    found = query(f"SELECT {sql} FROM ({row}) AS t")
    CHECKS.check("as SQL", expected == found, f"{found[:5]}")
    origin = values(f"SELECT imported FROM pgml.model_details WHERE id = {model}")[0]
    wanted = {"format": "lightgbm", "made_by": "LightGBM, format v4", "bytes": len(file)}
    CHECKS.check("where it came from", origin == wanted, f"{origin}")
    # No training says what the label is called: it is the column that the model does not take.
    query(
        "CREATE VIEW told AS SELECT sepal_length, sepal_width, petal_length, petal_width, "
        "(ARRAY['setosa', 'versi''color', 'virginica'])[target + 1] AS kind FROM pgml.iris"
    )
    right = np.mean([one == kinds[label] for one, label in zip(expected, labels)])
    scores = values("SELECT pgml.evaluate('life', 'told')")[0]
    CHECKS.equal("it is evaluated", [right, 150], [scores["accuracy"], scores["rows"]])
    done = psql(
        script="CREATE VIEW two AS SELECT *, 1 AS more FROM told;\n"
        "SELECT pgml.evaluate('life', 'two');\n"
    )
    CHECKS.check(
        "which label", "which column of public.two is its label" in done.stderr, done.stderr
    )
    kinds_of_iris = (
        "CREATE TABLE kinds AS "
        "SELECT i.*, (ARRAY['setosa', 'versi''color', 'virginica'])[target + 1] AS kind "
        "FROM pgml.iris AS i"
    )
    query(kinds_of_iris, "ALTER TABLE kinds DROP COLUMN target")
    trained = values(
        "SELECT row_to_json(t) FROM pgml.train('life', relation_name => 'kinds', "
        "y_column_name => 'kind', algorithm => 'linear', runtime => 'rust') AS t"
    )[0]
    CHECKS.check(
        "a training is compared with it",
        trained["deployed_score"] is not None and trained["deployed_score"] > 0.9,
        f"{trained}",
    )
    arguments = f"'life', 'classification', 'lightgbm', '\\x{file.hex()}'::bytea, '{{a,b,c,d}}'"
    done = psql(script=f"SELECT pgml.import_model({arguments});\n")
    CHECKS.check(
        "a project keeps its meaning",
        "lacks" in done.stderr and "sepal_length" in done.stderr,
        done.stderr,
    )
    sealed = (
        "UPDATE pgml.files SET data = set_byte(data, 100, 1 - sign(get_byte(data, 100))::int) "
        f"WHERE model_id = {model} AND path LIKE '%safetensors'"
    )
    done = psql(
        script=f"{sealed};\nSELECT pgml.predict({model}::bigint, '{{1,2,3,4}}'::float8[]);\n"
    )
    CHECKS.check("its file is sealed", "not as this database stored it" in done.stderr, done.stderr)


DATA = (("diabetes", "regression"), ("breast_cancer", "classification"), ("iris", "classification"))
SIX = (
    *DATA,
    ("digits", "classification"),
    ("linnerud", "regression"),
    ("wine", "classification"),
)
EXPLAINED = 3
"""Rows that are explained."""
CLASSES = 4
"""Classes whose scores are explained: of ten, the first four."""
FORMS = ("pgml", "onnx", "lightgbm", "xgboost")
WITHOUT_SHARES = ("ridge", "svm")
LABEL = {"diabetes": "target", "breast_cancer": "malignant", "iris": "target"}
ALGORITHMS = {
    "linear": "{}",
    "ridge": "{}",
    "svm": "{}",
    "random_forest": '{"n_estimators": 20, "max_depth": 8}',
    "extra_trees": '{"n_estimators": 20, "max_depth": 8}',
    "gradient_boosting_trees": '{"n_estimators": 20}',
    "hist_gradient_boosting": '{"max_iter": 20}',
    "lightgbm": '{"n_estimators": 20}',
    "xgboost": '{"n_estimators": 20}',
}


if __name__ == "__main__":
    lightgbm_models()
    xgboost_models()
    table(trained_here())
    refusals()
    life()
    sys.exit(CHECKS.finish())
