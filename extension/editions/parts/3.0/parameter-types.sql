-- Drivers send what the function's own type is not: psycopg a text or json, JDBC and Npgsql a varchar. PostgreSQL turns none of them
-- into an enum or jsonb by itself. A parameter of one of these types takes them all; no other function is touched.
DO $$
DECLARE
    sent text;
    target text;
BEGIN
    FOREACH target IN ARRAY '{task,algorithm,runtime,search,sampling,strategy}'::text[] LOOP
        FOREACH sent IN ARRAY '{text,character varying,character}'::text[] LOOP
            EXECUTE format('CREATE CAST (%s AS pgml.%I) WITH INOUT AS IMPLICIT', sent, target);
        END LOOP;
    END LOOP;
END
$$;

CREATE TYPE pgml.anyjson;
CREATE FUNCTION pgml.anyjson_in(cstring) RETURNS pgml.anyjson
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'jsonb_in';
COMMENT ON FUNCTION pgml.anyjson_in(cstring) IS 'Input of pgml.anyjson, which is jsonb''s';
CREATE FUNCTION pgml.anyjson_out(pgml.anyjson) RETURNS cstring
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'jsonb_out';
COMMENT ON FUNCTION pgml.anyjson_out(pgml.anyjson) IS 'Output of pgml.anyjson, which is jsonb''s';
CREATE FUNCTION pgml.anyjson_recv(internal) RETURNS pgml.anyjson
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'jsonb_recv';
COMMENT ON FUNCTION pgml.anyjson_recv(internal) IS 'Binary input of pgml.anyjson, which is jsonb''s';
CREATE FUNCTION pgml.anyjson_send(pgml.anyjson) RETURNS bytea
    IMMUTABLE STRICT PARALLEL SAFE LANGUAGE internal AS 'jsonb_send';
COMMENT ON FUNCTION pgml.anyjson_send(pgml.anyjson) IS 'Binary output of pgml.anyjson, which is jsonb''s';
CREATE TYPE pgml.anyjson (
    INPUT = pgml.anyjson_in,
    OUTPUT = pgml.anyjson_out,
    RECEIVE = pgml.anyjson_recv,
    SEND = pgml.anyjson_send,
    LIKE = jsonb
);
COMMENT ON TYPE pgml.anyjson IS 'A parameter that takes jsonb, json and text: JSON, stored as jsonb';
CREATE CAST (jsonb AS pgml.anyjson) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (json AS pgml.anyjson) WITH INOUT AS IMPLICIT;
CREATE CAST (text AS pgml.anyjson) WITH INOUT AS IMPLICIT;
CREATE CAST (character varying AS pgml.anyjson) WITH INOUT AS IMPLICIT;
CREATE CAST (pgml.anyjson AS jsonb) WITHOUT FUNCTION AS ASSIGNMENT;
