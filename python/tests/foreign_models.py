"""Models as PostgresML's Rust runtime stored them, and what they predict; made here, not copied."""

import struct

import numpy as np

PREFIX = bytes(range(16))


def packed(value):
    """Write MessagePack as rmp-serde does: the shortest form of each value."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return bytes([value]) if 0 <= value < 128 else b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xca" + struct.pack(">f", value)
    if isinstance(value, str):
        return bytes([0xA0 | len(value)]) + value.encode()
    if isinstance(value, dict):
        items = b"".join(packed(key) + packed(item) for key, item in value.items())
        return bytes([0x80 | len(value)]) + items
    short = len(value) < 16
    head = bytes([0x90 | len(value)]) if short else b"\xdc" + struct.pack(">H", len(value))
    return head + b"".join(packed(item) for item in value)


def array(values):
    """Return ndarray's form in serde."""
    values = np.asarray(values, dtype=np.float32)
    return [1, list(values.shape), values.ravel().tolist()]


def linfa(x):
    """Return `{name: (bytes, predictions of the rows x)}` for each kind of linfa's models."""
    width = x.shape[1]
    w = np.linspace(-0.5, 1.0, width).astype(np.float32).astype(float)
    several = np.stack([w, w[::-1], -w], axis=1)
    shift = [0.25, -0.5, 0.125]
    vectors = x[:3].astype(np.float32).astype(float)
    alpha = [0.5, 0.0, -0.25, 1.5]
    weights = np.array([0.5, -0.25, 1.5])
    far = ((x[:, None, :] - vectors[None]) ** 2).sum(axis=2)

    def svm(kernel, plane):
        return packed(
            [[alpha, 0.125, None, "ReachedThreshold", 7, 1.5, kernel, plane, None, []], width]
        )

    combination = {"WeightedCombination": array(vectors)}
    binary = [0.5, -0.28125, array(w), [[3, 1.0], [1, -1.0]]]
    return {
        "linear": (packed([[array(w), 0.75], width]), x @ w + 0.75),
        "binary": (packed([binary, None, width, 2]), np.where(x @ w - 0.28125 >= 0, 3, 1)),
        "several": (
            packed([None, [array(shift), array(several), [0, 1, 2]], width, 3]),
            (x @ several + shift).argmax(axis=1),
        ),
        "svm linear": (svm("Linear", {"Linear": array(w)}), x @ w - 0.125),
        "svm gaussian": (svm({"Gaussian": 2.0}, combination), np.exp(-far / 2) @ weights - 0.125),
        "svm polynomial": (
            svm({"Polynomial": [1.0, 2.0]}, combination),
            (x @ vectors.T + 1) ** 2 @ weights - 0.125,
        ),
        "svm numbered": (svm([0, 2.0], [1, array(vectors)]), np.exp(-far / 2) @ weights - 0.125),
    }


def boosted(x, y_value, y_class):
    """Return the same for XGBoost and LightGBM: what the libraries save, and what they predict."""
    import lightgbm
    import xgboost

    models = {}
    for objective, target, extra in (
        ("reg:squarederror", y_value, {}),
        ("binary:logistic", (y_class > 0).astype(int), {}),
        ("multi:softmax", y_class, {"num_class": 3}),
        ("multi:softprob", y_class, {"num_class": 3}),
    ):
        data = xgboost.DMatrix(x, target)
        parameters = {"objective": objective, "nthread": 1, "max_depth": 3, **extra}
        booster = xgboost.train(parameters, data, 5)
        raw = booster.predict(data)
        predicted = raw
        if objective == "binary:logistic":
            predicted = raw > 0.5
        elif objective == "multi:softprob":
            predicted = raw.argmax(axis=1)
        for form in ("json", "ubj"):
            models[f"xgboost {objective} {form}"] = (bytes(booster.save_raw(form)), predicted)
    for objective, target, extra in (
        ("regression", y_value, {}),
        ("binary", (y_class > 0).astype(int), {}),
        ("multiclass", y_class, {"num_class": 3}),
    ):
        parameters = {"objective": objective, "num_threads": 1, "verbosity": -1, **extra}
        booster = lightgbm.train(parameters, lightgbm.Dataset(x, target), 5)
        raw = booster.predict(x)
        predicted = raw
        if objective != "regression":
            predicted = raw.argmax(axis=1) if raw.ndim == 2 else raw > 0.5
        models[f"lightgbm {objective}"] = (booster.model_to_string().encode(), predicted)
    return models
