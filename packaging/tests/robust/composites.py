"""Rows of a table that was altered since they were formed: an error, and never read.

A value of a row type does not say what its columns are; its type's name stands for them. When the
table is altered while a value lives on, in a held cursor or on the disk, the bytes are those of
the old columns. PostgreSQL 14.25, 15.20, 16.16, 17.12 and 18.7 mark the values that they form with
a version, mark a value of an older minor release when an extension asks for its header, and refuse
to take one apart that no longer fits its type (CVE-2026-6460). An older minor release reads such a
value as it lies. On one, these cases show that pgml reads what the server itself reads.
"""

import struct

from session import NotRun, Session, case, main

TABLE = "public.altered"
ALTER = f"ALTER TABLE {TABLE} ALTER COLUMN x TYPE bigint"
# How the server refuses it, in a statement of its own and in pgml's.
REFUSED = "row type of datum tuple was altered"
SERVERS, PGMLS = "22P07", "42804"

# The bits of 2.5, for which they are taken where they are read as a bigint.
BITS = struct.unpack("=q", struct.pack("=d", 2.5))[0]

# A row's header behind its length, as access/htup_details.h has it: typmod, type, block and place
# of t_ctid, infomask2, infomask.
HEADER = struct.Struct("=iIIHHH")
# HEAP_IS_DATUM, the mark: two bits of infomask that only mean something else on a table's page.
MARK = 0x0C00


def prepare():
    """Make a model of two columns."""
    with Session() as session:
        session.run(
            "CREATE EXTENSION IF NOT EXISTS pgml",
            "DROP TABLE IF EXISTS public.numbers",
            "CREATE TABLE public.numbers AS SELECT n / 10.0::float8 AS x, n % 7 AS z, "
            "n * 2.0::float8 AS y FROM generate_series(1, 100) AS n",
            "SELECT pgml.train('altered', 'regression', 'public.numbers', 'y', 'ridge')",
        )


def fresh_table(session):
    """Make the table with one row, and functions that hand its rows on as bytes and back.

    Its columns have no version, as those that an older minor release made. `int8up` returns the
    very datum that it is given, here a pointer to a value.
    """
    identity = "LANGUAGE internal IMMUTABLE STRICT AS 'int8up'"
    session.run(
        "SET client_min_messages = error",
        f"DROP TABLE IF EXISTS {TABLE} CASCADE",
        f"CREATE TABLE {TABLE} (x float8, z float8)",
        f"UPDATE pg_attribute SET attoptions = NULL WHERE attrelid = '{TABLE}'::regclass",
        f"INSERT INTO {TABLE} VALUES (2.5, 3)",
        f"CREATE FUNCTION public.bytes_of({TABLE}) RETURNS bytea {identity}",
        f"CREATE FUNCTION public.row_of(bytea) RETURNS {TABLE} {identity}",
    )


def stored_by_an_older_minor(session):
    """Return the SQL of the table's row as bytes without mark and version."""
    (shown,) = session.run(f"SELECT public.bytes_of(a) FROM {TABLE} AS a")
    row = bytes.fromhex(shown.removeprefix("\\x"))
    _, kind, _, _, columns, bits = HEADER.unpack_from(row)
    header = HEADER.pack(-1, kind, 0xFFFFFFFF, 0, columns, bits & ~MARK)
    return f"public.row_of('\\x{(header + row[HEADER.size :]).hex()}'::bytea)"


def check(session, predicted, read):
    """Fail unless a row is refused, or where the server has no versions, read as the server does.

    `predicted` and `read` are the SQL of a prediction with the row, and of the row's first column.
    """
    marks = session.run("SELECT 1 FROM pg_settings WHERE name = 'composite_type_mismatch'")
    if marks:
        for statement, sqlstate in ((read, SERVERS), (predicted, PGMLS)):
            failed, _ = session.failure(statement)
            assert failed.sqlstate == sqlstate and REFUSED in failed.message, str(failed)
        return "the server's error"
    (x,) = session.run(read)
    assert int(x) == BITS, f"the server itself reads {x}"
    with_numbers = f"SELECT pgml.predict('altered', ({x}::bigint, 3::float8))"
    assert session.run(predicted) == session.run(with_numbers), "pgml reads other columns"
    (version,) = session.run("SHOW server_version")
    raise NotRun(f"PostgreSQL {version} has no versions of rows: it reads 2.5 as {x}, as pgml does")


@case
def a_held_row_of_an_altered_table():
    """A row from a cursor WITH HOLD is an error once its table was altered"""
    with Session() as session:
        fresh_table(session)
        session.run(
            f"DECLARE held SCROLL CURSOR WITH HOLD FOR SELECT a AS held FROM {TABLE} AS a",
            ALTER,
            "CREATE FUNCTION pg_temp.of_held(expression text) RETURNS text LANGUAGE plpgsql AS "
            "$$DECLARE rows refcursor := 'held'; one record; result text; BEGIN "
            "MOVE ABSOLUTE 0 FROM rows; FETCH rows INTO one; "
            "EXECUTE 'SELECT ' || expression INTO result USING one.held; RETURN result; END$$",
        )
        return check(
            session,
            "SELECT pg_temp.of_held('pgml.predict(''altered'', $1)')",
            "SELECT pg_temp.of_held('($1).x')",
        )


@case
def an_unmarked_row_of_an_altered_table():
    """A row that an older minor release stored is an error once its table was altered"""
    with Session() as session:
        fresh_table(session)
        row = stored_by_an_older_minor(session)
        session.run(ALTER)
        return check(session, f"SELECT pgml.predict('altered', {row})", f"SELECT ({row}).x")


@case
def an_unmarked_row_that_fits():
    """A row that an older minor release stored predicts while its table is as it was"""
    with Session() as session:
        fresh_table(session)
        row = stored_by_an_older_minor(session)
        stored = session.run(f"SELECT pgml.predict('altered', {row})")
        assert stored == session.run(f"SELECT pgml.predict('altered', a) FROM {TABLE} AS a")


if __name__ == "__main__":
    prepare()
    main()
