#!/usr/bin/env python3
"""Adopts a database of PostgresML 1.0 with a life around its tables; compares its catalogs.

Usage: adoption/life.py SITE_PACKAGES [SCRIPT]

SCRIPT is pgml-adopt-1.0.sql, else the installed one. Connects by the PG* variables to an empty
database as a superuser. Catches an object, a privilege, an option, a dependency, a comment or a row
that the adoption changes without a reason in allowed.json, a check that leaves a trace, and an old
schema that can't be dropped without CASCADE after what hangs on it was settled. Then updates it:
catches an object that stops the update without being named, or whose statement does not help.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import catalog
import roles
from restored_twice import run
from server import Checks, psql, query

checks = Checks()

LEFTOVERS = [
    "function pgml_1_0.norm_max(real[])|schema pgml_1_0",
    "index public.houses_largest|function pgml_1_0.norm_max(real[])",
    "table pgml_1_0.files_without_model|schema pgml_1_0",
    "view public.largest|function pgml_1_0.norm_max(real[])",
]

# What uses what the update changes, by the server's major release that has it.
IN_THE_WAY = {
    0: [
        "column every of table public.splits",
        "column m of table public.copy_of_rows",
        "column p of table public.copy_of_rows",
        "column s of table public.splits",
        "constraint known on table pgml.deployments",
        "default value for column said of table public.splits",
        "default value for column shout of table pgml.deployments",
        "function public.name_of(pgml.overview)",
        "index pgml.upper_task",
        "materialized view public.tasks",
        "policy drawn on table pgml.snapshots",
        "rule told on table public.splits",
        "trigger note_task on table pgml.projects",
        "view public.counted",
        "view public.newest",
    ],
    14: ["function public.trained()"],
    15: ["publication of table pgml.projects in publication pgml_test_task"],
}

RESTORED = "pgml_test_restored"

# What is on the extension's tables, views and functions, whatever a dump has of it. The keys
# between the tables and the indexes on them are the extension's own in a new database.
SURROUNDINGS = r"""
WITH tables AS (
    SELECT c.* FROM pg_class AS c WHERE relnamespace = 'pgml'::regnamespace
    AND relname IN ('projects', 'snapshots', 'models', 'deployments', 'files',
        'overview', 'trained_models', 'deployed_models')
)
SELECT concat_ws(' ', 'table', relname, reloptions, relreplident, relrowsecurity,
    relforcerowsecurity, relowner::regrole,
    ARRAY(SELECT unnest(coalesce(relacl, acldefault('r', relowner)))::text ORDER BY 1),
    obj_description(oid, 'pg_class')) FROM tables
UNION ALL SELECT concat_ws(' ', 'column', relname, attname, format_type(atttypid, atttypmod),
    attnotnull, pg_get_expr(adbin, adrelid), nullif(attstattarget, -1),
    ARRAY(SELECT unnest(attacl)::text ORDER BY 1), col_description(attrelid, attnum))
FROM tables AS t JOIN pg_attribute AS a ON attrelid = t.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL SELECT concat_ws(' ', 'constraint', relname, conname, pg_get_constraintdef(c.oid))
FROM tables AS t JOIN pg_constraint AS c ON conrelid = t.oid
WHERE confrelid NOT IN (SELECT oid FROM tables)
UNION ALL SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid))
FROM tables AS t JOIN pg_index ON indrelid = t.oid
WHERE pg_get_indexdef(indexrelid) !~ '\(((project|snapshot|model)_id)(, created_at)?\)'
UNION ALL SELECT concat_ws(' ', 'trigger', tgenabled, pg_get_triggerdef(g.oid))
FROM tables AS t JOIN pg_trigger AS g ON tgrelid = t.oid AND NOT tgisinternal
UNION ALL SELECT concat_ws(' ', 'rule', pg_get_ruledef(r.oid))
FROM tables AS t JOIN pg_rewrite AS r ON ev_class = t.oid AND rulename <> '_RETURN'
UNION ALL SELECT concat_ws(' ', 'policy', to_jsonb(p)) FROM pg_policies AS p
UNION ALL SELECT concat_ws(' ', 'publication', to_jsonb(p)) FROM pg_publication_tables AS p
UNION ALL SELECT concat_ws(' ', 'sequence', seqrelid::regclass, seqincrement) FROM pg_sequence
UNION ALL SELECT concat_ws(' ', 'function', oid::regprocedure, prosecdef, proconfig,
    proowner::regrole,
    ARRAY(SELECT unnest(coalesce(proacl, acldefault('f', proowner)))::text ORDER BY 1))
