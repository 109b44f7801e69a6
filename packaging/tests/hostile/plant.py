#!/usr/bin/env python3
"""Puts packages that pgml must not see wherever a Python looks, or takes them away again.

Usage: plant.py plant|remove PYTHON    as root; PYTHON is the version, such as 3.11

A NumPy that works, for PL/Python alone; packages that fail like those that were built for another
NumPy; a module with a name of the standard library; a .pth file and a sitecustomize that import
them, and put a finder before Python's own.
"""

import os
import pwd
import shutil
import sys
from pathlib import Path

FAILS = "raise ValueError('numpy.dtype size changed: a package of the host, {path}')\n"
WORKS = "__version__ = 'the host has it'\n__file__ = {path!r}\n"
FINDER = """
import sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('scipy', 'sklearn', 'xgboost', 'lightgbm'):
            raise ImportError('a finder of the host, asked for ' + name)

sys.meta_path.insert(0, Finder())
import numpy
sys.path.append('/srv/hostile/appended')
"""
PACKAGES = (
    "pandas scipy joblib sklearn threadpoolctl xgboost lightgbm narwhals cloudpickle polars pyarrow"
)


def directories(version):
    """Where PL/Python looks: the system's, the administrator's, the user's, PYTHONPATH's."""
    home = Path(pwd.getpwnam("postgres").pw_dir)
    return [
        Path("/usr/lib/python3/dist-packages"),
        Path(f"/usr/local/lib/python{version}/dist-packages"),
        home / f".local/lib/python{version}/site-packages",
        Path("/srv/hostile"),
    ]


def files(version):
    """Return the content of each file by its path."""
    found = {}
    for directory in directories(version):
        for name in PACKAGES.split():
            found[directory / name / "__init__.py"] = FAILS
        found[directory / "numpy" / "__init__.py"] = WORKS
        found[directory / "host_finder.py"] = FINDER
        found[directory / "host.pth"] = "import host_finder\n"
    found[Path("/srv/hostile/sitecustomize.py")] = "import host_finder\n"
    found[Path("/srv/hostile/usercustomize.py")] = FAILS
    found[Path("/srv/hostile/fractions.py")] = FAILS
    return found


def main():
    """Write, or remove what was written."""
    action, version = sys.argv[1:]
    for path, content in files(version).items():
        if action == "plant":
            os.makedirs(path.parent, mode=0o755, exist_ok=True)
            path.write_text(content.format(path=str(path)) if "{path" in content else content)
        elif path.parent.name in [*PACKAGES.split(), "numpy"]:
            shutil.rmtree(path.parent, ignore_errors=True)
        else:
            path.unlink()
    user = directories(version)[2]
    if action == "plant":
        owner = pwd.getpwnam("postgres")
        for path in [user, *user.parents][:4]:
            os.chown(path, owner.pw_uid, owner.pw_gid)
    else:
        shutil.rmtree("/srv/hostile")
        shutil.rmtree(user.parents[2])


if __name__ == "__main__":
    main()
