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


SEARCH_OURS = (
    "import sys\n"
    "version = f'{sys.version_info[0]}.{sys.version_info[1]}'\n"
    "sys.path.insert(0, f'/usr/lib/pgml/python{version}/site-packages')\n"
)


@case
def own_packages_are_loaded_once():
    """Packages that PL/Python loaded from pgml's own directory are not loaded a second time"""
    with Session() as session:
        plpython(
            session,
            f"{SEARCH_OURS}import numpy\n"
            "assert numpy.__file__.startswith('/usr/lib/pgml/'), numpy.__file__\n",
        )
        works(session)
        plpython(
            session,
            "import sys\n"
            "assert sys.modules['numpy'].arange(4).sum() == 6\n"
            "found = [name for name in ('sklearn', 'pgml_runtime') if name in sys.modules]\n"
            "assert not found, found\n"
            "from sklearn.linear_model import LinearRegression\n"
            "fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])\n"
            "assert abs(fitted.coef_[0] - 2) < 1e-9, fitted.coef_\n",
        )
        works(session)


@case
def packages_beside_the_host_s_are_not_shared():
    """Packages of pgml's directory that PL/Python has bound to another NumPy stay PL/Python's"""
    with Session() as session:
        plpython(
            session,
            f"{SEARCH_OURS}import types\n"
            "sys.modules['numpy'] = types.ModuleType('numpy')\n"
            "sys.modules['numpy'].__file__ = '/srv/numpy/__init__.py'\n"
            "import joblib\n"
            # A training that uses this joblib fails.
            "joblib.parallel_config = None\n",
        )
        works(session)
        plpython(
            session,
            "import sys\n"
            "assert sys.modules['joblib'].parallel_config is None\n"
            "assert sys.modules['numpy'].__file__ == '/srv/numpy/__init__.py'\n",
        )


@case
def python_knows_the_number_of_threads():
    """The number of threads is in Python's copy of the environment, too"""
    # scikit-learn reads it there; without one, joblib starts programs that count the cores.
    with Session() as session:
        # A server that is started by hand may have one.
        plpython(session, "import os\nos.environ.pop('OMP_NUM_THREADS', None)\n")
        session.run(TRAIN)
        plpython(session, "import os\nassert os.environ['OMP_NUM_THREADS'] == '1', os.environ\n")


prepare()
main()
