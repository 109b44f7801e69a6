CREATE FUNCTION pgml.predict(model_id bigint, features float8[]) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_model_wrapper';
COMMENT ON FUNCTION pgml.predict(bigint, float8[]) IS 'Predicts one row with a given model';
