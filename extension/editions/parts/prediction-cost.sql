---------------------------------------------------------------------------------------------------
-- What the planner is told of a prediction: how long a call takes depends on the model
---------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pgml_private.prediction_cost(internal) RETURNS internal
    STRICT PARALLEL SAFE LANGUAGE c AS 'MODULE_PATHNAME', '@prediction_cost@';
COMMENT ON FUNCTION pgml_private.prediction_cost(internal) IS 'Tells the planner how long a prediction takes';
DO $$
DECLARE
    function regprocedure;
BEGIN
    -- The others are expressions that call these.
    FOR function IN
        SELECT p.oid FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgml')
        AND p.pronamespace = 'pgml'::regnamespace AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
        AND p.proname ~ '^(predict|predict_.*|model_predict|decompose)$'
    LOOP
        EXECUTE format('ALTER FUNCTION %s SUPPORT pgml_private.prediction_cost', function);
    END LOOP;
END
$$;
