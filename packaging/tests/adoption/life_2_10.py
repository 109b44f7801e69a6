#!/usr/bin/env python3
"""Updates a database of PostgresML 2.10 with a life around its tables; compares its catalogs.

Usage: adoption/life_2_10.py SITE_PACKAGES

Connects by the PG* variables to an empty database as a superuser. Catches an object, a privilege,
an option, a dependency, a comment or a row that the update changes without a reason in
allowed-2.10.json.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import catalog
import roles
from server import Checks, psql, query

checks = Checks()

# What users see and may do; each must be as it was.
ANSWERS = (
    "SELECT name FROM pgml.projects ORDER BY name",
    "SELECT count(*) FROM pgml.models",
    "SELECT mood FROM pgml.mine",
    "SELECT id FROM pgml.deployed_models",
    "SELECT count(*) FROM public.scores",
    "UPDATE pgml.models SET team = 'new' WHERE id = 7",
    "SELECT pgml.norm_l2('{3,4}'::real[])",
)


def make():
    """Write the database as PostgresML 2.10 and its users left it."""
    query("CREATE EXTENSION pgml VERSION '2.10.0'")
    for name in ("objects", "life"):
        done = psql("-f", str(HERE.parent / "postgresml-2.10" / f"{name}.sql"))
        if done.returncode:
            sys.exit(f"the database can't be made: {done.stderr}")


def main():
    """Make, update, compare."""
    make()
    allowed = roles.answers(ANSWERS)
    before = catalog.State()
    done = psql("-c", "ALTER EXTENSION pgml UPDATE")
    checks.check("the update", done.returncode == 0, done.stderr)
    if done.returncode:
        return checks.finish()
    catalog.compare(checks, "updated", before, catalog.State(), "allowed-2.10.json")
    for place, answer in roles.answers(ANSWERS).items():
        checks.equal(f"{place[0]}: {place[1]}", allowed[place], answer)
    return checks.finish()


if __name__ == "__main__":
    code = main()
    roles.forget()
    sys.exit(code)
