"""Byte-compiles the Python files below a directory: byte_compile.py DIRECTORY [PREFIX].

The code keeps paths without PREFIX. Each file is compiled in a process of its own, forked from one
that has compiled nothing: a string that an earlier file left behind changes the references in byte
code (seen with Python 3.13), and compileall's bytes depend on how many processes share the work.
"""

import compileall
import os
import sys
from py_compile import PycInvalidationMode


def sources(directory):
    """The Python files below a directory, in an order that does not depend on the file system."""
    found = []
    for parent, _, names in os.walk(directory):
        found.extend(os.path.join(parent, name) for name in names if name.endswith(".py"))
    return sorted(found)


def byte_compile(file, prefix):
    """Compiles one file, and says whether that worked. Errors are printed."""
    strip = {"stripdir": prefix} if prefix else {}  # not in Python 3.8
    mode = PycInvalidationMode.UNCHECKED_HASH
    return compileall.compile_file(file, force=True, quiet=1, invalidation_mode=mode, **strip)


def start(file, prefix):
    """Compiles a file in a new process."""
    if os.fork() != 0:
        return
    status = 1
    try:
        status = 0 if byte_compile(file, prefix) else 1
        sys.stdout.flush()
    finally:
        os._exit(status)


def main(directory, prefix=None):
    """Keeps every processor busy. Returns how many files could not be compiled."""
    processors = len(os.sched_getaffinity(0))
    running = failed = 0
    for file in sources(directory):
        if running == processors:
            failed += os.wait()[1] != 0
            running -= 1
        start(file, prefix)
        running += 1
    return failed + sum(os.wait()[1] != 0 for _ in range(running))


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