FROM pg_proc WHERE pronamespace = 'pgml'::regnamespace
-- A right of everybody that a new extension does not give: a dump has rights, and no lack of them.
AND proname <> 'auto_updated_at'
ORDER BY 1
"""

ROWS = (
    *(f"SELECT t FROM pgml.{name} AS t ORDER BY id" for name in ("projects", "models", "files")),
    "SELECT t FROM public.scores AS t ORDER BY id",
    "SELECT t FROM public.copy_of_rows AS t",
    "SELECT t FROM public.audit AS t ORDER BY id",
    "SELECT last_value FROM pgml.projects_id_seq",
)

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


def restored():
    """The page's way brings back what a dump has, and what is on the extension's own tables."""
    told = "SELECT definition || ';' FROM pgml_1_0.adopted_objects WHERE what LIKE '%{}'"
    before, after = (
        psql("-c", told.format(f"{when} the restore")).stdout for when in ("before", "after")
    )
    source = query("SELECT current_database()")[0]
    run("dropdb", "--if-exists", RESTORED)
    run("createdb", RESTORED)
    with tempfile.TemporaryDirectory() as directory:
        archive = os.path.join(directory, "dump")
        into = ("-d", RESTORED)
        for what, done in (
            ("the dump", run("pg_dump", "--format=custom", f"--file={archive}", source)),
            ("an extension", psql(*into, "-c", "CREATE EXTENSION pgml VERSION '1.0'")),
            ("what the rows need", psql(*into, script=before)),
            ("the restore", run("pg_restore", "--exit-on-error", *into, archive)),
            ("what needs the rows", psql(*into, script=after)),
        ):
            checks.check(f"restored: {what}", done.returncode == 0, done.stderr)
    for what, statements in (("surroundings", (SURROUNDINGS,)), ("rows", ROWS)):
        script = ";\n".join(statements) + ";\n"
        there, here = (psql("-d", name, script=script) for name in (source, RESTORED))
        checks.check(f"{what} can be read", not here.returncode, here.stderr)
        lost = sorted(set(there.stdout.splitlines()) ^ set(here.stdout.splitlines()))
        checks.equal(f"restored {what}", [], lost)
    run("dropdb", RESTORED)


def update():
    """The update names what is in its way, each with a statement; these are all that it takes."""
    made = psql("-f", str(HERE / "in-the-way.sql"))
    checks.check("objects in the way", made.returncode == 0, made.stderr)
    before = catalog.State()
    refused = psql("-c", "ALTER EXTENSION pgml UPDATE")
    told = re.findall(r"^(?:DETAIL:  )?(\S[^:]*): ([A-Z].*;)$", refused.stderr, re.MULTILINE)
    version = int(query("SHOW server_version_num")[0]) // 10000
    wanted = [name for since, names in IN_THE_WAY.items() if version >= since for name in names]
    checks.equal("in the update's way", sorted(wanted), sorted(name for name, _ in told))
    for name in wanted:
        checks.check(f"the message names {name}", f"{name} (" in refused.stderr, refused.stderr)
    changed = [
        one for one in catalog.differences(before, catalog.State()) if "pg_temp" not in one[0]
    ]
    checks.equal("the refusal leaves no trace", [], [str(one) for one in changed])
    rows = "SELECT {0}, {1} FROM public.copy_of_rows"
    kept = query(rows.format("(m).id", "(p).name"))
    helped = psql(script="\n".join(statement for _, statement in told))
    checks.check("the statements", helped.returncode == 0, helped.stderr)
    updated = psql("-c", "ALTER EXTENSION pgml UPDATE")
    checks.check("the update", updated.returncode == 0, updated.stderr)
    checks.equal("rows of rows", kept, query(rows.format("m->>'id'", "p->>'name'")))
    projects = query("SELECT id, name, task FROM pgml.projects ORDER BY id")
    checks.equal("projects", ["3|prices|regression", "4|translated|transformer"], projects)


def main():
    """Make, check, adopt, compare, drop, update."""
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
    restored()
    drop_old_schema()
    update()
    return checks.finish()


if __name__ == "__main__":
    code = main()
    roles.forget()
    sys.exit(code)
