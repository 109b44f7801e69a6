#!/usr/bin/env python3
"""Measures pgml and the others in turns, and compares what they predict.

Usage: measure.py PORT DATABASE DIRECTORY ROUNDS [table]

Prints a line of JSON for each case, as the scripts in SQL do, and one of versions. All sides use
one thread. Rows of other libraries lie in memory, in the form that each likes best; those of pgml
are in a table.
"""

import importlib.metadata
import json
import os
import pickle
import sys
import time
from functools import partial

import numpy as np
import onnxruntime
import sizes
import tl2cgen
import treelite
from prepare import data, key
from server import Session

_CALLS = 200
"""Calls with a single row that are timed together."""

_PACKAGES = ("lightgbm", "xgboost-cpu", "scikit-learn", "treelite", "tl2cgen", "onnxruntime")


def library(estimator, size):
    """Return what predicts with the library that trained: what it takes, and a function."""
    if size.algorithm == "lightgbm":
        booster = estimator.booster_
        return np.float64, lambda x: booster.predict(x, num_threads=1)
    if size.algorithm == "xgboost":
        booster = estimator.get_booster()
        booster.set_param({"nthread": 1})
        return np.float32, booster.inplace_predict
    estimator.set_params(n_jobs=1)
    return np.float32, estimator.predict


class Sides:
    """The others' ways to predict one model's rows."""

    def __init__(self, size, directory):
        """Load what prepare.py made."""
        with open(os.path.join(directory, "estimator.pkl"), "rb") as file:
            self.estimator = pickle.load(file)
        self.size = size
        self.ways = {}
        x, _ = data(size.rows, size, seed=2)
        wanted, predict = library(self.estimator, size)
        self._add("the library itself", x.astype(wanted), predict)
        model = treelite.Model.deserialize(os.path.join(directory, "model.treelite"))
        wide = np.float64 if size.algorithm != "xgboost" else np.float32
        self._add(
            "treelite GTIL", x.astype(wide), lambda x: treelite.gtil.predict(model, x, nthread=1)
        )
        compiled = os.path.join(directory, "c", "model.so")
        if os.path.exists(compiled):
            predictor = tl2cgen.Predictor(compiled, nthread=1)
            own = x.astype(wide)
            matrix = tl2cgen.DMatrix(own, dtype=np.dtype(wide).name)
            one = tl2cgen.DMatrix(own[:1], dtype=np.dtype(wide).name)
            name = "treelite compiled to C"
            self.ways[name] = (matrix, predictor.predict, one)
        onnx = os.path.join(directory, "model.onnx")
        if os.path.exists(onnx):
            self._onnx(onnx, x.astype(np.float32))

    def _add(self, name, x, predict):
        self.ways[name] = (np.ascontiguousarray(x), predict, np.ascontiguousarray(x[:1]))

    def _onnx(self, path, x):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        # A classifier's first output is the class.
        output = session.get_outputs()[0].name
        name = session.get_inputs()[0].name
        self._add("ONNX Runtime", x, lambda x: session.run([output], {name: x})[0])

    def labels(self, name):
        """Return what a side predicts for all rows."""
        x, predict, _ = self.ways[name]
        found = np.asarray(predict(x), dtype=np.float64)
        found = found.reshape(self.size.rows, -1)
        return found.argmax(axis=1).astype(np.float64) if found.shape[1] > 1 else found.ravel()


def timed(act):
    """Return the seconds of a call."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def call_often(predict, one):
    """Predict one row again and again."""
    for _ in range(_CALLS):
        predict(one)


def ours(project, size):
    """Return the statements that predict all rows: one a row, and in arrays."""
    name = key(size)
    return (
        f"SELECT sum(pgml.predict('{project}', x)) FROM bench.rows_{name}",
        f"SELECT sum(p) FROM (SELECT pgml.predict_batch('{project}', x) AS p "
        f"FROM bench.batches_{name}) AS t",
        f"SELECT sum(cardinality(x)) FROM bench.rows_{name}",
    )


def predicted(session, project, size):
    """Return what pgml predicts for all rows; both ways must say the same."""
    name = key(size)
    rows = session.run(f"SELECT pgml.predict('{project}', x) FROM bench.rows_{name} ORDER BY n")
    batch = session.run(
        f"SELECT pgml.predict_batch('{project}', x) "
        f"FROM (SELECT x FROM bench.batches_{name} ORDER BY n) AS t"
    )
    if rows != batch:
        raise SystemExit(f"{size.name}: predict and predict_batch say different things")
    return np.array(rows, dtype=np.float64)


def agreement(name, here, there):
    """Return how a side's predictions compare with those of pgml."""
    scale = np.maximum(np.abs(here), np.abs(there))
    apart = np.abs(here - there)
    relative = np.divide(apart, scale, out=np.zeros_like(apart), where=scale > 0)
    equal = here.view(np.int64) == there.view(np.int64)
    return {
        "to": name,
        "rows": len(here),
        "equal": int(equal.sum()),
        "largest": float(relative.max()),
    }


def case(what, unit_rows, sides, agreements=()):
    """Print a case; the values are seconds for all of `unit_rows`."""
    listed = [{"name": n, "values": [v / unit_rows for v in values]} for n, values in sides.items()]
    text = {"bench": "trees", "case": what, "unit": "s", "per": "row", "sides": listed}
    print(json.dumps({**text, "agreements": list(agreements)}), flush=True)


def compare(session, project, size, directory, rounds):
    """Measure one model."""
    sides = Sides(size, directory)
    here = predicted(session, project, size)
    agreements = [agreement(name, here, sides.labels(name)) for name in sides.ways]
    by_row, in_arrays, floor = ours(project, size)
    batch, single = {name: [] for name in sides.ways}, {name: [] for name in sides.ways}
    server = {"row": [], "batch": [], "floor": []}
    for _ in range(rounds):
        for name, (x, predict, one) in sides.ways.items():
            batch[name].append(timed(lambda x=x, predict=predict: predict(x)))
            single[name].append(timed(partial(call_often, predict, one)) / _CALLS)
        server["row"].append(timed(lambda: session.run(by_row)))
        server["batch"].append(timed(lambda: session.run(in_arrays)))
        server["floor"].append(timed(lambda: session.run(floor)))
    floor = {"floor": server["floor"]}
    case(f"{size.name}: batch", size.rows, {**batch, **floor, "pgml": server["batch"]}, agreements)
    case(
        f"{size.name}: predict, a row a call", size.rows, {**batch, **floor, "pgml": server["row"]}
    )
    # The others' calls come from Python, ours from the executor.
    one = [value / size.rows for value in server["row"]]
    case(f"{size.name}: one row", 1, {**single, "pgml": one})


def main():
    """Measure all models."""
    port, database, directory, rounds, *only = sys.argv[1:]
    versions = [{"name": p, "version": importlib.metadata.version(p)} for p in _PACKAGES]
    session = Session(port, database)
    for number, size in enumerate(sizes.TABLE + ([] if only else sizes.SWEEP)):
        project = f"m{number}"
        compare(session, project, size, os.path.join(directory, project), int(rounds))
    session.close()
    print("versions " + json.dumps(versions))


if __name__ == "__main__":
    sys.exit(main())
