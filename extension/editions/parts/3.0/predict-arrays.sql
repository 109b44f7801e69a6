CREATE FUNCTION pgml.predict_joint(model_id bigint, features float8[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_joint_model_wrapper';
COMMENT ON FUNCTION pgml.predict_joint(bigint, float8[]) IS 'Predicts every label of one row with a given model';

CREATE FUNCTION pgml.predict_proba(project_name text, features float8[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_proba_wrapper';
COMMENT ON FUNCTION pgml.predict_proba(text, float8[]) IS 'Probability of each class for one row, with the deployed model of a project';

CREATE FUNCTION pgml.predict_proba(model_id bigint, features float8[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_proba_model_wrapper';
COMMENT ON FUNCTION pgml.predict_proba(bigint, float8[]) IS 'Probability of each class for one row, with a given model';

CREATE FUNCTION pgml.predict_batch(project_name text, features float8[][]) RETURNS SETOF float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_batch_wrapper';
COMMENT ON FUNCTION pgml.predict_batch(text, float8[]) IS 'Predicts many rows at once, in their order, with the deployed model of a project';

CREATE FUNCTION pgml.predict_batch(model_id bigint, features float8[][]) RETURNS SETOF float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_batch_model_wrapper';
COMMENT ON FUNCTION pgml.predict_batch(bigint, float8[]) IS 'Predicts many rows at once, in their order, with a given model';
