"""Export of scikit-learn's trees and of what is made of them."""

from __future__ import annotations

from pgml_runtime.errors import require
from pgml_runtime.export_parts import LEAF, NotExported, Tree, choice, forest, median, values


def _nodes(estimator):
    if not type(estimator).__name__.endswith(("TreeRegressor", "TreeClassifier")):
        raise NotExported("its estimators are other ones than decision trees")
    return estimator.tree_


def _tree(estimator, leaf_values, features=None):
    """Read a DecisionTree; `leaf_values` has a row for each node, `features` renumbers them."""
    np = require("numpy")
    tree = _nodes(estimator)
    leaf = tree.children_left < 0
    feature = tree.feature.astype(np.int64)
    if features is not None:
        feature = np.asarray(features)[np.where(leaf, 0, feature)]
    return Tree(
        np.where(leaf, LEAF, feature),
        tree.threshold,
        tree.children_left.astype(np.int64),
        tree.children_right.astype(np.int64),
        np.zeros(len(leaf), dtype=bool),  # a missing value is Python's to judge
        leaf_values,
        tree.weighted_n_node_samples,
    )


def _numbers(estimator):
    """Return what a regression tree predicts: a value for each output."""
    return _nodes(estimator).value[:, :, 0]


def _shares(estimator, n_classes):
    """Return each class' share in the nodes of a classification tree."""
    np = require("numpy")
    found = _nodes(estimator).value[:, 0, :]
    if abs(found[0].sum() - 1.0) > 1e-6:  # releases before 1.3 kept counts
        found = found / found.sum(axis=1)[:, None]
    if found.shape[1] == n_classes:
        return found
    shares = np.zeros((len(found), n_classes))
    shares[:, estimator.classes_.astype(int)] = found
    return shares


def _forest_regression(estimator, n_features, classes):
    trees = [_tree(one, _numbers(one)) for one in estimator.estimators_]
    return forest(trees, values(), estimator.n_outputs_, "float32", divisor=float(len(trees)))


def _forest_classification(estimator, n_features, classes):
    count = len(classes)
    trees = (_tree(one, _shares(one, count)) for one in estimator.estimators_)
    finish = choice(classes, "largest", "shares")
    return forest(trees, finish, count, "float32", divisor=float(len(estimator.estimators_)))


def _bags(estimator, leaf_values):
    return (
        _tree(one, leaf_values(one), features)
        for one, features in zip(estimator.estimators_, estimator.estimators_features_)
    )


def _bagging_regression(estimator, n_features, classes):
    trees = _bags(estimator, _numbers)
    width = _nodes(estimator.estimators_[0]).n_outputs
    divisor = float(len(estimator.estimators_))
    return forest(trees, values(), width, "float32", divisor=divisor)


def _bagging_classification(estimator, n_features, classes):
    count = len(classes)
    trees = _bags(estimator, lambda one: _shares(one, count))
    finish = choice(classes, "largest", "shares")
    return forest(trees, finish, count, "float32", divisor=float(len(estimator.estimators_)))


def _boosting(estimator, finish):
    np = require("numpy")
    if type(estimator.init_).__name__ not in ("DummyRegressor", "DummyClassifier", "str"):
        raise NotExported("its first prediction is another model")
    # The score before the first tree is nowhere public; it is the same for every row.
    init = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))
    width = estimator.estimators_.shape[1]
    trees = [
        _tree(one, estimator.learning_rate * _numbers(one)) for one in estimator.estimators_.ravel()
    ]
    targets = np.tile(np.arange(width), len(estimator.estimators_))
    return forest(trees, finish, width, "float32", targets=targets, init=init[0])


def _boosting_regression(estimator, n_features, classes):
    return _boosting(estimator, values())


def _boosted_choice(estimator, classes, binary):
    if estimator.loss != "log_loss":
        raise NotExported(f"loss {estimator.loss} has no form without Python")
    if len(classes) == 2:
        return choice(classes, binary, "logistic")
    return choice(classes, "largest", "softmax", scale=1.0)


def _boosting_classification(estimator, n_features, classes):
    return _boosting(estimator, _boosted_choice(estimator, classes, "not_negative"))


def _histogram_tree(nodes):
    np = require("numpy")
    if nodes["is_categorical"].any():
        raise NotExported("categories have no form without Python")
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        np.where(leaf, LEAF, nodes["feature_idx"].astype(np.int64)),
        nodes["num_threshold"],
        nodes["left"].astype(np.int64),
        nodes["right"].astype(np.int64),
        nodes["missing_go_to_left"].astype(bool),
        nodes["value"].reshape(-1, 1),
        nodes["count"].astype(np.float64),
    )


def _histograms(estimator, finish):
    np = require("numpy")
    # Its trees are nowhere public.
    rounds = estimator._predictors
    trees = [_histogram_tree(one.nodes) for each in rounds for one in each]
    width = len(rounds[0])
    targets = np.tile(np.arange(width), len(rounds))
    init = np.ravel(estimator._baseline_prediction)
    return forest(trees, finish, width, "float64_missing", targets=targets, init=init)


def _histogram_regression(estimator, n_features, classes):
    link = "exp" if estimator.loss in ("poisson", "gamma") else "identity"
    return _histograms(estimator, values(link))


def _histogram_classification(estimator, n_features, classes):
    return _histograms(estimator, _boosted_choice(estimator, classes, "positive"))


def _ada_regression(estimator, n_features, classes):
    trees = [_tree(one, _numbers(one)) for one in estimator.estimators_]
    weights = estimator.estimator_weights_[: len(trees)]
    return median(trees, values(), weights, "float32")


def _ada_classification(estimator, n_features, classes):
    np = require("numpy")
    if getattr(estimator, "algorithm", "SAMME") == "SAMME.R":
        raise NotExported("algorithm SAMME.R has no form without Python")
    count = len(classes)
    trees = []
    for one, weight in zip(estimator.estimators_, estimator.estimator_weights_):
        chosen = one.classes_.take(np.argmax(_nodes(one).value[:, 0, :], axis=1))
        votes = np.where(
            chosen[:, None] == estimator.classes_[None, :], weight, -1 / (count - 1) * weight
        )
        trees.append(_tree(one, votes[:, 1:] if count == 2 else votes))
    total = float(estimator.estimator_weights_.sum())
    if count == 2:
        finish = choice(classes, "positive", "softmax_pair")
        return forest(trees, finish, 1, "float32", divisor=total)
    finish = choice(classes, "largest", "softmax", scale=1.0 / (count - 1))
    return forest(trees, finish, count, "float32", divisor=total)


PARTS = {
    **dict.fromkeys(("RandomForestRegressor", "ExtraTreesRegressor"), _forest_regression),
    **dict.fromkeys(("RandomForestClassifier", "ExtraTreesClassifier"), _forest_classification),
    "BaggingRegressor": _bagging_regression,
    "BaggingClassifier": _bagging_classification,
    "GradientBoostingRegressor": _boosting_regression,
    "GradientBoostingClassifier": _boosting_classification,
    "HistGradientBoostingRegressor": _histogram_regression,
    "HistGradientBoostingClassifier": _histogram_classification,
    "AdaBoostRegressor": _ada_regression,
    "AdaBoostClassifier": _ada_classification,
}
"""The function for each class: (estimator, n_features, classes or None) → Part."""
