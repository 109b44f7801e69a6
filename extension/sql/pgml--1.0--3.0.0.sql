-- pgml 1.0 to 3.0.0: the same rows in the tables of this release, and its functions in the place of 1.0's.
--
-- A step of its own, though 2.10.0 lies between: predictions are double precision in both 1.0 and 3.0.0 and `real` in 2.10.0,
-- so that the way over 2.10.0 would refuse every database with a view on `predict`.
--
-- Models stay where they are: their bytes mean the same in every edition. Tables are altered, not made anew, so that what
-- refers to them still does. Nothing is dropped or altered that something of the user's depends on: the update names all of
-- it before it begins, and the database is as it was.

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
        WHERE m.classid = 'pg_proc'::regclass AND p.proname = ANY ('{version,load_dataset,snapshot,train,train_joint,deploy,model_predict}')
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
        RAISE EXCEPTION 'pgml 3.0.0 changes what these objects use: %', found.names USING
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
        RAISE EXCEPTION 'projects with tasks that pgml 3.0.0 does not have: %', found
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
        RAISE EXCEPTION 'deployments with a strategy that pgml 3.0.0 does not have: %', found
            USING HINT = 'Set strategy to new_score, best_score, most_recent or rollback.';
    END IF;
END
$$;

---------------------------------------------------------------------------------------------------
-- Types
---------------------------------------------------------------------------------------------------

CREATE TYPE pgml.task AS ENUM ('regression', 'classification', 'clustering', 'decomposition', 'transformer');
COMMENT ON TYPE pgml.task IS 'What a project learns';

-- The names of both older editions: 1.0 spelt orthogonal matching pursuit in its own way, and its databases still do.
CREATE TYPE pgml.algorithm AS ENUM (
    'linear',
    'ridge',
    'lasso',
    'elastic_net',
    'least_angle',
    'lasso_least_angle',
    'orthoganl_matching_pursuit',
    'orthogonal_matching_pursuit',
    'bayesian_ridge',
    'automatic_relevance_determination',
    'stochastic_gradient_descent',
    'perceptron',
    'passive_aggressive',
    'ransac',
    'theil_sen',
    'huber',
    'quantile',
    'kernel_ridge',
    'gaussian_process',
    'svm',
    'nu_svm',
    'linear_svm',
    'ada_boost',
    'bagging',
    'extra_trees',
    'gradient_boosting_trees',
    'hist_gradient_boosting',
    'random_forest',
    'xgboost',
    'xgboost_random_forest',
    'lightgbm',
    'kmeans',
    'mini_batch_kmeans',
    'birch',
    'affinity_propagation',
    'mean_shift',
    'pca',
    'catboost',
    'knn',
    'dbscan',
    'optics',
    'spectral',
    'spectral_bi',
    'spectral_co',
    'feature_agglomeration'
);
COMMENT ON TYPE pgml.algorithm IS 'How a model learns';

CREATE TYPE pgml.runtime AS ENUM ('python', 'rust');
COMMENT ON TYPE pgml.runtime IS 'What trains a model and predicts with it';

CREATE TYPE pgml.search AS ENUM ('grid', 'random');
COMMENT ON TYPE pgml.search IS 'How hyperparameters are searched';

CREATE TYPE pgml.sampling AS ENUM ('random', 'last', 'stratified');
COMMENT ON TYPE pgml.sampling IS 'How test rows are chosen';

CREATE TYPE pgml.strategy AS ENUM ('new_score', 'best_score', 'most_recent', 'rollback', 'specific');
COMMENT ON TYPE pgml.strategy IS 'Why a model was deployed';

CREATE TYPE pgml.status AS ENUM ('in_progress', 'successful', 'failed');
COMMENT ON TYPE pgml.status IS 'How far a snapshot or a model has come';

-- Drivers send what the function's own type is not: psycopg a text or json, JDBC and Npgsql a varchar. PostgreSQL turns none of them
-- into an enum or jsonb by itself. A parameter of one of these types takes them all; no other function is touched.
DO $$
DECLARE
    sent text;
    target text;
BEGIN
    FOREACH target IN ARRAY '{task,algorithm,runtime,search,sampling,strategy}'::text[] LOOP
        FOREACH sent IN ARRAY '{text,character varying,character}'::text[] LOOP
            EXECUTE format('CREATE CAST (%s AS pgml.%I) WITH INOUT AS IMPLICIT', sent, target);
        END LOOP;
    END LOOP;
END
$$;

CREATE TYPE pgml.anyjson;
CREATE FUNCTION pgml.anyjson_in(cstring) RETURNS pgml.anyjson
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'jsonb_in';
COMMENT ON FUNCTION pgml.anyjson_in(cstring) IS 'Input of pgml.anyjson, which is jsonb''s';
CREATE FUNCTION pgml.anyjson_out(pgml.anyjson) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'jsonb_out';
COMMENT ON FUNCTION pgml.anyjson_out(pgml.anyjson) IS 'Output of pgml.anyjson, which is jsonb''s';
CREATE FUNCTION pgml.anyjson_recv(internal) RETURNS pgml.anyjson
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'jsonb_recv';
COMMENT ON FUNCTION pgml.anyjson_recv(internal) IS 'Binary input of pgml.anyjson, which is jsonb''s';
CREATE FUNCTION pgml.anyjson_send(pgml.anyjson) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'jsonb_send';
COMMENT ON FUNCTION pgml.anyjson_send(pgml.anyjson) IS 'Binary output of pgml.anyjson, which is jsonb''s';
CREATE TYPE pgml.anyjson (
    INPUT = pgml.anyjson_in,
    OUTPUT = pgml.anyjson_out,
    RECEIVE = pgml.anyjson_recv,
    SEND = pgml.anyjson_send,
    LIKE = jsonb
);
COMMENT ON TYPE pgml.anyjson IS 'A parameter that takes jsonb, json and text: JSON, stored as jsonb';
CREATE CAST (jsonb AS pgml.anyjson) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (json AS pgml.anyjson) WITH INOUT AS IMPLICIT;
CREATE CAST (text AS pgml.anyjson) WITH INOUT AS IMPLICIT;
CREATE CAST (character varying AS pgml.anyjson) WITH INOUT AS IMPLICIT;
CREATE CAST (pgml.anyjson AS jsonb) WITHOUT FUNCTION AS ASSIGNMENT;

---------------------------------------------------------------------------------------------------
-- What 1.0 has and this release has otherwise
---------------------------------------------------------------------------------------------------

