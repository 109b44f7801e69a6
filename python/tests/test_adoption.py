"""Models of an old database: scored on each set of rows that can have been the test rows."""

import json
import pickle

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import f1_score, r2_score

from pgml_runtime import adoption
from pgml_runtime.errors import UserError


def _scored(estimator, x, y, size):
    return json.loads(adoption.check(pickle.dumps(estimator), x, y, size))["splits"]


def test_each_way_to_split_is_scored(regression_data):
    x, y = regression_data
    estimator = Ridge().fit(x[:111], y[:111, 0])
    found = {
        (one["test_rows"], one["first"]): one["r2"] for one in _scored(estimator, x, y, "0.31")
    }
    # 160 * 0.31 is 49.6: rounded up and down, at either end, and with the shares exchanged.
    assert {rows for rows, _ in found} == {49, 50, 110, 111}
    guess = estimator.predict(x)
    assert found[49, False] == pytest.approx(r2_score(y[-49:], guess[-49:]))
    assert found[50, True] == pytest.approx(r2_score(y[:50], guess[:50]))


def test_a_number_of_rows_is_taken_as_it_is(regression_data):
    x, y = regression_data
    estimator = Ridge().fit(x, y[:, 0])
    assert {one["test_rows"] for one in _scored(estimator, x, y, "30")} == {30, 130}


def test_classes_and_several_labels(classification_data, regression_data):
    x, y = classification_data
    estimator = LogisticRegression().fit(x, y[:, 0].astype(int))
    last = next(one for one in _scored(estimator, x, y, "40") if one["test_rows"] == 40)
    wanted = f1_score(y[-40:, 0], estimator.predict(x)[-40:], average="weighted")
    assert last["f1"] == pytest.approx(wanted)
    x, y = regression_data
    both = np.column_stack([y[:, 0], x[:, 1]])
    assert _scored(Ridge().fit(x, both), x, both, "40")[0]["r2"] > 0.5


def test_a_model_without_rows_is_loaded_only(regression_data):
    x, y = regression_data
    found = adoption.check(pickle.dumps(Ridge().fit(x, y[:, 0])), None, None, "0.25")
    assert json.loads(found) == {"splits": [], "not_compared": None}
    with pytest.raises(UserError, match="gone_library"):
        adoption.check(b"cgone_library\nGone\n.", None, None, "0.25")


def test_a_share_in_single_precision_is_rounded_up_as_it_was(regression_data):
    x, y = regression_data
    estimator = Ridge().fit(x, y[:, 0])
    found = _scored(estimator, x[:150], y[:150], "0.2")
    assert {one["test_rows"] for one in found} == {30, 31, 119, 120}


def test_a_snapshot_that_lost_a_column_says_so_and_the_model_is_whole(regression_data):
    x, y = regression_data
    data = pickle.dumps(Ridge().fit(x, y[:, 0]))
    found = json.loads(adoption.check(data, x[:, 1:], y, "0.2"))
    assert found["splits"] == []
    assert "takes 4 features, and the snapshot's rows have 3" in found["not_compared"]
    found = json.loads(adoption.check(data, x, np.column_stack([y, y]), "0.2"))
    assert "predicts 1 labels, and the snapshot has 2" in found["not_compared"]


def test_rows_with_gaps_are_scored_where_the_model_takes_them(regression_data):
    lightgbm = pytest.importorskip("lightgbm")
    x, y = regression_data
    x = x.copy()
    x[::7, 2] = np.nan
    estimator = lightgbm.LGBMRegressor(n_estimators=5, n_jobs=1, verbosity=-1).fit(x, y[:, 0])
    assert _scored(estimator, x, y, "0.25")[0]["r2"] > 0
    with pytest.raises(UserError, match="NaN"):
        adoption.check(pickle.dumps(Ridge().fit(x[1:7], y[1:7, 0])), x, y, "0.25")
