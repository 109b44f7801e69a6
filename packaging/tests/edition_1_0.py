#!/usr/bin/env python3
"""Edition 1.0 against scikit-learn called directly on the same rows with the same seed.

Usage: edition_1_0.py train|check SITE_PACKAGES CONTRACT

`train` makes the edition in an empty database and trains every (algorithm, task) pair there.
`check`, after a restart of the server, predicts with each from a new connection and compares.
CONTRACT is the directory of contract.py, the table of algorithms that the Python tests have.

Catches a pair that does not train, a model that does not survive, rows in another order, a split in
another place, parameters that get lost, metrics of another definition, a search that is not
scikit-learn's, and a deployment that another score decides.
"""

import json
import sys
import warnings

from server import Checks, close, query, values

# Projects by task: data set, features as SQL, label, and how the rows are split.
FEATURES = {
    "diabetes": "ARRAY[age, sex, bmi, bp, s1, s2, s3, s4, s5, s6]::float8[]",
    "wine": "ARRAY[alcohol, malic_acid, ash, alcalinity_of_ash, magnesium, total_phenols, "
    "flavanoids, nonflavanoid_phenols, proanthocyanins, color_intensity, hue, "
    '"od280/od315_of_diluted_wines", proline]::float8[]',
    "linnerud": "ARRAY[chins, situps, jumps]::float8[]",
}
DATA = {"regression": "diabetes", "classification": "wine"}
# Rows from each end of a snapshot that are predicted one by one; the scores are of all test rows.
SAMPLE = 20
LABELS = ["weight", "waste", "pulse"]

# Trained for one label each, by the contract; the others predict several labels by themselves.
WRAPPED = (
    "bayesian_ridge automatic_relevance_determination stochastic_gradient_descent "
    "passive_aggressive theil_sen huber quantile svm nu_svm linear_svm "
    "ada_boost gradient_boosting_trees lightgbm"
).split()
# These have no joint form in scikit-learn, and 1.0 refused them; pgml wraps them too.
ALSO_WRAPPED = ["hist_gradient_boosting"]

# (name, algorithm, task, search, parameters to try, arguments)
SEARCHES = [
    ("grid", "ridge", "regression", "grid", {"alpha": [0.01, 1, 100]}, {"cv": 3}),
    (
        "random",
        "random_forest",
        "regression",
        "random",
        {"n_estimators": [2, 4, 8, 16], "max_depth": [1, 2, 3]},
        {"n_iter": 5, "cv": 2},
    ),
    ("grid f1", "random_forest", "classification", "grid", {"max_depth": [1, 3]}, {"cv": 3}),
    (
        "xgboost",
        "xgboost",
        "regression",
        "grid",
        {"max_depth": [1, 2], "n_estimators": [20, 40]},
        {},
    ),
]

# (project, test_size, test_sampling)
SAMPLINGS = [
    ("random share", 0.25, "random"),
    ("random rows", 60, "random"),
    ("first share", 0.3, "first"),
    ("first rows", 60, "first"),
    ("last share", 0.1, "last"),
    ("last rows", 60, "last"),
]


def main():
    """Run one half."""
    if len(sys.argv) != 4 or sys.argv[1] not in ("train", "check"):
        sys.exit(__doc__.strip())
    sys.path[1:1] = sys.argv[2:]
    return train() if sys.argv[1] == "train" else check()


def pairs():
    """Return every (algorithm, task), both spellings of orthogonal matching pursuit included."""
    from contract import PAIRS, SECOND_SPELLING

    return [*PAIRS, SECOND_SPELLING]


def train():
    """Train everything in one session, and keep what train() said."""
    statements = [
        "SET client_min_messages = error",
        "CREATE EXTENSION pgml VERSION '1.0'",
        "CREATE TABLE public.said "
        "(id bigserial, project text, task text, algorithm text, status text)",
    ]
    statements += [f"SELECT pgml.load_dataset('{data}')" for data in FEATURES]

    def say(call):
        statements.append(
            "INSERT INTO public.said (project, task, algorithm, status) "
            f"SELECT project_name, task, algorithm_name, status FROM pgml.{call}"
        )

    known = set()
    for algorithm, task in pairs():
        # Later trainings of a project take the rows of the first.
        where = "" if task in known else f", 'pgml.{DATA[task]}', 'target'"
        known.add(task)
        say(f"train('{task}', '{task}'{where}, algorithm => '{algorithm}')")
    for name, algorithm, task, search, params, arguments in SEARCHES:
        say(
            f"train('{name}', '{task}', 'pgml.{DATA[task]}', 'target', '{algorithm}', "
            f"search => '{search}', search_params => '{json.dumps(params)}', "
            f"search_args => '{json.dumps(arguments)}')"
        )
    for name, size, sampling in SAMPLINGS:
        say(
            f"train('{name}', 'regression', 'pgml.diabetes', 'target', 'ridge', "
            f"test_size => {size}, test_sampling => '{sampling}')"
        )
    labels = ", ".join(f"'{label}'" for label in LABELS)
    where = f", 'pgml.linnerud', ARRAY[{labels}]"
    for algorithm, task in pairs():
        if task == "regression":
            say(f"train_joint('joint', 'regression'{where}, algorithm => '{algorithm}')")
            where = ""
    query(*statements)
    trained = values("SELECT count(*) FROM pgml.models WHERE status = 'successful'")[0]
    wanted = len(pairs()) + len(SEARCHES) + len(SAMPLINGS)
    wanted += sum(task == "regression" for _, task in pairs())
    print(f"{trained} of {wanted} models trained")
    return 0 if trained == wanted else 1


