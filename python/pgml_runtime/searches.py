"""Which candidate of a search is the best when some have no score on some folds.

A candidate that an algorithm refuses, or a fold whose rows lack a class, has the score NaN.
scikit-learn takes the mean with them, so that each candidate's may be NaN, and then the first one
is "the best".
"""

from __future__ import annotations

import contextlib
import re
import warnings

import pgml_runtime
from pgml_runtime.errors import UserError, require

_SCORE_OF_FOLD = re.compile(r"split\d+_test_score")
_NOT_FINITE = re.compile("One or more of the (test|train) scores are non-finite")


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
