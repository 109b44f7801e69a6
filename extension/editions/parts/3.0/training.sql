---------------------------------------------------------------------------------------------------
-- Training
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pgml.load_dataset(
    source  text,
    subset  text DEFAULT NULL,
    "limit" int DEFAULT NULL,
    kwargs  pgml.anyjson DEFAULT '{}'
) RETURNS TABLE (table_name text, rows bigint)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_load_dataset_wrapper';
COMMENT ON FUNCTION pgml.load_dataset(text, text, int, pgml.anyjson) IS 'Makes a table in schema pgml from one of scikit-learn''s toy data sets: breast_cancer, diabetes, digits, iris, linnerud, wine';

CREATE FUNCTION pgml.snapshot(
    relation_name text,
    y_column_name text,
    test_size     float8 DEFAULT 0.25,
    test_sampling pgml.sampling DEFAULT 'stratified'
) RETURNS TABLE (relation text, y_column_name text)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_snapshot_wrapper';
COMMENT ON FUNCTION pgml.snapshot(text, text, float8, pgml.sampling) IS 'Copies the rows of a relation into a table of their own, to train on them later';

CREATE FUNCTION pgml.train(
    project_name         text,
    task                 text DEFAULT NULL,
    relation_name        text DEFAULT NULL,
    y_column_name        text DEFAULT NULL,
    algorithm            pgml.algorithm DEFAULT NULL,
    hyperparams          pgml.anyjson DEFAULT NULL,
    search               pgml.search DEFAULT NULL,
    search_params        pgml.anyjson DEFAULT '{}',
    search_args          pgml.anyjson DEFAULT '{}',
    test_size            float8 DEFAULT 0.25,
    test_sampling        pgml.sampling DEFAULT 'stratified',
    runtime              pgml.runtime DEFAULT NULL,
    automatic_deploy     boolean DEFAULT true,
    materialize_snapshot boolean DEFAULT false,
    preprocess           pgml.anyjson DEFAULT NULL,
    exclude              text[] DEFAULT NULL,
    weight_column        text DEFAULT NULL,
    metric               text DEFAULT NULL,
    redefine             boolean DEFAULT false
) RETURNS TABLE (
    project text, task text, algorithm text, deployed boolean,
    model_id bigint, metric text, score float8, deployed_score float8, reason text
)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_train_wrapper';
COMMENT ON FUNCTION pgml.train(text, text, text, text, pgml.algorithm, pgml.anyjson, pgml.search, pgml.anyjson, pgml.anyjson, float8, pgml.sampling, pgml.runtime, boolean, boolean, pgml.anyjson, text[], text, text, boolean) IS 'Trains a model that predicts one column of a relation from the others';

CREATE FUNCTION pgml.train_joint(
    project_name         text,
    task                 text DEFAULT NULL,
    relation_name        text DEFAULT NULL,
    y_column_name        text[] DEFAULT NULL,
    algorithm            pgml.algorithm DEFAULT NULL,
    hyperparams          pgml.anyjson DEFAULT NULL,
    search               pgml.search DEFAULT NULL,
    search_params        pgml.anyjson DEFAULT '{}',
    search_args          pgml.anyjson DEFAULT '{}',
    test_size            float8 DEFAULT 0.25,
    test_sampling        pgml.sampling DEFAULT 'stratified',
    runtime              pgml.runtime DEFAULT NULL,
    automatic_deploy     boolean DEFAULT true,
    materialize_snapshot boolean DEFAULT false,
    preprocess           pgml.anyjson DEFAULT NULL,
    exclude              text[] DEFAULT NULL,
    weight_column        text DEFAULT NULL,
    metric               text DEFAULT NULL,
    redefine             boolean DEFAULT false
) RETURNS TABLE (
    project text, task text, algorithm text, deployed boolean,
    model_id bigint, metric text, score float8, deployed_score float8, reason text
)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_train_joint_wrapper';
COMMENT ON FUNCTION pgml.train_joint(text, text, text, text[], pgml.algorithm, pgml.anyjson, pgml.search, pgml.anyjson, pgml.anyjson, float8, pgml.sampling, pgml.runtime, boolean, boolean, pgml.anyjson, text[], text, text, boolean) IS 'Trains a model that predicts several columns of a relation at once';

CREATE FUNCTION pgml.deploy(
    project_name text,
    strategy     pgml.strategy,
    algorithm    pgml.algorithm DEFAULT NULL
) RETURNS TABLE (project text, strategy text, algorithm text)
    VOLATILE PARALLEL UNSAFE ROWS 1 LANGUAGE c AS 'MODULE_PATHNAME', 'pgml_deploy_wrapper';
COMMENT ON FUNCTION pgml.deploy(text, pgml.strategy, pgml.algorithm) IS 'Chooses the model that answers for a project: best_score, most_recent or rollback';

@include deploy-model
