"""A model that leaves the process that trained it, in pieces, while that one goes on."""

import contextlib
import json
import os
import pickle
import struct
import threading
import tracemalloc

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from pgml_runtime import pickling, prediction, training
from pgml_runtime.errors import UserError

_ARGUMENTS = ("{}", None, "{}", "{}")


@pytest.fixture
def pipe():
    """A pipe whose ends are closed whatever a test does with it."""
    reader, writer = os.pipe()
    yield reader, writer
    for end in (reader, writer):
        with contextlib.suppress(OSError):
            os.close(end)


def _frames(read):
    """Return what is in the frames that were read, which have to be whole."""
    found = []
    while read:
        (length,) = struct.unpack("<Q", read[:8])
        assert 0 < length <= len(read) - 8
        found.append(read[8 : 8 + length])
        read = read[8 + length :]
    return found


class _Reader:
    """Reads a pipe to its end in a thread of its own."""

    def __init__(self, reader):
        self.read = b""
        self._reader = reader
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while part := os.read(self._reader, 1 << 16):
            self.read += part

    def wait(self):
        self._thread.join()
        return self.read


def test_pieces_are_the_pickle_of_the_whole():
    draw = np.random.RandomState(1)
    value = {"large": draw.normal(size=100_000), "same": [1, 2], "text": "ä" * 100}
    value["again"] = value["large"]
    pieces = pickling.pieces({"format": 1, "classes": None, "versions": {"a": "1"}}, "model", value)
    assert len(pieces) > 3
    assert all(pieces)
    whole = pickle.loads(b"".join(pieces))
    assert list(whole) == ["format", "classes", "versions", "model"]
    inner = pickle.loads(whole["model"])
    assert inner["large"] is inner["again"]
    assert inner["large"].tobytes() == value["large"].tobytes()


def test_a_large_array_is_in_memory_once():
    array = np.random.RandomState(1).normal(size=2_000_000)
    tracemalloc.start()
    pieces = pickling.pieces({}, "model", [array])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(map(len, pieces)) > array.nbytes
    assert peak < array.nbytes * 1.5


def test_the_process_goes_on_while_nobody_reads(pipe):
    reader, writer = pipe
    pieces = [b"a" * 100_000, b"b" * 300_000, b"c"]
    with pickling.sending(writer, pieces):
        # The pipe holds less than the first piece: a sender that waits never comes here.
        read = _Reader(reader)
    os.close(writer)
    assert _frames(read.wait()) == pieces


def test_an_error_leaves_out_what_waits_and_no_half_of_a_piece(pipe):
    reader, writer = pipe
    pieces = [b"a" * 1_000_000, b"b" * 1_000_000]
    late = []
    # Whoever reads goes on only after the error.
    timer = threading.Timer(0.3, lambda: late.append(_Reader(reader)))

    def fail():
        with pickling.sending(writer, pieces):
            os.read(reader, 8)
            timer.start()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    os.close(writer)
    timer.join()
    assert late[0].wait() == pieces[0]


def test_a_reader_that_is_gone_is_an_error(pipe):
    reader, writer = pipe
    os.close(reader)
    with pytest.raises(BrokenPipeError), pickling.sending(writer, [b"a"]):
        pass


def test_training_sends_what_it_would_return(pipe, regression_data):
    reader, writer = pipe
    x, y = regression_data
    arguments = ("random_forest", "regression", x, y, 120, '{"n_estimators": 20}', *_ARGUMENTS[1:])
    returned = training.fit_and_export(*arguments)
    read = _Reader(reader)
    sent = training.fit_and_export(*arguments, pipe=writer)
    os.close(writer)
    assert sent[0] == b""
    model = b"".join(_frames(read.wait()))
    assert (
        prediction.load(model).predict(x).tobytes()
        == prediction.load(returned[0]).predict(x).tobytes()
    )
    assert json.loads(sent[1])["r2"] == json.loads(returned[1])["r2"]
    assert sent[3][0] == returned[3][0]


def test_a_model_that_can_not_be_scored_sends_whole_pieces(pipe, regression_data, monkeypatch):
    reader, writer = pipe
    x, y = regression_data
    monkeypatch.setattr(RandomForestRegressor, "predict", lambda self, x: np.full(len(x), np.nan))
    read = _Reader(reader)
    with pytest.raises(UserError, match="no finite numbers"):
        training.fit_and_export("random_forest", "regression", x, y, 120, *_ARGUMENTS, pipe=writer)
    os.close(writer)
    _frames(read.wait())
