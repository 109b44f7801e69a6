"""Export: from a trained estimator to a file that predicts without Python.

docs/model-format.md describes the file; the extension's `pgml_core::model` reads it. What can't be
expressed in it raises NotExported with the reason, and Python goes on predicting. Nothing here
decides that an export is right: the extension compares it with `sample`'s answers and drops it when
one differs.
"""

from __future__ import annotations

import json
import struct

from pgml_runtime.errors import require
from pgml_runtime.export_parts import NotExported

VERSION = 1
"""The version of the format that a file has when nothing in it needs a newer one."""

VERSION_WITH_PLACES = 2
"""That of a file with trees whose leaves name the scores of their values."""

VERSION_EXPLAINED = 3
"""That of a file with what contributions are computed from: the rows that came to each node of a
tree, the means of a linear model's features."""

VERSION_WITH_SETS = 4
"""That of a file with trees that split by categories."""

_SAMPLE = 1000
_DTYPES = {"float64": "F64", "uint32": "U32", "uint8": "U8"}


def export(header, estimator, x=None):
    """Return the bytes of a trained `estimator`; `header` is what training._header made.

    x: the rows that it learned from, whose means a linear model keeps.
    """
    parts = []
    for label, one in enumerate(_single(estimator)):
        classes = None if header["classes"] is None else header["classes"][label]
        part = _part(one, header["n_features"], classes, x)
        if part.scores["kind"] == "linear" and x is not None:
            part.tensors["means"] = x.mean(axis=0)
        parts.append(part)
    made_by = type(_single(estimator)[0])
    description = {
        "version": max(_version(part.tensors) for part in parts),
        "made_by": f"{made_by.__module__.split('.')[0]} {made_by.__name__}",
        "features": header["n_features"],
        "parts": [{"scores": part.scores, "finish": part.finish} for part in parts],
    }
    tensors = {
        f"{place}.{name}": values
        for place, part in enumerate(parts)
        for name, values in part.tensors.items()
    }
    return _container(description, tensors)


def _version(tensors):
    """Return the oldest version that has such a part."""
    if "sets" in tensors:
        return VERSION_WITH_SETS
    if "covers" in tensors or "means" in tensors:
        return VERSION_EXPLAINED
    return VERSION_WITH_PLACES if "places" in tensors else VERSION


def sample(model, x):
    """Return `(rows, predictions, probabilities or None)` for rows taken evenly from `x`."""
    np = require("numpy")
    step = max(1, -(-len(x) // _SAMPLE))
    rows = np.ascontiguousarray(x[::step])
    proba = model.predict_proba(rows) if model.has_probabilities else None
    return rows, model.predict(rows), proba


def _single(estimator):
    if type(estimator).__name__ in ("MultiOutputRegressor", "MultiOutputClassifier"):
        return estimator.estimators_
    return [estimator]


def _part(estimator, n_features, classes, x):
    # Imported here, and each only by the models that need it.
    library = type(estimator).__module__.split(".")[0]
    if library == "xgboost":
        from pgml_runtime.export_xgboost import part
    elif library == "lightgbm":
        from pgml_runtime.export_lightgbm import part
    elif library == "catboost":
        from pgml_runtime.export_catboost import part

        return part(estimator, x, classes)
    else:
        part = _sklearn_part(type(estimator).__name__)
    made = part(estimator, n_features, classes)
    known = getattr(estimator, "classes_", None)
    if classes is not None and known is not None and len(known) != len(classes):
        raise NotExported("a class is missing among the rows that were trained on")
    return made


def _sklearn_part(class_name):
    from pgml_runtime import export_linear, export_trees

    for module in (export_linear, export_trees):
        if class_name in module.PARTS:
            return module.PARTS[class_name]
    raise NotExported(f"{class_name} has no form without Python")


def _container(description, tensors):
    """Write a safetensors file: the length of a JSON header, the header, the numbers."""
    np = require("numpy")
    entries = {"__metadata__": {"pgml": json.dumps(description, allow_nan=False)}}
    chunks = []
    offset = 0
    for name, values in tensors.items():
        array = np.ascontiguousarray(values)
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        entries[name] = {
            "dtype": _DTYPES[array.dtype.name],
            "shape": [array.size],
            "data_offsets": [offset, offset + len(data)],
        }
        chunks.append(data)
        offset += len(data)
    head = json.dumps(entries, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return b"".join([struct.pack("<Q", len(head)), head, *chunks])
