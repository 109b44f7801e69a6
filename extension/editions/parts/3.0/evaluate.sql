---------------------------------------------------------------------------------------------------
-- Evaluation
---------------------------------------------------------------------------------------------------

-- VOLATILE: a relation is read as it is now.
CREATE FUNCTION pgml.evaluate(project_name text, relation_name text) RETURNS jsonb
    VOLATILE STRICT PARALLEL RESTRICTED COST 1000000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_evaluate_wrapper';
COMMENT ON FUNCTION pgml.evaluate(text, text) IS 'The scores of the deployed model of a project on the rows of a relation, which has the label';

CREATE FUNCTION pgml.evaluate(model_id bigint, relation_name text) RETURNS jsonb
    VOLATILE STRICT PARALLEL RESTRICTED COST 1000000 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_evaluate_model_wrapper';
COMMENT ON FUNCTION pgml.evaluate(bigint, text) IS 'The scores of a given model on the rows of a relation, which has the label';

CREATE FUNCTION pgml.confusion_matrix(project_name text, relation_name text) RETURNS TABLE (actual text, predicted text, rows bigint)
    VOLATILE STRICT PARALLEL RESTRICTED COST 1000000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_confusion_matrix_wrapper';
COMMENT ON FUNCTION pgml.confusion_matrix(text, text) IS 'How many rows of each class of a relation the deployed model of a project predicts as which class';

CREATE FUNCTION pgml.confusion_matrix(model_id bigint, relation_name text) RETURNS TABLE (actual text, predicted text, rows bigint)
    VOLATILE STRICT PARALLEL RESTRICTED COST 1000000 ROWS 10 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_confusion_matrix_model_wrapper';
COMMENT ON FUNCTION pgml.confusion_matrix(bigint, text) IS 'How many rows of each class of a relation a given model predicts as which class';
