#!/usr/bin/env python3
"""Adopts a database of PostgresML 1.0 with a life around its tables; compares its catalogs.

Usage: adoption/life.py SITE_PACKAGES [SCRIPT]

SCRIPT is pgml-adopt-1.0.sql, else the installed one. Connects by the PG* variables to an empty
database as a superuser. Catches an object, a privilege, an option, a dependency, a comment or a row
that the adoption changes without a reason in allowed.json, a check that leaves a trace, and an old
schema that can't be dropped without CASCADE after what hangs on it was settled.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import catalog
import roles
from server import Checks, psql, query

checks = Checks()

LEFTOVERS = [
    "function pgml_1_0.norm_max(real[])|schema pgml_1_0",
    "index public.houses_largest|function pgml_1_0.norm_max(real[])",
    "table pgml_1_0.files_without_model|schema pgml_1_0",
    "view public.largest|function pgml_1_0.norm_max(real[])",
]

# What users see and may do; each must be as it was.
ANSWERS = (
    "SELECT name FROM pgml.projects ORDER BY name",
    "SELECT count(*) FROM pgml.models",
    "SELECT data FROM pgml.files",
    "SELECT note FROM pgml.mine",
    "SELECT id FROM pgml.deployed_models",
    "SELECT count(*) FROM public.scores",
    "UPDATE pgml.models SET team = 'new' WHERE id = 7",
    "SELECT pgml.norm_l2('{3,4}')",
)


def make():
    """Write the database as this server's release can have it."""
    version = int(query("SHOW server_version_num")[0]) // 10000
    for name, since in (("original", 0), ("life", 0), ("life-14", 14), ("life-15", 15)):
        if version >= since:
            done = psql("-f", str(HERE / f"{name}.sql"))
            if done.returncode:
                sys.exit(f"the database can't be made: {done.stderr}")


def check_only(script, before):
    """A check reports the same and leaves nothing."""
    done = psql("-v", "check=1", "-f", script)
    checks.check("the check", done.returncode == 0, done.stderr)
    checks.check("the check says so", "nothing has changed" in done.stdout, done.stdout)
    checks.check("the check reports", "function pgml_1_0.norm_max" in done.stdout, done.stdout)
    changed = [
        one
        for one in catalog.differences(before, catalog.State())
        if "pg_temp" not in one[0] and "pg_toast_temp" not in one[0]
    ]
    checks.equal("the check leaves no trace", [], [str(one) for one in changed])


def verify_rows():
    """What 1.0 meant by its rows is what the extension makes of them."""
    newest = query("SELECT id FROM pgml.deployed_models")
    checks.equal("the newest deployment by its time counts", ["8"], newest)
    checks.equal("a row for each deployment", ["2"], query("SELECT count(*) FROM pgml.overview"))
    checks.equal("a status stays", ["new"], query("SELECT status FROM pgml.models WHERE id = 8"))
    told = query("SELECT result FROM pgml_1_0.adoption ORDER BY model_id")
    checks.equal(
        "the verdicts",
        ["cannot be loaded", "was never trained", "is no model of this product"],
        told,
    )
    checks.equal(
        "the file of no model",
        ["1|777"],
        query("SELECT id, model_id FROM pgml_1_0.files_without_model"),
    )
    stored = query(
        "SELECT count(*) FROM public.houses WHERE length IS DISTINCT FROM pgml.norm_l2(sizes)"
    )
    checks.equal("a stored column is what the function gives", ["0"], stored)
    by_index = (
        "SET enable_seqscan = off; SELECT count(*) FROM public.houses "
        "WHERE pgml.norm_l2(sizes) > 40 AND pgml.norm_l1(sizes) > 1"
    )
    checks.equal(
        "the index finds what a scan finds",
        query(by_index.replace("= off", "= on")),
        query(by_index),
    )


def drop_old_schema():
    """Postgres says what hangs on the schema; settled as the list advises, it goes."""
    found = query("SELECT object, hangs_on FROM pgml.adoption_leftovers()")
    checks.equal("leftovers", LEFTOVERS, found)
    refused = psql("-c", "DROP SCHEMA pgml_1_0")
    checks.check("the old schema is not dropped", refused.returncode != 0, refused.stdout)
    for name in ("function pgml_1_0.norm_max", "table pgml_1_0.files_without_model"):
        checks.check(f"Postgres names {name}", name in refused.stderr, refused.stderr)
    for name in ("pgml_1_0.adoption ", "pgml_1_0.adopted_objects", "pgml_1_0.adopted_rows"):
        checks.check(f"Postgres does not name {name}", name not in refused.stderr, refused.stderr)
    before = catalog.State()
    query(
        "DROP VIEW public.largest",
        "CREATE VIEW public.largest AS "
        "SELECT id, pgml.norm_max(sizes) AS largest FROM public.houses",
        "DROP INDEX public.houses_largest",
        "CREATE INDEX houses_largest ON public.houses (pgml.norm_max(sizes))",
        "DROP FUNCTION pgml_1_0.norm_max(real[])",
        "ALTER TABLE pgml_1_0.files_without_model SET SCHEMA public",
    )
    checks.equal("nothing is left over", [], query("SELECT * FROM pgml.adoption_leftovers()"))
    dropped = psql("-c", "DROP SCHEMA pgml_1_0")
    checks.check("the old schema is dropped", dropped.returncode == 0, dropped.stderr)
    after = catalog.State()
    gone = [
        place
        for place in before.rows
        if place[0]
        in ("pg_class", "rows", "pg_constraint", "pg_trigger", "pg_policy", "pg_attrdef")
        and place not in after.rows
    ]
    names = [before.label(*place) for place in gone]
    foreign = [
        name
        for name in names
        if "pgml_1_0" not in name and "pg_toast" not in name and "largest" not in name
    ]
    checks.equal("nothing of a user's is gone", [], foreign)


def main():
    """Make, check, adopt, compare, drop."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.strip())
    share = query("SELECT setting FROM pg_config WHERE name = 'SHAREDIR'")[0]
    script = sys.argv[2] if len(sys.argv) == 3 else f"{share}/extension/pgml-adopt-1.0.sql"
    make()
    allowed = roles.answers(ANSWERS)
    before = catalog.State()
    check_only(script, before)
    done = psql("-f", script)
    checks.check("the adoption", done.returncode == 0, done.stderr)
    if done.returncode:
        return checks.finish()
    catalog.compare(checks, "adopted", before, catalog.State(), "allowed.json")
    for place, answer in roles.answers(ANSWERS).items():
        checks.equal(f"{place[0]}: {place[1]}", allowed[place], answer)
    verify_rows()
    drop_old_schema()
    return checks.finish()


if __name__ == "__main__":
    code = main()
    roles.forget()
    sys.exit(code)
