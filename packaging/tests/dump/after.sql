-- Second half: catches tables, rows and sequences that a dump leaves out, or that a restore can't put back.
\ir ../helpers.psql

-- Restored as the current edition, models of 2.10.0 answer with more digits: as many as before are compared.
CREATE TEMPORARY TABLE answers_now (LIKE public.said);
INSERT INTO answers_now SELECT * FROM public.answers;

DO $$
BEGIN
    ASSERT (SELECT projects FROM public.saved) = (SELECT json_agg(to_json(t) ORDER BY id)::text FROM pgml.projects AS t), 'projects';
    ASSERT (SELECT snapshots FROM public.saved) = (SELECT json_agg(to_json(t) ORDER BY id)::text FROM pgml.snapshots AS t), 'snapshots';
    ASSERT (SELECT models FROM public.saved) = (SELECT json_agg(to_json(t) ORDER BY id)::text FROM pgml.models AS t), 'models';
    ASSERT (SELECT deployments FROM public.saved) = (SELECT json_agg(to_json(t) ORDER BY id)::text FROM pgml.deployments AS t), 'deployments';
    ASSERT (SELECT files FROM public.saved) = (SELECT json_agg(to_json(t) ORDER BY id)::text FROM pgml.files AS t), 'files';
    ASSERT (SELECT count(*) FROM public.said) = 80;
    ASSERT NOT EXISTS (SELECT * FROM public.said EXCEPT SELECT * FROM answers_now), 'a model predicts otherwise than before';
END
$$;
-- Catches sequences that start again, and snapshots whose rows stayed behind.
SELECT pgml.train('ridge', algorithm => 'linear');
\o
\echo dump, after: passed
