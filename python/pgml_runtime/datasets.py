"""The six toy data sets that scikit-learn carries; nothing is downloaded."""

from __future__ import annotations

import re

from pgml_runtime.errors import require, unknown

NAMES = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")


def load(name, as_in_1_0=False):
    """Return `(columns, arrays)` for the table of data set `name`, as PostgresML 2.x makes it.

    as_in_1_0: as PostgresML 1.0 makes it, which has another spelling, order and type.

    columns: list of (column name, SQL type). arrays: one C-contiguous ndarray a column, each with
    one entry a row: float64 for `real`, int64 for `integer`, `smallint` and `smallint[]` (the last
    of shape (rows, 8, 8)), bool for `boolean`. Raises UserError for a name that is not in NAMES.
    """
    if name not in NAMES:
        raise unknown("data set", name, NAMES)
    source = getattr(require("sklearn.datasets"), f"load_{name}")()
    columns = _digits(source) if name == "digits" else _features(source)
    columns += _targets(name, source)
    columns = _as_in_1_0(columns) if as_in_1_0 else _as_in_2(name, columns)
    np = require("numpy")
    types = {"real": np.float64, "integer": np.int64, "boolean": np.bool_}
    types.update(dict.fromkeys(("smallint", "smallint[]"), np.int64))
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


def _as_in_1_0(columns):
    """Spell the second label of linnerud as 1.0 does."""
    return [("waste" if name == "waist" else name, *rest) for name, *rest in columns]


def _as_in_2(name, columns):
    """Give digits the type of label, and wine the order of columns, that they have in 2.x."""
    if name == "digits":
        return [
            (column, "smallint" if sql_type == "integer" else sql_type, values)
            for column, sql_type, values in columns
        ]
    if name == "wine":
        place = [column for column, *_ in columns].index("color_intensity")
        columns[place : place + 2] = reversed(columns[place : place + 2])
    return columns


def _column_name(feature):
    """Return `feature` in snake case, without its unit; one that has no unit keeps its blanks.

    Those are `sepal length (cm)` of iris, and `mean radius` of breast_cancer.
    """
    name, units = re.subn(r"\s*\(.*?\)", "", feature)
    return name.lower().replace(" ", "_") if units else name.lower()
