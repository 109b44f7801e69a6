CREATE FUNCTION pgml.predict(project_name text, features float8[]) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_wrapper';
COMMENT ON FUNCTION pgml.predict(text, float8[]) IS 'Predicts one row with the deployed model of a project';
