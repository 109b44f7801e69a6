-- What users have made of what ALTER EXTENSION pgml UPDATE changes: of each kind that Postgres refuses in the middle, one at least.
\set ON_ERROR_STOP on
-- life.sql has a view on pgml.overview, and columns of the rows of pgml.models and pgml.projects.
CREATE VIEW public.counted AS SELECT count(*) FROM public.newest;
CREATE MATERIALIZED VIEW public.tasks AS SELECT DISTINCT task FROM pgml.projects;
CREATE FUNCTION public.name_of(o pgml.overview) RETURNS text LANGUAGE sql AS 'SELECT ($1).name';
CREATE INDEX upper_task ON pgml.projects (upper(task));
ALTER TABLE pgml.deployments ADD CONSTRAINT known CHECK (strategy <> '');
ALTER TABLE pgml.deployments ADD COLUMN shout text GENERATED ALWAYS AS (upper(strategy)) STORED;
CREATE POLICY drawn ON pgml.snapshots USING (test_sampling = 'random');
CREATE TRIGGER note_task AFTER UPDATE OF task ON pgml.projects FOR EACH ROW EXECUTE FUNCTION public.note();
CREATE DOMAIN public.split AS pgml.snapshots;
CREATE TABLE public.splits (s public.split, every pgml.deployments[], said text DEFAULT pgml.version());
CREATE RULE told AS ON INSERT TO public.splits DO ALSO SELECT name FROM pgml.overview;
DO $$
BEGIN
    IF current_setting('server_version_num')::int >= 140000 THEN
        EXECUTE 'CREATE FUNCTION public.trained() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM pgml.trained_models; END';
    END IF;
    IF current_setting('server_version_num')::int >= 150000 THEN
        EXECUTE 'CREATE PUBLICATION pgml_test_task FOR TABLE pgml.projects WHERE (task = ''regression'')';
    END IF;
END
$$;

-- A foreign key is checked as the owner of the other table, who has no right to the schema here: rows of pgml.models can't be changed
-- by anybody, not by the update either.
GRANT USAGE ON SCHEMA pgml TO pgml_test_owner;

-- None of these is in the way.
CREATE INDEX plain_task ON pgml.projects (task);
CREATE STATISTICS public.of_projects ON id, task FROM pgml.projects;
CREATE VIEW public.algorithms AS SELECT algorithm_name FROM pgml.models;
CREATE VIEW public.whole AS SELECT m FROM pgml.models AS m;
