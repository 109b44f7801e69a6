-- What Postgres 14 and later have.
\set ON_ERROR_STOP on
CREATE FUNCTION public.doubled(v real[]) RETURNS real LANGUAGE sql BEGIN ATOMIC SELECT pgml.norm_l2(v) * 2; END;
CREATE FUNCTION public.models_of(p bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM pgml.models WHERE project_id = p; END;
CREATE STATISTICS public.of_lengths ON pgml.norm_l2(sizes), price FROM public.houses;
