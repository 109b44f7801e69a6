"""Where Python code may be interrupted.

Asked by the extension before it raises KeyboardInterrupt, anywhere in anybody's code: imports
nothing but what the interpreter brings along.
"""

from __future__ import annotations

import sys

_ONCE = ("numpy",)
"""Packages that refuse to be imported again when they were left half imported."""
_NATIVE = "ExtensionFileLoader"


def must_wait():
    """Tell whether an exception now would leave a module that no later import can mend.

    An extension module whose initialisation failed can often not be initialised again in the same
    process. A module in Python can, but for those of the packages above.
    """
    frame = sys._getframe()
    while frame is not None:
        code = frame.f_code
        if code.co_name == "<module>" and _package(frame) in _ONCE:
            return True
        if code.co_name in ("create_module", "exec_module") and _loader(frame) == _NATIVE:
            return True
        frame = frame.f_back
    return False


def _package(frame):
    return str(frame.f_globals.get("__name__", "")).split(".")[0]


def _loader(frame):
    return type(frame.f_locals.get("self")).__name__
