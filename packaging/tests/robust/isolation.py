"""Trainings in a process of their own: what ends that process is an ERROR, and nothing else ends.

PL/Python puts code into the session's interpreter that does what a faulty library would.
"""

import os
import re
import signal
import subprocess
import time

from session import (
    LIMIT,
    PGML_MODULE,
    Background,
    Failed,
    Session,
    case,
    main,
    psql,
    resident,
    rows_of_numbers,
    wait_until,
)

RIDGE = "SELECT pgml.train('own', 'regression', 'public.isolated', 'y', 'ridge')"
PREDICTION = "SELECT pgml.predict('own', ARRAY[0.5, 0.5, 0.5, 0.5])"
# One call of libsvm for all of it: minutes without any byte code.
SOLVER = (
    "SELECT pgml.train('solver', 'regression', 'public.many', 'y', 'svm', "
    'hyperparams => \'{"C": 1e6, "epsilon": 0, "tol": 1e-9, "kernel": "linear"}\')'
)


def prepare():
    """Make the tables, and a small model."""
    with Session() as session:
        session.run("CREATE EXTENSION IF NOT EXISTS pgml")
        session.run("CREATE EXTENSION IF NOT EXISTS plpython3u")
        for table, rows in (("public.isolated", 500), ("public.many", 20000)):
            rows_of_numbers(session, table, rows, 4)
            session.run(f"ALTER TABLE {table} DROP COLUMN c")
        session.run(RIDGE)


def faulty(session, code):
    """Make every fit of this session's Ridge run `code`, a few lines of Python."""
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    session.run(
        "DO LANGUAGE plpython3u $$\n"
        + PGML_MODULE
        + "ridge = pgml_module('sklearn.linear_model').Ridge\n"
        f"def fit(self, *arguments, **more):\n{lines}"
        "ridge.fit = fit\n"
        "$$",
    )


