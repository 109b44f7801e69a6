"""The way the extension loads the sources: from memory, in a fixed order, into a bare process."""

import ast
import os
import subprocess
import sys

import pytest
from conftest import SOURCE

import pgml_runtime
from pgml_runtime import errors

ORDER = [
    "interrupts",
    "errors",
    "spellings",
    "names",
    "libraries",
    "algorithms",
    "metrics",
    "categories",
    "importances",
    "searches",
    "progress",
    "pickling",
    "training",
    "unpickling",
    "messagepack",
    "foreign",
    "legacy",
    "prediction",
    "export_parts",
    "export_linear",
    "export_trees",
    "export_xgboost",
    "export_lightgbm",
    "export_catboost",
    "export",
    "datasets",
    "adoption",
    "environment",
]

LOADER = """
import sys, types
from pathlib import Path
folder = Path(sys.argv[1])
sys.path = [entry for entry in sys.path if entry and Path(entry) != folder.parent]
for name in ["", *sys.argv[2].split()]:
    full = f"pgml_runtime.{name}" if name else "pgml_runtime"
    module = types.ModuleType(full)
    if not name:
        module.__path__ = []
    sys.modules[full] = module
    source = (folder / f"{name or '__init__'}.py").read_text(encoding="utf-8")
    exec(compile(source, full, "exec"), module.__dict__)
    if name:
        setattr(sys.modules["pgml_runtime"], name, module)
"""


def _run(program, *options, order=ORDER):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [
            sys.executable,
            *options,
            "-c",
            LOADER + program,
            str(SOURCE / "pgml_runtime"),
            " ".join(order),
        ],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_every_module_is_in_the_fixed_order():
    files = {path.stem for path in (SOURCE / "pgml_runtime").glob("*.py")}
    assert files == {"__init__", *ORDER}


def test_it_trains_and_predicts_from_memory():
    done = _run(
        """
import json
import numpy as np
import pgml_runtime.training, pgml_runtime.prediction
x = np.arange(20.0).reshape(10, 2)
model, metrics, _ = sys.modules["pgml_runtime.training"].fit(
    "linear", "regression", x, x[:, :1] * 2, 8, "{}", None, "{}", "{}")
print(json.loads(metrics)["r2"], pgml_runtime.prediction.load(model).predict(x)[0])
"""
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("1.0 [")


def test_loading_needs_no_package_and_a_missing_one_is_a_hint():
    done = _run(
        """
assert not {"numpy", "sklearn", "joblib"} & set(sys.modules)
from pgml_runtime import datasets, errors
try:
    datasets.load("iris")
except errors.UserError as error:
    assert isinstance(error, errors.MissingPackage)
    print(error.message, error.hint, error.sqlstate, sep="|")
""",
        "-S",  # no site-packages
    )
    assert done.returncode == 0, done.stdout
    message, hint, sqlstate = done.stdout.strip().split("|")
    assert message == "the Python package scikit-learn can't be loaded"
    assert "pgml-python" in hint
    assert "pgml.venv" in hint
    assert sqlstate == "58P01"


def test_a_package_that_does_not_load_says_why(tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text("raise OSError('libgomp.so.1: cannot open')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(errors.MissingPackage, match=r"broken_library .*libgomp\.so\.1"):
        errors.require("broken_library")


def test_a_first_prediction_imports_no_other_library():
    done = _run(
        """
import numpy as np
import pgml_runtime.training, pgml_runtime.prediction
x = np.arange(20.0).reshape(10, 2)
model = pgml_runtime.training.fit(
    "linear", "regression", x, x[:, :1] * 2, 8, "{}", None, "{}", "{}")[0]
pgml_runtime.prediction.load(model).predict(x)
print(sorted({"xgboost", "lightgbm", "pandas", "matplotlib"} & set(sys.modules)))
"""
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["__init__", *ORDER])
def test_the_sources_parse_as_python_3_8(name):
    source = (SOURCE / "pgml_runtime" / f"{name}.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 8))
    assert source.count("\n") < 400


def test_the_interface():
    assert pgml_runtime.PROTOCOL == 1
    assert pgml_runtime.emit_warning("dropped") is None
    error = errors.UserError("what", "hint")
    assert (error.message, error.hint, error.sqlstate) == ("what", "hint", "22023")
    assert errors.UserError("what").hint is None
