---------------------------------------------------------------------------------------------------
-- Prediction
--
-- An overload for each type of array: none of them is ambiguous. A literal, '{1,2}', goes to text, as Postgres prefers it, and
-- is an array there. STABLE, not IMMUTABLE as PostgresML has it: a deployment changes the answer.
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.predict(project_name text, features float8[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_wrapper';
COMMENT ON FUNCTION pgml.predict(text, float8[]) IS 'Predicts one row with the deployed model of a project';

CREATE FUNCTION pgml.predict(project_name text, features real[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(text, real[]) IS 'Predicts one row with the deployed model of a project';

CREATE FUNCTION pgml.predict(project_name text, features smallint[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(text, smallint[]) IS 'Predicts one row with the deployed model of a project';

CREATE FUNCTION pgml.predict(project_name text, features int[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(text, int[]) IS 'Predicts one row with the deployed model of a project';

CREATE FUNCTION pgml.predict(project_name text, features bigint[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(text, bigint[]) IS 'Predicts one row with the deployed model of a project';

CREATE FUNCTION pgml.predict(project_name text, features numeric[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(text, numeric[]) IS 'Predicts one row with the deployed model of a project';

CREATE FUNCTION pgml.predict(project_name text, features boolean[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(text, boolean[]) IS 'Predicts one row with the deployed model of a project';

CREATE FUNCTION pgml.predict(project_name text, features text) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(text, text) IS 'Predicts one row in the notation of an array, {1,2}, with the deployed model of a project';

CREATE FUNCTION pgml.predict(model_id bigint, features float8[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_model_wrapper';
COMMENT ON FUNCTION pgml.predict(bigint, float8[]) IS 'Predicts one row with a given model';

CREATE FUNCTION pgml.predict(model_id bigint, features real[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(bigint, real[]) IS 'Predicts one row with a given model';

CREATE FUNCTION pgml.predict(model_id bigint, features smallint[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(bigint, smallint[]) IS 'Predicts one row with a given model';

CREATE FUNCTION pgml.predict(model_id bigint, features int[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(bigint, int[]) IS 'Predicts one row with a given model';

CREATE FUNCTION pgml.predict(model_id bigint, features bigint[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(bigint, bigint[]) IS 'Predicts one row with a given model';

CREATE FUNCTION pgml.predict(model_id bigint, features numeric[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(bigint, numeric[]) IS 'Predicts one row with a given model';

CREATE FUNCTION pgml.predict(model_id bigint, features boolean[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(bigint, boolean[]) IS 'Predicts one row with a given model';

CREATE FUNCTION pgml.predict(model_id bigint, features text) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict(bigint, text) IS 'Predicts one row in the notation of an array, {1,2}, with a given model';

CREATE FUNCTION pgml.predict_joint(project_name text, features float8[]) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_joint_wrapper';
COMMENT ON FUNCTION pgml.predict_joint(text, float8[]) IS 'Predicts every label of one row with the deployed model of a project';

CREATE FUNCTION pgml.predict_joint(project_name text, features boolean[]) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_joint($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_joint(text, boolean[]) IS 'Predicts every label of one row with the deployed model of a project';

CREATE FUNCTION pgml.predict_joint(project_name text, features text) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_joint($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_joint(text, text) IS 'Predicts every label of one row in the notation of an array, {1,2}, with the deployed model of a project';

CREATE FUNCTION pgml.predict_joint(model_id bigint, features float8[]) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_joint_model_wrapper';
COMMENT ON FUNCTION pgml.predict_joint(bigint, float8[]) IS 'Predicts every label of one row with a given model';

CREATE FUNCTION pgml.predict_joint(model_id bigint, features boolean[]) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_joint($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_joint(bigint, boolean[]) IS 'Predicts every label of one row with a given model';

CREATE FUNCTION pgml.predict_joint(model_id bigint, features text) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_joint($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_joint(bigint, text) IS 'Predicts every label of one row in the notation of an array, {1,2}, with a given model';

CREATE FUNCTION pgml.predict_proba(project_name text, features float8[]) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_proba_wrapper';
COMMENT ON FUNCTION pgml.predict_proba(text, float8[]) IS 'Probability of each class for one row with the deployed model of a project';

CREATE FUNCTION pgml.predict_proba(project_name text, features boolean[]) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_proba($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_proba(text, boolean[]) IS 'Probability of each class for one row with the deployed model of a project';

CREATE FUNCTION pgml.predict_proba(project_name text, features text) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_proba($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_proba(text, text) IS 'Probability of each class for one row in the notation of an array, {1,2}, with the deployed model of a project';

CREATE FUNCTION pgml.predict_proba(model_id bigint, features float8[]) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_proba_model_wrapper';
COMMENT ON FUNCTION pgml.predict_proba(bigint, float8[]) IS 'Probability of each class for one row with a given model';

CREATE FUNCTION pgml.predict_proba(model_id bigint, features boolean[]) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_proba($1, $2::pg_catalog.int4[]::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_proba(bigint, boolean[]) IS 'Probability of each class for one row with a given model';

CREATE FUNCTION pgml.predict_proba(model_id bigint, features text) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.predict_proba($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.predict_proba(bigint, text) IS 'Probability of each class for one row in the notation of an array, {1,2}, with a given model';

CREATE FUNCTION pgml.predict_batch(project_name text, features float8[]) RETURNS SETOF real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_batch_wrapper';
COMMENT ON FUNCTION pgml.predict_batch(text, float8[]) IS 'Predicts many rows at once, in their order, with the deployed model of a project';

CREATE FUNCTION pgml.predict_batch(model_id bigint, features float8[]) RETURNS SETOF real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_batch_model_wrapper';
COMMENT ON FUNCTION pgml.predict_batch(bigint, float8[]) IS 'Predicts many rows at once, in their order, with a given model';

CREATE FUNCTION pgml.decompose(project_name text, vector float8[]) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_decompose_wrapper';
COMMENT ON FUNCTION pgml.decompose(text, float8[]) IS 'A row''s coordinates along the components of the deployed model of a project';

CREATE FUNCTION pgml.decompose(project_name text, vector text) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE sql AS $$ SELECT pgml.decompose($1, $2::pg_catalog.float8[]) $$;
COMMENT ON FUNCTION pgml.decompose(text, text) IS 'The coordinates of a row, in the notation of an array, {1,2}, along the components of the deployed model of a project';

-- A row's columns can be of several types, texts among them.
CREATE FUNCTION pgml.predict(project_name text, features record) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_row_wrapper';
COMMENT ON FUNCTION pgml.predict(text, record) IS 'Predicts one row, (a, b, c), with the deployed model of a project';

CREATE FUNCTION pgml.predict_joint(project_name text, features record) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_joint_row_wrapper';
COMMENT ON FUNCTION pgml.predict_joint(text, record) IS 'Predicts every label of one row, (a, b, c), with the deployed model of a project';

CREATE FUNCTION pgml.predict_proba(project_name text, features record) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_proba_row_wrapper';
COMMENT ON FUNCTION pgml.predict_proba(text, record) IS 'Probability of each class for one row, (a, b, c), with the deployed model of a project';

CREATE FUNCTION pgml.predict(model_id bigint, features record) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict(bigint, record) IS 'Predicts one row, (a, b, c), with a given model';

CREATE FUNCTION pgml.predict_joint(model_id bigint, features record) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_joint_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict_joint(bigint, record) IS 'Predicts every label of one row, (a, b, c), with a given model';

CREATE FUNCTION pgml.predict_proba(model_id bigint, features record) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_predict_proba_row_model_wrapper';
COMMENT ON FUNCTION pgml.predict_proba(bigint, record) IS 'Probability of each class for one row, (a, b, c), with a given model';

CREATE FUNCTION pgml.decompose(project_name text, vector record) RETURNS real[]
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_decompose_row_wrapper';
COMMENT ON FUNCTION pgml.decompose(text, record) IS 'The coordinates of a row, (a, b, c), along the components of the deployed model of a project';
