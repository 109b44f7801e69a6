"""Models that PostgresML's Rust runtime stored."""

import numpy as np
import pytest
from foreign_models import PREFIX, boosted, linfa, packed
from sklearn.datasets import load_iris

from pgml_runtime import messagepack, prediction
from pgml_runtime.errors import UserError

X, CLASSES = load_iris(return_X_y=True)
MODELS = {**linfa(X), **boosted(X, X.sum(axis=1), CLASSES)}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_predicts_what_its_library_predicts(name):
    data, expected = MODELS[name]
    model = prediction.load(data)
    assert model.n_features == X.shape[1]
    np.testing.assert_allclose(model.predict(X)[:, 0], expected, rtol=1e-6)
    assert np.array_equal(model.predict(X[:1])[0], model.predict(X)[0])


@pytest.mark.parametrize("name", [name for name in MODELS if "xgboost" in name or "light" in name])
def test_the_16_bytes_of_release_2_0_0_are_left_out(name):
    data, expected = MODELS[name]
    model = prediction.load(PREFIX + data)
    np.testing.assert_allclose(model.predict(X)[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["binary", "several", "xgboost binary:logistic json", "lightgbm multiclass"]
)
def test_probabilities_belong_to_the_predicted_classes(name):
    model = prediction.load(MODELS[name][0])
    shares = model.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    likeliest = np.array(model.classes)[shares.argmax(axis=1)]
    assert np.array_equal(likeliest, model.predict(X)[:, 0])


@pytest.mark.parametrize("name", MODELS)
def test_half_a_model_is_an_error_and_no_crash(name):
    data = MODELS[name][0]
    for part in (data[: len(data) // 2], data[1:], data[:3], b""):
        with pytest.raises(UserError):
            prediction.load(part)


@pytest.mark.parametrize("value", [[], 1, "text", [[1, 2], 3], [None, None, 4, 2], {"a": 1}])
def test_what_is_no_model_is_refused(value):
    with pytest.raises(UserError):
        prediction.load(packed(value))


@pytest.mark.parametrize("data", [b"\xc1", b"\x91", b"\x91" * 40, b"\xd9\xff", b"\x00\x00"])
def test_broken_messagepack_is_refused(data):
    with pytest.raises(ValueError, match=r"no end|left over|type 0xc1"):
        messagepack.loads(data)


def test_every_form_of_messagepack_is_read():
    forms = [
        0,
        5,
        -1,
        -200,
        300,
        2**40,
        1.5,
        True,
        False,
        None,
        "a",
        {"b": [1, "c" * 20]},
        [1] * 20,
    ]
    assert messagepack.loads(packed(forms)) == forms
    assert messagepack.loads(b"\xcb" + b"\x3f\xf8" + bytes(6)) == 1.5
