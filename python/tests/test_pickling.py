"""Pickles of models: short where arrays are mostly one number, and the same arrays when read."""

import pickle

import numpy as np
import pytest
from conftest import fit, many_classes
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from pgml_runtime import pickling, prediction, unpickling


def _sparse(dtype):
    array = np.zeros((300, 1, 2000), dtype=dtype)
    array[np.arange(300), 0, np.arange(300) * 3] = 1 + np.arange(300) % 100
    return array


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4", "i1", "u2"])
def test_runs_are_written_once_and_read_bit_for_bit(dtype):
    array = _sparse(dtype)
    data = pickling.dumps([array, array])
    assert len(data) < array.nbytes / 10
    for read in (unpickling.loads(data), pickle.loads(data)):
        assert read[0] is read[1]
        assert (read[0].dtype, read[0].shape) == (array.dtype, array.shape)
        assert read[0].tobytes() == array.tobytes()
        assert read[0].flags.c_contiguous


def test_zeros_and_nans_keep_their_bits():
    array = np.zeros(100_000)
    array[50_000:] = -0.0
    array[70_000:80_000] = np.nan
    array[80_000:80_500] = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)
    assert unpickling.loads(pickling.dumps(array)).tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "array",
    [
        np.random.RandomState(1).normal(size=20_000),
        np.zeros((400, 400), order="F"),
        np.zeros(50_000, dtype=[("a", "f8"), ("b", "i4")]),
        np.zeros(50_000, dtype=object),
        np.zeros(50_000, dtype="M8[s]"),
        np.zeros(50_000, dtype="c16"),
        np.zeros((100_000, 2))[:, 0],
        np.zeros(10),
        np.zeros((0, 4)),
    ],
    ids=["noise", "columns", "records", "objects", "dates", "complex", "steps", "short", "none"],
)
def test_other_arrays_are_written_as_they_are(array):
    read = pickle.loads(pickling.dumps(array))
    assert (read.dtype, read.shape, read.strides) == (
        pickle.loads(pickle.dumps(array, protocol=4)).dtype,
        array.shape,
        pickle.loads(pickle.dumps(array, protocol=4)).strides,
    )
    assert (read == array).all()


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_a_forest_of_many_classes_is_small_and_predicts_the_same(kind):
    x, y = many_classes(600, 1800)
    forest = kind(n_estimators=5, random_state=0).fit(x, y[:, 0])
    data = pickling.dumps(forest)
    assert len(data) * 4 < len(pickle.dumps(forest, protocol=4))
    assert unpickling.loads(data).predict_proba(x).tobytes() == forest.predict_proba(x).tobytes()


def test_training_writes_them():
    x, y = many_classes(600, 1800)
    fitted = fit("random_forest", "classification", x, y, 1350, {"n_estimators": 5})
    # Five trees have some 600 nodes and more, with 600 shares each.
    assert len(fitted.model) < 5_000_000
    assert prediction.load(fitted.model).classes == list(range(600))
