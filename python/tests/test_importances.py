"""How much each feature counts: shares that add up to 1, whatever the model."""

import json

import numpy as np
import pytest

from pgml_runtime import training


def importances(algorithm, task="regression", labels=1, **hyperparams):
    """Train on three features, of which only the second one counts; return their shares."""
    rows = np.random.default_rng(0).normal(size=(200, 3))
    rows[:, 2] *= 1000
    y = rows[:, 1:2] * np.arange(1, labels + 1) * 10
    if task == "classification":
        y = np.floor(np.clip(y / 10, -1, 1))
    arguments = (json.dumps(hyperparams), None, "{}", "{}")
    _, metrics, _ = training.fit(algorithm, task, rows, y, 150, *arguments)
    return json.loads(metrics).get("feature_importances")


@pytest.mark.parametrize(
    ("algorithm", "task"),
    [
        ("linear", "regression"),
        ("linear", "classification"),
        ("random_forest", "regression"),
        ("xgboost", "classification"),
        ("lightgbm", "regression"),
    ],
)
def test_shares_find_the_feature_that_counts(algorithm, task):
    found = importances(algorithm, task)
    assert sum(found) == pytest.approx(1)
    assert max(range(3), key=found.__getitem__) == 1


def test_several_labels_are_averaged():
    assert sum(importances("gradient_boosting_trees", labels=2)) == pytest.approx(1)


def test_a_feature_s_unit_does_not_matter():
    # Catches weights that are not multiplied by the spread: the third feature's would be tiny.
    found = importances("linear")
    assert found[2] == pytest.approx(0, abs=1e-9)
    assert found[1] == pytest.approx(1)


def test_what_can_not_tell_has_none():
    assert importances("gaussian_process") is None
