"""Where an interrupt has to wait: a module that is left half imported can't be mended."""

import importlib

from pgml_runtime.interrupts import must_wait


def test_ordinary_code_is_interrupted():
    assert not must_wait()


def test_an_import_is_finished_first(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "half_imported"
    package.mkdir()
    (package / "__init__.py").write_text("from half_imported import inner\n")
    (package / "inner.py").write_text(
        "from pgml_runtime.interrupts import must_wait\n\n"
        "def deeper():\n    return must_wait()\n\n"
        "answers = must_wait(), deeper()\n"
    )
    module = importlib.import_module("half_imported")
    assert module.inner.answers == (True, True)
    assert not module.inner.deeper(), "only while it is imported"
