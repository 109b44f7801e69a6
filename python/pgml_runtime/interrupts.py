"""Where Python code may be interrupted.

Asked by the extension before it raises KeyboardInterrupt, anywhere in anybody's code: imports
nothing but what the interpreter brings along.
"""

from __future__ import annotations

import sys

_ONCE = ("numpy",)
"""Packages that refuse to be imported again when they were left half imported."""


def must_wait():
    """Tell whether an exception now would leave a module that no later import can mend.

    An extension module whose initialisation failed can often not be initialised again in the same
    process. A module in Python can, but for those of the packages above.
    """
    frame = sys._getframe()
    while frame is not None:
        code = frame.f_code
        if code.co_name == "<module>":
            if str(frame.f_globals.get("__name__", "")).split(".")[0] in _ONCE:
                return True
        elif code.co_name in ("create_module", "exec_module"):
            if type(frame.f_locals.get("self")).__name__ == "ExtensionFileLoader":
                return True
        frame = frame.f_back
    return False
