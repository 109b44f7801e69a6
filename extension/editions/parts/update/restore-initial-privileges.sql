    DELETE FROM pg_init_privs AS i USING pg_temp.pgml_members AS m WHERE (i.classoid, i.objoid) = (m.classid, m.objid);
    INSERT INTO pg_init_privs SELECT i.* FROM pg_temp.pgml_init_privs AS i
    WHERE EXISTS (SELECT FROM pg_depend AS d WHERE (d.classid, d.objid) = (i.classoid, i.objoid) AND d.deptype = 'e');
    -- Those of new objects are the owner's alone; of the schema, PUBLIC's, too.
    DELETE FROM pg_init_privs AS i USING pg_proc AS p, pg_depend AS d
    WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid AND p.proname <> ALL (closed)
    AND (d.classid, d.objid) = (i.classoid, i.objoid) AND d.deptype = 'e'
    AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgml')
    AND NOT EXISTS (SELECT FROM pg_temp.pgml_members AS m WHERE (m.classid, m.objid) = (i.classoid, i.objoid));
    UPDATE pg_init_privs AS i SET initprivs = (
        SELECT coalesce(array_agg(item), '{}') FROM unnest(i.initprivs) AS item, aclexplode(ARRAY[item]) AS a
        WHERE a.grantee = a.grantor OR (a.grantee = 0 AND i.classoid = 'pg_namespace'::regclass)
    )
    FROM pg_depend AS d
    WHERE (d.classid, d.objid) = (i.classoid, i.objoid) AND d.deptype = 'e'
    AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgml')
    AND NOT EXISTS (SELECT FROM pg_temp.pgml_members AS m WHERE (m.classid, m.objid) = (i.classoid, i.objoid));
    DELETE FROM pg_shdepend AS s
    WHERE s.deptype = 'i' AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND NOT EXISTS (
        SELECT FROM pg_init_privs AS i, aclexplode(i.initprivs) AS a
        WHERE (i.classoid, i.objoid) = (s.classid, s.objid) AND s.refobjid IN (a.grantee, a.grantor)
    );
END
$$;
