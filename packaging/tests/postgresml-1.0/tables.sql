-- PostgresML 1.0's tables and views, as plain objects. No foreign key: what it left open must not be relied on.
CREATE SCHEMA pgml;
CREATE TABLE pgml.projects (id bigserial PRIMARY KEY, name text NOT NULL UNIQUE, task text NOT NULL,
    created_at timestamp NOT NULL DEFAULT clock_timestamp(), updated_at timestamp NOT NULL DEFAULT clock_timestamp());
CREATE TABLE pgml.snapshots (id bigserial PRIMARY KEY, relation_name text NOT NULL, y_column_name text[] NOT NULL,
    test_size float4 NOT NULL, test_sampling text NOT NULL, status text NOT NULL, columns jsonb, analysis jsonb,
    created_at timestamp NOT NULL DEFAULT clock_timestamp(), updated_at timestamp NOT NULL DEFAULT clock_timestamp());
CREATE TABLE pgml.models (id bigserial PRIMARY KEY, project_id bigint NOT NULL, snapshot_id bigint NOT NULL,
    algorithm_name text NOT NULL, hyperparams jsonb, status text NOT NULL, search text, search_params jsonb,
    search_args jsonb, created_at timestamp NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamp NOT NULL DEFAULT clock_timestamp(), metrics jsonb);
CREATE TABLE pgml.deployments (id bigserial PRIMARY KEY, project_id bigint NOT NULL, model_id bigint NOT NULL,
    strategy text NOT NULL, created_at timestamp NOT NULL DEFAULT clock_timestamp());
CREATE TABLE pgml.files (id bigserial PRIMARY KEY, model_id bigint NOT NULL, path text NOT NULL, part int NOT NULL,
    created_at timestamp NOT NULL DEFAULT clock_timestamp(), updated_at timestamp NOT NULL DEFAULT clock_timestamp(),
    data bytea NOT NULL, UNIQUE (model_id, path, part));
CREATE VIEW pgml.overview AS SELECT name FROM pgml.projects;
CREATE VIEW pgml.trained_models AS SELECT id FROM pgml.models;
CREATE VIEW pgml.deployed_models AS SELECT model_id FROM pgml.deployments;
