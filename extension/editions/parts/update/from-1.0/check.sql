---------------------------------------------------------------------------------------------------
-- What users have made of what changes
---------------------------------------------------------------------------------------------------

-- Postgres would refuse in the middle of the work, and name one of them.
DO $$
DECLARE
    found record;
BEGIN
    WITH RECURSIVE dropped (classid, objid) AS (
        SELECT 'pg_class'::regclass::oid, format('pgml.%I', name)::regclass::oid
        FROM unnest('{overview,trained_models,deployed_models}'::text[]) AS name
        UNION ALL
        SELECT 'pg_type'::regclass, t.oid
        FROM unnest('{overview,trained_models,deployed_models}'::text[]) AS name
        JOIN pg_class AS c ON c.oid = format('pgml.%I', name)::regclass
        JOIN pg_type AS t ON t.oid = c.reltype OR t.typelem = c.reltype
        UNION ALL
        SELECT 'pg_proc'::regclass, p.oid FROM pg_proc AS p JOIN pg_temp.pgml_members AS m ON m.objid = p.oid
        WHERE m.classid = 'pg_proc'::regclass AND p.proname = ANY ('{@dropped_functions@}')
    ), altered (relation, attribute) AS (
        SELECT a.attrelid, a.attnum
        FROM (VALUES ('projects', 'task'), ('deployments', 'strategy'), ('snapshots', 'test_sampling')) AS t (relation, name)
        JOIN pg_attribute AS a ON a.attrelid = format('pgml.%I', relation)::regclass AND a.attname = name
    ), rows (type) AS (
        -- The types of the tables' rows, and what is made of these types.
        SELECT t.oid FROM unnest('{projects,snapshots,models,deployments}'::text[]) AS name
        JOIN pg_class AS c ON c.oid = format('pgml.%I', name)::regclass
        JOIN pg_type AS t ON t.oid = c.reltype
        UNION
        SELECT t.oid FROM rows JOIN LATERAL (
            SELECT oid FROM pg_type WHERE typelem = rows.type OR typbasetype = rows.type
            UNION ALL SELECT rngtypid FROM pg_range WHERE rngsubtype = rows.type
            UNION ALL SELECT c.reltype FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
            WHERE a.atttypid = rows.type AND NOT a.attisdropped AND c.relkind IN ('c', 'v') AND c.reltype <> 0
        ) AS t ON true
    ), direct (classid, objid, objsubid, refclassid, refobjid, refobjsubid) AS (
        SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, 0
        FROM dropped AS t JOIN pg_depend AS d ON (d.refclassid, d.refobjid) = (t.classid, t.objid)
        WHERE d.deptype IN ('n', 'a')
        UNION
        SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.refobjsubid
        FROM altered AS t JOIN pg_depend AS d
        ON d.refclassid = 'pg_class'::regclass AND (d.refobjid, d.refobjsubid) = (t.relation, t.attribute)
        WHERE d.deptype IN ('n', 'a') AND CASE d.classid
            -- The column's own default is no obstacle, and neither is an index that is made of the column alone.
            WHEN 'pg_attrdef'::regclass THEN d.deptype = 'n'
            WHEN 'pg_constraint'::regclass THEN (SELECT contype FROM pg_constraint WHERE oid = d.objid) IN ('c', 'f', 'x')
            WHEN 'pg_class'::regclass THEN EXISTS (
                SELECT FROM pg_index AS i WHERE i.indexrelid = d.objid
                AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL OR EXISTS (
                    SELECT FROM unnest(i.indclass::oid[]) AS o JOIN pg_opclass ON pg_opclass.oid = o WHERE NOT opcdefault
                ))
            )
            ELSE d.classid <> 'pg_statistic_ext'::regclass
        END
        UNION
        SELECT 'pg_class'::regclass, a.attrelid, a.attnum, 'pg_type'::regclass, a.atttypid, 0
        FROM rows JOIN pg_attribute AS a ON a.atttypid = rows.type AND NOT a.attisdropped
        JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'm', 'p')
    ), views (rule, classid, objid) AS (
        SELECT oid, 'pg_class'::regclass::oid, ev_class FROM pg_rewrite WHERE rulename = '_RETURN'
    ), objects (classid, objid, objsubid, uses, depth) AS (
        SELECT coalesce(v.classid, d.classid), coalesce(v.objid, d.objid),
            CASE WHEN d.objid IN (SELECT objid FROM views) THEN 0 ELSE d.objsubid END,
            pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), 1
        FROM direct AS d LEFT JOIN views AS v ON d.classid = 'pg_rewrite'::regclass AND v.rule = d.objid
        WHERE NOT EXISTS (
            SELECT FROM pg_temp.pgml_members AS m
            WHERE (m.classid, m.objid) = (coalesce(v.classid, d.classid), coalesce(v.objid, d.objid))
        )
        UNION
        -- What uses such a view is in the way of dropping it.
        SELECT coalesce(v.classid, d.classid), coalesce(v.objid, d.objid), 0, pg_describe_object(o.classid, o.objid, 0), depth + 1
        FROM objects AS o
        JOIN pg_depend AS d ON (d.refclassid, d.refobjid) = (o.classid, o.objid)
            AND d.classid IN ('pg_rewrite'::regclass, 'pg_proc'::regclass) AND d.deptype = 'n'
        LEFT JOIN views AS v ON d.classid = 'pg_rewrite'::regclass AND v.rule = d.objid
        WHERE o.classid = 'pg_class'::regclass AND o.objsubid = 0 AND v.objid IS DISTINCT FROM o.objid
    ), each AS (
        SELECT o.classid, o.objid, o.objsubid, string_agg(DISTINCT uses, ', ') AS uses, max(depth) AS depth
        FROM objects AS o GROUP BY 1, 2, 3
    ), told AS (
        SELECT pg_describe_object(classid, objid, objsubid) AS name, uses, depth, coalesce(
            CASE classid
                WHEN 'pg_class'::regclass THEN (
                    SELECT CASE
                        WHEN relkind = 'v' THEN format('DROP VIEW %s', c.oid::regclass)
                        WHEN relkind = 'm' THEN format('DROP MATERIALIZED VIEW %s', c.oid::regclass)
                        WHEN relkind IN ('i', 'I') THEN format('DROP INDEX %s', c.oid::regclass)
                        WHEN relkind IN ('r', 'p') THEN format(
                            'ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT, ALTER COLUMN %2$I TYPE jsonb USING to_jsonb(%2$I)',
                            c.oid::regclass, coalesce(attname, '')
                        )
                    END
                    FROM pg_class AS c LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = objsubid
                    WHERE c.oid = objid
                )
                WHEN 'pg_proc'::regclass THEN (
                    SELECT format('DROP %s %s', CASE prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END, oid::regprocedure)
                    FROM pg_proc WHERE oid = objid
                )
                WHEN 'pg_rewrite'::regclass THEN (SELECT format('DROP RULE %I ON %s', rulename, ev_class::regclass) FROM pg_rewrite WHERE oid = objid)
                WHEN 'pg_trigger'::regclass THEN (SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass) FROM pg_trigger WHERE oid = objid)
                WHEN 'pg_policy'::regclass THEN (SELECT format('DROP POLICY %I ON %s', polname, polrelid::regclass) FROM pg_policy WHERE oid = objid)
                WHEN 'pg_constraint'::regclass THEN (
                    SELECT CASE WHEN conrelid <> 0 THEN format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
                        ELSE format('ALTER DOMAIN %s DROP CONSTRAINT %I', contypid::regtype, conname) END
                    FROM pg_constraint WHERE oid = objid
                )
                WHEN 'pg_attrdef'::regclass THEN (
                    SELECT format('ALTER TABLE %s ALTER COLUMN %I DROP %s', adrelid::regclass, attname, CASE attgenerated WHEN '' THEN 'DEFAULT' ELSE 'EXPRESSION' END)
                    FROM pg_attrdef AS d JOIN pg_attribute AS a ON (a.attrelid, a.attnum) = (d.adrelid, d.adnum) WHERE d.oid = objid
                )
                WHEN 'pg_publication_rel'::regclass THEN (
                    SELECT format('ALTER PUBLICATION %I DROP TABLE %s', pubname, prrelid::regclass)
                    FROM pg_publication_rel AS r JOIN pg_publication AS p ON p.oid = prpubid WHERE r.oid = objid
                )
                WHEN 'pg_type'::regclass THEN (SELECT format('DROP %s %s', CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, oid::regtype) FROM pg_type WHERE oid = objid)
            END,
            'drop it'
        ) AS statement
        FROM each
    )
    SELECT string_agg(format('%s (%s)', name, uses), ', ' ORDER BY depth DESC, name) AS names,
        string_agg(format('%s: %s;', name, statement), E'\n' ORDER BY depth DESC, name) AS statements
    INTO found FROM told;
    IF found.names IS NOT NULL THEN
        RAISE EXCEPTION 'pgml @release@ changes what these objects use: %', found.names USING
            ERRCODE = 'dependent_objects_still_exist',
            DETAIL = found.statements,
            HINT = 'Keep the definitions of these objects, run the statements above, update, and create the objects again.';
    END IF;
