"""CatBoost in a server: interrupts, threads, words, files. Needs pgml-python-catboost."""

import os
import subprocess

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
)

NEVER = '{"iterations": 500000}'
BACKEND = "-c pgml.isolation=backend"


def train(hyperparams=NEVER, label="y"):
    """Return the statement that trains."""
    task = "regression" if label == "y" else "classification"
    return (
        f"SELECT pgml.train('of {label}', '{task}', 'public.numbers', '{label}', 'catboost', "
        f"hyperparams => '{hyperparams}', exclude => ARRAY['{'c' if label == 'y' else 'y'}'])"
    )


SMALL = train('{"iterations": 5}')


def prepare():
    """Make the table."""
    with Session() as session:
        session.run("CREATE EXTENSION IF NOT EXISTS pgml")
        rows_of_numbers(session, "public.numbers", 5000, 6)


def threads(pid):
    """Return how many threads a backend has."""
    return len(os.listdir(f"/proc/{pid}/task"))


@case
def interrupts_end_it():
    """A timeout and a cancel end CatBoost, in the session's process and in one of its own"""
    late = []
    for where, options in (("in its own process", None), ("in the session's", BACKEND)):
        with Session(options=options) as session:
            session.run(SMALL)
            seconds = must_time_out(session, train(), 2)
            late.append(f"{where} {seconds:.2f} s late")
            running = Background(session, train(label="c"))
            wait_for_work(session.pid)
            with Session() as other:
                other.run(f"SELECT pg_cancel_backend({session.pid})")
            failure = running.result(LIMIT)
            assert isinstance(failure, Failed) and failure.sqlstate == "57014", failure
            assert "user request" in failure.message, failure
            session.run(SMALL)
    return ", ".join(late)


@case
def termination_ends_the_session():
    """pg_terminate_backend ends a training of CatBoost, and the server lives"""
    with Session() as watching:
        began = watching.run("SELECT pg_postmaster_start_time()")
        with Session() as session:
            running = Background(session, train())
            wait_for_work(session.pid)
            watching.run(f"SELECT pg_terminate_backend({session.pid})")
            assert isinstance(running.result(LIMIT), (Lost, Failed))
        assert began == watching.run("SELECT pg_postmaster_start_time()")


@case
def it_leaves_no_thread_and_no_file():
    """A training and predictions of CatBoost leave no thread and no file, and say nothing"""
    directory = psql("SHOW data_directory")[0]
    with Session() as session:
        session.run(
            "CREATE TABLE IF NOT EXISTS public.texts AS "
            "SELECT x0, (x1 * 9)::int::text AS word, y FROM public.numbers"
        )
        session.run(SMALL)
        before = threads(session.pid)
        files = set(os.listdir(directory))
        words = (
            "SELECT pgml.train('texts', 'regression', 'public.texts', 'y', 'catboost', "
            "hyperparams => '{\"iterations\": 20}')"
        )
        session.run(words)
        session.run("SELECT sum(pgml.predict('texts', t)) FROM public.texts AS t")
        last = "SELECT metrics->>'predicted_by' FROM pgml.models ORDER BY id DESC LIMIT 1"
        assert session.run(last) == ["python"]
        assert threads(session.pid) == before, f"{threads(session.pid)} threads, {before} before"
        new = set(os.listdir(directory)) - files
        assert not new, f"new in the data directory: {new}"
    done = subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-c", SMALL],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "catboost" not in done.stderr.lower(), done.stderr


prepare()
main()
