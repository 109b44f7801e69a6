#!/usr/bin/env python3
"""Restores a dump into databases that have the extension already, and once more over itself.

Connects by the PG* variables as a superuser; makes and drops databases of its own.

Catches a dump that makes the schema, which is there, and ends at its first statement.
"""

import os
import subprocess
import sys
import tempfile

from server import Checks, psql

checks = Checks()

FROM = "pgml_test_from"
TO = ["pgml_test_to_1", "pgml_test_to_2", "pgml_test_to_3"]


def run(*command, **options):
    """Run a program of Postgres."""
    return subprocess.run(command, check=False, text=True, capture_output=True, **options)


def restored(name, done, database):
    """Check that a restore gave no error, and that what was restored predicts."""
    checks.check(f"{name}: no error", done.returncode == 0, done.stderr)
    asked = psql(
        *("-d", database, "-c"),
        "SELECT round(pgml.predict('line', ARRAY[4])::numeric), "
        "(SELECT count(*) FROM pgml.projects), (SELECT count(*) FROM public.answers)",
    )
    checks.equal(f"{name}: predicts", "8|1|40", asked.stdout.strip() or asked.stderr)


def main():
    """Make a database, dump it, and restore it."""
    for database in (FROM, *TO):
        run("dropdb", "--if-exists", database)
        run("createdb", database)
        psql("-d", database, "-c", "CREATE EXTENSION pgml")
    made = psql(
        *("-d", FROM),
        *(
            "-c",
            "CREATE TABLE public.line AS SELECT n AS a, 2 * n AS y FROM generate_series(1, 40) n",
        ),
        "-c",
        "SELECT pgml.train('line', 'regression', 'public.line', 'y', materialize_snapshot => true)",
        "-c",
        "CREATE MATERIALIZED VIEW public.answers AS SELECT a, pgml.predict('line', ARRAY[a]) AS p "
        "FROM public.line",
    )
    checks.check("the database is made", made.returncode == 0, made.stderr)
    with tempfile.TemporaryDirectory() as directory:
        text, archive = (os.path.join(directory, name) for name in ("dump.sql", "dump"))
        run("pg_dump", "-f", text, FROM)
        run("pg_dump", "-Fc", "-f", archive, FROM)
        done = run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", TO[0], "-f", text)
        restored("a text", done, TO[0])
        restored(
            "an archive",
            run("pg_restore", "--exit-on-error", "-d", TO[1], archive),
            TO[1],
        )
        clean = (
            "pg_restore",
            "--exit-on-error",
            "--clean",
            "--if-exists",
            "-d",
            TO[2],
            archive,
        )
        restored("--clean", run(*clean), TO[2])
        restored("--clean once more", run(*clean), TO[2])
    for database in (FROM, *TO):
        run("dropdb", database)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
