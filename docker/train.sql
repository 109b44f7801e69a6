-- What the job of compose.yaml does: a data set, a model, a prediction.
SELECT * FROM pgml.load_dataset('iris');
SELECT * FROM pgml.train('flowers', 'classification', 'pgml.iris', 'target', algorithm => 'linear');
SELECT target, pgml.predict('flowers', ARRAY[sepal_length, sepal_width, petal_length, petal_width]) AS predicted
FROM pgml.iris ORDER BY random() LIMIT 5;
