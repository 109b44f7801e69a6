-- What users of a PostgresML 1.0 database have made in, on and around its schema.
\set ON_ERROR_STOP on
\ir roles.sql

-- Rows as 1.0 left them.
INSERT INTO pgml.projects (id, name, task) VALUES (3, 'prices', 'regression'), (4, 'translated', 'translation_en_to_fr');
INSERT INTO pgml.snapshots (id, relation_name, y_column_name, test_size, test_sampling, status)
VALUES (5, 'public.houses', '{price}', 0.2, 'random', 'created'), (6, 'public.texts', '{y}', 0.2, 'random', 'new');
INSERT INTO pgml.models (id, project_id, snapshot_id, algorithm_name, hyperparams, status, search_params, search_args, metrics)
VALUES (7, 3, 5, 'linear', '{}', 'successful', '{}', '{}', '{"r2": "n/a"}'), (8, 3, 5, 'ridge', '{}', 'new', '{}', '{}', NULL),
    (9, 4, 6, 'transformers', '{}', 'new', '{}', '{}', '{"bleu": 0.5}');
-- The newest by time is not the one with the highest id.
INSERT INTO pgml.deployments (id, project_id, model_id, strategy, created_at)
VALUES (1, 3, 8, 'new_score', '2022-10-01'), (2, 3, 7, 'best_score', '2022-09-01');
INSERT INTO pgml.files (id, model_id, path, part, data) VALUES (1, 777, 'estimator.pkl', 0, '\x80');

CREATE TABLE public.houses (id int PRIMARY KEY, sizes real[] NOT NULL, price real,
    length real GENERATED ALWAYS AS (pgml.norm_l2(sizes)) STORED,
    rank float8 DEFAULT pgml.norm_l1('{1,2}'), CHECK (pgml.norm_l1(sizes) >= 0));
INSERT INTO public.houses (id, sizes, price) SELECT n, ARRAY[n, n + 1, 3], n FROM generate_series(1, 50) AS n;
CREATE INDEX houses_length ON public.houses (pgml.norm_l2(sizes)) WHERE pgml.norm_l1(sizes) > 1;
CREATE DOMAIN public.unit AS real[] CHECK (pgml.norm_l2(VALUE) < 1000);
CREATE TABLE public.units (u public.unit);
INSERT INTO public.units VALUES ('{1,2}');
CREATE TABLE public.snapshot_of_houses AS SELECT * FROM public.houses;
CREATE TABLE pgml.snapshot_5 AS SELECT id, price FROM public.houses;
CREATE FUNCTION public.scaled(v real[]) RETURNS real LANGUAGE plpgsql AS 'BEGIN RETURN pgml.norm_l2(v) * 2; END';
CREATE OPERATOR public.<#> (LEFTARG = real[], RIGHTARG = real[], FUNCTION = pgml.dot_product);
CREATE VIEW public.lengths WITH (security_barrier) AS SELECT id, pgml.norm_l2(sizes) AS length FROM public.houses;
CREATE MATERIALIZED VIEW public.cached AS SELECT id, pgml.norm_l1(sizes) AS n FROM public.houses;
CREATE UNIQUE INDEX ON public.cached (id);
-- These two hang on what can't be replaced.
CREATE VIEW public.largest AS SELECT id, pgml.norm_max(sizes) AS largest FROM public.houses;
CREATE INDEX houses_largest ON public.houses (pgml.norm_max(sizes));

-- On the tables of 1.0.
\ir on-tables.sql
ALTER TABLE pgml.models ALTER COLUMN metrics SET STATISTICS 500;
CREATE STATISTICS public.of_models ON project_id, snapshot_id FROM pgml.models;
CREATE RULE no_truncation AS ON DELETE TO pgml.deployments WHERE old.id < 0 DO INSTEAD NOTHING;
CREATE PUBLICATION pgml_test_pub FOR TABLE pgml.projects, pgml.models;
CREATE TABLE public.copy_of_rows (m pgml.models, p pgml.projects);
INSERT INTO public.copy_of_rows SELECT m, p FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id;
CREATE FUNCTION public.latest() RETURNS SETOF pgml.models LANGUAGE sql STABLE AS 'SELECT * FROM pgml.models ORDER BY id DESC LIMIT 1';
CREATE VIEW public.scores AS SELECT id, metrics->>'r2' AS r2, team FROM pgml.models;
CREATE VIEW public.newest AS SELECT name, deployed_at FROM pgml.overview;
CREATE VIEW public.editable WITH (security_barrier) AS SELECT id, team FROM pgml.models WHERE team <> 'secret' WITH CASCADED CHECK OPTION;
ALTER VIEW pgml.trained_models SET (security_barrier);
SELECT setval('pgml.projects_id_seq', 40), setval('pgml.models_id_seq', 90), setval('pgml.files_id_seq', 600);
ALTER SEQUENCE pgml.models_id_seq INCREMENT BY 2;

-- Beside them, in the same schema.
CREATE TYPE pgml.mood AS ENUM ('good', 'bad');
CREATE DOMAIN pgml.share AS real CHECK (VALUE BETWEEN 0 AND 1);
CREATE TABLE pgml.mine (id serial PRIMARY KEY, mood pgml.mood, share pgml.share);
INSERT INTO pgml.mine (mood, share) VALUES ('good', 0.5);
CREATE TABLE public.moods (m pgml.mood);
CREATE FUNCTION pgml.mean(numbers float8[]) RETURNS float8 LANGUAGE sql AS 'SELECT avg(n) FROM unnest(numbers) AS n';
CREATE TABLE public.stamped (id int, updated_at timestamp);
CREATE TRIGGER stamp BEFORE UPDATE ON public.stamped FOR EACH ROW EXECUTE FUNCTION pgml.set_updated_at();

-- Privileges: none for PUBLIC, some for columns, some to pass on, and other owners.
REVOKE ALL ON SCHEMA pgml FROM PUBLIC;
GRANT USAGE ON SCHEMA pgml TO pgml_test_app WITH GRANT OPTION;
GRANT USAGE ON SCHEMA pgml TO pgml_test_analyst;
GRANT SELECT ON pgml.models, pgml.projects, pgml.deployments, pgml.mine TO pgml_test_app WITH GRANT OPTION;
GRANT SELECT (id, name) ON pgml.projects TO pgml_test_analyst;
GRANT UPDATE (team) ON pgml.models TO pgml_test_analyst;
GRANT SELECT, INSERT ON pgml.files TO pgml_test_app;
GRANT SELECT ON pgml.mine, pgml.snapshot_5 TO PUBLIC;
GRANT USAGE ON SEQUENCE pgml.models_id_seq TO pgml_test_app;
REVOKE EXECUTE ON FUNCTION pgml.train(text, text, text, text, text, jsonb, text, jsonb, jsonb, real, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgml.train(text, text, text, text, text, jsonb, text, jsonb, jsonb, real, text) TO pgml_test_app;
ALTER FUNCTION pgml.predict(text, float8[]) SECURITY DEFINER SET search_path = pg_catalog;
GRANT CREATE ON SCHEMA pgml TO pgml_test_owner;
ALTER TABLE pgml.snapshots OWNER TO pgml_test_owner;
ALTER FUNCTION pgml.norm_l1(real[]) OWNER TO pgml_test_owner;
ALTER VIEW pgml.trained_models OWNER TO pgml_test_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA pgml GRANT SELECT ON TABLES TO pgml_test_analyst;
COMMENT ON SCHEMA pgml IS 'machine learning of our company';
COMMENT ON FUNCTION pgml.norm_l2(real[]) IS 'our favourite';
