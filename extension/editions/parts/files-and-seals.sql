CREATE TABLE pgml.files (
    id         bigserial PRIMARY KEY,
    model_id   bigint NOT NULL REFERENCES pgml.models (id) ON DELETE CASCADE,
    path       text NOT NULL,
    part       int NOT NULL,
    created_at timestamp NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamp NOT NULL DEFAULT clock_timestamp(),
    data       bytea NOT NULL
);
CREATE UNIQUE INDEX files_model_id_path_part_idx ON pgml.files (model_id, path, part);
-- The bytes are pickles or compressed already: trying to compress them again only costs time.
ALTER TABLE pgml.files ALTER COLUMN data SET STORAGE EXTERNAL;
SELECT pgml.auto_updated_at('pgml.files');
COMMENT ON TABLE pgml.files IS 'The bytes of models, each with a seal: others are not loaded';

-- What tells models that this database stored from bytes that somebody put there. In a schema of its own: a GRANT on all
-- tables of schema pgml must not give it away.
CREATE SCHEMA pgml_private;
COMMENT ON SCHEMA pgml_private IS 'What of pgml is for its owner alone';
CREATE TABLE pgml_private.seal_keys (
    key        bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE pgml_private.seal_keys IS 'Keys of the seals on the bytes of models; who knows one can make a model that is read, and so run code';
INSERT INTO pgml_private.seal_keys (key)
SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- A dump of the database holds the rows, and the sequences go on where they were.
-- With the keys, so that the models are still read where it is restored.
SELECT pg_catalog.pg_extension_config_dump('pgml_private.seal_keys', '');
@include dump
