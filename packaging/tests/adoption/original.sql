-- A database of PostgresML 1.0 with its tables, keys, indexes, views and functions by name, type and result. The functions of
-- training only say that they were called; those of vectors calculate, so that what is stored with them can be compared.
\set ON_ERROR_STOP on
CREATE SCHEMA pgml;

CREATE FUNCTION pgml.set_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW IS DISTINCT FROM OLD AND NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        NEW.updated_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION pgml.auto_updated_at(tbl regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION pgml.set_updated_at()',
        (SELECT relname || '_auto_updated_at' FROM pg_class WHERE oid = tbl), tbl);
END $$;

CREATE TABLE pgml.projects (id bigserial PRIMARY KEY, name text NOT NULL, task text NOT NULL,
    created_at timestamp NOT NULL DEFAULT clock_timestamp(), updated_at timestamp NOT NULL DEFAULT clock_timestamp());
CREATE UNIQUE INDEX projects_name_idx ON pgml.projects (name);
CREATE TABLE pgml.snapshots (id bigserial PRIMARY KEY, relation_name text NOT NULL, y_column_name text[] NOT NULL,
    test_size float4 NOT NULL, test_sampling text NOT NULL, status text NOT NULL, columns jsonb, analysis jsonb,
    created_at timestamp NOT NULL DEFAULT clock_timestamp(), updated_at timestamp NOT NULL DEFAULT clock_timestamp());
CREATE TABLE pgml.models (id bigserial PRIMARY KEY, project_id bigint NOT NULL, snapshot_id bigint NOT NULL,
    algorithm_name text NOT NULL, hyperparams jsonb NOT NULL, status text NOT NULL, search text, search_params jsonb NOT NULL,
    search_args jsonb NOT NULL, created_at timestamp NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamp NOT NULL DEFAULT clock_timestamp(), metrics jsonb,
    CONSTRAINT project_id_fk FOREIGN KEY (project_id) REFERENCES pgml.projects (id),
    CONSTRAINT snapshot_id_fk FOREIGN KEY (snapshot_id) REFERENCES pgml.snapshots (id));
CREATE INDEX models_project_id_created_at_idx ON pgml.models (project_id, created_at);
CREATE INDEX models_snapshot_id_created_at_idx ON pgml.models (snapshot_id, created_at);
CREATE TABLE pgml.deployments (id bigserial PRIMARY KEY, project_id bigint NOT NULL, model_id bigint NOT NULL,
    strategy text NOT NULL, created_at timestamp NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT project_id_fk FOREIGN KEY (project_id) REFERENCES pgml.projects (id),
    CONSTRAINT model_id_fk FOREIGN KEY (model_id) REFERENCES pgml.models (id));
CREATE INDEX deployments_project_id_created_at_idx ON pgml.deployments (project_id, created_at);
CREATE INDEX deployments_model_id_created_at_idx ON pgml.deployments (model_id, created_at);
CREATE TABLE pgml.files (id bigserial PRIMARY KEY, model_id bigint NOT NULL, path text NOT NULL, part int NOT NULL,
    created_at timestamp NOT NULL DEFAULT clock_timestamp(), updated_at timestamp NOT NULL DEFAULT clock_timestamp(),
    data bytea NOT NULL);
CREATE UNIQUE INDEX files_model_id_path_part_idx ON pgml.files (model_id, path, part);
SELECT pgml.auto_updated_at(tbl) FROM unnest('{pgml.projects,pgml.snapshots,pgml.models,pgml.files}'::regclass[]) AS tbl;

CREATE VIEW pgml.overview AS
SELECT p.name, d.created_at AS deployed_at, p.task, m.algorithm_name, s.relation_name, s.y_column_name, s.test_sampling, s.test_size
FROM pgml.projects AS p JOIN pgml.models AS m ON p.id = m.project_id
JOIN pgml.deployments AS d ON d.project_id = p.id AND d.model_id = m.id JOIN pgml.snapshots AS s ON s.id = m.snapshot_id
ORDER BY d.created_at DESC;
CREATE VIEW pgml.trained_models AS
SELECT m.id, p.name, p.task, m.algorithm_name, m.created_at, s.test_sampling, s.test_size, d.model_id IS NOT NULL AS deployed
FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id JOIN pgml.snapshots AS s ON s.id = m.snapshot_id
LEFT JOIN (SELECT DISTINCT ON (project_id) project_id, model_id FROM pgml.deployments ORDER BY project_id, created_at DESC) AS d
ON d.model_id = m.id ORDER BY m.created_at DESC;
CREATE VIEW pgml.deployed_models AS
SELECT m.id, p.name, p.task, m.algorithm_name, d.created_at AS deployed_at
FROM pgml.projects AS p
JOIN (SELECT DISTINCT ON (project_id) * FROM pgml.deployments ORDER BY project_id, created_at DESC) AS d ON d.project_id = p.id
JOIN pgml.models AS m ON m.id = d.model_id ORDER BY d.created_at DESC;

