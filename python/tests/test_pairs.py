"""Every (algorithm, task) pair against its class used directly, and in another process."""

import subprocess
import sys
import warnings
from unittest import mock

import conftest
import numpy as np
import pytest
from conftest import TRAIN_ROWS, fit
from contract import PAIRS, SECOND_SPELLING, direct
from sklearn import metrics as sk

from pgml_runtime import algorithms, errors, prediction

ALL = [*PAIRS, SECOND_SPELLING]


def test_the_contract_has_30_names_and_47_pairs():
    assert len(PAIRS) == 47
    assert len({name for name, _ in PAIRS}) == 30
    assert {(one.name, one.task) for one in algorithms.pairs()} == set(ALL)


@pytest.fixture(scope="module")
def trained(regression_data, classification_data):
    """Train every pair; a library's deprecation of what we use by default is a failure."""
    made = {}
    noise = []

    def keep(category, message):
        if issubclass(category, (DeprecationWarning, FutureWarning, PendingDeprecationWarning)):
            noise.append(f"{category.__name__}: {message}")
        return False

    # Not pytest's own: Debian 11's has it for single tests only.
    with mock.patch.object(errors, "is_for_user", keep):
        for name, task in ALL:
            x, y = regression_data if task == "regression" else classification_data
            made[name, task] = fit(name, task, x, y, TRAIN_ROWS)
    assert noise == []
    return made


@pytest.fixture(scope="module")
def elsewhere(trained, regression_data, classification_data, tmp_path_factory):
    """Predict with every model in one new process; return its arrays by pair."""
    folder = tmp_path_factory.mktemp("models")
    np.savez(folder / "x.npz", regression=regression_data[0], classification=classification_data[0])
    for (name, task), one in trained.items():
        (folder / f"{name}.{task}").write_bytes(one.model)
    program = """
import pathlib, sys
import numpy as np
from pgml_runtime import prediction
folder = pathlib.Path(sys.argv[1])
x = np.load(folder / "x.npz")
out = {}
for path in folder.iterdir():
    if path.suffix != ".npz":
        model = prediction.load(path.read_bytes())
        rows = x[path.suffix[1:]]
        out[path.name] = model.predict(rows)
        if model.has_probabilities:
            out[path.name + ".proba"] = model.predict_proba(rows)
np.savez(folder / "out.npz", **out)
"""
    subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        check=True,
        env=conftest.child_environment(),
    )
    return np.load(folder / "out.npz")


@pytest.mark.parametrize("pair", ALL, ids="-".join)
def test_equals_the_class_used_directly_and_survives_the_pickle(
    pair, trained, elsewhere, regression_data, classification_data
):
    name, task = pair
    x, y = regression_data if task == "regression" else classification_data
    target = y[:, 0] if task == "regression" else y[:, 0].astype(int)
    classes = np.unique(target)
    numbers = np.searchsorted(classes, target)
    xgb = task == "classification" and name.startswith("xgboost")
    expected = direct(("orthoganl_matching_pursuit", task) if pair == SECOND_SPELLING else pair)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected.fit(x[:TRAIN_ROWS], (numbers if xgb else target)[:TRAIN_ROWS])
        wanted = expected.predict(x)
    if xgb:
        wanted = classes[wanted]

    model = prediction.load(trained[pair].model)
    predicted = model.predict(x)
    assert predicted.shape == (len(x), 1)
    assert predicted.dtype == np.float64
    assert predicted.flags.c_contiguous
    np.testing.assert_array_equal(predicted[:, 0], wanted.reshape(-1).astype(float))
    np.testing.assert_array_equal(elsewhere[f"{name}.{task}"], predicted)
    assert model.n_features == 4
    assert model.n_labels == 1
    assert model.classes == (None if task == "regression" else [3, 5, 9])

    scores = trained[pair].metrics
    held_out = target[TRAIN_ROWS:]
    guess = wanted.reshape(-1)[TRAIN_ROWS:]
    if task == "regression":
        assert scores["r2"] == pytest.approx(sk.r2_score(held_out, guess), rel=1e-12)
        error = sk.mean_squared_error(held_out, guess)
        assert scores["mean_squared_error"] == pytest.approx(error, rel=1e-12)
        return
    assert scores["f1"] == pytest.approx(sk.f1_score(held_out, guess, average="weighted"))
    assert scores["accuracy"] == pytest.approx(sk.accuracy_score(held_out, guess))
    assert model.has_probabilities == hasattr(expected, "predict_proba")
    if model.has_probabilities:
        proba = model.predict_proba(x)
        np.testing.assert_array_equal(proba, expected.predict_proba(x).astype(float))
        np.testing.assert_array_equal(elsewhere[f"{name}.{task}.proba"], proba)
        wanted_auc = sk.roc_auc_score(
            held_out, proba[TRAIN_ROWS:], multi_class="ovo", average="weighted"
        )
        assert scores["roc_auc"] == pytest.approx(wanted_auc)
        assert scores["log_loss"] == pytest.approx(
            sk.log_loss(held_out, proba[TRAIN_ROWS:] / proba[TRAIN_ROWS:].sum(1, keepdims=True))
        )
    else:
        assert "roc_auc" not in scores
        with pytest.raises(errors.UserError, match=name):
            model.predict_proba(x)


@pytest.mark.parametrize("pair", [pair for pair in ALL if pair[1] == "regression"], ids="-".join)
def test_joint_regression_predicts_every_label(pair, regression_data):
    x, y = regression_data
    both = np.column_stack([y[:, 0], -y[:, 0] + x[:, 3]])
    model = prediction.load(fit(*pair, x, both, TRAIN_ROWS).model)
    predicted = model.predict(x)
    assert model.n_labels == 2
    assert predicted.shape == both.shape
    assert not np.array_equal(predicted[:, 0], predicted[:, 1])


@pytest.mark.parametrize(
    "pair", [pair for pair in ALL if pair[1] == "classification"], ids="-".join
)
def test_joint_classification_equals_separate_models(pair, classification_data, trained):
    x, y = classification_data
    both = np.column_stack([y[:, 0], (y[:, 0] > 4).astype(float)])
    one = fit(*pair, x, both, TRAIN_ROWS)
    model = prediction.load(one.model)
    predicted = model.predict(x)
    assert set(np.unique(predicted[:, 1])) <= {0.0, 1.0}
    alone = prediction.load(trained[pair].model).predict(x)
    np.testing.assert_array_equal(predicted[:, 0], alone[:, 0])
    assert model.classes is None
    assert 0 <= one.metrics["f1"] <= 1
    assert "roc_auc" not in one.metrics
