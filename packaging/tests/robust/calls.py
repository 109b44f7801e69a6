"""Calls of every SQL function of pgml with generated arguments: errors are fine, crashes are not.

PGML_CALLS says how many (a smoke of 1,500 by default). The same number gives the same calls.
"""

import os
import random

from session import Failed, Session, case, main, resident, rows_of_numbers

CALLS = int(os.environ.get("PGML_CALLS", "1500"))

NUMBERS = (
    "0 1 -1 0.5 -0.0 1e308 -1e308 1e-320 'NaN' 'Infinity' '-Infinity' 2147483647 -2147483648 "
    "9223372036854775807 3.4e38 1e-45 42"
).split()
TEXTS = (
    "",
    "known",
    "public.generated",
    "y",
    "x0",
    "regression",
    "classification",
    "iris",
    "ridge",
    "'; DROP TABLE pgml.models; --",
    'a"b',
    "\\\\",
    "\U0001f418",
    "x" * 5000,
    "pg_catalog.pg_authid",
    "no.such.table",
    "pgml",
    "onnx",
    "lightgbm",
    "xgboost",
)
# The files that the first of these functions make are those that the others take.
FORMATS = ("pgml", "onnx", "lightgbm", "xgboost")
FILES = []
JSON = (
    "{}",
    "[]",
    "null",
    "1",
    '"x"',
    '{"alpha": 1}',
    '{"alpha": -1e400}',
    '{"alpha": [1, 2]}',
    '{"n_estimators": 0}',
    '{"": {"": {"": []}}}',
    '{"random_state": "x", "max_iter": -5}',
    "[" * 200 + "]" * 200,
)


class Generator:
    """Arguments by the name of their type."""

    def __init__(self, seed):
        """Begin the same sequence for the same seed."""
        self.chance = random.Random(seed)

    def argument(self, kind):
        """Return an SQL expression of a type, as format_type() names it."""
        if self.chance.random() < 0.1:
            return f"NULL::{kind}"
        if kind.endswith("[]"):
            return self.array(kind[:-2])
        return f"{self.value(kind)}::{kind}"

    def value(self, kind):
        """Return a literal that may or may not be of the type."""
        if kind in ("real", "double precision", "bigint", "integer", "smallint"):
            number = self.chance.choice(NUMBERS).strip("'")
            if kind in ("bigint", "integer", "smallint"):
                number = self.chance.choice(("0", "1", "2", "-1", "7", "32767"))
            return f"'{number}'"
        if kind == "boolean":
            return self.chance.choice(("true", "false"))
        if kind == "jsonb":
            return "$j$" + self.chance.choice(JSON) + "$j$"
        if kind == "bytea":
            return self.file()
        if kind.startswith("pgml."):
            return f"(enum_range(NULL::{kind}))[{self.chance.randint(1, 6)}]"
        if kind == "regclass":
            return "'public.generated'"
        return "$t$" + self.chance.choice(TEXTS) + "$t$"

    def file(self):
        """Return a model file of some kind, whole or with some of its bytes changed."""
        whole = bytearray(bytes.fromhex(self.chance.choice(FILES)))
        for _ in range(self.chance.choice((0, 0, 1, 3))):
            whole[self.chance.randrange(len(whole))] = self.chance.randrange(256)
        end = len(whole) if self.chance.random() < 0.8 else self.chance.randrange(len(whole))
        return f"'\\x{bytes(whole[:end]).hex()}'"

    def array(self, kind):
        """Return an array: empty, plain, nested, long, or with NULLs."""
        size = self.chance.choice((0, 1, 2, 3, 4, 4, 4, 7, 1000))
        values = ["NULL" if self.chance.random() < 0.05 else self.value(kind) for _ in range(size)]
        plain = f"ARRAY[{', '.join(values)}]::{kind}[]"
        if size and self.chance.random() < 0.2:
            return f"ARRAY[{plain}, {plain}]"
        return plain


FUNCTIONS = """
    SELECT p.oid::regprocedure::text, p.proname, p.prokind, p.prorettype <> 'void'::regtype, (
        SELECT string_agg(format_type(t, NULL), '|' ORDER BY n)
        FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a(t, n))
    FROM pg_proc AS p
    JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'pgml'
    WHERE p.prorettype <> 'trigger'::regtype ORDER BY 1
"""


@case
def generated_calls():
    """Every function with generated arguments: no crash, no panic, no growth"""
    generator = Generator(7)
    with Session() as session:
        session.run("CREATE EXTENSION IF NOT EXISTS pgml")
        rows_of_numbers(session, "public.generated", 60, 4)
        session.run(
            "ALTER TABLE public.generated DROP COLUMN c",
            "SELECT pgml.train('known', 'regression', 'public.generated', 'y', 'ridge')",
        )
        session.run(
            "SELECT pgml.train('forest', 'regression', 'public.generated', 'y', 'lightgbm')"
        )
        for project in ("known", "forest"):
            for form in FORMATS:
                export = (
                    f"SELECT encode(pgml.export_model(id, '{form}'), 'hex') "
                    f"FROM pgml.deployed_models WHERE name = '{project}'"
                )
                try:
                    FILES.extend(session.run(export))
                except Failed as failed:
                    # A linear model is no LightGBM's.
                    assert failed.sqlstate == "0A000", failed
        assert len(FILES) > 4, len(FILES)
        functions = [line.split("|", 4) for line in session.run(FUNCTIONS)]
        assert len(functions) > 30, functions
        session.run("SET client_min_messages = error", "SET statement_timeout = '20s'")
        began = session.run("SELECT pg_postmaster_start_time()")
        errors = {}
        memory = 0.0
        for number in range(CALLS):
            _, name, kind, _, types = functions[number % len(functions)]
            arguments = ", ".join(generator.argument(one) for one in types.split("|") if one)
            source = " FROM generate_series(1, 3)" if kind == "a" else ""
            call = f"SELECT pgml.{name}({arguments}){source}"
            try:
                # In a transaction that is undone: the calls train, deploy and load data sets.
                session.run("BEGIN", call)
                sqlstate = "00000"
            except Failed as failed:
                sqlstate = failed.sqlstate
                assert "panicked" not in failed.message, f"{failed} from {call[:300]}"
                assert not sqlstate.startswith("XX"), f"{failed} from {call[:300]}"
            session.run("ROLLBACK")
            errors[sqlstate] = errors.get(sqlstate, 0) + 1
            if number == CALLS // 4:
                memory = resident(session.pid)
        grown = resident(session.pid) - memory
        assert session.run("SELECT pg_postmaster_start_time()") == began
        assert errors.get("00000", 0) > CALLS / 50, errors
    seen = ", ".join(f"{state} {count}" for state, count in sorted(errors.items()))
    return f"{CALLS} calls of {len(functions)} functions; {seen}; grew {grown:.0f} MB"


if __name__ == "__main__":
    main()
