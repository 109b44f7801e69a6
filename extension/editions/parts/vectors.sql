---------------------------------------------------------------------------------------------------
-- Vectors
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.add(vector real[], addend real) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_add_scalar_wrapper';
COMMENT ON FUNCTION pgml.add(real[], real) IS 'Adds a number to each element';

CREATE FUNCTION pgml.subtract(vector real[], subtrahend real) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_subtract_scalar_wrapper';
COMMENT ON FUNCTION pgml.subtract(real[], real) IS 'Subtracts a number from each element';

CREATE FUNCTION pgml.multiply(vector real[], multiplicand real) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_multiply_scalar_wrapper';
COMMENT ON FUNCTION pgml.multiply(real[], real) IS 'Multiplies each element by a number';

CREATE FUNCTION pgml.divide(vector real[], dividend real) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_divide_scalar_wrapper';
COMMENT ON FUNCTION pgml.divide(real[], real) IS 'Divides each element by a number; by zero gives an infinity or NaN';

CREATE FUNCTION pgml.add(vector real[], addend real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_add_vector_wrapper';
COMMENT ON FUNCTION pgml.add(real[], real[]) IS 'Adds two vectors element by element';

CREATE FUNCTION pgml.subtract(vector real[], subtrahend real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_subtract_vector_wrapper';
COMMENT ON FUNCTION pgml.subtract(real[], real[]) IS 'Subtracts the second vector from the first element by element';

CREATE FUNCTION pgml.multiply(vector real[], multiplicand real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_multiply_vector_wrapper';
COMMENT ON FUNCTION pgml.multiply(real[], real[]) IS 'Multiplies two vectors element by element';

CREATE FUNCTION pgml.divide(vector real[], dividend real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_divide_vector_wrapper';
COMMENT ON FUNCTION pgml.divide(real[], real[]) IS 'Divides the first vector by the second element by element; by zero gives an infinity or NaN';

CREATE FUNCTION pgml.norm_l0(vector real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_norm_l0_wrapper';
COMMENT ON FUNCTION pgml.norm_l0(real[]) IS 'Number of elements that are not zero';

CREATE FUNCTION pgml.norm_l1(vector real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_norm_l1_wrapper';
COMMENT ON FUNCTION pgml.norm_l1(real[]) IS 'Sum of the absolute values';

CREATE FUNCTION pgml.norm_l2(vector real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_norm_l2_wrapper';
COMMENT ON FUNCTION pgml.norm_l2(real[]) IS 'Euclidean length';

CREATE FUNCTION pgml.norm_max(vector real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_norm_max_wrapper';
COMMENT ON FUNCTION pgml.norm_max(real[]) IS 'Largest absolute value';

CREATE FUNCTION pgml.normalize_l1(vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_normalize_l1_wrapper';
COMMENT ON FUNCTION pgml.normalize_l1(real[]) IS 'The vector divided by its norm_l1';

CREATE FUNCTION pgml.normalize_l2(vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_normalize_l2_wrapper';
COMMENT ON FUNCTION pgml.normalize_l2(real[]) IS 'The vector divided by its norm_l2';

CREATE FUNCTION pgml.normalize_max(vector real[]) RETURNS real[]
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_normalize_max_wrapper';
COMMENT ON FUNCTION pgml.normalize_max(real[]) IS 'The vector divided by its norm_max';

CREATE FUNCTION pgml.distance_l1(vector real[], other real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_distance_l1_wrapper';
COMMENT ON FUNCTION pgml.distance_l1(real[], real[]) IS 'Sum of the absolute differences';

CREATE FUNCTION pgml.distance_l2(vector real[], other real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_distance_l2_wrapper';
COMMENT ON FUNCTION pgml.distance_l2(real[], real[]) IS 'Euclidean distance';

CREATE FUNCTION pgml.dot_product(vector real[], other real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_dot_product_wrapper';
COMMENT ON FUNCTION pgml.dot_product(real[], real[]) IS 'Sum of the products';

CREATE FUNCTION pgml.cosine_similarity(vector real[], other real[]) RETURNS real
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', 'vector_cosine_similarity_wrapper';
COMMENT ON FUNCTION pgml.cosine_similarity(real[], real[]) IS 'Cosine of the angle between two vectors; 0 when one of them is all zeros';
