ALTER TABLE pgml.deployments ALTER COLUMN strategy TYPE pgml.strategy USING strategy::pgml.strategy;

ALTER TABLE pgml.snapshots ADD COLUMN materialized boolean DEFAULT false;
ALTER TABLE pgml.snapshots ALTER COLUMN status DROP DEFAULT;
COMMENT ON TABLE pgml.snapshots IS 'The data that models were trained on: relation, columns, and how the rows were split';
