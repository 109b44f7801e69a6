---------------------------------------------------------------------------------------------------
-- What is installed
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.version() RETURNS text
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql AS $$ SELECT '2.10.0'::pg_catalog.text $$;
COMMENT ON FUNCTION pgml.version() IS 'Version of the edition';

@include python-version

@include python-packages
