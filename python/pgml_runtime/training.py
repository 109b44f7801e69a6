"""Training: from arrays and JSON to a scored model in bytes.

The model's bytes are a pickle (protocol 4) of a dict whose `format` is FORMAT; `estimator` in it is
again a pickle, so that the versions beside it can be read even when the estimator can't.
"""

from __future__ import annotations

import contextlib
import functools
import json
import sys
import time

import pgml_runtime
from pgml_runtime import (
    categories,
    importances,
    libraries,
    metrics,
    pickling,
    progress,
    searches,
)
from pgml_runtime.algorithms import TASKS, Recipe, resolve
from pgml_runtime.errors import (
    UserError,
    failures_as_user_errors,
    forwarded_warnings,
    require,
    summary,
)
from pgml_runtime.names import Names

FORMAT = 1
MINIMUM_ROWS = 2


def fit(
    algorithm,
    task,
    x,
    y,
    train_rows,
    hyperparams_json,
    search,
    search_params_json,
    search_args_json,
    weights=None,
    names_json=None,
):
    """Train one model and score it; return `(model, metrics_json, hyperparams_json)`.

    x: float64 of shape (rows, features); y: float64 of shape (rows, labels). Rows [0:train_rows]
    are trained on, the others are the test rows and may be none. search: None, 'grid' or 'random'.
    The JSON arguments are objects in text form. The hyperparameters that come back are the
    caller's, with the best of the search and the random_state that was used. weights: how much each
    row counts, or None. names_json: what features and classes are called. Raises UserError.
    """
    search_arguments = (search, search_params_json, search_args_json)
    arguments = (hyperparams_json, *search_arguments, weights, names_json)
    header, estimator, *texts = _fit(algorithm, task, x, y, train_rows, *arguments)
    return (b"".join(_pieces(header, estimator)), *texts)


def fit_and_export(algorithm, task, x, y, train_rows, *arguments, pipe=None):
    """Do as `fit`; return also the model in the form that needs no Python.

    That is `(file, rows, predictions, probabilities or None)`, the last three to check it by, or
    the reason why there is none. pipe: where the model's bytes go while it is scored and exported,
    as `pickling.sending` writes them; then none are returned.
    """
    # Imported here: the extension loads these after this module.
    from pgml_runtime.export import export, sample
    from pgml_runtime.export_parts import NotExported
    from pgml_runtime.prediction import Model

    with contextlib.ExitStack() as stack:

        def send(header, estimator):
            if pipe is not None:
                stack.enter_context(pickling.sending(pipe, _pieces(header, estimator)))

        fitted = _fit(algorithm, task, x, y, train_rows, *arguments, fitted=send)
        header, estimator, *texts = fitted
        try:
            native = export(header, estimator, x[:train_rows])
            exported = (native, *sample(Model(header, estimator), x))
        except NotExported as reason:
            exported = str(reason)
        except Exception as error:  # another release's estimator looks otherwise: Python predicts
            exported = f"the export failed: {summary(error)}"
    model = b"".join(_pieces(header, estimator)) if pipe is None else b""
    return (model, *texts, exported)


def check(algorithm, task, hyperparams_json, search, search_params_json, search_args_json):
    """Raise UserError for what can be refused before there are rows; MissingPackage likewise.

    That is an algorithm that can't do the task or whose library is missing, and every name that
    neither the algorithm nor the search knows.
    """
    recipe = Recipe(resolve(algorithm, task), 1)
    names = [*_json_object("hyperparams", hyperparams_json)]
    search_params = _json_object("search_params", search_params_json)
    search_args = _json_object("search_args", search_args_json)
    if search:
        searches.check(search, search_params)
        searches.check_arguments(search, search_args)
        names += search_params
    recipe.check_names(names)


def prepare(algorithm, task, search):
    """Import what a training of this algorithm imports, for the processes that are forked."""
    Recipe(resolve(algorithm, task), 1)
    for module in ("joblib", "sklearn.metrics", *(["sklearn.model_selection"] if search else [])):
        require(module)
    _take_blas_buffers()


def _take_blas_buffers():
    """Have NumPy's and SciPy's OpenBLAS take the memory that they work in, before it is capped.

    An OpenBLAS that gets none asks again without end before 0.3.30, and ends the process from then
    on (OpenMathLib/OpenBLAS#5289). What it has it keeps, and forked processes have it too. A
    Cholesky factorisation takes it, whatever the processor.
    """
    np = require("numpy")
    square = np.eye(4)
    np.linalg.cholesky(square)
    require("scipy.linalg.lapack").dpotrf(square)