CREATE FUNCTION pgml.version() RETURNS text LANGUAGE sql AS 'SELECT ''1.0''::text';
CREATE FUNCTION pgml.load_dataset(source text, subset text DEFAULT NULL, "limit" int DEFAULT NULL, kwargs jsonb DEFAULT '{}') RETURNS text
    LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''old''; END';
CREATE FUNCTION pgml.snapshot(relation_name text DEFAULT NULL, y_column_name text[] DEFAULT NULL, test_size real DEFAULT 0.25,
    test_sampling text DEFAULT 'random') RETURNS TABLE (id text) LANGUAGE sql AS 'SELECT ''old''::text';
CREATE FUNCTION pgml.train(project_name text, task text DEFAULT NULL, relation_name text DEFAULT NULL, y_column_name text DEFAULT NULL,
    algorithm text DEFAULT 'linear', hyperparams jsonb DEFAULT '{}', search text DEFAULT NULL, search_params jsonb DEFAULT '{}',
    search_args jsonb DEFAULT '{}', test_size real DEFAULT 0.25, test_sampling text DEFAULT 'random')
    RETURNS TABLE (project_name text, task text, algorithm_name text, status text) LANGUAGE sql AS 'SELECT ''old''::text, ''''::text, ''''::text, ''''::text';
CREATE FUNCTION pgml.train_joint(project_name text, task text DEFAULT NULL, relation_name text DEFAULT NULL, y_column_name text[] DEFAULT NULL,
    algorithm text DEFAULT 'linear', hyperparams jsonb DEFAULT '{}', search text DEFAULT NULL, search_params jsonb DEFAULT '{}',
    search_args jsonb DEFAULT '{}', test_size real DEFAULT 0.25, test_sampling text DEFAULT 'random')
    RETURNS TABLE (project_name text, task text, algorithm_name text, status text) LANGUAGE sql AS 'SELECT ''old''::text, ''''::text, ''''::text, ''''::text';
CREATE FUNCTION pgml.deploy(project_name text, strategy text DEFAULT 'best_score', algorithm_name text DEFAULT NULL)
    RETURNS TABLE (project_name text, strategy text, algorithm_name text) LANGUAGE sql AS 'SELECT ''old''::text, ''''::text, ''''::text';
CREATE FUNCTION pgml.predict(project_name text, features float8[]) RETURNS float8 LANGUAGE plpgsql AS 'BEGIN RETURN -1; END';
CREATE FUNCTION pgml.predict_joint(project_name text, features float8[]) RETURNS float8[] LANGUAGE plpgsql AS 'BEGIN RETURN ''{-1}''; END';
CREATE FUNCTION pgml.model_predict(model_id bigint, features float8[]) RETURNS float8[] LANGUAGE plpgsql AS 'BEGIN RETURN ''{-1}''; END';
-- The names of the arguments are not the extension's.
CREATE FUNCTION pgml.norm_l2(a real[]) RETURNS real IMMUTABLE STRICT LANGUAGE sql AS 'SELECT sqrt(sum(x * x))::real FROM unnest(a) AS x';
CREATE FUNCTION pgml.norm_l1(a real[]) RETURNS real IMMUTABLE STRICT LANGUAGE sql AS 'SELECT sum(abs(x))::real FROM unnest(a) AS x';
CREATE FUNCTION pgml.dot_product(a real[], b real[]) RETURNS real IMMUTABLE STRICT LANGUAGE sql
    AS 'SELECT sum(x * y)::real FROM unnest(a, b) AS t (x, y)';
-- One whose result is of another type than the extension's: it can't be replaced.
CREATE FUNCTION pgml.norm_max(a real[]) RETURNS float8 IMMUTABLE STRICT LANGUAGE sql AS 'SELECT max(abs(x))::float8 FROM unnest(a) AS x';
-- What the extension has nothing like.
CREATE FUNCTION pgml.transform(task text, inputs text[]) RETURNS jsonb LANGUAGE sql AS 'SELECT ''{}''::jsonb';
