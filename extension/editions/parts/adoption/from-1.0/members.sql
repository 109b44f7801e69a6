---------------------------------------------------------------------------------------------------
-- The tables become members, and dumps hold their rows
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    member record;
BEGIN
    FOR member IN SELECT t.name, t.oid, comment FROM pg_temp.pgml_adopt_tables AS t JOIN pg_temp.pgml_adopt_comments USING (name) ORDER BY place LOOP
        PERFORM pg_temp.add_to_extension('TABLE', 'pg_class', member.oid, format('pgml.%I', member.name));
        PERFORM pg_temp.add_to_extension(
            'SEQUENCE', 'pg_class', to_regclass('pgml.' || member.name || '_id_seq'), format('pgml.%I', member.name || '_id_seq')
        );
        IF obj_description(member.oid, 'pg_class') IS NULL THEN
            EXECUTE format('COMMENT ON TABLE pgml.%I IS %L', member.name, member.comment);
        END IF;
        IF member.name <> 'deployments' AND NOT EXISTS (
            SELECT FROM pg_trigger WHERE tgrelid = member.oid AND tgfoid = 'pgml.set_updated_at'::regproc
        ) THEN
            PERFORM pgml.auto_updated_at(member.oid);
        END IF;
    END LOOP;
    -- What pg_extension_config_dump writes, which only a script of an extension may call.
    UPDATE pg_extension SET
        extconfig = extconfig || t.members, extcondition = extcondition || array_fill(''::text, ARRAY[cardinality(t.members)])
    FROM (
        SELECT array_agg(to_regclass('pgml.' || name || suffix)::oid ORDER BY suffix, place) AS members
        FROM pg_temp.pgml_adopt_tables, unnest('{"",_id_seq}'::text[]) AS suffix
    ) AS t
    WHERE extname = 'pgml';
    -- The schema is as it was, and a dump has all of its privileges.
    DELETE FROM pg_init_privs AS i USING pg_temp.pgml_adopt_schema AS s WHERE classoid = 'pg_namespace'::regclass AND objoid = s.oid;
    DELETE FROM pg_shdepend AS d USING pg_temp.pgml_adopt_schema AS s
    WHERE classid = 'pg_namespace'::regclass AND objid = s.oid AND deptype = 'i'
    AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database());
    UPDATE pg_namespace AS n SET nspacl = s.acl FROM pg_temp.pgml_adopt_schema AS s WHERE n.oid = s.oid;
    SELECT * INTO member FROM pg_temp.pgml_adopt_schema;
    IF member.comment IS NOT NULL THEN
        EXECUTE format('COMMENT ON SCHEMA pgml IS %L', member.comment);
    END IF;
END
$$;

-- pg_dump saves the rows of an extension's members, and leaves out what users have put on them. What a dump's rows need is made
-- before it is restored; what needs the dump's functions, tables and rows, afterwards.
DO $$
DECLARE
    own record;
    early CONSTANT text := 'is not in a dump: make it before the restore';
    late CONSTANT text := 'is not in a dump: make it after the restore';
