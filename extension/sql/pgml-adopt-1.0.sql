-- Adopts a database of PostgresML 1.0, whose schema pgml holds plain objects, into the extension's edition 1.0.
--
--     psql -X -d DATABASE -v check=1 -f pgml-adopt-1.0.sql     the same, and at its end everything is rolled back
--     psql -X -d DATABASE -f pgml-adopt-1.0.sql
--
-- Takes a superuser, since loading a model runs its code. One transaction: an error leaves the database as it was.
--
-- Tables, sequences, views and functions of 1.0 keep their identity (their oid): they become members of the extension, and a
-- function gets the extension's body. So whatever hangs on them (foreign keys, triggers, policies, publications, indexes,
-- generated columns, views, privileges) goes on without being touched. What can't be kept so goes to schema pgml_1_0 with what
-- hangs on it; pgml.adoption_leftovers() lists it. Explained in docs/sql/adoption.md.

\set ON_ERROR_STOP on
\set QUIET on

BEGIN;

-- Definitions are printed with the schema of each name, and nothing of a user's is called by accident.
SET LOCAL search_path = pg_catalog, pg_temp;

---------------------------------------------------------------------------------------------------
-- Whether this is a database to adopt
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    missing text;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'adopting a database takes a superuser' USING
            ERRCODE = 'insufficient_privilege', HINT = 'Loading a model runs the code that is in it.';
    END IF;
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pgml') THEN
        RAISE EXCEPTION 'this database has the extension pgml already' USING
            ERRCODE = 'duplicate_object', HINT = 'ALTER EXTENSION pgml UPDATE changes its edition.';
    END IF;
    IF to_regnamespace('pgml') IS NULL THEN
        RAISE EXCEPTION 'this database has no schema pgml' USING
            ERRCODE = 'undefined_object', HINT = 'There is nothing to adopt: CREATE EXTENSION pgml makes a new one.';
    END IF;
    SELECT string_agg(name, ', ') INTO missing FROM unnest('{pgml_1_0,pgml_private}'::text[]) AS name
    WHERE to_regnamespace(name) IS NOT NULL;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'schema %, which the adoption makes, exists already', missing USING
            ERRCODE = 'duplicate_object', HINT = 'Rename it, or drop it when it is not needed.';
    END IF;
    SELECT string_agg(format('pgml.%s.%s %s', needed.tbl, needed.col, needed.typ), ', ') INTO missing
    FROM (VALUES
        ('projects', 'id', 'bigint'), ('projects', 'name', 'text'), ('projects', 'task', 'text'),
        ('projects', 'created_at', 'timestamp without time zone'), ('projects', 'updated_at', 'timestamp without time zone'),
        ('snapshots', 'id', 'bigint'), ('snapshots', 'relation_name', 'text'), ('snapshots', 'y_column_name', 'text[]'),
        ('snapshots', 'test_size', 'real'), ('snapshots', 'test_sampling', 'text'), ('snapshots', 'status', 'text'),
        ('snapshots', 'columns', 'jsonb'), ('snapshots', 'analysis', 'jsonb'),
        ('snapshots', 'created_at', 'timestamp without time zone'), ('snapshots', 'updated_at', 'timestamp without time zone'),
        ('models', 'id', 'bigint'), ('models', 'project_id', 'bigint'), ('models', 'snapshot_id', 'bigint'),
        ('models', 'algorithm_name', 'text'), ('models', 'hyperparams', 'jsonb'), ('models', 'status', 'text'),
        ('models', 'search', 'text'), ('models', 'search_params', 'jsonb'), ('models', 'search_args', 'jsonb'),
        ('models', 'created_at', 'timestamp without time zone'), ('models', 'updated_at', 'timestamp without time zone'),
        ('models', 'metrics', 'jsonb'),
        ('deployments', 'id', 'bigint'), ('deployments', 'project_id', 'bigint'), ('deployments', 'model_id', 'bigint'),
        ('deployments', 'strategy', 'text'), ('deployments', 'created_at', 'timestamp without time zone'),
        ('files', 'id', 'bigint'), ('files', 'model_id', 'bigint'), ('files', 'path', 'text'), ('files', 'part', 'integer'),
        ('files', 'created_at', 'timestamp without time zone'), ('files', 'updated_at', 'timestamp without time zone'),
        ('files', 'data', 'bytea')
    ) AS needed(tbl, col, typ)
    WHERE NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('pgml.' || needed.tbl) AND attname = needed.col AND NOT attisdropped
        AND format_type(atttypid, atttypmod) = needed.typ
    );
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'schema pgml is not PostgresML 1.0''s: it has no %', missing USING
            ERRCODE = 'undefined_column', HINT = 'Releases before 1.0 are first updated to it by their own means.';
    END IF;
