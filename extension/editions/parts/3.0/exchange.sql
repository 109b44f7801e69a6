CREATE FUNCTION pgml.to_sql(model_id bigint) RETURNS text
    STABLE STRICT PARALLEL UNSAFE COST 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_to_sql_wrapper';
COMMENT ON FUNCTION pgml.to_sql(bigint) IS 'The prediction of a model as an SQL expression over the names of its features, for databases without the extension';

CREATE FUNCTION pgml.export_model(model_id bigint, format text) RETURNS bytea
    STABLE STRICT PARALLEL UNSAFE COST 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_export_model_wrapper';
COMMENT ON FUNCTION pgml.export_model(bigint, text) IS 'The file of a model for another program or another database: onnx, lightgbm, xgboost, pgml';

CREATE FUNCTION pgml.import_model(
    project_name text,
    task         text,
    format       text,
    model        bytea,
    features     text[],
    classes      text[] DEFAULT NULL
) RETURNS bigint
    VOLATILE PARALLEL UNSAFE COST 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_import_model_wrapper';
COMMENT ON FUNCTION pgml.import_model(text, text, text, bytea, text[], text[]) IS 'Takes a model that was trained elsewhere into a project: the file of ONNX-ML, LightGBM, XGBoost or pgml';