def _fit(
    algorithm,
    task,
    x,
    y,
    train_rows,
    hyperparams_json,
    search,
    search_params_json,
    search_args_json,
    weights=None,
    names_json=None,
    fitted=lambda header, estimator: None,
):
    pair = resolve(algorithm, task)
    hyperparams = _json_object("hyperparams", hyperparams_json)
    search_params = _json_object("search_params", search_params_json)
    search_args = _json_object("search_args", search_args_json)
    searches.check(search, search_params)
    supervised = task in TASKS
    _check_shapes(x, y, train_rows, supervised)
    n_labels = y.shape[1] if supervised else 0
    with forwarded_warnings(), failures_as_user_errors(f"training {algorithm}"):
        recipe = Recipe(pair, n_labels)
        hyperparams = recipe.with_defaults(hyperparams, search_params)
        classes = None
        if task == "classification":
            y = _whole_numbers(y)
            classes = _classes(y[:train_rows])
        names = recipe.names = Names(names_json, classes)
        weighing = recipe.weighing(weights, train_rows)
        estimator = recipe.estimator(hyperparams)
        target = None
        if supervised:
            target = _target(y[:train_rows], classes if recipe.needs_class_numbers else None)

        recipe.begin(estimator, target)
        rows = categories.rows(x[:train_rows], recipe.categories)
        weighing.update(libraries.fit_arguments(recipe.library, recipe.categories))
        started = time.perf_counter()
        with _threads_only():
            if search:
                space, keys = recipe.search_space(search_params)
                searcher = searches.searcher(search, estimator, task, space, search_args)
                with searches.failures_in_one_line():
                    searcher.fit(rows, target, **weighing)
                estimator = searcher.best_estimator_
                best = _as_asked(searcher.best_params_, space, keys, search_params)
                hyperparams.update(best)
            else:
                with progress.watched(estimator, recipe.library) as arguments:
                    estimator.fit(rows, target, **arguments, **weighing)
        seconds = time.perf_counter() - started

        outputs = n_labels
        if not supervised:
            outputs = getattr(estimator, "n_components_", 1) if task == "decomposition" else 1
        header = _header(pair, recipe, x.shape[1], outputs, classes)
        fitted(header, estimator)
        pgml_runtime.tell_progress("scoring")
        shares = importances.of(estimator, x[:train_rows])
        scores = _scores(header, estimator, x[train_rows:], y[train_rows:], names)
        if shares is not None:
            scores["feature_importances"] = shares
        if search:
            scores["fit_seconds"] = searcher.refit_time_
            scores["search_seconds"] = seconds
            scores["search_results"] = _results(searcher, space, keys, search_params)
        else:
            scores["fit_seconds"] = seconds
    return (
        header,
        estimator,
        _json(scores),
        _json(hyperparams),
    )


def _json(value):
    # A database in another encoding than UTF-8 takes no escapes of what it has no letter for.
    return json.dumps(metrics.json_ready(value), allow_nan=False, ensure_ascii=False)


def _json_object(name, text):
    value = json.loads(text) if text else {}
    if not isinstance(value, dict):
        raise UserError(
            f"{name} must be a JSON object, not {json.dumps(value)}",
            hint='Write it as {"name": value, …}.',
        )
    return value


def _check_shapes(x, y, train_rows, supervised):
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or not 0 <= train_rows <= len(x):
        raise UserError(
            f"features of shape {x.shape} and labels of shape {y.shape} can't be split after "
            f"{train_rows} rows"
        )
    if x.shape[1] == 0 or (supervised and y.shape[1] == 0):
        raise UserError("a model needs at least one feature, and one label to predict")
    if train_rows < MINIMUM_ROWS:
        raise UserError(
            f"too few rows to train on: {train_rows} of {len(x)}",
            hint=f"At least {MINIMUM_ROWS} are needed; a smaller test_size leaves more.",
        )


