#!/usr/bin/env python3
"""Adopts databases as PostgresML 2.0 to 2.9 left them; compares them with a new extension.

Usage: adoption/releases_2.py SITE_PACKAGES [SCRIPT]

SCRIPT is pgml-adopt-2.sql, else the installed one. The databases are made here, from edition
2.10.0 with postgresml-2.10/objects.sql over it, by undoing what each release brought. Connects by
the PG* variables as a superuser; makes and drops databases of its own.

Catches a row that is lost, an adoption that ends elsewhere than a new extension begins, a check
that leaves a trace, and a database that can't be adopted and is not told why.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from restored_twice import run
from server import Checks, psql

checks = Checks()

DATABASE = "pgml_test_release_2"

ROWS = """
INSERT INTO pgml.projects (id, name, task)
VALUES (1, 'prices', 'regression'), (2, 'groups', '{cluster}');
INSERT INTO pgml.snapshots (id, relation_name, y_column_name, test_size, test_sampling, status)
VALUES (5, 'public.houses', '{{price}}', 0.25, 'random', 'successful'),
    (6, 'public.houses', '{{price}}', 0.25, 'last', 'successful');
CREATE TABLE pgml.snapshot_5 AS SELECT 1 AS x;
INSERT INTO pgml.models (id, project_id, snapshot_id, num_features, algorithm, runtime, hyperparams,
    status, metrics, search_params, search_args)
VALUES (7, 1, 5, 1, 'linear', 'python', '{{}}', 'successful', NULL, '{{}}', '{{}}'),
    (8, 2, 6, 1, 'kmeans', 'python', '{{}}', 'failed', NULL, '{{}}', '{{}}');
INSERT INTO pgml.deployments (id, project_id, model_id, strategy) VALUES (1, 1, 7, 'new_score');
INSERT INTO pgml.files (id, model_id, path, part, data) VALUES (3, 7, 'estimator.rmp', 0, '\\x80');
"""

# Without 2.8.2's and 2.8.4's values, and with 2.7's name of one.
OLD_VALUES = """
ALTER TABLE pgml.projects ALTER COLUMN task TYPE text;
ALTER TABLE pgml.snapshots ALTER COLUMN test_sampling TYPE text;
ALTER TABLE pgml.deployments ALTER COLUMN strategy TYPE text;
ALTER EXTENSION pgml DROP TYPE pgml.task; DROP TYPE pgml.task;
ALTER EXTENSION pgml DROP TYPE pgml.sampling; DROP TYPE pgml.sampling;
ALTER EXTENSION pgml DROP TYPE pgml.strategy; DROP TYPE pgml.strategy;
CREATE TYPE pgml.task AS ENUM ('regression', 'classification', 'cluster');
CREATE TYPE pgml.sampling AS ENUM ('random', 'last');
CREATE TYPE pgml.strategy AS ENUM ('new_score', 'best_score', 'most_recent', 'rollback');
ALTER EXTENSION pgml ADD TYPE pgml.task;
ALTER EXTENSION pgml ADD TYPE pgml.sampling;
ALTER EXTENSION pgml ADD TYPE pgml.strategy;
ALTER TABLE pgml.projects ALTER COLUMN task TYPE pgml.task USING task::pgml.task;
ALTER TABLE pgml.snapshots ALTER COLUMN test_sampling TYPE pgml.sampling
    USING test_sampling::pgml.sampling;
ALTER TABLE pgml.deployments ALTER COLUMN strategy TYPE pgml.strategy
    USING strategy::pgml.strategy;
"""

VIEWS = """
ALTER EXTENSION pgml DROP VIEW pgml.overview; DROP VIEW pgml.overview;
ALTER EXTENSION pgml DROP VIEW pgml.trained_models; DROP VIEW pgml.trained_models;
ALTER EXTENSION pgml DROP VIEW pgml.deployed_models; DROP VIEW pgml.deployed_models;
"""
# As the library alone had them at first; later ones have the column runtime.
VIEWS_OF = """
CREATE VIEW pgml.overview AS SELECT p.name, d.created_at AS deployed_at, p.task, m.algorithm,
    {runtime}s.relation_name, s.y_column_name, s.test_sampling, s.test_size
FROM pgml.projects AS p JOIN pgml.models AS m ON p.id = m.project_id
JOIN pgml.deployments AS d ON d.model_id = m.id JOIN pgml.snapshots AS s ON s.id = m.snapshot_id;
CREATE VIEW pgml.trained_models AS SELECT m.id, p.name, p.task, m.algorithm, {runtime}m.created_at,
    s.test_sampling, s.test_size, true AS deployed
FROM pgml.projects AS p JOIN pgml.models AS m ON p.id = m.project_id
JOIN pgml.snapshots AS s ON s.id = m.snapshot_id;
CREATE VIEW pgml.deployed_models AS SELECT m.id, p.name, p.task, m.algorithm, {runtime}
    d.created_at AS deployed_at
