CREATE VIEW pgml.model_details AS
SELECT
    m.id,
    p.name,
    p.task,
    m.algorithm,
    m.runtime,
    m.status,
    m.id IS NOT DISTINCT FROM (
        SELECT model_id FROM pgml.deployments WHERE project_id = p.id ORDER BY created_at DESC, id DESC LIMIT 1
    ) AS deployed,
    k.key_metric,
    CASE jsonb_typeof(m.metrics->k.key_metric) WHEN 'number' THEN (m.metrics->>k.key_metric)::float8 END AS score,
    (m.metrics->>'fit_seconds')::float8 AS fit_seconds,
    f.bytes,
    CASE WHEN m.status = 'successful' THEN COALESCE(m.metrics->>'predicted_by', 'python') END AS predicted_by,
    m.metrics->>'not_exported' AS why_python,
    m.num_features,
    m.hyperparams,
    m.created_at,
    m.snapshot_id,
    pg_total_relation_size(to_regclass(format('pgml.snapshot_%s', m.snapshot_id))) AS snapshot_bytes,
    m.metrics->'imported' AS imported
FROM pgml.models AS m
JOIN pgml.projects AS p ON p.id = m.project_id
CROSS JOIN LATERAL (
    SELECT COALESCE(p.metric, CASE p.task::text
        WHEN 'regression' THEN 'r2'
        WHEN 'classification' THEN 'f1'
        WHEN 'clustering' THEN 'silhouette'
        WHEN 'decomposition' THEN 'cumulative_explained_variance'
    END) AS key_metric
) AS k
CROSS JOIN LATERAL (SELECT sum(octet_length(data))::bigint AS bytes FROM pgml.files WHERE model_id = m.id) AS f
ORDER BY m.id;
COMMENT ON VIEW pgml.model_details IS 'Every model: what trained it in which time, how well it scores, how large it is, and what predicts with it';

CREATE VIEW pgml.disk_use AS
SELECT
    u.name,
    sum(u.models)::bigint AS models,
    sum(u.model_bytes)::bigint AS model_bytes,
    sum(u.snapshots)::bigint AS snapshots,
    sum(u.snapshot_bytes)::bigint AS snapshot_bytes,
    sum(u.model_bytes + u.snapshot_bytes)::bigint AS bytes
FROM (
    SELECT
        p.name,
        (SELECT count(*) FROM pgml.models WHERE project_id = p.id) AS models,
        COALESCE((
            SELECT sum(octet_length(f.data)) FROM pgml.files AS f JOIN pgml.models AS m ON m.id = f.model_id
            WHERE m.project_id = p.id
        ), 0) AS model_bytes,
        0 AS snapshots,
        0 AS snapshot_bytes
    FROM pgml.projects AS p
    UNION ALL
    SELECT
        (
            SELECT p.name FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id
            WHERE m.snapshot_id = s.id ORDER BY m.id LIMIT 1
        ),
        0, 0, 1, pg_total_relation_size(to_regclass(format('pgml.snapshot_%s', s.id)))
    FROM pgml.snapshots AS s
    WHERE to_regclass(format('pgml.snapshot_%s', s.id)) IS NOT NULL
) AS u
GROUP BY u.name
ORDER BY bytes DESC, u.name;
COMMENT ON VIEW pgml.disk_use IS 'What each project keeps on the disk: its models, and the rows of its snapshots; without a name, snapshots that no model was trained on';
