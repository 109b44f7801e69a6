"""Rows for CatBoost, which takes categories as whole numbers and everything else as it is."""

from __future__ import annotations

import functools

from pgml_runtime.errors import UserError, require

_MISSING = -(2**63)
"""The category of the rows that have none."""


def of(estimator):
    """Return the places of the features that a trained estimator takes as categories."""
    one = _single(estimator)[0]
    return one.get_cat_feature_indices() if is_catboost(one) else ()


def is_catboost(estimator):
    """Tell whether an estimator is one of CatBoost's."""
    return type(estimator).__module__.split(".")[0] == "catboost"


def rows(x, categories):
    """Return `x` with whole numbers in the columns of `categories`; as it is without any."""
    if not categories:
        return x
    np = require("numpy")
    columns = dict(enumerate(x.T))
    for place in categories:
        column = columns[place]
        missing = np.isnan(column)
        whole = np.where(missing, 0.0, column)
        wrong = ~(np.isfinite(whole) & (np.abs(whole) < 2**53)) | (whole != np.floor(whole))
        if wrong.any():
            raise UserError(
                f"feature {place + 1} is a category, and {float(column[wrong][0])} is no whole "
                "number",
                hint="Leave it out of cat_features, or number the categories.",
            )
        columns[place] = np.where(missing, _MISSING, whole.astype(np.int64))
    return require("pandas").DataFrame({str(place): one for place, one in columns.items()})


def method(estimator, name):
    """Return `predict` or another method of rows; CatBoost's in one thread, not in one for each
    processor, whatever the estimator was trained with.
    """
    if not is_catboost(_single(estimator)[0]):
        return getattr(estimator, name)
    each = [functools.partial(getattr(one, name), thread_count=1) for one in _single(estimator)]
    if len(each) == 1 and not _is_joint(estimator):
        return each[0]
    np = require("numpy")
    return lambda rows: np.column_stack([np.ravel(one(rows)) for one in each])


def _single(estimator):
    return estimator.estimators_ if _is_joint(estimator) else [estimator]


def _is_joint(estimator):
    return type(estimator).__name__ in ("MultiOutputRegressor", "MultiOutputClassifier")
