-- What the lines of `make.sql` (`lines`) say must be what this machine computes: by the models in them, and by its vector
-- functions.
\set QUIET on
SET client_min_messages = error;
\o /dev/null
\ir rows.sql
CREATE TABLE public.moved (name text, task text, model text, bits text);
\copy public.moved FROM '/srv/lines'

DO $$
DECLARE
    one record;
    model bigint;
    differ text[] := '{}';
BEGIN
    FOR one IN SELECT * FROM public.moved WHERE task <> 'vectors' LOOP
        model := pgml.import_model(one.name, one.task, 'pgml', decode(one.model, 'hex'), NULL);
        IF public.bits_of(model, one.task, one.name) <> one.bits THEN
            differ := differ || one.name;
        END IF;
    END LOOP;
    SELECT differ || coalesce(array_agg(m.name), '{}') INTO differ
    FROM public.moved AS m JOIN public.vector_bits AS v ON m.name = concat('vectors: ', v.name) WHERE m.bits <> v.bits;
    ASSERT cardinality(differ) = 0, format('other bits: %s', array_to_string(differ, ', '));
    ASSERT (SELECT count(*) FILTER (WHERE task = 'vectors') = 8 AND count(*) = 30 FROM public.moved);
END
$$;
