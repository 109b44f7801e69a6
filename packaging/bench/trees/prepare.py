#!/usr/bin/env python3
"""Trains the models in the server, and hands each to the libraries that it is compared with.

Usage: prepare.py PORT DATABASE DIRECTORY [table]

Each model gets a directory with `estimator.pkl`, `model.onnx`, and C source in `c/`, which is
compiled elsewhere. `table`: only the table's own models, not the sweep.
"""

import json
import os
import pickle
import sys
import warnings

import numpy as np
import sizes
import tl2cgen
import treelite
from server import Session

_PER_UNIT = 25
"""Trees in one file of C."""


def data(rows, size, seed):
    """Return rows and labels; every number has the same value as float32."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, size.features)).astype(np.float32).astype(np.float64)
    far = size.features - 1
    y = x[:, 0] * 2 + np.sin(x[:, 1] * 3) * x[:, 2] + np.abs(x[:, 3]) + x[:, far]
    y += 0.3 * random.normal(size=rows)
    if size.classes:
        bounds = np.quantile(y, np.linspace(0, 1, size.classes + 1)[1:-1])
        y = np.searchsorted(bounds, y).astype(np.float64)
    if size.missing:
        x[random.random(x.shape) < 0.05] = np.nan
    return x, y


def key(size):
    """Return the name of the tables with a model's rows: models of the same shape share them."""
    return f"{size.features}_{size.classes}_{int(size.missing)}_{size.rows}"


def _array(row):
    return "{" + ",".join(map(repr, row.tolist())) + "}"


def _tables(session, size):
    """Make the rows to train on and those to predict: one a row, and 10,000 in an array."""
    name = key(size)
    session.run(f"CREATE TABLE bench.train_{name} (x float8[], y float8)")
    x, y = data(size.train, size, seed=1)
    session.copy(f"bench.train_{name}", (f"{_array(r)}\t{v!r}\n" for r, v in zip(x, y.tolist())))
    session.run(f"CREATE TABLE bench.rows_{name} (n int, x float8[])")
    x, _ = data(size.rows, size, seed=2)
    session.copy(f"bench.rows_{name}", (f"{n}\t{_array(r)}\n" for n, r in enumerate(x)))
    session.run(f"CREATE TABLE bench.batches_{name} (n int, x float8[])")
    session.run(f"ALTER TABLE bench.batches_{name} ALTER x SET STORAGE EXTERNAL")
    session.run(
        f"INSERT INTO bench.batches_{name} SELECT n / 10000, array_agg(x ORDER BY n) "
        f"FROM bench.rows_{name} GROUP BY n / 10000 ORDER BY n / 10000"
    )
    session.run(f"VACUUM ANALYZE bench.rows_{name}, bench.batches_{name}")


def _trained(session, size, project):
    """Train in the server; return the estimator that it stored."""
    task = "classification" if size.classes else "regression"
    params = json.dumps(size.params)
    label = "y::int AS y" if size.classes else "y"
    session.run(f"CREATE VIEW bench.{project} AS SELECT x, {label} FROM bench.train_{key(size)}")
    session.run(
        f"SELECT pgml.train('{project}', '{task}', 'bench.{project}', 'y', "
        f"'{size.algorithm}', '{params}')"
    )
    (by,) = session.run(
        "SELECT coalesce(metrics->>'predicted_by', '') "
        "|| coalesce(': ' || (metrics->>'not_exported'), '') "
        "FROM pgml.models ORDER BY id DESC LIMIT 1"
    )
    if by != "rust":
        raise SystemExit(f"{size.name} predicts in {by}")
    lines = session.run(
        "SELECT encode(data, 'hex') FROM pgml.files WHERE path = 'estimator.pkl' "
        "AND model_id = (SELECT max(id) FROM pgml.models) ORDER BY part"
    )
    stored = pickle.loads(bytes.fromhex("".join(lines)))
    return pickle.loads(stored["estimator"])


def _treelite(estimator, size):
    if size.algorithm == "lightgbm":
        return treelite.frontend.from_lightgbm(estimator.booster_)
    if size.algorithm == "xgboost":
        return treelite.frontend.from_xgboost(estimator.get_booster())
    return treelite.sklearn.import_model(estimator)


def _onnx(estimator, size):
    import onnxmltools
    import skl2onnx
    from onnxmltools.convert.common.data_types import FloatTensorType

    shape = [None, size.features]
    types = [("x", FloatTensorType(shape))]
    options = {}
    if size.algorithm == "lightgbm":
        convert = onnxmltools.convert_lightgbm
        if size.classes:
            options["zipmap"] = False
    elif size.algorithm == "xgboost":
        convert = onnxmltools.convert_xgboost
    else:
        types = [("x", skl2onnx.common.data_types.FloatTensorType(shape))]
        return skl2onnx.to_onnx(estimator, initial_types=types)
    return convert(estimator, initial_types=types, target_opset=15, **options)


def _make(session, size, number, directory):
    project = f"m{number}"
    estimator = _trained(session, size, project)
    to = os.path.join(directory, project)
    os.makedirs(to)
    with open(os.path.join(to, "estimator.pkl"), "wb") as file:
        pickle.dump(estimator, file)
    model = _treelite(estimator, size)
    model.serialize(os.path.join(to, "model.treelite"))
    if size.compiled:
        units = max(1, model.num_tree // _PER_UNIT)
        tl2cgen.generate_c_code(model, os.path.join(to, "c"), params={"parallel_comp": units})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = _onnx(estimator, size)
        except Exception as error:  # the converters raise what they like
            print(f"not measured: ONNX Runtime, {size.name}: {error}", file=sys.stderr)
            return
    with open(os.path.join(to, "model.onnx"), "wb") as file:
        file.write(made.SerializeToString())


def main():
    """Make all models."""
    port, database, directory, *only = sys.argv[1:]
    session = Session(port, database)
    session.run("CREATE SCHEMA bench")
    made = set()
    for number, size in enumerate(sizes.TABLE + ([] if only else sizes.SWEEP)):
        if key(size) not in made:
            made.add(key(size))
            _tables(session, size)
        _make(session, size, number, directory)
    session.close()


if __name__ == "__main__":
    sys.exit(main())