# Features and labels, by snapshot.
_rows = {}


class Model:
    """A model as the database has it, with the rows of its snapshot in their order."""

    def __init__(self, row):
        """Take a row of `models()`."""
        self.__dict__.update(row)

    def data(self):
        """Return features and labels; classes as integers, one label as a vector."""
        import numpy as np

        if self.snapshot_id not in _rows:
            features = FEATURES[self.relation_name.split(".")[1]]
            labels = ", ".join(self.y_column_name)
            found = values(
                f"SELECT jsonb_build_array(to_jsonb({features}), jsonb_build_array({labels})) "
                f"FROM pgml.snapshot_{self.snapshot_id} ORDER BY ctid"
            )
            x = np.array([row[0] for row in found], dtype=np.float64)
            y = np.array([row[1] for row in found], dtype=np.float64)
            _rows[self.snapshot_id] = x, y
        x, y = _rows[self.snapshot_id]
        if self.task == "classification":
            y = y.astype(np.int64)
        return x, y[:, 0] if y.shape[1] == 1 else y

    def split(self):
        """Return the training rows and the test rows as slices."""
        rows = len(self.data()[0])
        size = self.test_size
        # As scikit-learn rounds a share: up.
        test = int(size) if size > 1 else -int(-(rows * size - 1e-9) // 1)
        if self.test_sampling == "first":
            return slice(test, rows), slice(0, test)
        return slice(0, rows - test), slice(rows - test, rows)

    def sample(self):
        """Return the rows that are predicted: the first ones, and the last."""
        rows = len(self.data()[0])
        return [*range(min(SAMPLE, rows)), *range(max(SAMPLE, rows - SAMPLE), rows)]

    def statement(self):
        """Return SQL that predicts the sample: the model's id, and one list a row."""
        features = FEATURES[self.relation_name.split(".")[1]]
        return (
            f"SELECT jsonb_build_array({self.id}, jsonb_agg(pgml.model_predict({self.id}, row) "
            "ORDER BY place)) FROM (SELECT row_number() OVER () AS place, "
            f"count(*) OVER () AS rows, row FROM (SELECT {features} AS row "
            f"FROM pgml.snapshot_{self.snapshot_id} ORDER BY ctid) "
            f"AS a) AS b WHERE place <= {SAMPLE} OR place > rows - {SAMPLE}"
        )


def models():
    """Return all models, in the order of their training."""
    rows = values(
        "SELECT to_jsonb(t) FROM (SELECT m.id, m.snapshot_id, m.algorithm_name, m.hyperparams, "
        "m.metrics, p.name AS project, p.task, s.relation_name, s.y_column_name, s.test_size, "
        "s.test_sampling "
        "FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id "
        "JOIN pgml.snapshots AS s ON s.id = m.snapshot_id ORDER BY m.id) AS t"
    )
    return [Model(row) for row in rows]


def fitted(model):
    """Train without pgml; return an object that predicts, and the searcher if there was one."""
    import numpy as np
    from contract import SECOND_SPELLING, direct
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
    from sklearn.multioutput import MultiOutputRegressor

    pair = (model.algorithm_name, model.task)
    if pair == SECOND_SPELLING:
        pair = ("orthoganl_matching_pursuit", "regression")
    estimator = direct(pair)
    x, y = model.data()
    train, _ = model.split()
    search = next((one for one in SEARCHES if one[0] == model.project), None)
    if model.project == "joint" and model.algorithm_name in WRAPPED + ALSO_WRAPPED:
        estimator = MultiOutputRegressor(estimator)
    if search:
        _, _, task, kind, params, arguments = search
        scoring = "r2" if task == "regression" else "f1_micro"
        if kind == "grid":
            estimator = GridSearchCV(estimator, params, scoring=scoring, **arguments)
        else:
            estimator = RandomizedSearchCV(
                estimator, params, scoring=scoring, random_state=0, **arguments
            )
    target = y[train]
    if model.task == "classification":
        # XGBoost takes only 0, 1, …; these classes are just that.
        assert sorted(np.unique(y)) == [0, 1, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(x[train], target)
    return estimator


def scores(model, estimator):
    """Score with scikit-learn's own functions."""
    from sklearn import metrics

    x, y = model.data()
    _, test = model.split()
    predicted, true = estimator.predict(x[test]), y[test]
    if model.task == "regression":
        return {
            "r2": metrics.r2_score(true, predicted),
            "mean_squared_error": metrics.mean_squared_error(true, predicted),
        }
    weighted = {"average": "weighted", "zero_division": 0}
    found = {
        "f1": metrics.f1_score(true, predicted, **weighted),
        "precision": metrics.precision_score(true, predicted, **weighted),
        "recall": metrics.recall_score(true, predicted, **weighted),
        "accuracy": metrics.accuracy_score(true, predicted),
    }
    try:
        proba = estimator.predict_proba(x[test])
    except AttributeError:
        return found
    proba = proba.astype("float64")
    found["log_loss"] = metrics.log_loss(true, proba / proba.sum(axis=1, keepdims=True))
    found["roc_auc"] = metrics.roc_auc_score(true, proba, average="weighted", multi_class="ovo")
    return found


def check():
    """Compare every model, every search and every deployment."""
    checks = Checks()
    said = values("SELECT to_jsonb(s) FROM public.said AS s ORDER BY id")
    found = models()
    checks.equal("models", len(said), len(found))
    predictions = dict(values(*[model.statement() for model in found]))
    deployed = {}
    for model, words in zip(found, said):
        what = f"{model.project}: {model.algorithm_name}"
        estimator = fitted(model)
        x = model.data()[0][model.sample()]
        # Row by row, as SQL asks. BLAS adds up many rows in another order than one, and the large
        # weights of a Gaussian process make a difference of that.
        expected = [estimator.predict(row[None]).ravel().tolist() for row in x]
        checks.check(
            f"{what} predictions",
            close(expected, predictions[model.id]),
            "SQL predicts otherwise than scikit-learn",
        )
        expected = scores(model, estimator)
        for name, value in expected.items():
            checks.equal(f"{what} {name}", value, model.metrics.get(name))
        checks.check(
            f"{what} metrics",
            ("roc_auc" in expected) == ("roc_auc" in model.metrics),
            "probability scores where there are none, or none where there are",
        )
        if hasattr(estimator, "best_params_"):
            searched(checks, what, model, estimator)
        # The first model is deployed, and each that is better than the one that is.
        score = expected["r2" if model.task == "regression" else "f1"]
        better = model.project not in deployed or score > deployed[model.project] + 1e-12
        near = model.project in deployed and abs(score - deployed[model.project]) < 1e-9
        status = "deployed" if better else "not deployed"
        checks.check(f"{what} status", near or words["status"] == status, words["status"])
        if words["status"] == "deployed":
            deployed[model.project] = score
    deployments(checks, found)
    return checks.finish()


def searched(checks, what, model, searcher):
    """Compare a search's results with scikit-learn's, times aside."""
    results = model.metrics["search_results"]
    for name, expected in searcher.cv_results_.items():
        if name == "params":
            checks.check(f"{what} params", expected == results["params"], results["params"])
        elif name.startswith("param_"):
            checks.equal(f"{what} {name}", [float(v) for v in expected], results[name])
        elif "time" not in name:
            checks.equal(f"{what} {name}", expected.tolist(), results[name])
    chosen = {name: model.hyperparams[name] for name in searcher.best_params_}
    checks.check(f"{what} best", searcher.best_params_ == chosen, chosen)


def deployments(checks, found):
    """Compare each strategy's choice with the model that the scores say."""
    for project, key in (("regression", "r2"), ("classification", "f1")):
        mine = [model for model in found if model.project == project]
        best = max(model.metrics[key] for model in mine)
        before = _deployed(project)

        def choose(strategy, algorithm="NULL"):
            query(f"SELECT pgml.deploy('{project}', '{strategy}', {algorithm})")  # noqa: B023
            return _deployed(project)  # noqa: B023

        chosen = next(model for model in mine if model.id == choose("best_score"))
        checks.equal(f"{project} best_score", best, chosen.metrics[key])
        checks.equal(f"{project} most_recent", mine[-1].id, choose("most_recent"))
        checks.equal(f"{project} rollback", chosen.id, choose("rollback"))
        forest = [model for model in mine if model.algorithm_name == "random_forest"]
        checks.equal(f"{project} forest", forest[0].id, choose("best_score", "'random_forest'"))
        checks.check(f"{project} automatic", before is not None, "nothing was deployed by training")


def _deployed(project):
    return values(f"SELECT id FROM pgml.deployed_models WHERE name = '{project}'")[0]


if __name__ == "__main__":
    sys.exit(main())
