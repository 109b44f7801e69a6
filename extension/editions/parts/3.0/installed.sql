---------------------------------------------------------------------------------------------------
-- What is installed
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.version() RETURNS text
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_version_wrapper';
COMMENT ON FUNCTION pgml.version() IS 'Version of the library';

CREATE FUNCTION pgml.blas_config() RETURNS text
    STABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_blas_config_wrapper';
COMMENT ON FUNCTION pgml.blas_config() IS 'Version, build options and chosen processor kernels of the OpenBLAS inside the library';

@include python-version

CREATE FUNCTION pgml.python_is_running() RETURNS boolean
    STABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_python_is_running_wrapper';
COMMENT ON FUNCTION pgml.python_is_running() IS 'Whether this session has started a Python interpreter; starts none';

@include python-packages
