"""One interpreter, two worlds: pgml and PL/Python see no module of each other.

What PL/Python has here is what a host's packages put there: modules that were loaded before pgml,
directories before all others, finders that answer first.
"""

from session import Session, case, main

TRAIN = "SELECT pgml.train('world', 'regression', 'public.worldly', 'y', 'ridge')"
PREDICT = "SELECT round(pgml.predict('world', ARRAY[50])::numeric)"
PACKAGES = ("numpy", "scipy", "joblib", "sklearn")


def prepare():
    """Make the rows to train on."""
    with Session() as session:
        session.run("CREATE EXTENSION IF NOT EXISTS pgml")
        session.run("CREATE EXTENSION IF NOT EXISTS plpython3u")
        session.run("DROP TABLE IF EXISTS public.worldly")
        session.run(
            "CREATE TABLE public.worldly AS SELECT n::float8 AS x, n * 2.0::float8 AS y "
            "FROM generate_series(1, 100) AS n"
        )


def plpython(session, code):
    """Run a few lines of PL/Python in a session."""
    session.run(f"DO LANGUAGE plpython3u $$\n{code}\n$$")


def works(session):
    """Fail unless pgml trains and predicts."""
    session.run(TRAIN)
    assert session.run(PREDICT) == ["100"]


@case
def loaded_modules_are_not_seen():
    """Modules that PL/Python has loaded are not pgml's, and are there again afterwards"""
    with Session() as session:
        plpython(
            session,
            "import sys, types\n"
            f"for name in {PACKAGES}:\n"
            "    sys.modules[name] = types.ModuleType(name)\n"
            "    sys.modules[name].__file__ = '/srv/' + name + '/__init__.py'\n",
        )
        works(session)
        plpython(
            session,
            "import sys\n"
            f"found = [sys.modules[name].__file__ for name in {PACKAGES}]\n"
            f"assert found == ['/srv/' + name + '/__init__.py' for name in {PACKAGES}], found\n",
        )
        works(session)


@case
def own_modules_are_not_seen():
    """Modules that pgml has loaded are not PL/Python's"""
    with Session() as session:
        works(session)
        plpython(
            session,
            "import sys\n"
            f"found = [name for name in {(*PACKAGES, 'pgml_runtime')} if name in sys.modules]\n"
            "assert not found, found\n",
        )
        works(session)


@case
def directories_of_the_host_are_not_searched():
    """Directories that PL/Python searches first are not searched by pgml"""
    with Session() as session:
        plpython(
            session,
            "import os, sys, tempfile\n"
            "made = tempfile.mkdtemp()\n"
            f"for name in {PACKAGES}:\n"
            "    with open(os.path.join(made, name + '.py'), 'w') as file:\n"
            "        file.write('raise ImportError(\"a package of the host\")')\n"
            "sys.path.insert(0, made)\n",
        )
        works(session)
        plpython(
            session,
            "import shutil, sys\n"
            "try:\n"
            "    import sklearn\n"
            "except ImportError as error:\n"
            "    assert str(error) == 'a package of the host', error\n"
            "else:\n"
            "    raise AssertionError(sklearn.__file__)\n"
            "shutil.rmtree(sys.path[0])\n",
        )


@case
def finders_of_the_host_are_not_asked():
    """Finders that PL/Python has before all others are not asked by pgml"""
    with Session() as session:
        plpython(
            session,
            "import sys\n"
            "class Finder:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            f"        if name.split('.')[0] in {PACKAGES}:\n"
            "            raise ImportError('a finder of the host: ' + name)\n"
            "sys.meta_path.insert(0, Finder())\n",
        )
        works(session)
        plpython(
            session,
            "import sys\nassert type(sys.meta_path[0]).__name__ == 'Finder', sys.meta_path\n",
        )


prepare()
main()
