    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE EXCEPTION 'adopting a database takes a superuser' USING
            ERRCODE = 'insufficient_privilege', HINT = 'Loading a model runs the code that is in it.';
    END IF;