def children(pid):
    """Return the processes that a backend has started."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def is_gone(pid):
    """Tell whether there is no such process."""
    return not os.path.exists(f"/proc/{pid}")


def unharmed(session, began):
    """Fail unless the server has not restarted and the session still works."""
    assert session.run("SELECT pg_postmaster_start_time(), pg_backend_pid()") == began
    assert children(session.pid) == [], "a process is left"
    assert session.run("SELECT count(*) FROM public.isolated") == ["500"]
    assert 1.5 < float(session.run(PREDICTION)[0]) < 2.5


def start_of(session):
    """Return what changes when the server restarts or the session is another."""
    return session.run("SELECT pg_postmaster_start_time(), pg_backend_pid()")


@case
def signals_are_errors():
    """A fit that a signal ends is an ERROR that names it; the session and the server go on"""
    endings = (
        ("import ctypes; ctypes.string_at(0)", "signal 11 (SIGSEGV"),
        ("import os; os.abort()", "signal 6 (SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "signal 4 (SIGILL"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9 (SIGKILL"),
        ("import os; os._exit(3)", "exit code 3"),
        # What Postgres does at the end of a process must not happen in this one.
        ("import ctypes; ctypes.CDLL(None).exit(4)", "exit code 4"),
    )
    with Session() as session, Session() as other:
        session.run(RIDGE)
        other.run("CREATE TEMPORARY TABLE kept AS SELECT 1 AS one")
        for code, words in endings:
            faulty(session, code)
            began = start_of(session)
            failed, _ = session.failure(RIDGE)
            assert failed.sqlstate == "58000" and words in failed.message, failed
            unharmed(session, began)
        assert other.run("SELECT one FROM kept") == ["1"], "the other session was restarted"
    return f"{len(endings)} ways to end"


@case
def progress_is_told():
    """A training of more than ten seconds tells where it is, and has a wait event meanwhile"""
    train = (
        "SELECT pgml.train('long', 'regression', 'public.many', 'y', 'gradient_boosting_trees', "
        "hyperparams => '{\"n_estimators\": 100000}')"
    )
    # Ends the statement if no message comes.
    limit = "SET statement_timeout = '3min'"
    process = subprocess.Popen(
        ["psql", "-X", "-q", "-c", limit, "-c", train],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    event = "CASE WHEN current_setting('server_version_num')::int >= 170000 THEN 'pgml: fit' "
    backend = "pg_stat_activity WHERE query LIKE '%''long''%' AND pid <> pg_backend_pid()"
    shown = f"SELECT count(*) FROM {backend} AND wait_event = {event} ELSE 'Extension' END"
    wait_until(lambda: psql(shown) == ["1"], "a wait event", 60)
    place = r"NOTICE:  training gradient_boosting_trees: [1-9]\d+ s, \d+ of 100000 rounds"
    told = next((line for line in process.stderr if re.search(f"{place}|ERROR", line)), "")
    psql(f"SELECT pg_cancel_backend(pid) FROM {backend}")
    process.communicate()
    assert re.search(place, told), told
    return re.search(place, told)[0]


@case
def allocations_are_capped():
    """A fit that allocates too much is an ERROR at pgml.memory_limit, in Python and in C"""
    # 2 GB, and not without end: the machine has to outlive a limit that doesn't hold.
    with Session() as session:
        session.run(RIDGE)
        faulty(session, "import numpy\nkept = [numpy.ones(1 << 20) for _ in range(256)]")
        session.run("SET pgml.memory_limit = '300MB'")
        began = start_of(session)
        failed, _ = session.failure(RIDGE)
        assert failed.sqlstate == "53200", failed
        session.run(
            "CREATE FUNCTION pg_temp.hint(statement text) RETURNS text LANGUAGE plpgsql AS $$"
            " DECLARE hint text; BEGIN EXECUTE statement; RETURN 'none'; EXCEPTION WHEN OTHERS THEN"
            " GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT; RETURN hint; END $$"
        )
        (hint,) = session.run(f"SELECT pg_temp.hint($s${RIDGE}$s$)")
        assert "pgml.memory_limit allows 300 MB" in hint, hint
        unharmed(session, began)
        # As a library does that has no answer to a failed malloc.
        faulty(
            session,
            "import ctypes\n"
            "malloc = ctypes.CDLL(None).malloc\n"
            "malloc.restype = ctypes.c_void_p\n"
            "malloc.argtypes = [ctypes.c_size_t]\n"
            "for _ in range(128): ctypes.memset(malloc(1 << 24), 1, 1 << 24)",
        )
        failed, _ = session.failure(RIDGE)
        assert failed.sqlstate == "58000" and "SIGSEGV" in failed.message, failed
        unharmed(session, began)
        return f"the session has {resident(session.pid):.0f} MB afterwards"


@case
def capped_blas_answers():
    """A BLAS that is called when no memory is left neither hangs nor ends the process"""
    with Session() as session:
        session.run(RIDGE)
        faulty(
            session,
            "import numpy\n"
            "from scipy.linalg import lapack\n"
            "square = numpy.asfortranarray(numpy.eye(100))\n"
            "kept = []\n"
            "try:\n"
            "    while len(kept) < 2000: kept.append(numpy.ones(1 << 17))\n"
            "except MemoryError: pass\n"
            "factor, wrong = lapack.dpotrf(square, overwrite_a=1)\n"
            "full = len(kept)\n"
            "del kept\n"
            "raise ValueError(f'{full} MB and {wrong} wrong')",
        )
        session.run("SET pgml.memory_limit = '100MB'", "SET statement_timeout = '20s'")
        began = start_of(session)
        failed, _ = session.failure(RIDGE)
        assert "MB and 0 wrong" in failed.message, failed
        full = int(failed.message.split(" MB")[0].split()[-1])
        assert full < 200, f"{full} MB fit into 100"
        session.run("RESET statement_timeout")
        unharmed(session, began)


@case
def nothing_of_the_server_is_there():
    """A training's process has no shared memory, no open file and no socket of the server"""
    with Session() as session:
        session.run(RIDGE)
        faulty(
            session,
            "import os\n"
            "maps = [line for line in open('/proc/self/maps') if line.split()[1][3] == 's']\n"
            "files = [os.readlink('/proc/self/fd/' + one) for one in os.listdir('/proc/self/fd') "
            "if int(one) > 2 and os.path.exists('/proc/self/fd/' + one)]\n"
            "raise ValueError('seen: %d, %s' % (len(maps), "
            "sorted(one.split(':')[0] for one in files)))",
        )
        failed, _ = session.failure(RIDGE)
        # Its answer's, and that of its progress.
        assert "seen: 0, ['pipe', 'pipe']" in failed.message, failed


