"""What training refuses, warns of and leaves undefined."""

import json
import pickle
import sys
import warnings

import numpy as np
import pytest
from conftest import TRAIN_ROWS, fit

from pgml_runtime import errors, prediction
from pgml_runtime.errors import UserError


@pytest.mark.parametrize(
    ("algorithm", "task", "message", "hint"),
    [
        ("linaer", "regression", 'unknown algorithm "linaer"', "Did you mean linear?"),
        ("linear", "sorting", 'unknown task "sorting"', "regression"),
        ("lasso", "classification", "lasso can't do classification", "regression"),
        ("perceptron", "regression", "perceptron can't do regression", "classification"),
    ],
)
def test_names_are_checked(algorithm, task, message, hint, regression_data):
    with pytest.raises(UserError, match=message) as caught:
        fit(algorithm, task, *regression_data, TRAIN_ROWS)
    assert hint in caught.value.hint


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows(rows, regression_data):
    with pytest.raises(UserError, match="too few rows"):
        fit("linear", "regression", *regression_data, rows)


def test_one_class_is_nothing_to_learn(binary_data):
    x, y = binary_data
    order = np.argsort(y[:, 0], kind="stable")
    with pytest.raises(UserError, match="at least two classes; all training rows have 3"):
        fit("random_forest", "classification", x[order], y[order], 40)


@pytest.mark.parametrize("label", [0.5, np.nan, np.inf, 1e300])
def test_class_labels_are_whole_numbers(label, binary_data):
    x, y = binary_data
    y = y.copy()
    y[3, 0] = label
    with pytest.raises(UserError, match="booleans or whole numbers"):
        fit("linear", "classification", x, y, TRAIN_ROWS)


@pytest.mark.parametrize("algorithm", ["linear", "random_forest", "xgboost", "lightgbm"])
def test_booleans_and_negative_labels(algorithm, binary_data):
    x, y = binary_data
    for low, high in ((0.0, 1.0), (-1.0, 1.0)):
        labels = np.where(y > 4, high, low)
        model = prediction.load(fit(algorithm, "classification", x, labels, TRAIN_ROWS).model)
        assert model.classes == [int(low), int(high)]
        assert set(np.unique(model.predict(x))) == {low, high}
        best = model.predict_proba(x).argmax(axis=1)
        np.testing.assert_array_equal(np.array(model.classes)[best], model.predict(x)[:, 0])


def test_missing_values_are_a_users_error(regression_data):
    x, y = regression_data
    x = x.copy()
    x[0, 0] = np.nan
    with pytest.raises(UserError, match=r"training linear failed: .*NaN"):
        fit("linear", "regression", x, y, TRAIN_ROWS)


def test_no_test_rows_leave_the_scores_null(regression_data, classification_data):
    for task, data in (("regression", regression_data), ("classification", classification_data)):
        scores = fit("linear", task, *data, len(data[0])).metrics
        assert scores["r2" if task == "regression" else "f1"] is None
        assert "no test rows" in scores["notes"]["r2" if task == "regression" else "f1"]
        assert scores["fit_seconds"] > 0


def test_a_class_that_the_test_rows_lack(classification_data):
    x, y = classification_data
    order = np.argsort(y[:, 0] == 9, kind="stable")[::-1]  # class 9 first: all in training
    scores = fit("random_forest", "classification", x[order], y[order], 100).metrics
    assert 9 not in y[order][100:]
    assert None not in (scores["f1"], scores["log_loss"], scores["roc_auc"])


def test_a_class_that_the_training_rows_lack(classification_data):
    x, y = classification_data
    order = np.argsort(y[:, 0] == 9, kind="stable")
    scores = fit("random_forest", "classification", x[order], y[order], 100).metrics
    assert scores["roc_auc"] is None
    assert scores["log_loss"] is None
    assert "9" in scores["notes"]["roc_auc"]
    assert scores["f1"] > 0


def test_warnings_reach_the_user_once(regression_data, emitted):
    grid = {"max_iter": [1, 2]}  # each of ten fits, and the last, warns with the same text
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what the process filters does not matter
        fit(
            "stochastic_gradient_descent",
            "regression",
            *regression_data,
            TRAIN_ROWS,
            None,
            "grid",
            grid,
        )
    assert len(emitted) == 1
    assert emitted[0].startswith("ConvergenceWarning: Maximum number of iteration")


def test_nothing_is_printed(capfd, regression_data, classification_data):
    for algorithm in ("xgboost", "lightgbm", "random_forest"):
        for task, data in (
            ("regression", regression_data),
            ("classification", classification_data),
        ):
            prediction.load(fit(algorithm, task, *data, TRAIN_ROWS).model).predict(data[0])
    assert capfd.readouterr() == ("", "")


def test_a_diverging_model_is_refused(regression_data):
    x, y = regression_data
    with pytest.raises(UserError):
        fit("stochastic_gradient_descent", "regression", x * 1e200, y, TRAIN_ROWS)


def test_a_cancellation_is_not_swallowed(regression_data, monkeypatch):
    from sklearn.linear_model import Ridge

    def cancelled(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Ridge, "fit", cancelled)
    with pytest.raises(KeyboardInterrupt):
        fit("ridge", "regression", *regression_data, TRAIN_ROWS)
    with pytest.raises(KeyboardInterrupt):
        fit("ridge", "regression", *regression_data, TRAIN_ROWS, None, "grid", {"alpha": [1, 2]})


def test_a_bug_stays_a_bug(regression_data, monkeypatch):
    from sklearn.linear_model import Ridge

    def broken(*arguments, **options):
        raise RuntimeError("a bug")

    monkeypatch.setattr(Ridge, "fit", broken)
    with pytest.raises(RuntimeError):
        fit("ridge", "regression", *regression_data, TRAIN_ROWS)


def test_the_format_says_what_made_it(binary_data):
    content = pickle.loads(fit("xgboost", "classification", *binary_data, TRAIN_ROWS).model)
    import numpy
    import sklearn
    import xgboost

    assert content["format"] == 1
    assert content["algorithm"] == "xgboost"
    assert content["classes"] == [[3, 5]]
    assert content["python"] == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert content["versions"]["numpy"] == numpy.__version__
    assert content["versions"]["scikit-learn"] == sklearn.__version__
    assert content["versions"]["xgboost"] == xgboost.__version__
    assert "lightgbm" not in content["versions"]
    plain = pickle.loads(fit("ridge", "regression", *binary_data, TRAIN_ROWS).model)
    assert "xgboost" not in plain["versions"]
    json.dumps({**content, "estimator": None})


def test_long_reports_become_one_line():
    assert errors.summary(ValueError("All fits failed.\n\n---\nValueError: the reason\n")) == (
        "All fits failed. … ValueError: the reason"
    )
    assert errors.summary(ValueError()) == "ValueError"
