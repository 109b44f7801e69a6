-- The roles that roles.py asks for. They are the server's, so that an earlier database may have made them.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY '{pgml_test_app,pgml_test_owner,pgml_test_analyst,pgml_test_nobody}'::text[] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
    END LOOP;
END $$;
