"""The toy data sets against what scikit-learn documents."""

import numpy as np
import pytest

from pgml_runtime import datasets
from pgml_runtime.errors import UserError

_FLOWERS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
_WINE = (
    "alcohol malic_acid ash alcalinity_of_ash magnesium total_phenols flavanoids "
    "nonflavanoid_phenols proanthocyanins"
).split()
_WINE_END = ["od280/od315_of_diluted_wines", "proline", "target"]
_MEASURES = [
    *("radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity"),
    *("concave points", "symmetry", "fractal dimension"),
]
_CELLS = [
    *(f"mean {measure}" for measure in _MEASURES),
    *(f"{measure} error" for measure in _MEASURES),
    *(f"worst {measure}" for measure in _MEASURES),
]
_EXPECTED = {
    "diabetes": (442, "age sex bmi bp s1 s2 s3 s4 s5 s6 target".split(), "real"),
    "digits": (1797, ["image", "target"], "smallint"),
    "iris": (150, [*_FLOWERS, "target"], "integer"),
    "linnerud": (20, "chins situps jumps weight waist pulse".split(), "real"),
    "wine": (178, [*_WINE, "hue", "color_intensity", *_WINE_END], "integer"),
    "breast_cancer": (569, [*_CELLS, "malignant"], "boolean"),
}
# What 1.0 has otherwise: names in their order, and the type of the last.
_IN_1_0 = {
    "digits": (["image", "target"], "integer"),
    "linnerud": ("chins situps jumps weight waste pulse".split(), "real"),
    "wine": ([*_WINE, "color_intensity", "hue", *_WINE_END], "integer"),
}


@pytest.mark.parametrize("name", datasets.NAMES)
def test_columns_rows_and_types(name):
    rows, names, target_type = _EXPECTED[name]
    columns, arrays = datasets.load(name)
    assert len(columns) == len(arrays)
    assert columns[-1][1] == target_type
    assert [column for column, _ in columns] == names
    kinds = {"real": "f", "integer": "i", "smallint": "i", "smallint[]": "i", "boolean": "b"}
    for (column, sql_type), values in zip(columns, arrays):
        assert len(values) == rows
        assert values.dtype.kind == kinds[sql_type], column
        assert values.dtype.itemsize in (1, 8)
        assert values.ndim == (3 if column == "image" else 1)
        assert values.flags.c_contiguous


@pytest.mark.parametrize("name", datasets.NAMES)
def test_columns_of_1_0(name):
    names, target_type = _IN_1_0.get(name, _EXPECTED[name][1:])
    columns, arrays = datasets.load(name, True)
    assert [column for column, _ in columns] == names
    assert columns[-1][1] == target_type
    # The same values, wherever they stand.
    here = dict(zip([column for column, _ in datasets.load(name)[0]], datasets.load(name)[1]))
    for (column, _), values in zip(columns, arrays):
        assert np.array_equal(values, here["waist" if column == "waste" else column]), column


def test_values():
    columns, arrays = datasets.load("iris")
    assert [float(values[0]) for values in arrays] == [5.1, 3.5, 1.4, 0.2, 0.0]
    columns, arrays = datasets.load("digits")
    assert columns[0] == ("image", "smallint[]")
    assert arrays[0].shape == (1797, 8, 8)
    assert arrays[0][0, 0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert arrays[1][:3].tolist() == [0, 1, 2]
    columns, arrays = datasets.load("breast_cancer")
    assert columns[-1] == ("malignant", "boolean")
    assert int(arrays[-1].sum()) == 212
    assert len(columns) == 31
    columns, arrays = datasets.load("wine")
    hue = [name for name, _ in columns].index("hue")
    assert [float(values[0]) for values in arrays[hue : hue + 2]] == [1.04, 5.64]
    assert np.bincount(arrays[-1]).tolist() == [59, 71, 48]
    _, arrays = datasets.load("linnerud")
    assert [float(values[0]) for values in arrays] == [5, 162, 60, 191, 36, 50]


def test_an_unknown_name_lists_the_names():
    with pytest.raises(UserError, match='unknown data set "irsi"') as caught:
        datasets.load("irsi")
    assert "Did you mean iris?" in caught.value.hint
    for name in _EXPECTED:
        assert name in caught.value.hint
