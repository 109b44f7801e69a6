---------------------------------------------------------------------------------------------------
-- What the adoption of a PostgresML 1.0 database left behind
---------------------------------------------------------------------------------------------------

-- Three kinds of rows: objects of users in schema pgml_1_0, with what they depend on; objects elsewhere that hang on something
-- in it; and what users have put on the extension's tables, which pg_dump leaves out as a part of the extension.
CREATE FUNCTION pgml.adoption_leftovers(OUT object text, OUT hangs_on text, OUT advice text) RETURNS SETOF record
    STABLE LANGUAGE sql
AS $$
    WITH contained AS (
        SELECT classid, objid FROM pg_catalog.pg_depend
        WHERE refclassid = 'pg_catalog.pg_namespace'::regclass AND deptype = 'n'
        AND refobjid = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'pgml_1_0')
    ), dependents AS (
        SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, r.ev_class
        FROM contained AS c
        JOIN pg_catalog.pg_depend AS d ON d.refclassid = c.classid AND d.refobjid = c.objid AND d.deptype IN ('n', 'a')
        LEFT JOIN pg_catalog.pg_rewrite AS r ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
    ), members AS (
        SELECT c.oid, c.relname FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_class AS c ON c.oid = d.objid
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e' AND c.relkind = 'r'
        AND d.refobjid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'pgml')
        AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND c.relnamespace = 'pgml'::regnamespace
    )
    SELECT pg_catalog.pg_describe_object(classid, objid, 0), 'schema pgml_1_0', 'Move it with ALTER … SET SCHEMA, or drop it.'
    FROM contained
    UNION
    SELECT
        CASE WHEN ev_class IS NULL THEN pg_catalog.pg_describe_object(classid, objid, objsubid)
        ELSE pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, ev_class, 0) END,
        pg_catalog.pg_describe_object(refclassid, refobjid, 0), 'Make it use the function or view of schema pgml.'
    FROM dependents WHERE ev_class IS DISTINCT FROM refobjid AND (classid, objid) NOT IN (SELECT classid, objid FROM contained)
    AND classid <> 'pg_catalog.pg_type'::regclass
    UNION
    SELECT pg_catalog.pg_describe_object('pg_catalog.pg_proc'::regclass, p.oid, 0), 'the name pgml_1_0 in its text', 'Write pgml there.'
    FROM pg_catalog.pg_proc AS p
    WHERE p.prosrc ~ '\mpgml_1_0\M' AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend AS e
        WHERE e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
    ORDER BY 1, 2
$$ SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION pgml.adoption_leftovers() IS 'What still hangs on schema pgml_1_0 after a PostgresML 1.0 database was adopted; no row when it can be dropped';
REVOKE ALL ON FUNCTION pgml.adoption_leftovers() FROM PUBLIC;
