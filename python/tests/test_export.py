"""Export: every pair has a file, or the reason why not; what the file says is what there is.

Whether it predicts the same is checked where there is something to evaluate it: by the extension at
each training, and by packaging/tests/native.sql for every pair.
"""

import json
import struct
import weakref

import contract
import numpy as np
import pytest
from conftest import many_classes
from sklearn.ensemble import BaggingRegressor, ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression

from pgml_runtime import export, training
from pgml_runtime.export_parts import LEAF, NotExported, Tree, choice, forest

_WIDTHS = {"F64": 8, "U32": 4, "U8": 1}


def _read(file):
    size = struct.unpack("<Q", file[:8])[0]
    header = json.loads(file[8 : 8 + size])
    description = json.loads(header.pop("__metadata__")["pgml"])
    return description, header, len(file) - 8 - size


def _export(algorithm, task, x, y, hyperparams="{}"):
    done = training.fit_and_export(
        algorithm, task, x, y, len(x) * 3 // 4, hyperparams, None, "{}", "{}"
    )
    return done[-1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("algorithm", "task"), contract.PAIRS)
def test_every_pair_has_a_file_or_a_reason(algorithm, task, regression_data, classification_data):
    x, y = regression_data if task == "regression" else classification_data
    exported = _export(algorithm, task, x, y)
    if algorithm == "gaussian_process":
        assert "GaussianProcess" in exported
        return
    file, rows, predictions, _ = exported
    description, tensors, size = _read(file)
    kinds = {part["scores"]["kind"] for part in description["parts"]}
    version = export.VERSION_EXPLAINED if kinds & {"trees", "linear"} else export.VERSION
    assert (description["version"], description["features"]) == (version, x.shape[1])
    assert len(rows) == len(predictions)
    # Nothing overlaps and nothing is left over.
    end = 0
    for entry in tensors.values():
        begin, after = entry["data_offsets"]
        assert begin == end
        assert after - begin == entry["shape"][0] * _WIDTHS[entry["dtype"]]
        end = after
    assert end == size


def _tensor(file, header, name):
    types = {"F64": "<f8", "U32": "<u4", "U8": "u1"}
    start = 8 + struct.unpack("<Q", file[:8])[0]
    begin, end = (start + place for place in header[name]["data_offsets"])
    return np.frombuffer(file[begin:end], dtype=types[header[name]["dtype"]])


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_leaves_of_many_classes_are_told_without_their_zeros(kind):
    x, y = many_classes(200, 600)
    trained = kind(n_estimators=3, random_state=0).fit(x, y[:, 0])
    header = {"classes": [list(range(200))], "n_features": x.shape[1]}
    file = export.export(header, trained)
    description, tensors, _ = _read(file)
    assert description["version"] == export.VERSION_EXPLAINED
    starts, places = (_tensor(file, tensors, f"0.{name}") for name in ("starts", "places"))
    told = _tensor(file, tensors, "0.values")
    leaves = np.zeros((len(starts) - 1, 200))
    leaves[np.repeat(np.arange(len(leaves)), np.diff(starts)), places] = told
    trees = [one.tree_ for one in trained.estimators_]
    wanted = np.concatenate([tree.value[tree.children_left < 0, 0] for tree in trees])
    assert leaves.tobytes() == wanted.tobytes()
    numbers = _tensor(file, tensors, "0.left")[_tensor(file, tensors, "0.feature") == LEAF]
    assert numbers.tolist() == list(range(len(leaves)))


def test_trees_are_taken_one_after_the_other():
    """Catches a bag whose trees are all held with a share of each class: 144 MB each."""
    alive = []

    def trees():
        for _ in range(8):
            values = np.eye(1, 100)
            alive.append(weakref.ref(values))
            yield Tree(*(np.array([one]) for one in (LEAF, 0.0, 0, 0, False)), values, np.ones(1))
            del values
            # The first, the one before, and this one.
            assert sum(one() is not None for one in alive) <= 3

    part = forest(trees(), choice(range(100), "largest", "shares"), 100, "float32")
    assert part.tensors["starts"].tolist() == list(range(9))


