"""Models that PostgresML's Rust runtime stored: of XGBoost, LightGBM, and of the crates of linfa.

None of them is a pickle. XGBoost's and LightGBM's are the libraries' own files, which PostgresML
2.0.0 put 16 bytes before; linfa's are structs in MessagePack, written as arrays in field order.
"""

from __future__ import annotations

import json

from pgml_runtime import messagepack
from pgml_runtime.errors import UserError, require, summary

_PREFIX = 16
_EPSILON = 2.0**-23  # of single precision, in which these models were trained


def load(data):
    """Return `(header, estimator)` for `prediction.Model`, or None when it is none of these."""
    for offset in (0, _PREFIX):
        content = data[offset:]
        if content.startswith(b"tree\n"):
            return _lightgbm(content)
        if content[:2] in (b'{"', b"{L", b"{l", b"{i") or content.startswith(b"binf"):
            return _xgboost(content)
    return _linfa(data)


def _header(algorithm, n_features, classes):
    return {
        "algorithm": algorithm,
        "task": "regression" if classes is None else "classification",
        "n_features": n_features,
        "n_labels": 1,
        "classes": None if classes is None else [classes],
        "numbered": False,
        "versions": {},
    }


class _Boosted:
    """A booster whose raw prediction is a value, a probability, or one for each class."""

    def __init__(self, raw, kind):
        self._raw = raw
        self._kind = kind

    def predict(self, x):
        raw = self._raw(x)
        if self._kind == "binary":
            return (raw > 0.5).astype(float)
        return raw.argmax(axis=1) if self._kind == "several" else raw


class _Probabilities(_Boosted):
    """One that has probabilities."""

    def predict_proba(self, x):
        raw = self._raw(x)
        np = require("numpy")
        return np.column_stack([1 - raw, raw]) if self._kind == "binary" else raw


def _boosted(algorithm, n_features, n_classes, objective, raw):
    if objective.startswith("multi:softmax"):
        classes = list(range(n_classes))
        return _header(algorithm, n_features, classes), _Boosted(raw, "value")
    if objective.startswith(("multi", "softmax", "multiclassova")):
        classes = list(range(n_classes))
        return _header(algorithm, n_features, classes), _Probabilities(raw, "several")
    if objective.startswith(("binary", "reg:logistic", "cross_entropy")):
        return _header(algorithm, n_features, [0, 1]), _Probabilities(raw, "binary")
    return _header(algorithm, n_features, None), _Boosted(raw, "value")


def _xgboost(content):
    xgboost = require("xgboost")
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except xgboost.core.XGBoostError as error:
        raise UserError(
            f"the model of XGBoost can't be read by XGBoost {xgboost.__version__}: "
            f"{summary(error)}",
            hint="Train the model again, or save it as JSON with a release that reads it.",
        ) from error
    learner = json.loads(booster.save_config())["learner"]
    classes = int(learner["learner_model_param"]["num_class"])
    booster.set_param({"nthread": 1})
    return _boosted(
        "xgboost",
        booster.num_features(),
        classes,
        learner["objective"]["name"],
        lambda x: booster.predict(xgboost.DMatrix(x)),
    )


