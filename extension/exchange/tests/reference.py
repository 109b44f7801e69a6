"""Writes `reference.json` beside this file: models of scikit-learn as skl2onnx writes them, and what ONNX Runtime says.

In a virtual environment with the wheels of `requirements.lock`, which are never shipped:

    python3 -m pip install --require-hashes --no-deps --requirement extension/exchange/tests/requirements.lock
    python3 extension/exchange/tests/reference.py models
    cargo test --manifest-path extension/Cargo.toml --package pgml-exchange --test reference -- --ignored
    python3 extension/exchange/tests/reference.py back

The second command writes the models, the third what pgml makes of each when it exports it again, the last what ONNX Runtime
says about that.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import skl2onnx
import sklearn
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn import datasets, ensemble, linear_model, svm, tree
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler

warnings.simplefilter("ignore")
FILE = pathlib.Path(__file__).with_name("reference.json")
ROWS = 40


def told(file, rows):
    """Return what ONNX Runtime says about rows: predictions, and probabilities where it gives them."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    table = np.array(rows, dtype=object)
    feeds = {}
    for place, one in enumerate(inputs):
        found = table if len(inputs) == 1 else table[:, place : place + 1]
        kind = object if "string" in one.type else np.float64 if "double" in one.type else np.float32
        feeds[one.name] = np.where(found == None, np.nan, found).astype(kind)  # noqa: E711
    answers = session.run(None, feeds)
    shares = [] if len(answers) == 1 else answers[1].tolist()
    return [str(one) if len(answers) > 1 else float(one) for one in np.ravel(answers[0])], shares


def numbers():
    """Yield models of numbers: name, task, model, rows and labels."""
    x, y = datasets.load_diabetes(return_X_y=True)
    for name, model in (
        ("LinearRegression", linear_model.LinearRegression()),
        ("Lasso", linear_model.Lasso(0.1)),
        ("LinearSVR", svm.LinearSVR()),
        ("SVR", svm.SVR(C=100)),
        ("SVR poly", svm.SVR(kernel="poly", C=10)),
        ("DecisionTreeRegressor", tree.DecisionTreeRegressor(max_depth=4)),
        ("RandomForestRegressor", ensemble.RandomForestRegressor(5, max_depth=4)),
        ("ExtraTreesRegressor", ensemble.ExtraTreesRegressor(5, max_depth=4)),
        ("GradientBoostingRegressor", ensemble.GradientBoostingRegressor(n_estimators=8)),
        ("imputed and scaled", make_pipeline(SimpleImputer(), StandardScaler(), linear_model.Ridge())),
        ("scaled to a range", make_pipeline(MinMaxScaler(), ensemble.RandomForestRegressor(3, max_depth=3))),
    ):
        yield name, "regression", model, x, y
    iris = datasets.load_iris()
    cancer = datasets.load_breast_cancer()
    several = ("iris", iris.data, np.array(["setosa", "versi'color", "vir\\ginica"])[iris.target])
    for source, x, y in (several, ("cancer", cancer.data[:, :6], cancer.target)):
        for name, model in (
            ("LogisticRegression", linear_model.LogisticRegression(max_iter=5000)),
            ("RidgeClassifier", linear_model.RidgeClassifier()),
            ("LinearSVC", svm.LinearSVC()),
            ("SVC", svm.SVC()),
            ("SVC linear", svm.SVC(kernel="linear", C=0.01)),
            ("RandomForestClassifier", ensemble.RandomForestClassifier(5, max_depth=4)),
            ("ExtraTreesClassifier", ensemble.ExtraTreesClassifier(5, max_depth=4)),
            ("GradientBoostingClassifier", ensemble.GradientBoostingClassifier(n_estimators=4)),
            ("robust", make_pipeline(RobustScaler(), linear_model.LogisticRegression())),
        ):
            yield f"{name} of {source}", "classification", model, x, y


def columns():
    """Yield models of numbers and texts, as a table has them."""
    random = np.random.default_rng(1)
    table = np.empty((200, 4), dtype=object)
    table[:, 0] = random.normal(size=200).astype(np.float32).astype(float)
    table[:, 1] = random.normal(size=200).astype(np.float32).astype(float)
    table[::7, 1] = np.nan
    table[:, 2] = np.array(["x", "y's", "z"], dtype=object)[random.integers(0, 3, 200)]
    table[:, 3] = np.array(["p", "q"], dtype=object)[random.integers(0, 2, 200)]
    value = table[:, 0].astype(float) + 2 * (table[:, 2] == "x")
    label = np.where(value > 1, "yes", "no")
    for encoder in (OneHotEncoder(handle_unknown="ignore"), OrdinalEncoder()):
        for name, task, model, y in (
            ("Ridge", "regression", linear_model.Ridge(), value),
            ("LogisticRegression", "classification", linear_model.LogisticRegression(), label),
            ("RandomForestRegressor", "regression", ensemble.RandomForestRegressor(4, max_depth=4), value),
            ("GradientBoostingClassifier", "classification", ensemble.GradientBoostingClassifier(n_estimators=4), label),
            ("SVC", "classification", svm.SVC(), label),
        ):
            filled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
            before = ColumnTransformer([("texts", encoder, [3, 2]), ("numbers", filled, [0, 1])])
            called = f"{name} behind {type(encoder).__name__}"
            yield called, task, Pipeline([("before", before), ("model", model)]), table, y


