"""How much each feature counts in a trained model, whatever kind it is."""

from __future__ import annotations

from pgml_runtime import categories
from pgml_runtime.errors import require


def of(estimator, x):
    """Return a share for each column of `x`, all adding up to 1; None where the model can't tell.

    Trees tell it themselves. In a linear model a feature counts as much as its weight times its
    standard deviation, so that its unit doesn't matter. Several labels are averaged.
    """
    np = require("numpy")
    if type(estimator).__name__ == "MultiOutputRegressor":
        each = [of(one, x) for one in estimator.estimators_]
        return None if any(one is None for one in each) else np.mean(each, axis=0).tolist()
    found = _told(np, estimator, x)
    if found is None or found.shape != (x.shape[1],) or not np.isfinite(found).all():
        return None
    total = found.sum()
    return (found / total if total > 0 else found).tolist()


def _told(np, estimator, x):
    if categories.is_catboost(estimator):
        # Its attribute computes in a thread for each processor.
        return np.asarray(estimator.get_feature_importance(thread_count=1), dtype=float)
    try:
        # gblinear and kernels other than the linear one have the attribute, and refuse it.
        found = getattr(estimator, "feature_importances_", None)
        weights = getattr(estimator, "coef_", None)
    except AttributeError:
        return None
    if found is not None:
        return np.asarray(found, dtype=float)
    if weights is None or hasattr(weights, "toarray"):
        return None
    sizes = np.abs(np.asarray(weights, dtype=float).reshape(-1, x.shape[1]))
    return sizes.sum(axis=0) * x.std(axis=0)
