"""The six toy data sets that scikit-learn carries; nothing is downloaded."""

from __future__ import annotations

import re

from pgml_runtime.errors import require, unknown

NAMES = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")


def load(name, original_names=False):
    """Return `(columns, arrays)` for the table of data set `name`.

    original_names: call the columns as PostgresML 1.0 did.

    columns: list of (column name, SQL type). arrays: one C-contiguous ndarray a column, each with
    one entry a row: float64 for `real`, int64 for `integer` and `smallint[]` (the latter of shape
    (rows, 8, 8)), bool for `boolean`. Raises UserError for a name that is not in NAMES.
    """
    if name not in NAMES:
        raise unknown("data set", name, NAMES)
    source = getattr(require("sklearn.datasets"), f"load_{name}")()
    columns = _digits(source) if name == "digits" else _features(source)
    columns += _targets(name, source)
    if original_names:
        columns = [
            (_original_name(name, column), sql_type, values) for column, sql_type, values in columns
        ]
    np = require("numpy")
    types = {"real": np.float64, "integer": np.int64, "smallint[]": np.int64, "boolean": np.bool_}
    described = [(column, sql_type) for column, sql_type, _ in columns]
    arrays = [
        np.ascontiguousarray(values, dtype=types[sql_type]) for _, sql_type, values in columns
    ]
    return described, arrays


def _features(source):
    return [
        (_column_name(name), "real", source.data[:, index])
        for index, name in enumerate(source.feature_names)
    ]


def _digits(source):
    return [("image", "smallint[]", source.images)]


def _targets(name, source):
    if name == "linnerud":
        return [
            (_column_name(label), "real", source.target[:, index])
            for index, label in enumerate(source.target_names)
        ]
    if name == "breast_cancer":  # scikit-learn's classes are 0 malignant, 1 benign
        return [("malignant", "boolean", source.target == 0)]
    return [("target", "real" if name == "diabetes" else "integer", source.target)]


def _original_name(name, column):
    """Return 1.0's name: it kept scikit-learn's spaces for breast_cancer, and wrote `waste`."""
    if name == "breast_cancer":
        return column.replace("_", " ")
    return "waste" if column == "waist" else column


def _column_name(feature):
    """Return `feature` in snake case without a unit in parentheses, `sepal length (cm)`."""
    return re.sub(r"\s*\(.*?\)\s*", "", feature).strip().lower().replace(" ", "_")
