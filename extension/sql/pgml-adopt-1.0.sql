-- Adopts a database of PostgresML 1.0, whose schema pgml holds plain objects, into the extension's edition 1.0.
--
--     psql -X -d DATABASE -f pgml-adopt-1.0.sql
--
-- Takes a superuser, since loading a model runs its code. One transaction: an error leaves the database as it was.
-- What there was before stays in schema pgml_1_0, with the table pgml_1_0.adoption that says what became of each model;
-- drop it when all is well. Explained in docs/sql/adoption.md.

\set ON_ERROR_STOP on
\set QUIET on

BEGIN;

-- Definitions of views are printed with the schema of each name, and nothing of a user's is called by accident.
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
    IF to_regnamespace('pgml_1_0') IS NOT NULL THEN
        RAISE EXCEPTION 'schema pgml_1_0, which is to keep the old objects, exists already' USING
            ERRCODE = 'duplicate_object', HINT = 'Rename it, or drop it when it is not needed.';
    END IF;
    SELECT string_agg(format('pgml.%s.%s', needed.tbl, needed.col), ', ') INTO missing
    FROM (VALUES
        ('projects', 'id'), ('projects', 'name'), ('projects', 'task'), ('projects', 'created_at'), ('projects', 'updated_at'),
        ('snapshots', 'id'), ('snapshots', 'relation_name'), ('snapshots', 'y_column_name'), ('snapshots', 'test_size'),
        ('snapshots', 'test_sampling'), ('snapshots', 'status'), ('snapshots', 'columns'), ('snapshots', 'analysis'),
        ('snapshots', 'created_at'), ('snapshots', 'updated_at'),
        ('models', 'id'), ('models', 'project_id'), ('models', 'snapshot_id'), ('models', 'algorithm_name'),
        ('models', 'hyperparams'), ('models', 'status'), ('models', 'search'), ('models', 'search_params'),
        ('models', 'search_args'), ('models', 'created_at'), ('models', 'updated_at'), ('models', 'metrics'),
        ('deployments', 'id'), ('deployments', 'project_id'), ('deployments', 'model_id'), ('deployments', 'strategy'),
        ('deployments', 'created_at'),
        ('files', 'id'), ('files', 'model_id'), ('files', 'path'), ('files', 'part'), ('files', 'created_at'),
        ('files', 'updated_at'), ('files', 'data')
    ) AS needed(tbl, col)
    WHERE NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('pgml.' || needed.tbl) AND attname = needed.col AND NOT attisdropped
    );
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'schema pgml is not PostgresML 1.0''s: it has no %', missing USING
            ERRCODE = 'undefined_column', HINT = 'Releases before 1.0 are first updated to it by their own means.';
    END IF;
END
$$;
LOCK TABLE pgml.projects, pgml.snapshots, pgml.models, pgml.deployments, pgml.files IN ACCESS EXCLUSIVE MODE;

---------------------------------------------------------------------------------------------------
-- Aside with the old objects
---------------------------------------------------------------------------------------------------

-- Views of users that name old objects. They are told of the new ones below.
CREATE TEMPORARY TABLE pgml_adopt_views ON COMMIT DROP AS
SELECT DISTINCT v.oid, v.relkind, pg_get_viewdef(v.oid) AS definition
FROM pg_class AS v
JOIN pg_rewrite AS r ON r.ev_class = v.oid
JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
LEFT JOIN pg_class AS c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid
LEFT JOIN pg_proc AS p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
WHERE v.relkind IN ('v', 'm')
AND (
    (c.relnamespace = 'pgml'::regnamespace AND c.relname IN (
        'projects', 'snapshots', 'models', 'deployments', 'files', 'overview', 'trained_models', 'deployed_models'))
    OR p.pronamespace = 'pgml'::regnamespace
)
AND v.oid NOT IN (
    SELECT oid FROM pg_class
    WHERE relnamespace = 'pgml'::regnamespace AND relname IN ('overview', 'trained_models', 'deployed_models')
);

ALTER SCHEMA pgml RENAME TO pgml_1_0;
CREATE EXTENSION pgml VERSION '1.0';

---------------------------------------------------------------------------------------------------
-- Rows, with their ids
---------------------------------------------------------------------------------------------------

INSERT INTO pgml.projects (id, name, task, created_at, updated_at)
SELECT id, name, task, created_at, updated_at FROM pgml_1_0.projects;

INSERT INTO pgml.snapshots (
    id, relation_name, y_column_name, test_size, test_sampling, status, columns, analysis, created_at, updated_at
)
SELECT id, relation_name, y_column_name, test_size, test_sampling, status, columns, analysis, created_at, updated_at
FROM pgml_1_0.snapshots;

