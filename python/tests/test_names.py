"""Names of classes and features in hyperparameters, weights of rows, and scores of many classes."""

import json
import time

import numpy as np
import pytest
from sklearn import metrics as sk

from pgml_runtime import metrics, prediction, training
from pgml_runtime.errors import UserError
from pgml_runtime.names import Names

TEXTS = {"kind": "texts", "type_name": "text", "texts": ["no", "perhaps", "yes"]}


def _names(*classes, features=("a", "b")):
    return json.dumps({"features": features, "classes": classes})


def _rare(rows=600):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 2))
    y = (x[:, :1] + rng.normal(size=(rows, 1)) > 1.8).astype(float)
    return x, y


def _fit(algorithm, x, y, hyperparams, names=None, weights=None, task="classification", **search):
    data, scores, used = training.fit(
        algorithm,
        task,
        x,
        y,
        len(x) * 3 // 4,
        json.dumps(hyperparams),
        search.get("search"),
        json.dumps(search.get("params", {})),
        "{}",
        weights,
        names,
    )
    return prediction.load(data), json.loads(scores), json.loads(used)


@pytest.mark.parametrize(
    "algorithm",
    "linear ridge stochastic_gradient_descent perceptron svm linear_svm random_forest extra_trees "
    "hist_gradient_boosting lightgbm".split(),
)
@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (None, ("0", "1")),
        (_names({"kind": "boolean"}), ("false", "true")),
        (_names({"kind": "boolean"}), ("0", "t")),
        (_names({**TEXTS, "texts": ["no", "yes"]}), ("no", "yes")),
    ],
)
def test_classes_have_weights_by_their_names(algorithm, names, keys):
    x, y = _rare()
    shallow = {"max_depth": 2} if algorithm in ("random_forest", "extra_trees") else {}
    asked = {"class_weight": {keys[0]: 1, keys[1]: 30}, **shallow}
    model, _, used = _fit(algorithm, x, y, asked, names)
    assert used["class_weight"] == asked["class_weight"]
    plain, _, _ = _fit(algorithm, x, y, shallow, names)
    assert model.predict(x).sum() > plain.predict(x).sum()


def test_a_weight_of_nobody_names_the_classes():
    x, y = _rare()
    for given, message in [
        ({"0": 1, "7": 2}, "class in class_weight"),
        ({"0": 1, "1": "much"}, "must be a number"),
        ({"0": 1, "1": -2}, "must be a number"),
    ]:
        with pytest.raises(UserError, match=message):
            _fit("linear", x, y, {"class_weight": given})


def test_a_search_tries_weights_by_names_and_records_the_name():
    x, y = _rare()
    names = _names({**TEXTS, "texts": ["no", "yes"]})
    params = {"class_weight": [{"no": 1, "yes": 5}]}
    _, scores, used = _fit("linear", x, y, {}, names, search="grid", params=params)
    assert used["class_weight"] == {"no": 1, "yes": 5}
    assert scores["search_results"]["param_class_weight"] == [{"no": 1, "yes": 5}]


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        ("xgboost", "monotone_constraints"),
        ("lightgbm", "monotone_constraints"),
        ("hist_gradient_boosting", "monotonic_cst"),
    ],
)
@pytest.mark.parametrize("constraint", [[1, 0], {"a": 1}, {"b": 0, "a": 1.0}])
def test_constraints_are_given_by_place_or_by_name(algorithm, name, constraint):
    rng = np.random.default_rng(1)
    x = rng.uniform(-2, 2, size=(400, 2))
    y = (x[:, :1] + np.sin(x[:, :1] * 8)).astype(float)
    model, _, used = _fit(algorithm, x, y, {name: constraint}, _names(), task="regression")
    assert used[name] == constraint
    line = np.column_stack([np.linspace(-2, 2, 200), np.zeros(200)])
    assert (np.diff(model.predict(line)[:, 0]) >= -1e-6).all()


def test_a_feature_that_is_not_there_is_named():
    names = Names(_names())
    with pytest.raises(UserError, match="feature in monotone_constraints"):
        names.translate("xgboost", "monotone_constraints", {"c": 1})
    with pytest.raises(UserError, match="there are 2 features"):
        names.translate("xgboost", "monotone_constraints", [1])
    with pytest.raises(UserError, match="is -1, 0 or 1"):
        names.translate("xgboost", "monotone_constraints", [1, 5])
    assert names.translate("lightgbm", "interaction_constraints", [["b"], ["a"]]) == "[[1],[0]]"
    assert names.translate("sklearn", "interaction_cst", [["b", 0]]) == [[1, 0]]
    assert names.translate("lightgbm", "categorical_feature", ["b"]) == [1]


