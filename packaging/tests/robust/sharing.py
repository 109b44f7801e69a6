"""Sessions that share the memory of large models: pgml.share_models.

PGML_SMALL_DISK names an empty directory on a file system of 64 MB.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal

from clusters import BIN, TRAIN, run, servers
from session import Background, Failed, Lost, NotRun, case, main, rows_of_numbers, wait_until

PATIENCE = 120.0
LARGE = (
    "SELECT pgml.train('large', 'regression', 'public.large', 'y', 'random_forest', "
    "hyperparams => '{{\"n_estimators\": {}}}', runtime => 'rust')"
)
ROWS = (
    "SELECT pgml.predict('large', ARRAY[x, 1 - x, x / 2, 0.5]) "
    "FROM generate_series(0, 1, 0.0625) AS x"
)
OFF = "-c pgml.share_models=off"
MAPPED = "pgsql_tmp_pgml_"


@contextlib.contextmanager
def server(*settings):
    """Have a server with a model of some megabytes; give what it predicts without sharing, too."""
    with servers("sharing") as (made,):
        made.create(*settings)
        with made.session(OFF) as session:
            session.run("CREATE EXTENSION pgml")
            rows_of_numbers(session, "public.large", 4000, 4)
            session.run("ALTER TABLE public.large DROP COLUMN c", LARGE.format(150))
            expected = session.run(ROWS)
        assert not files(made), "a file although nothing is shared"
        yield made, expected


def files(made):
    """Return the files of arrays."""
    return sorted(pathlib.Path(made.data, "base/pgsql_tmp").glob(f"{MAPPED}*"))


def mappings(session):
    """Return the lines of the session's mappings that are files of arrays."""
    maps = pathlib.Path(f"/proc/{session.pid}/maps").read_text().splitlines()
    return [line for line in maps if MAPPED in line]


def private(session):
    """Return the memory that no other process has, in kB."""
    rollup = pathlib.Path(f"/proc/{session.pid}/smaps_rollup").read_text()
    return sum(int(size) for size in re.findall(r"^Private_\w+: +(\d+) kB", rollup, re.MULTILINE))


def check(session, expected, shared=True):
    """Let a session predict what is expected, and say whether it maps a file."""
    assert session.run(ROWS) == expected
    assert bool(mappings(session)) == shared, mappings(session)


def put(file, content):
    """Put other content into a file as its owner, and leave it to nobody else."""
    file.write_bytes(content)
    file.chmod(0o600)


@case
def sessions_share_one_file():
    """The second session with a large model has almost no memory of its own for it"""
    with server() as (made, expected), contextlib.ExitStack() as stack:
        grown = {}
        for options in (None, None, OFF):
            session = stack.enter_context(made.session(options))
            session.run("SELECT pgml.version()")
            before = private(session)
            assert session.run(ROWS) == expected
            grown[options] = private(session) - before
            lines = mappings(session)
            assert bool(lines) == (options is None), lines
            assert all(" r--p " in line for line in lines), lines
        (file,) = files(made)
        size = file.stat().st_size // 1024
        assert file.stat().st_mode & 0o777 == 0o600, oct(file.stat().st_mode)
        figure = f"{size} kB of arrays: {grown[None]} kB shared, {grown[OFF]} kB alone"
        assert size > 8000, figure
        assert grown[OFF] > size, figure
        assert grown[None] < size / 3, figure
        return figure


@case
def many_sessions_at_once():
    """Eight sessions that load a model at the same time write one file, and all map it"""
    with server() as (made, expected), contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(made.session()) for _ in range(8)]
        for running in [Background(session, ROWS) for session in sessions]:
            assert running.result(PATIENCE) is None
            assert running.rows == expected
        assert len(files(made)) == 1
        assert all(mappings(session) for session in sessions)


