"""Reading pickles that may only be made of what models are made of.

A pickle names classes and functions, and reading it calls them. The extension reads only what it
stored itself; this is for the day on which that fails: a pickle that names anything else than the
parts of a model is refused before anything of it is called.
"""

from __future__ import annotations

import io
import pickle

from pgml_runtime.errors import look_beside

_PLAIN = {
    "builtins": "bool bytearray bytes complex dict float frozenset int list object range set slice "
    "str tuple",
    "collections": "OrderedDict defaultdict",
    "copyreg": "_reconstructor",
    "_codecs": "encode",
    "numpy": "dtype ndarray repeat reshape",
    "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
    "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64 PCG64DXSM",
    "xgboost.core": "Booster",
    "lightgbm.basic": "Booster",
    "catboost.core": "CatBoost CatBoostClassifier CatBoostRegressor",
}
"""The names of a module that may be used as they are; numpy.core's are added below."""

for _core in ("numpy.core", "numpy._core"):
    _PLAIN[f"{_core}.multiarray"] = "_reconstruct scalar"
    _PLAIN[f"{_core}.numeric"] = "_frombuffer"

_NAMES = {module: frozenset(names.split()) for module, names in _PLAIN.items()}

_CLASSES_OF = ("sklearn", "xgboost.sklearn", "lightgbm.sklearn", "scipy.sparse")
"""Where every class may be used that is defined there. What these do when they are made, and when
their state is set, is to remember it."""

_SHOWN_BY = ("xgboost", "lightgbm")
"""Modules through which those of the above can be named."""

_NOT_CLASSES_OF = ("sklearn.datasets", "sklearn.externals", "sklearn.utils._testing")
"""But for these, which reach files or are somebody else's."""

_NATIVE = {"_loss": "sklearn._loss._loss"}
"""Native modules that give their classes a name without their package: scikit-learn 1.6's."""

_NEW = ("__pyx_unpickle_", "newObj")
"""How functions begin that native classes of scikit-learn are made with."""


def loads(data, substitute=None):
    """Read a pickle from bytes; UnpicklingError names the first thing that no model is made of.

    substitute: a function that gets a module and a name, and returns what stands for it or None.
    """
    unpickler = _Unpickler(io.BytesIO(data))
    unpickler.substitute = substitute
    return unpickler.load()


class _Unpickler(pickle.Unpickler):
    substitute = None

    def find_class(self, module, name):
        """Find a class or function by the names in the pickle; refuse what is none of a model."""
        instead = self.substitute and self.substitute(_NATIVE.get(module, module), name)
        if instead:
            return instead
        refused = pickle.UnpicklingError(f"{module}.{name} is no part of a model")
        module = _NATIVE.get(module, module)
        if name in _NAMES.get(module, ()):
            look_beside(module.split(".")[0])
            return super().find_class(module, name)
        # A dotted name walks from the module to anything that it has imported.
        if "." in name or not (_has_classes(module) or module in _SHOWN_BY):
            raise refused
        found = super().find_class(module, name)
        home = getattr(found, "__module__", None) or ""
        home = _NATIVE.get(home, home)
        maker = home.startswith("sklearn.") and name.startswith(_NEW)
        if not (_has_classes(home) and (isinstance(found, type) or maker)):
            raise refused
        return found


def _has_classes(module):
    return _is_below(module, _CLASSES_OF) and not _is_below(module, _NOT_CLASSES_OF)


def _is_below(module, packages):
    return any(module == package or module.startswith(f"{package}.") for package in packages)
