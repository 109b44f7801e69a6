CREATE FUNCTION pgml.to_sql(model_id bigint) RETURNS text
    STABLE STRICT PARALLEL UNSAFE COST 100000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_to_sql_wrapper';
COMMENT ON FUNCTION pgml.to_sql(bigint) IS 'The prediction of a model as an SQL expression over the names of its features, for databases without the extension';
