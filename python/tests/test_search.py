"""Hyperparameter search against scikit-learn's searchers used directly."""

import json

import numpy as np
import pytest
from conftest import TRAIN_ROWS, fit
from contract import direct
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from pgml_runtime import prediction, training
from pgml_runtime.errors import UserError


def test_grid_is_gridsearchcv_refit_on_all_training_rows(regression_data):
    x, y = regression_data
    grid = {"alpha": [0.001, 1, 100.0], "fit_intercept": [True, False]}
    got = fit("ridge", "regression", x, y, TRAIN_ROWS, {"tol": 1e-5}, "grid", grid, {"cv": 3})
    searcher = GridSearchCV(direct(("ridge", "regression"), tol=1e-5), grid, scoring="r2", cv=3)
    searcher.fit(x[:TRAIN_ROWS], y[:TRAIN_ROWS, 0])
    assert got.hyperparams == {"tol": 1e-5, "random_state": 0, **searcher.best_params_}
    predicted = prediction.load(got.model).predict(x)[:, 0]
    np.testing.assert_array_equal(predicted, searcher.predict(x))
    results = got.metrics["search_results"]
    assert results["params"] == searcher.cv_results_["params"]
    assert results["mean_test_score"] == searcher.cv_results_["mean_test_score"].tolist()
    assert results["param_alpha"] == [one["alpha"] for one in results["params"]]
    assert len(results["split2_test_score"]) == 6
    assert 0 < got.metrics["fit_seconds"] < got.metrics["search_seconds"]


def test_random_is_randomizedsearchcv_with_seed_0(classification_data):
    x, y = classification_data
    space = {"C": [0.01, 0.1, 1, 10, 100], "fit_intercept": [True, False]}
    got = fit("linear", "classification", x, y, TRAIN_ROWS, None, "random", space, {"n_iter": 4})
    searcher = RandomizedSearchCV(
        direct(("linear", "classification")), space, scoring="f1_micro", n_iter=4, random_state=0
    ).fit(x[:TRAIN_ROWS], y[:TRAIN_ROWS, 0])
    results = got.metrics["search_results"]
    assert results["params"] == searcher.cv_results_["params"]
    assert results["mean_test_score"] == searcher.cv_results_["mean_test_score"].tolist()
    assert got.hyperparams == {"random_state": 0, **searcher.best_params_}


def test_a_search_over_wrapped_labels_takes_plain_names(regression_data):
    x, y = regression_data
    both = np.column_stack([y[:, 0], x[:, 3]])
    got = fit("svm", "regression", x, both, TRAIN_ROWS, None, "grid", {"C": [0.01, 10]}, {"cv": 2})
    assert got.hyperparams == {"C": 10}
    assert got.metrics["search_results"]["param_C"] == [0.01, 10]
    assert prediction.load(got.model).n_labels == 2


def test_a_search_speaks_the_callers_language_for_replaced_classes(classification_data):
    grid = {"loss": ["hinge", "squared_hinge"], "C": [0.001, 1]}
    args = {"cv": 2}
    got = fit(
        "passive_aggressive",
        "classification",
        *classification_data,
        TRAIN_ROWS,
        None,
        "grid",
        grid,
        args,
    )
    assert set(got.hyperparams) == {"loss", "C", "random_state"}
    assert got.hyperparams["loss"] in grid["loss"]
    assert got.metrics["search_results"]["param_loss"][0] == "hinge"
    assert got.metrics["search_results"]["param_loss"][-1] == "squared_hinge"


def test_a_class_numbered_search(classification_data):
    x, y = classification_data
    grid = {"n_estimators": [2, 4]}
    got = fit("xgboost", "classification", x, y, TRAIN_ROWS, None, "grid", grid, {"cv": 2})
    assert set(np.unique(prediction.load(got.model).predict(x))) <= {3.0, 5.0, 9.0}


def test_a_failed_candidate_is_null_and_warned_of(regression_data, emitted):
    grid = {"alpha": [1, -5]}
    got = fit("ridge", "regression", *regression_data, TRAIN_ROWS, None, "grid", grid)
    assert got.hyperparams["alpha"] == 1
    assert got.metrics["search_results"]["mean_test_score"][1] is None
    (text,) = emitted
    assert text.startswith("5 of 10 fits of the search failed and have no score: ")
    assert "alpha" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("search", ["grid", "random"])
def test_a_fold_without_a_class_does_not_make_the_first_candidate_the_best(search):
    # XGBoost refuses the fold whose training rows lack class 0; each candidate's mean is NaN then.
    rows = np.arange(1, 161)
    x = np.column_stack([rows, rows * 7 % 13]).astype(np.float64)
    y = np.where(rows == 1, 0.0, np.where(rows <= 80, 1.0, 2.0))[:, None]
    grid = {"min_child_weight": [1000000, 1]}
    args = {"cv": 5} if search == "grid" else {"cv": 5, "n_iter": 2}
    got = fit("xgboost", "classification", x, y, 160, {"n_estimators": 5}, search, grid, args)
    assert got.hyperparams["min_child_weight"] == 1