END
$$;
LOCK TABLE pgml.projects, pgml.snapshots, pgml.models, pgml.deployments, pgml.files IN ACCESS EXCLUSIVE MODE;

---------------------------------------------------------------------------------------------------
-- How the objects are, so that they can be left so
---------------------------------------------------------------------------------------------------

CREATE TEMPORARY TABLE pgml_adopt_tables ON COMMIT DROP AS
SELECT place, name, to_regclass('pgml.' || name)::oid AS oid
FROM unnest('{projects,snapshots,models,deployments,files}'::text[]) WITH ORDINALITY AS t(name, place);

CREATE TEMPORARY TABLE pgml_adopt_schema ON COMMIT DROP AS
SELECT oid, nspacl AS acl, obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = 'pgml';

CREATE TEMPORARY TABLE pgml_adopt_views ON COMMIT DROP AS
SELECT c.oid, relname::text AS name, reloptions AS options
FROM pg_class AS c
WHERE relnamespace = 'pgml'::regnamespace AND relkind = 'v' AND relname IN ('overview', 'trained_models', 'deployed_models');

CREATE TEMPORARY TABLE pgml_adopt_functions ON COMMIT DROP AS
SELECT
    p.oid, proname::text AS name, proargtypes::text AS arguments, prokind AS kind, pronamespace,
    CASE WHEN prokind <> 'a' THEN pg_get_functiondef(p.oid) END AS definition, NULL::text AS kept_because
FROM pg_proc AS p WHERE pronamespace = 'pgml'::regnamespace;

