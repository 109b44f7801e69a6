-- Brings a database of PostgresML 2.0 to 2.9 to the tables of 2.10, and then to this release by ALTER EXTENSION pgml UPDATE.
--
--     psql -X -d DATABASE -v check=1 -f pgml-adopt-2.sql     the same, and at its end everything is rolled back
--     psql -X -d DATABASE -f pgml-adopt-2.sql
--
-- Takes a superuser. What the tables look like decides, and not the version alone: releases differ by a column, by what may be NULL,
-- by foreign keys, by the names of enums' values, and by the views. Two transactions, since a new value of an enum can't be used in
-- the one that adds it. After the first the database is one of 2.10; an error in the second leaves it so.
-- Explained in docs/sql/edition-2.10.md.

\set ON_ERROR_STOP on
\set QUIET on

BEGIN;

-- Definitions are printed with the schema of each name, and nothing of a user's is called by accident.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;

---------------------------------------------------------------------------------------------------
-- Whether this is a database to adopt
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    version text := (SELECT extversion FROM pg_extension WHERE extname = 'pgml');
    missing text;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'adopting a database takes a superuser' USING
            ERRCODE = 'insufficient_privilege', HINT = 'Loading a model runs the code that is in it.';
    END IF;
    IF version IS NULL THEN
        RAISE EXCEPTION 'this database has no extension pgml' USING
            ERRCODE = 'undefined_object', HINT = 'PostgresML 1.0 was no extension: pgml-adopt-1.0.sql adopts its databases.';
    END IF;
    IF version !~ '^2\.[0-9]\.' THEN
        RAISE EXCEPTION 'this database has pgml %, and not PostgresML 2.0 to 2.9', version USING
            ERRCODE = 'object_not_in_prerequisite_state', HINT = 'ALTER EXTENSION pgml UPDATE moves it on.';
    END IF;
    SELECT string_agg(format('pgml.%s.%s %s', needed.tbl, needed.col, needed.typ), ', ') INTO missing
    FROM (VALUES
        ('projects', 'id', 'bigint'), ('projects', 'name', 'text'), ('projects', 'task', 'pgml.task'),
        ('projects', 'created_at', 'timestamp without time zone'), ('projects', 'updated_at', 'timestamp without time zone'),
        ('snapshots', 'id', 'bigint'), ('snapshots', 'relation_name', 'text'), ('snapshots', 'y_column_name', 'text[]'),
        ('snapshots', 'test_size', 'real'), ('snapshots', 'test_sampling', 'pgml.sampling'), ('snapshots', 'status', 'text'),
        ('snapshots', 'columns', 'jsonb'), ('snapshots', 'analysis', 'jsonb'),
        ('snapshots', 'created_at', 'timestamp without time zone'), ('snapshots', 'updated_at', 'timestamp without time zone'),
        ('models', 'id', 'bigint'), ('models', 'project_id', 'bigint'), ('models', 'snapshot_id', 'bigint'),
        ('models', 'num_features', 'integer'), ('models', 'algorithm', 'text'), ('models', 'runtime', 'pgml.runtime'),
        ('models', 'hyperparams', 'jsonb'), ('models', 'status', 'text'), ('models', 'metrics', 'jsonb'),
        ('models', 'search', 'text'), ('models', 'search_params', 'jsonb'), ('models', 'search_args', 'jsonb'),
        ('models', 'created_at', 'timestamp without time zone'), ('models', 'updated_at', 'timestamp without time zone'),
        ('deployments', 'id', 'bigint'), ('deployments', 'project_id', 'bigint'), ('deployments', 'model_id', 'bigint'),
        ('deployments', 'strategy', 'pgml.strategy'), ('deployments', 'created_at', 'timestamp without time zone'),
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
        RAISE EXCEPTION 'the tables of pgml % are none that can be adopted: they have no %', version, missing USING
            ERRCODE = 'undefined_column', HINT = 'Update the database to 2.10.0 by PostgresML''s own package first.';
    END IF;
END
$$;
LOCK TABLE pgml.projects, pgml.snapshots, pgml.models, pgml.deployments, pgml.files IN ACCESS EXCLUSIVE MODE;

CREATE TEMPORARY TABLE pgml_adopted (what text NOT NULL) ON COMMIT DROP;

---------------------------------------------------------------------------------------------------
-- Columns and values
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    wanted record;
BEGIN
    -- 2.0 has no such column: it kept a copy of every snapshot's rows.
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'pgml.snapshots'::regclass AND attname = 'materialized' AND NOT attisdropped) THEN
        ALTER TABLE pgml.snapshots ADD COLUMN materialized boolean;
        ALTER TABLE pgml.snapshots DISABLE TRIGGER USER;
        UPDATE pgml.snapshots SET materialized = to_regclass(format('pgml.%I', 'snapshot_' || id)) IS NOT NULL;
        ALTER TABLE pgml.snapshots ENABLE TRIGGER USER;
        ALTER TABLE pgml.snapshots ALTER COLUMN materialized SET DEFAULT false;
        INSERT INTO pg_temp.pgml_adopted VALUES ('column materialized of table pgml.snapshots was added');
    END IF;
    FOR wanted IN
        SELECT attrelid::regclass AS tbl, attname AS name FROM pg_attribute
        WHERE (attrelid, attname) IN (('pgml.snapshots'::regclass, 'y_column_name'), ('pgml.models'::regclass, 'snapshot_id')) AND attnotnull
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', wanted.tbl, wanted.name);
        INSERT INTO pg_temp.pgml_adopted VALUES (format('column %I of table %s may be NULL', wanted.name, wanted.tbl));
    END LOOP;
    IF EXISTS (SELECT FROM pg_enum WHERE enumtypid = 'pgml.task'::regtype AND enumlabel = 'cluster') THEN
        ALTER TYPE pgml.task RENAME VALUE 'cluster' TO 'clustering';
        INSERT INTO pg_temp.pgml_adopted VALUES ('value cluster of type pgml.task is called clustering');
    END IF;
    FOR wanted IN
        SELECT split_part(one, '.', 1) AS type, split_part(one, '.', 2) AS label
        FROM unnest('{task.regression,task.classification,task.clustering,task.decomposition,runtime.python,runtime.rust,
            search.grid,search.random,sampling.random,sampling.last,sampling.stratified,
            strategy.new_score,strategy.best_score,strategy.most_recent,strategy.rollback,strategy.specific}'::text[]) AS one
    LOOP
        IF NOT EXISTS (SELECT FROM pg_enum WHERE enumtypid = to_regtype('pgml.' || wanted.type) AND enumlabel = wanted.label) THEN
            EXECUTE format('ALTER TYPE pgml.%I ADD VALUE %L', wanted.type, wanted.label);
            INSERT INTO pg_temp.pgml_adopted VALUES (format('type pgml.%I has the value %s', wanted.type, wanted.label));
        END IF;
    END LOOP;