INSERT INTO pgml.models (
    id, project_id, snapshot_id, algorithm_name, hyperparams, status, search, search_params, search_args, created_at,
    updated_at, metrics
)
SELECT
    id, project_id, snapshot_id, algorithm_name, coalesce(hyperparams, '{}'), status, search, coalesce(search_params, '{}'),
    coalesce(search_args, '{}'), created_at, updated_at, metrics
FROM pgml_1_0.models;

INSERT INTO pgml.deployments (id, project_id, model_id, strategy, created_at)
SELECT id, project_id, model_id, strategy, created_at FROM pgml_1_0.deployments;

INSERT INTO pgml.files (id, model_id, path, part, created_at, updated_at, data)
SELECT id, model_id, path, part, created_at, updated_at, data FROM pgml_1_0.files;

-- The next id is the one that it would have been, also where the last rows were deleted.
DO $$
DECLARE
    name text;
    sequence text;
BEGIN
    FOREACH name IN ARRAY '{projects,snapshots,models,deployments,files}'::text[] LOOP
        sequence := pg_get_serial_sequence('pgml_1_0.' || name, 'id');
        IF sequence IS NOT NULL THEN
            EXECUTE format('SELECT setval(%L, last_value, is_called) FROM %s', 'pgml.' || name || '_id_seq', sequence);
        ELSE
            EXECUTE format('SELECT setval(%L, coalesce(max(id), 0) + 1, false) FROM pgml_1_0.%I', 'pgml.' || name || '_id_seq', name);
        END IF;
    END LOOP;
END
$$;

---------------------------------------------------------------------------------------------------
-- Snapshots' rows, data sets, and whatever else was in the schema
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    member record;
BEGIN
    FOR member IN
        SELECT c.oid::regclass AS name, c.relkind
        FROM pg_class AS c
        WHERE c.relnamespace = 'pgml_1_0'::regnamespace AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
        AND c.relname NOT IN (
            'projects', 'snapshots', 'models', 'deployments', 'files', 'overview', 'trained_models', 'deployed_models')
        -- A sequence that belongs to a column goes where its table goes.
        AND NOT (c.relkind = 'S' AND EXISTS (
            SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype IN ('a', 'i')))
    LOOP
        EXECUTE format(
            'ALTER %s %s SET SCHEMA pgml',
            CASE member.relkind
                WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE'
            END, member.name
        );
    END LOOP;
END
$$;

---------------------------------------------------------------------------------------------------
-- Privileges
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT
            c.relname, c.relkind, a.privilege_type, a.is_grantable,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM pg_class AS c, aclexplode(c.relacl) AS a
        WHERE c.relnamespace = 'pgml_1_0'::regnamespace AND a.grantee <> c.relowner AND c.relkind IN ('r', 'v', 'S')
        AND to_regclass(format('pgml.%I', c.relname)) IS NOT NULL
    LOOP
        EXECUTE format(
            'GRANT %s ON %s pgml.%I TO %s%s', granted.privilege_type,
            CASE granted.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, granted.relname, granted.grantee,
            CASE WHEN granted.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        );
        IF granted.relname = 'files' AND granted.privilege_type IN ('INSERT', 'UPDATE') THEN
            RAISE WARNING '% may still write to pgml.files, and so may make models unreadable', granted.grantee;
        END IF;
    END LOOP;
    FOR granted IN
        SELECT a.privilege_type, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM pg_namespace AS n, aclexplode(n.nspacl) AS a
        WHERE n.nspname = 'pgml_1_0' AND a.grantee <> n.nspowner
    LOOP
        EXECUTE format('GRANT %s ON SCHEMA pgml TO %s', granted.privilege_type, granted.grantee);
    END LOOP;
END
$$;

---------------------------------------------------------------------------------------------------
-- Users' views
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    stale record;
    name regclass;
BEGIN
    FOR stale IN SELECT * FROM pg_temp.pgml_adopt_views LOOP
        name := stale.oid;
        IF stale.relkind = 'm' THEN
            RAISE WARNING 'materialized view % still reads the old objects', name USING
                HINT = 'Make it anew before schema pgml_1_0 is dropped.';
            CONTINUE;
        END IF;
        BEGIN
            EXECUTE format('CREATE OR REPLACE VIEW %s AS %s', name, stale.definition);
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'view % still reads the old objects: %', name, SQLERRM USING
                HINT = 'Make it anew before schema pgml_1_0 is dropped.';
        END;
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

CREATE TABLE pgml_1_0.adoption (
    model_id  bigint PRIMARY KEY,
    project   text NOT NULL,
    algorithm text NOT NULL,
    deployed  boolean NOT NULL,
    result    text NOT NULL,
    why       text,
    retrain   text
);
COMMENT ON TABLE pgml_1_0.adoption IS 'What became of each model when PostgresML 1.0 was adopted, and how to train anew what could not be';

