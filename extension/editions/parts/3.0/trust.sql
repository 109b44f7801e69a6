CREATE FUNCTION pgml.trust(model_id bigint) RETURNS void
    VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_trust_wrapper';
COMMENT ON FUNCTION pgml.trust(bigint) IS 'Accepts the bytes of a model as if this database had stored them; for superusers';