def test_rows_have_weights_where_the_algorithm_takes_them():
    x = np.zeros((100, 1))
    y = np.where(np.arange(100) % 4 == 0, 10.0, 0.0).reshape(-1, 1)
    weights = np.where(y[:, 0] > 0, 3.0, 1.0)
    for algorithm in ("random_forest", "ridge", "xgboost", "lightgbm"):
        asked = {"n_estimators": 200} if algorithm in ("xgboost", "lightgbm") else {}
        if algorithm == "random_forest":
            asked = {"bootstrap": False}
        model, _, _ = _fit(algorithm, x, y, asked, weights=weights, task="regression")
        share = 10 * 3 * 19 / (3 * 19 + 56)
        assert model.predict(x[:1])[0, 0] == pytest.approx(share, rel=0.02), algorithm
    with pytest.raises(UserError, match="can't weigh rows"):
        _fit("least_angle", x, y, {}, weights=weights, task="regression")


def test_notes_call_classes_by_their_names():
    y = np.array([0, 1, 2])
    called = Names(_names(TEXTS), [[0, 1]]).class_name
    scores = metrics.classification(y, y, np.full((3, 2), 0.5), [0, 1], called)
    assert scores["notes"]["roc_auc"].endswith("lack: yes")


@pytest.mark.parametrize("count", [2, 3, 11])
def test_probability_scores_are_scikit_learn_s(count):
    rng = np.random.default_rng(count)
    y = np.concatenate([np.arange(count - (count > 5)), rng.integers(0, count - (count > 5), 200)])
    proba = rng.dirichlet(np.ones(count), size=len(y)).round(2)
    proba[proba.sum(axis=1) == 0] = 1
    proba /= proba.sum(axis=1, keepdims=True)
    labels = [5 * one for one in range(count)]
    scores = metrics.classification(5 * y, 5 * y, proba, labels)
    assert scores["log_loss"] == pytest.approx(sk.log_loss(5 * y, proba, labels=labels), rel=1e-9)
    if count == 2:
        expected = sk.roc_auc_score(y, proba[:, 1])
    else:
        expected = sk.roc_auc_score(
            5 * y, proba, average="weighted", multi_class="ovo", labels=labels
        )
    assert scores["roc_auc"] == pytest.approx(expected, rel=1e-9)


def test_thousands_of_classes_are_scored_in_seconds():
    rng = np.random.default_rng(0)
    y = np.arange(9000) % 3000
    proba = rng.random((9000, 3000))
    proba /= proba.sum(axis=1, keepdims=True)
    started = time.perf_counter()
    scores = metrics.classification(y, y, proba, list(range(3000)))
    assert scores["roc_auc"] == pytest.approx(0.5, abs=0.01)
    assert time.perf_counter() - started < 20


def test_too_many_probabilities_and_distances_are_noted(monkeypatch):
    monkeypatch.setattr(metrics, "MOST_PROBABILITIES", 100)
    monkeypatch.setattr(metrics, "MOST_DISTANCES", 50)
    x, y = _rare()
    _, scores, _ = _fit("linear", x, y, {})
    assert scores["roc_auc"] is None
    assert "100 is the most" in scores["notes"]["log_loss"]
    assert scores["f1"] > 0
    scored = metrics.clustering(x, (x[:, 0] > 0).astype(int))
    assert scored["silhouette"] > 0.1
    assert scored["notes"]["silhouette"] == "of 50 of the 600 test rows"


def test_a_loss_with_a_far_first_guess_predicts_in_the_unit_of_the_label():
    numbers = np.arange(1.0, 401)
    x = np.column_stack([numbers % 10, numbers % 7])
    y = (x[:, :1] * 3 + x[:, 1:] + 1).astype(float)
    model, _, used = _fit("xgboost", x, y, {"objective": "reg:pseudohubererror"}, task="regression")
    assert np.abs(model.predict(x) - y).mean() < 0.3 * y.std()
    assert "base_score" not in used


def test_what_xgboost_can_not_use_here_is_told_or_passed_over():
    x, y = _rare()
    with pytest.raises(UserError, match="early_stopping_rounds"):
        _fit("xgboost", x, y, {"early_stopping_rounds": 5})
    _, _, used = _fit("xgboost", x, y, {"eval_metric": ["error", "logloss"]})
    assert used["eval_metric"] == ["error", "logloss"]
