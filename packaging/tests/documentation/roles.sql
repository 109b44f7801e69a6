-- The database of a page about roles: they are there once for all databases of the cluster, so that a page can't make them.
CREATE EXTENSION pgml;
SELECT format('CREATE ROLE %I', name)
FROM unnest('{reader,predictor,evaluator,trainer,owner}'::text[]) AS name
WHERE name NOT IN (SELECT rolname FROM pg_roles)
\gexec
