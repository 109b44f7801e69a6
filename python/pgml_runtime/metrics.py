"""Scores of a model on its test rows, with scikit-learn's own functions and no NaN.

Every function returns a dict of floats. A score that is undefined for these rows is None, and
`notes` (present only then) says why, by the score's name.
"""

from __future__ import annotations

import json
import math

from pgml_runtime.errors import UserError, require

KEY_METRIC = {
    "regression": "r2",
    "classification": "f1",
    "clustering": "silhouette",
    "decomposition": "cumulative_explained_variance",
}
"""The score by which models of a task are compared; higher is better."""

MOST_PROBABILITIES = 50_000_000
"""Test rows times classes up to which `log_loss` and `roc_auc` are computed: 400 MB of numbers."""

MOST_DISTANCES = 10_000
"""Test rows up to which the silhouette takes all of them: it compares each with each."""

_NAMED = 10
"""Classes that a note names."""

_NO_ROWS = "there are no test rows"


def regression(y_true, y_pred):
    """Score predictions of shape (rows,) or (rows, labels); several labels are averaged."""
    scores = {"mean_squared_error": None, "mean_absolute_error": None, "r2": None}
    if len(y_true) == 0:
        return _with_notes(scores, dict.fromkeys(scores, _NO_ROWS))
    sk = require("sklearn.metrics")
    scores["mean_squared_error"] = sk.mean_squared_error(y_true, y_pred)
    scores["mean_absolute_error"] = sk.mean_absolute_error(y_true, y_pred)
    notes = {}
    if len(y_true) < 2:
        notes["r2"] = "r2 needs at least two test rows"
    else:
        scores["r2"] = sk.r2_score(y_true, y_pred)
    return _with_notes(scores, notes)


def classification(y_true, y_pred, proba, labels, called=str):
    """Score one label's predicted classes.

    y_true, y_pred: shape (rows,). proba: shape (rows, classes) with its columns in the order of
    `labels`, or None where the model has no probabilities: `log_loss` and `roc_auc` are then left
    out. labels: the sorted classes that the model knows; test rows may lack some or have others.
    called: what a class is called in a note.
    """
    names = ("f1", "precision", "recall", "accuracy", "balanced_accuracy")
    scores = dict.fromkeys(names)
    if proba is not None:
        scores.update(log_loss=None, roc_auc=None)
    if len(y_true) == 0:
        return _with_notes(scores, dict.fromkeys(scores, _NO_ROWS))
    sk = require("sklearn.metrics")
    weighted = {"average": "weighted", "zero_division": 0}
    scores["f1"] = sk.f1_score(y_true, y_pred, **weighted)
    scores["precision"] = sk.precision_score(y_true, y_pred, **weighted)
    scores["recall"] = sk.recall_score(y_true, y_pred, **weighted)
    scores["accuracy"] = sk.accuracy_score(y_true, y_pred)
    # scikit-learn's own function warns of predicted classes that no test row has.
    scores["balanced_accuracy"] = sk.recall_score(
        y_true, y_pred, average="macro", labels=sorted(set(y_true.tolist())), zero_division=0
    )
    notes = {}
    if proba is not None:
        reason = _why_no_probability_scores(y_true, labels, called)
        if reason:
            notes["log_loss"] = notes["roc_auc"] = reason
        else:
            scores["log_loss"] = _log_loss(y_true, proba, labels)
            if len(set(y_true.tolist())) < 2:
                notes["roc_auc"] = "the test rows have one class only"
            else:
                scores["roc_auc"] = _roc_auc(y_true, proba, labels)
    return _with_notes(scores, notes)


def leave_out_probability_scores(scores, rows, classes):
    """Note in `scores` why there is no `log_loss` and no `roc_auc`: too large a table."""
    why = (
        f"{rows} test rows have {rows * classes} probabilities of {classes} classes, and "
        f"{MOST_PROBABILITIES} is the most that is scored"
    )
    for name in ("log_loss", "roc_auc"):
        scores[name] = None
        scores.setdefault("notes", {})[name] = why


def clustering(x, clusters):
    """Score the clusters of the rows `x`: how much nearer a row is to its own than to the next.

    Each row is compared with each, so that of many rows only some are scored, taken evenly.
    """
    scores = {"silhouette": None}
    rows = len(x)
    if rows > MOST_DISTANCES:
        np = require("numpy")
        some = np.arange(MOST_DISTANCES) * rows // MOST_DISTANCES
        scored = clustering(x[some], clusters[some])
        scored.setdefault("notes", {}).setdefault(
            "silhouette", f"of {MOST_DISTANCES} of the {rows} test rows"
        )
        return scored
    if len(x) == 0:
        return _with_notes(scores, {"silhouette": _NO_ROWS})
    found = len(set(clusters.tolist()))
    if not 2 <= found < len(x):
        why = f"silhouette needs 2 to {len(x) - 1} clusters among the test rows, not {found}"
        return _with_notes(scores, {"silhouette": why})
    scores["silhouette"] = require("sklearn.metrics").silhouette_score(x, clusters)
    return _with_notes(scores, {})


