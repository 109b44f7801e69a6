"""Prediction: from a model's bytes to numbers.

Models of this product are the dict that `pgml_runtime.training` writes. A bare pickle of an
estimator, as PostgresML 1.0 and 2.x stored, is read too, and so is what its Rust runtime wrote.
"""

from __future__ import annotations

import sys
import warnings

import pgml_runtime
from pgml_runtime import categories, foreign, legacy, unpickling
from pgml_runtime.errors import (
    UserError,
    failures_as_user_errors,
    forwarded_warnings,
    require,
    summary,
)

_NEWEST_FORMAT = 1
_PICKLE = b"\x80"  # how a pickle begins since Python 2.3
_RETRAIN = "Train the model again with pgml.train, or install the runtime it was trained with."
_BOOSTING = ("xgboost", "lightgbm", "catboost")
_MODULES = {"scikit-learn": "sklearn", **{name: name for name in _BOOSTING}}


class Model:
    """A trained estimator.

    n_features: features a row has, None when an old pickle does not say. n_labels: columns of
    `predict`. classes: the sorted class labels, in the order of `predict_proba`'s columns; None for
    a regression and for several labels. algorithm, task: as trained.
    """

    def __init__(self, header, estimator):
        """Wrap a trained `estimator`; `header` is the dict that training._header makes."""
        self.algorithm = header["algorithm"]
        self.task = header["task"]
        self.n_features = header["n_features"]
        self.n_labels = header["n_labels"]
        self.classes = None
        if header["classes"] is not None and self.n_labels == 1:
            self.classes = header["classes"][0]
        self.has_probabilities = self.classes is not None and hasattr(estimator, "predict_proba")
        self._class_lists = header["classes"]
        self._numbered = header["numbered"]
        self._estimator = estimator
        self._made_with = _listed(header["versions"])

    def predict(self, x):
        """Predict rows of shape (rows, n_features); float64 of shape (rows, n_labels)."""
        np = require("numpy")
        rows = self._rows(x)
        if len(rows) == 0:
            return np.empty((0, self.n_labels))
        decomposes = self.task == "decomposition"
        values = self._call("transform" if decomposes else "predict", rows).reshape(
            len(rows), self.n_labels
        )
        if self._numbered:
            values = np.column_stack(
                [
                    np.asarray(known)[column.astype(np.int64)]
                    for known, column in zip(self._class_lists, values.T)
                ]
            )
        return np.ascontiguousarray(values, dtype=np.float64)

    def predict_proba(self, x):
        """Return each class' probability, float64 of shape (rows, classes)."""
        np = require("numpy")
        if not self.has_probabilities:
            raise UserError(
                f"a {self.task} model of {self.algorithm} with {self.n_labels} label(s) has no "
                "class probabilities",
                hint="Use pgml.predict, or an algorithm that has them, such as random_forest.",
            )
        rows = self._rows(x)
        if len(rows) == 0:
            return np.empty((0, len(self.classes)))
        values = self._call("predict_proba", rows)
        return np.ascontiguousarray(values, dtype=np.float64)

    def _rows(self, x):
        if x.ndim != 2:
            raise UserError(f"features must have the shape (rows, features), not {x.shape}")
        if self.n_features is not None and x.shape[1] != self.n_features:
            raise UserError(
                f"the model takes {self.n_features} features, {x.shape[1]} were given",
                hint="Give them in the column order of the relation that was trained on.",
            )
        return x

    def _call(self, name, rows):
        np = require("numpy")
        rows = categories.rows(rows, categories.of(self._estimator))
        method = categories.method(self._estimator, name)
        with forwarded_warnings(), failures_as_user_errors(f"predicting with {self.algorithm}"):
            try:
                # Threads, for a caller's n_jobs: a server process must not be forked.
                with require("joblib").parallel_config(backend="threading", n_jobs=1):
                    return np.asarray(method(rows))
            except AttributeError as error:  # what another release left out of the estimator
                raise UserError(
                    f"the model of {self.algorithm}, made with {self._made_with}, can't be used "
                    f"here: {summary(error)}",
                    hint=_RETRAIN,
                ) from error


