"""The Python side of pgml: trains, scores and predicts with scikit-learn, XGBoost and LightGBM.

The extension embeds these sources and executes them inside a Postgres backend, so nothing here may

* import numpy, scikit-learn and the like at module level: a missing package must reach the user as
  an error with a hint, and a first prediction pays only for what its model needs;
* start a process, open a connection, print, or read a clock other than for durations.

Text for the user leaves in three ways only: an exception (`pgml_runtime.errors`), `emit_warning`,
or `tell_progress`.
"""

from __future__ import annotations

PROTOCOL = 1
"""Version of the interface between the extension and these modules; the extension checks it."""


def emit_warning(message: str) -> None:
    """Drop `message`; the extension replaces this attribute by one that raises a WARNING."""


def tell_progress(message: str) -> None:
    """Drop `message`, such as "120 of 500 rounds"; the extension replaces this attribute, too."""
