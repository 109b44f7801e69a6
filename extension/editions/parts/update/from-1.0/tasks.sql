-- The name of a transformer's task stays with its models.
UPDATE pgml.models AS m SET metrics = coalesce(metrics, '{}') || jsonb_build_object('task', p.task)
FROM pgml.projects AS p WHERE p.id = m.project_id AND p.task NOT IN ('regression', 'classification');
ALTER TABLE pgml.projects ALTER COLUMN task TYPE pgml.task
    USING CASE WHEN task IN ('regression', 'classification') THEN task ELSE 'transformer' END::pgml.task;
