"""Hyperparameters: refused when unknown, translated when old, completed when random."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from conftest import TRAIN_ROWS, fit
from contract import direct
from joblib._parallel_backends import LokyBackend, MultiprocessingBackend

from pgml_runtime import prediction, training
from pgml_runtime.errors import UserError

RELEASE = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def test_an_unknown_one_is_named_with_what_the_class_accepts(regression_data):
    with pytest.raises(UserError, match='"alhpa"') as caught:
        fit("lasso", "regression", *regression_data, TRAIN_ROWS, {"alhpa": 1})
    assert "Did you mean alpha?" in caught.value.hint
    assert "max_iter" in caught.value.hint
    assert caught.value.sqlstate == "22023"


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm", "passive_aggressive", "ada_boost"])
def test_no_library_swallows_an_unknown_one(algorithm, regression_data):
    with pytest.raises(UserError, match='"no_such_thing"'):
        fit(algorithm, "regression", *regression_data, TRAIN_ROWS, {"no_such_thing": 1})


@pytest.mark.parametrize("text", ["[1]", "3", '"alpha"', "null"])
def test_anything_but_an_object_is_refused(text, regression_data):
    x, y = regression_data
    with pytest.raises(UserError, match="hyperparams must be a JSON object"):
        training.fit("lasso", "regression", x, y, TRAIN_ROWS, text, None, "{}", "{}")


def test_a_bad_value_is_an_error_that_names_the_algorithm(regression_data):
    with pytest.raises(UserError, match=r"training lasso failed: .*alpha"):
        fit("lasso", "regression", *regression_data, TRAIN_ROWS, {"alpha": "much"})


def test_values_reach_the_estimator(regression_data):
    x, y = regression_data
    predicted = prediction.load(
        fit("ridge", "regression", x, y, TRAIN_ROWS, {"alpha": 1000}).model
    ).predict(x)
    expected = direct(("ridge", "regression"), alpha=1000).fit(x[:TRAIN_ROWS], y[:TRAIN_ROWS, 0])
    np.testing.assert_array_equal(predicted[:, 0], expected.predict(x))


def test_random_state_is_0_unless_given_and_comes_back(regression_data):
    hyperparams = {"n_estimators": 5}
    default = fit("random_forest", "regression", *regression_data, TRAIN_ROWS, hyperparams)
    again = fit("random_forest", "regression", *regression_data, TRAIN_ROWS, hyperparams)
    hyperparams = {"n_estimators": 5, "random_state": 7}
    other = fit("random_forest", "regression", *regression_data, TRAIN_ROWS, hyperparams)
    assert default.hyperparams == {"n_estimators": 5, "random_state": 0}
    assert other.hyperparams == hyperparams
    assert default.model == again.model
    assert default.metrics["r2"] != other.metrics["r2"]


@pytest.mark.parametrize(
    ("pair", "old", "new"),
    [
        (("bayesian_ridge", "regression"), {"n_iter": 2}, {"max_iter": 2}),
        (("bagging", "regression"), {"base_estimator": None}, {"estimator": None}),
        (("bagging", "classification"), {"base_estimator": None}, {}),
        (("least_angle", "regression"), {"normalize": False}, {}),
        (("linear", "regression"), {"normalize": False}, {}),
        (("random_forest", "regression"), {"max_features": "auto"}, {"max_features": 1.0}),
        (("extra_trees", "classification"), {"max_features": "auto"}, {"max_features": "sqrt"}),
        (("random_forest", "regression"), {"criterion": "mse"}, {"criterion": "squared_error"}),
        (("gradient_boosting_trees", "regression"), {"loss": "lad"}, {"loss": "absolute_error"}),
        (("stochastic_gradient_descent", "classification"), {"loss": "log"}, {"loss": "log_loss"}),
        (("stochastic_gradient_descent", "regression"), {"penalty": "none"}, {"penalty": None}),
        (("passive_aggressive", "regression"), {"C": 0.01, "epsilon": 0.2}, None),
        (
            ("passive_aggressive", "regression"),
            {"loss": "squared_epsilon_insensitive", "C": 0.1},
            None,
        ),
        (("passive_aggressive", "classification"), {"loss": "squared_hinge", "C": 0.1}, None),
        (("linear", "classification"), {"multi_class": "multinomial"}, {}),
        (("linear", "classification"), {"penalty": "l1", "solver": "saga", "tol": 0.01}, None),
        (("linear", "classification"), {"penalty": "l2", "C": 0.2}, {"C": 0.2}),
        (("linear", "classification"), {"n_jobs": 2}, {}),
        (("xgboost", "regression"), {"eta": 0.1, "lambda": 3}, None),
        (("xgboost", "classification"), {"use_label_encoder": False, "seed": 1}, None),
        (("xgboost_random_forest", "regression"), {"n_estimators": 7, "subsample": 0.5}, None),
        (("lightgbm", "regression"), {"num_iterations": 7, "eta": 0.2, "verbose": -1}, None),
    ],
)
def test_old_spellings_train_what_they_always_meant(
    pair, old, new, regression_data, classification_data, emitted
):
    x, y = regression_data if pair[1] == "regression" else classification_data
    aliases = {
        "eta": "learning_rate",
        "lambda": "reg_lambda",
        "num_iterations": "n_estimators",
        "seed": "random_state",
    }
    if new is None:
        skipped = ("verbose", "use_label_encoder")
        new = {aliases.get(name, name): old[name] for name in old if name not in skipped}
    got = fit(*pair, x, y, TRAIN_ROWS, old)
    assert {name: got.hyperparams[name] for name in old} == old
    target = y[:TRAIN_ROWS, 0]
    if pair[1] == "classification":
        target = np.searchsorted([3, 5, 9], target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = direct(pair, **new).fit(x[:TRAIN_ROWS], target).predict(x)
    predicted = prediction.load(got.model).predict(x)[:, 0]
    if pair[1] == "classification":
        predicted = np.searchsorted([3, 5, 9], predicted)
    np.testing.assert_array_equal(predicted, expected)
    assert not [text for text in emitted if text.startswith("FutureWarning")]


def test_no_penalty_is_an_infinite_c(classification_data):
    x, y = classification_data
    got = fit("linear", "classification", x, y, TRAIN_ROWS, {"penalty": "none"})
    expected = direct(("linear", "classification"), C=np.inf)
    expected.fit(x[:TRAIN_ROWS], y[:TRAIN_ROWS, 0])
    predicted = prediction.load(got.model).predict_proba(x)
    np.testing.assert_allclose(predicted, expected.predict_proba(x), atol=1e-6)


def test_what_is_gone_for_good_is_an_error(regression_data):
    with pytest.raises(UserError, match="normalize"):
        fit("ridge", "regression", *regression_data, TRAIN_ROWS, {"normalize": True})


@pytest.mark.skipif(RELEASE < (1, 6), reason="SAMME.R exists before release 1.6")
def test_what_changed_its_meaning_warns(classification_data, emitted):
    fit("ada_boost", "classification", *classification_data, TRAIN_ROWS, {"algorithm": "SAMME.R"})
    assert [text for text in emitted if "SAMME" in text]


def test_two_names_of_one_parameter_are_refused(regression_data):
    with pytest.raises(UserError, match="given twice"):
        fit("xgboost", "regression", *regression_data, TRAIN_ROWS, {"eta": 1, "learning_rate": 0.1})


def test_a_callers_n_jobs_starts_threads_not_processes(regression_data, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("processes would be started")

    for backend in (LokyBackend, MultiprocessingBackend):
        monkeypatch.setattr(backend, "configure", refuse)
    x, y = regression_data
    hyperparams = {"n_jobs": 2, "n_estimators": 4}
    for algorithm in ("bagging", "random_forest"):
        prediction.load(fit(algorithm, "regression", x, y, TRAIN_ROWS, hyperparams).model).predict(
            x
        )
    grid = {"alpha": [0.1, 1]}
    fit("ridge", "regression", x, y, TRAIN_ROWS, None, "grid", grid, {"n_jobs": 2})


@pytest.mark.parametrize(
    "name", ["input_model", "model_input", "machines", "forcedsplits_filename"]
)
def test_sql_can_not_make_lightgbm_touch_files_or_ports(name, regression_data):
    with pytest.raises(UserError, match=f'"{name}"'):
        fit("lightgbm", "regression", *regression_data, TRAIN_ROWS, {name: "anything"})


@pytest.mark.parametrize("algorithm", ["xgboost", "xgboost_random_forest", "lightgbm"])
def test_one_thread_unless_the_caller_asks(algorithm, regression_data):
    for hyperparams, threads in (({"n_estimators": 2}, 1), ({"n_estimators": 2, "n_jobs": 2}, 2)):
        got = fit(algorithm, "regression", *regression_data, TRAIN_ROWS, hyperparams)
        estimator = pickle.loads(pickle.loads(got.model)["estimator"])
        assert estimator.get_params()["n_jobs"] == threads
