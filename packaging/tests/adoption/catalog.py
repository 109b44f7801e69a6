"""A database as its catalogs say it is, and what differs between two times.

Every row of every catalog is read, whatever it describes, so that the comparison names what has
changed and not what somebody thought of. A list of what may change says why.
"""

import json
import re
from pathlib import Path

from server import psql, values

HERE = Path(__file__).resolve().parent

# Where the rows are and how many there were: not what they say. Statistics are no property.
VOLATILE = {
    "pg_class": {"relfilenode", "relpages", "reltuples", "relallvisible", "relallfrozen"}
    | {"relfrozenxid", "relminmxid", "relhasrules", "relhastriggers", "relhasindex"},
    "pg_index": {"indcheckxmin"},
}
LEFT_OUT = {"pg_statistic", "pg_statistic_ext_data", "pg_largeobject"}
FIRST_OF_USERS = 16384

CATALOGS = """
SELECT DISTINCT ON (c.oid) jsonb_build_array(c.relname, (
    SELECT jsonb_agg(a.attname ORDER BY k.place)
    FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(num, place)
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.num))
FROM pg_class AS c JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisunique
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND NOT c.relisshared
ORDER BY c.oid, i.indnatts, i.indexrelid
"""

RELATIONS = """
SELECT to_jsonb(c.oid::regclass::text)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p', 'm', 'v', 'S')
AND nspname NOT IN ('pg_catalog', 'information_schema', 'pgml_1_0', 'pgml_private')
AND nspname NOT LIKE 'pg\\_%' ORDER BY 1
"""

# What an oid stands for. Dependencies have none of their own.
NAMES = """
SELECT jsonb_build_array(objid, pg_describe_object(classid, objid, 0)) FROM (
    SELECT DISTINCT classid, objid FROM pg_depend WHERE objid >= {first}
    UNION SELECT DISTINCT refclassid, refobjid FROM pg_depend WHERE refobjid >= {first}
) AS d WHERE pg_describe_object(classid, objid, 0) IS NOT NULL
"""


class State:
    """What a database is at one time."""

    def __init__(self):
        """Read the catalogs, and the rows of every relation."""
        self.rows = {}
        self.names = {}
        self.keys = dict(values(CATALOGS))
        self.read_names()
        for catalog in sorted(set(self.keys) - LEFT_OUT):
            self.read(catalog)
        self.read_dependencies()
        for name in values(RELATIONS):
            self.read_content(name)

    def read_names(self):
        """Learn what each oid stands for."""
        for oid, name in values(NAMES.format(first=FIRST_OF_USERS)):
            self.names.setdefault(str(oid), name)

    def read(self, catalog):
        """Take each row of a catalog under its key."""
        # Node trees have places in a query's text in them; their text without is read elsewhere.
        for row in values(f"SELECT to_jsonb(c) FROM pg_catalog.{catalog} AS c"):
            key = tuple(str(row[column]) for column in self.keys[catalog])
            numbers = [int(value) for value in key if value.isdigit()]
            if (numbers and max(numbers) < FIRST_OF_USERS) or row.get("attnum", 1) < 0:
                continue
            for column in VOLATILE.get(catalog, ()):
                row.pop(column, None)
            for column, value in row.items():
                if isinstance(value, str):
                    row[column] = re.sub(r":(stmt_)?(location|len) -?\d+", "", value)
            self.rows[catalog, key] = row

    def read_dependencies(self):
        """Take what hangs on what, and on which roles. These have no key."""
        of_objects = "SELECT to_jsonb(d) FROM pg_depend AS d WHERE objid >= {0} OR refobjid >= {0}"
        of_roles = (
            "SELECT to_jsonb(d) FROM pg_shdepend AS d "
            "WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        for catalog, rows in (("pg_depend", of_objects), ("pg_shdepend", of_roles)):
            for row in values(rows.format(FIRST_OF_USERS)):
                place = [
                    row[name]
                    for name in ("objid", "objsubid", "refobjid", "refobjsubid", "deptype")
                    if name in row
                ]
                self.rows[catalog, tuple(map(str, place))] = {}

    def read_content(self, name):
        """Take a digest of a relation's rows, as a superuser sees them."""
        digest = (
            "SELECT jsonb_build_array(count(*), md5(string_agg(t::text, '|' ORDER BY t::text))) "
            f"FROM (SELECT ROW(t.*) AS t FROM {name} AS t) AS r"
        )
        done = psql("-c", digest)
        # One that nobody may read says so before and afterwards.
        self.rows["rows", (name,)] = {"rows": done.stdout.strip() or done.stderr.strip()}

    def label(self, catalog, key):
        """Name a row for a reader."""
        return catalog + " " + ", ".join(self.names.get(part, part) for part in key)


def differences(before, after):
    """Return `(object, column, was, is)` for whatever is not as it was."""
    found = []
    for place in sorted(set(before.rows) | set(after.rows)):
        was, now = before.rows.get(place), after.rows.get(place)
        state = before if was is not None else after
        if was is None or now is None:
            found.append((state.label(*place), "added" if was is None else "removed", was, now))
            continue
        for column in sorted(set(was) | set(now)):
            if was.get(column) != now.get(column):
                label = state.label(*place)
                found.append((label, column, was.get(column), now.get(column)))
    return found


def compare(checks, what, before, after, reasons):
    """Name each difference without a reason, and each reason without a difference."""
    left, unused = unexplained(differences(before, after), reasons)
    checks.check(f"{what}: something was read", len(before.rows) > 500, len(before.rows))
    for difference in left:
        checks.check(
            f"{what}: {difference[0]} {difference[1]}", False, f"{difference[2]} -> {difference[3]}"
        )
    for entry in unused:
        needed = f"{what}: {entry['object']} is needed"
        checks.check(needed, entry.get("sometimes"), entry["why"])


def unexplained(found, reasons):
    """Return the differences that no entry of a list explains, and entries that explain none."""
    allowed = json.loads((HERE / reasons).read_text(encoding="utf-8"))
    used = set()
    left = []
    for difference in found:
        for number, entry in enumerate(allowed):
            if re.fullmatch(entry["object"], difference[0], re.S) and re.fullmatch(
                entry["column"], difference[1]
            ):
                used.add(number)
                break
        else:
            left.append(difference)
    return left, [entry for number, entry in enumerate(allowed) if number not in used]
