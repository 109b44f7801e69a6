"""Export: every pair has a file, or the reason why not; what the file says is what there is.

Whether it predicts the same is checked where there is something to evaluate it: by the extension at
each training, and by packaging/tests/native.sql for every pair.
"""

import json
import struct

import contract
import numpy as np
import pytest
from sklearn.ensemble import BaggingRegressor
from sklearn.linear_model import LinearRegression

from pgml_runtime import export, training
from pgml_runtime.export_parts import NotExported

_WIDTHS = {"F64": 8, "U32": 4, "U8": 1}


def _read(file):
    size = struct.unpack("<Q", file[:8])[0]
    header = json.loads(file[8 : 8 + size])
    description = json.loads(header.pop("__metadata__")["pgml"])
    return description, header, len(file) - 8 - size


def _export(algorithm, task, x, y, hyperparams="{}"):
    done = training.fit_and_export(
        algorithm, task, x, y, len(x) * 3 // 4, hyperparams, None, "{}", "{}"
    )
    return done[-1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("algorithm", "task"), contract.PAIRS)
def test_every_pair_has_a_file_or_a_reason(algorithm, task, regression_data, classification_data):
    x, y = regression_data if task == "regression" else classification_data
    exported = _export(algorithm, task, x, y)
    if algorithm == "gaussian_process":
        assert "GaussianProcess" in exported
        return
    file, rows, predictions, _ = exported
    description, tensors, size = _read(file)
    assert (description["version"], description["features"]) == (export.VERSION, x.shape[1])
    assert len(rows) == len(predictions)
    # Nothing overlaps and nothing is left over.
    end = 0
    for entry in tensors.values():
        begin, after = entry["data_offsets"]
        assert begin == end
        assert after - begin == entry["shape"][0] * _WIDTHS[entry["dtype"]]
        end = after
    assert end == size


def test_what_has_no_form_says_why(regression_data):
    x, y = regression_data
    header = {"classes": None, "n_features": x.shape[1]}
    bagged = BaggingRegressor(LinearRegression(), n_estimators=2).fit(x, y[:, 0])
    with pytest.raises(NotExported, match="other ones than decision trees"):
        export.export(header, bagged)
    assert "loss exponential" in _export(
        "gradient_boosting_trees",
        "classification",
        x,
        (y > np.median(y)).astype(float),
        '{"loss": "exponential"}',
    )


def test_the_sample_is_taken_from_all_rows():
    class Model:
        has_probabilities = False

        def predict(self, x):
            return x

    rows, predictions, probabilities = export.sample(Model(), np.arange(2500.0).reshape(-1, 1))
    assert 500 < len(rows) <= 1000
    assert rows[-1] > 2400
    assert probabilities is None
    assert predictions is rows
