CREATE FUNCTION pgml.python_package_version(name text) RETURNS text
    STABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_python_package_version_wrapper';
COMMENT ON FUNCTION pgml.python_package_version(text) IS 'Version of an installed Python package';

CREATE FUNCTION pgml.python_pip_freeze() RETURNS TABLE (package text)
    STABLE STRICT PARALLEL SAFE ROWS 20 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_python_pip_freeze_wrapper';
COMMENT ON FUNCTION pgml.python_pip_freeze() IS 'The Python packages that pgml uses, as name==version';

CREATE FUNCTION pgml.validate_python_dependencies() RETURNS boolean
    VOLATILE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_validate_python_dependencies_wrapper';
COMMENT ON FUNCTION pgml.validate_python_dependencies() IS 'True when every Python library that pgml uses can be loaded; an error names the one that can''t';

CREATE FUNCTION pgml.validate_shared_library() RETURNS boolean
    VOLATILE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_validate_shared_library_wrapper';
COMMENT ON FUNCTION pgml.validate_shared_library() IS 'True when no library of this backend exposes a BLAS to the others; an error names the one that does';
