"""Models that the libraries of 2022 pickled predict what they predicted then."""

import base64
import json
import os
import pickle
import zlib
from pathlib import Path

import numpy as np
import pytest

from pgml_runtime import legacy, prediction, unpickling
from pgml_runtime.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
ADOPTION = Path(os.environ.get("PGML_ADOPTION") or ROOT / "packaging/tests/adoption")
FILE = ADOPTION / "models-2022.json"
DOCUMENT = json.loads(FILE.read_text(encoding="utf-8"))
MODELS = [(rows, one) for rows, models in DOCUMENT["models"].items() for one in models]


def _rows(name):
    return np.array(
        [[np.nan if value is None else value for value in row] for row in DOCUMENT[name]]
    )


def _bytes(one):
    return zlib.decompress(base64.b64decode(one["pickle"]))


@pytest.mark.parametrize(
    ("rows", "one"),
    MODELS,
    ids=[f"{r}-{o['task']}-{o['algorithm']}-{o['labels']}" for r, o in MODELS],
)
def test_predicts_what_it_predicted(rows, one, emitted):
    found = prediction.load(_bytes(one)).predict(_rows(rows))[:, 0]
    np.testing.assert_allclose(found, one["predicted"], rtol=1e-9, atol=1e-9)


def test_every_pair_of_1_0_is_there():
    import contract

    pairs = {(one["algorithm"], one["task"]) for _, one in MODELS}
    assert pairs == set(contract.PAIRS)


def test_probabilities_are_those_of_the_class_that_is_predicted(emitted):
    for rows, one in MODELS:
        model = prediction.load(_bytes(one))
        if model.has_probabilities:
            x = _rows(rows)
            shares = model.predict_proba(x)
            np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
            likely = np.array(model.classes)[shares.argmax(axis=1)]
            # The machines of svm and nu_svm decide by another number than their probabilities.
            assert (likely == one["predicted"]).mean() > 0.9, one["algorithm"]


def test_words_of_another_kind_are_still_refused():
    data = pickle.dumps(print)
    with pytest.raises(pickle.UnpicklingError):
        unpickling.loads(data, legacy.substitute)
    with pytest.raises(UserError):
        prediction.load(data)
    assert legacy.substitute("os", "system") is None
    assert legacy.substitute("sklearn.tree._tree", "DepthFirstTreeBuilder") is None
