-- Makes an edition 2.10.0 of ours look as PostgresML 2.10.0 left a database: its functions, by name, arguments and result, with
-- bodies that only say who was called; nothing that only our edition has.
\set ON_ERROR_STOP on

DO $$
DECLARE
    member record;
BEGIN
    FOR member IN
        SELECT CASE prokind WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END AS kind, p.oid::regprocedure AS signature
        FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgml') AND prorettype <> 'trigger'::regtype
        ORDER BY prokind <> 'a', p.pronamespace <> 'pgml'::regnamespace
    LOOP
        EXECUTE format('ALTER EXTENSION pgml DROP %s %s', member.kind, member.signature);
        EXECUTE format('DROP %s %s', member.kind, member.signature);
    END LOOP;
    EXECUTE (
        SELECT string_agg(format('COMMENT ON %s %s IS NULL', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, oid::regclass), ';')
        FROM pg_class WHERE relnamespace = 'pgml'::regnamespace AND relkind IN ('r', 'v')
    );
END
$$;
-- PostgresML puts the extension into its schema.
ALTER EXTENSION pgml DROP SCHEMA pgml;
UPDATE pg_extension SET extnamespace = 'pgml'::regnamespace WHERE extname = 'pgml';
INSERT INTO pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype)
SELECT 'pg_extension'::regclass, oid, 0, 'pg_namespace'::regclass, 'pgml'::regnamespace, 0, 'n' FROM pg_extension WHERE extname = 'pgml';
ALTER EXTENSION pgml DROP TABLE pgml_private.seal_keys;
ALTER EXTENSION pgml DROP SCHEMA pgml_private;
DROP SCHEMA pgml_private CASCADE;
ALTER TABLE pgml.files ALTER COLUMN data SET STORAGE EXTENDED;
UPDATE pg_extension SET extconfig = NULL, extcondition = NULL WHERE extname = 'pgml';
ALTER EXTENSION pgml DROP TYPE pgml.algorithm;
DROP TYPE pgml.algorithm;
CREATE TYPE pgml.algorithm AS ENUM ('linear', 'xgboost', 'svm', 'lasso', 'ridge', 'random_forest', 'lightgbm', 'kmeans', 'pca', 'knn');
ALTER EXTENSION pgml ADD TYPE pgml.algorithm;

CREATE FUNCTION pgml.auto_updated_at(tbl regclass) RETURNS void LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''old''; END';
CREATE FUNCTION pgml.version() RETURNS text LANGUAGE sql AS 'SELECT ''2.10.0''::text';
CREATE FUNCTION pgml.predict(project_name text, features real[]) RETURNS real IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''old''; END';
CREATE FUNCTION pgml.predict(project_name text, features float8[]) RETURNS real IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''old''; END';
CREATE FUNCTION pgml.predict(model_id bigint, features real[]) RETURNS real IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''old''; END';
CREATE FUNCTION pgml.predict_batch(project_name text, features real[]) RETURNS SETOF real IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''old''; END';
CREATE FUNCTION pgml.train(project_name text, task text DEFAULT NULL, algorithm pgml.algorithm DEFAULT 'linear') RETURNS TABLE (project text, deployed bool) LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''old''; END';
CREATE FUNCTION pgml.norm_l2(vector real[]) RETURNS real IMMUTABLE LANGUAGE sql AS 'SELECT -1::real';
CREATE FUNCTION pgml.norm_l2(vector float8[]) RETURNS float8 IMMUTABLE LANGUAGE sql AS 'SELECT -1::float8';
CREATE FUNCTION pgml.sums_state(state real[], arg real[]) RETURNS real[] IMMUTABLE LANGUAGE sql AS 'SELECT ''{-1}''::real[]';
CREATE AGGREGATE pgml.sum(real[]) (SFUNC = pgml.sums_state, STYPE = real[]);
CREATE FUNCTION pgml.embed(transformer text, inputs text, kwargs jsonb DEFAULT '{}') RETURNS real[] IMMUTABLE LANGUAGE sql AS 'SELECT ''{1}''::real[]';
CREATE FUNCTION pgml.transform(task text, inputs text[]) RETURNS jsonb LANGUAGE sql AS 'SELECT ''{}''::jsonb';
DO $$
DECLARE
    member record;
BEGIN
    FOR member IN
        SELECT CASE prokind WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END AS kind, oid::regprocedure AS signature
        FROM pg_proc WHERE pronamespace = 'pgml'::regnamespace AND prorettype <> 'trigger'::regtype
    LOOP
        EXECUTE format('ALTER EXTENSION pgml ADD %s %s', member.kind, member.signature);
    END LOOP;
END
$$;
