#!/usr/bin/env python3
"""Compare what pgml trains over SQL with scikit-learn called directly on the same rows.

Usage: compare_sklearn.py SITE_PACKAGES

Connects with psql, by the PG* environment variables, to a database where CREATE EXTENSION pgml was
done. Catches rows or columns in another order, a split in another place, labels of another type,
parameters that get lost, metrics of another definition, and predictions that differ. The split is
'last', which takes rows in the order of the scan, so that both sides can make it by themselves.
"""

import importlib
import json
import sys

from server import close, query

# (data set, algorithm, module, class, hyperparameters); random_state is 0 where the class has one.
CASES = [
    ("diabetes", "linear", "sklearn.linear_model", "LinearRegression", {}),
    ("diabetes", "ridge", "sklearn.linear_model", "Ridge", {"alpha": 0.1}),
    ("diabetes", "lasso", "sklearn.linear_model", "Lasso", {"alpha": 0.05}),
    ("diabetes", "svm", "sklearn.svm", "SVR", {"C": 100}),
    (
        "diabetes",
        "random_forest",
        "sklearn.ensemble",
        "RandomForestRegressor",
        {"n_estimators": 20},
    ),
    ("diabetes", "gradient_boosting_trees", "sklearn.ensemble", "GradientBoostingRegressor", {}),
    ("diabetes", "xgboost", "xgboost", "XGBRegressor", {"n_estimators": 20, "n_jobs": 1}),
    (
        "diabetes",
        "lightgbm",
        "lightgbm",
        "LGBMRegressor",
        {"n_estimators": 20, "n_jobs": 1, "verbosity": -1},
    ),
    ("digits", "linear", "sklearn.linear_model", "LogisticRegression", {"max_iter": 5000}),
    ("digits", "svm", "sklearn.svm", "SVC", {"gamma": 0.001}),
    ("digits", "random_forest", "sklearn.ensemble", "RandomForestClassifier", {"n_estimators": 20}),
    (
        "digits",
        "hist_gradient_boosting",
        "sklearn.ensemble",
        "HistGradientBoostingClassifier",
        {"max_iter": 5},
    ),
    ("digits", "xgboost", "xgboost", "XGBClassifier", {"n_estimators": 5, "n_jobs": 1}),
]

TEST_ROWS = {"diabetes": 111, "digits": 450}
FEATURES = {
    "diabetes": "ARRAY[age, sex, bmi, bp, s1, s2, s3, s4, s5, s6]::float8[]",
    "digits": "ARRAY(SELECT pixel FROM unnest(image) AS pixel)::float8[]",
}
TASK = {"diabetes": "regression", "digits": "classification"}


def read(data):
    """Return the features and labels of a data set as SQL gives them, in the scan's order."""
    import numpy as np

    lines = query(f"SELECT jsonb_build_array(to_jsonb({FEATURES[data]}), target) FROM pgml.{data}")
    rows = [json.loads(line) for line in lines]
    x = np.array([row[0] for row in rows], dtype=np.float64)
    y = np.array([row[1] for row in rows], dtype=np.float64)
    return x, y if TASK[data] == "regression" else y.astype(np.int64)


def direct(data, module, class_name, hyperparams):
    """Train without pgml; return (metrics, predictions of the test rows)."""
    import numpy as np
    from sklearn import metrics

    x, y = read(data)
    train = len(x) - TEST_ROWS[data]
    model_class = getattr(importlib.import_module(module), class_name)
    if "random_state" in model_class().get_params():
        hyperparams = {**hyperparams, "random_state": 0}
    model = model_class(**hyperparams).fit(x[:train], y[:train])
    predicted = model.predict(x[train:])
    true = y[train:]
    if TASK[data] == "regression":
        scores = {
            "r2": metrics.r2_score(true, predicted),
            "mean_squared_error": metrics.mean_squared_error(true, predicted),
        }
    else:
        weighted = {"average": "weighted", "zero_division": 0}
        scores = {
            "f1": metrics.f1_score(true, predicted, **weighted),
            "precision": metrics.precision_score(true, predicted, **weighted),
            "recall": metrics.recall_score(true, predicted, **weighted),
            "accuracy": metrics.accuracy_score(true, predicted),
        }
        if hasattr(model, "predict_proba"):
            # pgml's models give double precision, XGBoost's classes single.
            proba = model.predict_proba(x[train:]).astype(np.float64)
            # Single precision adds up to 1 only nearly; not all versions of log_loss even that out.
            shares = proba / proba.sum(axis=1, keepdims=True)
            scores["log_loss"] = metrics.log_loss(true, shares, labels=model.classes_)
            scores["roc_auc"] = metrics.roc_auc_score(
                true, proba, average="weighted", multi_class="ovo", labels=model.classes_
            )
    return scores, [float(value) for value in predicted]


def over_sql(data, algorithm, hyperparams):
    """Train with pgml; return (metrics, predictions of the test rows)."""
    project = f"compare {data} {algorithm}"
    lines = query(
        f"SELECT FROM pgml.train('{project}', '{TASK[data]}', 'pgml.{data}', 'target', "
        f"'{algorithm}', '{json.dumps(hyperparams)}', test_size => {TEST_ROWS[data]}, "
        "test_sampling => 'last')",
        "SELECT m.metrics FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id "
        f"WHERE p.name = '{project}'",
        f"SELECT pgml.predict('{project}', {FEATURES[data]}) "
        f"FROM pgml.{data} OFFSET (SELECT count(*) - {TEST_ROWS[data]} FROM pgml.{data})",
    )
    return json.loads(lines[0]), [float(line) for line in lines[1:]]


def compare(case):
    """Return the differences of one case as lines of a table."""
    data, algorithm, module, class_name, hyperparams = case
    expected, expected_rows = direct(data, module, class_name, hyperparams)
    found, found_rows = over_sql(data, algorithm, hyperparams)
    rows = [
        (data, algorithm, name, value, found.get(name))
        for name, value in expected.items()
        if found.get(name) is None or not close(value, found[name])
    ]
    if len(expected_rows) != len(found_rows):
        rows.append((data, algorithm, "predicted rows", len(expected_rows), len(found_rows)))
    different = [
        (one, other) for one, other in zip(expected_rows, found_rows) if not close(one, other)
    ]
    if different:
        what = f"prediction ({len(different)} rows)"
        rows.append((data, algorithm, what, *different[0]))
    return rows


def main():
    """Run all cases and print what differs."""
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    sys.path.insert(0, sys.argv[1])
    query(*[f"SELECT FROM pgml.load_dataset('{data}')" for data in TEST_ROWS])
    failed = []
    for case in CASES:
        rows = compare(case)
        print(f"{case[0]:10} {case[1]:26} {'differs' if rows else 'same'}", flush=True)
        if rows:
            failed.append(rows)
    if failed:
        print(f"\n{'data':10} {'algorithm':26} {'what':26} {'scikit-learn':>24} {'pgml':>24}")
        for data, algorithm, what, expected, found in (row for rows in failed for row in rows):
            print(f"{data:10} {algorithm:26} {what:26} {expected!s:>24} {found!s:>24}")
    print(f"{len(CASES) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
