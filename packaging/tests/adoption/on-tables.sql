-- What users have put on tables that PostgresML 1.0 and 2.10 both have.
ALTER TABLE pgml.models ADD COLUMN team text DEFAULT 'none';
COMMENT ON COLUMN pgml.models.team IS 'who trained it';
COMMENT ON TABLE pgml.models IS 'our models';
CREATE INDEX models_team ON pgml.models (team);
CREATE TABLE public.audit (id bigserial PRIMARY KEY, model_id bigint REFERENCES pgml.models (id), said text);
INSERT INTO public.audit (model_id, said) VALUES (7, 'fine');
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.audit (model_id, said) VALUES (NEW.id, TG_OP);
    RETURN NEW;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON pgml.models FOR EACH ROW EXECUTE FUNCTION public.note();
ALTER TABLE pgml.models DISABLE TRIGGER note;
ALTER TABLE pgml.projects ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON pgml.projects FOR SELECT TO pgml_test_analyst USING (name = 'prices');
ALTER TABLE pgml.projects REPLICA IDENTITY FULL;
ALTER TABLE pgml.projects SET (fillfactor = 70);
