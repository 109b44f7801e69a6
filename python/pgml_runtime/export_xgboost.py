"""Export of XGBoost's models, from the JSON that the library itself writes."""

from __future__ import annotations

import json

from pgml_runtime.errors import require
from pgml_runtime.export_parts import LEAF, NotExported, Tree, choice, forest, values

_VALUES = ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror")


def part(estimator, n_features, classes):
    """Return the Part of an XGBRegressor, XGBClassifier or their random forests."""
    np = require("numpy")
    learner = json.loads(bytes(estimator.get_booster().save_raw("json")))["learner"]
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree":
        raise NotExported(f"booster {booster['name']} has no form without Python")
    if getattr(estimator, "early_stopping_rounds", None):
        raise NotExported("a model that was stopped early has no form without Python")
    trees = [_tree(one) for one in booster["model"]["trees"]]
    targets = booster["model"]["tree_info"]
    shape = learner["learner_model_param"]
    width = max(1, int(shape["num_class"]), int(shape.get("num_target", 1)))
    init = np.asarray(json.loads(f"[{shape['base_score'].strip('[]')}]"), dtype=np.float32)
    objective = learner["objective"]["name"]
    if objective in _VALUES and classes is None:
        finish = values()
    elif objective == "binary:logistic" and classes is not None:
        finish = choice(classes, "above_half", "logistic_f32")
        init = -np.log(np.float32(1) / init - np.float32(1))
    elif objective == "multi:softprob" and classes is not None:
        finish = choice(classes, "likeliest", "softmax_f32")
    else:
        raise NotExported(f"objective {objective} has no form without Python")
    return forest(
        trees,
        finish,
        width,
        "float32_missing",
        compare="below",
        targets=targets,
        init=init,
        single=True,
    )


def _tree(tree):
    np = require("numpy")
    if tree["tree_param"]["size_leaf_vector"] not in ("0", "1"):
        raise NotExported("vectors in leaves have no form without Python")
    left = np.asarray(tree["left_children"], dtype=np.int64)
    right = np.asarray(tree["right_children"], dtype=np.int64)
    missing_left = np.asarray(tree["default_left"], dtype=bool)
    leaf = left < 0
    # The categories of a set go to the right there.
    sets = {}
    nodes, starts, sizes = (
        tree.get(f"categories_{name}", ()) for name in ("nodes", "segments", "sizes")
    )
    for node, start, size in zip(nodes, starts, sizes):
        sets[node] = tree["categories"][start : start + size]
        left[node], right[node] = right[node], left[node]
        missing_left[node] = not missing_left[node]
    # A leaf's value stands where a split has its threshold.
    numbers = np.asarray(tree["split_conditions"], dtype=np.float32).astype(np.float64)
    return Tree(
        np.where(leaf, LEAF, tree["split_indices"]),
        np.where(np.isin(np.arange(len(left)), list(sets)), 0.0, numbers),
        left,
        right,
        missing_left,
        numbers.reshape(-1, 1),
        np.asarray(tree["sum_hessian"], dtype=np.float32).astype(np.float64),
        sets,
    )