def six():
    """Yield models of the six data sets: name, task, model, rows, labels, data set and kind."""
    for data in ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"):
        loaded = getattr(datasets, f"load_{data}")()
        y = loaded.target[:, 0] if loaded.target.ndim > 1 else loaded.target
        task = "regression" if data in ("diabetes", "linnerud") else "classification"
        suffix = "Regressor" if task == "regression" else "Classifier"
        linear = linear_model.LogisticRegression(max_iter=500) if suffix[0] == "C" else linear_model.Ridge()
        for kind, model in (
            ("trees", getattr(ensemble, f"RandomForest{suffix}")(4, max_depth=4)),
            ("trees", getattr(ensemble, f"GradientBoosting{suffix}")(n_estimators=3)),
            ("linear", make_pipeline(StandardScaler(), linear)),
            ("`TreeEnsemble`", getattr(ensemble, f"RandomForest{suffix}")(4, max_depth=4)),
        ):
            if kind == "`TreeEnsemble`" and task != "regression":
                continue
            yield f"{kind} of {data}, {type(model).__name__}", task, model, loaded.data, y, data, kind


def version_5(file):
    """Return the file with TreeEnsemble of ai.onnx.ml 5 in place of its TreeEnsembleRegressor."""
    model = onnx.load_from_string(file)
    node = next(one for one in model.graph.node if one.op_type == "TreeEnsembleRegressor")
    old = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    keys = list(zip(old["nodes_treeids"], old["nodes_nodeids"]))
    splits = [place for place, mode in enumerate(old["nodes_modes"]) if mode != b"LEAF"]
    leaves = list(zip(old["target_treeids"], old["target_nodeids"]))
    number = {keys[place]: at for at, place in enumerate(splits)}
    made = {"nodes_featureids": [old["nodes_featureids"][place] for place in splits]}
    for side in ("true", "false"):
        there = [(keys[place][0], old[f"nodes_{side}nodeids"][place]) for place in splits]
        made[f"nodes_{side}leafs"] = [int(one not in number) for one in there]
        made[f"nodes_{side}nodeids"] = [number.get(one, -1) if one in number else leaves.index(one) for one in there]
    made["tree_roots"] = [number[tree, 0] for tree in sorted(set(old["nodes_treeids"]))]
    made["leaf_targetids"] = list(old["target_ids"])
    made["n_targets"] = old["n_targets"]
    made["aggregate_function"] = 1
    tensor = onnx.helper.make_tensor
    thresholds = [old["nodes_values"][place] for place in splits]
    made["nodes_splits"] = tensor("splits", onnx.TensorProto.FLOAT, [len(splits)], thresholds)
    made["nodes_modes"] = tensor("modes", onnx.TensorProto.UINT8, [len(splits)], bytes(len(splits)), raw=True)
    weights = list(old["target_weights"])
    made["leaf_weights"] = tensor("weights", onnx.TensorProto.FLOAT, [len(weights)], weights)
    new = onnx.helper.make_node("TreeEnsemble", node.input, node.output, domain="ai.onnx.ml", **made)
    node.CopyFrom(new)
    for opset in model.opset_import:
        if opset.domain == "ai.onnx.ml":
            opset.version = 5
    return model.SerializeToString()


def models():
    """Write the models with what ONNX Runtime says."""
    random = np.random.RandomState(0)
    np.random.set_state(random.get_state())
    found = []
    for name, task, model, rows, labels, *of_six in [*numbers(), *columns(), *six()]:
        texts = rows.dtype == object
        if not texts:
            rows = rows.astype(np.float32).astype(float)
        # Support vectors of few rows: the file stays small.
        step = 4 if "SV" in name else 1
        model.fit(rows[::step], labels[::step])
        types = [("X", FloatTensorType([None, rows.shape[1]]))]
        if texts:
            kinds = [FloatTensorType, FloatTensorType, StringTensorType, StringTensorType]
            types = [(letter, kind([None, 1])) for letter, kind in zip("abcd", kinds)]
        has_map = task == "classification" and not isinstance(model, svm.LinearSVC)
        options = {"zipmap": False} if has_map else None
        file = convert_sklearn(model, initial_types=types, options=options).SerializeToString()
        if "`TreeEnsemble`" in of_six:
            file = version_5(file)
        some = rows[:: max(1, len(rows) // ROWS)][:ROWS]
        listed = [[None if one != one else one for one in row] for row in some.tolist()]
        predictions, shares = told(file, listed)
        found.append(
            {
                "name": name,
                "task": task,
                "file": file.hex(),
                "rows": listed,
                "predictions": predictions,
                "shares": shares,
                **dict(zip(("data", "kind"), of_six)),
            }
        )
    return found


def main():
    made_by = {one.__name__: one.__version__ for one in (onnx, onnxruntime, skl2onnx, sklearn)}
    if sys.argv[1:] == ["models"]:
        found = {"made_by": made_by, "models": models()}
    else:
        found = json.loads(FILE.read_text())
        for one in found["models"]:
            if one.get("back"):
                one["back_predictions"], one["back_shares"] = told(bytes.fromhex(one["back"]), one["rows"])
    FILE.write_text(json.dumps(found, indent=0).replace("\n", "") + "\n")


main()
