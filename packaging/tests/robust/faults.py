"""Many sessions at once, failures again and again, and processes that are killed."""

import contextlib
import os
import signal
import time

from session import (
    Background,
    Failed,
    Lost,
    Session,
    case,
    main,
    psql,
    resident,
    rows_of_numbers,
    wait_until,
)

PATIENCE = 120.0
"""Seconds for work that takes one or two on a quiet machine."""

PREDICTION = "SELECT pgml.predict('shared', ARRAY[0.5, 0.5, 0.5, 0.5])"


def train(project, algorithm="ridge", hyperparams="{}"):
    """Return the statement that trains a model."""
    return (
        f"SELECT pgml.train('{project}', 'regression', 'public.measured', 'y', '{algorithm}', "
        f"hyperparams => '{hyperparams}')"
    )


def prepare():
    """Make a table and two models with different predictions."""
    with Session() as session:
        session.run("CREATE EXTENSION IF NOT EXISTS pgml")
        rows_of_numbers(session, "public.measured", 400, 4)
        session.run("ALTER TABLE public.measured DROP COLUMN c")
        session.run(train("shared"), train("shared", "ridge", '{"alpha": 1000}'))


def models(session):
    """Return the models of the shared project, the oldest first."""
    return session.run(
        "SELECT m.id FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id "
        "WHERE p.name = 'shared' ORDER BY m.id LIMIT 2"
    )


FAILING = (
    "pgml.predict('no such project', ARRAY[1.0])",
    "pgml.predict('shared', ARRAY[1.0])",
    "pgml.predict('shared', ARRAY[1.0, NULL, 3, 4])",
    "pgml.predict('shared', ARRAY['NaN', 1, 2, 3]::float8[])",
    "pgml.train('fails', 'regression', 'public.measured', 'y', 'ridge', "
    'hyperparams => \'{"alpha": "x"}\')',
    "pgml.train('fails', 'regression', 'public.measured', 'y', 'svm', "
    "hyperparams => '{\"nothing\": 1}')",
    "pgml.train('fails', 'regression', 'public.missing', 'y')",
    "pgml.deploy('shared', 'rollback', 'svm')",
    "pgml.add(ARRAY[1, 2]::real[], ARRAY[1]::real[])",
    "pgml.load_dataset('no such data set')",
)


