---------------------------------------------------------------------------------------------------
-- Aggregates of vectors, element by element. NULL vectors are left out. A step also combines the states of parallel workers.
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.vector_sum_step(state real[], vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_add_vector_wrapper';
COMMENT ON FUNCTION pgml.vector_sum_step(real[], real[]) IS 'Step of the aggregate pgml.sum';

CREATE FUNCTION pgml.vector_min_step(state real[], vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_min_step_wrapper';
COMMENT ON FUNCTION pgml.vector_min_step(real[], real[]) IS 'Step of the aggregate pgml.min';

CREATE FUNCTION pgml.vector_max_step(state real[], vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_max_step_wrapper';
COMMENT ON FUNCTION pgml.vector_max_step(real[], real[]) IS 'Step of the aggregate pgml.max';

CREATE FUNCTION pgml.vector_min_abs_step(state real[], vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_min_abs_step_wrapper';
COMMENT ON FUNCTION pgml.vector_min_abs_step(real[], real[]) IS 'Step of the aggregate pgml.min_abs';

CREATE FUNCTION pgml.vector_max_abs_step(state real[], vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_max_abs_step_wrapper';
COMMENT ON FUNCTION pgml.vector_max_abs_step(real[], real[]) IS 'Step of the aggregate pgml.max_abs';

CREATE FUNCTION pgml.vector_abs(vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_abs_wrapper';
COMMENT ON FUNCTION pgml.vector_abs(real[]) IS 'The absolute value of each element: the last step of pgml.min_abs and pgml.max_abs';

CREATE AGGREGATE pgml.sum(real[]) (
    SFUNC = pgml.vector_sum_step,
    STYPE = real[],
    COMBINEFUNC = pgml.vector_sum_step,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE pgml.sum(real[]) IS 'Sum of vectors, element by element';

CREATE AGGREGATE pgml.min(real[]) (
    SFUNC = pgml.vector_min_step,
    STYPE = real[],
    COMBINEFUNC = pgml.vector_min_step,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE pgml.min(real[]) IS 'Smallest value of each element';

CREATE AGGREGATE pgml.max(real[]) (
    SFUNC = pgml.vector_max_step,
    STYPE = real[],
    COMBINEFUNC = pgml.vector_max_step,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE pgml.max(real[]) IS 'Largest value of each element';

CREATE AGGREGATE pgml.min_abs(real[]) (
    SFUNC = pgml.vector_min_abs_step,
    STYPE = real[],
    FINALFUNC = pgml.vector_abs,
    COMBINEFUNC = pgml.vector_min_abs_step,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE pgml.min_abs(real[]) IS 'Smallest absolute value of each element';

CREATE AGGREGATE pgml.max_abs(real[]) (
    SFUNC = pgml.vector_max_abs_step,
    STYPE = real[],
    FINALFUNC = pgml.vector_abs,
    COMBINEFUNC = pgml.vector_max_abs_step,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE pgml.max_abs(real[]) IS 'Largest absolute value of each element';
