"""Where Python code may be interrupted.

Asked by the extension before it raises KeyboardInterrupt, anywhere in anybody's code: imports
nothing but what the interpreter brings along.
"""

from __future__ import annotations

import sys

_IMPORT_SYSTEM = "<frozen importlib."


def must_wait():
    """Tell whether an import is under way, which an exception would leave half done.

    No later import mends that. An extension module can often not be initialised twice in a process,
    numpy refuses to be, and a package in Python whose submodules were imported already does not
    get their names again: asyncio fails with a NameError for the rest of the session.
    """
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORT_SYSTEM):
            return True
        frame = frame.f_back
    return False
