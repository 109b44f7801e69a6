---------------------------------------------------------------------------------------------------
-- What 1.0 has and this release has otherwise
---------------------------------------------------------------------------------------------------

DROP VIEW pgml.overview;
DROP VIEW pgml.trained_models;
DROP VIEW pgml.deployed_models;
DROP FUNCTION pgml.version();
DROP FUNCTION pgml.load_dataset(text, text, int, jsonb);
DROP FUNCTION pgml.snapshot(text, text[], real, text);
DROP FUNCTION pgml.train(text, text, text, text, text, jsonb, text, jsonb, jsonb, real, text);
DROP FUNCTION pgml.train_joint(text, text, text, text[], text, jsonb, text, jsonb, jsonb, real, text);
DROP FUNCTION pgml.deploy(text, text, text);
DROP FUNCTION pgml.model_predict(bigint, float8[]);
