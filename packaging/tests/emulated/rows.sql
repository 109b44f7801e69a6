-- Rows and functions that both machines have. No number in them comes from a function of the C library.
CREATE TABLE public.flowers AS
SELECT i AS n, (i % 7) / 3.0::float8 AS petal, ((i * 5) % 11) / 7.0::float8 AS sepal, ((i * 3) % 13)::float8 AS noise,
    (2 * (i % 7) + ((i * 5) % 11) > 10)::int + (2 * (i % 7) + ((i * 5) % 11) > 16)::int AS kind,
    (2 * (i % 7) + ((i * 5) % 11) + (i % 3) * 0.25)::float8 AS height
FROM generate_series(1, 240) AS i;
CREATE VIEW public.classification AS SELECT petal, sepal, noise, kind AS label FROM public.flowers;
CREATE VIEW public.regression AS SELECT petal, sepal, noise, height AS label FROM public.flowers;

-- The bits of all predictions of a model, and of its probabilities where it has some: ridge and svm have none.
CREATE FUNCTION public.bits_of(model bigint, task text, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    bits text;
    probabilities text := '';
BEGIN
    SELECT string_agg(encode(float8send(pgml.predict(model, ARRAY[petal, sepal, noise])), 'hex'), '' ORDER BY n) INTO bits FROM public.flowers;
    IF task = 'classification' AND name !~ 'ridge|svm' THEN
        SELECT string_agg(encode(float8send(p), 'hex'), '' ORDER BY f.n, place) INTO probabilities
        FROM public.flowers AS f, unnest(pgml.predict_proba(model, ARRAY[petal, sepal, noise])) WITH ORDINALITY AS of_row (p, place);
    END IF;
    RETURN concat(bits, ' ', probabilities);
END
$$;

-- Vectors of 301 numbers; none of their sums is exact.
CREATE TABLE public.v AS
SELECT n, (SELECT array_agg((((n * 31 + i * 17) % 1009) / 7.0 * (1 + i % 9))::real ORDER BY i) FROM generate_series(1, 301) AS i) AS v
FROM generate_series(1, 50) AS n;
CREATE VIEW public.vector_bits AS
SELECT name, string_agg(bits, '' ORDER BY n) AS bits
FROM (
    SELECT a.n, f.name, encode(f.bits, 'hex') AS bits
    FROM public.v AS a, public.v AS b,
        LATERAL (VALUES
            ('dot_product', float8send(pgml.dot_product(a.v, b.v)::float8)),
            ('norm_l1', float8send(pgml.norm_l1(a.v)::float8)),
            ('norm_l2', float8send(pgml.norm_l2(a.v)::float8)),
            ('distance_l1', float8send(pgml.distance_l1(a.v, b.v)::float8)),
            ('distance_l2', float8send(pgml.distance_l2(a.v, b.v)::float8)),
            ('cosine_similarity', float8send(pgml.cosine_similarity(a.v, b.v)::float8)),
            ('normalize_l2', array_send(pgml.normalize_l2(a.v))),
            ('multiply', array_send(pgml.multiply(a.v, b.v)))
        ) AS f (name, bits)
    WHERE b.n = 51 - a.n
) AS t
GROUP BY name;
