-- In edition 2.10.0, by its own calls.
SET client_min_messages = warning;
CREATE EXTENSION pgml VERSION '2.10.0';
SELECT rows FROM pgml.load_dataset('diabetes');
SELECT rows FROM pgml.load_dataset('iris');
SELECT * FROM pgml.train('length', 'regression', 'pgml.diabetes', 'target', 'catboost', '{"n_estimators": 50, "random_seed": 7}');
SELECT * FROM pgml.train('kind', 'classification', 'pgml.iris', 'target', 'catboost', '{"iterations": 50}');
CREATE VIEW public.named AS SELECT sepal_length, CASE target WHEN 0 THEN 'a' WHEN 1 THEN 'b' ELSE 'c' END AS kind, petal_length AS y FROM pgml.iris;
SELECT * FROM pgml.train('texts', 'regression', 'public.named', 'y', 'catboost', '{"iterations": 50}');
DO $$
BEGIN
    ASSERT (SELECT count(*) = 3 FROM pgml.models WHERE algorithm = 'catboost' AND runtime = 'python' AND status = 'successful');
    ASSERT (SELECT (metrics->>'r2')::float8 > 0.3 FROM pgml.models ORDER BY id LIMIT 1);
    ASSERT (SELECT abs(pgml.predict('texts', (5.0::real, 'a'::text)) - 1.5) < 0.7);
    ASSERT (SELECT count(*) > 140 FROM pgml.iris
        WHERE pgml.predict('kind', ARRAY[sepal_length, sepal_width, petal_length, petal_width]) = target);
END
$$;
