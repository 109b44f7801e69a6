CREATE FUNCTION pgml.deploy(model_id bigint) RETURNS TABLE (project text, strategy text, algorithm text)
    VOLATILE STRICT PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_deploy_model_wrapper';
COMMENT ON FUNCTION pgml.deploy(bigint) IS 'Makes one model answer for its project';
