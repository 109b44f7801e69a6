"""Versions of packages, told without importing them."""

import os

import numpy
import pytest

from pgml_runtime import environment
from pgml_runtime.errors import UserError


def test_a_version_is_the_one_that_is_imported():
    assert environment.version("numpy") == numpy.__version__


@pytest.mark.parametrize("name", ["no-such-package", ""])
def test_a_package_that_is_missing_is_named(name):
    with pytest.raises(UserError, match=f'"{name}" is not installed'):
        environment.version(name)


def test_the_list_is_that_of_one_directory(tmp_path):
    assert environment.freeze(str(tmp_path)) == []
    site = os.path.dirname(os.path.dirname(numpy.__file__))
    assert f"numpy=={numpy.__version__}" in environment.freeze(site)
