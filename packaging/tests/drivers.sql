-- Parameters of the types in which drivers send them: psycopg text and json, JDBC and Npgsql varchar, all of them double precision or
-- numeric for a share. PREPARE with these types is what they do.
\ir helpers.psql
SET client_min_messages = error;
CREATE TABLE public.line AS SELECT n AS a, 2 * n AS y FROM generate_series(1, 40) AS n;

-- Catches a call that does not resolve, or resolves twice.
SELECT pg_temp.expect(call || ' with ' || sent, format('PREPARE a%s (%s) AS SELECT * FROM pgml.%s', row_number() OVER (), sent, call), 'done')
FROM (VALUES
    ('text, text, text, text, text', 'train($1, $2, $3, $4, $5)'),
    ('varchar, varchar, varchar, varchar, varchar', 'train($1, $2, $3, $4, $5)'),
    ('text, pgml.algorithm', 'train($1, ''regression'', ''public.line'', ''y'', $2)'),
    ('text, float8', 'train($1, ''regression'', ''public.line'', ''y'', test_size => $2)'),
    ('text, numeric', 'train($1, ''regression'', ''public.line'', ''y'', test_size => $2)'),
    ('text, real', 'train($1, ''regression'', ''public.line'', ''y'', test_size => $2)'),
    ('text, int', 'train($1, ''regression'', ''public.line'', ''y'', test_size => $2)'),
    ('text, json', 'train($1, ''regression'', ''public.line'', ''y'', ''ridge'', $2)'),
    ('text, jsonb', 'train($1, ''regression'', ''public.line'', ''y'', ''ridge'', $2)'),
    ('text, text', 'train($1, ''regression'', ''public.line'', ''y'', ''ridge'', $2)'),
    ('text, varchar', 'train($1, ''regression'', ''public.line'', ''y'', ''ridge'', $2)'),
    ('text, text, text, json, text', 'train($1, algorithm => ''ridge'', search => $2, search_params => $3, search_args => $4, preprocess => $5)'),
    ('text, varchar, varchar, varchar', 'train($1, test_sampling => $2, runtime => $3, metric => $4)'),
    ('varchar, varchar, varchar, varchar[], varchar', 'train_joint($1, $2, $3, $4, $5)'),
    ('text, text, text, text[], text, json, numeric', 'train_joint($1, $2, $3, $4, $5, $6, test_size => $7)'),
    ('text, text', 'deploy($1, $2)'),
    ('varchar, varchar, varchar', 'deploy($1, $2, $3)'),
    ('int', 'deploy($1)'),
    ('text, text, float8, text', 'snapshot($1, $2, $3, $4)'),
    ('varchar, varchar, numeric, varchar', 'snapshot($1, $2, $3, $4)'),
    ('text, text, int, json', 'load_dataset($1, $2, $3, $4)'),
    ('text, text, int, text', 'load_dataset($1, $2, $3, $4)'),
    ('varchar, numeric[]', 'predict($1, $2)'),
    ('smallint, smallint[]', 'predict($1, $2)'),
    ('int, real[]', 'predict($1, $2)'),
    ('bigint, float8[]', 'predict_proba($1, $2)'),
    ('varchar, int[]', 'predict_joint($1, $2)'),
    ('varchar, numeric[]', 'predict_batch($1, $2)'),
    ('int', 'drop_model($1)'),
    ('varchar, boolean', 'drop_project($1, $2)'),
    ('varchar, varchar', 'rename_project($1, $2)')
) AS v (sent, call);

-- Catches values that arrive as others.
PREPARE by_text (text, text, text, text, text, text, float8, text) AS
SELECT algorithm || ' ' || deployed FROM pgml.train($1, $2, $3, $4, $5, $6, test_size => $7, test_sampling => $8);
SELECT pg_temp.expect('by text', $$EXECUTE by_text('line', 'regression', 'public.line', 'y', 'ridge', '{"alpha": 0.5}', 0.1, 'random')$$, 'ridge true');
SELECT pg_temp.expect('hyperparams and share', $$SELECT (m.hyperparams->>'alpha') || ' ' || s.test_size || ' ' || (s.analysis->>'test_rows')
    FROM pgml.models AS m JOIN pgml.snapshots AS s ON s.id = m.snapshot_id ORDER BY m.id DESC LIMIT 1$$, '0.5 0.1 4');
PREPARE inferred AS SELECT deployed FROM pgml.train($1, $2, $3, $4, $5, $6, test_size => $7);
SELECT pg_temp.expect('without types', $$EXECUTE inferred('inferred', 'regression', 'public.line', 'y', 'ridge', '{}', 0.25)$$, 'true');
PREPARE ask AS SELECT round(pgml.predict($1, $2)::numeric);
SELECT pg_temp.expect('predict without types', $$EXECUTE ask('inferred', '{4}')$$, '8');

-- Catches a value that is none and isn't told so.
SELECT pg_temp.expect('no algorithm', $$SELECT pgml.train('line', algorithm => 'rigde'::text)$$, 'ERROR 22P02%rigde%');
SELECT pg_temp.expect('no JSON', $$SELECT pgml.train('line', hyperparams => 'alpha=1'::text)$$, 'ERROR 22P02%json%');
SELECT pg_temp.expect('no object', $$SELECT pgml.train('line', hyperparams => '[1]'::json)$$, 'ERROR 22023%hyperparams%');

-- Catches a model's id that is taken for a project's name without a word.
SELECT pg_temp.expect('an id as text', format($f$SELECT pgml.predict('%s', ARRAY[4])$f$, max(id)), 'ERROR 42704%model%::bigint%') FROM pgml.models;
SELECT pg_temp.expect('a name that is a number', $$SELECT deployed FROM pgml.train('42', 'regression', 'public.line', 'y')$$, 'true');
SELECT pg_temp.expect('predicts by it', $$SELECT round(pgml.predict('42', ARRAY[4])::numeric)$$, '8');
\o
\echo drivers: passed
