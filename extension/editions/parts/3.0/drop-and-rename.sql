CREATE FUNCTION pgml.drop_model(model_id bigint, force boolean DEFAULT false) RETURNS void
    VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_drop_model_wrapper';
COMMENT ON FUNCTION pgml.drop_model(bigint, boolean) IS 'Deletes a model; the deployed one only by force';

CREATE FUNCTION pgml.drop_project(project_name text, force boolean DEFAULT false) RETURNS void
    VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_drop_project_wrapper';
COMMENT ON FUNCTION pgml.drop_project(text, boolean) IS 'Deletes a project with its models and the rows that only it keeps; one with a deployed model only by force';

CREATE FUNCTION pgml.rename_project(old_name text, new_name text) RETURNS void
    VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_rename_project_wrapper';
COMMENT ON FUNCTION pgml.rename_project(text, text) IS 'Gives a project another name';
