"""Sessions and named cases for the test programs of this directory.

The server is the one that psql reaches by the PG* variables. A session is a psql that stays open,
so that several can be at work at once and each can go on after an error.
"""

import contextlib
import os
import re
import subprocess
import sys
import threading
import time

END = "@@end"

LIMIT = 8.0
"""Seconds in which an interrupt has to have had its effect, on any machine."""

# PL/Python does not see pgml's modules, which are out of `sys.modules` while its code runs:
# tests that have to tamper with one find it among all objects.
PGML_MODULE = (
    "import gc, types\n"
    "def pgml_module(name):\n"
    "    found = (one for one in gc.get_objects() if type(one) is types.ModuleType)\n"
    "    return next(one for one in found if one.__name__ == name)\n"
)


class Lost(Exception):
    """The server ended the connection."""


class Failed(Exception):
    """A statement failed; `sqlstate` and `message` say how."""

    def __init__(self, sqlstate, message):
        """Keep both parts."""
        super().__init__(f"{sqlstate} {message}")
        self.sqlstate = sqlstate
        self.message = message


class Session:
    """A connection in which statements run one after the other."""

    def __init__(self, database=None, role=None, options=None):
        """Connect; `options` are settings of the session, `role` becomes the session's user."""
        environment = dict(os.environ)
        if options:
            environment["PGOPTIONS"] = options
        arguments = ["psql", "-X", "-q", "-A", "-t"]
        arguments += ["-U", role] if role else []
        arguments += ["-d", database] if database else []
        self.process = subprocess.Popen(
            arguments,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        self.started = 0.0
        self.pid = int(self.run("SELECT pg_catalog.pg_backend_pid()")[0])

    def start(self, statement):
        """Send a statement and do not wait for it."""
        self.started = time.monotonic()
        try:
            self.process.stdin.write(
                f"{statement}\n;\n\\echo {END} :SQLSTATE :LAST_ERROR_MESSAGE\n"
            )
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Lost from None

    def finish(self):
        """Wait for the statement and return its rows, a line each; raise Failed or Lost."""
        rows = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line.startswith(END):
                _, sqlstate, *message = line.split(" ", 2)
                if not sqlstate:
                    raise Lost  # psql has no SQLSTATE for a connection that went away
                if sqlstate != "00000":
                    raise Failed(sqlstate, "".join(message))
                return rows
            rows.append(line)
        self.process.wait()
        raise Lost

    def run(self, *statements):
        """Run statements, each for itself, and return the rows of the last."""
        rows = []
        for statement in statements:
            self.start(statement)
            rows = self.finish()
        return rows

    def failure(self, statement):
        """Run a statement that has to fail; return how and after how many seconds."""
        try:
            rows = self.run(statement)
        except Failed as failed:
            return failed, time.monotonic() - self.started
        raise AssertionError(f"no error, but {rows[:3]}, from: {statement}")

    def close(self):
        """End the session."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()

    def __enter__(self):
        """Be closed at the end of a block."""
        return self

    def __exit__(self, *_):
        """Close."""
        self.close()


class Background(threading.Thread):
    """A session's statement that runs while the test does something else."""

    def __init__(self, session, statement):
        """Start it."""
        super().__init__(daemon=True)
        self.session = session
        self.statement = statement
        self.rows = None
        self.failure = None
        self.ended = None
        self.start()

    def run(self):
        """Wait for the statement; its end and its failure are kept."""
        try:
            self.rows = self.session.run(self.statement)
        except (Failed, Lost) as failure:
            self.failure = failure
        self.ended = time.monotonic()

    def result(self, within):
        """Wait at most `within` seconds for the end; return the failure, None without one."""
        self.join(within)
        if self.is_alive():
            raise AssertionError(f"still running after {within} s: {self.statement}")
        return self.failure


def psql(statement, database=None):
    """Run one statement in a session of its own."""
    with Session(database) as session:
        return session.run(statement)


def wait_until(holds, what, within=60.0):
    """Poll until `holds()`; AssertionError after `within` seconds."""
    until = time.monotonic() + within
    while not holds():
        if time.monotonic() > until:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(0.05)


def must_time_out(session, statement, after):
    """Run a statement that `statement_timeout` has to end after some seconds.

    Return how many seconds late it ended; AssertionError from `LIMIT` on.
    """
    session.run(f"SET statement_timeout = '{after}s'")
    failed, seconds = session.failure(statement)
    session.run("RESET statement_timeout")
    assert failed.sqlstate == "57014" and "statement timeout" in failed.message, failed
    assert seconds < after + LIMIT, f"{seconds:.1f} s: {statement}"
    return seconds - after


def wait_for_work(pid):
    """Give a statement time to arrive in a library, and make sure that it still runs."""
    time.sleep(1.5)
    active = psql(f"SELECT state FROM pg_stat_activity WHERE pid = {pid}")
    assert active == ["active"], f"the statement has ended: {active}"


def resident(pid):
    """Return the memory of a process in MB, without the server's shared memory.

    A session's share of that grows with each page of the buffers that it touches: RssShmem in
    proc(5).
    """
    with open(f"/proc/{pid}/status") as status:
        sizes = dict(re.findall(r"^(RssAnon|RssFile):\s+(\d+)", status.read(), re.MULTILINE))
    return sum(int(size) for size in sizes.values()) / 1024


def rows_of_numbers(session, table, rows, features):
    """Make a table of reproducible numbers with the label `y` and the classes `c`."""
    columns = ", ".join(f"random()::float8 AS x{place}" for place in range(features))
    session.run(
        "SELECT setseed(0.5)",
        f"DROP TABLE IF EXISTS {table}",
        f"CREATE TABLE {table} AS SELECT *, x0 * 3 + x1 * x1 + random() / 10 AS y, "
        f"(x0 + x1 > 1)::int AS c FROM (SELECT {columns} FROM generate_series(1, {rows})) AS r",
    )


CASES = []


def case(function):
    """Register a test: its docstring is its name, what it returns a figure that was measured."""
    CASES.append(function)
    return function


def main():
    """Run all cases, or those whose names contain the program's argument; print a line for each.

    `begin NAME`, then `ok SECONDS NAME | FIGURE`, `not-run SECONDS NAME | WHY` or
    `failed SECONDS NAME | WHY`, and at the end `done`.
    """
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    failed = False
    for function in CASES:
        name = " ".join(function.__doc__.split())
        if wanted not in function.__name__:
            continue
        print(f"begin {name}", flush=True)
        began = time.monotonic()
        try:
            result, figure = "ok", function() or ""
        except NotRun as why:
            result, figure = "not-run", str(why)
        except Exception as error:
            failed = True
            result, figure = "failed", f"{type(error).__name__}: {error}".replace("\n", " ")
        print(f"{result} {time.monotonic() - began:.1f} {name} | {figure}", flush=True)
    print("done", flush=True)
    sys.exit(1 if failed else 0)


class NotRun(Exception):
    """A case can't run here; says why."""
