"""Writing pickles of models, in which long runs of one number are written once.

A tree of a forest has a share of each class in each of its nodes: 144 MB for 3,000 classes, and
nearly all of it zeros. Such an array becomes a call of `numpy.repeat` with the numbers and how
often each comes; NumPy alone reads it again, bit for bit.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import threading
from collections import deque

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


def pieces(header, name, value):
    """Return the pickle of `{**header, name: dumps(value)}` as a list of bytes.

    Large arrays are pieces of their own: what a model takes in memory here, it takes once.
    """
    inner = _Pieces()
    _Pickler(inner, PROTOCOL).dump(value)
    # Protocol 3 has no frames, which would have to know what is put before the end; its
    # instructions are also protocol 4's. What is left open is a dict on the unpickler's stack.
    outer = pickle.dumps(header, 3)[2:-1]
    key = name.encode()
    opening = b"".join(
        (
            pickle.PROTO,
            bytes([PROTOCOL]),
            outer,
            pickle.SHORT_BINUNICODE,
            bytes([len(key)]),
            key,
            pickle.BINBYTES8,
            sum(map(len, inner)).to_bytes(8, "little"),
        )
    )
    return [opening, *inner, pickle.SETITEM + pickle.STOP]


class _Pieces(list):
    """A file that keeps what is written as it is."""

    def write(self, data):
        if len(data) > 0:  # an empty frame would end the frames
            self.append(data if type(data) is bytes else bytes(data))


@contextlib.contextmanager
def sending(pipe, pieces):
    """Write pieces to a pipe, each as a frame, while this process goes on.

    A frame is a length (8 bytes, the lowest first) and as many bytes. A piece is let go when it is
    written. The end waits for the last one; an error leaves out those that are not begun.
    """
    waiting = deque(pieces)
    del pieces
    failures = []

    def write_all():
        try:
            while True:
                piece = waiting.popleft()
                _write(pipe, len(piece).to_bytes(8, "little"))
                _write(pipe, piece)
        except IndexError:
            pass  # nothing waits any more
        except Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=write_all, daemon=True)
    try:
        thread.start()
    except (RuntimeError, MemoryError):  # no room for a thread under a limit of memory
        thread = None
        write_all()
    try:
        yield
    except BaseException:
        waiting.clear()
        raise
    finally:
        if thread is not None:
            thread.join()
    if failures:
        raise failures[0]


def _write(pipe, data):
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(pipe, rest) :]


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
