"""XGBoost's C++ in the session's own process: interrupts, exceptions, words, threads; LightGBM's
threads.

`runtime => 'rust'` starts no Python, so that nothing here is about the interpreter. A forest is one
round of the library: what ends it ends it inside of a round.
"""

import os
import subprocess
import time

from session import (
    LIMIT,
    Background,
    Failed,
    Lost,
    Session,
    case,
    main,
    must_time_out,
    psql,
    rows_of_numbers,
    wait_for_work,
    wait_until,
)

NEVER = '{"n_estimators": 100000}'


def train(algorithm, hyperparams=NEVER, relation="public.numbers"):
    """Return the statement that trains in Rust."""
    return (
        f"SELECT pgml.train('of {relation}', 'regression', '{relation}', 'y', '{algorithm}', "
        f"hyperparams => '{hyperparams}', runtime => 'rust')"
    )


SMALL = train("xgboost", '{"n_estimators": 5}')


def prepare():
    """Make the tables."""
    with Session() as session:
        session.run(
            "CREATE EXTENSION IF NOT EXISTS pgml",
            "DROP VIEW IF EXISTS public.huge",
        )
        rows_of_numbers(session, "public.numbers", 20000, 20)
        session.run(
            "ALTER TABLE public.numbers DROP COLUMN IF EXISTS c",
            "CREATE VIEW public.huge AS SELECT 1e300::float8 AS a, y FROM public.numbers LIMIT 100",
        )


def threads(pid):
    """Return how many threads a backend has."""
    return len(os.listdir(f"/proc/{pid}/task"))


@case
def interrupts_end_it_inside_of_a_round():
    """A timeout and a cancel end XGBoost in Rust, between rounds and inside of one"""
    late = []
    with Session() as session:
        for algorithm in ("xgboost", "xgboost_random_forest"):
            seconds = must_time_out(session, train(algorithm), 2)
            late.append(f"{algorithm} {seconds:.2f} s late")
            running = Background(session, train(algorithm))
            wait_for_work(session.pid)
            asked = time.monotonic()
            psql(f"SELECT pg_cancel_backend({session.pid})")
            failure = running.result(LIMIT)
            assert isinstance(failure, Failed) and failure.sqlstate == "57014", failure
            late.append(f"cancelled after {running.ended - asked:.2f} s")
            session.run(SMALL)
    return ", ".join(late)


@case
def termination_ends_the_session():
    """pg_terminate_backend ends XGBoost in Rust, and the server lives"""
    with Session() as watching:
        began = watching.run("SELECT pg_postmaster_start_time()")
        with Session() as session:
            session.run("SELECT 1")
            running = Background(session, train("xgboost_random_forest"))
            time.sleep(1.5)
            asked = time.monotonic()
            watching.run(f"SELECT pg_terminate_backend({session.pid})")
            assert isinstance(running.result(LIMIT), (Lost, Failed))
            seconds = running.ended - asked
        gone = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {session.pid}"
        wait_until(lambda: watching.run(gone) == ["0"], "the backend is gone", LIMIT)
        assert began == watching.run("SELECT pg_postmaster_start_time()")
    return f"after {seconds:.2f} s"


@case
def an_exception_is_an_error():
    """An exception of the library is an ERROR; the session trains on, and has no thread more"""
    with Session() as session:
        session.run(SMALL)
        before = threads(session.pid)
        for _ in range(20):
            failed, _ = session.failure(train("xgboost", relation="public.huge"))
            assert failed.sqlstate == "22000" and "inf" in failed.message, failed
            assert ".cc:" not in failed.message, failed
        session.run(SMALL)
        assert threads(session.pid) == before, f"{threads(session.pid)} threads, {before} before"


@case
def what_it_says_is_a_warning():
    """What the library says is a WARNING, and nothing goes to the server's output"""
    statement = train("xgboost", '{"n_estimators": 2, "booster": "dart"}')
    done = subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-c", statement],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "WARNING:" in done.stderr and "booster=dart" in done.stderr, done.stderr
    assert "learner.cc" not in done.stderr, done.stderr


def makes_no_thread(algorithm, hyperparams):
    """Count the threads of a new session's process before, during and after its first training."""
    with Session() as session:
        session.run("SELECT 1")
        before = threads(session.pid)
        running = Background(session, train(algorithm, hyperparams))
        seen = []
        while running.is_alive():
            seen.append(threads(session.pid))
            time.sleep(0.01)
        failure = running.result(LIMIT)
        assert failure is None, failure
        after = threads(session.pid)
    assert len(seen) > 20, f"looked only {len(seen)} times"
    assert max(seen) == after == before, f"threads: {before}, then {max(seen)}, then {after}"
    return f"{before} before, {max(seen)} at most in {len(seen)} looks, {after} after"


@case
def xgboost_makes_no_thread():
    """XGBoost in Rust works in the session's thread alone, also where asked for four"""
    return makes_no_thread("xgboost", '{"n_estimators": 200, "n_jobs": 4}')


@case
def lightgbm_makes_no_thread():
    """LightGBM in Rust works in the session's thread alone"""
    return makes_no_thread("lightgbm", '{"n_estimators": 200}')


prepare()
main()
