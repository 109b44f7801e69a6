"""What each library of boosted trees wants of the server, beyond its scikit-learn-API classes.

Which names its classes take, which of them a server must not be asked for, and what it runs on.
"""

from __future__ import annotations

import inspect
import platform

import pgml_runtime
from pgml_runtime import spellings
from pgml_runtime.errors import UserError, require

SERVER_DEFAULTS = {
    "xgboost": {"n_jobs": 1},
    "lightgbm": {"n_jobs": 1, "verbosity": -1},
    "catboost": {"thread_count": 1, "logging_level": "Silent", "allow_writing_files": False},
}
"""What a database server wants of a library: one thread, no chatter, no file."""

_PROCESSOR = "/proc/cpuinfo"
_CATBOOST_NEEDS = ("ssse3", "sse4_1", "sse4_2", "popcnt")


def check_processor(library):
    """Refuse a library that this processor would end the session by an illegal instruction of."""
    if library != "catboost" or platform.machine() != "x86_64":
        return
    with open(_PROCESSOR, encoding="ascii", errors="replace") as file:
        flags = next((line for line in file if line.startswith("flags")), "").split()
    missing = [name for name in _CATBOOST_NEEDS if name not in flags]
    if missing:
        raise UserError(
            f"catboost can't run on this processor, which lacks {', '.join(missing)}",
            hint="Use lightgbm or xgboost, which need no more than every x86-64 has.",
            sqlstate="0A000",
        )


def declared(library, class_):
    """Return the hyperparameters of a class by name, with their defaults."""
    if library != "catboost":
        return class_().get_params(deep=False)
    # Its get_params tells only what was set.
    found = list(inspect.signature(class_.__init__).parameters)[1:]
    gone = {*spellings.CATBOOST_REFUSED, *spellings.CATBOOST_OLD_NAMES}
    return {name: None for name in found if name not in gone}


def names(library, known):
    """Return (old name → name in `known`, names that are taken but not in it)."""
    if library == "xgboost":
        return spellings.XGBOOST_OLD_NAMES, spellings.XGBOOST_EXTRA
    if library == "lightgbm":
        return _lightgbm_names(known)
    if library == "catboost":
        return spellings.CATBOOST_OLD_NAMES, frozenset()
    return spellings.OLD_NAMES, frozenset()


def refuse(library, name):
    """Raise UserError for a hyperparameter that the library has and a server must not be asked."""
    if library == "catboost" and name in spellings.CATBOOST_REFUSED:
        raise UserError(
            f'hyperparameter "{name}" of catboost can\'t be used in a server',
            hint=spellings.CATBOOST_REFUSED[name],
        )


def fit_arguments(library, categories):
    """Return what `fit` is given beside the rows; categories: the places of such features."""
    if library != "catboost":
        return {}
    logs = {"log_cout": _Dropped(), "log_cerr": _Warned()}
    return {**logs, "cat_features": categories} if categories else logs


class _Dropped:
    """Discards the texts that CatBoost prints although it is told to be silent."""

    def write(self, text):
        """Drop a text."""

    def flush(self):
        """Do nothing: nothing is kept."""


class _Warned(_Dropped):
    def write(self, text):
        """Hand a text of CatBoost's to the user."""
        if text.strip():
            pgml_runtime.emit_warning(f"catboost: {text.strip()}")


def translate_xgboost(name, value):
    """Return a hyperparameter's value as XGBoost takes it."""
    if name == "early_stopping_rounds" and value is not None:
        raise UserError(
            "hyperparameter early_stopping_rounds can't be used: a training has no rows to stop by",
            hint=(
                "Leave it out, and choose n_estimators, with a search if need be; or use "
                "runtime => 'rust', which holds rows back."
            ),
        )
    if name == "eval_metric" and isinstance(value, list) and value:
        # Nothing is evaluated while it trains, and XGBoost then chokes on a list; its last counts.
        return value[-1]
    return value


def translate_catboost(name, value):
    """Return a hyperparameter's value so that scikit-learn can clone its estimator.

    A clone has to give the very object back, and CatBoost returns a copy of a list.
    """
    if not isinstance(value, list):
        return value
    if name in ("monotone_constraints", "feature_weights") or name.endswith("_penalties"):
        return f"({','.join(map(str, value))})"
    return tuple(value)


def _lightgbm_names(known):
    """Read LightGBM's parameters and their aliases from the library itself."""
    aliases = require("lightgbm").basic._ConfigAliases._get_all_param_aliases()
    old_names = {}
    extra = set()
    for name, others in aliases.items():
        group = [name, *others]
        if name in spellings.LIGHTGBM_REFUSED:
            continue
        extra.update(group)
        target = next((one for one in group if one in known), None)
        if target:
            old_names.update((one, target) for one in group if one != target)
    return old_names, frozenset(extra)
