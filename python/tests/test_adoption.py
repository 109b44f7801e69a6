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
    return json.loads(adoption.check(pickle.dumps(estimator), x, y, size))


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
    assert adoption.check(pickle.dumps(Ridge().fit(x, y[:, 0])), None, None, "0.25") == "[]"
    with pytest.raises(UserError, match="gone_library"):
        adoption.check(b"cgone_library\nGone\n.", None, None, "0.25")