BEGIN
    FOR own IN
        WITH members AS (
            SELECT t.name, t.oid FROM pg_temp.pgml_adopt_tables AS t
        ), added AS (
            SELECT m.name, a.*, pg_get_expr(d.adbin, d.adrelid) AS expression
            FROM members AS m JOIN pg_attribute AS a ON attrelid = m.oid AND attnum > 0 AND NOT attisdropped
            LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
            WHERE NOT EXISTS (SELECT FROM pg_temp.pgml_adopt_shape AS s WHERE s.tbl = m.name AND s.name = attname)
        ), views AS (
            SELECT c.oid, c.relname AS name, c.relowner, c.reloptions FROM pg_temp.pgml_adopt_views AS v JOIN pg_class AS c USING (oid)
            WHERE c.relnamespace = 'pgml'::regnamespace
        ), extension AS (
            SELECT oid, extowner AS owner FROM pg_extension WHERE extname = 'pgml'
        )
        SELECT 1 AS place, format('column %I of table pgml.%I', attname, name) AS object, early AS what,
            format('ALTER TABLE pgml.%I ADD COLUMN %I %s', name, attname, format_type(atttypid, atttypmod))
            || CASE WHEN attcollation <> typcollation THEN format(' COLLATE %s', attcollation::regcollation) ELSE '' END
            || CASE WHEN attgenerated = 's' THEN format(' GENERATED ALWAYS AS (%s) STORED', expression) ELSE '' END AS definition
        FROM added JOIN pg_type AS t ON t.oid = atttypid
        UNION ALL
        SELECT 2, format('default of column %I of table pgml.%I', attname, name), late,
            format('ALTER TABLE pgml.%I ALTER COLUMN %I SET DEFAULT %s', name, attname, expression)
        FROM added WHERE expression IS NOT NULL AND attgenerated = ''
        UNION ALL
        SELECT 2, format('NOT NULL of column %I of table pgml.%I', attname, name), late,
            format('ALTER TABLE pgml.%I ALTER COLUMN %I SET NOT NULL', name, attname)
        FROM added WHERE attnotnull
        UNION ALL
        SELECT 3, format('statistics of column %I of table pgml.%I', attname, m.name), late,
            format('ALTER TABLE pgml.%I ALTER COLUMN %I SET STATISTICS %s', m.name, attname, attstattarget)
        FROM members AS m JOIN pg_attribute ON attrelid = m.oid AND attnum > 0 AND attstattarget >= 0
        UNION ALL
        SELECT 3, format('constraint %I on table pgml.%I', conname, m.name), late,
            format('ALTER TABLE pgml.%I ADD CONSTRAINT %I %s', m.name, conname, pg_get_constraintdef(c.oid))
        FROM members AS m JOIN pg_constraint AS c ON conrelid = m.oid
        WHERE contype IN ('c', 'x') OR (contype = 'f' AND confrelid NOT IN (SELECT oid FROM members))
        UNION ALL
        SELECT 4, format('index %s', indexrelid::regclass), late, pg_get_indexdef(indexrelid)
        FROM members AS m JOIN pg_index ON indrelid = m.oid
        WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
        AND pg_get_indexdef(indexrelid) !~ ' USING btree \((name|model_id, path, part|(project_id|snapshot_id|model_id)(, created_at)?)\)'
        UNION ALL
        SELECT 5, format('trigger %I on table pgml.%I', tgname, m.name), late, pg_get_triggerdef(g.oid)
        FROM members AS m JOIN pg_trigger AS g ON tgrelid = m.oid AND NOT tgisinternal WHERE tgfoid <> 'pgml.set_updated_at'::regproc
        UNION ALL
        SELECT 6, format('state of trigger %I on table pgml.%I', tgname, m.name), late, format(
            'ALTER TABLE pgml.%I %s TRIGGER %I', m.name, CASE tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, tgname
        )
        FROM members AS m JOIN pg_trigger ON tgrelid = m.oid AND NOT tgisinternal AND tgenabled <> 'O'
        UNION ALL
        SELECT 6, format('rule %I on table pgml.%I', rulename, m.name), late, pg_get_ruledef(r.oid)
        FROM members AS m JOIN pg_rewrite AS r ON ev_class = m.oid
        UNION ALL
        SELECT 7, format('policy %I on table pgml.%I', policyname, m.name), late, format(
            'DROP POLICY IF EXISTS %I ON pgml.%I; CREATE POLICY %1$I ON pgml.%2$I AS %s FOR %s TO %s', policyname, m.name, permissive, cmd,
            (SELECT string_agg(CASE r WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(r) END, ', ') FROM unnest(roles::text[]) AS r)
        ) || coalesce(' USING (' || qual || ')', '') || coalesce(' WITH CHECK (' || with_check || ')', '')
        FROM members AS m JOIN pg_policies ON (schemaname, tablename) = ('pgml', m.name)
        UNION ALL
        SELECT 7, format('row security of table pgml.%I', name), late, format(
            'ALTER TABLE pgml.%I %s', name, concat_ws(', ', CASE WHEN relrowsecurity THEN 'ENABLE ROW LEVEL SECURITY' END,
            CASE WHEN relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END)
        )
        FROM members AS m JOIN pg_class AS c ON c.oid = m.oid WHERE relrowsecurity OR relforcerowsecurity
        UNION ALL
        SELECT 7, format('options of table pgml.%I', name), late, format('ALTER TABLE pgml.%I SET (%s)', name, array_to_string(reloptions, ', '))
        FROM members AS m JOIN pg_class AS c ON c.oid = m.oid WHERE reloptions IS NOT NULL
        UNION ALL
        SELECT 7, format('options of view pgml.%I', name), late, format('ALTER VIEW pgml.%I SET (%s)', name, array_to_string(reloptions, ', '))
        FROM views WHERE reloptions IS NOT NULL
        UNION ALL
        SELECT 8, format('replica identity of table pgml.%I', name), late, format('ALTER TABLE pgml.%I REPLICA IDENTITY %s', name, CASE relreplident
            WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
            ELSE (SELECT format('USING INDEX %I', i.relname) FROM pg_index JOIN pg_class AS i ON i.oid = indexrelid WHERE indrelid = m.oid AND indisreplident)
        END)
        FROM members AS m JOIN pg_class AS c ON c.oid = m.oid WHERE relreplident <> 'd'
        UNION ALL
        SELECT 8, format('table pgml.%I in publication %I', tablename, p.pubname), late, format(
            -- Some releases of pg_dump save it, too.
            'DO $do$ BEGIN ALTER PUBLICATION %I ADD TABLE pgml.%I%s; EXCEPTION WHEN duplicate_object THEN NULL; END $do$',
            p.pubname, tablename, coalesce(' WHERE ' || (to_jsonb(p)->>'rowfilter'), '')
        )
        FROM pg_publication_tables AS p JOIN members AS m ON (schemaname, tablename) = ('pgml', m.name)
        WHERE EXISTS (SELECT FROM pg_publication_rel JOIN pg_publication AS o ON o.oid = prpubid WHERE prrelid = m.oid AND o.pubname = p.pubname)
        UNION ALL
        SELECT 8, format('steps of sequence %s', seqrelid::regclass), late, format('ALTER SEQUENCE %s INCREMENT BY %s', seqrelid::regclass, seqincrement)
        FROM members AS m JOIN pg_sequence ON seqrelid = to_regclass(format('pgml.%I', m.name || '_id_seq')) WHERE seqincrement <> 1
        UNION ALL
        SELECT 9, format('comment on table pgml.%I', m.name), late, format('COMMENT ON TABLE pgml.%I IS %L', m.name, obj_description(m.oid, 'pg_class'))
        FROM members AS m JOIN pg_temp.pgml_adopt_comments AS t USING (name) WHERE obj_description(m.oid, 'pg_class') IS DISTINCT FROM t.comment
        UNION ALL
        SELECT 9, format('comment on column %I of table pgml.%I', attname, name), late,
            format('COMMENT ON COLUMN pgml.%I.%I IS %L', name, attname, col_description(attrelid, attnum))
        FROM added WHERE col_description(attrelid, attnum) IS NOT NULL
        UNION ALL
        SELECT 10, format('owner of %s', pg_describe_object('pg_class'::regclass, c.oid, 0)), late,
            format('ALTER %s pgml.%I OWNER TO %I', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, relname, pg_get_userbyid(relowner))
        FROM pg_class AS c, extension AS e
        WHERE relowner <> e.owner AND (c.oid IN (SELECT oid FROM members) OR c.oid IN (SELECT oid FROM views))
        UNION ALL
        SELECT 10, format('properties of function %s', p.oid::regprocedure), late, format('ALTER FUNCTION %s %s', p.oid::regprocedure, concat_ws(' ',
            CASE WHEN prosecdef THEN 'SECURITY DEFINER' END,
            (SELECT string_agg(format('SET %s TO %s', split_part(s, '=', 1), substr(s, strpos(s, '=') + 1)), ' ') FROM unnest(proconfig) AS s)))
        FROM extension AS e JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        WHERE prosecdef OR (proconfig IS NOT NULL AND p.prorettype <> 'trigger'::regtype AND proname NOT IN ('auto_updated_at', 'adoption_leftovers'))
        UNION ALL
        SELECT 11, format('owner of function %s', p.oid::regprocedure), late, format('ALTER FUNCTION %s OWNER TO %I', p.oid::regprocedure, pg_get_userbyid(proowner))
        FROM extension AS e JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        WHERE proowner <> e.owner
        ORDER BY place, object
    LOOP
        INSERT INTO pgml_1_0.adopted_objects VALUES (own.object, own.what, own.definition);
        RAISE WARNING '% stays, but is not in a dump: pg_dump leaves out what users put on an extension''s tables', own.object USING
            HINT = format('%s the rows are restored: %s', CASE own.what WHEN early THEN 'Before' ELSE 'After' END, own.definition);
    END LOOP;
END
$$;
