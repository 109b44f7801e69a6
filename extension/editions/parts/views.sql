CREATE VIEW pgml.overview AS
SELECT
    p.name,
    d.created_at AS deployed_at,
    p.task,
    m.algorithm,
    m.runtime,
    s.relation_name,
    s.y_column_name,
    s.test_sampling,
    s.test_size
FROM pgml.projects AS p
JOIN LATERAL (
    SELECT model_id, created_at FROM pgml.deployments WHERE project_id = p.id ORDER BY created_at DESC, id DESC LIMIT 1
) AS d ON true
JOIN pgml.models AS m ON m.id = d.model_id
LEFT JOIN pgml.snapshots AS s ON s.id = m.snapshot_id
ORDER BY d.created_at DESC;
COMMENT ON VIEW pgml.overview IS 'Every project with its deployed model and the data behind it';

CREATE VIEW pgml.trained_models AS
SELECT
    m.id,
    p.name,
    p.task,
    m.algorithm,
    m.runtime,
    m.created_at,
    s.test_sampling,
    s.test_size,
    m.id IS NOT DISTINCT FROM (
        SELECT model_id FROM pgml.deployments WHERE project_id = p.id ORDER BY created_at DESC, id DESC LIMIT 1
    ) AS deployed
FROM pgml.models AS m
JOIN pgml.projects AS p ON p.id = m.project_id
LEFT JOIN pgml.snapshots AS s ON s.id = m.snapshot_id
ORDER BY m.created_at DESC;
COMMENT ON VIEW pgml.trained_models IS 'Every model, and whether it is deployed';

CREATE VIEW pgml.deployed_models AS
SELECT m.id, p.name, p.task, m.algorithm, m.runtime, d.created_at AS deployed_at
FROM pgml.projects AS p
JOIN LATERAL (
    SELECT model_id, created_at FROM pgml.deployments WHERE project_id = p.id ORDER BY created_at DESC, id DESC LIMIT 1
) AS d ON true
JOIN pgml.models AS m ON m.id = d.model_id
ORDER BY d.created_at DESC;
COMMENT ON VIEW pgml.deployed_models IS 'The model that answers for each project';
