-- Second half: catches models that only lived in a session's memory, and parts that are put together wrongly.
\ir helpers.psql

DO $$
BEGIN
    ASSERT (SELECT pg_postmaster_start_time() > max(created_at AT TIME ZONE current_setting('TimeZone')) FROM pgml.models),
        'the server was not restarted';
    ASSERT (SELECT count(*) FROM public.predictions_before) = 80;
    ASSERT NOT EXISTS (
        SELECT FROM public.predictions_before WHERE pgml.predict(model_id, features) IS DISTINCT FROM prediction
    ), 'a model predicts otherwise after the restart';
    ASSERT NOT EXISTS (SELECT * FROM public.deployed_before EXCEPT SELECT * FROM pgml.deployed_models);
    PERFORM pgml.predict('diabetes', '{1,2,3,4,5,6,7,8,9,10}');
    PERFORM pgml.train('diabetes', algorithm => 'ridge');
END
$$;
\o
\echo persistence, after the restart: passed
