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