def load(data):
    """Read a model from `data` (bytes); raise UserError when it can't be used here.

    The error names the versions that the model was made with and those that run.
    """
    with forwarded_warnings():
        if not data.startswith(_PICKLE):
            known = foreign.load(data)
            if known:
                return Model(*known)
        content, made_with = _unpickle(data, "unknown versions")
        if not isinstance(content, dict):
            return _old_model(content, made_with)
        if content.get("format") != _NEWEST_FORMAT:
            raise UserError(
                f"the model has format {content.get('format')}, this release reads "
                f"{_NEWEST_FORMAT}",
                hint="Update the pgml extension's packages.",
            )
        _check_versions(content)
        estimator, _ = _unpickle(content.pop("estimator"), _listed(content["versions"]))
        return Model(content, estimator)


def _unpickle(data, made_with):
    """Return `(object, made_with)`; scikit-learn tells the release of a pickle by a warning."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            content = _read(data)
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        made_with = _release_warned_of(caught) or made_with
        if isinstance(error, ModuleNotFoundError) and error.name in _MODULES.values():
            require(error.name)
        raise UserError(
            f"the model, made with {made_with}, can't be read with {_listed(_running())}: "
            f"{summary(error)}",
            hint=_RETRAIN,
        ) from error
    return content, _release_warned_of(caught) or made_with


def _read(data):
    """Read a pickle; where this release can't, in the words of an older one."""
    try:
        return unpickling.loads(data)
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:
        try:
            return unpickling.loads(data, legacy.substitute)
        except Exception:  # the first one says what is wrong with the pickle
            raise error from None


def _release_warned_of(caught):
    for warning in caught:
        release = getattr(warning.message, "original_sklearn_version", None)
        if release:
            return f"scikit-learn {release}"
    return None


def _check_versions(header):
    """Refuse a model whose estimator another release would read as something else.

    scikit-learn promises nothing across releases, so its major.minor must be the same. XGBoost,
    LightGBM and CatBoost read what older releases wrote.
    """
    versions = header["versions"]
    library = next((one for one in _BOOSTING if one in versions), "scikit-learn")
    trained = versions[library]
    running = require(_MODULES[library]).__version__
    then, now = _numbers(trained), _numbers(running)
    if then > now if library != "scikit-learn" else then != now:
        raise UserError(
            f"the model was trained with {library} {trained} on Python {header['python']}; "
            f"this server runs {library} {running}",
            hint=_RETRAIN,
        )


def _old_model(estimator, made_with):
    """Wrap the bare estimator of a PostgresML 1.0 or 2.x database."""
    if not hasattr(estimator, "predict"):
        raise UserError("the model's bytes hold no estimator", hint=_RETRAIN)
    legacy.mend(estimator)
    name = type(estimator).__name__
    if made_with != "unknown versions" and made_with != _listed(_running(["scikit-learn"])):
        pgml_runtime.emit_warning(
            f"this {name} was made with {made_with}, this server runs "
            f"{_listed(_running(['scikit-learn']))}: compare its predictions, or train it again"
        )
    classes = getattr(estimator, "classes_", None)
    joint = isinstance(classes, list)  # one array a label
    header = {
        "algorithm": name,
        "task": "regression" if classes is None else "classification",
        "n_features": getattr(estimator, "n_features_in_", None),
        "n_labels": 1,
        "classes": None if classes is None or joint else [list(map(int, classes))],
        "numbered": False,
        "versions": {},
    }
    model = Model(header, estimator)
    model._made_with = made_with
    model.n_labels = _count_labels(model)
    return model


def _count_labels(model):
    """Ask an old estimator how many labels it predicts, with one row of zeros."""
    np = require("numpy")
    if model.classes is not None or model.n_features is None:
        return 1
    return model._call("predict", np.zeros((1, model.n_features))).size


def _running(names=tuple(_MODULES)):
    modules = ((name, sys.modules.get(_MODULES[name])) for name in names)
    return {name: module.__version__ for name, module in modules if module is not None}


def _listed(versions):
    return (
        ", ".join(f"{name} {version}" for name, version in versions.items()) or "unknown versions"
    )


def _numbers(version):
    return tuple(int(part) for part in version.split(".")[:2])
