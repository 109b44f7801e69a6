---------------------------------------------------------------------------------------------------
-- Functions: an old one with the same arguments and result gets the extension's body and keeps its oid
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    member record;
    definition text;
    was pg_proc;
    same boolean;
BEGIN
    FOR member IN
        SELECT n.oid AS new, o.oid AS old, n.proname AS name, n.oid::regprocedure::text AS signature, o.definition AS before,
            obj_description(n.oid, 'pg_proc') AS comment, n.proargnames, n.prorettype, n.proretset, n.proallargtypes, n.proargmodes
        FROM pg_proc AS n
        JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = n.oid AND d.deptype = 'e'
            AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgml')
        JOIN pg_temp.pgml_adopt_functions AS o ON o.name = n.proname AND o.arguments = n.proargtypes::text AND o.kind = n.prokind
        WHERE n.pronamespace = 'pgml'::regnamespace
        ORDER BY n.oid
    LOOP
        SELECT * INTO was FROM pg_proc WHERE oid = member.old;
        same := was.prorettype = member.prorettype AND was.proretset = member.proretset
            AND was.proallargtypes IS NOT DISTINCT FROM member.proallargtypes
            AND was.proargmodes IS NOT DISTINCT FROM member.proargmodes;
        IF NOT same THEN
            UPDATE pg_temp.pgml_adopt_functions SET kept_because = 'its result is of another type than the extension''s' WHERE oid = member.old;
            CONTINUE;
        END IF;
        BEGIN
            definition := pg_get_functiondef(member.new);
            EXECUTE format('ALTER EXTENSION pgml DROP FUNCTION %s', member.signature);
            EXECUTE format('DROP FUNCTION %s', member.signature);
            EXECUTE format('ALTER FUNCTION %s SET SCHEMA pgml', member.old::regprocedure);
            -- Only callers that name an argument can tell; they are given the extension's names.
            UPDATE pg_proc SET proargnames = member.proargnames
            WHERE oid = member.old AND proargnames IS DISTINCT FROM member.proargnames;
            EXECUTE definition;
            -- Whether it runs with its owner's rights, and under which settings, was its owner's decision.
            UPDATE pg_proc SET prosecdef = was.prosecdef, proconfig = was.proconfig
            WHERE oid = member.old AND (prosecdef <> was.prosecdef OR was.proconfig IS NOT NULL);
            PERFORM pg_temp.add_to_extension('FUNCTION', 'pg_proc', member.old, member.signature);
            IF obj_description(member.old, 'pg_proc') IS NULL THEN
                EXECUTE format('COMMENT ON FUNCTION %s IS %L', member.signature, member.comment);
            END IF;
            DELETE FROM pg_temp.pgml_adopt_functions WHERE oid = member.old;
            INSERT INTO pgml_1_0.adopted_objects VALUES (format('function %s', member.signature), 'has the extension''s body', member.before);
        EXCEPTION WHEN OTHERS THEN
            UPDATE pg_temp.pgml_adopt_functions SET kept_because = SQLERRM WHERE oid = member.old;
        END;
    END LOOP;
    -- Those that the extension has nothing like are left where they were.
    FOR member IN SELECT oid, oid::regprocedure AS name FROM pg_temp.pgml_adopt_functions WHERE kept_because IS NULL LOOP
        EXECUTE format('ALTER ROUTINE %s SET SCHEMA pgml', member.name);
    END LOOP;
    INSERT INTO pgml_1_0.adopted_objects
    SELECT format('function %s', oid::regprocedure), 'in schema pgml_1_0, since ' || kept_because, f.definition
    FROM pg_temp.pgml_adopt_functions AS f WHERE kept_because IS NOT NULL;
END
$$;

-- What was computed with an old body and is looked up by the new one.
DO $$
DECLARE
    stale record;
BEGIN
    FOR stale IN
        SELECT DISTINCT i.indexrelid::regclass AS name
        FROM pg_depend AS d
        JOIN pg_index AS i ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
        JOIN pg_class AS c ON c.oid = i.indexrelid AND c.relkind = 'i'
        JOIN pg_proc AS p ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid
        WHERE p.pronamespace = 'pgml'::regnamespace
    LOOP
        EXECUTE format('REINDEX INDEX %s', stale.name);
        INSERT INTO pgml_1_0.adopted_objects VALUES (format('index %s', stale.name), 'computed anew', NULL);
    END LOOP;
END
$$;

---------------------------------------------------------------------------------------------------
-- Views: an old one with the same columns, or with the first of them, gets the extension's query and keeps its oid
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    member record;
    before text;
BEGIN
    FOR member IN
        SELECT n.name, n.definition, n.comment, o.oid,
            CASE WHEN o.options IS NOT NULL THEN format(' WITH (%s)', (
                SELECT string_agg(option, ', ') FROM unnest(o.options) AS option)) ELSE '' END AS options
        FROM pg_temp.pgml_adopt_new_views AS n LEFT JOIN pg_temp.pgml_adopt_views AS o USING (name)
    LOOP
        IF member.oid IS NOT NULL THEN
            BEGIN
                before := pg_get_viewdef(member.oid);
                EXECUTE format('ALTER VIEW pgml_1_0.%I SET SCHEMA pgml', member.name);
                EXECUTE format('CREATE OR REPLACE VIEW pgml.%I%s AS %s', member.name, member.options, member.definition);
                INSERT INTO pgml_1_0.adopted_objects VALUES (format('view pgml.%s', member.name), 'has the extension''s query', before);
            EXCEPTION WHEN OTHERS THEN
                INSERT INTO pgml_1_0.adopted_objects VALUES (format('view pgml_1_0.%s', member.name), 'in schema pgml_1_0: ' || SQLERRM, before);
            END;
        END IF;
        IF to_regclass('pgml.' || member.name) IS NULL THEN
            EXECUTE format('CREATE VIEW pgml.%I AS %s', member.name, member.definition);
            EXECUTE format('REVOKE ALL ON pgml.%I FROM PUBLIC', member.name);
        END IF;
        PERFORM pg_temp.add_to_extension('VIEW', 'pg_class', to_regclass('pgml.' || member.name), format('pgml.%I', member.name));
        IF obj_description(to_regclass('pgml.' || member.name), 'pg_class') IS NULL THEN
            EXECUTE format('COMMENT ON VIEW pgml.%I IS %L', member.name, member.comment);
        END IF;
    END LOOP;
END
$$;
