"""Pickles that do something else than making a model: each is a way around the list of names."""

import os
import pickle

import numpy as np
import pytest

from pgml_runtime import prediction, unpickling
from pgml_runtime.errors import UserError


class Calls:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def named(module, name, argument):
    """Return a pickle that calls module.name(argument), by names that need not exist here."""
    return f"c{module}\n{name}\n(V{argument}\ntR.".encode()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "__import__"),
        ("builtins", "getattr"),
        ("importlib", "import_module"),
        ("numpy", "load"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy.f2py.crackfortran", "myeval"),
        ("joblib", "load"),
        ("pickle", "loads"),
        ("pgml_runtime.prediction", "load"),
        ("sklearn.utils._testing", "TempMemmap"),
        ("sklearn.datasets", "load_files"),
        ("sklearn.utils", "os.system"),
        ("sklearn.utils._testing", "functools"),
        ("sklearn.base", "clone"),
        ("xgboost.core", "os"),
        ("xgboost.core", "DMatrix"),
        ("xgboost", "DMatrix"),
        ("lightgbm", "Dataset"),
        ("xgboost.tracker", "RabitTracker"),
        ("lightgbm.basic", "Dataset"),
        ("catboost.core", "Pool"),
        ("catboost", "CatBoost"),
        ("sklearn.linear_model", "numbers"),
        ("sklearn.linear_model._base", "BaseEstimator.__init__"),
    ],
)
def test_other_names_are_refused(module, name, tmp_path):
    witness = tmp_path / "witness"
    with pytest.raises((pickle.UnpicklingError, AttributeError)):
        unpickling.loads(named(module, name, f"touch {witness}"))
    assert not witness.exists()


def test_a_command_in_a_model_does_not_run(tmp_path):
    witness = tmp_path / "witness"
    bytes_ = pickle.dumps({"format": 1, "estimator": Calls(os.system, f"touch {witness}")})
    pickle.loads(bytes_)
    assert witness.exists(), "the pickle is harmless"
    witness.unlink()
    with pytest.raises(UserError, match=r"posix\.system is no part of a model"):
        prediction.load(bytes_)
    assert not witness.exists()


def test_what_numbers_are_made_of_is_read():
    for value in (np.arange(6.0).reshape(2, 3), np.float32(1.5), np.random.RandomState(3)):
        read = unpickling.loads(pickle.dumps(value, protocol=4))
        assert type(read) is type(value)
    values = {"a": [1, 2.5, None, True, b"x", "y", (1,), {2}, frozenset([3]), bytearray(b"z")]}
    assert unpickling.loads(pickle.dumps(values, protocol=4)) == values
