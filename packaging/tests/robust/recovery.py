"""Servers of the test's own: preloading, standbys, a postmaster that is killed, a full disk.

PGML_SMALL_DISK names an empty directory on a file system of 64 MB.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import time

from clusters import BIN, PREDICTION, TRAIN, run, servers
from session import Failed, Lost, NotRun, case, main, wait_until

PATIENCE = 120.0
LONG = (
    "SELECT pgml.train('long', 'regression', 'public.kept', 'y', 'random_forest', "
    "hyperparams => '{\"n_estimators\": 300000}')"
)


def threads(pid):
    """Return how many threads a process has."""
    return len(os.listdir(f"/proc/{pid}/task"))


@case
def preloaded_in_the_postmaster():
    """shared_preload_libraries: the postmaster has no thread and no Python, and sessions work"""
    with servers("preloaded") as (server,):
        server.create("shared_preload_libraries = 'pgml'")
        server.fill()
        with server.session() as session:
            session.run(TRAIN)
        assert threads(server.postmaster()) == 1, "the postmaster has threads"
        maps = pathlib.Path(f"/proc/{server.postmaster()}/maps").read_text()
        assert "pgml.so" in maps, "the library was not preloaded"
        assert "numpy" not in maps, "the postmaster has loaded Python packages"


@case
def standby_and_failover():
    """A hot standby predicts and does not train; after a failover it keeps its models and trains"""
    with servers("primary", "standby") as (primary, standby):
        primary.create("max_wal_senders = 4", "wal_level = replica", "hot_standby = on")
        expected = primary.fill()
        run(
            f"{BIN}/pg_basebackup",
            *("-h", primary.directory, "-p", str(primary.port), "-D", standby.data),
            *("--checkpoint=fast", "-R", "-X", "stream"),
        )
        standby.configure()
        standby.start()
        with standby.session() as session:
            assert session.run(PREDICTION) == expected
            failed, _ = session.failure(TRAIN)
            assert failed.sqlstate == "25006", failed
            # A deployment on the primary arrives.
            with primary.session() as writer:
                other = ", hyperparams => '{\"alpha\": 1000}', automatic_deploy => false)"
                writer.run(TRAIN[:-1] + other, "SELECT pgml.deploy('kept', 'most_recent')")
                deployed = writer.run(PREDICTION)
            assert deployed != expected
            wait_until(lambda: session.run(PREDICTION) == deployed, "the deployment", PATIENCE)
        os.kill(primary.postmaster(), signal.SIGKILL)
        run(f"{BIN}/pg_ctl", "promote", "-w", "-D", standby.data)
        with standby.session() as session:
            assert session.run(PREDICTION) == deployed
            session.run(TRAIN)
            assert session.run("SELECT count(*) FROM pgml.models") == ["3"]


@case
def killed_postmaster():
    """kill -9 of the postmaster while a session trains: models stay, the training leaves nothing"""
    with servers("killed") as (server,):
        server.create()
        expected = server.fill()
        session = server.session()
        session.start(LONG)
        time.sleep(3)
        postmaster, backend = server.postmaster(), session.pid
        began = time.monotonic()
        os.kill(postmaster, signal.SIGKILL)
        with contextlib.suppress(Lost, Failed):
            session.finish()
        # Postgres starts again only when nobody has the old shared memory.
        wait_until(lambda: not os.path.exists(f"/proc/{backend}"), "the session ends", PATIENCE)
        ended = time.monotonic() - began
        pathlib.Path(f"{server.data}/postmaster.pid").unlink(missing_ok=True)
        server.start()
        with server.session() as after:
            assert after.run(PREDICTION) == expected
            assert after.run("SELECT count(*) FROM pgml.models") == ["1"]
            after.run(TRAIN)
    return f"the session ended after {ended:.1f} s"


@case
def full_disk():
    """A model that finds no room on the disk is an ERROR; the others predict, and room is enough"""
    small = os.environ.get("PGML_SMALL_DISK")
    if not small:
        raise NotRun("PGML_SMALL_DISK is not set")
    assert shutil.disk_usage(small).total < 1 << 28, f"{small} is no small disk"
    space = pathlib.Path(small, "space")
    space.mkdir()
    try:
        with servers("full") as (server,):
            server.create()
            expected = server.fill()
            with server.session() as session:
                session.run(
                    f"CREATE TABLESPACE small LOCATION '{space}'",
                    "ALTER TABLE pgml.files SET TABLESPACE small",
                )
                filler = pathlib.Path(small, "filler")
                # Without a buffer, which Python 3.14 would try to write once more at the end.
                with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(1 << 16))
                large = LONG.replace("300000", "200")
                failed, _ = session.failure(large)
                assert failed.sqlstate == "53100", failed
                assert session.run("SELECT count(*) FROM pgml.models") == ["1"]
                assert session.run(PREDICTION) == expected
                filler.unlink()
                session.run(large, TRAIN)
                assert session.run("SELECT count(*) FROM pgml.models") == ["3"]
    finally:
        shutil.rmtree(space, ignore_errors=True)


@case
def runtime_that_goes_away():
    """Packages removed while in use: loaded ones go on or fail cleanly, new sessions name them"""
    with servers("gone") as (server,):
        server.create()
        expected = server.fill()
        link = pathlib.Path(server.directory, "runtime")
        link.symlink_to("/usr/lib/pgml")
        with server.session(options=f"-c pgml.runtime_path={link}") as session:
            session.run(TRAIN)
            link.unlink()
            session.run(TRAIN)
            failed, _ = session.failure(TRAIN.replace("'ridge'", "'xgboost'"))
            assert failed.sqlstate in ("58P01", "22023"), failed
            assert session.run(PREDICTION) == expected
            with server.session(options=f"-c pgml.runtime_path={link}") as fresh:
                failed, _ = fresh.failure(TRAIN)
                assert failed.sqlstate == "58P01", failed
                # The model was exported: it needs no package.
                assert fresh.run(PREDICTION) == expected
            link.symlink_to("/usr/lib/pgml")
            session.run(TRAIN.replace("'ridge'", "'xgboost'"))


if __name__ == "__main__":
    main()
