-- What catboost.sql trained, as a report for the table in docs/sql/algorithms.md: the class is the one that the pickle names.
-- That it predicts what CatBoost predicts has been asserted when this runs.
WITH trained AS (
    SELECT DISTINCT m.algorithm, p.task::text AS task,
        substring(encode(f.data, 'escape') FROM 'CatBoost(?:Regressor|Classifier)') AS class
    FROM pgml.models AS m
    JOIN pgml.projects AS p ON p.id = m.project_id
    JOIN pgml.files AS f ON f.model_id = m.id AND f.path = 'estimator.pkl' AND f.part = 0
    WHERE m.status = 'successful' AND m.runtime = 'python'
)
SELECT json_build_object(
    'format', 1,
    'python', substring(pgml.python_version() FROM '^[^0-9]*([0-9]+[.][0-9]+)'),
    'versions', 'catboost ' || pgml.python_package_version('catboost'),
    'pairs', json_agg(json_build_object('algorithm', algorithm, 'task', task, 'class', class, 'passed', true) ORDER BY task)
)
FROM trained;