DROP VIEW pgml.overview;
DROP VIEW pgml.trained_models;
DROP VIEW pgml.deployed_models;
DROP FUNCTION pgml.version();
DROP FUNCTION pgml.load_dataset(text, text, int, jsonb);
DROP FUNCTION pgml.snapshot(text, text[], real, text);
DROP FUNCTION pgml.train(text, text, text, text, text, jsonb, text, jsonb, jsonb, real, text);
DROP FUNCTION pgml.train_joint(text, text, text, text[], text, jsonb, text, jsonb, jsonb, real, text);
DROP FUNCTION pgml.deploy(text, text, text);
DROP FUNCTION pgml.model_predict(bigint, float8[]);
-- These two stay, with what depends on them; a NULL is an error from here on.
CREATE OR REPLACE FUNCTION pgml.predict(project_name text, features float8[]) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_wrapper';
CREATE OR REPLACE FUNCTION pgml.predict_joint(project_name text, features float8[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_joint_wrapper';

---------------------------------------------------------------------------------------------------
-- Tables
---------------------------------------------------------------------------------------------------

-- The name of a transformer's task stays with its models.
UPDATE pgml.models AS m SET metrics = coalesce(metrics, '{}') || jsonb_build_object('task', p.task)
FROM pgml.projects AS p WHERE p.id = m.project_id AND p.task NOT IN ('regression', 'classification');
ALTER TABLE pgml.projects ALTER COLUMN task TYPE pgml.task
    USING CASE WHEN task IN ('regression', 'classification') THEN task ELSE 'transformer' END::pgml.task;
-- The score by which models are compared; NULL: the task's usual one.
ALTER TABLE pgml.projects ADD COLUMN metric text;

ALTER TABLE pgml.deployments ALTER COLUMN strategy TYPE pgml.strategy USING strategy::pgml.strategy;

ALTER TABLE pgml.snapshots ADD COLUMN materialized boolean DEFAULT false;
ALTER TABLE pgml.snapshots ALTER COLUMN status DROP DEFAULT;
COMMENT ON TABLE pgml.snapshots IS 'The data that models were trained on: relation, columns, and how the rows were split';

ALTER TABLE pgml.models RENAME COLUMN algorithm_name TO algorithm;
-- From Postgres 18 on, NOT NULL is a constraint with a name, which a column's new name does not change.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_constraint WHERE conrelid = 'pgml.models'::regclass AND conname = 'models_algorithm_name_not_null'
    ) THEN
        ALTER TABLE pgml.models RENAME CONSTRAINT models_algorithm_name_not_null TO models_algorithm_not_null;
    END IF;
END
$$;
ALTER TABLE pgml.models ADD COLUMN num_features int;
ALTER TABLE pgml.models ADD COLUMN runtime pgml.runtime DEFAULT 'python';
ALTER TABLE pgml.models ALTER COLUMN status DROP DEFAULT;
ALTER TABLE pgml.models ALTER COLUMN hyperparams DROP DEFAULT;
ALTER TABLE pgml.models ALTER COLUMN search_params DROP DEFAULT;
ALTER TABLE pgml.models ALTER COLUMN search_args DROP DEFAULT;
-- Some databases of 1.0 note no success; what has bytes and scores was trained.
UPDATE pgml.models AS m SET status = CASE
    WHEN metrics IS NOT NULL AND EXISTS (SELECT FROM pgml.files AS f WHERE f.model_id = m.id AND length(f.data) > 0)
    THEN 'successful' ELSE 'failed' END
WHERE status <> 'successful';

-- 1.0 notes a column's type by its name; this release notes what a model's features are made of, in their order. The table
-- with the rows tells.
DO $$
DECLARE
    snapshot record;
    kept regclass;
    width int;
    features int;
    test int;
    described jsonb;
    member record;
BEGIN
    FOR snapshot IN SELECT * FROM pgml.snapshots ORDER BY id LOOP
        kept := to_regclass(format('pgml.snapshot_%s', snapshot.id));
        features := 0;
        described := '[]';
        FOR member IN
            SELECT
                a.attname AS name,
                a.attname = ANY (coalesce(snapshot.y_column_name, '{}')) AS label,
                format_type(a.atttypid, a.atttypmod) AS type,
                NOT a.attnotnull AS nullable,
                a.attndims > 0 OR t.typcategory = 'A' AS is_array
            FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
            WHERE a.attrelid = kept AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY 2, array_position(snapshot.y_column_name, a.attname::text), a.attnum
        LOOP
            width := 1;
            IF member.is_array THEN
                EXECUTE format('SELECT coalesce(cardinality(%I), 0) FROM %s LIMIT 1', member.name, kept) INTO width;
                width := coalesce(width, 0);
            END IF;
            IF NOT member.label THEN
                features := features + width;
            END IF;
            described := described || jsonb_build_object(
                'name', member.name, 'pg_type', member.type, 'nullable', member.nullable, 'label', member.label,
                'position', jsonb_array_length(described) + 1, 'size', width, 'array', member.is_array
            );
        END LOOP;
        -- The last rows are the test rows of this release's copies: where they were the first, they move to the end.
        IF snapshot.test_sampling = 'first' AND kept IS NOT NULL THEN
            EXECUTE format('CREATE TEMPORARY TABLE pgml_reordered AS SELECT r.* FROM %s AS r ORDER BY r.ctid', kept);
            SELECT CASE
                WHEN snapshot.test_size > 1 THEN snapshot.test_size
                ELSE ceil(count(*) * snapshot.test_size::text::numeric)
            END INTO test FROM pg_temp.pgml_reordered;
            EXECUTE format('TRUNCATE %s', kept);
            EXECUTE format(
                'INSERT INTO %s SELECT r.* FROM pg_temp.pgml_reordered AS r
                 ORDER BY r.ctid IN (SELECT ctid FROM pg_temp.pgml_reordered ORDER BY ctid LIMIT %s), r.ctid', kept, test
            );
            DROP TABLE pg_temp.pgml_reordered;
        END IF;
        UPDATE pgml.snapshots SET
            columns = CASE WHEN kept IS NULL THEN columns ELSE described END,
            -- The copy's order decides the split, as it did.
            analysis = CASE WHEN kept IS NULL THEN analysis ELSE coalesce(analysis, '{}') || '{"in_order": true}' END,
            status = CASE WHEN status = 'created' THEN 'successful' ELSE 'failed' END,
            test_sampling = CASE WHEN test_sampling = 'first' THEN 'last' ELSE test_sampling END,
            materialized = kept IS NOT NULL
        WHERE id = snapshot.id;
        UPDATE pgml.models SET
            num_features = coalesce((snapshot.analysis->>'features')::int, features)
        WHERE snapshot_id = snapshot.id;
    END LOOP;
END
$$;
UPDATE pgml.models SET num_features = 0 WHERE num_features IS NULL;
ALTER TABLE pgml.models ALTER COLUMN num_features SET NOT NULL;
ALTER TABLE pgml.snapshots ALTER COLUMN test_sampling TYPE pgml.sampling USING test_sampling::pgml.sampling;

---------------------------------------------------------------------------------------------------
-- Views
---------------------------------------------------------------------------------------------------

CREATE VIEW pgml.overview AS
SELECT
    p.name,
    d.created_at AS deployed_at,
    p.task,
    m.algorithm,
    m.runtime,
    s.relation_name,
    s.y_column_name,
    s.test_sampling,
    s.test_size
FROM pgml.projects AS p
JOIN LATERAL (
    SELECT model_id, created_at FROM pgml.deployments WHERE project_id = p.id ORDER BY created_at DESC, id DESC LIMIT 1
) AS d ON true
JOIN pgml.models AS m ON m.id = d.model_id
LEFT JOIN pgml.snapshots AS s ON s.id = m.snapshot_id
ORDER BY d.created_at DESC;
COMMENT ON VIEW pgml.overview IS 'Every project with its deployed model and the data behind it';

CREATE VIEW pgml.trained_models AS
SELECT
    m.id,
    p.name,
    p.task,
    m.algorithm,
    m.runtime,
    m.created_at,
    s.test_sampling,
    s.test_size,
    m.id IS NOT DISTINCT FROM (
        SELECT model_id FROM pgml.deployments WHERE project_id = p.id ORDER BY created_at DESC, id DESC LIMIT 1
    ) AS deployed
FROM pgml.models AS m
JOIN pgml.projects AS p ON p.id = m.project_id
LEFT JOIN pgml.snapshots AS s ON s.id = m.snapshot_id
ORDER BY m.created_at DESC;
COMMENT ON VIEW pgml.trained_models IS 'Every model, and whether it is deployed';

CREATE VIEW pgml.deployed_models AS
SELECT m.id, p.name, p.task, m.algorithm, m.runtime, d.created_at AS deployed_at
FROM pgml.projects AS p
JOIN LATERAL (
    SELECT model_id, created_at FROM pgml.deployments WHERE project_id = p.id ORDER BY created_at DESC, id DESC LIMIT 1
) AS d ON true
JOIN pgml.models AS m ON m.id = d.model_id
ORDER BY d.created_at DESC;
COMMENT ON VIEW pgml.deployed_models IS 'The model that answers for each project';

CREATE VIEW pgml.model_details AS
SELECT
    m.id,
    p.name,
    p.task,
    m.algorithm,
    m.runtime,
    m.status,
    m.id IS NOT DISTINCT FROM (
        SELECT model_id FROM pgml.deployments WHERE project_id = p.id ORDER BY created_at DESC, id DESC LIMIT 1
    ) AS deployed,
    k.key_metric,
    CASE jsonb_typeof(m.metrics->k.key_metric) WHEN 'number' THEN (m.metrics->>k.key_metric)::float8 END AS score,
    (m.metrics->>'fit_seconds')::float8 AS fit_seconds,
    f.bytes,
    CASE WHEN m.status = 'successful' THEN COALESCE(m.metrics->>'predicted_by', 'python') END AS predicted_by,
    m.metrics->>'not_exported' AS why_python,
    m.num_features,
    m.hyperparams,
    m.created_at,
    m.snapshot_id,
    pg_total_relation_size(to_regclass(format('pgml.snapshot_%s', m.snapshot_id))) AS snapshot_bytes,
    m.metrics->'imported' AS imported
FROM pgml.models AS m
JOIN pgml.projects AS p ON p.id = m.project_id
CROSS JOIN LATERAL (
    SELECT COALESCE(p.metric, CASE p.task::text
        WHEN 'regression' THEN 'r2'
        WHEN 'classification' THEN 'f1'
        WHEN 'clustering' THEN 'silhouette'
        WHEN 'decomposition' THEN 'cumulative_explained_variance'
    END) AS key_metric
) AS k
CROSS JOIN LATERAL (SELECT sum(octet_length(data))::bigint AS bytes FROM pgml.files WHERE model_id = m.id) AS f
ORDER BY m.id;
COMMENT ON VIEW pgml.model_details IS 'Every model: what trained it in which time, how well it scores, how large it is, and what predicts with it';

CREATE VIEW pgml.disk_use AS
SELECT
    u.name,
    sum(u.models)::bigint AS models,
    sum(u.model_bytes)::bigint AS model_bytes,
    sum(u.snapshots)::bigint AS snapshots,
    sum(u.snapshot_bytes)::bigint AS snapshot_bytes,
    sum(u.model_bytes + u.snapshot_bytes)::bigint AS bytes
FROM (
    SELECT
        p.name,
        (SELECT count(*) FROM pgml.models WHERE project_id = p.id) AS models,
        COALESCE((
            SELECT sum(octet_length(f.data)) FROM pgml.files AS f JOIN pgml.models AS m ON m.id = f.model_id
            WHERE m.project_id = p.id
        ), 0) AS model_bytes,
        0 AS snapshots,
        0 AS snapshot_bytes
    FROM pgml.projects AS p
    UNION ALL
    SELECT
        (
            SELECT p.name FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id
            WHERE m.snapshot_id = s.id ORDER BY m.id LIMIT 1
        ),
        0, 0, 1, pg_total_relation_size(to_regclass(format('pgml.snapshot_%s', s.id)))
    FROM pgml.snapshots AS s
    WHERE to_regclass(format('pgml.snapshot_%s', s.id)) IS NOT NULL
) AS u
GROUP BY u.name
ORDER BY bytes DESC, u.name;
COMMENT ON VIEW pgml.disk_use IS 'What each project keeps on the disk: its models, and the rows of its snapshots; without a name, snapshots that no model was trained on';

CREATE FUNCTION pgml.feature_importances(model_id bigint) RETURNS TABLE (feature text, importance float8)
    STABLE STRICT PARALLEL SAFE ROWS 20 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_feature_importances_model_wrapper';
COMMENT ON FUNCTION pgml.feature_importances(bigint) IS 'How much each feature counts in a model, as shares of 1; no rows where its algorithm can''t tell';

CREATE FUNCTION pgml.feature_importances(project_name text) RETURNS TABLE (feature text, importance float8)
    STABLE STRICT PARALLEL SAFE ROWS 20 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_feature_importances_wrapper';
COMMENT ON FUNCTION pgml.feature_importances(text) IS 'How much each feature counts in the deployed model of a project, as shares of 1';

---------------------------------------------------------------------------------------------------
-- What is installed
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.version() RETURNS text
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_version_wrapper';
COMMENT ON FUNCTION pgml.version() IS 'Version of the library';

CREATE FUNCTION pgml.blas_config() RETURNS text
    STABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_blas_config_wrapper';
COMMENT ON FUNCTION pgml.blas_config() IS 'Version, build options and chosen processor kernels of the OpenBLAS inside the library';

CREATE FUNCTION pgml.python_version() RETURNS text
    STABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_python_version_wrapper';
COMMENT ON FUNCTION pgml.python_version() IS 'Version of the Python interpreter; starts it';

CREATE FUNCTION pgml.python_is_running() RETURNS boolean
    STABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_python_is_running_wrapper';
COMMENT ON FUNCTION pgml.python_is_running() IS 'Whether this session has started a Python interpreter; starts none';

CREATE FUNCTION pgml.python_package_version(name text) RETURNS text
    STABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_python_package_version_wrapper';
COMMENT ON FUNCTION pgml.python_package_version(text) IS 'Version of an installed Python package';

CREATE FUNCTION pgml.python_pip_freeze() RETURNS TABLE (package text)
    STABLE STRICT PARALLEL SAFE ROWS 20 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_python_pip_freeze_wrapper';
COMMENT ON FUNCTION pgml.python_pip_freeze() IS 'The Python packages that pgml uses, as name==version';

CREATE FUNCTION pgml.validate_python_dependencies() RETURNS boolean
    VOLATILE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_validate_python_dependencies_wrapper';
COMMENT ON FUNCTION pgml.validate_python_dependencies() IS 'True when every Python library that pgml uses can be loaded; an error names the one that can''t';

CREATE FUNCTION pgml.validate_shared_library() RETURNS boolean
    VOLATILE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_validate_shared_library_wrapper';
COMMENT ON FUNCTION pgml.validate_shared_library() IS 'True when no library of this backend exposes a BLAS to the others; an error names the one that does';

---------------------------------------------------------------------------------------------------
-- Training
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.load_dataset(
    source  text,
    subset  text DEFAULT NULL,
    "limit" int DEFAULT NULL,
    kwargs  pgml.anyjson DEFAULT '{}'
) RETURNS TABLE (table_name text, rows bigint)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_load_dataset_wrapper';
COMMENT ON FUNCTION pgml.load_dataset(text, text, int, pgml.anyjson) IS 'Makes a table in schema pgml from one of scikit-learn''s toy data sets: breast_cancer, diabetes, digits, iris, linnerud, wine';

CREATE FUNCTION pgml.snapshot(
    relation_name text,
    y_column_name text,
    test_size     float8 DEFAULT 0.25,
    test_sampling pgml.sampling DEFAULT 'stratified'
) RETURNS TABLE (relation text, y_column_name text)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_snapshot_wrapper';
COMMENT ON FUNCTION pgml.snapshot(text, text, float8, pgml.sampling) IS 'Copies the rows of a relation into a table of their own, to train on them later';

CREATE FUNCTION pgml.train(
    project_name         text,
    task                 text DEFAULT NULL,
    relation_name        text DEFAULT NULL,
    y_column_name        text DEFAULT NULL,
    algorithm            pgml.algorithm DEFAULT NULL,
    hyperparams          pgml.anyjson DEFAULT NULL,
    search               pgml.search DEFAULT NULL,
    search_params        pgml.anyjson DEFAULT '{}',
    search_args          pgml.anyjson DEFAULT '{}',
    test_size            float8 DEFAULT 0.25,
    test_sampling        pgml.sampling DEFAULT 'stratified',
    runtime              pgml.runtime DEFAULT NULL,
    automatic_deploy     boolean DEFAULT true,
    materialize_snapshot boolean DEFAULT false,
    preprocess           pgml.anyjson DEFAULT NULL,
    exclude              text[] DEFAULT NULL,
    weight_column        text DEFAULT NULL,
    metric               text DEFAULT NULL,
    redefine             boolean DEFAULT false
) RETURNS TABLE (
    project text, task text, algorithm text, deployed boolean,
    model_id bigint, metric text, score float8, deployed_score float8, reason text
)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_train_wrapper';
COMMENT ON FUNCTION pgml.train(text, text, text, text, pgml.algorithm, pgml.anyjson, pgml.search, pgml.anyjson, pgml.anyjson, float8, pgml.sampling, pgml.runtime, boolean, boolean, pgml.anyjson, text[], text, text, boolean) IS 'Trains a model that predicts one column of a relation from the others';

CREATE FUNCTION pgml.train_joint(
    project_name         text,
    task                 text DEFAULT NULL,
    relation_name        text DEFAULT NULL,
    y_column_name        text[] DEFAULT NULL,
    algorithm            pgml.algorithm DEFAULT NULL,
    hyperparams          pgml.anyjson DEFAULT NULL,
    search               pgml.search DEFAULT NULL,
    search_params        pgml.anyjson DEFAULT '{}',
    search_args          pgml.anyjson DEFAULT '{}',
    test_size            float8 DEFAULT 0.25,
    test_sampling        pgml.sampling DEFAULT 'stratified',
    runtime              pgml.runtime DEFAULT NULL,
    automatic_deploy     boolean DEFAULT true,
    materialize_snapshot boolean DEFAULT false,
    preprocess           pgml.anyjson DEFAULT NULL,
    exclude              text[] DEFAULT NULL,
    weight_column        text DEFAULT NULL,
    metric               text DEFAULT NULL,
    redefine             boolean DEFAULT false
) RETURNS TABLE (
    project text, task text, algorithm text, deployed boolean,
    model_id bigint, metric text, score float8, deployed_score float8, reason text
)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_train_joint_wrapper';
COMMENT ON FUNCTION pgml.train_joint(text, text, text, text[], pgml.algorithm, pgml.anyjson, pgml.search, pgml.anyjson, pgml.anyjson, float8, pgml.sampling, pgml.runtime, boolean, boolean, pgml.anyjson, text[], text, text, boolean) IS 'Trains a model that predicts several columns of a relation at once';

CREATE FUNCTION pgml.deploy(
    project_name text,
    strategy     pgml.strategy,
    algorithm    pgml.algorithm DEFAULT NULL
) RETURNS TABLE (project text, strategy text, algorithm text)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_deploy_wrapper';
COMMENT ON FUNCTION pgml.deploy(text, pgml.strategy, pgml.algorithm) IS 'Chooses the model that answers for a project: best_score, most_recent or rollback';

CREATE FUNCTION pgml.deploy(model_id bigint) RETURNS TABLE (project text, strategy text, algorithm text)
    VOLATILE STRICT PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_deploy_model_wrapper';
COMMENT ON FUNCTION pgml.deploy(bigint) IS 'Makes one model answer for its project';

CREATE FUNCTION pgml.drop_model(model_id bigint, force boolean DEFAULT false) RETURNS void
    VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_drop_model_wrapper';
COMMENT ON FUNCTION pgml.drop_model(bigint, boolean) IS 'Deletes a model; the deployed one only by force';

CREATE FUNCTION pgml.drop_project(project_name text, force boolean DEFAULT false) RETURNS void
    VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_drop_project_wrapper';
COMMENT ON FUNCTION pgml.drop_project(text, boolean) IS 'Deletes a project with its models and the rows that only it keeps; one with a deployed model only by force';

CREATE FUNCTION pgml.rename_project(old_name text, new_name text) RETURNS void
    VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_rename_project_wrapper';
COMMENT ON FUNCTION pgml.rename_project(text, text) IS 'Gives a project another name';

---------------------------------------------------------------------------------------------------
-- Prediction
--
-- float8[] takes numeric[], real[] and int[] alike; a second type of numbers would make such a call ambiguous. A literal,
-- '{1,2}', goes to text, as Postgres prefers it, and is an array there. STABLE, not IMMUTABLE: a deployment changes the answer.
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.predict(model_id bigint, features float8[]) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_model_wrapper';
COMMENT ON FUNCTION pgml.predict(bigint, float8[]) IS 'Predicts one row with a given model';

CREATE FUNCTION pgml.predict_joint(model_id bigint, features float8[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_joint_model_wrapper';
COMMENT ON FUNCTION pgml.predict_joint(bigint, float8[]) IS 'Predicts every label of one row with a given model';

CREATE FUNCTION pgml.predict_proba(project_name text, features float8[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_proba_wrapper';
COMMENT ON FUNCTION pgml.predict_proba(text, float8[]) IS 'Probability of each class for one row, with the deployed model of a project';

CREATE FUNCTION pgml.predict_proba(model_id bigint, features float8[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_proba_model_wrapper';
COMMENT ON FUNCTION pgml.predict_proba(bigint, float8[]) IS 'Probability of each class for one row, with a given model';

CREATE FUNCTION pgml.predict_batch(project_name text, features float8[][]) RETURNS SETOF float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_batch_wrapper';
COMMENT ON FUNCTION pgml.predict_batch(text, float8[]) IS 'Predicts many rows at once, in their order, with the deployed model of a project';

CREATE FUNCTION pgml.predict_batch(model_id bigint, features float8[][]) RETURNS SETOF float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_batch_model_wrapper';
COMMENT ON FUNCTION pgml.predict_batch(bigint, float8[]) IS 'Predicts many rows at once, in their order, with a given model';

CREATE FUNCTION pgml.predict_batch(project_name text, features record[]) RETURNS SETOF float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_batch_rows_wrapper';
COMMENT ON FUNCTION pgml.predict_batch(text, record[]) IS 'Predicts many rows at once, each (a, b, c), in their order, with the deployed model of a project';

CREATE FUNCTION pgml.predict_batch(model_id bigint, features record[]) RETURNS SETOF float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_batch_rows_model_wrapper';
COMMENT ON FUNCTION pgml.predict_batch(bigint, record[]) IS 'Predicts many rows at once, each (a, b, c), in their order, with a given model';

CREATE FUNCTION pgml.predict_batch(project_name text, features text) RETURNS SETOF float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_batch($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_batch(text, text) IS 'Predicts many rows in the notation of an array, {{1,2},{3,4}}, with the deployed model of a project';

CREATE FUNCTION pgml.predict_batch(model_id bigint, features text) RETURNS SETOF float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_batch($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_batch(bigint, text) IS 'Predicts many rows in the notation of an array, {{1,2},{3,4}}, with a given model';

CREATE FUNCTION pgml.predict(project_name text, features boolean[]) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(text, boolean[]) IS 'Predicts one row of booleans with the deployed model of a project';

CREATE FUNCTION pgml.predict(project_name text, features text) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(text, text) IS 'Predicts one row in the notation of an array, {1,2} with the deployed model of a project';

CREATE FUNCTION pgml.predict(model_id bigint, features boolean[]) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(bigint, boolean[]) IS 'Predicts one row of booleans with a given model';

CREATE FUNCTION pgml.predict(model_id bigint, features text) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(bigint, text) IS 'Predicts one row in the notation of an array, {1,2} with a given model';

CREATE FUNCTION pgml.predict_joint(project_name text, features boolean[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_joint($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_joint(text, boolean[]) IS 'Predicts every label of one row of booleans with the deployed model of a project';

CREATE FUNCTION pgml.predict_joint(project_name text, features text) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_joint($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_joint(text, text) IS 'Predicts every label of one row in the notation of an array, {1,2} with the deployed model of a project';

CREATE FUNCTION pgml.predict_joint(model_id bigint, features boolean[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_joint($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_joint(bigint, boolean[]) IS 'Predicts every label of one row of booleans with a given model';

CREATE FUNCTION pgml.predict_joint(model_id bigint, features text) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_joint($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_joint(bigint, text) IS 'Predicts every label of one row in the notation of an array, {1,2} with a given model';

CREATE FUNCTION pgml.predict_proba(project_name text, features boolean[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_proba($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_proba(text, boolean[]) IS 'Probability of each class for one row, of booleans with the deployed model of a project';

CREATE FUNCTION pgml.predict_proba(project_name text, features text) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_proba($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_proba(text, text) IS 'Probability of each class for one row, in the notation of an array, {1,2} with the deployed model of a project';

CREATE FUNCTION pgml.predict_proba(model_id bigint, features boolean[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_proba($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_proba(bigint, boolean[]) IS 'Probability of each class for one row, of booleans with a given model';

CREATE FUNCTION pgml.predict_proba(model_id bigint, features text) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_proba($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_proba(bigint, text) IS 'Probability of each class for one row, in the notation of an array, {1,2} with a given model';

CREATE FUNCTION pgml.decompose(project_name text, vector float8[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_decompose_wrapper';
COMMENT ON FUNCTION pgml.decompose(text, float8[]) IS 'A row''s coordinates along the components of the deployed model of a project';

CREATE FUNCTION pgml.decompose(project_name text, vector text) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.decompose($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.decompose(text, text) IS 'The coordinates of a row, in the notation of an array, {1,2}, along the components of the deployed model of a project';

-- A row's columns can be of several types, texts among them.
CREATE FUNCTION pgml.predict(project_name text, features record) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_row_wrapper';
COMMENT ON FUNCTION pgml.predict(text, record) IS 'Predicts one row, a table''s by its names or (a, b, c), with the deployed model of a project';

CREATE FUNCTION pgml.predict_joint(project_name text, features record) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_joint_row_wrapper';
COMMENT ON FUNCTION pgml.predict_joint(text, record) IS 'Predicts every label of one row, (a, b, c), with the deployed model of a project';

CREATE FUNCTION pgml.predict_proba(project_name text, features record) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_proba_row_wrapper';
COMMENT ON FUNCTION pgml.predict_proba(text, record) IS 'Probability of each class for one row, (a, b, c), with the deployed model of a project';

CREATE FUNCTION pgml.predict(model_id bigint, features record) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict(bigint, record) IS 'Predicts one row, (a, b, c), with a given model';

CREATE FUNCTION pgml.predict_joint(model_id bigint, features record) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_joint_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict_joint(bigint, record) IS 'Predicts every label of one row, (a, b, c), with a given model';

CREATE FUNCTION pgml.predict_proba(model_id bigint, features record) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_proba_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict_proba(bigint, record) IS 'Probability of each class for one row, (a, b, c), with a given model';

CREATE FUNCTION pgml.decompose(project_name text, vector record) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_decompose_row_wrapper';
COMMENT ON FUNCTION pgml.decompose(text, record) IS 'The coordinates of a row, (a, b, c), along the components of the deployed model of a project';

-- Classes by what they are called. Every label of a classification has them, texts and dates among them.
CREATE FUNCTION pgml.predict_label(project_name text, features float8[]) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_label_wrapper';
COMMENT ON FUNCTION pgml.predict_label(text, float8[]) IS 'The class of one row, as text, with the deployed model of a project';

CREATE FUNCTION pgml.predict_label(project_name text, features record) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_label_row_wrapper';
COMMENT ON FUNCTION pgml.predict_label(text, record) IS 'The class of one row, a table''s or (a, b, c), as text, with the deployed model of a project';

CREATE FUNCTION pgml.predict_label(project_name text, features boolean[]) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_label($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_label(text, boolean[]) IS 'The class of one row of booleans, as text, with the deployed model of a project';

CREATE FUNCTION pgml.predict_label(project_name text, features text) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_label($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_label(text, text) IS 'The class of one row in the notation of an array, {1,2}, as text, with the deployed model of a project';

CREATE FUNCTION pgml.predict_classes(project_name text, features float8[]) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_classes_wrapper';
COMMENT ON FUNCTION pgml.predict_classes(text, float8[]) IS 'Each class of one row with its probability, the most probable first, with the deployed model of a project';

CREATE FUNCTION pgml.predict_classes(project_name text, features record) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_classes_row_wrapper';
COMMENT ON FUNCTION pgml.predict_classes(text, record) IS 'Each class of one row, a table''s or (a, b, c), with its probability, the most probable first, with the deployed model of a project';

CREATE FUNCTION pgml.predict_classes(project_name text, features boolean[]) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE sql AS $$ SELECT c.label, c.probability FROM pgml.predict_classes($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) AS c $$;
COMMENT ON FUNCTION pgml.predict_classes(text, boolean[]) IS 'Each class of one row of booleans with its probability, with the deployed model of a project';

CREATE FUNCTION pgml.predict_classes(project_name text, features text) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE sql AS $$ SELECT c.label, c.probability FROM pgml.predict_classes($1, $2::pg_catalog.float8[]) AS c $$;
COMMENT ON FUNCTION pgml.predict_classes(text, text) IS 'Each class of one row in the notation of an array, {1,2}, with its probability, with the deployed model of a project';

CREATE FUNCTION pgml.predict_label(model_id bigint, features float8[]) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_label_model_wrapper';
COMMENT ON FUNCTION pgml.predict_label(bigint, float8[]) IS 'The class of one row, as text, with a given model';

CREATE FUNCTION pgml.predict_label(model_id bigint, features record) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_label_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict_label(bigint, record) IS 'The class of one row, a table''s or (a, b, c), as text, with a given model';

CREATE FUNCTION pgml.predict_label(model_id bigint, features boolean[]) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_label($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_label(bigint, boolean[]) IS 'The class of one row of booleans, as text, with a given model';

CREATE FUNCTION pgml.predict_label(model_id bigint, features text) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_label($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_label(bigint, text) IS 'The class of one row in the notation of an array, {1,2}, as text, with a given model';

CREATE FUNCTION pgml.predict_classes(model_id bigint, features float8[]) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_classes_model_wrapper';
COMMENT ON FUNCTION pgml.predict_classes(bigint, float8[]) IS 'Each class of one row with its probability, the most probable first, with a given model';

CREATE FUNCTION pgml.predict_classes(model_id bigint, features record) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_classes_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict_classes(bigint, record) IS 'Each class of one row, a table''s or (a, b, c), with its probability, the most probable first, with a given model';

CREATE FUNCTION pgml.predict_classes(model_id bigint, features boolean[]) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE sql AS $$ SELECT c.label, c.probability FROM pgml.predict_classes($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) AS c $$;
COMMENT ON FUNCTION pgml.predict_classes(bigint, boolean[]) IS 'Each class of one row of booleans with its probability, with a given model';

CREATE FUNCTION pgml.predict_classes(model_id bigint, features text) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE sql AS $$ SELECT c.label, c.probability FROM pgml.predict_classes($1, $2::pg_catalog.float8[]) AS c $$;
COMMENT ON FUNCTION pgml.predict_classes(bigint, text) IS 'Each class of one row in the notation of an array, {1,2}, with its probability, with a given model';

CREATE FUNCTION pgml.classes(project_name text) RETURNS TABLE (class int, label text)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_classes_wrapper';
COMMENT ON FUNCTION pgml.classes(text) IS 'The classes of the deployed model of a project, in the order of predict_proba';

CREATE FUNCTION pgml.classes(model_id bigint) RETURNS TABLE (class int, label text)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_classes_model_wrapper';
COMMENT ON FUNCTION pgml.classes(bigint) IS 'The classes of a given model, in the order of predict_proba';

---------------------------------------------------------------------------------------------------
-- Evaluation
---------------------------------------------------------------------------------------------------

-- VOLATILE: a relation is read as it is now.
CREATE FUNCTION pgml.evaluate(project_name text, relation_name text) RETURNS jsonb
    VOLATILE STRICT PARALLEL RESTRICTED COST 1000000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_evaluate_wrapper';
COMMENT ON FUNCTION pgml.evaluate(text, text) IS 'The scores of the deployed model of a project on the rows of a relation, which has the label';

CREATE FUNCTION pgml.evaluate(model_id bigint, relation_name text) RETURNS jsonb
    VOLATILE STRICT PARALLEL RESTRICTED COST 1000000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_evaluate_model_wrapper';
COMMENT ON FUNCTION pgml.evaluate(bigint, text) IS 'The scores of a given model on the rows of a relation, which has the label';

CREATE FUNCTION pgml.confusion_matrix(project_name text, relation_name text) RETURNS TABLE (actual text, predicted text, rows bigint)
    VOLATILE STRICT PARALLEL RESTRICTED COST 1000000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_confusion_matrix_wrapper';
COMMENT ON FUNCTION pgml.confusion_matrix(text, text) IS 'How many rows of each class of a relation the deployed model of a project predicts as which class';

CREATE FUNCTION pgml.confusion_matrix(model_id bigint, relation_name text) RETURNS TABLE (actual text, predicted text, rows bigint)
    VOLATILE STRICT PARALLEL RESTRICTED COST 1000000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_confusion_matrix_model_wrapper';
COMMENT ON FUNCTION pgml.confusion_matrix(bigint, text) IS 'How many rows of each class of a relation a given model predicts as which class';

---------------------------------------------------------------------------------------------------
-- Explanation
---------------------------------------------------------------------------------------------------

-- Not STRICT: a label that is NULL is none. STABLE: a deployment changes the answer.
CREATE FUNCTION pgml.explain(project_name text, features float8[], label text DEFAULT NULL, parts boolean DEFAULT false)
    RETURNS TABLE (feature text, value text, contribution float8)
    STABLE PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_explain_wrapper';
COMMENT ON FUNCTION pgml.explain(text, float8[], text, boolean) IS 'What each column of one row adds to what the deployed model of a project says';

CREATE FUNCTION pgml.explain(project_name text, features record, label text DEFAULT NULL, parts boolean DEFAULT false)
    RETURNS TABLE (feature text, value text, contribution float8)
    STABLE PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_explain_row_wrapper';
COMMENT ON FUNCTION pgml.explain(text, record, text, boolean) IS 'What each column of one row, a table''s or (a, b, c), adds to what the deployed model of a project says';

CREATE FUNCTION pgml.explain(project_name text, features boolean[], label text DEFAULT NULL, parts boolean DEFAULT false)
    RETURNS TABLE (feature text, value text, contribution float8)
    STABLE PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE sql AS $$ SELECT e.feature, e.value, e.contribution FROM pgml.explain($1, $2::pg_catalog.int4[]::pg_catalog.float8[], $3, $4) AS e $$;
COMMENT ON FUNCTION pgml.explain(text, boolean[], text, boolean) IS 'What each column of one row of booleans adds to what the deployed model of a project says';

CREATE FUNCTION pgml.explain(project_name text, features text, label text DEFAULT NULL, parts boolean DEFAULT false)
    RETURNS TABLE (feature text, value text, contribution float8)
    STABLE PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE sql AS $$ SELECT e.feature, e.value, e.contribution FROM pgml.explain($1, $2::pg_catalog.float8[], $3, $4) AS e $$;
COMMENT ON FUNCTION pgml.explain(text, text, text, boolean) IS 'What each column of one row in the notation of an array, {1,2}, adds to what the deployed model of a project says';

CREATE FUNCTION pgml.explain(model_id bigint, features float8[], label text DEFAULT NULL, parts boolean DEFAULT false)
    RETURNS TABLE (feature text, value text, contribution float8)
    STABLE PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_explain_model_wrapper';
COMMENT ON FUNCTION pgml.explain(bigint, float8[], text, boolean) IS 'What each column of one row adds to what a given model says';

CREATE FUNCTION pgml.explain(model_id bigint, features record, label text DEFAULT NULL, parts boolean DEFAULT false)
    RETURNS TABLE (feature text, value text, contribution float8)
    STABLE PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_explain_row_model_wrapper';
COMMENT ON FUNCTION pgml.explain(bigint, record, text, boolean) IS 'What each column of one row, a table''s or (a, b, c), adds to what a given model says';

CREATE FUNCTION pgml.explain(model_id bigint, features boolean[], label text DEFAULT NULL, parts boolean DEFAULT false)
    RETURNS TABLE (feature text, value text, contribution float8)
    STABLE PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE sql AS $$ SELECT e.feature, e.value, e.contribution FROM pgml.explain($1, $2::pg_catalog.int4[]::pg_catalog.float8[], $3, $4) AS e $$;
COMMENT ON FUNCTION pgml.explain(bigint, boolean[], text, boolean) IS 'What each column of one row of booleans adds to what a given model says';

CREATE FUNCTION pgml.explain(model_id bigint, features text, label text DEFAULT NULL, parts boolean DEFAULT false)
    RETURNS TABLE (feature text, value text, contribution float8)
    STABLE PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE sql AS $$ SELECT e.feature, e.value, e.contribution FROM pgml.explain($1, $2::pg_catalog.float8[], $3, $4) AS e $$;
COMMENT ON FUNCTION pgml.explain(bigint, text, text, boolean) IS 'What each column of one row in the notation of an array, {1,2}, adds to what a given model says';

---------------------------------------------------------------------------------------------------
-- Scores
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.sklearn_f1_score(ground_truth float8[], y_hat float8[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_sklearn_f1_score_wrapper';
COMMENT ON FUNCTION pgml.sklearn_f1_score(float8[], float8[]) IS 'Weighted F1 of predicted classes, by scikit-learn';

CREATE FUNCTION pgml.sklearn_r2_score(ground_truth float8[], y_hat float8[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_sklearn_r2_score_wrapper';
COMMENT ON FUNCTION pgml.sklearn_r2_score(float8[], float8[]) IS 'R² of predicted values, by scikit-learn; NULL for fewer than two';

CREATE FUNCTION pgml.sklearn_regression_metrics(ground_truth float8[], y_hat float8[]) RETURNS jsonb
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_sklearn_regression_metrics_wrapper';
COMMENT ON FUNCTION pgml.sklearn_regression_metrics(float8[], float8[]) IS 'All scores of predicted values, by scikit-learn';

CREATE FUNCTION pgml.sklearn_classification_metrics(ground_truth float8[], y_hat float8[], num_classes bigint DEFAULT NULL) RETURNS jsonb
    STABLE PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_sklearn_classification_metrics_wrapper';
COMMENT ON FUNCTION pgml.sklearn_classification_metrics(float8[], float8[], bigint) IS 'All scores of predicted classes, by scikit-learn. num_classes is counted and need not be given';

---------------------------------------------------------------------------------------------------
-- Aggregates of vectors, element by element. NULL vectors are left out. A step also combines the states of parallel workers.
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.vector_sum_step(state real[], vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_add_vector_wrapper';
COMMENT ON FUNCTION pgml.vector_sum_step(real[], real[]) IS 'Step of the aggregate pgml.sum';

CREATE FUNCTION pgml.vector_min_step(state real[], vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_min_step_wrapper';
COMMENT ON FUNCTION pgml.vector_min_step(real[], real[]) IS 'Step of the aggregate pgml.min';

CREATE FUNCTION pgml.vector_max_step(state real[], vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_max_step_wrapper';
COMMENT ON FUNCTION pgml.vector_max_step(real[], real[]) IS 'Step of the aggregate pgml.max';

CREATE FUNCTION pgml.vector_min_abs_step(state real[], vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_min_abs_step_wrapper';
COMMENT ON FUNCTION pgml.vector_min_abs_step(real[], real[]) IS 'Step of the aggregate pgml.min_abs';

CREATE FUNCTION pgml.vector_max_abs_step(state real[], vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_max_abs_step_wrapper';
COMMENT ON FUNCTION pgml.vector_max_abs_step(real[], real[]) IS 'Step of the aggregate pgml.max_abs';

CREATE FUNCTION pgml.vector_abs(vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_abs_wrapper';
COMMENT ON FUNCTION pgml.vector_abs(real[]) IS 'The absolute value of each element: the last step of pgml.min_abs and pgml.max_abs';

CREATE AGGREGATE pgml.sum(real[]) (
    SFUNC = pgml.vector_sum_step,
    STYPE = real[],
    COMBINEFUNC = pgml.vector_sum_step,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE pgml.sum(real[]) IS 'Sum of vectors, element by element';

CREATE AGGREGATE pgml.min(real[]) (
    SFUNC = pgml.vector_min_step,
    STYPE = real[],
    COMBINEFUNC = pgml.vector_min_step,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE pgml.min(real[]) IS 'Smallest value of each element';

CREATE AGGREGATE pgml.max(real[]) (
    SFUNC = pgml.vector_max_step,
    STYPE = real[],
    COMBINEFUNC = pgml.vector_max_step,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE pgml.max(real[]) IS 'Largest value of each element';

CREATE AGGREGATE pgml.min_abs(real[]) (
    SFUNC = pgml.vector_min_abs_step,
    STYPE = real[],
    FINALFUNC = pgml.vector_abs,
    COMBINEFUNC = pgml.vector_min_abs_step,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE pgml.min_abs(real[]) IS 'Smallest absolute value of each element';

CREATE AGGREGATE pgml.max_abs(real[]) (
    SFUNC = pgml.vector_max_abs_step,
    STYPE = real[],
    FINALFUNC = pgml.vector_abs,
    COMBINEFUNC = pgml.vector_max_abs_step,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE pgml.max_abs(real[]) IS 'Largest absolute value of each element';

---------------------------------------------------------------------------------------------------
-- Privileges, as for a new extension
---------------------------------------------------------------------------------------------------

REVOKE ALL ON pgml.overview, pgml.trained_models, pgml.deployed_models, pgml.model_details, pgml.disk_use FROM PUBLIC;

---------------------------------------------------------------------------------------------------
-- Seals. 1.0 has their keys, and its models have them.
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.trust(model_id bigint) RETURNS void
    VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_trust_wrapper';
COMMENT ON FUNCTION pgml.trust(bigint) IS 'Accepts the bytes of a model as if this database had stored them; for superusers';

CREATE FUNCTION pgml.to_sql(model_id bigint) RETURNS text
    STABLE STRICT PARALLEL UNSAFE COST 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_to_sql_wrapper';
COMMENT ON FUNCTION pgml.to_sql(bigint) IS 'The prediction of a model as an SQL expression over the names of its features, for databases without the extension';

CREATE FUNCTION pgml.export_model(model_id bigint, format text) RETURNS bytea
    STABLE STRICT PARALLEL UNSAFE COST 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_export_model_wrapper';
COMMENT ON FUNCTION pgml.export_model(bigint, text) IS 'The file of a model for another program or another database: onnx, lightgbm, xgboost, pgml';

CREATE FUNCTION pgml.import_model(
    project_name text,
    task         text,
    format       text,
    model        bytea,
    features     text[],
    classes      text[] DEFAULT NULL
) RETURNS bigint
    VOLATILE PARALLEL UNSAFE COST 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_import_model_wrapper';
COMMENT ON FUNCTION pgml.import_model(text, text, text, bytea, text[], text[]) IS 'Takes a model that was trained elsewhere into a project: the file of ONNX-ML, LightGBM, XGBoost or pgml';
REVOKE ALL ON FUNCTION pgml.trust(bigint) FROM PUBLIC;

---------------------------------------------------------------------------------------------------
-- What the planner is told of a prediction: how long a call takes depends on the model
---------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pgml_private.prediction_cost(internal) RETURNS internal
    STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_prediction_cost_wrapper';
COMMENT ON FUNCTION pgml_private.prediction_cost(internal) IS 'Tells the planner how long a prediction takes';
DO $$
DECLARE
    function regprocedure;
BEGIN
    -- The others are expressions that call these.
    FOR function IN
        SELECT p.oid FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgml')
        AND p.pronamespace = 'pgml'::regnamespace AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
        AND p.proname ~ '^(predict|predict_.*|model_predict|decompose)$'
    LOOP
        EXECUTE format('ALTER FUNCTION %s SUPPORT pgml_private.prediction_cost', function);
    END LOOP;
END
$$;

---------------------------------------------------------------------------------------------------
-- What users have granted is as it was, and theirs: a dump leaves out what an extension's script grants
---------------------------------------------------------------------------------------------------

DO $$
DECLARE
    -- These are closed to PUBLIC in a new extension.
    closed CONSTANT text[] := '{trust}';
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
DROP TABLE pg_temp.pgml_members, pg_temp.pgml_init_privs, pg_temp.pgml_granted;