@case
def failing_calls_do_not_leak():
    """10,000 failing calls in one session leave its memory as it was"""
    each = " ".join(
        f"BEGIN PERFORM {call}; RAISE EXCEPTION 'no error' USING ERRCODE = 'P0004'; "
        "EXCEPTION WHEN assert_failure THEN RAISE; WHEN others THEN END;"
        for call in FAILING
    )

    def rounds(count):
        return f"DO $$ BEGIN FOR n IN 1..{count} LOOP {each} END LOOP; END $$"

    figures = []
    for isolation, count in (("backend", 100), ("process", 10)):
        with Session(options=f"-c pgml.isolation={isolation}") as session:
            session.run("SET client_min_messages = error", PREDICTION)
            # What is loaded on first use, and what Postgres and Python keep for the next time.
            for _ in range(3):
                session.run(rounds(count // 2))
            before = resident(session.pid)
            for _ in range(10):
                session.run(rounds(count))
            after = resident(session.pid)
            assert session.run(PREDICTION)
        calls = count * 10 * len(FAILING)
        figures.append(f"{isolation}: {calls} calls, {before:.0f} MB before, {after:.0f} MB after")
        assert after - before < 16, figures
    return "; ".join(figures)


@case
def too_large_trainings_are_refused():
    """pgml.memory_limit refuses a training before it takes the memory; superusers set it"""
    with Session() as session:
        rows_of_numbers(session, "public.larger", 20000, 4)
        session.run("SET pgml.memory_limit = '1MB'", train("small enough"))
        began = resident(session.pid)
        failed, _ = session.failure(
            "SELECT pgml.train('too large', 'regression', 'public.larger', 'y', 'ridge')"
        )
        assert failed.sqlstate == "53400" and "pgml.memory_limit allows 1 MB" in failed.message
        assert resident(session.pid) - began < 8
        session.run("RESET pgml.memory_limit")
        session.run("SET pgml.memory_limit = '1GB'")
        failed, _ = session.failure(
            "SELECT pgml.train('too many pairs', 'regression', 'public.larger', 'y', "
            "'gaussian_process')"
        )
        assert failed.sqlstate == "53400" and "gaussian_process" not in failed.message, failed
        session.run("SET pgml.memory_limit = -1", train("unlimited"))
        exists = session.run("SELECT 1 FROM pg_roles WHERE rolname = 'pgml_plain'")
        if not exists:
            session.run("CREATE ROLE pgml_plain")
        session.run("SET pgml.memory_limit = '1MB'", "SET ROLE pgml_plain")
        failed, _ = session.failure("SET pgml.memory_limit = -1")
        assert failed.sqlstate == "42501", failed


@case
def deploys_are_seen_at_once():
    """Sessions that predict while others deploy get the one model's answer or the other's"""
    with Session() as session, contextlib.ExitStack() as stack:
        first, second = models(session)
        answers = set()
        for model in (first, second):
            session.run(f"SELECT pgml.deploy({model})")
            answers.update(session.run(PREDICTION))
        assert len(answers) == 2, answers
        predicting = [stack.enter_context(Session()) for _ in range(3)]
        deploying = [stack.enter_context(Session()) for _ in range(2)]
        for _ in range(25):
            for one in predicting:
                one.start(PREDICTION)
            for one, model in zip(deploying, (first, second)):
                one.start(f"SELECT pgml.deploy({model})")
            for one in predicting:
                found = one.finish()
                assert set(found) <= answers, f"{found} is neither of {answers}"
            for one in deploying:
                one.finish()
        for model in (first, second):
            session.run(f"SELECT pgml.deploy({model})")
            expected = session.run(f"SELECT pgml.predict({model}, ARRAY[0.5, 0.5, 0.5, 0.5])")
            for one in predicting:
                assert one.run(PREDICTION) == expected, "an older deployment answers"


@case
def rollback_undoes_a_deployment():
    """A deployment that is rolled back, or not committed, answers in no other session"""
    with Session() as session, Session() as other:
        first, second = models(session)
        session.run(f"SELECT pgml.deploy({first})")
        expected = other.run(PREDICTION)
        session.run("BEGIN", f"SELECT pgml.deploy({second})")
        assert session.run(PREDICTION) != expected
        assert other.run(PREDICTION) == expected
        session.run("ROLLBACK")
        assert session.run(PREDICTION) == expected


@case
def savepoint_undoes_a_deployment():
    """A deployment that is rolled back to a savepoint answers no more, whatever the isolation"""
    with Session() as session:
        first, second = models(session)
        session.run(f"SELECT pgml.deploy({first})")
        for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
            session.run(f"BEGIN ISOLATION LEVEL {level}")
            expected = session.run(PREDICTION)
            session.run("SAVEPOINT before", f"SELECT pgml.deploy({second})")
            assert session.run(PREDICTION) != expected, level
            session.run("ROLLBACK TO SAVEPOINT before")
            assert session.run(PREDICTION) == expected, level
            session.run("COMMIT")
            assert session.run(PREDICTION) == expected, level


@case
def the_model_cache_is_bounded():
    """A session that predicts with more models than pgml.model_cache holds lets old ones go"""
    with Session() as session:
        rows_of_numbers(session, "public.wide", 4000, 4)
        session.run("ALTER TABLE public.wide DROP COLUMN c")
        forest = train("forests", "random_forest", '{"n_estimators": 150}')
        session.run(*[forest.replace("public.measured", "public.wide")] * 12)
        models = session.run(
            "SELECT m.id FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id "
            "WHERE p.name = 'forests' ORDER BY m.id"
        )
        size = session.run(
            f"SELECT sum(length(data)) FROM pgml.files WHERE model_id = {models[0]} "
            "AND path = 'estimator.safetensors'"
        )
        megabytes = int(size[0]) / (1 << 20)
        assert len(models) == 12 and megabytes > 5, f"{models}, {megabytes} MB"
    room = int(2 * megabytes)
    with Session(options=f"-c pgml.model_cache={room}MB -c pgml.share_models=off") as session:
        asked = "SELECT pgml.predict({}, ARRAY[0.5, 0.5, 0.5, 0.5])"
        first = session.run(asked.format(models[0]))
        before = resident(session.pid)
        for model in models[1:]:
            session.run(asked.format(model))
        grown = resident(session.pid) - before
        assert session.run(asked.format(models[0])) == first
    figure = f"{len(models)} models of {megabytes:.0f} MB in {room} MB: grew by {grown:.0f} MB"
    # What has been read and let go stays with the process in part; without a bound it is all.
    assert grown < 7 * megabytes, figure
    return figure


@case
def the_model_cache_is_a_superuser_s():
    """Who may predict can't raise pgml.model_cache, which every session has for itself"""
    with Session() as session:
        session.run("LOAD 'pgml'")
        if not session.run("SELECT 1 FROM pg_roles WHERE rolname = 'pgml_plain'"):
            session.run("CREATE ROLE pgml_plain")
        session.run("SET pgml.model_cache = '512MB'", "SET ROLE pgml_plain")
        failed, _ = session.failure("SET pgml.model_cache = '100GB'")
        assert failed.sqlstate == "42501", failed


@case
def parallel_trainings_of_one_project():
    """Four sessions train one project at once: four models, one project, and it predicts"""
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(Session()) for _ in range(4)]
        running = [Background(one, train("crowded")) for one in sessions]
        for one in running:
            assert one.result(PATIENCE) is None, one.failure
        counted = sessions[0].run(
            "SELECT count(*), count(DISTINCT p.id) FROM pgml.models AS m "
            "JOIN pgml.projects AS p ON p.id = m.project_id WHERE p.name = 'crowded' "
            "AND m.status::text = 'successful'"
        )
        assert counted == ["4|1"], counted
        sessions[0].run("SELECT pgml.predict('crowded', ARRAY[0.5, 0.5, 0.5, 0.5])")


@case
def a_dropped_project_is_gone():
    """A project that another session drops is an error afterwards, and not an old answer"""
    with Session() as session, Session() as other:
        session.run(train("short lived"))
        asked = "SELECT pgml.predict('short lived', ARRAY[0.5, 0.5, 0.5, 0.5])"
        expected = other.run(asked)
        session.run("BEGIN", "DELETE FROM pgml.projects WHERE name = 'short lived'")
        assert other.run(asked) == expected, "not committed yet"
        session.run("COMMIT")
        failed, _ = other.failure(asked)
        assert "short lived" in failed.message, failed
        session.run(train("short lived"))
        assert other.run(asked) == expected


@case
def parallel_workers_predict():
    """Parallel workers predict as the leader does"""
    with Session() as session:
        session.run(
            "DROP TABLE IF EXISTS public.many",
            "CREATE TABLE public.many AS SELECT random() AS x FROM generate_series(1, 3000)",
            "ANALYZE public.many",
            "SET max_parallel_workers_per_gather = 0",
        )
        query = (
            "SELECT sum(pgml.predict('shared', ARRAY[x, 0.5, 0.5, 0.5]))::numeric(20, 6) "
            "FROM public.many"
        )
        expected = session.run(query)
        session.run(
            "SET max_parallel_workers_per_gather = 2",
            "SET parallel_setup_cost = 0",
            "SET parallel_tuple_cost = 0",
            "SET min_parallel_table_scan_size = 0",
        )
        plan = "\n".join(session.run(f"EXPLAIN (ANALYZE, COSTS off) {query}"))
        assert "Workers Launched: 2" in plan, plan
        assert session.run(query) == expected


def environment_of_programs(session):
    """Return what a program that the session starts has in its environment, but for the shell's."""
    session.run("CREATE TEMPORARY TABLE IF NOT EXISTS environment (line text)")
    session.run("TRUNCATE environment", "COPY environment FROM PROGRAM '/usr/bin/env'")
    found = dict(
        line.split("=", 1) for line in session.run("SELECT line FROM environment") if "=" in line
    )
    return {name: found[name] for name in found if name not in ("PWD", "OLDPWD", "SHLVL", "_")}


ADDED = {
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONNOUSERSITE",
    # Errors of pgrx without a backtrace.
    "RUST_LIB_BACKTRACE",
    # By scikit-learn.
    "KMP_DUPLICATE_LIB_OK",
    "KMP_INIT_AT_FORK",
}
"""What a session has in its environment once it has trained, and not before."""


@case
def imports_leave_the_environment():
    """What the packages do to the environment reaches no program that the session starts"""
    with Session() as session:
        before = environment_of_programs(session)
        for isolation in ("process", "backend"):
            session.run(f"SET pgml.isolation = '{isolation}'")
            for algorithm in ("xgboost", "lightgbm", "ridge"):
                session.run(train("environment", algorithm))
        after = environment_of_programs(session)
        assert after.get("PATH") == before.get("PATH"), f"PATH is {after.get('PATH')!r}"
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        assert changed <= ADDED, changed
        session.run("COPY environment FROM PROGRAM 'id'")


@case
def library_preloaded_in_the_session():
    """session_preload_libraries: no thread and no interpreter before the first use"""
    with Session(options="-c session_preload_libraries=pgml") as session:

        def threads():
            return len(os.listdir(f"/proc/{session.pid}/task"))

        assert threads() == 1, "loading the library started a thread"
        assert session.run(PREDICTION)
        session.run("SELECT pgml.python_version()")
        assert threads() >= 2, "nothing watches for interrupts"


def crash_recovered(began):
    """Wait until the server has recovered, and is another run of the same postmaster."""

    def answers():
        with contextlib.suppress(Failed, Lost, IndexError):
            return bool(psql("SELECT 1"))
        return False

    time.sleep(0.5)
    wait_until(answers, f"the server is back after {began}", PATIENCE)


@case
def killed_backend_loses_nothing():
    """kill -9 of a backend that trains: the server recovers, committed models predict, no more"""
    with Session() as session:
        expected = session.run(PREDICTION)
        counted = "SELECT count(*), count(DISTINCT project_id) FROM pgml.models"
        before = session.run(counted)
    for moment in (0.1, 0.6, 1.5):
        session = Session()
        session.start(train("killed", "random_forest", '{"n_estimators": 300000}'))
        time.sleep(moment)
        os.kill(session.pid, signal.SIGKILL)
        with contextlib.suppress(Failed):
            try:
                session.finish()
            except Lost:
                pass
            else:
                raise AssertionError("the training ended")
        crash_recovered("a kill of a backend")
        with Session() as after:
            assert after.run(PREDICTION) == expected
            assert after.run(counted) == before


if __name__ == "__main__":
    prepare()
    main()