def _lightgbm(content):
    lightgbm = require("lightgbm")
    try:
        text = content.decode("utf-8").rstrip("\0")
        head = text.split("\n\n", 1)[0].splitlines()
        lines = dict(line.split("=", 1) for line in head if "=" in line)
        # The library itself reads beyond the end of a text that was cut off.
        trees = len(lines.get("tree_sizes", "").split())
        if "\nend of trees" not in text or text.count("\nTree=") != trees:
            raise UserError("the model of LightGBM is incomplete", hint="Train the model again.")
        booster = lightgbm.Booster(model_str=text, params={"verbosity": -1})
    except (UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
        raise UserError(f"the model of LightGBM can't be read: {summary(error)}") from error
    return _boosted(
        "lightgbm",
        booster.num_feature(),
        int(lines.get("num_class", 1)),
        lines.get("objective", "regression"),
        lambda x: booster.predict(x, num_threads=1),
    )


class _Linear:
    def __init__(self, params, intercept):
        self._params = params
        self._intercept = intercept

    def decision(self, x):
        return x @ self._params + self._intercept

    predict = decision


class _Logistic(_Linear):
    """Two classes: `classes` are the ones below and above the threshold."""

    def __init__(self, params, intercept, threshold, classes):
        super().__init__(params, intercept)
        self._threshold = threshold
        self._classes = classes

    def predict(self, x):
        np = require("numpy")
        return np.where(self._share(x) >= self._threshold, self._classes[1], self._classes[0])

    def predict_proba(self, x):
        np = require("numpy")
        share = self._share(x)
        both = np.column_stack([1 - share, share])
        return both if self._classes[0] <= self._classes[1] else both[:, ::-1]

    def _share(self, x):
        return require("scipy.special").expit(self.decision(x))


class _Multinomial(_Linear):
    def __init__(self, params, intercept, classes):
        super().__init__(params, intercept)
        self._classes = require("numpy").array(classes)

    def predict(self, x):
        return self._classes[self.decision(x).argmax(axis=1)]

    def predict_proba(self, x):
        return require("scipy.special").softmax(self.decision(x), axis=1)


class _SupportVectors:
    def __init__(self, kernel, vectors, alpha, rho):
        self._kernel = kernel
        self._vectors = vectors
        self._alpha = alpha
        self._rho = rho

    def predict(self, x):
        np = require("numpy")
        name, arguments = self._kernel
        if name == "Gaussian":
            squares = ((x[:, None, :] - self._vectors[None, :, :]) ** 2).sum(axis=2)
            near = np.exp(-squares / arguments[0])
        else:
            near = x @ self._vectors.T
            if name == "Polynomial":
                near = (near + arguments[0]) ** arguments[1]
        return near @ self._alpha - self._rho


def _linfa(data):
    try:
        content = messagepack.loads(data)
        if len(content) == 4:
            return _logistic(*content)
        fitted, n_features = content
        if len(fitted) == 2:
            params, intercept = fitted
            model = _Linear(_array(params), intercept)
            return _header("linear", n_features, None), model
        return _header("svm", n_features, None), _svm(fitted)
    except (ValueError, TypeError, KeyError, IndexError):
        return None


def _logistic(binary, several, n_features, _n_labels):
    if binary is not None:
        threshold, intercept, params, ((above, _), (below, _)) = binary
        model = _Logistic(_array(params), intercept, threshold, (int(below), int(above)))
        return _header("linear", n_features, sorted((int(below), int(above)))), model
    intercept, params, classes = several
    classes = [int(one) for one in classes]
    model = _Multinomial(_array(params), _array(intercept), classes)
    return _header("linear", n_features, classes), model


def _svm(fields):
    np = require("numpy")
    alpha, rho = np.array(fields[0]), fields[1]
    kernel = _variant(fields[6], ("Gaussian", "Linear", "Polynomial"))
    plane, (vectors,) = _variant(fields[7], ("Linear", "WeightedCombination"))
    if plane == "Linear":
        return _Linear(_array(vectors), -rho)
    # Only the rows with a weight were kept, in their order.
    return _SupportVectors(kernel, _array(vectors), alpha[np.abs(alpha) > 100 * _EPSILON], rho)


def _variant(value, names):
    """Read an enum's value, as each release of the serialiser wrote it: `(name, fields)`."""
    if isinstance(value, dict):
        ((name, fields),) = value.items()
    elif isinstance(value, list):
        name, fields = value
    else:
        name, fields = value, []
    name = names[name] if isinstance(name, int) else name
    if name not in names:
        raise ValueError(f"{name} is none of {names}")
    # An array of numbers is one field, in ndarray's form; so is a number.
    is_one = not isinstance(fields, list) or (fields and isinstance(fields[-1], list))
    return name, [fields] if is_one else fields


def _array(value):
    version, shape, data = value
    if version != 1:
        raise ValueError(f"ndarray version {version}")
    return require("numpy").array(data, dtype=float).reshape(shape)