def test_several_scores_choose_no_candidate(regression_data):
    args = {"scoring": ["r2", "neg_mean_squared_error"]}
    with pytest.raises(UserError, match="must name one score"):
        fit("ridge", "regression", *regression_data, 40, None, "grid", {"alpha": [1]}, args)


def test_when_every_candidate_fails_the_reason_is_told(regression_data):
    with pytest.raises(UserError, match=r"(?s)training ridge failed.*alpha"):
        fit("ridge", "regression", *regression_data, TRAIN_ROWS, None, "grid", {"alpha": [-5]})


@pytest.mark.parametrize(
    ("search", "params", "args", "message"),
    [
        ("grid", "{}", "{}", "needs search_params"),
        ("bayes", '{"alpha": [1]}', "{}", 'unknown search "bayes"'),
        ("grid", '{"alpha": 1}', "{}", "must be a list"),
        ("grid", '{"alpha": []}', "{}", "must be a list"),
        ("grid", "[1]", "{}", "search_params must be a JSON object"),
        ("grid", '{"alpha": [1]}', "[]", "search_args must be a JSON object"),
        ("grid", '{"alfa": [1]}', "{}", '"alfa"'),
        ("grid", '{"alpha": [1]}', '{"n_iter": 3}', '"n_iter"'),
        ("grid", '{"alpha": [1]}', '{"refit": false}', '"refit"'),
        ("grid", '{"alpha": [1]}', '{"cv": 1}', "k-fold|cv"),
    ],
)
def test_bad_searches_are_refused(search, params, args, message, regression_data):
    x, y = regression_data
    with pytest.raises(UserError, match=message):
        training.fit("ridge", "regression", x, y, TRAIN_ROWS, "{}", search, params, args)


def test_search_params_without_a_search_are_not_silent(regression_data, emitted):
    fit("ridge", "regression", *regression_data, TRAIN_ROWS, None, None, {"alpha": [1]})
    assert emitted == ["search_params are ignored because search is not set"]


def test_results_are_strict_json(regression_data):
    x, y = regression_data
    grid = '{"alpha": [1, -5]}'
    _, metrics, _ = training.fit("ridge", "regression", x, y, TRAIN_ROWS, "{}", "grid", grid, "{}")

    def refuse(constant):
        raise AssertionError(constant)

    json.loads(metrics, parse_constant=refuse)


def test_what_is_searched_replaces_a_fixed_value_under_any_name(regression_data):
    x, y = regression_data
    hyperparams = {"learning_rate": 0.5, "n_estimators": 3}
    grid = {"eta": [0.1, 0.2]}
    got = fit("xgboost", "regression", x, y, TRAIN_ROWS, hyperparams, "grid", grid, {"cv": 2})
    assert set(got.hyperparams) == {"eta", "n_estimators", "random_state"}
    grid["learning_rate"] = [0.1]
    with pytest.raises(UserError, match="given twice"):
        fit("xgboost", "regression", x, y, TRAIN_ROWS, None, "grid", grid)


def test_a_searched_seed_gets_no_default(regression_data):
    grid = {"random_state": [3, 4]}
    args = {"cv": 2}
    got = fit("extra_trees", "regression", *regression_data, 40, None, "grid", grid, args)
    assert got.hyperparams["random_state"] in (3, 4)


@pytest.mark.parametrize(
    ("algorithm", "hyperparams", "search", "params", "args", "message"),
    [
        ("lasso", "{}", None, "{}", "{}", "can't do classification"),
        ("random_forest", '{"n_trees": 1}', None, "{}", "{}", '"n_trees"'),
        ("random_forest", "{}", "grid", "{}", "{}", "needs search_params"),
        ("random_forest", "{}", "grid", '{"n_trees": [1]}', "{}", '"n_trees"'),
        ("random_forest", "{}", "grid", '{"n_estimators": [1]}', '{"n_iter": 3}', '"n_iter"'),
        ("random_forest", "{}", "grid", '{"n_estimators": [1]}', '{"scoring": ["f1"]}', "scoring"),
    ],
)
def test_what_needs_no_rows_is_refused_without(
    algorithm, hyperparams, search, params, args, message
):
    with pytest.raises(UserError, match=message):
        training.check(algorithm, "classification", hyperparams, search, params, args)


def test_what_can_be_trained_passes_without_rows():
    names = '{"eta": [0.1], "max_depth": [2]}'
    training.check("xgboost", "regression", '{"silent": 1}', "random", names, '{"n_iter": 3}')
    training.check("kmeans", "clustering", '{"n_clusters": 3}', None, "{}", "{}")
