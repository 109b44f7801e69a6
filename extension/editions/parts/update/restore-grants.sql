---------------------------------------------------------------------------------------------------
-- What users have granted is as it was, and theirs: a dump leaves out what an extension's script grants
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    -- These are closed to PUBLIC in a new extension.
    closed CONSTANT text[] := '{@closed_functions@}';
    member record;
BEGIN
    -- Who may call a function: as it was for the functions of its name.
    FOR member IN
        SELECT p.oid::regprocedure AS function, g.grantee, g.grantee = 0 AND NOT bool_or(g.allowed) AS closed
        FROM (
            SELECT o.name, 0::oid AS grantee, EXISTS (SELECT FROM aclexplode(o.acl) AS a WHERE a.grantee = 0) AS allowed
            FROM pg_temp.pgml_granted AS o WHERE o.kind = 'f' AND o.acl IS NOT NULL
            UNION ALL
            SELECT o.name, a.grantee, true FROM pg_temp.pgml_granted AS o, aclexplode(o.acl) AS a WHERE o.kind = 'f'
        ) AS g
        JOIN pg_proc AS p ON p.proname = g.name AND p.pronamespace = 'pgml'::regnamespace
        JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        WHERE g.grantee <> p.proowner
        GROUP BY p.oid, g.grantee
        ORDER BY g.grantee
    LOOP
        EXECUTE format(
            CASE WHEN member.closed THEN 'REVOKE ALL ON ROUTINE %s FROM %s' ELSE 'GRANT EXECUTE ON ROUTINE %s TO %s' END,
            member.function, CASE member.grantee WHEN 0 THEN 'PUBLIC' ELSE member.grantee::regrole::text END
        );
    END LOOP;
    -- Whose a view is, and who may read it.
    FOR member IN
        SELECT c.oid::regclass AS view, o.owner FROM pg_temp.pgml_granted AS o
        JOIN pg_class AS c ON c.relname = o.name AND c.relnamespace = 'pgml'::regnamespace AND c.relkind = 'v'
        WHERE o.kind = 'v' AND c.relowner <> o.owner
    LOOP
        EXECUTE format('ALTER VIEW %s OWNER TO %s', member.view, member.owner::regrole);
    END LOOP;
    FOR member IN
        SELECT c.oid::regclass AS view, a.* FROM pg_temp.pgml_granted AS o
        JOIN pg_class AS c ON c.relname = o.name AND c.relnamespace = 'pgml'::regnamespace AND c.relkind = 'v',
        aclexplode(o.acl) AS a WHERE o.kind = 'v' AND a.grantee <> c.relowner
    LOOP
        EXECUTE format(
            'GRANT %s ON %s TO %s%s', member.privilege_type, member.view,
            CASE member.grantee WHEN 0 THEN 'PUBLIC' ELSE member.grantee::regrole::text END,
            CASE WHEN member.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        );
    END LOOP;
