-- pgml 3.0.0: schema objects of the current edition.
--
-- Written by hand. Every function in C names its symbol in the one library that serves all editions.

\echo Use "CREATE EXTENSION pgml" to load this file. \quit

-- The schema is a member of the extension: a dump leaves it to CREATE EXTENSION, and DROP EXTENSION takes it along. One that is there
-- already, from an earlier life of the extension, is taken over, unless somebody else could have put something into it.
DO $$
DECLARE
    trusted boolean := (
        SELECT r.rolsuper OR r.rolname = current_user FROM pg_namespace AS n JOIN pg_roles AS r ON r.oid = n.nspowner
        WHERE n.nspname = 'pgml'
    );
BEGIN
    IF trusted IS NULL THEN
        CREATE SCHEMA pgml;
    ELSIF trusted THEN
        ALTER EXTENSION pgml ADD SCHEMA pgml;
    ELSE
        RAISE EXCEPTION 'schema "pgml" exists, and its owner is no superuser' USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Look at what is in it, then drop it, or make it a superuser''s: ALTER SCHEMA pgml OWNER TO CURRENT_USER.';
    END IF;
END
$$;
COMMENT ON SCHEMA pgml IS 'Machine learning in Postgres';

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
-- Tables
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.set_updated_at() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    generated jsonb;
BEGIN
    -- *<> compares what is stored: json, xml and point have no equality of their own.
    IF NEW *<> OLD AND NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        -- Before a row is stored, NEW has no generated columns.
        SELECT jsonb_object_agg(attname, NULL::text) INTO generated FROM pg_attribute
        WHERE attrelid = TG_RELID AND attgenerated <> '' AND NOT attisdropped;
        IF generated IS NULL OR NEW *<> jsonb_populate_record(OLD, generated) THEN
            NEW.updated_at := clock_timestamp();
        END IF;
    END IF;
    RETURN NEW;
END;
$$ SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION pgml.set_updated_at() IS 'Trigger: notes when a row was last changed';

CREATE FUNCTION pgml.auto_updated_at(tbl regclass) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    name text := (SELECT left(relname, 40) FROM pg_class WHERE oid = tbl);
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = tbl AND a.attname = 'updated_at' AND NOT a.attisdropped AND a.attgenerated = '' AND t.typcategory = 'D'
    ) THEN
        RAISE EXCEPTION 'table % has no column updated_at that a time can be put into', tbl USING
            ERRCODE = 'undefined_column', HINT = format('ALTER TABLE %s ADD COLUMN updated_at timestamptz', tbl);
    END IF;
    EXECUTE format(
        'CREATE TRIGGER %I BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION pgml.set_updated_at()',
        name || '_auto_updated_at', tbl
    );
END;
$$ SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION pgml.auto_updated_at(regclass) IS 'Gives a table with a column updated_at the trigger that maintains it';

CREATE TABLE pgml.projects (
    id         bigserial PRIMARY KEY,
    name       text NOT NULL,
    task       pgml.task NOT NULL,
    created_at timestamp NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamp NOT NULL DEFAULT clock_timestamp(),
    -- The score by which models are compared; NULL: the task's usual one.
    metric     text
);
CREATE UNIQUE INDEX projects_name_idx ON pgml.projects (name);
SELECT pgml.auto_updated_at('pgml.projects');
COMMENT ON TABLE pgml.projects IS 'A question that models answer: a name and a task';

CREATE TABLE pgml.snapshots (
    id            bigserial PRIMARY KEY,
    relation_name text NOT NULL,
    y_column_name text[],
    test_size     float4 NOT NULL,
    test_sampling pgml.sampling NOT NULL,
    status        text NOT NULL,
    columns       jsonb,
    analysis      jsonb,
    created_at    timestamp NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamp NOT NULL DEFAULT clock_timestamp(),
    materialized  boolean DEFAULT false
);
SELECT pgml.auto_updated_at('pgml.snapshots');
COMMENT ON TABLE pgml.snapshots IS 'The data that models were trained on: relation, columns, and how the rows were split';

