#!/usr/bin/env python3
"""Measure how long explaining takes: 10,000 rows, 100 trees of 31 leaves, one thread, in turns.

Usage, in the virtual environment of reference.py, with the example `explain` of this crate:

    python speed.py ../../../target/release/examples/explain [ROUNDS]

Prints the seconds of shap's TreeExplainer, of LightGBM's pred_contrib and of pgml: the median and
all rounds.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["OMP_NUM_THREADS"] = "1"

import lightgbm
import numpy as np
import shap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[4] / "python"))

from pgml_runtime import export


def timed(work):
    """Return the seconds that `work` takes, and what it gives."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def main(program, rounds=5):
    """Measure in turns."""
    chance = np.random.default_rng(0)
    x = chance.standard_normal((10000, 20))
    y = x[:, 0] * x[:, 1] + np.sin(x[:, 2] * 3) + x[:, 3] ** 2 + x[:, 4:].sum(axis=1) / 9
    model = lightgbm.LGBMRegressor(n_estimators=100, num_leaves=31, n_jobs=1, verbosity=-1).fit(
        x, y
    )
    leaves = model.booster_.trees_to_dataframe()["split_feature"].isna().sum()
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    # With a model of LightGBM's, shap calls LightGBM's own code, unless it does not know of it.
    explainer.model.original_model = None
    explainer.model.model_type = "internal"
    took = {"shap": [], "LightGBM": [], "pgml": []}
    sums = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("model", "rows")]
        contents = (export.export({"n_features": 20, "classes": None}, model), x.tobytes())
        for path, content in zip(paths, contents):
            pathlib.Path(path).write_bytes(content)
        for _ in range(rounds):
            seconds, values = timed(lambda: explainer.shap_values(x, check_additivity=False))
            took["shap"].append(seconds)
            sums["shap"] = values.sum() + len(x) * float(np.ravel(explainer.expected_value)[0])
            seconds, values = timed(lambda: model.predict(x, pred_contrib=True, num_threads=1))
            took["LightGBM"].append(seconds)
            sums["LightGBM"] = values.sum()
            printed = subprocess.run([program, *paths], check=True, capture_output=True, text=True)
            seconds, total = printed.stdout.split()
            took["pgml"].append(float(seconds))
            sums["pgml"] = float(total)
    print(
        f"{len(x)} rows, {model.n_estimators_} trees, {leaves} leaves, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    for name, seconds in took.items():
        each = ", ".join(f"{one:.2f}" for one in seconds)
        print(f"{name:10} {statistics.median(seconds):.3f} s ({each}), sum {sums[name]:.6f}")


main(sys.argv[1], *(int(one) for one in sys.argv[2:]))
