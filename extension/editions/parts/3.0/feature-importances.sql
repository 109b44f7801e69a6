CREATE FUNCTION pgml.feature_importances(model_id bigint) RETURNS TABLE (feature text, importance float8)
    STABLE STRICT PARALLEL SAFE ROWS 20 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_feature_importances_model_wrapper';
COMMENT ON FUNCTION pgml.feature_importances(bigint) IS 'How much each feature counts in a model, as shares of 1; no rows where its algorithm can''t tell';

CREATE FUNCTION pgml.feature_importances(project_name text) RETURNS TABLE (feature text, importance float8)
    STABLE STRICT PARALLEL SAFE ROWS 20 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_feature_importances_wrapper';
COMMENT ON FUNCTION pgml.feature_importances(text) IS 'How much each feature counts in the deployed model of a project, as shares of 1';
