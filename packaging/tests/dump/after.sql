-- Second half: catches tables, rows and sequences that a dump leaves out, or that a restore can't put back.
\ir ../helpers.psql

DO $$
BEGIN
    ASSERT (SELECT projects FROM public.saved) = (SELECT json_agg(to_json(t) ORDER BY id)::text FROM pgml.projects AS t), 'projects';
    ASSERT (SELECT snapshots FROM public.saved) = (SELECT json_agg(to_json(t) ORDER BY id)::text FROM pgml.snapshots AS t), 'snapshots';
    ASSERT (SELECT models FROM public.saved) = (SELECT json_agg(to_json(t) ORDER BY id)::text FROM pgml.models AS t), 'models';
    ASSERT (SELECT deployments FROM public.saved) = (SELECT json_agg(to_json(t) ORDER BY id)::text FROM pgml.deployments AS t), 'deployments';
    ASSERT (SELECT files FROM public.saved) = (SELECT json_agg(to_json(t) ORDER BY id)::text FROM pgml.files AS t), 'files';
    ASSERT (SELECT count(*) FROM public.said) = 80;
    ASSERT NOT EXISTS (SELECT * FROM public.said EXCEPT SELECT * FROM public.answers), 'a model predicts otherwise than before';
END
$$;
-- Catches sequences that start again, and snapshots whose rows stayed behind.
SELECT pgml.train('ridge', algorithm => 'linear');
\o
\echo dump, after: passed