FROM pgml.projects AS p JOIN pgml.deployments AS d ON d.project_id = p.id
JOIN pgml.models AS m ON m.id = d.model_id;
ALTER EXTENSION pgml ADD VIEW pgml.overview;
ALTER EXTENSION pgml ADD VIEW pgml.trained_models;
ALTER EXTENSION pgml ADD VIEW pgml.deployed_models;
GRANT SELECT ON pgml.overview TO pg_monitor WITH GRANT OPTION;
"""

# 2.1 added the column; 2.7 and a release after 2.7 let the other two be NULL.
FIRST_TABLES = """
ALTER TABLE pgml.snapshots DROP COLUMN materialized;
ALTER TABLE pgml.snapshots ALTER COLUMN y_column_name SET NOT NULL;
ALTER TABLE pgml.models ALTER COLUMN snapshot_id SET NOT NULL;
ALTER TABLE pgml.models DROP CONSTRAINT models_project_id_fkey,
    DROP CONSTRAINT models_snapshot_id_fkey,
    ADD CONSTRAINT project_id_fk FOREIGN KEY (project_id) REFERENCES pgml.projects (id),
    ADD CONSTRAINT snapshot_id_fk FOREIGN KEY (snapshot_id) REFERENCES pgml.snapshots (id);
ALTER TABLE pgml.files DROP CONSTRAINT files_model_id_fkey;
"""

# A table that 2.8.3 brought, and no training of ours writes to.
LOGS = """
CREATE TABLE pgml.logs (id serial PRIMARY KEY, model_id bigint, project_id bigint, logs jsonb);
ALTER EXTENSION pgml ADD TABLE pgml.logs;
INSERT INTO pgml.logs (model_id, logs) VALUES (7, '{"epoch": 1}');
"""

# What each kind of release has otherwise than 2.10: SQL that undoes it, and what the check tells.
RELEASES = {
    "2.0.2": (
        VIEWS + OLD_VALUES + VIEWS_OF.format(runtime="") + FIRST_TABLES,
        [
            "column materialized of table pgml.snapshots was added",
            "column model_id of table pgml.files has 2.10's foreign key",
            "column project_id of table pgml.models has 2.10's foreign key",
            "column snapshot_id of table pgml.models has 2.10's foreign key",
            "column snapshot_id of table pgml.models may be NULL",
            "column y_column_name of table pgml.snapshots may be NULL",
            "type pgml.sampling has the value stratified",
            "type pgml.strategy has the value specific",
            "type pgml.task has the value decomposition",
            "value cluster of type pgml.task is called clustering",
            "view pgml.deployed_models has the column runtime",
            "view pgml.overview has the column runtime",
            "view pgml.trained_models has the column runtime",
        ],
    ),
    "2.7.4": (
        VIEWS + OLD_VALUES + VIEWS_OF.format(runtime="m.runtime, "),
        [
            "type pgml.sampling has the value stratified",
            "type pgml.strategy has the value specific",
            "type pgml.task has the value decomposition",
            "value cluster of type pgml.task is called clustering",
        ],
    ),
    "2.9.3": (LOGS, []),
}

KEPT = (
    "SELECT jsonb_build_array(id, name, created_at, updated_at) FROM pgml.projects ORDER BY id",
    "SELECT to_jsonb(s) - '{materialized,analysis,updated_at}'::text[] FROM pgml.snapshots AS s "
    "ORDER BY id",
    "SELECT to_jsonb(m) FROM pgml.models AS m ORDER BY id",
    "SELECT to_jsonb(d) FROM pgml.deployments AS d ORDER BY id",
    "SELECT id, model_id, path, part, substr(data, 1, 1) FROM pgml.files ORDER BY id",
    "SELECT has_table_privilege('pg_monitor', 'pgml.overview', 'SELECT WITH GRANT OPTION')",
)


def there(*arguments, script=None):
    """Run psql in the database of a release."""
    return psql("-d", DATABASE, *arguments, script=script)


def lines(*statements):
    """Run SQL that must succeed, and return its lines."""
    done = there(script=";\n".join(statements) + ";\n")
    if done.returncode:
        sys.exit(f"psql failed on: {statements}\n{done.stderr}")
    return [line for line in done.stdout.splitlines() if line]


def surface():
    """Return what the database has of the extension; an enum's older values have another order."""
    script = f"\\i {HERE.parent}/surface.psql\nSELECT * FROM pg_temp.surface();\n"
    found = there(script=script).stdout.splitlines()
    return sorted(line for line in found if line and "type pgml.algorithm" not in line)


def new_database():
    """Make the database empty."""
    run("dropdb", "--if-exists", DATABASE)
    made = run("createdb", DATABASE)
    if made.returncode:
        sys.exit(made.stderr)


