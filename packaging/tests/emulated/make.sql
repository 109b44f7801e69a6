-- Models with their predictions, and results of vector functions, as lines for a machine of another architecture. Each number
-- is shown by its bits. Run on the machine that trains; `check.sql` reads the lines on the other.
\set QUIET on
SET client_min_messages = error;
\o /dev/null
\ir rows.sql

DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT * FROM unnest('{regression,classification}'::text[]) AS task,
            (VALUES ('rust', 'linear'), ('rust', 'ridge'), ('rust', 'svm'), ('rust', 'random_forest'), ('rust', 'knn'), ('rust', 'lightgbm'), ('rust', 'xgboost'),
                ('python', 'random_forest'), ('python', 'hist_gradient_boosting'), ('python', 'lightgbm'), ('python', 'xgboost')) AS how (runtime, algorithm)
    LOOP
        PERFORM pgml.train(
            concat_ws(' ', one.runtime, one.algorithm, one.task), one.task, 'public.' || one.task, 'label',
            one.algorithm::pgml.algorithm, runtime => one.runtime
        );
    END LOOP;
    -- What only Python predicts is not moved, so that it must not be among them unseen.
    ASSERT (SELECT count(*) = 22 AND bool_and(predicted_by = 'rust') FROM pgml.model_details),
        (SELECT string_agg(concat_ws(': ', name, why_python), '; ') FROM pgml.model_details WHERE predicted_by <> 'rust');
END
$$;

\o
COPY (
    SELECT d.name, d.task::text AS task, encode(pgml.export_model(d.id, 'pgml'), 'hex') AS model, public.bits_of(d.id, d.task::text, d.name) AS bits
    FROM pgml.model_details AS d
    UNION ALL
    SELECT concat('vectors: ', v.name), 'vectors', '', v.bits FROM public.vector_bits AS v
    ORDER BY 1
) TO STDOUT;