DO $$
DECLARE
    model record;
    checked jsonb;
    key text;
    recorded float8;
    found float8;
    result text;
    why text;
    rows_of text;
    retrain text;
BEGIN
    FOR model IN
        SELECT
            m.*, p.name AS project, p.task, s.relation_name, s.y_column_name, s.test_size, s.test_sampling,
            to_regclass(format('pgml.snapshot_%s', s.id)) AS kept,
            m.id = (SELECT d.model_id FROM pgml.deployments AS d WHERE d.project_id = p.id ORDER BY d.id DESC LIMIT 1) AS deployed
        FROM pgml.models AS m
        JOIN pgml.projects AS p ON p.id = m.project_id
        LEFT JOIN pgml.snapshots AS s ON s.id = m.snapshot_id
        ORDER BY m.id
    LOOP
        key := CASE model.task WHEN 'regression' THEN 'r2' ELSE 'f1' END;
        recorded := (model.metrics->>key)::float8;
        why := NULL;
        IF model.status <> 'successful' THEN
            result := 'was never trained';
            why := format('its status is %s', model.status);
        ELSE
            IF EXISTS (SELECT FROM pgml.files AS f WHERE f.model_id = model.id) THEN
                PERFORM pg_temp.trust(model.id);
            END IF;
            BEGIN
                checked := pg_temp.check_model(model.id);
                SELECT (split->>key)::float8 INTO found
                FROM jsonb_array_elements(checked->'splits') AS split
                ORDER BY abs((split->>key)::float8 - recorded) LIMIT 1;
                IF found IS NULL OR recorded IS NULL THEN
                    result := 'loads; there is nothing to compare with';
                    why := coalesce(checked->>'not_compared', format('no %s is noted in its metrics', key));
                ELSIF abs(found - recorded) <= 1e-6 * greatest(1, abs(recorded)) THEN
                    result := 'predicts as recorded';
                ELSE
                    result := 'predicts otherwise';
                    why := format('%s was %s, and is %s on the rows of snapshot %s', key, recorded, found, model.snapshot_id);
                END IF;
            EXCEPTION WHEN undefined_file THEN
                -- Not the model's fault: the packages are missing.
                RAISE;
            WHEN OTHERS THEN
                result := 'cannot be loaded';
                why := SQLERRM;
            END;
        END IF;
        retrain := NULL;
        IF result IN ('cannot be loaded', 'predicts otherwise') AND model.snapshot_id IS NOT NULL THEN
            -- The kept rows were shuffled already.
            rows_of := coalesce(model.kept::text, model.relation_name);
            retrain := format(
                'SELECT * FROM pgml.%s(%L, %L, %L, %s, %L, %L, test_size => %s, test_sampling => %L);',
                CASE WHEN cardinality(model.y_column_name) > 1 THEN 'train_joint' ELSE 'train' END,
                model.project, model.task, rows_of,
                CASE
                    WHEN cardinality(model.y_column_name) > 1 THEN quote_literal(model.y_column_name)
                    ELSE quote_literal(model.y_column_name[1])
                END,
                model.algorithm_name, model.hyperparams, model.test_size,
                CASE
                    WHEN model.test_sampling = 'first' OR model.kept IS NULL THEN model.test_sampling
                    ELSE 'last'
                END
            );
            IF model.deployed THEN
                retrain := retrain || format(' SELECT * FROM pgml.deploy(%L, %L);', model.project, 'most_recent');
            END IF;
        END IF;
        INSERT INTO pgml_1_0.adoption
        VALUES (model.id, model.project, model.algorithm_name, coalesce(model.deployed, false), result, why, retrain);
    END LOOP;
END
$$;
DROP FUNCTION pg_temp.check_model(bigint);
DROP FUNCTION pg_temp.trust(bigint);

---------------------------------------------------------------------------------------------------
-- Nothing is lost
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    name text;
    before bigint;
    after bigint;
BEGIN
    FOREACH name IN ARRAY '{projects,snapshots,models,deployments,files}'::text[] LOOP
        EXECUTE format('SELECT count(*) FROM pgml_1_0.%I', name) INTO before;
        EXECUTE format('SELECT count(*) FROM pgml.%I', name) INTO after;
        IF before <> after THEN
            RAISE EXCEPTION 'pgml.% has % rows, and had %', name, after, before;
        END IF;
    END LOOP;
END
$$;

COMMIT;

\unset QUIET
\echo 'What became of the models (also in table pgml_1_0.adoption):'
SELECT model_id, project, algorithm, deployed, result, why FROM pgml_1_0.adoption ORDER BY model_id;
\echo 'To train anew, from the rows that each snapshot keeps:'
SELECT model_id, retrain FROM pgml_1_0.adoption WHERE retrain IS NOT NULL ORDER BY model_id;
\echo 'The old objects are in schema pgml_1_0. When all is well: DROP SCHEMA pgml_1_0 CASCADE;'
