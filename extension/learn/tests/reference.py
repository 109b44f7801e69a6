"""Writes `reference.json` beside this file: what scikit-learn makes of small data sets, for the Rust runtime to match.

    PYTHONPATH=(the runtime's site-packages) python3 extension/learn/tests/reference.py
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn import cluster, datasets, decomposition, ensemble, linear_model, metrics, neighbors, svm
from sklearn.model_selection import GridSearchCV

warnings.simplefilter("ignore")
TEST_SHARE = 4  # every fourth row is a test row


def rows(x, y):
    x, y = np.asarray(x, float), np.asarray(y, float)
    y = y.reshape(len(y), -1)
    test = np.arange(len(x)) % TEST_SHARE == 0
    return x, y, ~test, test


def sets():
    diabetes = datasets.load_diabetes(scaled=False)
    iris, wine = datasets.load_iris(), datasets.load_wine()
    scaled = (wine.data - wine.data.mean(0)) / wine.data.std(0)
    linnerud = datasets.load_linnerud()
    return {
        "diabetes": rows(diabetes.data, diabetes.target),
        "iris": rows(iris.data, iris.target),
        "two": rows(iris.data[50:], iris.target[50:]),
        "wine": rows(np.round(scaled, 4), wine.target),
        "linnerud": rows(linnerud.data, linnerud.target),
    }


TIGHT = {"tol": 1e-12, "max_iter": 100000}
SOLVED = [
    ("linear", "diabetes", {}, linear_model.LinearRegression),
    ("linear", "linnerud", {}, linear_model.LinearRegression),
    ("linear", "diabetes", {"fit_intercept": False}, linear_model.LinearRegression),
    ("ridge", "diabetes", {"alpha": 3.5}, linear_model.Ridge),
    ("ridge", "iris", {}, linear_model.RidgeClassifier),
    ("ridge", "two", {}, linear_model.RidgeClassifier),
    ("lasso", "diabetes", {"alpha": 0.7, **TIGHT}, linear_model.Lasso),
    ("elastic_net", "diabetes", {"alpha": 0.3, "l1_ratio": 0.4, **TIGHT}, linear_model.ElasticNet),
    ("linear", "two", {"tol": 1e-9, "max_iter": 10000}, linear_model.LogisticRegression),
    ("linear", "wine", {"tol": 1e-9, "max_iter": 10000, "C": 0.5}, linear_model.LogisticRegression),
    (
        "linear",
        "two",
        {"tol": 1e-9, "max_iter": 10000, "class_weight": "balanced", "fit_intercept": False},
        linear_model.LogisticRegression,
    ),
    ("svm", "wine", {"kernel": "linear", "tol": 1e-9}, svm.SVC),
    ("linear_svm", "two", {"tol": 1e-10, "max_iter": 1000000}, svm.LinearSVC),
]
PREDICTED = [
    ("svm", "wine", {"tol": 1e-9}, svm.SVC),
    ("svm", "iris", {"kernel": "poly", "degree": 2, "coef0": 1, "C": 2, "tol": 1e-9}, svm.SVC),
    ("svm", "two", {"kernel": "sigmoid", "gamma": 0.01, "tol": 1e-9}, svm.SVC),
    ("svm", "diabetes", {"C": 50, "epsilon": 5, "tol": 1e-9}, svm.SVR),
    ("svm", "diabetes", {"kernel": "linear", "C": 0.01, "tol": 1e-9}, svm.SVR),
    ("linear_svm", "wine", {"C": 0.1, "loss": "hinge", "tol": 1e-10, "max_iter": 1000000}, svm.LinearSVC),
    ("knn", "wine", {}, neighbors.KNeighborsClassifier),
    ("knn", "diabetes", {"n_neighbors": 7, "weights": "distance"}, neighbors.KNeighborsRegressor),
    ("knn", "linnerud", {"n_neighbors": 3}, neighbors.KNeighborsRegressor),
]
SCORED = [
    ("random_forest", "diabetes", {}, ensemble.RandomForestRegressor),
    ("random_forest", "wine", {}, ensemble.RandomForestClassifier),
    ("random_forest", "iris", {"max_depth": 3, "criterion": "entropy"}, ensemble.RandomForestClassifier),
    ("linear_svm", "diabetes", {"C": 1.0, "max_iter": 20000}, svm.LinearSVR),
]
SEARCHED = [
    ("ridge", "diabetes", {"alpha": [0.1, 1, 10, 100]}, linear_model.Ridge, "r2"),
    ("knn", "wine", {"n_neighbors": [1, 3, 5, 9], "weights": ["uniform", "distance"]}, neighbors.KNeighborsClassifier,
     "f1_micro"),
]


def task(model):
    return "classification" if hasattr(model, "classes_") else "regression"


def fit(kind, name, params):
    x, y, train, test = sets()[name]
    model = kind(**params)
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    model.fit(x[train], y[train] if y.shape[1] > 1 else y[train][:, 0])
    return model, x[test], y[test], model.predict(x[test]).reshape(test.sum(), -1)


def case(algorithm, name, params, model, more):
    return {"algorithm": algorithm, "task": task(model), "data": name, "hyperparams": params, **more}


def scores(model, x, y, predicted):
    if task(model) == "regression":
        return {"r2": metrics.r2_score(y, predicted)}
    y, predicted = y[:, 0], predicted[:, 0]
    found = {"f1": metrics.f1_score(y, predicted, average="weighted", zero_division=0)}
    found["precision"] = metrics.precision_score(y, predicted, average="weighted", zero_division=0)
    found["recall"] = metrics.recall_score(y, predicted, average="weighted", zero_division=0)
    found["accuracy"] = metrics.accuracy_score(y, predicted)
    if hasattr(model, "predict_proba"):
        shares = model.predict_proba(x)
        found["log_loss"] = metrics.log_loss(y, shares)
        if shares.shape[1] == 2:
            found["roc_auc"] = metrics.roc_auc_score(y, shares[:, 1])
        else:
            found["roc_auc"] = metrics.roc_auc_score(y, shares, average="weighted", multi_class="ovo")
    return found


def main():
    out = {"made_by": f"scikit-learn {sklearn.__version__}, reference.py", "sets": {}, "cases": []}
    for name, (x, y, _, _) in sets().items():
        out["sets"][name] = {"features": x.shape[1], "labels": y.shape[1], "x": x.ravel().tolist(), "y": y.ravel().tolist()}
    for algorithm, name, params, kind in SOLVED:
        model, x, y, predicted = fit(kind, name, params)
        more = {"predicted": predicted.ravel().tolist(), "scores": scores(model, x, y, predicted)}
        if kind is not svm.SVC:
            more["coefficients"] = np.ravel(model.coef_).tolist()
            more["intercepts"] = np.ravel(model.intercept_).tolist()
        out["cases"].append(case(algorithm, name, params, model, more))
    for algorithm, name, params, kind in PREDICTED:
        model, x, y, predicted = fit(kind, name, params)
        more = {"predicted": predicted.ravel().tolist(), "scores": scores(model, x, y, predicted)}
        out["cases"].append(case(algorithm, name, params, model, more))
    for algorithm, name, params, kind in SCORED:
        model, x, y, predicted = fit(kind, name, params)
        out["cases"].append(case(algorithm, name, params, model, {"near": scores(model, x, y, predicted)}))
    for algorithm, name, space, kind, scoring in SEARCHED:
        x, y, train, test = sets()[name]
        search = GridSearchCV(kind(), space, scoring=scoring).fit(x[train], y[train][:, 0])
        more = {
            "search_params": space,
            "best": search.best_params_,
            "mean_test_score": search.cv_results_["mean_test_score"].tolist(),
            "params": search.cv_results_["params"],
        }
        out["cases"].append(case(algorithm, name, {}, search, more))
    x = sets()["wine"][0]
    pca = decomposition.PCA(n_components=3).fit(x)
    out["pca"] = {
        "components": pca.components_.ravel().tolist(),
        "explained_variance_ratio": pca.explained_variance_ratio_.tolist(),
        "transformed": pca.transform(x[:5]).ravel().tolist(),
    }
    kmeans = cluster.KMeans(n_clusters=3, n_init=10, random_state=0).fit(x)
    out["kmeans"] = {"inertia": kmeans.inertia_, "silhouette": metrics.silhouette_score(x, kmeans.labels_)}
    y = [0, 0, 1, 1, 2, 2]
    s = [[.7, .2, .1], [.3, .4, .3], [.1, .8, .1], [.2, .5, .3], [.1, .2, .7], [.5, .2, .3]]
    out["unit"] = [metrics.log_loss(y, s), metrics.roc_auc_score(y, s, average="weighted", multi_class="ovo")]
    path = pathlib.Path(__file__).with_name("reference.json")
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")


main()
