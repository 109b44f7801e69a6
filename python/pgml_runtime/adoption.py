"""Models of a PostgresML 1.0 database: whether they load, and predict what they predicted there.

The interpreter that trained them is gone. What is left is the score that it noted, and the rows: a
model that predicts as it did has the same score on the same rows.
"""

from __future__ import annotations

import json
import math
import struct

from pgml_runtime import metrics, prediction


def check(data, x, y, test_size):
    """Load the model in `data` and score it on each set of rows that can have been the test rows.

    x, y: all rows in the order of the snapshot, as `training.fit` takes them, but with NaN for a
    missing feature; or None: then the model is only loaded. test_size: the snapshot's, as text.
    Returns JSON: `splits`, a list of scores, each with `test_rows` and whether they are the
    `first`, and `not_compared`, why there is none. UserError: the model can't be used.
    """
    model = prediction.load(data)
    if x is None:
        return _answer([], None)
    if model.n_features not in (None, x.shape[1]):
        return _answer(
            [],
            f"the model takes {model.n_features} features, and the snapshot's rows have "
            f"{x.shape[1]}",
        )
    predicted = model.predict(x)
    if predicted.shape != y.shape:
        return _answer(
            [],
            f"the model predicts {predicted.shape[1]} labels, and the snapshot has {y.shape[1]}",
        )
    scored = []
    for rows, first in _splits(len(x), test_size):
        part = slice(0, rows) if first else slice(len(x) - rows, len(x))
        scores = _scores(model, y[part], predicted[part])
        scored.append({"test_rows": rows, "first": first, **scores})
    return _answer(scored, None)


def _answer(scored, not_compared):
    return json.dumps({"splits": scored, "not_compared": not_compared}, allow_nan=False)


def _splits(rows, test_size):
    """Return (test rows, whether they are the first) for each way in which 1.0 split rows.

    A share was rounded up or down, and 0.2 was 0.20000000298 where it came as a 4-byte float: of
    150 rows that is 31 rounded up. With test_sampling 'first' and 'last' the shares changed places.
    """
    counts = set()
    for size in (float(test_size), _single(float(test_size))):
        exact = size if size > 1 else rows * size
        counts |= {math.floor(exact), math.ceil(exact), math.ceil(exact - 1e-9)}
    counts |= {rows - count for count in counts}
    return [
        (count, first) for count in sorted(counts) if 0 < count < rows for first in (False, True)
    ]


def _single(number):
    """Round to single precision."""
    return struct.unpack("f", struct.pack("f", number))[0]


def _scores(model, y, predicted):
    if model.task == "regression":
        return metrics.regression(y, predicted)
    per_label = [
        metrics.classification(true, guess, None, None) for true, guess in zip(y.T, predicted.T)
    ]
    return per_label[0] if len(per_label) == 1 else metrics.joint(per_label)
