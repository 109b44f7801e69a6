"""Searches: what may be asked for, and which candidate is the best when some have no score.

A candidate that an algorithm refuses, or a fold whose rows lack a class, has the score NaN.
scikit-learn takes the mean with them, so that each candidate's may be NaN, and then the first one
is "the best".
"""

from __future__ import annotations

import contextlib
import json
import re
import warnings

import pgml_runtime
from pgml_runtime import metrics
from pgml_runtime.errors import UserError, require, unknown

_SCORE_OF_FOLD = re.compile(r"split\d+_test_score")
_NOT_FINITE = re.compile("One or more of the (test|train) scores are non-finite")


_SCORING = {
    "regression": "r2",
    "classification": "f1_micro",
    "clustering": lambda estimator, x, y=None: metrics.clustering(x, estimator.predict(x))[
        "silhouette"
    ],
    "decomposition": None,  # the estimator's own: how likely the rows are
}
_SEARCHES = {
    "grid": ("GridSearchCV", "param_grid"),
    "random": ("RandomizedSearchCV", "param_distributions"),
}


def best(results):
    """Return the index of the best candidate in scikit-learn's `cv_results_`.

    That is the one with the highest mean over the folds on which it has a score, among those that
    have one on most folds; of equals, the first.
    """
    np = require("numpy")
    folds = [values for name, values in results.items() if _SCORE_OF_FOLD.fullmatch(name)]
    scores = np.ma.masked_invalid(np.column_stack(folds))
    counts = scores.count(axis=1)
    if not counts.any():
        raise UserError(
            "no candidate of the search has a score",
            hint='Choose another "scoring", fewer folds with "cv", or other search_params.',
        )
    means = scores.mean(axis=1).filled(-np.inf)
    return max(range(len(counts)), key=lambda place: (counts[place], means[place]))


@contextlib.contextmanager
def failures_in_one_line():
    """Say how many fits failed and why the first did, where scikit-learn prints each traceback."""
    failed = require("sklearn.exceptions").FitFailedWarning
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        text = str(warning.message)
        if issubclass(warning.category, failed):
            pgml_runtime.emit_warning(_summary(text))
        elif not _NOT_FINITE.match(text):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


def _summary(text):
    counts = re.search(r"(\d+) fits failed out of a total of (\d+)", text)
    lines = [line.strip() for line in text.splitlines()]
    # A traceback ends with a line of the exception and its message.
    causes = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Warning)\b.*: ", line)]
    failed, total = counts.groups() if counts else ("some", "all")
    why = f": {causes[0]}" if causes else ""
    return f"{failed} of {total} fits of the search failed and have no score{why}"


def check(search, search_params):
    """Fail for a search that there is not, or that has nothing to try."""
    if not search:
        if search_params:
            pgml_runtime.emit_warning("search_params are ignored because search is not set")
        return
    if search not in _SEARCHES:
        raise unknown("search", search, list(_SEARCHES))
    if not search_params:
        raise UserError(
            f"search '{search}' needs search_params",
            hint='Name the values to try: {"alpha": [0.1, 1, 10]}.',
        )
    for name, values in search_params.items():
        if not isinstance(values, list) or not values:
            raise UserError(
                f'search_params of "{name}" must be a list of values to try, '
                f"not {json.dumps(values)}",
                hint=f'Write them as {{"{name}": [value, …]}}.',
            )


def check_arguments(search, search_args):
    """Return the searcher's class, and those of `search_args` that it takes."""
    class_name, argument = _SEARCHES[search]
    searcher_class = getattr(require("sklearn.model_selection"), class_name)
    known = searcher_class(None, {}).get_params(deep=False)
    taken = {name for name in known if name not in ("estimator", argument, "refit")}
    arguments = {}
    for name, value in search_args.items():
        if name == "refit" and value is True:
            continue
        if name not in taken:
            raise unknown(f"search_args name for search '{search}'", name, sorted(taken))
        arguments[name] = value
    if isinstance(arguments.get("scoring"), (list, dict)):
        raise UserError(
            'search_args of "scoring" must name one score, by which the best candidate is chosen',
            hint='Write it as {"scoring": "accuracy"}.',
        )
    return searcher_class, arguments


def searcher(search, estimator, task, space, search_args):
    """Return the searcher for an estimator: `space` has the values to try for its parameters."""
    argument = _SEARCHES[search][1]
    searcher_class, given = check_arguments(search, search_args)
    arguments = {"scoring": _SCORING[task], "refit": best}
    if search == "random":
        arguments["random_state"] = 0
    arguments.update(given)
    if not space:
        raise UserError("none of search_params has an effect in this release")
    return searcher_class(estimator, **{argument: space}, **arguments)