END
$$;

---------------------------------------------------------------------------------------------------
-- Foreign keys
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    wanted record;
    lost text;
    old name;
BEGIN
    FOR wanted IN SELECT * FROM (VALUES
        ('models', 'project_id', 'projects', 'c'), ('models', 'snapshot_id', 'snapshots', 'n'),
        ('deployments', 'project_id', 'projects', 'c'), ('deployments', 'model_id', 'models', 'c'), ('files', 'model_id', 'models', 'c')
    ) AS t (tbl, col, target, action) LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_constraint WHERE conrelid = to_regclass('pgml.' || wanted.tbl) AND confrelid = to_regclass('pgml.' || wanted.target)
            AND contype = 'f' AND confdeltype::text = wanted.action AND convalidated AND conkey = (
                SELECT ARRAY[attnum] FROM pg_attribute WHERE attrelid = to_regclass('pgml.' || wanted.tbl) AND attname = wanted.col)
        );
        EXECUTE format(
            'SELECT string_agg(t.id::text, '', '' ORDER BY t.id) FROM pgml.%I AS t
             WHERE t.%I IS NOT NULL AND NOT EXISTS (SELECT FROM pgml.%I AS o WHERE o.id = t.%2$I)', wanted.tbl, wanted.col, wanted.target
        ) INTO lost;
        IF lost IS NOT NULL THEN
            RAISE EXCEPTION 'rows of pgml.% are of % that are gone: %', wanted.tbl, wanted.target, lost USING
                ERRCODE = 'foreign_key_violation',
                HINT = format('When nobody needs them: DELETE FROM pgml.%I WHERE id IN (%s);', wanted.tbl, lost);
        END IF;
        FOR old IN
            SELECT conname FROM pg_constraint WHERE conrelid = to_regclass('pgml.' || wanted.tbl) AND contype = 'f' AND conkey = (
                SELECT ARRAY[attnum] FROM pg_attribute WHERE attrelid = to_regclass('pgml.' || wanted.tbl) AND attname = wanted.col)
            AND confrelid = to_regclass('pgml.' || wanted.target)
        LOOP
            EXECUTE format('ALTER TABLE pgml.%I DROP CONSTRAINT %I', wanted.tbl, old);
        END LOOP;
        EXECUTE format(
            'ALTER TABLE pgml.%I ADD FOREIGN KEY (%I) REFERENCES pgml.%I (id) ON DELETE %s', wanted.tbl, wanted.col, wanted.target,
            CASE wanted.action WHEN 'c' THEN 'CASCADE' ELSE 'SET NULL' END
        );
        INSERT INTO pg_temp.pgml_adopted VALUES (format('column %I of table pgml.%I has 2.10''s foreign key', wanted.col, wanted.tbl));
    END LOOP;
