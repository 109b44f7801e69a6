\echo Use "ALTER EXTENSION pgml UPDATE" to load this file. \quit

---------------------------------------------------------------------------------------------------
-- What users have granted
---------------------------------------------------------------------------------------------------

CREATE TEMPORARY TABLE pgml_members AS
SELECT classid, objid FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgml') AND deptype = 'e';
CREATE TEMPORARY TABLE pgml_init_privs AS
SELECT i.* FROM pg_init_privs AS i JOIN pg_temp.pgml_members AS m ON (i.classoid, i.objoid) = (m.classid, m.objid);
CREATE TEMPORARY TABLE pgml_granted AS
SELECT 'f'::"char" AS kind, proname::text AS name, proowner AS owner, proacl AS acl FROM pg_proc JOIN pg_temp.pgml_members ON objid = oid
WHERE classid = 'pg_proc'::regclass
UNION ALL
SELECT relkind, relname::text, relowner, relacl FROM pg_class JOIN pg_temp.pgml_members ON objid = oid
WHERE classid = 'pg_class'::regclass AND relkind = 'v';