def _whole_numbers(y):
    """Return the class labels as int64; booleans arrive as 0 and 1."""
    np = require("numpy")
    labels = np.zeros(y.shape, dtype=np.int64)
    exact = np.isfinite(y) & (np.abs(y) < 2**63)
    labels[exact] = y[exact].astype(np.int64)
    wrong = ~exact | (labels != y)
    if wrong.any():
        raise UserError(
            "the labels of a classification must be booleans or whole numbers, "
            f"not {float(y[wrong][0])}",
            hint="Train a regression, or number the classes.",
        )
    return labels


def _classes(y_train):
    """Return the sorted classes of each label; one class alone is nothing to learn."""
    np = require("numpy")
    classes = [np.unique(column).tolist() for column in y_train.T]
    for known in classes:
        if len(known) < 2:
            raise UserError(
                f"a classification needs at least two classes; all training rows have {known[0]}",
                hint="Check the label column, or shuffle with test_sampling => 'random'.",
            )
    return classes


def _target(y, classes):
    """Return y as the estimator wants it: one-dimensional when it can be, numbered if asked."""
    np = require("numpy")
    if classes is not None:
        y = np.column_stack([np.searchsorted(known, column) for known, column in zip(classes, y.T)])
    return y[:, 0] if y.shape[1] == 1 else y


def _threads_only():
    """Make joblib use threads where the caller sets n_jobs: a server process must not be forked."""
    return require("joblib").parallel_config(backend="threading", n_jobs=1)


def _as_asked(params, space, names, search_params):
    """Translate the searcher's parameters back to the names and values that the caller wrote."""
    asked = {}
    for key, value in params.items():
        index = next(i for i, one in enumerate(space[key]) if one is value or one == value)
        asked[names[key]] = search_params[names[key]][index]
    return asked


def _results(searcher, space, names, search_params):
    """Return the searcher's cv_results_ under the caller's names."""
    results = {}
    for key, values in searcher.cv_results_.items():
        if key == "params":
            results[key] = [_as_asked(one, space, names, search_params) for one in values]
        elif not key.startswith("param_"):
            results[key] = values
    for name in names.values():
        results[f"param_{name}"] = [one[name] for one in results["params"]]
    return results


def _header(pair, recipe, n_features, n_labels, classes):
    """Describe a model: everything of its dict but the estimator."""
    versions = {
        name: sys.modules[module].__version__
        for name, module in (
            ("numpy", "numpy"),
            ("scipy", "scipy"),
            ("scikit-learn", "sklearn"),
            ("joblib", "joblib"),
            ("xgboost", "xgboost"),
            ("lightgbm", "lightgbm"),
            ("catboost", "catboost"),
        )
        if module in sys.modules
        and (module == recipe.library or module not in ("xgboost", "lightgbm", "catboost"))
    }
    return {
        "format": FORMAT,
        "algorithm": pair.name,
        "task": pair.task,
        "n_features": n_features,
        "n_labels": n_labels,
        # One list for each label; None for a regression.
        "classes": classes,
        # Whether the estimator predicts the class' number in `classes`, not the class.
        "numbered": recipe.needs_class_numbers,
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "versions": versions,
    }


def _pieces(header, estimator):
    return pickling.pieces(header, "estimator", estimator)


def _scores(header, estimator, x, y, names):
    # Imported here: the extension loads `prediction` after this module.
    from pgml_runtime.prediction import Model

    model = Model(header, estimator)
    predicted = model.predict(x)
    if not require("numpy").isfinite(predicted).all():
        raise UserError(
            f"training {header['algorithm']} gave a model that predicts no finite numbers",
            hint="Scale the features, or choose other hyperparameters.",
        )
    if header["task"] == "regression":
        return metrics.regression(y, predicted)
    if header["task"] == "clustering":
        return metrics.clustering(x, predicted[:, 0])
    if header["task"] == "decomposition":
        return metrics.decomposition(estimator)
    per_label = []
    for label, known in enumerate(header["classes"]):
        proba = None
        few = len(x) * len(known) <= metrics.MOST_PROBABILITIES
        if header["n_labels"] == 1 and model.has_probabilities and few:
            proba = model.predict_proba(x)
        scored = predicted[:, label].astype(y.dtype)
        called = functools.partial(names.class_name, label=label)
        scores = metrics.classification(y[:, label], scored, proba, known, called)
        if header["n_labels"] == 1 and model.has_probabilities and not few:
            metrics.leave_out_probability_scores(scores, len(x), len(known))
        per_label.append(scores)
    return per_label[0] if len(per_label) == 1 else metrics.joint(per_label)