def test_few_classes_and_sums_from_minus_zero_have_whole_leaves(classification_data):
    x, y = classification_data
    file, *_ = _export("random_forest", "classification", x, y)
    assert "0.places" not in _read(file)[1]
    tree = Tree(*(np.array([one]) for one in (LEAF, 0.0, 0, 0, False)), np.eye(1, 100), np.ones(1))
    finish = choice(range(100), "largest", "shares")
    for init, short in ((0.0, True), (-0.0, False)):
        part = forest([tree], finish, 100, "float32", init=init)
        assert ("places" in part.tensors) == short


def test_what_has_no_form_says_why(regression_data):
    x, y = regression_data
    header = {"classes": None, "n_features": x.shape[1]}
    bagged = BaggingRegressor(LinearRegression(), n_estimators=2).fit(x, y[:, 0])
    with pytest.raises(NotExported, match="other ones than decision trees"):
        export.export(header, bagged)
    assert "loss exponential" in _export(
        "gradient_boosting_trees",
        "classification",
        x,
        (y > np.median(y)).astype(float),
        '{"loss": "exponential"}',
    )


def test_the_sample_is_taken_from_all_rows():
    class Model:
        has_probabilities = False

        def predict(self, x):
            return x

    rows, predictions, probabilities = export.sample(Model(), np.arange(2500.0).reshape(-1, 1))
    assert 500 < len(rows) <= 1000
    assert rows[-1] > 2400
    assert probabilities is None
    assert predictions is rows


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("algorithm", "task"), contract.PAIRS)
def test_trees_tell_the_rows_of_each_node_and_linear_models_the_means(
    algorithm, task, regression_data, classification_data
):
    """Catches a library's nodes and covers in two orders: the children's add up to the parent's."""
    x, y = regression_data if task == "regression" else classification_data
    exported = _export(algorithm, task, x, y)
    if isinstance(exported, str):
        return
    file = exported[0]
    description, tensors, _ = _read(file)
    for place, part in enumerate(description["parts"]):
        kind = part["scores"]["kind"]
        if kind == "linear":
            means = _tensor(file, tensors, f"{place}.means")
            assert np.allclose(means, x[: len(x) * 3 // 4].mean(axis=0))
        if kind == "trees":
            names = ("feature", "left", "right", "covers", "roots")
            feature, left, right, covers, roots = (
                _tensor(file, tensors, f"{place}.{name}") for name in names
            )
            inner = feature != LEAF
            assert np.allclose(covers[left[inner]] + covers[right[inner]], covers[inner], rtol=1e-5)
            assert (covers[roots] > 0).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("algorithm", "hyperparams"),
    [
        (
            "lightgbm",
            {"categorical_feature": [0], "min_data_per_group": 2, "min_child_samples": 2},
        ),
        (
            "xgboost",
            {"enable_categorical": True, "feature_types": ["c", "q"], "max_cat_to_onehot": 1},
        ),
    ],
)
def test_splits_by_categories_have_sets(algorithm, hyperparams):
    """Catches a set of another node, or one that goes to the other side."""
    x = np.column_stack([np.arange(240) % 7, np.arange(240) % 3]).astype(np.float64)
    y = np.isin(x[:, :1], (1, 2, 6)) * 10.0
    settings = json.dumps({"n_estimators": 1, **hyperparams})
    file, rows, predictions, _ = _export(algorithm, "regression", x, y, settings)
    description, header, _ = _read(file)
    assert description["version"] == export.VERSION_WITH_SETS
    names = ("feature", "left", "right", "sets", "set_starts", "set_members")
    feature, left, right, sets, starts, members = (
        _tensor(file, header, f"0.{name}") for name in names
    )
    assert starts[0] == 0
    assert starts[-1] == len(members)
    split = feature != LEAF
    assert (sets[~split] == LEAF).all()
    assert ((sets != LEAF) == (split & (feature == 0))).all()
    # The first split tells the three categories from the others: to the left go those or these.
    own = members[starts[sets[0]] : starts[sets[0] + 1]]
    assert set(own.tolist()) in ({1, 2, 6}, {0, 3, 4, 5})
    values = _tensor(file, header, "0.values")

    def lowest(node):
        return min(map(lowest, (left[node], right[node]))) if split[node] else values[left[node]]

    inside = np.isin(rows[:, 0], own)
    higher = predictions[inside].mean() > predictions[~inside].mean()
    assert (lowest(left[0]) > lowest(right[0])) == higher