@case
def a_solver_is_ended_at_once():
    """A timeout and a cancel end a fit inside one long call of a C solver, and its process"""
    with Session() as session:
        session.run(RIDGE)
        began = start_of(session)
        session.run("SET statement_timeout = '2s'")
        failed, seconds = session.failure(SOLVER)
        assert failed.sqlstate == "57014" and "statement timeout" in failed.message, failed
        late = seconds - 2
        assert late < LIMIT, f"{late:.1f} s late"
        session.run("SET statement_timeout = 0")
        unharmed(session, began)
        running = Background(session, SOLVER)
        wait_until(lambda: children(session.pid), "a process trains")
        time.sleep(1)
        asked = time.monotonic()
        psql(f"SELECT pg_cancel_backend({session.pid})")
        failure = running.result(LIMIT)
        assert isinstance(failure, Failed) and failure.sqlstate == "57014", failure
        unharmed(session, began)
        session.run(RIDGE)
    return f"timeout {late:.2f} s late, cancel after {running.ended - asked:.2f} s"


@case
def its_process_ends_with_the_session():
    """pg_terminate_backend and kill -9 of a session end its training's process as well"""
    for way in ("terminate", "kill"):
        with Session() as session:
            session.run(RIDGE)
            running = Background(session, SOLVER)
            wait_until(lambda: children(session.pid), "a process trains")
            (child,) = children(session.pid)
            if way == "terminate":
                psql(f"SELECT pg_terminate_backend({session.pid})")
            else:
                os.kill(session.pid, signal.SIGKILL)
            assert running.result(LIMIT) is not None, "the training has succeeded"
            wait_until(lambda child=child: is_gone(child), "the training's process ends", LIMIT)
    wait_until(answers, "the server takes connections again", 120)


def answers():
    """Tell whether the server takes connections."""
    try:
        return psql("SELECT 1") == ["1"]
    except Exception:
        return False


@case
def results_are_the_same():
    """Both ways give the same model, the same scores, the same errors and warnings"""
    seen = []
    for isolation in ("backend", "process"):
        with Session() as session:
            session.run(f"SET pgml.isolation = '{isolation}'")
            found = []
            for algorithm in ("ridge", "random_forest", "xgboost", "lightgbm", "svm"):
                name = f"{isolation} {algorithm}"
                session.run(
                    f"SELECT pgml.train('{name}', 'regression', 'public.isolated', 'y', "
                    f"'{algorithm}')"
                )
                found += session.run(
                    f"SELECT pgml.predict('{name}', ARRAY[0.1, 0.2, 0.3, 0.4]), m.metrics->>'r2', "
                    "m.metrics->>'predicted_by' FROM pgml.models AS m "
                    f"JOIN pgml.projects AS p ON p.id = m.project_id WHERE p.name = '{name}'"
                )
            wrong = ', hyperparams => \'{"alpha": "x"}\')'
            failed, _ = session.failure(RIDGE.replace("'ridge')", f"'ridge'{wrong}"))
            found.append(str(failed))
            seen.append(found)
    assert seen[0] == seen[1], seen


def faulty_scoring(session, code):
    """Make every forest of this session run `code` when it is scored, and its pickle is sent."""
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    session.run(
        "DO LANGUAGE plpython3u $$\n"
        + PGML_MODULE
        + "forest = pgml_module('sklearn.ensemble').RandomForestRegressor\n"
        f"def predict(self, *arguments, **more):\n{lines}"
        "forest.predict = predict\n"
        "$$",
    )


