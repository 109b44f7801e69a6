CREATE FUNCTION pgml.predict_batch(project_name text, features record[]) RETURNS SETOF float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_batch_rows_wrapper';
COMMENT ON FUNCTION pgml.predict_batch(text, record[]) IS 'Predicts many rows at once, each (a, b, c), in their order, with the deployed model of a project';

CREATE FUNCTION pgml.predict_batch(model_id bigint, features record[]) RETURNS SETOF float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_batch_rows_model_wrapper';
COMMENT ON FUNCTION pgml.predict_batch(bigint, record[]) IS 'Predicts many rows at once, each (a, b, c), in their order, with a given model';
