#!/usr/bin/env python3
"""Write libraries.json: models of LightGBM and XGBoost on the six data sets, and what they say of their rows.

Usage, in a virtual environment that has ../../core/tests/explain/requirements.lock and nothing else:

    python3 extension/exchange/tests/libraries.py models
    cargo test --manifest-path extension/Cargo.toml --package pgml-exchange --test libraries -- --ignored back
    python3 extension/exchange/tests/libraries.py back
    cargo test --manifest-path extension/Cargo.toml --package pgml-exchange --test libraries -- --ignored page

The first command writes the models, the second what pgml makes of each when it exports it again, the third what the
libraries say about that, the last the table of docs/sql/exchange.md.
"""

import json
import pathlib
import sys
import warnings

import lightgbm
import numpy as np
import xgboost
from sklearn import datasets

FILE = pathlib.Path(__file__).with_name("libraries.json")
ROWS = 8
"""Rows of each case."""

CLASSES = 4
"""Scores of each case whose contributions are kept: of ten classes, the first four."""

CATEGORIES = 3
"""Columns that become categories."""


def data_sets():
    """Yield (name, rows, labels, number of classes) of the data sets that load_dataset() has."""
    for name in ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"):
        loaded = getattr(datasets, f"load_{name}")()
        y = loaded.target[:, 0] if loaded.target.ndim > 1 else loaded.target
        x = loaded.data.astype(np.float64)
        x.ravel()[::9] = np.nan
        yield name, x, y, 0 if name in ("diabetes", "linnerud") else len(np.unique(y))


def with_categories(x):
    """Return the rows with the number of its seventh in place of each of the first numbers."""
    told = x.copy()
    for place in range(CATEGORIES):
        column = np.nan_to_num(x[:, place])
        told[:, place] = np.searchsorted(np.quantile(column, np.arange(1, 7) / 7), column) * 5 % 7
    told[::9, 0] = np.nan
    return told


def of_lightgbm(x, y, classes, categories):
    """Return the booster, and the text of its file."""
    settings = {"verbosity": -1, "num_threads": 1, "seed": 1, "num_leaves": 8, "min_data_in_leaf": 5}
    settings |= {"min_data_per_group": 5, "cat_smooth": 1}
    settings["objective"] = ("regression", "binary", "multiclass")[min(2, max(0, classes - 1))]
    if classes > 2:
        settings["num_class"] = classes
    table = lightgbm.Dataset(x, y, categorical_feature=list(range(CATEGORIES)) if categories else [])
    booster = lightgbm.train(settings, table, 4)
    return booster, [booster.model_to_string().encode()]


def of_xgboost(x, y, classes, categories):
    """As of_lightgbm; XGBoost has two files."""
    settings = {"nthread": 1, "seed": 1, "max_depth": 3, "max_cat_to_onehot": 3}
    settings["objective"] = ("reg:squarederror", "binary:logistic", "multi:softprob")[
        min(2, max(0, classes - 1))
    ]
    if classes > 2:
        settings["num_class"] = classes
    booster = xgboost.train(settings, matrix(x, y, categories), 4)
    return booster, [bytes(booster.save_raw(form)) for form in ("json", "ubj")]


def matrix(x, y, categories):
    """Return the rows as XGBoost takes them."""
    types = ["c" if place < CATEGORIES and categories else "float" for place in range(x.shape[1])]
    names = [f"f{place}" for place in range(x.shape[1])]
    return xgboost.DMatrix(x, y, feature_names=names, feature_types=types, enable_categorical=True)


def told(library, booster, rows, categories):
    """Return the predictions or probabilities of rows, and their contributions by score."""
    if library == "lightgbm":
        said, each = booster.predict(rows), booster.predict(rows, pred_contrib=True)
    else:
        rows_of = matrix(rows, None, categories)
        said, each = booster.predict(rows_of), booster.predict(rows_of, pred_contribs=True)
    each = np.asarray(each, dtype=np.float64).reshape(len(rows), -1, rows.shape[1] + 1)
    return np.asarray(said, dtype=np.float64).tolist(), np.moveaxis(each, 1, 0)[:CLASSES].tolist()


def models():
    """Return the cases."""
    found = []
    for data, x, y, classes in data_sets():
        for library, train in (("lightgbm", of_lightgbm), ("xgboost", of_xgboost)):
            for categories in (False, True):
                table = with_categories(x) if categories else x
                booster, files = train(table, y, classes, categories)
                rows = table[:: max(1, len(x) // ROWS)][:ROWS]
                predictions, contributions = told(library, booster, rows, categories)
                found.append(
                    {
                        "data": data,
                        "library": library,
                        "categories": categories,
                        "task": "classification" if classes else "regression",
                        "files": [file.hex() for file in files],
                        "rows": [[None if np.isnan(v) else v for v in row] for row in rows.tolist()],
                        "predictions": predictions,
                        "contributions": contributions,
                    }
                )
    return found


def back(case):
    """Note what the library says about the file that pgml wrote."""
    file = bytes.fromhex(case["back"])
    rows = np.array(case["rows"], dtype=np.float64)
    if case["library"] == "lightgbm":
        booster = lightgbm.Booster(model_str=file.decode())
    else:
        booster = xgboost.Booster()
        booster.load_model(bytearray(file))
    case["back_predictions"], case["back_contributions"] = told(
        case["library"], booster, rows, case["categories"]
    )


def main():
    """Write the file."""
    warnings.simplefilter("ignore")
    if sys.argv[1:] == ["models"]:
        made_by = {one.__name__: one.__version__ for one in (np, lightgbm, xgboost)}
        found = {"made_by": made_by, "cases": models()}
    else:
        found = json.loads(FILE.read_text())
        for case in found["cases"]:
            back(case)
    FILE.write_text(json.dumps(found, separators=(",", ":")) + "\n")


main()