@case
def a_model_is_stored_whole_or_not_at_all():
    """Whatever ends a training after parts of its model were stored leaves none of them"""
    forest = (
        "SELECT pgml.train('in parts', 'regression', 'public.many', 'y', 'random_forest', "
        "hyperparams => '{\"n_estimators\": 25}')"
    )
    small = forest.replace("public.many", "public.isolated").replace("25", "2")
    stored = "SELECT count(*), coalesce(sum(length(data)), 0) FROM pgml.files"
    caught = (
        f"DO $do$ BEGIN {forest.replace('SELECT', 'PERFORM', 1)}; "
        "EXCEPTION WHEN OTHERS THEN RAISE WARNING 'caught: %', SQLSTATE; END $do$"
    )
    endings = (
        ("raise ValueError('no score')", "22023"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "58000"),
        ("import time; time.sleep(3); import os; os._exit(0)", "58000"),
        ("import time; time.sleep(600)", "57014"),
    )
    with Session() as session:
        session.run(RIDGE, small, "SET client_min_messages = error")
        before = session.run(stored)
        for code, sqlstate in endings:
            faulty_scoring(session, code)
            began = start_of(session)
            if sqlstate == "57014":
                session.run("SET statement_timeout = '20s'")
            failed, _ = session.failure(forest)
            assert failed.sqlstate == sqlstate, failed
            if sqlstate != "57014":
                # A part of a transaction that goes on.
                session.run(caught)
            session.run("RESET statement_timeout")
            assert session.run(stored) == before, code
            unharmed(session, began)
    with Session() as session:
        # A disk that is full, for one.
        session.run(
            "CREATE OR REPLACE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$f$ BEGIN RAISE EXCEPTION 'part % is refused', NEW.part; END $f$",
            "CREATE TRIGGER refused BEFORE INSERT ON pgml.files FOR EACH ROW "
            "WHEN (NEW.part = 1) EXECUTE FUNCTION public.refuse()",
        )
        began = start_of(session)
        failed, _ = session.failure(forest)
        session.run("DROP TRIGGER refused ON pgml.files")
        assert "part 1 is refused" in failed.message, failed
        assert session.run(stored) == before
        unharmed(session, began)
        session.run(forest)
        parts = session.run(
            "SELECT count(*) > 2, max(length(data)) = 8388608, bool_and(part = number) FROM ("
            "SELECT part, data, row_number() OVER (ORDER BY part) - 1 AS number FROM pgml.files "
            "WHERE path = 'estimator.pkl' AND model_id = (SELECT max(id) FROM pgml.models)) AS t"
        )
        assert parts == ["t|t|t"], parts
        session.run("DROP FUNCTION public.refuse()", "SELECT pgml.drop_project('in parts', true)")
    return f"{len(endings) + 1} ways to end"


@case
def only_superusers_choose():
    """Only a superuser sets where trainings run"""
    psql("DROP ROLE IF EXISTS pgml_isolated")
    psql("CREATE ROLE pgml_isolated LOGIN")
    for loaded in (True, False):
        with Session() as session:
            if loaded:
                session.run("LOAD 'pgml'")
            session.run("SET ROLE pgml_isolated")
            if loaded:
                failed, _ = session.failure("SET pgml.isolation = 'backend'")
                assert failed.sqlstate == "42501", failed
            else:
                # Before the library is there, any name can be set. It has no effect.
                session.run("SET pgml.isolation = 'backend'")
            session.run("RESET ROLE", "LOAD 'pgml'")
            assert session.run("SHOW pgml.isolation") == ["process"]
    psql("DROP ROLE pgml_isolated")


@case
def what_it_costs():
    """A training in a process of its own takes little longer"""
    figures = []
    for isolation in ("backend", "process"):
        with Session() as session:
            session.run(f"SET pgml.isolation = '{isolation}'")
            began = time.monotonic()
            session.run(RIDGE)
            first = time.monotonic() - began
            times = []
            for _ in range(20):
                began = time.monotonic()
                session.run(RIDGE)
                times.append(time.monotonic() - began)
            median = sorted(times)[10]
            figures.append((first, median))
    (first, median), (first_process, median_process) = figures
    assert median_process < median + 2, figures
    return (
        f"ridge on 500 rows: {median * 1000:.0f} ms in the backend, {median_process * 1000:.0f} ms "
        f"in a process; a session's first {first:.2f} s and {first_process:.2f} s"
    )


@case
def beside_other_threads():
    """A session with other threads trains in its own process: a fork would not have them"""
    tell = "import os\nraise ValueError(f'fitted by {os.getpid()}')"
    with Session() as session:
        session.run(RIDGE)
        faulty(session, tell)
        failed, _ = session.failure(RIDGE)
        assert "fitted by" in failed.message and str(session.pid) not in failed.message, failed
        session.run(
            "DO LANGUAGE plpython3u $$\n"
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
            "$$"
        )
        failed, _ = session.failure(RIDGE)
        assert f"fitted by {session.pid}" in failed.message, failed


prepare()
main()
