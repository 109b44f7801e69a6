\set ON_ERROR_STOP on
\set QUIET on

BEGIN;

-- Definitions are printed with the schema of each name, and nothing of a user's is called by accident.
SET LOCAL search_path = pg_catalog, pg_temp;
