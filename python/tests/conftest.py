"""Shared data and a `fit` that is short to write; one thread, as in a database server.

Where PGML_PAIRS names a file, what became of each (algorithm, task) pair is written there, for the
table in docs/sql/algorithms.md.
"""

import importlib
import json
import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
SOURCE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SOURCE))

import numpy as np
import pytest

import pgml_runtime
from pgml_runtime import training

REPORT_FORMAT = 1
_PAIR_TEST = "test_equals_the_class_used_directly_and_survives_the_pickle"
_passed = {}


def pytest_runtest_logreport(report):
    """Note how the test of each pair ended; it trains, reloads in another process, and compares."""
    if f"::{_PAIR_TEST}[" in report.nodeid:
        _passed[report.nodeid] = _passed.get(report.nodeid, True) and report.passed


def pytest_sessionfinish(session):
    """Write the report, when one is asked for and every pair was tested."""
    path = os.environ.get("PGML_PAIRS")
    if not path:
        return
    import contract

    modules = {"scikit-learn": "sklearn", "xgboost": "xgboost", "lightgbm": "lightgbm"}
    pairs = []
    for (algorithm, task), class_name in contract.PAIRS.items():
        ended = [ok for name, ok in _passed.items() if name.endswith(f"[{algorithm}-{task}]")]
        if len(ended) != 1:
            return
        class_name = class_name.rsplit(".", 1)[1]
        pair = {"algorithm": algorithm, "task": task, "class": class_name, "passed": ended[0]}
        pairs.append(pair)
    report = {
        "format": REPORT_FORMAT,
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "versions": ", ".join(
            f"{name} {importlib.import_module(module).__version__}"
            for name, module in modules.items()
        ),
        "pairs": pairs,
    }
    Path(path).write_text(json.dumps(report), encoding="utf-8")


class Fitted:
    """What training.fit returned, parsed."""

    def __init__(self, model, metrics_json, hyperparams_json):
        self.model = model
        self.metrics = json.loads(metrics_json)
        self.hyperparams = json.loads(hyperparams_json)


def fit(algorithm, task, x, y, train_rows, hyperparams=None, search=None, params=None, args=None):
    return Fitted(
        *training.fit(
            algorithm,
            task,
            x,
            y,
            train_rows,
            json.dumps(hyperparams or {}),
            search,
            json.dumps(params or {}),
            json.dumps(args or {}),
        )
    )


def child_environment():
    """Return the environment of a new Python process that can import the sources."""
    return {**os.environ, "PYTHONPATH": str(SOURCE)}


def _made(seed, classes):
    draw = np.random.RandomState(seed)
    x = draw.normal(size=(160, 4))
    signal = x[:, 0] - 2 * x[:, 1] + 0.5 * x[:, 2] * x[:, 3] + draw.normal(scale=0.3, size=160)
    if not classes:
        return np.ascontiguousarray(x), signal.reshape(-1, 1)
    cuts = np.quantile(signal, np.linspace(0, 1, classes + 1)[1:-1])
    # Not 0, 1, …: XGBoost wants those, users have others.
    labels = np.array([3.0, 5.0, 9.0][:classes])[np.searchsorted(cuts, signal)]
    return np.ascontiguousarray(x), labels.reshape(-1, 1)


def many_classes(classes, rows):
    """Return features and labels of `rows` rows; of the first `classes`, each has another class."""
    draw = np.random.RandomState(1)
    y = np.arange(rows) % classes
    waves = [np.sin(y * (wave + 1) * 0.37) for wave in range(8)]
    x = np.stack(waves, axis=1) + draw.normal(scale=0.05, size=(rows, 8))
    return np.ascontiguousarray(x), y.astype(float).reshape(-1, 1)


TRAIN_ROWS = 120


@pytest.fixture(scope="session")
def regression_data():
    return _made(1, 0)


@pytest.fixture(scope="session")
def classification_data():
    return _made(2, 3)


@pytest.fixture(scope="session")
def binary_data():
    return _made(3, 2)


@pytest.fixture
def emitted(monkeypatch):
    """Collect what a user would see as WARNINGs."""
    messages = []
    monkeypatch.setattr(pgml_runtime, "emit_warning", messages.append)
    return messages
