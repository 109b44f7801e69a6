CREATE TABLE pgml.snapshots (
    id            bigserial PRIMARY KEY,
    relation_name text NOT NULL,
    y_column_name text[],
    test_size     float4 NOT NULL,
    test_sampling pgml.sampling NOT NULL,
    status        text NOT NULL,
    columns       jsonb,
    analysis      jsonb,
    created_at    timestamp NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamp NOT NULL DEFAULT clock_timestamp(),
    materialized  boolean DEFAULT false
);
SELECT pgml.auto_updated_at('pgml.snapshots');
COMMENT ON TABLE pgml.snapshots IS 'The data that models were trained on: relation, columns, and how the rows were split';

CREATE TABLE pgml.models (
    id            bigserial PRIMARY KEY,
    project_id    bigint NOT NULL REFERENCES pgml.projects (id) ON DELETE CASCADE,
    snapshot_id   bigint REFERENCES pgml.snapshots (id) ON DELETE SET NULL,
    num_features  int NOT NULL,
    algorithm     text NOT NULL,
    runtime       pgml.runtime DEFAULT 'python',
    hyperparams   jsonb NOT NULL,
    status        text NOT NULL,
    metrics       jsonb,
    search        text,
    search_params jsonb NOT NULL,
    search_args   jsonb NOT NULL,
    created_at    timestamp NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamp NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX models_project_id_idx ON pgml.models (project_id);
CREATE INDEX models_snapshot_id_idx ON pgml.models (snapshot_id);
SELECT pgml.auto_updated_at('pgml.models');
COMMENT ON TABLE pgml.models IS 'Trained models: algorithm, hyperparameters and scores';

CREATE TABLE pgml.deployments (
    id         bigserial PRIMARY KEY,
    project_id bigint NOT NULL REFERENCES pgml.projects (id) ON DELETE CASCADE,
    model_id   bigint NOT NULL REFERENCES pgml.models (id) ON DELETE CASCADE,
    strategy   pgml.strategy NOT NULL,
    created_at timestamp NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX deployments_project_id_created_at_idx ON pgml.deployments (project_id);
CREATE INDEX deployments_model_id_created_at_idx ON pgml.deployments (model_id);
COMMENT ON TABLE pgml.deployments IS 'Which model answers for a project: its latest row does';
