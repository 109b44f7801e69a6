"""Scores against scikit-learn's own functions, and where those are undefined."""

import json
import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from pgml_runtime import metrics


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def _votes(rows, classes, seed=0):
    """Return (y_true, y_pred, proba) of a classifier that is right more often than not."""
    draw = np.random.RandomState(seed)
    truth = draw.randint(classes, size=rows)
    proba = draw.dirichlet(np.ones(classes), size=rows)
    proba[np.arange(rows), truth] += 0.4
    proba /= proba.sum(axis=1, keepdims=True)
    return truth, proba.argmax(axis=1), proba


def test_key_metrics():
    assert metrics.KEY_METRIC == {
        "regression": "r2",
        "classification": "f1",
        "clustering": "silhouette",
        "decomposition": "cumulative_explained_variance",
    }


@pytest.mark.parametrize("labels", [1, 3])
def test_regression(labels):
    draw = np.random.RandomState(0)
    truth = draw.normal(size=(30, labels))
    guess = truth + draw.normal(size=(30, labels))
    assert metrics.regression(truth, guess) == {
        "mean_squared_error": sk.mean_squared_error(truth, guess),
        "mean_absolute_error": sk.mean_absolute_error(truth, guess),
        "r2": sk.r2_score(truth, guess),
    }


def test_r2_of_one_row_is_undefined():
    scores = metrics.regression(np.array([1.0]), np.array([2.0]))
    assert scores["mean_squared_error"] == 1.0
    assert scores["r2"] is None
    assert "two test rows" in scores["notes"]["r2"]


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_classification(classes):
    truth, guess, proba = _votes(200, classes)
    weighted = {"average": "weighted", "zero_division": 0}
    auc = (
        sk.roc_auc_score(truth, proba[:, 1])
        if classes == 2
        else sk.roc_auc_score(truth, proba, multi_class="ovo", average="weighted")
    )
    got = metrics.classification(truth, guess, proba, list(range(classes)))
    assert got == pytest.approx(
        {
            "f1": sk.f1_score(truth, guess, **weighted),
            "precision": sk.precision_score(truth, guess, **weighted),
            "recall": sk.recall_score(truth, guess, **weighted),
            "accuracy": sk.accuracy_score(truth, guess),
            "balanced_accuracy": sk.balanced_accuracy_score(truth, guess),
            "log_loss": sk.log_loss(truth, proba),
            "roc_auc": auc,
        },
        rel=1e-12,
    )
    # The weighted and the unweighted, the precision and the recall are told apart by this data.
    assert len({round(got[name], 6) for name in ("f1", "precision", "log_loss", "roc_auc")}) == 4


def test_the_positive_class_is_the_greater_label():
    truth = np.array([3, 3, 5, 5])
    proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]])
    got = metrics.classification(truth, truth, proba, [3, 5])
    assert got["roc_auc"] == 1.0
    got = metrics.classification(truth, truth, proba[:, ::-1], [3, 5])
    assert got["roc_auc"] == 0.0


def test_without_probabilities_there_are_no_probability_scores():
    truth, guess, _ = _votes(50, 3)
    assert set(metrics.classification(truth, guess, None, [0, 1, 2])) == {
        "f1",
        "precision",
        "recall",
        "accuracy",
        "balanced_accuracy",
    }


def test_always_the_largest_class_is_no_better_than_chance():
    truth = np.array([1] * 2 + [0] * 98)
    got = metrics.classification(truth, np.zeros(100, dtype=int), None, [0, 1])
    assert got["balanced_accuracy"] == 0.5
    assert got["f1"] > 0.96
    # Predicted classes that no test row has count for none.
    got = metrics.classification(np.array([0, 0, 1]), np.array([0, 2, 1]), None, [0, 1, 2])
    assert got["balanced_accuracy"] == pytest.approx(0.75)


def test_a_class_that_is_never_predicted_counts_as_zero():
    truth = np.array([0, 0, 1, 2])
    guess = np.array([0, 0, 0, 0])
    got = metrics.classification(truth, guess, None, [0, 1, 2])
    assert got["precision"] == pytest.approx(0.25)
    assert got["recall"] == pytest.approx(0.5)
    assert got["f1"] == pytest.approx(1 / 3)


def test_a_class_that_the_rows_lack():
    truth, _, proba = _votes(100, 4)
    kept = truth != 1
    truth, proba = truth[kept], proba[kept]
    got = metrics.classification(truth, proba.argmax(axis=1), proba, [0, 1, 2, 3])
    assert got["log_loss"] == pytest.approx(sk.log_loss(truth, proba, labels=[0, 1, 2, 3]))
    pairs = [(0, 2), (0, 3), (2, 3)]
    parts, weights = [], []
    for a, b in pairs:
        rows = (truth == a) | (truth == b)
        first = sk.roc_auc_score(truth[rows] == a, proba[rows, a])
        second = sk.roc_auc_score(truth[rows] == b, proba[rows, b])
        parts.append((first + second) / 2)
        weights.append(rows.mean())
    assert got["roc_auc"] == pytest.approx(np.average(parts, weights=weights))


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 2]])
def test_rows_of_one_class_have_no_roc_auc(labels):
    truth = np.zeros(5, dtype=int)
    proba = np.full((5, len(labels)), 1 / len(labels))
    got = metrics.classification(truth, truth, proba, labels)
    assert got["roc_auc"] is None
    assert "one class only" in got["notes"]["roc_auc"]
    assert got["log_loss"] == pytest.approx(np.log(len(labels)))
    assert got["f1"] == 1.0


def test_a_class_that_the_model_does_not_know():
    truth = np.array([0, 1, 7])
    proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    got = metrics.classification(truth, np.array([0, 1, 0]), proba, [0, 1])
    assert got["accuracy"] == pytest.approx(2 / 3)
    assert got["roc_auc"] is None
    assert got["log_loss"] is None
    assert "7" in got["notes"]["log_loss"]


def test_no_rows():
    none = np.zeros(0, dtype=int)
    for scores in (
        metrics.regression(none, none),
        metrics.classification(none, none, np.zeros((0, 2)), [0, 1]),
    ):
        notes = scores.pop("notes")
        assert set(scores.values()) == {None}
        assert set(notes) == set(scores)


def test_an_overflow_is_null():
    with np.errstate(over="ignore"):
        scores = metrics.regression(np.array([0.0, 1.0]), np.array([1e200, -1e200]))
    assert scores["mean_squared_error"] is None
    assert scores["notes"]["mean_squared_error"]
    assert scores["mean_absolute_error"] == 1e200


def test_joint_is_the_mean_and_undefined_when_one_is():
    first = {"f1": 0.5, "roc_auc": None, "notes": {"roc_auc": "why"}}
    second = {"f1": 1.0, "roc_auc": 0.7}
    assert metrics.joint([first, second]) == {
        "f1": 0.75,
        "roc_auc": None,
        "notes": {"roc_auc": "why"},
    }


def test_json_ready():
    value = {
        "a": np.array([1.0, np.nan, np.inf]),
        "b": np.ma.array([1, 2], mask=[False, True]),
        "c": (np.float64(2), np.int32(3), np.bool_(True), None, "text", float("-inf")),
        1: object,
    }
    ready = metrics.json_ready(value)
    assert ready["a"] == [1.0, None, None]
    assert ready["b"] == [1, None]
    assert ready["c"] == [2.0, 3, True, None, "text", None]
    json.dumps(ready, allow_nan=False)
