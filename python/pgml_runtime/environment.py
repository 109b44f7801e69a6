"""Which packages the interpreter has, by their metadata; nothing is imported to tell."""

from __future__ import annotations

from importlib import metadata

from pgml_runtime.errors import (
    PACKAGES_OF_THEIR_OWN,
    UNDEFINED_OBJECT,
    UserError,
    directory_beside,
    look_beside,
    require,
)

REQUIRED = ("numpy", "scipy", "sklearn", "xgboost", "lightgbm")
"""The modules that training and prediction import."""


def version(name):
    """Return the version of the distribution `name`; raise UserError when it is not installed."""
    look_beside(name)
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        raise UserError(
            f'the Python package "{name}" is not installed',
            hint="SELECT * FROM pgml.python_pip_freeze() lists what is.",
            sqlstate=UNDEFINED_OBJECT,
        ) from None


def freeze(directory):
    """Return `name==version` for each package in `directory` and beside, by their names."""
    path = [directory, *(directory_beside(directory, one) for one in PACKAGES_OF_THEIR_OWN)]
    found = {one.metadata["Name"]: one.version for one in metadata.distributions(path=path)}
    return [f"{name}=={found[name]}" for name in sorted(found, key=str.lower)]


def check():
    """Import every library that pgml uses; raise MissingPackage for the first that is missing."""
    for module in REQUIRED:
        require(module)
