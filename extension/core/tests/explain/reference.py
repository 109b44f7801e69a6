#!/usr/bin/env python3
"""Write reference.json: models of the six data sets, and what others say of their rows.

Usage, in a virtual environment that has requirements.lock and nothing else:

    python -m pip install --require-hashes --no-deps --only-binary :all: -r requirements.lock
    python reference.py

Each case has a model in pgml's own format, exported as a training exports it, some rows, and for
each score of the model the contributions of each row with the base behind them. They come from
LightGBM's and XGBoost's own `pred_contrib`, and from shap's TreeExplainer and LinearExplainer for
scikit-learn's models.
"""

import json
import pathlib
import sys
import warnings

import lightgbm
import numpy as np
import shap
import xgboost
from sklearn import datasets, ensemble, linear_model

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / ".." / "python"))

from pgml_runtime import export  # noqa: E402

ROWS = 6
"""Rows of each case."""

CLASSES = 4
"""Scores of each case at most: of ten classes, the first four."""


def data_sets():
    """Yield (name, rows, label, whether it is a class) of the data sets that load_dataset() has."""
    for name in ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"):
        loaded = getattr(datasets, f"load_{name}")()
        y = loaded.target[:, 0] if loaded.target.ndim > 1 else loaded.target
        yield name, loaded.data.astype(np.float64), y, name not in ("diabetes", "linnerud")


def with_gaps(x):
    """Return the rows with every ninth number missing."""
    gaps = x.copy()
    gaps.ravel()[::9] = np.nan
    return gaps


CATEGORIES = 3
"""Columns of each case that become categories."""


def with_categories(x):
    """Return the rows with the number of its seventh in place of each of the first numbers."""
    told = with_gaps(x)
    for place in range(CATEGORIES):
        column = x[:, place]
        told[:, place] = np.searchsorted(np.quantile(column, np.arange(1, 7) / 7), column) * 5 % 7
    told[::9, 0] = np.nan
    return told


def of_shap(model, rows, classes):
    """Return contributions with the base behind them, of each score."""
    explained = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")(rows)
    values, bases = np.asarray(explained.values), np.asarray(explained.base_values)
    if values.ndim == 2:
        values, bases = values[:, :, None], bases.reshape(len(rows), -1)
    bases = np.broadcast_to(bases.reshape(len(rows), -1), (len(rows), values.shape[2]))
    whole = np.concatenate([values, bases[:, None, :]], axis=1)
    return np.moveaxis(whole, 2, 0)


def of_lightgbm(model, rows, classes):
    """As of_shap, from LightGBM."""
    found = model.predict(rows, pred_contrib=True)
    return np.moveaxis(found.reshape(len(rows), -1, rows.shape[1] + 1), 1, 0)


def of_xgboost(model, rows, classes):
    """As of_shap, from XGBoost."""
    types = model.get_booster().feature_types
    matrix = xgboost.DMatrix(rows, feature_types=types, enable_categorical=types is not None)
    found = model.get_booster().predict(matrix, pred_contribs=True)
    return np.moveaxis(
        np.asarray(found, dtype=np.float64).reshape(len(rows), -1, rows.shape[1] + 1), 1, 0
    )


def of_linear(x):
    """As of_shap, for a linear model that learned from `x`."""

    def contributions(model, rows, classes):
        each = []
        for weights, intercept in zip(np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)):
            masker = shap.maskers.Independent(x, max_samples=len(x))
            explained = shap.LinearExplainer((weights, intercept), masker)(rows)
            bases = np.broadcast_to(np.reshape(explained.base_values, (-1, 1)), (len(rows), 1))
            each.append(np.concatenate([explained.values, bases], axis=1))
        return np.stack(each)

    return contributions


