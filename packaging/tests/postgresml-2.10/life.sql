-- What users of a PostgresML 2.10 database have made on and around its tables, views, types and functions.
\set ON_ERROR_STOP on
\ir ../adoption/roles.sql

INSERT INTO pgml.projects (id, name, task) VALUES (3, 'prices', 'regression'), (4, 'houses by size', 'clustering');
INSERT INTO pgml.snapshots (id, relation_name, y_column_name, test_size, test_sampling, status, columns, analysis, materialized)
VALUES (5, 'public.houses', '{price}', 0.2, 'stratified', 'successful', '[]', '{"samples": 50}', false);
INSERT INTO pgml.models (id, project_id, snapshot_id, num_features, algorithm, runtime, hyperparams, status, search_params, search_args, metrics)
VALUES (7, 3, 5, 3, 'linear', 'rust', '{}', 'successful', '{}', '{}', '{"r2": "n/a"}'),
    (8, 3, 5, 3, 'ridge', 'python', '{}', 'new', '{}', '{}', NULL);
INSERT INTO pgml.deployments (id, project_id, model_id, strategy, created_at)
VALUES (1, 3, 8, 'new_score', '2024-10-01'), (2, 3, 7, 'best_score', '2024-09-01');

CREATE TABLE public.houses (id int PRIMARY KEY, sizes real[] NOT NULL, price real,
    length real GENERATED ALWAYS AS (pgml.norm_l2(sizes)) STORED,
    CHECK (pgml.norm_l2(sizes) > -2), by_algorithm pgml.algorithm DEFAULT 'linear');
INSERT INTO public.houses (id, sizes, price) SELECT n, ARRAY[n, n + 1, 3], n FROM generate_series(1, 50) AS n;
CREATE INDEX houses_length ON public.houses (pgml.norm_l2(sizes)) WHERE pgml.norm_l2(sizes) > -2;
CREATE DOMAIN public.unit AS real[] CHECK (pgml.norm_l2(VALUE) < 1000);
CREATE TABLE public.units (u public.unit);
CREATE FUNCTION public.scaled(v real[]) RETURNS real LANGUAGE plpgsql AS 'BEGIN RETURN pgml.norm_l2(v) * 2; END';
CREATE VIEW public.lengths WITH (security_barrier) AS SELECT id, pgml.norm_l2(sizes) AS length FROM public.houses;
CREATE MATERIALIZED VIEW public.cached AS SELECT id, pgml.norm_l2(sizes) AS n FROM public.houses;
CREATE UNIQUE INDEX ON public.cached (id);

-- On the tables of 2.10.
\ir ../adoption/on-tables.sql
CREATE STATISTICS public.of_models ON project_id, snapshot_id FROM pgml.models;
CREATE PUBLICATION pgml_test_pub FOR TABLE pgml.projects, pgml.models;
CREATE TABLE public.copy_of_rows (m pgml.models);
INSERT INTO public.copy_of_rows SELECT m FROM pgml.models AS m;
CREATE FUNCTION public.latest() RETURNS SETOF pgml.models LANGUAGE sql STABLE AS 'SELECT * FROM pgml.models ORDER BY id DESC LIMIT 1';
CREATE VIEW public.scores AS SELECT id, metrics->>'r2' AS r2, team FROM pgml.models;
CREATE VIEW public.newest AS SELECT name, deployed_at FROM pgml.overview;
CREATE VIEW public.editable WITH (security_barrier) AS SELECT id, team FROM pgml.models WHERE team <> 'secret' WITH CASCADED CHECK OPTION;
SELECT setval('pgml.projects_id_seq', 40), setval('pgml.models_id_seq', 90);

-- Beside them, in the same schema.
CREATE TYPE pgml.mood AS ENUM ('good', 'bad');
CREATE TABLE pgml.mine (id serial PRIMARY KEY, mood pgml.mood);
INSERT INTO pgml.mine (mood) VALUES ('good');

-- Privileges.
GRANT USAGE ON SCHEMA pgml TO pgml_test_app WITH GRANT OPTION;
GRANT USAGE ON SCHEMA pgml TO pgml_test_analyst;
GRANT SELECT ON pgml.models, pgml.projects, pgml.deployments, pgml.mine TO pgml_test_app WITH GRANT OPTION;
GRANT SELECT (id, name) ON pgml.projects TO pgml_test_analyst;
GRANT UPDATE (team) ON pgml.models TO pgml_test_analyst;
REVOKE EXECUTE ON FUNCTION pgml.norm_l2(real[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgml.norm_l2(real[]) TO pgml_test_app;
ALTER TABLE pgml.snapshots OWNER TO pgml_test_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA pgml GRANT SELECT ON TABLES TO pgml_test_analyst;
COMMENT ON SCHEMA pgml IS 'machine learning of our company';
COMMENT ON FUNCTION pgml.norm_l2(real[]) IS 'our favourite';