CREATE TABLE pgml.models (
    id            bigserial PRIMARY KEY,
    project_id    bigint NOT NULL REFERENCES pgml.projects (id) ON DELETE CASCADE,
    snapshot_id   bigint REFERENCES pgml.snapshots (id) ON DELETE SET NULL,
    num_features  int NOT NULL,
    algorithm     text NOT NULL,
    runtime       pgml.runtime DEFAULT 'python',
    hyperparams   jsonb NOT NULL,
    status        text NOT NULL,
    metrics       jsonb,
    search        text,
    search_params jsonb NOT NULL,
    search_args   jsonb NOT NULL,
    created_at    timestamp NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamp NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX models_project_id_idx ON pgml.models (project_id);
CREATE INDEX models_snapshot_id_idx ON pgml.models (snapshot_id);
SELECT pgml.auto_updated_at('pgml.models');
COMMENT ON TABLE pgml.models IS 'Trained models: algorithm, hyperparameters and scores';

CREATE TABLE pgml.deployments (
    id         bigserial PRIMARY KEY,
    project_id bigint NOT NULL REFERENCES pgml.projects (id) ON DELETE CASCADE,
    model_id   bigint NOT NULL REFERENCES pgml.models (id) ON DELETE CASCADE,
    strategy   pgml.strategy NOT NULL,
    created_at timestamp NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX deployments_project_id_created_at_idx ON pgml.deployments (project_id);
CREATE INDEX deployments_model_id_created_at_idx ON pgml.deployments (model_id);
COMMENT ON TABLE pgml.deployments IS 'Which model answers for a project: its latest row does';

CREATE TABLE pgml.files (
    id         bigserial PRIMARY KEY,
    model_id   bigint NOT NULL REFERENCES pgml.models (id) ON DELETE CASCADE,
    path       text NOT NULL,
    part       int NOT NULL,
    created_at timestamp NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamp NOT NULL DEFAULT clock_timestamp(),
    data       bytea NOT NULL
);
CREATE UNIQUE INDEX files_model_id_path_part_idx ON pgml.files (model_id, path, part);
-- The bytes are pickles or compressed already: trying to compress them again only costs time.
ALTER TABLE pgml.files ALTER COLUMN data SET STORAGE EXTERNAL;
SELECT pgml.auto_updated_at('pgml.files');
COMMENT ON TABLE pgml.files IS 'The bytes of models, each with a seal: others are not loaded';

-- What tells models that this database stored from bytes that somebody put there. In a schema of its own: a GRANT on all
-- tables of schema pgml must not give it away.
CREATE SCHEMA pgml_private;
COMMENT ON SCHEMA pgml_private IS 'What of pgml is for its owner alone';
CREATE TABLE pgml_private.seal_keys (
    key        bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE pgml_private.seal_keys IS 'Keys of the seals on the bytes of models; who knows one can make a model that is read, and so run code';
INSERT INTO pgml_private.seal_keys (key)
SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- A dump of the database holds the rows, and the sequences go on where they were.
-- With the keys, so that the models are still read where it is restored.
SELECT pg_catalog.pg_extension_config_dump('pgml_private.seal_keys', '');
SELECT pg_catalog.pg_extension_config_dump('pgml.projects', '');
SELECT pg_catalog.pg_extension_config_dump('pgml.snapshots', '');
SELECT pg_catalog.pg_extension_config_dump('pgml.models', '');
SELECT pg_catalog.pg_extension_config_dump('pgml.deployments', '');
SELECT pg_catalog.pg_extension_config_dump('pgml.files', '');
SELECT pg_catalog.pg_extension_config_dump('pgml.projects_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pgml.snapshots_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pgml.models_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pgml.deployments_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pgml.files_id_seq', '');

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

---------------------------------------------------------------------------------------------------
-- Prediction
--
-- float8[] takes numeric[], real[] and int[] alike; a second type of numbers would make such a call ambiguous. A literal,
-- '{1,2}', goes to text, as Postgres prefers it, and is an array there. STABLE, not IMMUTABLE: a deployment changes the answer.
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.predict(project_name text, features float8[]) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_wrapper';
COMMENT ON FUNCTION pgml.predict(text, float8[]) IS 'Predicts one row with the deployed model of a project';

CREATE FUNCTION pgml.predict(model_id bigint, features float8[]) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_model_wrapper';
COMMENT ON FUNCTION pgml.predict(bigint, float8[]) IS 'Predicts one row with a given model';

CREATE FUNCTION pgml.predict_joint(project_name text, features float8[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_joint_wrapper';
COMMENT ON FUNCTION pgml.predict_joint(text, float8[]) IS 'Predicts every label of one row with the deployed model of a project';

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
-- Vectors
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.add(vector real[], addend real) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_add_scalar_wrapper';
COMMENT ON FUNCTION pgml.add(real[], real) IS 'Adds a number to each element';

CREATE FUNCTION pgml.subtract(vector real[], subtrahend real) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_subtract_scalar_wrapper';
COMMENT ON FUNCTION pgml.subtract(real[], real) IS 'Subtracts a number from each element';

CREATE FUNCTION pgml.multiply(vector real[], multiplicand real) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_multiply_scalar_wrapper';
COMMENT ON FUNCTION pgml.multiply(real[], real) IS 'Multiplies each element by a number';

CREATE FUNCTION pgml.divide(vector real[], dividend real) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_divide_scalar_wrapper';
COMMENT ON FUNCTION pgml.divide(real[], real) IS 'Divides each element by a number; by zero gives an infinity or NaN';

CREATE FUNCTION pgml.add(vector real[], addend real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_add_vector_wrapper';
COMMENT ON FUNCTION pgml.add(real[], real[]) IS 'Adds two vectors element by element';

CREATE FUNCTION pgml.subtract(vector real[], subtrahend real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_subtract_vector_wrapper';
COMMENT ON FUNCTION pgml.subtract(real[], real[]) IS 'Subtracts the second vector from the first element by element';

CREATE FUNCTION pgml.multiply(vector real[], multiplicand real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_multiply_vector_wrapper';
COMMENT ON FUNCTION pgml.multiply(real[], real[]) IS 'Multiplies two vectors element by element';

CREATE FUNCTION pgml.divide(vector real[], dividend real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_divide_vector_wrapper';
COMMENT ON FUNCTION pgml.divide(real[], real[]) IS 'Divides the first vector by the second element by element; by zero gives an infinity or NaN';

CREATE FUNCTION pgml.norm_l0(vector real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_norm_l0_wrapper';
COMMENT ON FUNCTION pgml.norm_l0(real[]) IS 'Number of elements that are not zero';

CREATE FUNCTION pgml.norm_l1(vector real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_norm_l1_wrapper';
COMMENT ON FUNCTION pgml.norm_l1(real[]) IS 'Sum of the absolute values';

CREATE FUNCTION pgml.norm_l2(vector real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_norm_l2_wrapper';
COMMENT ON FUNCTION pgml.norm_l2(real[]) IS 'Euclidean length';

CREATE FUNCTION pgml.norm_max(vector real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_norm_max_wrapper';
COMMENT ON FUNCTION pgml.norm_max(real[]) IS 'Largest absolute value';

CREATE FUNCTION pgml.normalize_l1(vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_normalize_l1_wrapper';
COMMENT ON FUNCTION pgml.normalize_l1(real[]) IS 'The vector divided by its norm_l1';

CREATE FUNCTION pgml.normalize_l2(vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_normalize_l2_wrapper';
COMMENT ON FUNCTION pgml.normalize_l2(real[]) IS 'The vector divided by its norm_l2';

CREATE FUNCTION pgml.normalize_max(vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_normalize_max_wrapper';
COMMENT ON FUNCTION pgml.normalize_max(real[]) IS 'The vector divided by its norm_max';

CREATE FUNCTION pgml.distance_l1(vector real[], other real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_distance_l1_wrapper';
COMMENT ON FUNCTION pgml.distance_l1(real[], real[]) IS 'Sum of the absolute differences';

CREATE FUNCTION pgml.distance_l2(vector real[], other real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_distance_l2_wrapper';
COMMENT ON FUNCTION pgml.distance_l2(real[], real[]) IS 'Euclidean distance';

CREATE FUNCTION pgml.dot_product(vector real[], other real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_dot_product_wrapper';
COMMENT ON FUNCTION pgml.dot_product(real[], real[]) IS 'Sum of the products';

CREATE FUNCTION pgml.cosine_similarity(vector real[], other real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_cosine_similarity_wrapper';
COMMENT ON FUNCTION pgml.cosine_similarity(real[], real[]) IS 'Cosine of the angle between two vectors; 0 when one of them is all zeros';

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
-- Privileges
--
-- The functions run with the caller's rights. Everyone may look the functions up and use those that touch no table.
-- Nobody but the owner gets at the tables: docs/security.md has what to grant to whom.
---------------------------------------------------------------------------------------------------

GRANT USAGE ON SCHEMA pgml TO PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA pgml FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA pgml FROM PUBLIC;
REVOKE ALL ON FUNCTION pgml.auto_updated_at(regclass) FROM PUBLIC;
REVOKE ALL ON FUNCTION pgml.trust(bigint) FROM PUBLIC;
