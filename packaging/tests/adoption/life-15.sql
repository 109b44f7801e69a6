-- What Postgres 15 and later have.
\set ON_ERROR_STOP on
CREATE VIEW public.own WITH (security_invoker) AS SELECT id, name FROM pgml.projects;
ALTER VIEW pgml.overview SET (security_invoker);
CREATE PUBLICATION pgml_test_schema FOR TABLES IN SCHEMA pgml;
