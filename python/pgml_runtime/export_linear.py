"""Export of scikit-learn's linear models and support vector machines."""

from __future__ import annotations

from pgml_runtime.errors import require
from pgml_runtime.export_parts import NotExported, choice, values, weighted


def _regression(estimator, n_features, classes):
    return weighted({"kind": "linear"}, values(), estimator.coef_, estimator.intercept_)


def _ransac(estimator, n_features, classes):
    if type(estimator.estimator_).__name__ != "LinearRegression":
        raise NotExported("its estimator is another one than LinearRegression")
    return _regression(estimator.estimator_, n_features, classes)


def _classification(estimator, n_features, classes):
    binary = len(classes) == 2
    decision = "positive" if binary else "largest"
    finish = choice(classes, decision, **_linear_probabilities(estimator, binary))
    return weighted({"kind": "linear"}, finish, estimator.coef_, estimator.intercept_)


def _linear_probabilities(estimator, binary):
    name = type(estimator).__name__
    if name == "SGDClassifier" and estimator.loss == "modified_huber":
        return {"probabilities": "clipped"}
    each = {"probabilities": "logistic" if binary else "logistic_shares"}
    if name == "SGDClassifier" and estimator.loss == "log_loss":
        return each
    if name == "LogisticRegression":
        how = getattr(estimator, "multi_class", "auto")
        if how == "ovr" or (how != "multinomial" and (binary or estimator.solver == "liblinear")):
            return each
        if binary:
            return {"probabilities": "softmax_pair"}
        return {"probabilities": "softmax", "scale": 1.0}
    return {}


def _kernel(estimator, gamma):
    name = estimator.kernel
    coef0 = float(estimator.coef0)
    if name == "linear":
        return {"name": name}
    if name == "rbf":
        return {"name": name, "gamma": gamma}
    if name in ("poly", "polynomial"):
        return {"name": "poly", "gamma": gamma, "coef0": coef0, "degree": float(estimator.degree)}
    if name == "sigmoid":
        return {"name": name, "gamma": gamma, "coef0": coef0}
    raise NotExported(f"kernel {name} has no form without Python")


def _kernel_ridge(estimator, n_features, classes):
    gamma = 1.0 / n_features if estimator.gamma is None else float(estimator.gamma)
    weights = estimator.dual_coef_.T
    scores = {"kind": "kernel", "kernel": _kernel(estimator, gamma)}
    return weighted(scores, values(), weights, 0.0, points=estimator.X_fit_)


def _vectors(estimator, finish, weights, intercepts):
    # The value that gamma = 'scale' or 'auto' became is nowhere public.
    scores = {"kind": "kernel", "kernel": _kernel(estimator, float(estimator._gamma))}
    return weighted(scores, finish, weights, intercepts, points=estimator.support_vectors_)


def _support_regression(estimator, n_features, classes):
    return _vectors(estimator, values(), estimator.dual_coef_, estimator.intercept_)


def _support_classification(estimator, n_features, classes):
    np = require("numpy")
    if estimator.break_ties:
        raise NotExported("break_ties has no form without Python")
    if len(classes) == 2:
        finish = choice(classes, "positive")
        return _vectors(estimator, finish, estimator.dual_coef_, estimator.intercept_)
    # One score for each pair of classes, from the vectors of those two.
    ends = np.cumsum(estimator.n_support_)
    of_class = [slice(end - count, end) for end, count in zip(ends, estimator.n_support_)]
    pairs = [(i, j) for i in range(len(classes)) for j in range(i + 1, len(classes))]
    weights = np.zeros((len(pairs), ends[-1]))
    for row, (i, j) in enumerate(pairs):
        weights[row, of_class[i]] = estimator.dual_coef_[j - 1, of_class[i]]
        weights[row, of_class[j]] = estimator.dual_coef_[i, of_class[j]]
    return _vectors(estimator, choice(classes, "votes"), weights, estimator.intercept_)


PARTS = {
    **dict.fromkeys(
        "LinearRegression Ridge Lasso ElasticNet Lars LassoLars OrthogonalMatchingPursuit "
        "BayesianRidge ARDRegression SGDRegressor PassiveAggressiveRegressor TheilSenRegressor "
        "HuberRegressor QuantileRegressor LinearSVR".split(),
        _regression,
    ),
    **dict.fromkeys(
        "LogisticRegression RidgeClassifier SGDClassifier Perceptron PassiveAggressiveClassifier "
        "LinearSVC".split(),
        _classification,
    ),
    "RANSACRegressor": _ransac,
    "KernelRidge": _kernel_ridge,
    **dict.fromkeys(("SVR", "NuSVR"), _support_regression),
    **dict.fromkeys(("SVC", "NuSVC"), _support_classification),
}
"""The function for each class: (estimator, n_features, classes or None) → Part."""
