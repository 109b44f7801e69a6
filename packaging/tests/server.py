"""What the test programs of this directory share: a server that psql reaches by the PG* variables.

With more threads, or another processor's kernels, BLAS adds up in another order. Results then
differ in the last digits, and more where an optimiser ends before it has converged. Importing
this module makes both the same as in the server; it comes before numpy.
"""

import json
import os
import subprocess
import sys
import warnings

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
# A developer's shell may choose other kernels than the ones that the server finds by itself.
os.environ.pop("OPENBLAS_CORETYPE", None)

TOLERANCE = 1e-9

# Single precision probabilities don't sum to one in double precision; nor do pgml's.
warnings.filterwarnings("ignore", message="The y_prob values do not sum to one")


def psql(*arguments, script=None):
    """Run psql with `script` on its standard input; return the finished process."""
    return subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *arguments],
        input=script,
        capture_output=True,
        encoding="utf-8",
    )


def query(*statements):
    """Run SQL in one new session and return the lines that psql prints."""
    done = psql(script=";\n".join(statements) + ";\n")
    if done.returncode:
        sys.exit(f"psql failed on: {statements}\n{done.stderr}")
    return [line for line in done.stdout.splitlines() if line]


def values(*statements):
    """Run SQL whose rows are one JSON value each, and return the values."""
    return [json.loads(line) for line in query(*statements)]


def close(one, other):
    """Tell whether two numbers, lists or None agree to TOLERANCE, relatively."""
    if isinstance(one, (list, tuple)) or isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(close(a, b) for a, b in zip(one, other))
    if one is None or other is None or isinstance(one, str):
        return one == other
    return abs(one - other) <= TOLERANCE * max(1.0, abs(one), abs(other))


class Checks:
    """Counts what holds and prints what does not."""

    def __init__(self):
        """Nothing was checked yet."""
        self.held = 0
        self.failed = 0

    def check(self, what, holds, otherwise=""):
        """Note one check; `otherwise` is printed when it does not hold."""
        if holds:
            self.held += 1
        else:
            self.failed += 1
            print(f"FAILED {what}: {otherwise}", flush=True)

    def equal(self, what, expected, found):
        """Note that two values agree, numbers to TOLERANCE."""
        self.check(what, close(expected, found), f"expected {expected}, found {found}")

    def finish(self):
        """Print the sum, and return the program's exit code."""
        print(f"{self.held} passed, {self.failed} failed")
        return 1 if self.failed or not self.held else 0
