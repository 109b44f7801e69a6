"""What an exported model is put together from; see docs/model-format.md for the words."""

from __future__ import annotations

import collections
import itertools

from pgml_runtime.errors import require

LEAF = 0xFFFFFFFF
"""The feature of a node that is a leaf."""

_WORTH = 4
"""How many times smaller leaves have to become when they name the scores of their values."""

Part = collections.namedtuple("Part", "scores finish tensors")
"""How scores come about, what becomes of them, and the numbers by name."""

_NO_SET = 0xFFFFFFFF
"""The set of a node that compares with a number."""

Tree = collections.namedtuple(
    "Tree", "feature threshold left right missing_left values covers sets", defaults=({},)
)
"""One tree's nodes, children after their parents; `values` has a row for each node, `covers` the
weight of the rows that came to it in training, `sets` of each node that splits by categories those
that go to the left."""


class NotExported(Exception):  # noqa: N818 (no error: Python predicts then)
    """Why a model has no form without Python."""


def values(link="identity"):
    """Finish a regression."""
    return {"kind": "values", "link": link}


def choice(classes, decision, probabilities=None, **arguments):
    """Finish a classification; without `probabilities` Python is asked for them."""
    if probabilities is not None:
        probabilities = {"name": probabilities, **arguments}
    return {
        "kind": "classes",
        "classes": [float(one) for one in classes],
        "decision": decision,
        "probabilities": probabilities,
    }


def weighted(scores, finish, weights, intercepts, **more):
    """Return a part of weighted sums; `weights` has a row for each score."""
    np = require("numpy")
    weights = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    intercepts = np.broadcast_to(np.asarray(intercepts, dtype=np.float64), (len(weights),))
    tensors = {name: np.asarray(one, dtype=np.float64) for name, one in more.items()}
    return Part(scores, finish, {"weights": weights, "intercepts": intercepts, **tensors})


def forest(trees, finish, width, input_, compare="not_above", targets=None, init=None, **sums):
    """Return a part of trees whose leaves are added up; sums: divisor, single.

    targets: the score that each tree adds to; None when its leaves have a value for every score.
    """
    np = require("numpy")
    combine = {
        "kind": "sum",
        "divisor": sums.get("divisor"),
        "single": sums.get("single", False),
    }
    start = np.zeros(width) if init is None else np.broadcast_to(init, (width,))
    more = {"init": np.asarray(start, dtype=np.float64)}
    if targets is not None:
        more["targets"] = np.asarray(targets, dtype=np.uint32)
    return _trees(trees, finish, width, input_, compare, combine, more)


def median(trees, finish, weights, input_):
    """Return a part of trees whose weighted median is the score."""
    np = require("numpy")
    more = {"weights": np.asarray(weights, dtype=np.float64)}
    return _trees(trees, finish, 1, input_, "not_above", {"kind": "median"}, more)


def _trees(trees, finish, width, input_, compare, combine, more):
    np = require("numpy")
    # One at a time: of many classes, a tree of a bag is large in this form.
    trees = iter(trees)
    first = next(trees, None)
    if first is None:
        raise NotExported("the model has no trees")
    columns = {
        name: [] for name in ("feature", "threshold", "left", "right", "missing_left", "covers")
    }
    leaves = _Places() if _has_few(first, more) else _Rows()
    roots = []
    nodes = 0
    sets = {}
    for tree in itertools.chain([first], trees):
        leaf = tree.feature == LEAF
        left = np.where(leaf, 0, tree.left + nodes)
        left[leaf] = leaves.add(tree.values[leaf])
        columns["feature"].append(tree.feature)
        columns["threshold"].append(np.where(leaf, 0.0, tree.threshold))
        columns["left"].append(left)
        columns["right"].append(np.where(leaf, 0, tree.right + nodes))
        columns["missing_left"].append(tree.missing_left & ~leaf)
        columns["covers"].append(tree.covers)
        sets.update((nodes + node, members) for node, members in tree.sets.items())
        roots.append(nodes)
        nodes += len(leaf)
    if nodes >= LEAF or leaves.filled >= LEAF:
        raise NotExported("the model has too many nodes")
    types = {"threshold": np.float64, "missing_left": np.uint8, "covers": np.float64}
    tensors = {
        name: np.concatenate(column).astype(types.get(name, np.uint32))
        for name, column in columns.items()
    }
    tensors.update(leaves.tensors())
    tensors["roots"] = np.asarray(roots, dtype=np.uint32)
    if sets:
        tensors.update(_sets(sets, nodes))
    scores = {
        "kind": "trees",
        "input": input_,
        "compare": compare,
        "width": width,
        "combine": combine,
    }
    return Part(scores, finish, {**tensors, **more})


def _sets(sets, nodes):
    """Return the tensors of the nodes that split by categories."""
    np = require("numpy")
    of_nodes = np.full(nodes, _NO_SET, dtype=np.uint32)
    of_nodes[list(sets)] = np.arange(len(sets))
    members = [np.unique(np.asarray(one, dtype=np.int64)) for one in sets.values()]
    ends = np.cumsum([len(one) for one in members])
    return {
        "sets": of_nodes,
        "set_starts": np.concatenate([[0], ends]).astype(np.uint32),
        "set_members": np.concatenate(members).astype(np.uint32),
    }


def _has_few(tree, more):
    """Return whether a tree's leaves are stored sparse: most of their scores are zero.

    A sum does not need to hear of zeros: without them it is the same, bit for bit, but where it
    begins with -0.0.
    """
    np = require("numpy")
    init = more.get("init")
    if "targets" in more or init is None or np.signbit(init[init == 0]).any():
        return False
    rows = tree.values[tree.feature == LEAF]
    return (len(rows) * 4 + np.count_nonzero(rows) * 12) * _WORTH <= rows.size * 8


class _Rows:
    """Leaves with a value for every score; a leaf is found by the place of its first."""

    def __init__(self):
        self.filled = 0
        self._values = []

    def add(self, rows):
        """Take a tree's leaves; return what finds each."""
        np = require("numpy")
        found = self.filled + np.arange(len(rows)) * rows.shape[1]
        self._values.append(rows.ravel())
        self.filled += rows.size
        return found

    def tensors(self):
        np = require("numpy")
        return {"values": np.concatenate(self._values).astype(np.float64)}


class _Places:
    """Leaves with the values that are not zero, and their scores; found by their number."""

    def __init__(self):
        self.filled = 0
        self._leaves = 0
        self._counts = []
        self._places = []
        self._values = []

    def add(self, rows):
        """Take a tree's leaves; return what finds each."""
        np = require("numpy")
        found = self._leaves + np.arange(len(rows))
        leaf, place = np.nonzero(rows)
        self._counts.append(np.bincount(leaf, minlength=len(rows)))
        self._places.append(place)
        self._values.append(rows[leaf, place])
        self._leaves += len(rows)
        self.filled += len(place)
        return found

    def tensors(self):
        np = require("numpy")
        ends = np.cumsum(np.concatenate(self._counts))
        return {
            "values": np.concatenate(self._values).astype(np.float64),
            "starts": np.concatenate([[0], ends]).astype(np.uint32),
            "places": np.concatenate(self._places).astype(np.uint32),
        }
