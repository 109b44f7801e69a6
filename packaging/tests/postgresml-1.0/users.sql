-- What users have made in and beside schema pgml, their rights, and ids that were given to rows that are gone.
CREATE TABLE pgml.mine (id serial, note text);
INSERT INTO pgml.mine (note) VALUES ('kept');

CREATE SCHEMA app;
CREATE VIEW app.scores AS SELECT id, metrics->>'r2' AS r2 FROM pgml.models;
CREATE VIEW app.predicted AS
SELECT pgml.predict('progression', ARRAY[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]::float8[]) AS p;
CREATE MATERIALIZED VIEW app.cached AS SELECT count(*) AS n FROM pgml.models;

DROP ROLE IF EXISTS pgml_test_app;
CREATE ROLE pgml_test_app;
GRANT USAGE ON SCHEMA pgml TO pgml_test_app;
GRANT SELECT ON pgml.models, pgml.projects, pgml.deployments TO pgml_test_app;
GRANT SELECT, INSERT ON pgml.files TO pgml_test_app;

SELECT
    setval('pgml.projects_id_seq', 40), setval('pgml.models_id_seq', 90), setval('pgml.snapshots_id_seq', 80),
    setval('pgml.deployments_id_seq', 70), setval('pgml.files_id_seq', 600);
