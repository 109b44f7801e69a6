"""Loading models: shapes, versions, and the bare pickles of older databases."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from conftest import TRAIN_ROWS, fit
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from pgml_runtime import prediction
from pgml_runtime.errors import MissingPackage, UserError


def _changed(model, **fields):
    """Return the model's bytes with some header fields replaced."""
    return pickle.dumps({**pickle.loads(model), **fields}, protocol=4)


@pytest.fixture(scope="module")
def ridge(regression_data):
    return fit("ridge", "regression", *regression_data, TRAIN_ROWS).model


@pytest.fixture(scope="module")
def forest(classification_data):
    hyperparams = {"n_estimators": 5}
    return fit(
        "random_forest", "classification", *classification_data, TRAIN_ROWS, hyperparams
    ).model


@pytest.mark.parametrize("columns", [0, 3, 5])
def test_the_number_of_features_is_checked(ridge, columns):
    with pytest.raises(UserError, match=f"takes 4 features, {columns} were given"):
        prediction.load(ridge).predict(np.zeros((2, columns)))


def test_rows_are_two_dimensional(ridge):
    with pytest.raises(UserError, match="shape"):
        prediction.load(ridge).predict(np.zeros(4))


def test_missing_features_are_a_users_error(ridge):
    with pytest.raises(UserError, match=r"predicting with ridge failed: .*NaN"):
        prediction.load(ridge).predict(np.full((1, 4), np.nan))


def test_no_rows_give_no_rows(ridge, forest):
    none = np.zeros((0, 4))
    assert prediction.load(ridge).predict(none).shape == (0, 1)
    assert prediction.load(forest).predict(none).shape == (0, 1)
    assert prediction.load(forest).predict_proba(none).shape == (0, 3)


def test_one_row_equals_its_place_in_a_batch(forest, classification_data):
    x, _ = classification_data
    model = prediction.load(forest)
    whole = model.predict_proba(x)
    for row in (0, 7):
        np.testing.assert_array_equal(model.predict_proba(x[row : row + 1])[0], whole[row])
    np.testing.assert_allclose(whole.sum(axis=1), 1)


def test_a_read_only_array_will_do(forest, classification_data):
    x = classification_data[0].copy()
    x.flags.writeable = False
    assert prediction.load(forest).predict(x).shape == (160, 1)


def test_another_scikit_learn_is_refused_with_both_versions(ridge):
    versions = {**pickle.loads(ridge)["versions"], "scikit-learn": "0.24.2"}
    with pytest.raises(UserError) as caught:
        prediction.load(_changed(ridge, versions=versions))
    assert "scikit-learn 0.24.2" in caught.value.message
    assert f"scikit-learn {sklearn.__version__}" in caught.value.message
    assert "pgml.train" in caught.value.hint


def test_another_patch_release_is_accepted(ridge):
    release = ".".join(sklearn.__version__.split(".")[:2])
    versions = {**pickle.loads(ridge)["versions"], "scikit-learn": f"{release}.77"}
    prediction.load(_changed(ridge, versions=versions))


@pytest.mark.parametrize(("trained", "fits"), [("1.0.0", True), ("99.0.0", False)])
def test_xgboost_reads_older_releases_only(trained, fits, regression_data):
    hyperparams = {"n_estimators": 2}
    model = fit("xgboost", "regression", *regression_data, TRAIN_ROWS, hyperparams).model
    versions = {**pickle.loads(model)["versions"], "xgboost": trained}
    model = _changed(model, versions=versions)
    if fits:
        prediction.load(model)
    else:
        with pytest.raises(UserError, match=r"xgboost 99\.0\.0"):
            prediction.load(model)


def test_an_estimator_that_does_not_unpickle_names_both_sides(ridge):
    body = pickle.loads(ridge)["estimator"].replace(b"Ridge", b"Gidge")
    with pytest.raises(UserError) as caught:
        prediction.load(_changed(ridge, estimator=body))
    assert caught.value.message.count(f"scikit-learn {sklearn.__version__}") == 2
    assert "Gidge" in caught.value.message


def test_a_newer_format_asks_for_an_update(ridge):
    with pytest.raises(UserError, match="format 2") as caught:
        prediction.load(_changed(ridge, format=2))
    assert "Update" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"\x80\x04nonsense", pickle.dumps("text")])
def test_other_bytes_are_refused(data):
    with pytest.raises(UserError):
        prediction.load(data)


def test_a_pickle_of_an_absent_library_names_the_package(monkeypatch):
    import sys

    data = b"\x80\x04\x8c\x08xgboost2\x8c\x08XGBModel\x93."
    with pytest.raises(UserError, match="xgboost2"):
        prediction.load(data)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    data = b"\x80\x04\x8c\x08lightgbm\x8c\x09LGBMModel\x93."
    with pytest.raises(MissingPackage, match="lightgbm") as caught:
        prediction.load(data)
    assert caught.value.sqlstate == "58P01"


def test_bare_pickles_of_older_databases_predict(regression_data, classification_data, emitted):
    x, y = regression_data
    for target, labels in ((y[:, 0], 1), (np.column_stack([y, y * 2]), 2)):
        estimator = LinearRegression().fit(x, target)
        model = prediction.load(pickle.dumps(estimator))
        assert (model.n_features, model.n_labels, model.classes) == (4, labels, None)
        np.testing.assert_array_equal(
            model.predict(x), estimator.predict(x).reshape(len(x), labels)
        )
    x, y = classification_data
    estimator = RandomForestClassifier(n_estimators=3).fit(x, y[:, 0])
    model = prediction.load(pickle.dumps(estimator))
    assert model.classes == [3, 5, 9]
    assert model.has_probabilities
    np.testing.assert_array_equal(model.predict_proba(x), estimator.predict_proba(x))
    both = np.column_stack([y, y])
    model = prediction.load(pickle.dumps(RandomForestClassifier(n_estimators=3).fit(x, both)))
    assert (model.n_labels, model.classes, model.task) == (2, None, "classification")
    assert model.predict(x).shape == both.shape
    assert emitted == []


def _as_if_made_with(release, estimator):
    """Pickle an estimator with an older release's mark."""
    state = estimator.__getstate__()
    estimator.__class__.__getstate__ = lambda self: {**state, "_sklearn_version": release}
    try:
        return pickle.dumps(estimator)
    finally:
        del estimator.__class__.__getstate__


def test_a_bare_pickle_of_another_release_is_read_with_a_warning(regression_data, emitted):
    x, y = regression_data
    estimator = Ridge().fit(x, y[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = prediction.load(_as_if_made_with("1.1.3", estimator))
    np.testing.assert_array_equal(model.predict(x)[:, 0], estimator.predict(x))
    assert len(emitted) == 1
    assert "scikit-learn 1.1.3" in emitted[0]
    assert f"scikit-learn {sklearn.__version__}" in emitted[0]


def test_an_estimator_that_another_release_left_incomplete(classification_data):
    x, y = classification_data
    estimator = LogisticRegression().fit(x, y[:, 0])
    del estimator.coef_
    model = prediction.load(_as_if_made_with("0.19.0", estimator))
    with pytest.raises(UserError, match=r"scikit-learn 0\.19\.0"):
        model.predict(x)
