CREATE FUNCTION pgml.predict_batch(project_name text, features text) RETURNS SETOF float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_batch($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_batch(text, text) IS 'Predicts many rows in the notation of an array, {{1,2},{3,4}}, with the deployed model of a project';

CREATE FUNCTION pgml.predict_batch(model_id bigint, features text) RETURNS SETOF float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_batch($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_batch(bigint, text) IS 'Predicts many rows in the notation of an array, {{1,2},{3,4}}, with a given model';

CREATE FUNCTION pgml.predict(project_name text, features boolean[]) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(text, boolean[]) IS 'Predicts one row of booleans with the deployed model of a project';

CREATE FUNCTION pgml.predict(project_name text, features text) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(text, text) IS 'Predicts one row in the notation of an array, {1,2} with the deployed model of a project';

CREATE FUNCTION pgml.predict(model_id bigint, features boolean[]) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(bigint, boolean[]) IS 'Predicts one row of booleans with a given model';

CREATE FUNCTION pgml.predict(model_id bigint, features text) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(bigint, text) IS 'Predicts one row in the notation of an array, {1,2} with a given model';

CREATE FUNCTION pgml.predict_joint(project_name text, features boolean[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_joint($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_joint(text, boolean[]) IS 'Predicts every label of one row of booleans with the deployed model of a project';

CREATE FUNCTION pgml.predict_joint(project_name text, features text) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_joint($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_joint(text, text) IS 'Predicts every label of one row in the notation of an array, {1,2} with the deployed model of a project';

CREATE FUNCTION pgml.predict_joint(model_id bigint, features boolean[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_joint($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_joint(bigint, boolean[]) IS 'Predicts every label of one row of booleans with a given model';

CREATE FUNCTION pgml.predict_joint(model_id bigint, features text) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_joint($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_joint(bigint, text) IS 'Predicts every label of one row in the notation of an array, {1,2} with a given model';

CREATE FUNCTION pgml.predict_proba(project_name text, features boolean[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_proba($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_proba(text, boolean[]) IS 'Probability of each class for one row, of booleans with the deployed model of a project';

CREATE FUNCTION pgml.predict_proba(project_name text, features text) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_proba($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_proba(text, text) IS 'Probability of each class for one row, in the notation of an array, {1,2} with the deployed model of a project';

CREATE FUNCTION pgml.predict_proba(model_id bigint, features boolean[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_proba($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_proba(bigint, boolean[]) IS 'Probability of each class for one row, of booleans with a given model';

CREATE FUNCTION pgml.predict_proba(model_id bigint, features text) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_proba($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_proba(bigint, text) IS 'Probability of each class for one row, in the notation of an array, {1,2} with a given model';

CREATE FUNCTION pgml.decompose(project_name text, vector float8[]) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_decompose_wrapper';
COMMENT ON FUNCTION pgml.decompose(text, float8[]) IS 'A row''s coordinates along the components of the deployed model of a project';

CREATE FUNCTION pgml.decompose(project_name text, vector text) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.decompose($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.decompose(text, text) IS 'The coordinates of a row, in the notation of an array, {1,2}, along the components of the deployed model of a project';

-- A row's columns can be of several types, texts among them.
CREATE FUNCTION pgml.predict(project_name text, features record) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_row_wrapper';
COMMENT ON FUNCTION pgml.predict(text, record) IS 'Predicts one row, a table''s by its names or (a, b, c), with the deployed model of a project';

CREATE FUNCTION pgml.predict_joint(project_name text, features record) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_joint_row_wrapper';
COMMENT ON FUNCTION pgml.predict_joint(text, record) IS 'Predicts every label of one row, (a, b, c), with the deployed model of a project';

CREATE FUNCTION pgml.predict_proba(project_name text, features record) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_proba_row_wrapper';
COMMENT ON FUNCTION pgml.predict_proba(text, record) IS 'Probability of each class for one row, (a, b, c), with the deployed model of a project';

CREATE FUNCTION pgml.predict(model_id bigint, features record) RETURNS float8
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict(bigint, record) IS 'Predicts one row, (a, b, c), with a given model';

CREATE FUNCTION pgml.predict_joint(model_id bigint, features record) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_joint_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict_joint(bigint, record) IS 'Predicts every label of one row, (a, b, c), with a given model';

CREATE FUNCTION pgml.predict_proba(model_id bigint, features record) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_predict_proba_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict_proba(bigint, record) IS 'Probability of each class for one row, (a, b, c), with a given model';

CREATE FUNCTION pgml.decompose(project_name text, vector record) RETURNS float8[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_decompose_row_wrapper';
COMMENT ON FUNCTION pgml.decompose(text, record) IS 'The coordinates of a row, (a, b, c), along the components of the deployed model of a project';
