"""Export of LightGBM's models, from the text that the library itself writes."""

from __future__ import annotations

from pgml_runtime.errors import require
from pgml_runtime.export_parts import LEAF, NotExported, Tree, choice, forest, values

_VALUES = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
_EXPONENTIAL = ("poisson", "gamma", "tweedie")
# decision_type: 1 is a category; 2 sends missing values to the left; 4 and 8 tell what is missing.
_CATEGORY, _LEFT, _ZERO, _NAN = 1, 2, 4, 8


def part(estimator, n_features, classes):
    """Return the Part of an LGBMRegressor or LGBMClassifier."""
    np = require("numpy")
    head, *blocks = estimator.booster_.model_to_string().split("\nTree=")
    head = head.split("\n")
    if "average_output" in head:
        raise NotExported("boosting rf has no form without Python")
    entries = _entries(head)
    width = int(entries["num_tree_per_iteration"])
    finish = _finish(entries["objective"], classes)
    trees = [_tree(_entries(block.split("\n"))) for block in blocks]
    targets = np.arange(len(trees)) % width
    return forest(trees, finish, width, "light_gbm", targets=targets)


def _finish(objective, classes):
    name, *rest = objective.split(" ")
    if classes is None and name in _VALUES and not rest:
        return values()
    if classes is None and name in _VALUES and all(":" in one for one in rest):
        return values()
    if classes is None and name in _EXPONENTIAL:
        return values("exp")
    if classes is not None and objective == "binary sigmoid:1":
        return choice(classes, "likeliest", "logistic")
    if classes is not None and name == "multiclass":
        return choice(classes, "likeliest", "softmax", scale=1.0)
    raise NotExported(f"objective {objective} has no form without Python")


def _entries(lines):
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _tree(entries):
    """Put the splits first and the leaves behind them, as LightGBM numbers both from 0."""
    np = require("numpy")
    if entries.get("is_linear", "0") != "0":
        raise NotExported("linear leaves have no form without Python")

    def column(name, dtype):
        return np.asarray(entries.get(name, "").split(), dtype=dtype)

    leaf_values = column("leaf_value", np.float64)
    n_leaves = len(leaf_values)
    threshold = column("threshold", np.float64)
    kind = column("decision_type", np.int64)
    n_splits = n_leaves - 1
    category = (kind & _CATEGORY) != 0
    if ((kind & _ZERO != 0) & ~category).any():
        raise NotExported("zeros that count as missing have no form without Python")
    # Where NaN is nothing special, it counts as zero; it is no category.
    missing_left = np.where(kind & _NAN, (kind & _LEFT) != 0, threshold >= 0) & ~category
    # The threshold is the number of a set, which has a bit for each category.
    ends, words = column("cat_boundaries", np.int64), column("cat_threshold", np.uint32)
    sets = {}
    for node in np.flatnonzero(category):
        at = int(threshold[node])
        own = words[ends[at] : ends[at + 1]].astype("<u4").view(np.uint8)
        sets[int(node)] = np.flatnonzero(np.unpackbits(own, bitorder="little"))

    def children(name):
        found = column(name, np.int64)
        found = np.where(found < 0, n_splits + ~found, found)
        return np.concatenate([found, np.zeros(n_leaves, dtype=np.int64)])

    padding = np.zeros(n_leaves)
    # Rows, not their weights, as LightGBM's own contributions count them. A lone leaf has none.
    covers = [column("internal_count", np.float64), column("leaf_count", np.float64)]
    covers = np.concatenate(covers) if n_splits else np.ones(1)
    return Tree(
        np.concatenate([column("split_feature", np.int64), np.full(n_leaves, LEAF)]),
        np.concatenate([np.where(category, 0.0, threshold), padding]),
        children("left_child"),
        children("right_child"),
        np.concatenate([missing_left.astype(bool), padding.astype(bool)]),
        np.concatenate([np.zeros(n_splits), leaf_values]).reshape(-1, 1),
        covers,
        sets,
    )
