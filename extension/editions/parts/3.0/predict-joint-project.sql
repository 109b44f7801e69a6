CREATE FUNCTION pgml.predict_joint(project_name text, features float8[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_joint_wrapper';
COMMENT ON FUNCTION pgml.predict_joint(text, float8[]) IS 'Predicts every label of one row with the deployed model of a project';
