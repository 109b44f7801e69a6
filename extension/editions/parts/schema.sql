-- The schema is a member of the extension: a dump leaves it to CREATE EXTENSION, and DROP EXTENSION takes it along. One that is there
-- already, from an earlier life of the extension, is taken over, unless somebody else could have put something into it.
DO $$
DECLARE
    trusted boolean := (
        SELECT r.rolsuper OR r.rolname = current_user FROM pg_namespace AS n JOIN pg_roles AS r ON r.oid = n.nspowner
        WHERE n.nspname = 'pgml'
    );
BEGIN
    IF trusted IS NULL THEN
        CREATE SCHEMA pgml;
    ELSIF trusted THEN
        ALTER EXTENSION pgml ADD SCHEMA pgml;
    ELSE
        RAISE EXCEPTION 'schema "pgml" exists, and its owner is no superuser' USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Look at what is in it, then drop it, or make it a superuser''s: ALTER SCHEMA pgml OWNER TO CURRENT_USER.';
    END IF;
END
$$;
COMMENT ON SCHEMA pgml IS 'Machine learning in Postgres';