@case
def another_byte_is_not_used():
    """A file of the same length with another byte is not used, and gives way to a right one"""
    with server() as (made, expected):
        with made.session() as session:
            assert session.run(ROWS) == expected
        (file,) = files(made)
        right = file.read_bytes()
        for place in (len(right) // 2, 5, len(right) // 3):
            wrong = bytearray(right)
            wrong[place : place + 4096] = bytes(255 - byte for byte in wrong[place : place + 4096])
            put(file, wrong)
            with made.session() as session:
                check(session, expected, shared=False)
            with made.session() as session:
                check(session, expected)
            assert file.read_bytes() == right
        for other in (right[:-4096], right + bytes(64)):
            put(file, other)
            with made.session() as session:
                check(session, expected, shared=False)
        file.unlink(missing_ok=True)
        file.symlink_to("/etc/passwd")
        with made.session() as session:
            check(session, expected, shared=False)
        log = pathlib.Path(f"{made.data}.log").read_text()
        assert log.count("had other bytes than its model") == 5, log[-2000:]


@case
def deployed_and_dropped():
    """After a deployment and a drop the sessions predict with what is deployed; no file stays"""
    with server() as (made, expected), made.session() as one, made.session() as other:
        assert one.run(ROWS) == other.run(ROWS) == expected
        automatic = "runtime => 'rust', automatic_deploy => false)"
        one.run(LARGE.format(100).replace("runtime => 'rust')", automatic))
        one.run("SELECT pgml.deploy('large', 'most_recent')")
        second = one.run(ROWS)
        assert second != expected
        assert other.run(ROWS) == second
        assert len(files(made)) == 2
        (last,) = one.run("SELECT max(id) FROM pgml.models")
        one.run("BEGIN", f"SELECT pgml.drop_model({last}, force => true)")
        assert one.run(ROWS) == expected
        one.run("ROLLBACK")
        assert one.run(ROWS) == other.run(ROWS) == second
        with made.session() as dropper:
            dropper.run(f"SELECT pgml.drop_model({last}, force => true)")
        assert one.run(ROWS) == other.run(ROWS) == expected
        one.close()
        other.close()
        with made.session() as after:
            # Nobody uses the two files any more.
            after.run("SELECT pgml.drop_project('large', force => true)")
        assert not files(made), files(made)


@case
def unused_files_go_before_another_is_written():
    """Files that no session uses are removed when a session writes one"""
    with server() as (made, expected):
        unfinished = pathlib.Path(made.data, "base/pgsql_tmp", f"{MAPPED}0123.new")
        with made.session() as session:
            assert session.run(ROWS) == expected
        (first,) = files(made)
        unfinished.write_bytes(b"left over")
        with made.session(OFF) as session:
            # A training looks at the model that is deployed, too.
            session.run(LARGE.format(120), "SELECT pgml.deploy('large', 'most_recent')")
        with made.session() as session:
            session.run(ROWS)
            (second,) = files(made)
            assert second != first
            assert str(second.name) in mappings(session)[0]


@case
def killed_and_restarted():
    """After kill -9 of a session and after a restart the predictions are right; no file is stale"""
    with server() as (made, expected):
        version = int(pathlib.Path(made.data, "PG_VERSION").read_text())
        with made.session() as session, made.session() as victim:
            assert session.run(ROWS) == victim.run(ROWS) == expected
            os.kill(victim.pid, signal.SIGKILL)
            with contextlib.suppress(Lost, Failed):
                session.run("SELECT pg_sleep(60)")

        def answers():
            with contextlib.suppress(Lost, Failed), made.session(OFF) as after:
                return after.run("SELECT 1") == ["1"]

        wait_until(answers, "the server recovers", PATIENCE)
        # PostgreSQL 13 removes temporary files at a start only.
        assert version == 13 or not files(made), files(made)
        with made.session() as session:
            check(session, expected)
        assert len(files(made)) == 1
        made.stop()
        made.start()
        assert not files(made), files(made)
        with made.session() as session:
            check(session, expected)


@case
def base_backups_leave_them_out():
    """A base backup has no file of arrays, and a server from it predicts the same"""
    with server("max_wal_senders = 4", "wal_level = replica") as (made, expected):
        with made.session() as session:
            check(session, expected)
            assert files(made)
            copy = type(made)(made.directory, "copy", made.port + 1)
            run(
                f"{BIN}/pg_basebackup",
                *("-h", made.directory, "-p", str(made.port), "-D", copy.data),
                *("--checkpoint=fast", "-X", "stream"),
            )
        assert not files(copy), files(copy)
        copy.configure()
        try:
            copy.start()
            with copy.session() as session:
                check(session, expected)
        finally:
            copy.stop()


@case
def a_training_beside_a_mapping():
    """A session that shares a model trains in a process of its own, and predicts afterwards"""
    with server() as (made, expected), made.session() as session:
        check(session, expected)
        session.run(TRAIN.replace("'public.kept'", "'public.large'"))
        check(session, expected)


@case
def no_room_for_the_file():
    """Without room on the disk a session predicts from its own memory and leaves no file"""
    small = os.environ.get("PGML_SMALL_DISK")
    if not small:
        raise NotRun("PGML_SMALL_DISK is not set")
    space = pathlib.Path(small, "sharing")
    space.mkdir()
    try:
        with server() as (made, expected):
            directory = pathlib.Path(made.data, "base/pgsql_tmp")
            if directory.exists():
                directory.rmdir()
            directory.symlink_to(space)
            with open(space / "filler", "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(1 << 16))
            with made.session() as session:
                check(session, expected, shared=False)
            assert not files(made), files(made)
            (space / "filler").unlink()
            with made.session() as session:
                check(session, expected)
    finally:
        shutil.rmtree(space, ignore_errors=True)


@case
def the_setting_is_a_superuser_s():
    """Who may predict can't change pgml.share_models"""
    with servers("setting") as (made,):
        made.create()
        with made.session() as session:
            session.run("LOAD 'pgml'", "CREATE ROLE pgml_plain", "SET ROLE pgml_plain")
            failed, _ = session.failure("SET pgml.share_models = off")
            assert failed.sqlstate == "42501", failed


if __name__ == "__main__":
    main()
