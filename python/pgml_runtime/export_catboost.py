"""Export of CatBoost's models without tables of categories, from the JSON that it writes.

An oblivious tree asks the same question in all nodes of a level; here it is a tree like any other.
CatBoost adds up the trees' leaves in their order, in double precision, and then its bias: the sum
is the same, bit for bit, where the bias is the leaf of one more tree.
"""

from __future__ import annotations

import json
import os

from pgml_runtime import categories
from pgml_runtime.errors import require
from pgml_runtime.export_parts import LEAF, NotExported, Tree, choice, forest, values

_VALUES = frozenset("RMSE MAE MAPE Quantile Expectile Huber LogCosh Lq".split())
_MOST_NODES = 1 << 22
"""More than this many nodes are no smaller than what Python needs, and slower to read."""


def part(estimator, x, classes):
    """Return the Part of a CatBoostRegressor or CatBoostClassifier that learned from `x`."""
    np = require("numpy")
    model = _json(estimator)
    if model.get("ctr_data") or model["features_info"].get("ctrs"):
        raise NotExported("tables of categories have no form without Python")
    scale, bias = model["scale_and_bias"]
    if scale != 1:
        raise NotExported("a scaled sum has no form without Python")
    width = len(bias)
    builder = _Builder(model["features_info"], _probe(estimator, x), width)
    if "oblivious_trees" in model:
        for place, tree in enumerate(model["oblivious_trees"]):
            builder.oblivious(place, tree)
    else:
        for tree in model["trees"]:
            builder.any(tree)
    if any(bias) or not builder.trees:
        builder.leaf_alone(bias)
    finish = _finish(estimator, classes, width)
    targets = np.zeros(len(builder.trees), dtype=np.int64) if width == 1 else None
    return forest(builder.trees, finish, width, "float32_missing", targets=targets)


def _json(estimator):
    """Return the model as CatBoost writes it: it writes files only, and this one has no place."""
    handle = os.memfd_create("catboost")
    with os.fdopen(handle, "rb") as file:
        estimator.save_model(f"/proc/self/fd/{handle}", format="json")
        file.seek(0)
        return json.load(file)


def _finish(estimator, classes, width):
    loss = estimator.get_all_params()["loss_function"].split(":")[0]
    if classes is None and loss in _VALUES and width == 1:
        return values()
    if classes is not None and loss in ("Logloss", "CrossEntropy") and width == 1:
        return choice(classes, "positive", "logistic")
    if classes is not None and loss == "MultiClass" and width == len(classes):
        return choice(classes, "largest", "softmax", scale=1.0)
    raise NotExported(f"loss function {loss} has no form without Python")


def _probe(estimator, x):
    """Return a function of a category's place: its values, and the leaves that each leads to.

    CatBoost keeps a hash of a category; which one a question is about is seen by what it answers.
    """
    np = require("numpy")
    places = estimator.get_cat_feature_indices()
    found = {}

    def probe(number):
        if number not in found:
            place = places[number]
            known = np.unique(x[:, place])
            rows = np.repeat(x[:1], len(known), axis=0)
            rows[:, place] = known
            leaves = estimator.calc_leaf_indexes(categories.rows(rows, places), thread_count=1)
            found[number] = known, np.asarray(leaves).astype(np.int64)
        return (places[number], *found[number])

    return probe


