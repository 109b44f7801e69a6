CREATE FUNCTION pgml.python_version() RETURNS text
    STABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_python_version_wrapper';
COMMENT ON FUNCTION pgml.python_version() IS 'Version of the Python interpreter; starts it';
