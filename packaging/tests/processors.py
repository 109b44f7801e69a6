#!/usr/bin/env python3
"""Indexes vectors on one processor and looks them up on others.

Usage: processors.py BIN

BIN has the server's programs. A cluster of its own; OpenBLAS takes the processor's name from
OPENBLAS_CORETYPE.

Catches vector functions whose last bits are the kernel's: an index on them would not find its rows
after a move to another machine, although they are IMMUTABLE.
"""

import os
import platform
import subprocess
import sys
import tempfile

from server import Checks

checks = Checks()

# Each with the processor's flag that its kernels need.
CORES = {
    "x86_64": {
        "Prescott": "sse",
        "Nehalem": "sse4_2",
        "Haswell": "avx2",
        "SkylakeX": "avx512vl",
    },
    "aarch64": {"ARMV8": "asimd", "CORTEXA57": "asimd", "NEOVERSEN1": "asimdhp"},
}[platform.machine()]
INDEXES = {
    "dot_product": "pgml.dot_product(v, v)",
    "norm_l1": "pgml.norm_l1(v)",
    "norm_l2": "pgml.norm_l2(v)",
    "norm_max": "pgml.norm_max(v)",
    "distance_l1": "pgml.distance_l1(v, pgml.multiply(v, 0.3))",
    "distance_l2": "pgml.distance_l2(v, pgml.multiply(v, 0.3))",
    "cosine_similarity": "pgml.cosine_similarity(v, pgml.add(v, 1))",
    "normalize_l1": "pgml.normalize_l1(v)",
    "normalize_l2": "pgml.normalize_l2(v)",
    "normalize_max": "pgml.normalize_max(v)",
    "add": "pgml.add(v, pgml.divide(v, 3))",
    "subtract": "pgml.subtract(v, pgml.multiply(v, v))",
}
VECTORS = (
    "CREATE TABLE public.v AS SELECT n, "
    "(SELECT array_agg((sin(n * 1.7 + i * 0.37) * (1 + i % 9))::real) "
    "FROM generate_series(1, 301) AS i) AS v FROM generate_series(1, 500) AS n"
)


class Cluster:
    """A cluster that is started for one processor after the other."""

    def __init__(self, directory, programs):
        """Make it."""
        self.directory = directory
        self.programs = programs
        self.data = os.path.join(directory, "data")
        self.run(
            "initdb",
            "-D",
            self.data,
            "-A",
            "trust",
            "-U",
            "postgres",
            "--locale=C",
            "-N",
        )

    def run(self, program, *arguments, **environment):
        """Run a program of the server's; its output."""
        done = subprocess.run(
            [os.path.join(self.programs, program), *arguments],
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            cwd=self.directory,
        )
        return done.returncode, done.stdout.strip()

    def start(self, core):
        """Start the server as if on that processor."""
        options = f"-c listen_addresses= -c unix_socket_directories={self.directory} -c fsync=off"
        log = os.path.join(self.directory, "log")
        # Not through a pipe: the server would keep it open.
        subprocess.run(
            [
                os.path.join(self.programs, "pg_ctl"),
                "-D",
                self.data,
                "-s",
                "-w",
                "-l",
                log,
                "-o",
                options,
                "start",
            ],
            check=True,
            env={**os.environ, "OPENBLAS_CORETYPE": core},
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
        )

    def stop(self):
        """Stop the server."""
        self.run("pg_ctl", "-D", self.data, "-s", "-w", "-m", "fast", "stop")

    def sql(self, statement):
        """Run a statement; whether it worked, and what it said."""
        where = ("-h", self.directory, "-U", "postgres", "-d", "postgres")
        code, text = self.run("psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", *where, "-c", statement)
        return code == 0, text


def known_cores():
    """Return the cores whose kernels this processor can run."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = set(file.read().split())
    return [core for core, flag in CORES.items() if flag in flags]


def main():
    """Make the indexes on the first processor, and check them on the others."""
    kernels = set()
    cores = known_cores()
    with tempfile.TemporaryDirectory() as directory:
        cluster = Cluster(directory, sys.argv[1])
        for core in cores:
            cluster.start(core)
            if core == cores[0]:
                for statement in (
                    "CREATE EXTENSION pgml",
                    "CREATE EXTENSION amcheck",
                    VECTORS,
                ):
                    done, said = cluster.sql(statement)
                    checks.check(statement, done, said)
                for name, expression in INDEXES.items():
                    done, said = cluster.sql(f"CREATE INDEX {name} ON public.v (({expression}))")
                    checks.check(f"index on {name}", done, said)
            kernels.add(cluster.sql("SELECT pgml.blas_config()")[1])
            for name in INDEXES:
                done, said = cluster.sql(f"SELECT bt_index_check('public.{name}', true)")
                checks.check(f"{core}: {name}", done, said)
            cluster.stop()
    # Where the variable has no effect, nothing was tried.
    checks.check("kernels of several processors", len(kernels) > 1, kernels)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
