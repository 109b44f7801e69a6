"""Models of a PostgresML 1.0 database: whether they load, and predict what they predicted there.

The interpreter that trained them is gone. What is left is the score that it noted, and the rows: a
model that predicts as it did has the same score on the same rows.
"""

from __future__ import annotations

import json
import math

from pgml_runtime import metrics, prediction


def check(data, x, y, test_size):
    """Load the model in `data` and score it on each set of rows that can have been the test rows.

    x, y: all rows in the order of the snapshot, as `training.fit` takes them, or None: then the
    model is only loaded. test_size: the snapshot's, as text. Returns JSON: a list of scores, each
    with `test_rows` and whether they are the `first`. UserError: the model can't be used.
    """
    model = prediction.load(data)
    if x is None:
        return "[]"
    predicted = model.predict(x)
    scored = []
    for rows, first in _splits(len(x), float(test_size)):
        part = slice(0, rows) if first else slice(len(x) - rows, len(x))
        scores = _scores(model, y[part], predicted[part])
        scored.append({"test_rows": rows, "first": first, **scores})
    return json.dumps(scored, allow_nan=False)


def _splits(rows, test_size):
    """Return (test rows, whether they are the first) for each way in which 1.0 split rows.

    A share was rounded up or down. With test_sampling 'first' and 'last' the shares changed places.
    """
    exact = test_size if test_size > 1 else rows * test_size
    counts = {math.floor(exact), math.ceil(exact - 1e-9)}
    counts |= {rows - count for count in counts}
    return [
        (count, first) for count in sorted(counts) if 0 < count < rows for first in (False, True)
    ]


def _scores(model, y, predicted):
    if model.task == "regression":
        return metrics.regression(y, predicted)
    per_label = [
        metrics.classification(true, guess, None, None) for true, guess in zip(y.T, predicted.T)
    ]
    return per_label[0] if len(per_label) == 1 else metrics.joint(per_label)
