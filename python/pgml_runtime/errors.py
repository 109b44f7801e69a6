"""What reaches the user: errors with a hint and an SQLSTATE, and forwarded Python warnings."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import sys
import warnings

import pgml_runtime

INVALID_PARAMETER_VALUE = "22023"
UNDEFINED_FILE = "58P01"
UNDEFINED_OBJECT = "42704"

_PACKAGE_NAMES = {"sklearn": "scikit-learn"}

PACKAGES_OF_THEIR_OWN = {"catboost": "pgml-python-catboost"}
"""The Debian packages of those that pgml-python lacks. Each lies in a directory of its own, with
what it imports: scikit-learn and LightGBM would import pandas in every session that finds one."""

# The modules that errors about bad input come from; CatBoost's native one is outside its package.
_LIBRARIES = ("sklearn", "xgboost", "lightgbm", "_catboost")

# Python itself ignores these unless a developer asks: the user of a database can't act on them.
_FOR_DEVELOPERS = (
    DeprecationWarning,
    PendingDeprecationWarning,
    ImportWarning,
    ResourceWarning,
)

# scikit-learn's complaint that LightGBM 4.6 named its columns itself; ours never have names.
_WITHOUT_MEANING = ("X does not have valid feature names",)


class UserError(Exception):
    """Something the caller can put right; becomes an ERROR with this SQLSTATE and HINT."""

    def __init__(self, message, hint=None, sqlstate=INVALID_PARAMETER_VALUE):
        """Keep `message` and `hint` (None for none) without a full stop added or removed."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.sqlstate = sqlstate


class MissingPackage(UserError):  # noqa: N818 (the name is part of the interface)
    """A Python package that the call needs is not there, or does not load."""

    def __init__(self, package, reason=None):
        """Name the distribution `package`; `reason` is the loader's own message."""
        detail = f": {reason}" if reason else ""
        super().__init__(
            f"the Python package {package} can't be loaded{detail}",
            hint=(
                "Install the Debian package pgml-python, or set pgml.venv to a virtual environment "
                f"that has {package}."
            ),
            sqlstate=UNDEFINED_FILE,
        )
        self.package = package


def require(module):
    """Import `module` by its dotted name; raise MissingPackage when its package is missing."""
    look_beside(module.split(".")[0])
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise _missing(module, error) from error
    except OSError as error:  # a shared library of the package, such as libgomp, is missing
        raise _missing(module, error) from error


def look_beside(package):
    """Let the interpreter find a package of its own, from now on and where it is installed."""
    if package in PACKAGES_OF_THEIR_OWN and sys.path:
        beside = directory_beside(sys.path[0], package)
        if os.path.isdir(beside) and beside not in sys.path:
            sys.path.insert(1, beside)


def directory_beside(packages, package):
    """Return where a package of its own lies beside the directory `packages`."""
    return os.path.join(os.path.dirname(packages), f"{package}-packages")


def _missing(module, error):
    root = module.split(".")[0]
    if root in PACKAGES_OF_THEIR_OWN:
        return _not_installed(root, error)
    absent = getattr(error, "name", None)
    if isinstance(error, ModuleNotFoundError) and absent:
        root = absent.split(".")[0]
        return MissingPackage(_PACKAGE_NAMES.get(root, root))
    return MissingPackage(_PACKAGE_NAMES.get(root, root), reason=summary(error))


def _not_installed(root, error):
    """Return the UserError for a package that another Debian package than pgml-python has."""
    package = PACKAGES_OF_THEIR_OWN[root]
    absent = isinstance(error, ModuleNotFoundError)
    return UserError(
        f"the Python package {root} can't be loaded{'' if absent else f': {summary(error)}'}",
        hint=(
            f"Install the package {package} (apt install {package}), or set pgml.venv to a virtual "
            "environment that has it."
        ),
        sqlstate=UNDEFINED_FILE,
    )


def summary(error):
    """Return one line of text for `error`: long reports are cut to their first and last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if len(lines) == 1:
        return lines[0]
    return f"{lines[0]} … {lines[-1]}"


def unknown(kind, name, known):
    """Return the UserError for a `name` that is not among the strings `known`."""
    near = difflib.get_close_matches(str(name), known, n=1)
    suggestion = f"Did you mean {near[0]}? " if near else ""
    return UserError(
        f'unknown {kind} "{name}"', hint=f"{suggestion}Known are: {', '.join(sorted(known))}."
    )


def is_for_user(category, message):
    """Tell whether a warning says something a database user can act on."""
    return not issubclass(category, _FOR_DEVELOPERS) and not message.startswith(_WITHOUT_MEANING)


@contextlib.contextmanager
def forwarded_warnings():
    """Hand each distinct Python warning of the block to `pgml_runtime.emit_warning`, at its end.

    They are emitted when the block fails too, since they often say why.
    """
    caught = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        seen = set()
        for warning in caught:
            message = str(warning.message).strip()
            text = f"{warning.category.__name__}: {message}"
            if is_for_user(warning.category, message) and text not in seen:
                seen.add(text)
                pgml_runtime.emit_warning(text)


@contextlib.contextmanager
def failures_as_user_errors(doing):
    """Turn what scikit-learn, XGBoost and the like raise for bad input into a UserError.

    `doing` starts the message ("training lasso"). A cancellation is no Exception and passes, and so
    does MemoryError; anything else that is not about the input stays what it is: a bug to report.
    """
    try:
        yield
    except UserError:
        raise
    except ModuleNotFoundError as error:
        raise _missing(error.name or "", error) from error
    except Exception as error:
        library = type(error).__module__.split(".")[0]
        about_input = (ValueError, TypeError, ArithmeticError)
        if isinstance(error, about_input) or library in _LIBRARIES:
            raise UserError(f"{doing} failed: {summary(error)}") from error
        raise
