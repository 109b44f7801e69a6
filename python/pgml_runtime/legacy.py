"""Estimators that older releases of the libraries pickled, given what this release looks for.

A release of scikit-learn reads no tree of one before 1.3, nor a boosted model whose loss was of a
class that it no longer has; others load and lack an attribute. What such a model knows is all
there. This module says it in today's words: nothing is trained, and no number changes but the
counts of a tree's classes, which became shares.
"""

from __future__ import annotations

import inspect

from pgml_runtime.errors import require

_LOSSES = ("sklearn.ensemble._gb_losses", "sklearn._loss._loss", "sklearn._loss.loss")
"""Where losses are and were. A model needs them for nothing but the shape of its sum."""

_EPSILON = 2.0**-52


class Forgotten:
    """Stands for an object of a class that this release does not have."""

    def __init__(self, *_arguments):
        """Take what the class was made with."""

    def __setstate__(self, _state):
        """Take what the object knew."""


def substitute(module, name):
    """Return what stands for a class or function that a pickle names, or None for itself."""
    if (module, name) == ("sklearn.tree._tree", "Tree"):
        return _tree_class()
    if module in _LOSSES:
        return Forgotten
    return None


def _tree_class():
    np = require("numpy")
    trees = require("sklearn.tree._tree")

    class OldTree(trees.Tree):
        """A tree whose nodes have no place for missing values, and whose classes are counted."""

        def __setstate__(self, state):
            """Take the nodes field by field."""
            known = state["nodes"]
            wanted = getattr(trees, "NODE_DTYPE", known.dtype)
            if known.dtype != wanted:
                nodes = np.zeros(known.shape, wanted)
                for field in set(known.dtype.names) & set(wanted.names):
                    nodes[field] = known[field]
                state = {**state, "nodes": nodes}
                if self.max_n_classes > 1:
                    values = state["values"]
                    sums = values.sum(axis=2, keepdims=True)
                    sums[sums == 0] = 1
                    state["values"] = values / sums
            super().__setstate__(state)

    return OldTree


def mend(estimator):
    """Give an estimator, and those inside of it, the attributes that this release looks for."""
    seen = set()
    waiting = [estimator]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, (list, tuple)):
            waiting.extend(one)
        elif isinstance(one, dict):
            waiting.extend(one.values())
        elif getattr(getattr(one, "dtype", None), "kind", None) == "O":
            waiting.extend(one.ravel().tolist())
        elif hasattr(one, "get_params") and not isinstance(one, type):
            _mend_one(one)
            waiting.extend(vars(one).values())
    return estimator


def _mend_one(estimator):
    known = vars(estimator)
    if "base_estimator" in known and "estimator" not in known:
        estimator.estimator = known["base_estimator"]
    for name, parameter in inspect.signature(type(estimator).__init__).parameters.items():
        has_default = parameter.default is not parameter.empty
        if has_default and name not in known and not hasattr(estimator, name):
            setattr(estimator, name, parameter.default)
    special = _SPECIAL.get(type(estimator).__name__)
    if special:
        special(estimator, known)


def _ridge(estimator, known):
    # Releases that still work the classes out have no need of them, and can't be given any.
    computed = isinstance(getattr(type(estimator), "classes_", None), property)
    if not computed and "classes_" not in known and "_label_binarizer" in known:
        estimator.classes_ = estimator._label_binarizer.classes_


def _lightgbm(estimator, known):
    if known.get("_n_classes", 0) is None:
        estimator._n_classes = -1


def _boosted(estimator, known):
    if known.get("loss") == "deviance":
        estimator.loss = "log_loss"
    if known.get("loss") in ("ls", "least_squares"):
        estimator.loss = "squared_error"
    if isinstance(known.get("_loss"), Forgotten) or "_loss" not in known:
        estimator._loss = estimator._get_loss(sample_weight=None)


def _histogram(estimator, known):
    known.setdefault("_preprocessor", None)
    known.setdefault("_is_categorical_remapped", None)
    loss = known.get("_loss")
    if isinstance(loss, Forgotten) or isinstance(getattr(loss, "closs", None), Forgotten):
        _boosted_again(estimator)


def _boosted_again(estimator):
    # 1.1 names the loss of classes "auto" and "log_loss".
    name = {"auto": "log_loss", "binary_crossentropy": "log_loss"}.get(
        estimator.loss, estimator.loss
    )
    estimator.loss = "log_loss" if name == "categorical_crossentropy" else name
    estimator._loss = estimator._get_loss(sample_weight=None)


def _ada_boost(estimator, known):
    # SAMME.R weighs all estimators alike and sums the logarithms of their probabilities.
    if known.get("algorithm") == "SAMME.R" and "SAMME.R" not in _algorithms(type(estimator)):
        estimator.__class__ = _samme_r_class()


def _algorithms(estimator_class):
    constraints = getattr(estimator_class, "_parameter_constraints", {}).get("algorithm", [])
    return {option for one in constraints for option in getattr(one, "options", ())}


def _samme_r_class():
    np = require("numpy")
    ensemble = require("sklearn.ensemble")

    class SammeR(ensemble.AdaBoostClassifier):
        """A model that was boosted by probabilities, which scikit-learn 1.6 no longer does."""

        def decision_function(self, x):
            """Sum what each estimator says for each class, symmetric about zero."""
            total = 0
            for one in self.estimators_:
                logs = np.log(np.maximum(one.predict_proba(x), _EPSILON))
                mean = logs.sum(axis=1, keepdims=True) / self.n_classes_
                total = total + (self.n_classes_ - 1) * (logs - mean)
            total = total / self.estimator_weights_.sum()
            return total[:, 1] - total[:, 0] if self.n_classes_ == 2 else total

    return SammeR


_SPECIAL = {
    "RidgeClassifier": _ridge,
    "LGBMRegressor": _lightgbm,
    "GradientBoostingRegressor": _boosted,
    "GradientBoostingClassifier": _boosted,
    "HistGradientBoostingRegressor": _histogram,
    "HistGradientBoostingClassifier": _histogram,
    "AdaBoostClassifier": _ada_boost,
}
