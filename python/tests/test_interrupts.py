"""Where an interrupt has to wait: a module that is left half imported there can't be mended."""

from pgml_runtime.interrupts import must_wait


def run_module(name):
    scope = {"__name__": name, "must_wait": must_wait}
    exec(compile("answer = must_wait()", f"{name}.py", "exec"), scope)
    return scope["answer"]


def test_ordinary_code_is_interrupted():
    assert not must_wait()


def test_modules_in_python_are_interrupted_but_for_numpys():
    assert not run_module("scipy.linalg")
    assert not run_module("numpyro")
    assert run_module("numpy")
    assert run_module("numpy.linalg._linalg")


def test_extension_modules_are_finished_first():
    class ExtensionFileLoader:
        def exec_module(self):
            return must_wait()

        def create_module(self):
            return must_wait()

    class SourceFileLoader(ExtensionFileLoader):
        pass

    assert ExtensionFileLoader().exec_module()
    assert ExtensionFileLoader().create_module()
    assert not SourceFileLoader().exec_module()
