-- Who may do what without any GRANT.
\ir helpers.psql

SELECT pgml.load_dataset('iris');
SELECT pgml.train('iris', 'classification', 'pgml.iris', 'target', 'random_forest', '{"n_estimators": 3}');
CREATE ROLE pgml_test_nobody;
SET ROLE pgml_test_nobody;

-- Catches a user who can put bytes where the server will load them, which runs code as the server.
DO $$
DECLARE
    name text;
    action text;
BEGIN
    FOREACH name IN ARRAY '{projects,snapshots,models,deployments,files,overview,trained_models,deployed_models,model_details}'::text[] LOOP
        FOREACH action IN ARRAY '{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,TRIGGER}'::text[] LOOP
            ASSERT NOT has_table_privilege('pgml.' || name, action), format('anybody may %s pgml.%s', action, name);
        END LOOP;
    END LOOP;
    ASSERT NOT has_schema_privilege('pgml', 'CREATE');
END
$$;
SELECT pg_temp.expect_error($$SELECT pgml.auto_updated_at('pgml.iris')$$, '42501', '%permission denied%');
SELECT pg_temp.expect_error($$SELECT pgml.train('mine', 'classification', 'pgml.iris', 'target')$$, '42501', '%permission denied%');
SELECT pg_temp.expect_error($$SELECT pgml.predict('iris', '{1,2,3,4}')$$, '42501', '%permission denied%');
SELECT pg_temp.expect_error($$SELECT pgml.load_dataset('wine')$$, '42501', '%permission denied%');
SELECT pg_temp.expect_error($$SET pgml.runtime_path = '/somewhere'$$, '42501', '%permission denied%');
SELECT pg_temp.expect_error($$SET pgml.venv = '/somewhere'$$, '42501', '%permission denied%');

-- Catches a function without tables that only some may call.
DO $$
BEGIN
    ASSERT pgml.norm_l2('{3,4}') = 5 AND pgml.version() IS NOT NULL AND pgml.validate_shared_library();
END
$$;
RESET ROLE;

-- Catches a role that cannot predict with the reading rights that predicting needs.
GRANT SELECT ON ALL TABLES IN SCHEMA pgml TO pgml_test_nobody;
SET ROLE pgml_test_nobody;
DO $$ BEGIN ASSERT pgml.predict('iris', '{5.1,3.5,1.4,0.2}') = 0; END $$;
RESET ROLE;
DROP OWNED BY pgml_test_nobody;
DROP ROLE pgml_test_nobody;
\o
\echo privileges: passed