def models(x, y, classification):
    """Yield (algorithm, model, rows that it learned from, function of contributions)."""
    kind = "Classifier" if classification else "Regressor"
    few = {"n_estimators": 5, "random_state": 0}
    gaps = with_gaps(x)
    boosted = {"n_estimators": 4, "max_depth": 3, "random_state": 0}
    for algorithm, model, rows, told in (
        ("random_forest", getattr(ensemble, f"RandomForest{kind}")(max_depth=4, **few), x, of_shap),
        ("extra_trees", getattr(ensemble, f"ExtraTrees{kind}")(max_depth=4, **few), x, of_shap),
        (
            "gradient_boosting_trees",
            getattr(ensemble, f"GradientBoosting{kind}")(**boosted),
            x,
            of_shap,
        ),
        (
            "hist_gradient_boosting",
            getattr(ensemble, f"HistGradientBoosting{kind}")(
                max_iter=4, max_leaf_nodes=8, min_samples_leaf=5
            ),
            gaps,
            of_shap,
        ),
        (
            "lightgbm",
            getattr(lightgbm, f"LGBM{kind}")(
                n_estimators=4, num_leaves=8, min_child_samples=5, verbosity=-1, n_jobs=1
            ),
            gaps,
            of_lightgbm,
        ),
        ("xgboost", getattr(xgboost, f"XGB{kind}")(n_jobs=1, **boosted), gaps, of_xgboost),
        (
            "xgboost_random_forest",
            getattr(xgboost, f"XGBRF{kind}")(n_jobs=1, **boosted),
            gaps,
            of_xgboost,
        ),
        (
            "lightgbm, categories",
            getattr(lightgbm, f"LGBM{kind}")(
                n_estimators=4,
                num_leaves=8,
                min_child_samples=5,
                categorical_feature=list(range(CATEGORIES)),
                min_data_per_group=5,
                cat_smooth=1,
                verbosity=-1,
                n_jobs=1,
            ),
            with_categories(x),
            of_lightgbm,
        ),
        (
            "xgboost, categories",
            getattr(xgboost, f"XGB{kind}")(
                n_jobs=1,
                enable_categorical=True,
                max_cat_to_onehot=3,
                feature_types=["c"] * CATEGORIES + ["q"] * (x.shape[1] - CATEGORIES),
                **boosted,
            ),
            with_categories(x),
            of_xgboost,
        ),
    ):
        # shap's TreeExplainer takes this classifier with two classes only.
        if algorithm == "gradient_boosting_trees" and len(np.unique(y)) > 2 and classification:
            continue
        yield algorithm, model, rows, told
    linear = (
        linear_model.LogisticRegression(max_iter=200)
        if classification
        else linear_model.LinearRegression()
    )
    yield "linear", linear, x, of_linear(x)
    if not classification:
        yield "ridge", linear_model.Ridge(), x, of_linear(x)


def case(name, algorithm, model, x, y, told, classification):
    """Train, export and explain."""
    model.fit(x, y)
    classes = np.unique(y).tolist() if classification else None
    header = {"n_features": x.shape[1], "classes": None if classes is None else [classes]}
    rows = x[:: max(1, len(x) // ROWS)][:ROWS]
    contributions = told(model, rows, classes)[:CLASSES]
    return {
        "data": name,
        "algorithm": algorithm,
        "model": export.export(header, model, x).hex(),
        "rows": [[None if np.isnan(one) else one for one in row] for row in rows.tolist()],
        "contributions": [
            [[float(f"{one:.12g}") for one in row] for row in score] for score in contributions
        ],
    }


def main():
    """Write the file."""
    warnings.simplefilter("ignore")
    cases = []
    for name, x, y, classification in data_sets():
        for algorithm, model, rows, told in models(x, y, classification):
            cases.append(case(name, algorithm, model, rows, y, told, classification))
    packages = {one.__name__: one.__version__ for one in (np, shap, lightgbm, xgboost)}
    with open(HERE / "reference.json", "w", encoding="utf-8") as file:
        json.dump({"made_by": packages, "cases": cases}, file, separators=(",", ":"))
        file.write("\n")


main()
