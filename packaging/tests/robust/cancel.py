"""Cancels, timeouts and terminations while Python code runs.

Every training here would run for minutes: one that ends was ended. The limit of a second is what a
quiet machine keeps; the figures say what was measured, the checks allow for a busy machine.

All of it is about trainings in the session's own process; isolation.py tries the others.
"""

import os
import random
import signal
import time

from session import (
    LIMIT,
    PGML_MODULE,
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

os.environ["PGOPTIONS"] = "-c pgml.isolation=backend"

FITS = {
    "gradient boosting": ("regression", "y", "gradient_boosting_trees", '{"n_estimators": 500000}'),
    "a random forest": ("classification", "c", "random_forest", '{"n_estimators": 500000}'),
    "XGBoost": ("regression", "y", "xgboost", '{"n_estimators": 5000000, "max_depth": 2}'),
    "LightGBM": ("regression", "y", "lightgbm", '{"n_estimators": 5000000, "num_leaves": 4}'),
}


def train(what, project=None):
    """Return the statement that trains one of FITS."""
    task, label, algorithm, hyperparams = FITS[what]
    return (
        f"SELECT pgml.train('{project or what}', '{task}', 'public.numbers_{label}', '{label}', "
        f"'{algorithm}', hyperparams => '{hyperparams}')"
    )


SEARCH = (
    "SELECT pgml.train('searched', 'regression', 'public.numbers_y', 'y', 'ridge', "
    "search => 'grid', search_args => '{\"cv\": 5}', search_params => (SELECT jsonb_build_object("
    "'alpha', jsonb_agg(n), 'max_iter', jsonb_agg(n)) FROM generate_series(1, 300) AS n))"
)
SMALL = (
    "SELECT pgml.train('small', 'regression', 'public.numbers_y', 'y', 'random_forest', "
    "hyperparams => '{\"n_estimators\": 5}')"
)
PREDICTION = "SELECT pgml.predict('small', ARRAY[0.5,0.5,0.5,0.5])"


def prepare():
    """Make the tables, and a small model."""
    with Session() as session:
        session.run("CREATE EXTENSION IF NOT EXISTS pgml")
        rows_of_numbers(session, "public.numbers", 1000, 4)
        for label, other in (("y", "c"), ("c", "y")):
            session.run(
                f"DROP TABLE IF EXISTS public.numbers_{label}",
                f"CREATE TABLE public.numbers_{label} AS SELECT * FROM public.numbers",
                f"ALTER TABLE public.numbers_{label} DROP COLUMN {other}",
            )
        session.run(SMALL)


def counted(session):
    """Return how many rows the catalog has."""
    return session.run(
        "SELECT (SELECT count(*) FROM pgml.models), (SELECT count(*) FROM pgml.snapshots), "
        "(SELECT count(*) FROM pgml.projects), (SELECT count(*) FROM pgml.files)"
    )[0]


def still_works(session):
    """Fail unless the session trains and predicts as before."""
    session.run(SMALL)
    assert 1.5 < float(session.run(PREDICTION)[0]) < 2, "another prediction than before"


@case
def timeout_ends_every_fit():
    """statement_timeout ends a running fit, whichever library fits"""
    late = []
    with Session() as session:
        session.run(PREDICTION)
        before = counted(session)
        for what in FITS:
            late.append(f"{what} {must_time_out(session, train(what), 1):.2f} s late")
            assert counted(session) == before, f"{what}: the transaction left something behind"
        still_works(session)
    return ", ".join(late)


@case
def cancel_ends_a_search():
    """pg_cancel_backend ends a search, and the session goes on"""
    with Session() as session, Session() as other:
        session.run(PREDICTION)
        before = counted(session)
        running = Background(session, SEARCH)
        wait_for_work(session.pid)
        asked = time.monotonic()
        other.run(f"SELECT pg_cancel_backend({session.pid})")
        failure = running.result(LIMIT)
        assert isinstance(failure, Failed) and failure.sqlstate == "57014", failure
        assert "user request" in failure.message, failure
        assert counted(session) == before, "the transaction left something behind"
        still_works(session)
    return f"after {running.ended - asked:.2f} s"


@case
def interrupt_of_psql_ends_a_fit():
    """Ctrl-C in psql ends a fit, and the session goes on"""
    with Session() as session:
        session.run(PREDICTION)
        running = Background(session, train("gradient boosting"))
        wait_for_work(session.pid)
        asked = time.monotonic()
        session.process.send_signal(signal.SIGINT)
        # A psql that reads a pipe ends on Ctrl-C, once it has told the server.
        running.result(LIMIT)
        gone = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {session.pid}"
        wait_until(lambda: psql(gone) == ["0"], "the session is gone", LIMIT)
    return f"after {time.monotonic() - asked:.2f} s"


@case
def termination_ends_the_session():
    """pg_terminate_backend ends a fit, the server lives, and nothing is left behind"""
    with Session() as watching:
        before = counted(watching)
        began = watching.run("SELECT pg_postmaster_start_time()")
        with Session() as session:
            session.run(PREDICTION)
            running = Background(session, train("XGBoost"))
            wait_for_work(session.pid)
            asked = time.monotonic()
            watching.run(f"SELECT pg_terminate_backend({session.pid})")
            assert isinstance(running.result(LIMIT), (Lost, Failed))
            seconds = running.ended - asked
        gone = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {session.pid}"
        wait_until(lambda: watching.run(gone) == ["0"], "the backend is gone", LIMIT)
        # A crash of one backend would have ended this session too.
        assert counted(watching) == before and began == watching.run(
            "SELECT pg_postmaster_start_time()"
        )
    return f"after {seconds:.2f} s"


def long_batch(session, project, seconds):
    """Return a call of `predict_batch` that takes `seconds` or more here, and how long it took."""
    rows = 300_000
    while True:
        statement = (
            f"SELECT count(*) FROM pgml.predict_batch('{project}', (SELECT array_agg("
            f"ARRAY[n / 1e6, 0.5, 0.5, 0.5]) FROM generate_series(1, {rows}) AS n))"
        )
        began = time.monotonic()
        session.run(statement)
        whole = time.monotonic() - began
        if whole >= seconds:
            return statement, whole
        assert rows < 5_000_000, f"{rows} rows take no more than {whole:.1f} s"
        rows = int(rows * 1.2 * seconds / whole)


@case
def timeout_ends_a_prediction():
    """statement_timeout ends a prediction of one long call, and one of many short calls"""
    with Session() as session:
        session.run(
            "SELECT pgml.train('many trees', 'regression', 'public.numbers_y', 'y', "
            "'random_forest', hyperparams => '{\"n_estimators\": 1500, \"max_depth\": 4}')"
        )
        batch, whole = long_batch(session, "many trees", seconds=1.5)
        session.run("SET statement_timeout = '700ms'")
        failed, one = session.failure(batch)
        # Postgres itself notices at the end of the call.
        assert failed.sqlstate == "57014" and one < 0.7 + (whole - 0.7) / 2, (
            f"{failed} after {one:.1f} s of {whole:.1f} s"
        )
        failed, many = session.failure(
            "SELECT sum(pgml.predict('small', ARRAY[n / 1e7, 0.5, 0.5, 0.5])) "
            "FROM generate_series(1, 10000000) AS n"
        )
        assert failed.sqlstate == "57014" and many < 0.7 + LIMIT, f"{failed} after {many:.1f} s"
        session.run("RESET statement_timeout")
        still_works(session)
    return f"one call {one - 0.7:.2f} s late, many calls {many - 0.7:.2f} s late"


@case
def timeout_ends_an_evaluation():
    """statement_timeout ends an evaluation of a large relation, and the next one is as before"""
    with Session() as session:
        session.run(
            "CREATE OR REPLACE VIEW public.endless AS SELECT n / 1e9 AS x0, 0.5::float8 AS x1, "
            "0.5::float8 AS x2, 0.5::float8 AS x3, n / 1e9 AS y "
            "FROM generate_series(1, 100000000) AS n"
        )
        expected = session.run("SELECT pgml.evaluate('small', 'public.numbers')->>'r2'")
        session.run("SET statement_timeout = '700ms'")
        failed, seconds = session.failure("SELECT pgml.evaluate('small', 'public.endless')")
        assert failed.sqlstate == "57014" and seconds < 0.7 + LIMIT, f"{failed}: {seconds:.1f} s"
        session.run("RESET statement_timeout")
        assert session.run("SELECT pgml.evaluate('small', 'public.numbers')->>'r2'") == expected
        still_works(session)
    return f"{seconds - 0.7:.2f} s late"


@case
def timeout_ends_a_scoring():
    """statement_timeout ends an evaluation whose rows are all read and predicted"""
    classes, rows = 2000, 20_000
    head = (
        f"tree\nversion=v4\nnum_class={classes}\nnum_tree_per_iteration={classes}\n"
        f"max_feature_idx=0\nobjective=multiclass num_class:{classes}\nfeature_names=a\n\n"
        "end of trees\n"
    )
    with Session() as session:
        model = session.run(
            "SELECT pgml.import_model('many classes', 'classification', 'lightgbm', "
            f"'\\x{head.encode().hex()}'::bytea, NULL)",
        )[0]
        session.run(f"SELECT pgml.deploy({model})")
        session.run(
            "CREATE OR REPLACE VIEW public.many_classes AS SELECT n / 1e9 AS a, "
            f"n % {classes} AS target FROM generate_series(1, {rows}) AS n"
        )
        # What needs no scores reads and predicts the same rows.
        seconds = []
        for function in ("confusion_matrix", "evaluate"):
            began = time.monotonic()
            session.run(f"SELECT count(*) FROM pgml.{function}('many classes', 'many_classes')")
            seconds.append(time.monotonic() - began)
        reading, whole = seconds
        assert whole - reading > 0.3, f"scoring takes no more than {whole - reading:.2f} s"
        after = reading + (whole - reading) / 2
        session.run(f"SET statement_timeout = '{int(after * 1000)}ms'")
        call = "SELECT count(*) FROM pgml.evaluate('many classes', 'many_classes')"
        failed, ended = session.failure(call)
        assert failed.sqlstate == "57014" and ended < after + (whole - after) * 0.75, (
            f"{failed} after {ended:.2f} s of {whole:.2f} s"
        )
        session.run("RESET statement_timeout")
        still_works(session)
    took = f"the whole takes {whole:.2f} s, {reading:.2f} s without scores"
    return f"{ended - after:.2f} s late; {took}"


@case
def late_interrupts_do_no_harm():
    """60 timeouts at random moments of short calls leave the session's Python as it was"""
    chance = random.Random(7)
    ended = 0
    with Session() as session:
        expected = session.run(PREDICTION)
        for _ in range(60):
            session.run(f"SET statement_timeout = '{chance.randint(2, 50)}ms'")
            try:
                session.run(
                    "SELECT sum(pgml.predict('small', ARRAY[n / 5e2, 0.5, 0.5, 0.5])) "
                    f"FROM generate_series(1, {chance.randint(1, 60)}) AS n"
                )
            except Failed as failed:
                assert failed.sqlstate == "57014", failed
                ended += 1
            session.run("SET statement_timeout = 0")
            assert session.run(PREDICTION) == expected
        still_works(session)
    return f"{ended} of 60 ended early"


@case
def timeout_during_the_imports():
    """A session whose first use of Python was ended, at any moment, can use it afterwards"""
    ended = 0
    for milliseconds in (20, 40, 60, 80, 100, 130, 160, 200, 250, 300, 400, 500, 650, 800, 1000):
        with Session() as session:
            session.run(f"SET statement_timeout = '{milliseconds}ms'")
            try:
                session.run(SMALL)
            except Failed as failed:
                assert failed.sqlstate == "57014", failed
                ended += 1
            session.run("SET statement_timeout = 0")
            still_works(session)
    return f"{ended} of 15 ended early"


@case
def python_code_that_catches_everything():
    """Code that catches the exception is interrupted again, and the ERROR is raised all the same"""
    with Session() as session:
        session.run("CREATE EXTENSION IF NOT EXISTS plpython3u", SMALL)
        session.run(
            "DO LANGUAGE plpython3u $$\n"
            + PGML_MODULE
            + "training = pgml_module('pgml_runtime.training')\n"
            "training.original_fit = training._fit\n"
            "def stubborn(*arguments, **more):\n"
            "    caught = 0\n"
            "    while caught < 3:\n"
            "        try:\n"
            # Not `pass`: of an empty loop nothing is inside of the try (CPython 3.11).
            "            while True: sum(range(1000))\n"
            "        except:\n"
            "            caught += 1\n"
            "    return training.original_fit(*arguments, **more)\n"
            "training._fit = stubborn\n"
            "$$"
        )
        session.run("SET statement_timeout = '500ms'")
        failed, seconds = session.failure(SMALL)
        assert failed.sqlstate == "57014" and seconds < 0.5 + LIMIT, f"{failed} in {seconds:.1f} s"
        session.run("SET statement_timeout = 0")
        session.run(
            "DO LANGUAGE plpython3u $$\n"
            + PGML_MODULE
            + "training = pgml_module('pgml_runtime.training')\n"
            "training._fit = training.original_fit\n"
            "$$"
        )
        still_works(session)
    return f"{seconds - 0.5:.2f} s late"


SIGNALS = (
    "CREATE OR REPLACE FUNCTION public.python_signals() RETURNS text LANGUAGE plpython3u AS $$\n"
    "import signal\n"
    "return ' '.join(str(signal.getsignal(one)) for one in (signal.SIGINT, signal.SIGTERM, "
    "signal.SIGALRM, signal.SIGUSR1))\n"
    "$$"
)


@case
def plpython_keeps_its_signals():
    """PL/Python and pgml in either order: a fit is ended, and PL/Python keeps its signals"""
    psql("CREATE EXTENSION IF NOT EXISTS plpython3u")
    psql(SIGNALS)
    with Session() as plain:
        expected = plain.run("SELECT public.python_signals()")
    for first in (None, "SELECT public.python_signals()"):
        with Session() as session:
            if first:
                session.run(first)
            session.run(PREDICTION, "SET statement_timeout = '500ms'")
            failed, seconds = session.failure(train("gradient boosting"))
            assert failed.sqlstate == "57014" and seconds < 0.5 + LIMIT, (
                f"{failed}: {seconds:.1f} s"
            )
            session.run("SET statement_timeout = 0")
            assert session.run("SELECT public.python_signals()") == expected
            still_works(session)


@case
def other_sessions_do_not_wait():
    """DROP DATABASE elsewhere does not wait for a fit, which goes on"""
    with Session() as session, Session() as other:
        if int(other.run("SHOW server_version_num")[0]) < 150000:
            return "before PostgreSQL 15 nothing waits for all sessions"
        session.run(PREDICTION)
        running = Background(session, train("gradient boosting"))
        wait_for_work(session.pid)
        other.run("CREATE DATABASE pgml_short_lived")
        began = time.monotonic()
        dropping = Background(other, "DROP DATABASE pgml_short_lived")
        assert dropping.result(LIMIT) is None, dropping.failure
        assert running.is_alive(), "the fit was ended"
        psql(f"SELECT pg_cancel_backend({session.pid})")
        running.result(LIMIT)
        return f"dropped after {dropping.ended - began:.2f} s"


prepare()
main()
