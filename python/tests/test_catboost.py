"""What is known of CatBoost without the package, which pgml-python lacks.

With it the suite `extras` trains, and compares every prediction.
"""

import json
import sys

import numpy as np
import pytest

from pgml_runtime import (
    categories,
    environment,
    errors,
    export_catboost,
    libraries,
    spellings,
    training,
)
from pgml_runtime.errors import UserError
from pgml_runtime.export_parts import LEAF, NotExported
from pgml_runtime.names import Names


class Estimator:
    """Stands for a trained one: a model of CatBoost's as JSON, and its answers for categories."""

    def __init__(self, model, loss="RMSE", places=()):
        self.model = model
        self.loss = loss
        self.places = list(places)

    def save_model(self, path, format):
        assert format == "json"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.model, file)

    def get_all_params(self):
        return {"loss_function": self.loss}

    def get_cat_feature_indices(self):
        return self.places

    def calc_leaf_indexes(self, rows, thread_count):
        assert thread_count == 1
        return [[2 * (row[1] == 5.0)] for row in rows]


def _model(trees, bias, **more):
    floats = [{"flat_feature_index": 0, "nan_value_treatment": "AsFalse"}]
    info = {"float_features": floats, "categorical_features": [], **more}
    return {"features_info": info, "oblivious_trees": trees, "scale_and_bias": [1, bias]}


def _tree(splits, leaves):
    return {"splits": splits, "leaf_values": leaves, "leaf_weights": [1] * len(leaves)}


def _above(border):
    return {"split_type": "FloatFeature", "float_feature_index": 0, "border": border}


def _predict(part, row):
    tensors = part.tensors
    total = 0.0
    for node in tensors["roots"]:
        while tensors["feature"][node] != LEAF:
            value = row[tensors["feature"][node]]
            missing = np.isnan(value)
            left = tensors["missing_left"][node] if missing else value <= tensors["threshold"][node]
            node = tensors["left"][node] if left else tensors["right"][node]
        total += tensors["values"][tensors["left"][node]]
    return total


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "catboost", None)
    monkeypatch.setattr(libraries.platform, "machine", lambda: "another")
    with pytest.raises(UserError, match=r"the Python package catboost can't be loaded$") as caught:
        training.check("catboost", "regression", "{}", None, "{}", "{}")
    assert caught.value.hint.startswith("Install the package pgml-python-catboost (apt install ")
    assert caught.value.sqlstate == "58P01"


def test_a_processor_without_its_instructions_is_refused(monkeypatch, tmp_path):
    flags = tmp_path / "cpuinfo"
    monkeypatch.setattr(libraries.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(libraries, "_PROCESSOR", str(flags))
    flags.write_text("processor : 0\nflags : fpu sse2 ssse3 sse4_1\n", encoding="ascii")
    libraries.check_processor("lightgbm")
    with pytest.raises(UserError, match=r"lacks sse4_2, popcnt$"):
        libraries.check_processor("catboost")
    flags.write_text("flags : fpu sse2 ssse3 sse4_1 sse4_2 popcnt\n", encoding="ascii")
    libraries.check_processor("catboost")


@pytest.mark.parametrize("name", spellings.CATBOOST_REFUSED)
def test_what_a_server_must_not_be_asked_is_refused(name):
    with pytest.raises(UserError, match="can't be used in a server") as caught:
        libraries.refuse("catboost", name)
    assert caught.value.hint.endswith("Leave it out.") or "no rows" in caught.value.hint


def test_hyperparameters_can_be_cloned():
    assert libraries.translate_catboost("monotone_constraints", [1, 0, -1]) == "(1,0,-1)"
    assert libraries.translate_catboost("ignored_features", [1, 2]) == (1, 2)
    assert libraries.translate_catboost("depth", 3) == 3
    names = Names(json.dumps({"classes": [{"kind": "texts", "texts": ["no", "yes"]}]}), [[0, 1]])
    assert names.translate("catboost", "class_weights", {"yes": 3}) == [1.0, 3]
    names = Names('{"classes": [{"kind": "boolean"}]}', [[0, 1]])
    assert names.translate("catboost", "class_weights", {"true": 3}) == [1.0, 3]


def test_its_words_are_warnings(emitted):
    logs = libraries.fit_arguments("catboost", [2])
    assert logs["cat_features"] == [2]
    logs["log_cout"].write("0: learn: 1.5")
    logs["log_cerr"].write("Custom logger is ignored\n")
    assert emitted == ["catboost: Custom logger is ignored"]
    assert libraries.fit_arguments("lightgbm", []) == {}


def test_categories_are_whole_numbers():
    x = np.array([[1.5, 2.0], [0.5, 2.5]])
    assert categories.rows(x, ()) is x
    with pytest.raises(UserError, match=r"feature 2 is a category, and 2\.5 is no whole number"):
        categories.rows(x, (1,))


def test_a_symmetric_tree_and_the_bias_after_the_sum():
    trees = [_tree([_above(0.5), _above(1.5)], [1.0, 2.0, 3.0, 4.0])]
    part = export_catboost.part(Estimator(_model(trees, [0.1])), None, None)
    # Bit 0 is the first question's, and what is missing is not above.
    expected = {0.0: 1.0, 0.5: 1.0, 1.0: 2.0, 2.0: 4.0, np.nan: 1.0}
    for value, leaf in expected.items():
        assert _predict(part, [value]) == 0.0 + leaf + 0.1
    assert part.scores["input"] == "float32_missing"


def test_a_question_of_one_category(monkeypatch):
    monkeypatch.setattr(categories, "rows", lambda x, places: x)
    equal = {"split_type": "OneHotFeature", "cat_feature_index": 0, "value": 77}
    trees = [_tree([_above(0.5), equal], [1.0, 2.0, 3.0, 4.0])]
    x = np.array([[0.0, 4.0], [0.0, 5.0], [0.0, 6.0]])
    part = export_catboost.part(Estimator(_model(trees, [0.0]), places=[1]), x, None)
    for category, low, high in ((4.0, 1.0, 2.0), (5.0, 3.0, 4.0), (6.0, 1.0, 2.0), (9.0, 1.0, 2.0)):
        assert _predict(part, [0.0, category]) == low
        assert _predict(part, [1.0, category]) == high
    roots = part.tensors["covers"][part.tensors["roots"]]
    assert roots.tolist() == [4.0]


@pytest.mark.parametrize(
    ("model", "loss", "reason"),
    [
        (_model([], [0.0], ctrs=[1]), "RMSE", "tables of categories"),
        ({**_model([], [0.0]), "scale_and_bias": [2, [0.0]]}, "RMSE", "scaled"),
        (_model([], [0.0]), "Poisson", "loss function Poisson"),
        (_model([], [0.0, 0.0]), "RMSEWithUncertainty", "loss function"),
    ],
)
def test_what_has_no_form_without_python(model, loss, reason):
    with pytest.raises(NotExported, match=reason):
        export_catboost.part(Estimator(model, loss), None, None)


def test_it_is_found_beside_the_packages_and_by_nobody_else(monkeypatch, tmp_path):
    site, beside = tmp_path / "site-packages", tmp_path / "catboost-packages"
    for directory in (site, beside):
        directory.mkdir()
    monkeypatch.setattr(sys, "path", [str(site)])
    errors.look_beside("sklearn")
    assert sys.path == [str(site)]
    for _ in range(2):
        errors.look_beside("catboost")
        assert sys.path == [str(site), str(beside)]
    described = beside / "catboost-9.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Name: catboost\nVersion: 9\n", encoding="utf-8")
    assert environment.freeze(str(site)) == ["catboost==9"]