-- Adding an object to an extension notes its privileges as those that the extension gave it, and pg_dump would leave them out.
-- So an object has none while it is added, and then what it had. The roles' entries in pg_shdepend stay as they are.
CREATE FUNCTION pg_temp.add_to_extension(kind text, class regclass, member oid, name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    acl aclitem[];
    columns jsonb;
BEGIN
    IF class = 'pg_proc'::regclass THEN
        SELECT proacl INTO acl FROM pg_proc WHERE oid = member;
        UPDATE pg_proc SET proacl = NULL WHERE oid = member AND proacl IS NOT NULL;
    ELSE
        SELECT relacl INTO acl FROM pg_class WHERE oid = member;
        SELECT jsonb_object_agg(attnum, attacl::text) INTO columns
        FROM pg_attribute WHERE attrelid = member AND attacl IS NOT NULL AND attnum <> 0;
        UPDATE pg_class SET relacl = NULL WHERE oid = member AND relacl IS NOT NULL;
        UPDATE pg_attribute SET attacl = NULL WHERE attrelid = member AND attacl IS NOT NULL;
    END IF;
    EXECUTE format('ALTER EXTENSION pgml ADD %s %s', kind, name);
    IF class = 'pg_proc'::regclass THEN
        UPDATE pg_proc SET proacl = acl WHERE oid = member AND acl IS NOT NULL;
    ELSE
        UPDATE pg_class SET relacl = acl WHERE oid = member AND acl IS NOT NULL;
        UPDATE pg_attribute SET attacl = (columns->>attnum::text)::aclitem[]
        WHERE attrelid = member AND columns ? attnum::text;
    END IF;
END
$$;

---------------------------------------------------------------------------------------------------
-- Aside with what would be in the extension's way, for as long as it is made
---------------------------------------------------------------------------------------------------

CREATE SCHEMA pgml_1_0;
COMMENT ON SCHEMA pgml_1_0 IS 'What the adoption of PostgresML 1.0 has to tell, and what it could not keep in schema pgml';

DO $$
DECLARE
    member record;
BEGIN
    FOR member IN SELECT name FROM pg_temp.pgml_adopt_tables LOOP
        EXECUTE format('ALTER TABLE pgml.%I SET SCHEMA pgml_1_0', member.name);
    END LOOP;
    -- One that belongs to a column went with it.
    FOR member IN
        SELECT name || '_id_seq' AS name FROM pg_temp.pgml_adopt_tables WHERE to_regclass('pgml.' || name || '_id_seq') IS NOT NULL
    LOOP
        EXECUTE format('ALTER SEQUENCE pgml.%I SET SCHEMA pgml_1_0', member.name);
    END LOOP;
    FOR member IN SELECT name FROM pg_temp.pgml_adopt_views LOOP
        EXECUTE format('ALTER VIEW pgml.%I SET SCHEMA pgml_1_0', member.name);
    END LOOP;
    FOR member IN SELECT oid::regprocedure AS name FROM pg_temp.pgml_adopt_functions LOOP
        EXECUTE format('ALTER ROUTINE %s SET SCHEMA pgml_1_0', member.name);
    END LOOP;
END
$$;

CREATE EXTENSION pgml VERSION '1.0';

---------------------------------------------------------------------------------------------------
-- What the adoption has to tell
--
-- These tables are ours. An automatic dependency on their schema lets DROP SCHEMA pgml_1_0 take them along; anything else in
-- that schema is a user's, and Postgres refuses to drop the schema while it is there.
---------------------------------------------------------------------------------------------------

CREATE TABLE pgml_1_0.adoption (
    model_id  bigint PRIMARY KEY,
    project   text NOT NULL,
    algorithm text NOT NULL,
    deployed  boolean NOT NULL,
    result    text NOT NULL,
    why       text,
    compared  text,
    retrain   text
);
COMMENT ON TABLE pgml_1_0.adoption IS 'What became of each model when PostgresML 1.0 was adopted, and how to train anew what could not be';

CREATE TABLE pgml_1_0.adopted_objects (
    object     text NOT NULL,
    what       text NOT NULL,
    definition text
);
COMMENT ON TABLE pgml_1_0.adopted_objects IS 'What the adoption changed of each object, with the definition that it had before, or the reason';

CREATE TABLE pgml_1_0.adopted_rows (
    what text NOT NULL,
    rows bigint NOT NULL
);
COMMENT ON TABLE pgml_1_0.adopted_rows IS 'Rows that the adoption changed or moved, and why';

UPDATE pg_depend SET deptype = 'a'
WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_namespace'::regclass AND refobjid = 'pgml_1_0'::regnamespace
AND objid IN ('pgml_1_0.adoption'::regclass, 'pgml_1_0.adopted_objects'::regclass, 'pgml_1_0.adopted_rows'::regclass);

---------------------------------------------------------------------------------------------------
-- Tables: the old ones take the place of the extension's new and empty ones
---------------------------------------------------------------------------------------------------

CREATE TEMPORARY TABLE pgml_adopt_shape ON COMMIT DROP AS
SELECT
    t.name AS tbl, attname::text AS name, attnotnull AS required, pg_get_expr(adbin, adrelid) AS fallback
FROM pg_temp.pgml_adopt_tables AS t
JOIN pg_attribute AS a ON a.attrelid = to_regclass('pgml.' || t.name) AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum;

CREATE TEMPORARY TABLE pgml_adopt_new_views ON COMMIT DROP AS
SELECT name, pg_get_viewdef(to_regclass('pgml.' || name)) AS definition, obj_description(to_regclass('pgml.' || name), 'pg_class') AS comment
FROM unnest('{overview,trained_models,deployed_models}'::text[]) AS name;

CREATE TEMPORARY TABLE pgml_adopt_comments ON COMMIT DROP AS
SELECT name, obj_description(to_regclass('pgml.' || name), 'pg_class') AS comment FROM pg_temp.pgml_adopt_tables;

DO $$
DECLARE
    member record;
    sequence text;
    wanted text;
BEGIN
    FOR member IN SELECT name FROM pg_temp.pgml_adopt_new_views LOOP
        EXECUTE format('ALTER EXTENSION pgml DROP VIEW pgml.%I', member.name);
        EXECUTE format('DROP VIEW pgml.%I', member.name);
    END LOOP;
    FOR member IN SELECT name FROM pg_temp.pgml_adopt_tables ORDER BY place DESC LOOP
        EXECUTE format('ALTER EXTENSION pgml DROP TABLE pgml.%I', member.name);
        EXECUTE format('ALTER EXTENSION pgml DROP SEQUENCE pgml.%I', member.name || '_id_seq');
        EXECUTE format('DROP TABLE pgml.%I', member.name);
    END LOOP;
    FOR member IN SELECT name FROM pg_temp.pgml_adopt_tables ORDER BY place LOOP
        EXECUTE format('ALTER TABLE pgml_1_0.%I SET SCHEMA pgml', member.name);
        wanted := member.name || '_id_seq';
        sequence := pg_get_serial_sequence('pgml.' || member.name, 'id');
        IF sequence IS NULL AND to_regclass('pgml_1_0.' || wanted) IS NOT NULL THEN
            EXECUTE format('ALTER SEQUENCE pgml_1_0.%I SET SCHEMA pgml', wanted);
        ELSIF sequence IS NULL THEN
            EXECUTE format('CREATE SEQUENCE pgml.%I OWNED BY pgml.%I.id', wanted, member.name);
            EXECUTE format('SELECT setval(%L, coalesce(max(id), 0) + 1, false) FROM pgml.%I', 'pgml.' || wanted, member.name);
            EXECUTE format('ALTER TABLE pgml.%I ALTER COLUMN id SET DEFAULT nextval(%L)', member.name, 'pgml.' || wanted);
        ELSIF sequence <> 'pgml.' || wanted THEN
            EXECUTE format('ALTER SEQUENCE %s RENAME TO %I', sequence, wanted);
        END IF;
    END LOOP;
END
$$;

---------------------------------------------------------------------------------------------------
-- Rows that 1.0 allowed and the extension does not. Users' triggers don't fire for what happens here.
---------------------------------------------------------------------------------------------------

SET LOCAL session_replication_role = replica;

DO $$
DECLARE
    orphan record;
    moved bigint;
BEGIN
    -- 1.0 has no foreign key there, and leaves the files when it deletes a model.
    IF EXISTS (SELECT FROM pgml.files AS f WHERE NOT EXISTS (SELECT FROM pgml.models AS m WHERE m.id = f.model_id)) THEN
        CREATE TABLE pgml_1_0.files_without_model AS
        SELECT f.* FROM pgml.files AS f WHERE NOT EXISTS (SELECT FROM pgml.models AS m WHERE m.id = f.model_id);
        COMMENT ON TABLE pgml_1_0.files_without_model IS 'Rows of pgml.files whose model is gone; no prediction reads them';
        DELETE FROM pgml.files AS f WHERE NOT EXISTS (SELECT FROM pgml.models AS m WHERE m.id = f.model_id);
        GET DIAGNOSTICS moved = ROW_COUNT;
        INSERT INTO pgml_1_0.adopted_rows VALUES ('files of models that are gone, moved to pgml_1_0.files_without_model', moved);
    END IF;
    -- The others have foreign keys in 1.0; a row that gets by them was put there by hand.
    FOR orphan IN
        SELECT 'models' AS tbl, m.id, format('project %s', project_id) AS wants FROM pgml.models AS m
        WHERE NOT EXISTS (SELECT FROM pgml.projects AS p WHERE p.id = project_id)
        UNION ALL SELECT 'deployments', d.id, format('model %s', model_id) FROM pgml.deployments AS d
        WHERE NOT EXISTS (SELECT FROM pgml.models AS m WHERE m.id = model_id)
        UNION ALL SELECT 'deployments', d.id, format('project %s', project_id) FROM pgml.deployments AS d
        WHERE NOT EXISTS (SELECT FROM pgml.projects AS p WHERE p.id = project_id)
    LOOP
        RAISE EXCEPTION 'row % of pgml.% is of %, which is not there', orphan.id, orphan.tbl, orphan.wants USING
            ERRCODE = 'foreign_key_violation', HINT = format('Delete it, or move it elsewhere: it is of no use without. DELETE FROM pgml.%s WHERE id = %s;', orphan.tbl, orphan.id);
    END LOOP;
    UPDATE pgml.models SET snapshot_id = snapshot_id WHERE false;
END
$$;

DO $$
DECLARE
    member record;
    changed bigint;
BEGIN
    ALTER TABLE pgml.models ALTER COLUMN snapshot_id DROP NOT NULL;
    ALTER TABLE pgml.snapshots ALTER COLUMN y_column_name DROP NOT NULL;
    UPDATE pgml.models AS m SET snapshot_id = NULL
    WHERE NOT EXISTS (SELECT FROM pgml.snapshots AS s WHERE s.id = m.snapshot_id) AND snapshot_id IS NOT NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed > 0 THEN
        INSERT INTO pgml_1_0.adopted_rows VALUES ('models of snapshots that are gone, now without one', changed);
    END IF;
    FOR member IN
        SELECT tbl, s.name, s.required, coalesce(fallback, '{}') AS fallback, attnotnull, atthasdef
        FROM pg_temp.pgml_adopt_shape AS s
        JOIN pg_attribute AS a ON a.attrelid = to_regclass('pgml.' || tbl) AND attname = s.name
        WHERE (s.required AND NOT attnotnull) OR (fallback IS NOT NULL AND NOT atthasdef AND attidentity = '')
    LOOP
        IF member.required AND NOT member.attnotnull AND member.fallback <> '{}' THEN
            EXECUTE format('UPDATE pgml.%1$I SET %2$I = %3$s WHERE %2$I IS NULL', member.tbl, member.name, member.fallback);
            GET DIAGNOSTICS changed = ROW_COUNT;
            IF changed > 0 THEN
                INSERT INTO pgml_1_0.adopted_rows
                VALUES (format('pgml.%s.%s, which was NULL, is %s', member.tbl, member.name, member.fallback), changed);
            END IF;
        END IF;
        IF member.fallback <> '{}' AND NOT member.atthasdef THEN
            EXECUTE format('ALTER TABLE pgml.%I ALTER COLUMN %I SET DEFAULT %s', member.tbl, member.name, member.fallback);
        END IF;
        IF member.required AND NOT member.attnotnull THEN
            EXECUTE format('ALTER TABLE pgml.%I ALTER COLUMN %I SET NOT NULL', member.tbl, member.name);
        END IF;
    END LOOP;
END
$$;

SET LOCAL session_replication_role = origin;

---------------------------------------------------------------------------------------------------
-- Keys, indexes and triggers that the extension's tables have, where the old ones have none like them
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    member record;
BEGIN
    FOR member IN
        SELECT * FROM (VALUES
            ('projects', 'id', 'p', 'ALTER TABLE pgml.projects ADD PRIMARY KEY (id)'),
            ('snapshots', 'id', 'p', 'ALTER TABLE pgml.snapshots ADD PRIMARY KEY (id)'),
            ('models', 'id', 'p', 'ALTER TABLE pgml.models ADD PRIMARY KEY (id)'),
            ('deployments', 'id', 'p', 'ALTER TABLE pgml.deployments ADD PRIMARY KEY (id)'),
            ('files', 'id', 'p', 'ALTER TABLE pgml.files ADD PRIMARY KEY (id)'),
            ('models', 'project_id', 'f', 'ALTER TABLE pgml.models ADD FOREIGN KEY (project_id) REFERENCES pgml.projects (id) ON DELETE CASCADE'),
            ('models', 'snapshot_id', 'f', 'ALTER TABLE pgml.models ADD FOREIGN KEY (snapshot_id) REFERENCES pgml.snapshots (id) ON DELETE SET NULL'),
            ('deployments', 'project_id', 'f', 'ALTER TABLE pgml.deployments ADD FOREIGN KEY (project_id) REFERENCES pgml.projects (id) ON DELETE CASCADE'),
            ('deployments', 'model_id', 'f', 'ALTER TABLE pgml.deployments ADD FOREIGN KEY (model_id) REFERENCES pgml.models (id) ON DELETE CASCADE'),
            ('files', 'model_id', 'f', 'ALTER TABLE pgml.files ADD FOREIGN KEY (model_id) REFERENCES pgml.models (id) ON DELETE CASCADE')
        ) AS needed(tbl, col, kind, command)
        WHERE NOT EXISTS (
            SELECT FROM pg_constraint
            WHERE conrelid = to_regclass('pgml.' || tbl) AND contype::text = kind AND cardinality(conkey) = 1 AND convalidated
            AND conkey[1] = (SELECT attnum FROM pg_attribute WHERE attrelid = conrelid AND attname = col)
        )
    LOOP
        EXECUTE member.command;
    END LOOP;
    FOR member IN
        SELECT * FROM (VALUES
            ('projects', '(name)', true, 'CREATE UNIQUE INDEX ON pgml.projects (name)'),
            ('files', '(model_id, path, part)', true, 'CREATE UNIQUE INDEX ON pgml.files (model_id, path, part)'),
            ('models', '(project_id', false, 'CREATE INDEX ON pgml.models (project_id)'),
            ('models', '(snapshot_id', false, 'CREATE INDEX ON pgml.models (snapshot_id)'),
            ('deployments', '(project_id', false, 'CREATE INDEX ON pgml.deployments (project_id)'),
            ('deployments', '(model_id', false, 'CREATE INDEX ON pgml.deployments (model_id)')
        ) AS needed(tbl, columns, is_unique, command)
        WHERE NOT EXISTS (
            SELECT FROM pg_index
            WHERE indrelid = to_regclass('pgml.' || tbl) AND indpred IS NULL AND indisvalid AND (indisunique OR NOT is_unique)
            AND position(' USING btree ' || columns IN pg_get_indexdef(indexrelid)) > 0
        )
    LOOP
        EXECUTE member.command;
    END LOOP;
END
$$;

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

---------------------------------------------------------------------------------------------------
-- Users' views on functions and views that had to stay in pgml_1_0 are made to use the new ones, where that can be
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    stale record;
BEGIN
    FOR stale IN
        SELECT DISTINCT v.oid, v.oid::regclass::text AS name, replace(pg_get_viewdef(v.oid), 'pgml_1_0.', 'pgml.') AS definition,
            CASE WHEN v.reloptions IS NOT NULL THEN format(' WITH (%s)', (
                SELECT string_agg(option, ', ') FROM unnest(v.reloptions) AS option)) ELSE '' END AS options
        FROM pg_class AS v
        JOIN pg_rewrite AS r ON r.ev_class = v.oid
        JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        LEFT JOIN pg_class AS c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid AND c.oid <> v.oid
        LEFT JOIN pg_proc AS p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
        WHERE v.relkind = 'v' AND 'pgml_1_0'::regnamespace IN (c.relnamespace, p.pronamespace)
    LOOP
        BEGIN
            EXECUTE format('CREATE OR REPLACE VIEW %s%s AS %s', stale.name, stale.options, stale.definition);
            INSERT INTO pgml_1_0.adopted_objects VALUES (format('view %s', stale.name), 'uses the extension''s objects', stale.definition);
        EXCEPTION WHEN OTHERS THEN
            INSERT INTO pgml_1_0.adopted_objects VALUES (format('view %s', stale.name), 'still uses the old objects', SQLERRM);
        END;
    END LOOP;
END
$$;

DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END AS grantee
        FROM pg_class AS c, aclexplode(c.relacl) AS a
        WHERE c.oid = 'pgml.files'::regclass AND a.grantee <> c.relowner AND a.privilege_type IN ('INSERT', 'UPDATE')
    LOOP
        RAISE WARNING '% may still write to pgml.files, and so may make models unreadable', granted.grantee;
    END LOOP;
END
$$;

---------------------------------------------------------------------------------------------------
-- Models: each is loaded, and scored on the rows of its snapshot
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.check_model(model_id bigint) RETURNS jsonb
    VOLATILE STRICT LANGUAGE c AS '$libdir/pgml', 'edition_1_0_check_model_wrapper';

-- Whoever adopts the database accepts the models in it.
CREATE FUNCTION pg_temp.trust(model_id bigint) RETURNS void
    VOLATILE STRICT LANGUAGE c AS '$libdir/pgml', 'pgml_trust_wrapper';

-- The number that 1.0 noted; none where it noted a text, such as "n/a".
CREATE FUNCTION pg_temp.number(noted jsonb) RETURNS float8 LANGUAGE sql AS $$
    SELECT CASE jsonb_typeof(noted) WHEN 'number' THEN noted::text::float8 END
$$;

-- The relation that a model is trained on again: its snapshot's rows, with texts as numbers where it has some. A text that
-- is no number becomes its place among the column's texts.
CREATE FUNCTION pg_temp.rows_of(kept regclass, model_id bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    member record;
    numeric_only boolean;
    columns text[] := '{}';
    texts boolean := false;
BEGIN
    FOR member IN
        SELECT quote_ident(attname) AS name, t.typcategory = 'S' AS is_text
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE attrelid = kept AND attnum > 0 AND NOT attisdropped ORDER BY attnum
    LOOP
        IF member.is_text THEN
            texts := true;
            EXECUTE format(
                'SELECT coalesce(bool_and(%s::text ~ ''^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$''), true) FROM %s',
                member.name, kept
            ) INTO numeric_only;
            columns := columns || CASE
                WHEN numeric_only THEN format('%1$s::text::float8 AS %1$s', member.name)
                ELSE format('CASE WHEN %1$s IS NOT NULL THEN dense_rank() OVER (ORDER BY %1$s)::float8 END AS %1$s', member.name)
            END;
        ELSE
            columns := columns || member.name::text;
        END IF;
    END LOOP;
    IF NOT texts THEN
        RETURN NULL;
    END IF;
    RETURN format('SELECT %s FROM %s', array_to_string(columns, ', '), kept);
END
$$;

-- The statement that trains a model again. A deployment that works stays the one that answers.
CREATE FUNCTION pg_temp.retrain(
    model pgml.models, project pgml.projects, snapshot pgml.snapshots, deployed boolean, working bigint
)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kept regclass := to_regclass(format('pgml.snapshot_%s', snapshot.id));
    relation text := coalesce(kept::text, snapshot.relation_name);
    numbers text;
    statement text := '';
BEGIN
    IF snapshot.id IS NULL OR project.task NOT IN ('regression', 'classification') THEN
        RETURN NULL;
    END IF;
    numbers := CASE WHEN kept IS NOT NULL THEN pg_temp.rows_of(kept, model.id) END;
    IF numbers IS NOT NULL THEN
        relation := format('pgml.snapshot_%s_as_numbers', snapshot.id);
        statement := format('CREATE OR REPLACE VIEW %s AS %s; ', relation, numbers);
    END IF;
    statement := statement || format(
        'SELECT * FROM pgml.%s(%L, %L, %L, %s, %L, %L, test_size => %s, test_sampling => %L);',
        CASE WHEN cardinality(snapshot.y_column_name) > 1 THEN 'train_joint' ELSE 'train' END,
        project.name, project.task, relation,
        CASE
            WHEN cardinality(snapshot.y_column_name) > 1 THEN quote_literal(snapshot.y_column_name)
            ELSE quote_literal(snapshot.y_column_name[1])
        END,
        model.algorithm_name, model.hyperparams, snapshot.test_size,
        -- The kept rows were shuffled already.
        CASE WHEN snapshot.test_sampling = 'first' OR kept IS NULL THEN snapshot.test_sampling ELSE 'last' END
    );
    IF working IS NULL THEN
        RETURN statement || CASE WHEN deployed THEN format(' SELECT * FROM pgml.deploy(%L, %L);', project.name, 'most_recent') ELSE '' END;
    END IF;
    -- A training deploys what scores better than what is deployed. Nobody sees it before the one that works is back.
    RETURN format('BEGIN; %s INSERT INTO pgml.deployments (project_id, model_id, strategy, created_at) '
        'SELECT %s, %s, ''rollback'', greatest(clock_timestamp()::timestamp, max(created_at) + interval ''1 microsecond'') '
        'FROM pgml.deployments WHERE project_id = %s HAVING (SELECT model_id FROM pgml.deployments WHERE project_id = %s '
        'ORDER BY created_at DESC, id DESC LIMIT 1) <> %s; COMMIT;',
        statement, project.id, working, project.id, project.id, working);
END
$$;

DO $$
DECLARE
    model pgml.models;
    its_project pgml.projects;
    its_snapshot pgml.snapshots;
    current bigint;
    checked jsonb;
    nearest jsonb;
    key text;
    recorded float8;
    found float8;
    result text;
    why text;
    compared text;
BEGIN
    FOR model IN SELECT * FROM pgml.models ORDER BY id LOOP
        SELECT * INTO its_project FROM pgml.projects WHERE id = model.project_id;
        SELECT * INTO its_snapshot FROM pgml.snapshots WHERE id = model.snapshot_id;
        SELECT d.model_id INTO current FROM pgml.deployments AS d WHERE d.project_id = its_project.id
        ORDER BY d.created_at DESC, d.id DESC LIMIT 1;
        key := CASE its_project.task WHEN 'regression' THEN 'r2' ELSE 'f1' END;
        recorded := pg_temp.number(model.metrics->key);
        why := NULL;
        compared := NULL;
        IF its_project.task NOT IN ('regression', 'classification') THEN
            result := 'is no model of this product';
            why := format('its task is %s: a transformer', its_project.task);
        ELSIF NOT EXISTS (SELECT FROM pgml.files AS f WHERE f.model_id = model.id AND length(f.data) > 0)
            AND model.status <> 'successful'
        THEN
            result := 'was never trained';
            why := format('its status is %s', model.status);
        ELSE
            IF EXISTS (SELECT FROM pgml.files AS f WHERE f.model_id = model.id) THEN
                PERFORM pg_temp.trust(model.id);
            END IF;
            BEGIN
                checked := pg_temp.check_model(model.id);
                SELECT split INTO nearest FROM jsonb_array_elements(checked->'splits') AS split
                WHERE pg_temp.number(split->key) IS NOT NULL
                ORDER BY abs(pg_temp.number(split->key) - recorded) LIMIT 1;
                found := pg_temp.number(nearest->key);
                IF found IS NULL OR recorded IS NULL THEN
                    result := 'loads; there is nothing to compare with';
                    why := coalesce(checked->>'not_compared', format('no %s is noted in its metrics', key));
                ELSE
                    compared := format('%s was %s, and is %s on the %s %s of %s rows of pgml.snapshot_%s', key,
                        round(recorded::numeric, 6), round(found::numeric, 6), CASE WHEN (nearest->>'first')::boolean THEN 'first' ELSE 'last' END, nearest->>'test_rows',
                        checked->>'rows', model.snapshot_id);
                    IF abs(found - recorded) <= 1e-6 * greatest(1, abs(recorded)) THEN
                        result := 'predicts as recorded';
                    ELSE
                        result := 'predicts otherwise';
                        why := compared;
                    END IF;
                END IF;
            EXCEPTION WHEN undefined_file THEN
                -- Not the model's fault: the packages are missing.
                RAISE;
            WHEN OTHERS THEN
                result := 'cannot be loaded';
                why := SQLERRM;
            END;
        END IF;
        INSERT INTO pgml_1_0.adoption (model_id, project, algorithm, deployed, result, why, compared)
        VALUES (model.id, its_project.name, model.algorithm_name, coalesce(model.id = current, false), result, why, compared);
    END LOOP;
    -- What works is known only now: the statement of one model depends on that of another.
    FOR model IN
        SELECT m.* FROM pgml.models AS m JOIN pgml_1_0.adoption AS a ON a.model_id = m.id
        WHERE a.result IN ('cannot be loaded', 'predicts otherwise')
    LOOP
        SELECT * INTO its_project FROM pgml.projects WHERE id = model.project_id;
        SELECT * INTO its_snapshot FROM pgml.snapshots WHERE id = model.snapshot_id;
        SELECT a.model_id INTO current FROM pgml_1_0.adoption AS a
        WHERE a.deployed AND a.project = its_project.name AND a.result NOT IN ('cannot be loaded', 'was never trained');
        UPDATE pgml_1_0.adoption AS a SET retrain = pg_temp.retrain(model, its_project, its_snapshot, a.deployed, current)
        WHERE a.model_id = model.id;
    END LOOP;
END
$$;
DROP FUNCTION pg_temp.retrain(pgml.models, pgml.projects, pgml.snapshots, boolean, bigint);
DROP FUNCTION pg_temp.rows_of(regclass, bigint);
DROP FUNCTION pg_temp.number(jsonb);
DROP FUNCTION pg_temp.check_model(bigint);
DROP FUNCTION pg_temp.trust(bigint);
DROP FUNCTION pg_temp.add_to_extension(text, regclass, oid, text);

\echo 'What became of the models (also in table pgml_1_0.adoption):'
SELECT model_id, project, algorithm, deployed, result, coalesce(why, compared) AS why FROM pgml_1_0.adoption ORDER BY model_id;
\echo 'To train anew, from the rows that each snapshot keeps:'
\pset format unaligned
\pset tuples_only on
SELECT format(E'-- model %s\n%s', model_id, retrain) FROM pgml_1_0.adoption WHERE retrain IS NOT NULL ORDER BY model_id;
\pset format aligned
\pset tuples_only off
\echo 'Rows that were changed (also in table pgml_1_0.adopted_rows):'
SELECT * FROM pgml_1_0.adopted_rows ORDER BY what;
\echo 'Objects that were changed (with their old definitions in table pgml_1_0.adopted_objects):'
SELECT what, count(*) AS objects FROM pgml_1_0.adopted_objects GROUP BY what ORDER BY what;
\echo 'What still hangs on schema pgml_1_0 (also by pgml.adoption_leftovers()):'
SELECT * FROM pgml.adoption_leftovers();

\if :{?check}
ROLLBACK;
\echo 'This was a check: nothing has changed.'
\else
COMMIT;
\echo 'The adoption is done. Compare; then drop schema pgml_1_0 when pgml.adoption_leftovers() has no row.'
\endif
\unset QUIET