class _Builder:
    """Collects trees, each as lists of nodes."""

    def __init__(self, features, probe, width):
        self.trees = []
        self._floats = features.get("float_features", [])
        self._probe = probe
        self._width = width
        self._nodes = 0

    def leaf_alone(self, leaf):
        rows = self.trees[0].covers[0] if self.trees else 1.0
        self._begin()
        self._leaf(leaf, rows)
        self._end()

    def oblivious(self, place, tree):
        """Add a tree whose levels ask one question each; that of level i is bit i of a leaf."""
        levels = [self._question(place, bit, one) for bit, one in enumerate(tree["splits"])]
        # Questions of categories last: each takes three ways, and the last are the shortest.
        levels.sort(key=lambda level: level[1] is not None)
        leaves = tree["leaf_values"]
        weights = tree["leaf_weights"]
        width = self._width

        def grow(depth, leaf, share):
            if depth == len(levels):
                weight = weights[leaf] * share
                return self._leaf(leaves[leaf * width : (leaf + 1) * width], weight)
            bit, category, question = levels[depth]

            def other(answer, share):
                return lambda: grow(depth + 1, leaf | answer << bit, share)

            if category is None:
                return self._split(*question, other(0, share), other(1, share))
            # What is below the category and what is above it are the rows of one answer, in two
            # equal trees: how they are shared out makes no difference.
            return self._equal(
                question[0], category, other(0, share / 2), other(1, share), other(0, share / 2)
            )

        self._begin()
        grow(0, 0, 1.0)
        self._end()

    def any(self, tree):
        """Add a tree of nodes."""

        def grow(node):
            if "split" not in node:
                leaf = node["value"]
                return self._leaf(leaf if isinstance(leaf, list) else [leaf], node["weight"])
            split = node["split"]
            if split["split_type"] != "FloatFeature":
                raise NotExported("categories in trees that are not symmetric need Python")
            below, above = (lambda: grow(node["left"])), (lambda: grow(node["right"]))
            return self._split(*self._number(split), below, above)

        self._begin()
        grow(tree)
        self._end()

    def _question(self, place, bit, split):
        if split["split_type"] == "FloatFeature":
            return bit, None, self._number(split)
        if split["split_type"] != "OneHotFeature":
            raise NotExported(f"questions of the kind {split['split_type']} need Python")
        feature, known, leaves = self._probe(split["cat_feature_index"])
        chosen = known[(leaves[:, place] >> bit & 1).astype(bool)]
        if len(chosen) != 1:
            raise NotExported("a question of no single category needs Python")
        return bit, float(chosen[0]), (feature, 0.0, True)

    def _number(self, split):
        feature = self._floats[split["float_feature_index"]]
        np = require("numpy")
        missing_left = feature["nan_value_treatment"] != "AsTrue"
        return feature["flat_feature_index"], float(np.float32(split["border"])), missing_left

    def _begin(self):
        self._columns = ([], [], [], [], [], [], [])

    def _end(self):
        np = require("numpy")
        feature, threshold, left, right, missing_left, leaves, covers = self._columns
        self._nodes += len(feature)
        if self._nodes > _MOST_NODES:
            raise NotExported("the model has too many nodes")
        # A split has the rows of what is below it, and what is below comes after it.
        for place in range(len(feature) - 1, -1, -1):
            if feature[place] != LEAF:
                covers[place] = covers[left[place]] + covers[right[place]]
        self.trees.append(
            Tree(
                np.asarray(feature, dtype=np.int64),
                np.asarray(threshold, dtype=np.float64),
                np.asarray(left, dtype=np.int64),
                np.asarray(right, dtype=np.int64),
                np.asarray(missing_left, dtype=bool),
                np.asarray(leaves, dtype=np.float64).reshape(-1, self._width),
                np.asarray(covers, dtype=np.float64),
            )
        )

    def _add(self, *node):
        for column, one in zip(self._columns, node):
            column.append(one)
        return len(self._columns[0]) - 1

    def _leaf(self, leaf, weight):
        # With several scores CatBoost still writes one weight.
        return self._add(LEAF, 0.0, 0, 0, False, leaf, float(weight))

    def _split(self, feature, number, missing_left, left, right):
        place = self._add(feature, number, 0, 0, missing_left, [0.0] * self._width, 0.0)
        self._columns[2][place] = left()
        self._columns[3][place] = right()
        return place

    def _equal(self, feature, category, below, yes, above):
        """Ask whether a whole number is `category`: not below it, and not above it."""
        return self._split(
            feature,
            category - 0.5,
            True,
            below,
            lambda: self._split(feature, category + 0.5, True, yes, above),
        )
