"""What is measured: models by their size, and the rows that they predict."""

import collections

Size = collections.namedtuple(
    "Size", "name algorithm params features rows classes missing train compiled"
)
"""One model. `classes` is 0 for a regression; `compiled`: whether C is made of it, which the
compiler needs minutes for when there are many nodes."""


def _size(name, algorithm, params, **more):
    defaults = {"features": 20, "rows": 100_000, "classes": 0, "missing": False, "train": 20_000}
    return Size(name, algorithm, params, **{**defaults, "compiled": True, **more})


def _lightgbm(trees, leaves, **more):
    name = f"LightGBM, {trees:,} trees of {leaves} leaves"
    params = {
        "n_estimators": trees,
        "num_leaves": leaves,
        "min_child_samples": 5,
        "learning_rate": 0.05,
    }
    classes = f"{more.get('classes')} classes"
    for key, text in (("missing", "with missing values"), ("classes", classes)):
        name += f", {text}" if more.get(key) else ""
    if more.get("features", 20) != 20:
        name += f", {more['features']} features"
    return _size(name, "lightgbm", params, **more)


TABLE = [
    _lightgbm(100, 31),
    _lightgbm(1000, 31),
    _size(
        "XGBoost, 100 trees of depth 6",
        "xgboost",
        {"n_estimators": 100, "max_depth": 6},
    ),
    _size(
        "random forest, 100 trees of depth 10",
        "random_forest",
        {"n_estimators": 100, "max_depth": 10, "random_state": 0},
    ),
]
"""The comparison's own table."""

SWEEP = [
    _lightgbm(10, 8, features=5),
    _lightgbm(10, 255),
    _lightgbm(100, 8),
    _lightgbm(100, 31, missing=True),
    _lightgbm(100, 31, classes=5),
    _lightgbm(100, 31, features=500, rows=10_000, train=5_000),
    _lightgbm(300, 127, rows=20_000),
    _lightgbm(2000, 8),
    _lightgbm(2000, 255, rows=5_000, compiled=False),
    _size(
        "XGBoost, 100 trees of depth 6, missing values",
        "xgboost",
        {"n_estimators": 100, "max_depth": 6},
        missing=True,
    ),
    _size(
        "XGBoost, 100 rounds of depth 4, 5 classes",
        "xgboost",
        {"n_estimators": 100, "max_depth": 4},
        classes=5,
    ),
    _size(
        "XGBoost, 1,000 trees of depth 8",
        "xgboost",
        {"n_estimators": 1000, "max_depth": 8, "learning_rate": 0.05},
        rows=20_000,
        compiled=False,
    ),
    _size(
        "random forest, 20 trees of any depth",
        "random_forest",
        {"n_estimators": 20, "random_state": 0},
        compiled=False,
    ),
]
"""The ends of what models have: trees, leaves, features, classes, missing values."""
