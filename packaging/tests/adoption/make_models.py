#!/usr/bin/env python3
"""Writes models-2022.json: models as PostgresML 1.0 pickled them, with what they predicted there.

Usage: make_models.py OUTPUT

Runs in a virtual environment of CPython 3.9 that has requirements.lock and nothing else. Each model
is a small one of an algorithm of 1.0, pickled with the libraries of 2022, with its score and what
it answered for each row. Of `gaps` every third row has no third feature.
"""

import base64
import json
import pickle
import platform
import sys
import zlib

import lightgbm
import numpy as np
import sklearn
import xgboost
from sklearn import (
    ensemble,
    gaussian_process,
    kernel_ridge,
    linear_model,
    metrics,
    svm,
)

REGRESSION = {
    "linear": linear_model.LinearRegression(),
    "ridge": linear_model.Ridge(),
    "lasso": linear_model.Lasso(),
    "elastic_net": linear_model.ElasticNet(),
    "least_angle": linear_model.Lars(),
    "lasso_least_angle": linear_model.LassoLars(),
    "orthoganl_matching_pursuit": linear_model.OrthogonalMatchingPursuit(),
    "bayesian_ridge": linear_model.BayesianRidge(),
    "automatic_relevance_determination": linear_model.ARDRegression(),
    "stochastic_gradient_descent": linear_model.SGDRegressor(random_state=0),
    "passive_aggressive": linear_model.PassiveAggressiveRegressor(random_state=0),
    "ransac": linear_model.RANSACRegressor(random_state=0),
    "theil_sen": linear_model.TheilSenRegressor(random_state=0),
    "huber": linear_model.HuberRegressor(),
    "quantile": linear_model.QuantileRegressor(solver="highs"),
    "svm": svm.SVR(),
    "nu_svm": svm.NuSVR(),
    "linear_svm": svm.LinearSVR(random_state=0),
    "kernel_ridge": kernel_ridge.KernelRidge(),
    "gaussian_process": gaussian_process.GaussianProcessRegressor(random_state=0),
    "ada_boost": ensemble.AdaBoostRegressor(n_estimators=4, random_state=0),
    "bagging": ensemble.BaggingRegressor(n_estimators=4, random_state=0),
    "extra_trees": ensemble.ExtraTreesRegressor(n_estimators=4, random_state=0),
    "gradient_boosting_trees": ensemble.GradientBoostingRegressor(n_estimators=4, random_state=0),
    "hist_gradient_boosting": ensemble.HistGradientBoostingRegressor(max_iter=4, random_state=0),
    "random_forest": ensemble.RandomForestRegressor(n_estimators=4, random_state=0),
    "xgboost": xgboost.XGBRegressor(n_estimators=4, n_jobs=1),
    "xgboost_random_forest": xgboost.XGBRFRegressor(n_estimators=4, n_jobs=1),
    "lightgbm": lightgbm.LGBMRegressor(n_estimators=4, n_jobs=1),
}
CLASSIFICATION = {
    "linear": linear_model.LogisticRegression(),
    "ridge": linear_model.RidgeClassifier(),
    "stochastic_gradient_descent": linear_model.SGDClassifier(random_state=0),
    "perceptron": linear_model.Perceptron(random_state=0),
    "passive_aggressive": linear_model.PassiveAggressiveClassifier(random_state=0),
    "gaussian_process": gaussian_process.GaussianProcessClassifier(random_state=0),
    "svm": svm.SVC(),
    "nu_svm": svm.NuSVC(),
    "linear_svm": svm.LinearSVC(random_state=0),
    "ada_boost": ensemble.AdaBoostClassifier(n_estimators=4, random_state=0),
    "bagging": ensemble.BaggingClassifier(n_estimators=4, random_state=0),
    "extra_trees": ensemble.ExtraTreesClassifier(n_estimators=4, random_state=0),
    "gradient_boosting_trees": ensemble.GradientBoostingClassifier(n_estimators=4, random_state=0),
    "hist_gradient_boosting": ensemble.HistGradientBoostingClassifier(max_iter=4, random_state=0),
    "random_forest": ensemble.RandomForestClassifier(n_estimators=4, random_state=0),
    "xgboost": xgboost.XGBClassifier(n_estimators=4, n_jobs=1),
    "xgboost_random_forest": xgboost.XGBRFClassifier(n_estimators=4, n_jobs=1),
    "lightgbm": lightgbm.LGBMClassifier(n_estimators=4, n_jobs=1),
}
MISSING = ("lightgbm", "xgboost", "hist_gradient_boosting")
TRAINED = 60


def data():
    """Return features, values and classes, the same with each run."""
    draw = np.random.RandomState(7)
    x = draw.normal(size=(80, 4)).round(6)
    value = x[:, 0] - 2 * x[:, 1] + 0.5 * x[:, 2] * x[:, 3] + draw.normal(scale=0.3, size=80)
    return x, value.round(6), np.digitize(value, [-1, 1]), (value > 0).astype(int)


def described(task, algorithm, estimator, x, y, labels):
    """Fit as 1.0 did; return what it stored, its score on the test rows, and all predictions."""
    estimator = sklearn.clone(estimator).fit(x[:TRAINED], y[:TRAINED])
    predicted = np.asarray(estimator.predict(x), dtype=float)
    test = slice(TRAINED, len(x))
    if task == "regression":
        score = metrics.r2_score(y[test], predicted[test])
    else:
        score = metrics.f1_score(y[test], predicted[test], average="weighted")
    packed = zlib.compress(pickle.dumps(estimator), 9)
    return {
        "task": task,
        "algorithm": algorithm,
        "labels": labels,
        "score": float(score),
        "pickle": base64.b64encode(packed).decode(),
        "predicted": [round(float(one), 12) for one in predicted],
    }


def main():
    """Write all models in one file."""
    x, value, classes, two = data()
    gaps = x.copy()
    gaps[::3, 2] = np.nan
    labels = {"value": value, "classes": classes, "two": two}
    models = {"rows": [], "gaps": []}
    for algorithm, estimator in REGRESSION.items():
        models["rows"].append(described("regression", algorithm, estimator, x, value, "value"))
    for algorithm, estimator in CLASSIFICATION.items():
        for name in ("classes", "two"):
            one = described("classification", algorithm, estimator, x, labels[name], name)
            models["rows"].append(one)
    for estimators, task, name in (
        (REGRESSION, "regression", "value"),
        (CLASSIFICATION, "classification", "classes"),
    ):
        for algorithm in MISSING:
            estimator = estimators[algorithm]
            models["gaps"].append(described(task, algorithm, estimator, gaps, labels[name], name))
    libraries = {one.__name__: one.__version__ for one in (sklearn, xgboost, lightgbm, np)}
    document = {
        "format": 1,
        "made_with": {"python": platform.python_version(), **libraries},
        "trained": TRAINED,
        "rows": x.tolist(),
        "gaps": [[None if np.isnan(v) else v for v in row] for row in gaps.tolist()],
        "labels": {name: y.tolist() for name, y in labels.items()},
        "models": models,
    }
    with open(sys.argv[1], "w", encoding="utf-8") as target:
        json.dump(document, target)
        target.write("\n")


if __name__ == "__main__":
    main()