def make(version):
    """Make the database of a release."""
    undo, _ = RELEASES[version]
    new_database()
    lines("CREATE EXTENSION pgml VERSION '2.10.0'")
    objects = there("-f", str(HERE.parent / "postgresml-2.10" / "objects.sql"))
    if objects.returncode:
        sys.exit(f"the database can't be made: {objects.stderr}")
    old = "cluster" if OLD_VALUES in undo else "clustering"
    lines(undo, "GRANT SELECT ON pgml.overview TO pg_monitor WITH GRANT OPTION")
    lines(ROWS.format(cluster=old))
    lines(f"UPDATE pg_extension SET extversion = '{version}' WHERE extname = 'pgml'")


def adopted(version, script, fresh):
    """Adopt one release; nothing is lost, and everything is as in a new database."""
    _, changes = RELEASES[version]
    make(version)
    told = there("-c", "ALTER EXTENSION pgml UPDATE").stderr
    checks.check(f"{version}: Postgres knows no path", "no update path" in told, told)
    before, shape = lines(*KEPT), surface()
    checked = there("-v", "check=1", "-f", script)
    checks.check(f"{version}: the check", checked.returncode == 0, checked.stderr)
    found = [line for line in checked.stdout.splitlines()[1:-1] if line]
    checks.equal(f"{version}: what is changed", changes, found)
    checks.equal(f"{version}: the check leaves no trace", shape, surface())
    done = there("-f", script)
    checks.check(f"{version}: the adoption", done.returncode == 0, done.stderr)
    checks.equal(f"{version}: rows and rights", before, lines(*KEPT))
    lines("REVOKE ALL ON pgml.overview FROM pg_monitor")
    if RELEASES[version][0] == LOGS:
        checks.equal(f"{version}: logs", ["7"], lines("SELECT model_id FROM pgml.logs"))
        lines("ALTER EXTENSION pgml DROP TABLE pgml.logs", "DROP TABLE pgml.logs")
    now = surface()
    checks.equal(f"{version}: only in a new extension", [], sorted(set(fresh) - set(now)))
    checks.equal(f"{version}: only in the adopted one", [], sorted(set(now) - set(fresh)))
    copies = lines("SELECT id, materialized FROM pgml.snapshots ORDER BY id")
    checks.equal(f"{version}: copies", ["5|t", "6|f"] if version == "2.0.2" else copies, copies)
    task = lines("SELECT task FROM pgml.projects WHERE name = 'groups'")
    checks.equal(f"{version}: a task's new name", ["clustering"], task)


def refused(script):
    """Each refusal says what is wrong, and changes nothing."""
    make("2.0.2")
    broken = (
        ("a view on a view", "CREATE VIEW public.mine AS SELECT name FROM pgml.overview",
         "DROP VIEW public.mine", "objects use it: view public.mine"),
        ("a file of no model", "UPDATE pgml.files SET model_id = 77",
         "UPDATE pgml.files SET model_id = 7", "DELETE FROM pgml.files WHERE id IN (3);"),
        ("a table without a column", "ALTER TABLE pgml.models RENAME num_features TO features",
         "ALTER TABLE pgml.models RENAME features TO num_features",
         "they have no pgml.models.num_features integer"),
        ("another release", "UPDATE pg_extension SET extversion = '2.10.0' WHERE extname = 'pgml'",
         "UPDATE pg_extension SET extversion = '2.0.2' WHERE extname = 'pgml'",
         "this database has pgml 2.10.0"),
    )  # fmt: skip
    for what, breaks, mends, words in broken:
        lines(breaks)
        before = surface()
        done = there("-f", script)
        checks.check(f"refuses {what}", done.returncode and words in done.stderr, done.stderr)
        checks.check(f"hints at {what}", "HINT" in done.stderr, done.stderr)
        checks.equal(f"leaves everything: {what}", before, surface())
        lines(mends)
    done = there("-c", "SET ROLE pg_monitor", "-f", script)
    checks.check("refuses no superuser", "takes a superuser" in done.stderr, done.stderr)
    new_database()
    done = there("-f", script)
    checks.check("refuses no extension", "pgml-adopt-1.0.sql" in done.stderr, done.stderr)


def main():
    """Adopt each release, and see what can't be adopted refused."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.strip())
    share = psql("-c", "SELECT setting FROM pg_config WHERE name = 'SHAREDIR'").stdout.strip()
    script = sys.argv[2] if len(sys.argv) == 3 else f"{share}/extension/pgml-adopt-2.sql"
    new_database()
    lines("CREATE EXTENSION pgml")
    fresh = surface()
    for version in RELEASES:
        adopted(version, script, fresh)
    refused(script)
    run("dropdb", DATABASE)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
