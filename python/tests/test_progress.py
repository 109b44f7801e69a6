"""Where a fit is: what is told, and that nothing of it stays with the model."""

import pickle

import pytest
from conftest import TRAIN_ROWS, fit

import pgml_runtime


@pytest.mark.parametrize(
    ("algorithm", "last"),
    [
        ("xgboost", "7 rounds"),
        ("lightgbm", "7 of 7 rounds"),
        ("gradient_boosting_trees", "7 of 7 rounds"),
    ],
)
def test_rounds_are_told(algorithm, last, regression_data, monkeypatch):
    told = []
    monkeypatch.setattr(pgml_runtime, "tell_progress", told.append)
    hyperparams = {"n_estimators": 7}
    got = fit(algorithm, "regression", *regression_data, TRAIN_ROWS, hyperparams)
    assert told[-2:] == [last, "scoring"]
    assert len(told) == 8
    assert got.hyperparams["n_estimators"] == 7
    kept = pickle.loads(pickle.loads(got.model)["estimator"]).get_params()
    assert kept.get("callbacks") is None


@pytest.mark.parametrize("algorithm", ["ridge", "xgboost_random_forest"])
def test_what_tells_of_nothing_is_trained_as_before(algorithm, regression_data, monkeypatch):
    told = []
    monkeypatch.setattr(pgml_runtime, "tell_progress", told.append)
    fit(algorithm, "regression", *regression_data, TRAIN_ROWS)
    assert told == ["scoring"]