def decomposition(estimator):
    """Return the share of the training rows' variance that the components keep."""
    ratios = estimator.explained_variance_ratio_
    scores = {"cumulative_explained_variance": ratios.sum()}
    return {**_with_notes(scores, {}), "explained_variance_ratio": json_ready(ratios)}


def of_lists(task, y_true, y_pred):
    """Score two one-dimensional arrays of float64, for SQL; return the scores as JSON."""
    if len(y_true) != len(y_pred):
        raise UserError(f"there are {len(y_true)} true values and {len(y_pred)} predicted ones")
    if len(y_true) == 0:
        raise UserError("there are no values to score")
    if task == "regression":
        return json.dumps(regression(y_true, y_pred), allow_nan=False)
    for values in (y_true, y_pred):
        if (values != values.round()).any():
            raise UserError(
                "the classes of a classification are whole numbers",
                hint="Round the values, or use pgml.sklearn_regression_metrics().",
            )
    scores = classification(y_true.astype("int64"), y_pred.astype("int64"), None, None)
    del scores["balanced_accuracy"]  # PostgresML 2.x's function has the other four
    return json.dumps(scores, allow_nan=False)


def joint(per_label):
    """Average the dicts of several labels' scores; a score undefined for one is undefined."""
    scores = {}
    notes = {}
    for name in per_label[0]:
        if name == "notes":
            continue
        values = [one.get(name) for one in per_label]
        if any(value is None for value in values):
            scores[name] = None
            notes[name] = next(
                (one["notes"][name] for one in per_label if name in one.get("notes", {})),
                "undefined for one of the labels",
            )
        else:
            scores[name] = sum(values) / len(values)
    return _with_notes(scores, notes)


def json_ready(value):
    """Copy `value` with numpy's types turned into JSON's; NaN and infinities become None."""
    if isinstance(value, dict):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(item) for item in value]
    if hasattr(value, "tolist"):  # arrays (masked ones give None for what is masked) and scalars
        return json_ready(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def _why_no_probability_scores(y_true, labels, called):
    unseen = sorted(set(y_true.tolist()) - set(labels))
    if unseen:
        listed = ", ".join(called(label) for label in unseen[:_NAMED])
        if len(unseen) > _NAMED:
            listed += f" and {len(unseen) - _NAMED} more"
        return f"the test rows have classes that the training rows lack: {listed}"
    return None


def _log_loss(y_true, proba, labels):
    """Return what scikit-learn's `log_loss` gives, without a table of rows times classes."""
    np = require("numpy")
    own = proba[np.arange(len(y_true)), np.searchsorted(labels, y_true)]
    # XGBoost computes in float32, whose rows add up to 1 only nearly.
    shares = own / proba.sum(axis=1)
    least = np.finfo(np.float64).eps
    return -np.log(np.clip(shares, least, 1 - least)).mean()


def _roc_auc(y_true, proba, labels):
    """Return the area under the curve; of several classes one against one, weighted by their rows.

    What scikit-learn's `roc_auc_score` gives: it takes each pair of classes by itself, which are
    millions for thousands of classes. Here a class's scores are compared with those of all others
    at once.
    """
    np = require("numpy")
    places = np.searchsorted(labels, y_true)
    if len(labels) == 2:
        return _areas(proba[:, 1], places, 1, 2)[0]
    there = np.unique(places)
    numbers = np.searchsorted(there, places)
    rows = np.bincount(numbers)
    total = weight = 0.0
    for one, place in enumerate(there):
        areas = _areas(proba[:, place], numbers, one, len(there))
        # A pair counts as often as it has rows, and each of its two classes gives one half.
        pairs = rows[one] + rows
        others = np.arange(len(there)) != one
        total += (areas * pairs)[others].sum() / 2
        weight += pairs[others].sum() / 2
    return total / weight


def _areas(scores, numbers, one, count):
    """Return for each class how often class `one` has the higher score; ties count half."""
    np = require("numpy")
    inside = numbers == one
    own = np.sort(scores[inside])
    lower = np.searchsorted(own, scores, side="left")
    upper = np.searchsorted(own, scores, side="right")
    higher = len(own) - upper + (upper - lower) / 2
    sums = np.bincount(numbers, weights=higher, minlength=count)
    rows = np.bincount(numbers, minlength=count)
    return sums / (np.maximum(rows, 1) * len(own))


def _with_notes(scores, notes):
    scores = {name: json_ready(value) for name, value in scores.items()}
    for name, value in scores.items():
        if value is None:
            notes.setdefault(name, "it is not a finite number for these predictions")
    if notes:
        scores["notes"] = notes
    return scores
