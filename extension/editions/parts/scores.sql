---------------------------------------------------------------------------------------------------
-- Scores
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.sklearn_f1_score(ground_truth float8[], y_hat float8[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_sklearn_f1_score_wrapper';
COMMENT ON FUNCTION pgml.sklearn_f1_score(float8[], float8[]) IS 'Weighted F1 of predicted classes, by scikit-learn';

CREATE FUNCTION pgml.sklearn_r2_score(ground_truth float8[], y_hat float8[]) RETURNS real
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_sklearn_r2_score_wrapper';
COMMENT ON FUNCTION pgml.sklearn_r2_score(float8[], float8[]) IS 'R² of predicted values, by scikit-learn; NULL for fewer than two';

CREATE FUNCTION pgml.sklearn_regression_metrics(ground_truth float8[], y_hat float8[]) RETURNS jsonb
    STABLE STRICT PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_sklearn_regression_metrics_wrapper';
COMMENT ON FUNCTION pgml.sklearn_regression_metrics(float8[], float8[]) IS 'All scores of predicted values, by scikit-learn';

CREATE FUNCTION pgml.sklearn_classification_metrics(ground_truth float8[], y_hat float8[], num_classes bigint DEFAULT NULL) RETURNS jsonb
    STABLE PARALLEL SAFE COST 10000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_sklearn_classification_metrics_wrapper';
COMMENT ON FUNCTION pgml.sklearn_classification_metrics(float8[], float8[], bigint) IS 'All scores of predicted classes, by scikit-learn. num_classes is counted and need not be given';
