"""Where a long fit is, as far as the library tells: rounds of boosting.

What a callback is told reaches the extension by `pgml_runtime.tell_progress`, and nobody else; the
callback never stays with the estimator, which is stored.
"""

from __future__ import annotations

import contextlib

import pgml_runtime
from pgml_runtime.errors import require

_CATBOOST_ROUNDS = 1000
"""What CatBoost takes when it is not told."""


@contextlib.contextmanager
def watched(estimator, library):
    """Yield the arguments of `fit` that make it tell of its rounds; none where it can't."""
    params = estimator.get_params(deep=False)
    # XGBoost's forests are one round. Up to 3.3 their classes refuse callbacks; from 3.4 on the
    # classes of boosting replace them.
    rounds = not type(estimator).__name__.startswith("XGBRF") and params.get("n_estimators") != 1
    if library == "xgboost" and rounds and "callbacks" in params:
        before = params["callbacks"]
        if before is None:
            estimator.set_params(callbacks=[_xgboost_callback()])
        try:
            yield {}
        finally:
            estimator.set_params(callbacks=before)
    elif library == "lightgbm" and hasattr(estimator, "n_estimators"):
        yield {"callbacks": [_tell_lightgbm]}
    elif library == "catboost" and not hasattr(estimator, "estimator"):
        yield {"callbacks": [_CatBoostTeller(params.get("iterations", _CATBOOST_ROUNDS))]}
    elif type(estimator).__name__.startswith("GradientBoosting"):
        yield {"monitor": _tell_gradient_boosting}
    else:
        yield {}


def _tell(done, total):
    pgml_runtime.tell_progress(f"{done} of {total} rounds")


def _tell_lightgbm(environment):
    _tell(environment.iteration + 1, environment.end_iteration)


def _tell_gradient_boosting(done, estimator, _):
    _tell(done + 1, estimator.n_estimators)
    return False


class _CatBoostTeller:
    """Tells of each round; between two of them Python can be interrupted."""

    def __init__(self, total):
        self._total = total

    def after_iteration(self, info):
        """Go on, whatever round it is."""
        _tell(info.iteration, self._total)
        return True


def _xgboost_callback():
    callback = require("xgboost.callback").TrainingCallback

    class Teller(callback):
        """Counts; how many rounds there will be, XGBoost does not say."""

        def after_iteration(self, model, epoch, evals_log):
            pgml_runtime.tell_progress(f"{epoch + 1} rounds")
            return False

    return Teller()
