"""Writing pickles of models, in which long runs of one number are written once.

A tree of a forest has a share of each class in each of its nodes: 144 MB for 3,000 classes, and
nearly all of it zeros. Such an array becomes a call of `numpy.repeat` with the numbers and how
often each comes; NumPy alone reads it again, bit for bit.
"""

from __future__ import annotations

import io
import pickle

from pgml_runtime.errors import require

PROTOCOL = 4

_LEAST_BYTES = 1 << 16
_WORTH = 4
"""How many times smaller an array has to become."""

_COUNT_BYTES = 8


def dumps(value):
    """Return the pickle of `value`."""
    file = io.BytesIO()
    _Pickler(file, PROTOCOL).dump(value)
    return file.getvalue()


class _Runs:
    """Stands for an array of runs while it is written."""

    def __init__(self, values, counts):
        self.values = values
        self.counts = counts

    def __reduce__(self):
        return require("numpy").repeat, (self.values, self.counts)


class _Pickler(pickle.Pickler):
    def reducer_override(self, value):
        """Write an array as its runs when that is much shorter; everything else as it is."""
        np = require("numpy")
        if type(value) is not np.ndarray or value.nbytes < _LEAST_BYTES:
            return NotImplemented
        runs = _runs(value)
        return NotImplemented if runs is None else (np.reshape, (runs, value.shape))


def _runs(array):
    """Return the runs of equal numbers in an array, or None if they save little space."""
    np = require("numpy")
    size = array.itemsize
    if array.dtype.kind not in "fiu" or size > 8 or not array.flags.c_contiguous:
        return None
    flat = array.reshape(-1)
    # By their bits: -0.0 is not 0.0, and a NaN is itself.
    bits = flat.view(f"u{size}")
    changes = bits[1:] != bits[:-1]
    count = np.count_nonzero(changes) + 1
    if count * (size + _COUNT_BYTES) * _WORTH > array.nbytes:
        return None
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    return _Runs(flat[starts], np.diff(starts, append=len(flat)))
