"""The requirements: complete for every Python, hashed, and without places."""

import re

import pytest
from conftest import SOURCE

LOCK = (SOURCE / "requirements.lock").read_text(encoding="utf-8")
CATBOOST = (SOURCE / "requirements-catboost.lock").read_text(encoding="utf-8")
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.*?))? \\$", re.M)
MARKER = re.compile(r"python_full_version (<|>=|==) '(3\.\d+)(?:\.\*)?'")

# The runtimes. NumPy 2.4 and newer end with an illegal instruction on a plain x86-64 processor,
# the floor: 2.3 is the last that runs there (the suite `packages` trains on an emulated one).
RUNTIMES = {
    (3, 8): "numpy 1.24.4 scipy 1.10.1 scikit-learn 1.3.2 xgboost 2.1.4 lightgbm 4.6.0",
    (3, 9): "numpy 2.0.2 scipy 1.13.1 scikit-learn 1.6.1 xgboost 2.1.4 lightgbm 4.6.0",
    (3, 10): "numpy 2.2.6 scipy 1.15.3 scikit-learn 1.7.2 xgboost-cpu 3.2.0 lightgbm 4.7.0",
    (3, 11): "numpy 2.3.5 scipy 1.17.1 scikit-learn 1.9.1 xgboost-cpu 3.2.0 lightgbm 4.7.0",
    (3, 12): "numpy 2.3.5 scipy 1.18.1 scikit-learn 1.9.1 xgboost-cpu 3.4.1 lightgbm 4.7.0",
    (3, 13): "numpy 2.3.5 scipy 1.18.1 scikit-learn 1.9.1 xgboost-cpu 3.4.1 lightgbm 4.7.0",
    (3, 14): "numpy 2.3.5 scipy 1.18.1 scikit-learn 1.9.1 xgboost-cpu 3.4.1 lightgbm 4.7.0",
}


def _holds(marker, python):
    for clause in (marker or "").split(" and "):
        if not clause:
            continue
        operator, version = MARKER.fullmatch(clause).groups()
        other = tuple(int(part) for part in version.split("."))
        truth = {"<": python < other, ">=": python >= other, "==": python == other}[operator]
        if not truth:
            return False
    return True


@pytest.mark.parametrize("python", RUNTIMES, ids=str)
def test_the_versions_for_each_python(python):
    chosen = {}
    for name, version, marker in PIN.findall(LOCK):
        if _holds(marker, python):
            assert name not in chosen
            chosen[name] = version
    words = RUNTIMES[python].split()
    expected = dict(zip(words[::2], words[1::2]))
    assert {name: chosen.get(name) for name in expected} == expected
    assert {"joblib", "threadpoolctl"} <= set(chosen)


@pytest.mark.parametrize("lock", [LOCK, CATBOOST], ids=["runtime", "catboost"])
def test_every_pin_has_hashes_and_nothing_has_a_place(lock):
    lines = [line for line in lock.splitlines() if line and not line.startswith("#")]
    pins = [line for line in lines if not line.startswith("    --hash=sha256:")]
    assert len(pins) == len(PIN.findall(lock))
    assert "://" not in lock
    assert "index" not in lock
    assert not re.search(r"^nvidia", lock, re.M)


@pytest.mark.parametrize("python", RUNTIMES, ids=str)
def test_catboost_adds_what_it_imports_and_nothing_that_the_runtime_has(python):
    def names(lock):
        return {name for name, _, marker in PIN.findall(lock) if _holds(marker, python)}

    added = {"catboost", "pandas", "python-dateutil", "six", "tzdata"}
    added |= {"pytz"} if python < (3, 11) else set()
    assert names(CATBOOST) == added
    assert not added & names(LOCK)
