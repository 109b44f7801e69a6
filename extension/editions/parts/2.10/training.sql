---------------------------------------------------------------------------------------------------
-- Training
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.load_dataset(
    source  text,
    subset  text DEFAULT NULL,
    "limit" int DEFAULT NULL,
    kwargs  jsonb DEFAULT '{}'
) RETURNS TABLE (table_name text, rows bigint)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_load_dataset_wrapper';
COMMENT ON FUNCTION pgml.load_dataset(text, text, int, jsonb) IS 'Makes a table in schema pgml from one of scikit-learn''s toy data sets: breast_cancer, diabetes, digits, iris, linnerud, wine';

CREATE FUNCTION pgml.snapshot(
    relation_name text,
    y_column_name text,
    test_size     real DEFAULT 0.25,
    test_sampling pgml.sampling DEFAULT 'stratified'
) RETURNS TABLE (relation text, y_column_name text)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_snapshot_wrapper';
COMMENT ON FUNCTION pgml.snapshot(text, text, real, pgml.sampling) IS 'Copies the rows of a relation into a table of their own, to train on them later';

CREATE FUNCTION pgml.train(
    project_name         text,
    task                 text DEFAULT NULL,
    relation_name        text DEFAULT NULL,
    y_column_name        text DEFAULT NULL,
    algorithm            pgml.algorithm DEFAULT 'linear',
    hyperparams          jsonb DEFAULT '{}',
    search               pgml.search DEFAULT NULL,
    search_params        jsonb DEFAULT '{}',
    search_args          jsonb DEFAULT '{}',
    test_size            real DEFAULT 0.25,
    test_sampling        pgml.sampling DEFAULT 'stratified',
    runtime              pgml.runtime DEFAULT NULL,
    automatic_deploy     boolean DEFAULT true,
    materialize_snapshot boolean DEFAULT false,
    preprocess           jsonb DEFAULT '{}'
) RETURNS TABLE (project text, task text, algorithm text, deployed boolean)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_train_wrapper';
COMMENT ON FUNCTION pgml.train(text, text, text, text, pgml.algorithm, jsonb, pgml.search, jsonb, jsonb, real, pgml.sampling, pgml.runtime, boolean, boolean, jsonb) IS 'Trains a model that predicts one column of a relation from the others';

CREATE FUNCTION pgml.train_joint(
    project_name         text,
    task                 text DEFAULT NULL,
    relation_name        text DEFAULT NULL,
    y_column_name        text[] DEFAULT NULL,
    algorithm            pgml.algorithm DEFAULT 'linear',
    hyperparams          jsonb DEFAULT '{}',
    search               pgml.search DEFAULT NULL,
    search_params        jsonb DEFAULT '{}',
    search_args          jsonb DEFAULT '{}',
    test_size            real DEFAULT 0.25,
    test_sampling        pgml.sampling DEFAULT 'stratified',
    runtime              pgml.runtime DEFAULT NULL,
    automatic_deploy     boolean DEFAULT true,
    materialize_snapshot boolean DEFAULT false,
    preprocess           jsonb DEFAULT '{}'
) RETURNS TABLE (project text, task text, algorithm text, deployed boolean)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_train_joint_wrapper';
COMMENT ON FUNCTION pgml.train_joint(text, text, text, text[], pgml.algorithm, jsonb, pgml.search, jsonb, jsonb, real, pgml.sampling, pgml.runtime, boolean, boolean, jsonb) IS 'Trains a model that predicts several columns of a relation at once';

CREATE FUNCTION pgml.deploy(
    project_name text,
    strategy     pgml.strategy,
    algorithm    pgml.algorithm DEFAULT NULL
) RETURNS TABLE (project text, strategy text, algorithm text)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'edition_2_10_deploy_wrapper';
COMMENT ON FUNCTION pgml.deploy(text, pgml.strategy, pgml.algorithm) IS 'Chooses the model that answers for a project: best_score, most_recent or rollback';

@include deploy-model