END
$$;

---------------------------------------------------------------------------------------------------
-- What this release can't hold
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    found text;
BEGIN
    SELECT string_agg(format('%s (%s)', name, task), ', ') INTO found
    FROM pgml.projects
    WHERE task NOT IN ('regression', 'classification')
    -- 1.0's transformers, by the names of their tasks. They are kept as what they are.
    AND task !~ '^(text|text2text|translation|summarization|question|token|fill|zero|conversation|feature)([-_]|$)';
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'projects with tasks that pgml @release@ does not have: %', found
            USING HINT = 'Delete them from pgml.projects, or stay with edition 1.0.';
    END IF;
    SELECT string_agg(format('snapshot %s (%s)', id, test_sampling), ', ') INTO found
    FROM pgml.snapshots
    WHERE test_sampling NOT IN ('random', 'first', 'last');
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'snapshots with a test_sampling that pgml 1.0 does not have: %', found
            USING HINT = 'Set test_sampling to random, first or last.';
    END IF;
    SELECT string_agg(format('deployment %s (%s)', id, strategy), ', ') INTO found
    FROM pgml.deployments
    WHERE strategy NOT IN ('new_score', 'best_score', 'most_recent', 'rollback', 'specific');
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'deployments with a strategy that pgml @release@ does not have: %', found
            USING HINT = 'Set strategy to new_score, best_score, most_recent or rollback.';
    END IF;
END
$$;