END
$$;

---------------------------------------------------------------------------------------------------
-- Views: those of 2.10 have a column more
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    old record;
    users text;
    granted record;
BEGIN
    FOR old IN
        SELECT c.oid, relname AS name, relowner::regrole AS owner, relacl AS acl, reloptions AS options
        FROM pg_class AS c WHERE oid IN (to_regclass('pgml.overview'), to_regclass('pgml.trained_models'), to_regclass('pgml.deployed_models'))
        AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'runtime')
    LOOP
        SELECT string_agg(DISTINCT coalesce(pg_describe_object('pg_class'::regclass, r.ev_class, 0), pg_describe_object(d.classid, d.objid, d.objsubid)), ', ')
        INTO users
        FROM pg_depend AS d LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
        WHERE d.deptype = 'n' AND r.ev_class IS DISTINCT FROM old.oid AND (d.refclassid, d.refobjid) IN (
            ('pg_class'::regclass, old.oid), ('pg_type'::regclass, (SELECT reltype FROM pg_class WHERE oid = old.oid)));
        IF users IS NOT NULL THEN
            RAISE EXCEPTION 'view pgml.% is made anew, and objects use it: %', old.name, users USING
                ERRCODE = 'dependent_objects_still_exist',
                HINT = 'Keep the definitions of these objects, drop them, adopt, and create them again.';
        END IF;
        EXECUTE format('ALTER EXTENSION pgml DROP VIEW pgml.%I', old.name);
        EXECUTE format('DROP VIEW pgml.%I', old.name);
        EXECUTE format('CREATE VIEW pgml.%I%s AS %s', old.name, coalesce(' WITH (' || array_to_string(old.options, ', ') || ')', ''), CASE old.name
            WHEN 'overview' THEN
                'SELECT p.name, d.created_at AS deployed_at, p.task, m.algorithm, m.runtime, s.relation_name, s.y_column_name, s.test_sampling, s.test_size
                 FROM pgml.projects AS p JOIN pgml.models AS m ON m.project_id = p.id
                 JOIN pgml.deployments AS d ON d.project_id = p.id AND d.model_id = m.id
                 JOIN pgml.snapshots AS s ON s.id = m.snapshot_id ORDER BY d.created_at DESC'
            WHEN 'trained_models' THEN
                'SELECT m.id, p.name, p.task, m.algorithm, m.runtime, m.created_at, s.test_sampling, s.test_size, false AS deployed
                 FROM pgml.projects AS p JOIN pgml.models AS m ON m.project_id = p.id
                 JOIN pgml.snapshots AS s ON s.id = m.snapshot_id ORDER BY m.created_at DESC'
            ELSE
                'SELECT m.id, p.name, p.task, m.algorithm, m.runtime, d.created_at AS deployed_at
                 FROM pgml.projects AS p JOIN pgml.deployments AS d ON d.project_id = p.id
                 JOIN pgml.models AS m ON m.id = d.model_id ORDER BY p.name'
        END);
        -- Before it has privileges: what a member has when it becomes one is the extension's, and no dump saves it.
        EXECUTE format('ALTER EXTENSION pgml ADD VIEW pgml.%I', old.name);
        EXECUTE format('ALTER VIEW pgml.%I OWNER TO %s', old.name, old.owner);
        FOR granted IN
            SELECT privilege_type, is_grantable, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee
            FROM aclexplode(old.acl) WHERE grantee <> old.owner
        LOOP
            EXECUTE format('GRANT %s ON pgml.%I TO %s%s', granted.privilege_type, old.name, granted.grantee,
                CASE WHEN granted.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
        END LOOP;
        INSERT INTO pg_temp.pgml_adopted VALUES (format('view pgml.%I has the column runtime', old.name));
    END LOOP;
END
$$;

UPDATE pg_extension SET extversion = '2.10.0' WHERE extname = 'pgml';

\echo 'What was changed to make this a database of PostgresML 2.10.0:'
SELECT what FROM pg_temp.pgml_adopted ORDER BY what;

\if :{?check}
ROLLBACK;
\echo 'This was a check: nothing has changed.'
\else
COMMIT;
ALTER EXTENSION pgml UPDATE;
\echo 'The adoption is done.'
\endif
\unset QUIET
