-- Classes by what they are called. Every label of a classification has them, texts and dates among them.
CREATE FUNCTION pgml.predict_label(project_name text, features float8[]) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_label_wrapper';
COMMENT ON FUNCTION pgml.predict_label(text, float8[]) IS 'The class of one row, as text, with the deployed model of a project';

CREATE FUNCTION pgml.predict_label(project_name text, features record) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_label_row_wrapper';
COMMENT ON FUNCTION pgml.predict_label(text, record) IS 'The class of one row, a table''s or (a, b, c), as text, with the deployed model of a project';

CREATE FUNCTION pgml.predict_label(project_name text, features boolean[]) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_label($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_label(text, boolean[]) IS 'The class of one row of booleans, as text, with the deployed model of a project';

CREATE FUNCTION pgml.predict_label(project_name text, features text) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_label($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_label(text, text) IS 'The class of one row in the notation of an array, {1,2}, as text, with the deployed model of a project';

CREATE FUNCTION pgml.predict_classes(project_name text, features float8[]) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_classes_wrapper';
COMMENT ON FUNCTION pgml.predict_classes(text, float8[]) IS 'Each class of one row with its probability, the most probable first, with the deployed model of a project';

CREATE FUNCTION pgml.predict_classes(project_name text, features record) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_classes_row_wrapper';
COMMENT ON FUNCTION pgml.predict_classes(text, record) IS 'Each class of one row, a table''s or (a, b, c), with its probability, the most probable first, with the deployed model of a project';

CREATE FUNCTION pgml.predict_classes(project_name text, features boolean[]) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE sql AS $$ SELECT c.label, c.probability FROM pgml.predict_classes($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) AS c $$;
COMMENT ON FUNCTION pgml.predict_classes(text, boolean[]) IS 'Each class of one row of booleans with its probability, with the deployed model of a project';

CREATE FUNCTION pgml.predict_classes(project_name text, features text) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE sql AS $$ SELECT c.label, c.probability FROM pgml.predict_classes($1, $2::pg_catalog.float8[]) AS c $$;
COMMENT ON FUNCTION pgml.predict_classes(text, text) IS 'Each class of one row in the notation of an array, {1,2}, with its probability, with the deployed model of a project';

CREATE FUNCTION pgml.predict_label(model_id bigint, features float8[]) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_label_model_wrapper';
COMMENT ON FUNCTION pgml.predict_label(bigint, float8[]) IS 'The class of one row, as text, with a given model';

CREATE FUNCTION pgml.predict_label(model_id bigint, features record) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_label_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict_label(bigint, record) IS 'The class of one row, a table''s or (a, b, c), as text, with a given model';

CREATE FUNCTION pgml.predict_label(model_id bigint, features boolean[]) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_label($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_label(bigint, boolean[]) IS 'The class of one row of booleans, as text, with a given model';

CREATE FUNCTION pgml.predict_label(model_id bigint, features text) RETURNS text
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_label($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_label(bigint, text) IS 'The class of one row in the notation of an array, {1,2}, as text, with a given model';

CREATE FUNCTION pgml.predict_classes(model_id bigint, features float8[]) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_classes_model_wrapper';
COMMENT ON FUNCTION pgml.predict_classes(bigint, float8[]) IS 'Each class of one row with its probability, the most probable first, with a given model';

CREATE FUNCTION pgml.predict_classes(model_id bigint, features record) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_classes_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict_classes(bigint, record) IS 'Each class of one row, a table''s or (a, b, c), with its probability, the most probable first, with a given model';

CREATE FUNCTION pgml.predict_classes(model_id bigint, features boolean[]) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE sql AS $$ SELECT c.label, c.probability FROM pgml.predict_classes($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) AS c $$;
COMMENT ON FUNCTION pgml.predict_classes(bigint, boolean[]) IS 'Each class of one row of booleans with its probability, with a given model';

CREATE FUNCTION pgml.predict_classes(model_id bigint, features text) RETURNS TABLE (label text, probability float8)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE sql AS $$ SELECT c.label, c.probability FROM pgml.predict_classes($1, $2::pg_catalog.float8[]) AS c $$;
COMMENT ON FUNCTION pgml.predict_classes(bigint, text) IS 'Each class of one row in the notation of an array, {1,2}, with its probability, with a given model';

CREATE FUNCTION pgml.classes(project_name text) RETURNS TABLE (class int, label text)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_classes_wrapper';
COMMENT ON FUNCTION pgml.classes(text) IS 'The classes of the deployed model of a project, in the order of predict_proba';

CREATE FUNCTION pgml.classes(model_id bigint) RETURNS TABLE (class int, label text)
    STABLE STRICT PARALLEL SAFE COST 10000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_classes_model_wrapper';
COMMENT ON FUNCTION pgml.classes(bigint) IS 'The classes of a given model, in the order of predict_proba';
