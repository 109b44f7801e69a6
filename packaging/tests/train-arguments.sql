-- The arguments that PostgresML 2.x's train() has and 1.0's had not, and pgml.snapshot().
\ir helpers.psql
SELECT pgml.load_dataset(name) FROM unnest('{diabetes,wine}'::text[]) AS name;

-- Catches arguments in another order than the contract's: a call by position then means something else.
DO $$
BEGIN
    ASSERT (
        SELECT pg_get_function_arguments('pgml.train'::regproc) =
            'project_name text, task text DEFAULT NULL::text, relation_name text DEFAULT NULL::text, '
            'y_column_name text DEFAULT NULL::text, algorithm pgml.algorithm DEFAULT NULL::pgml.algorithm, '
            'hyperparams pgml.anyjson DEFAULT NULL::pgml.anyjson, search pgml.search DEFAULT NULL::pgml.search, '
            'search_params pgml.anyjson DEFAULT ''{}''::pgml.anyjson, search_args pgml.anyjson DEFAULT ''{}''::pgml.anyjson, '
            'test_size double precision DEFAULT 0.25, test_sampling pgml.sampling DEFAULT ''stratified''::pgml.sampling, '
            'runtime pgml.runtime DEFAULT NULL::pgml.runtime, automatic_deploy boolean DEFAULT true, '
            'materialize_snapshot boolean DEFAULT false, preprocess pgml.anyjson DEFAULT NULL::pgml.anyjson, '
            'exclude text[] DEFAULT NULL::text[], weight_column text DEFAULT NULL::text, '
            'metric text DEFAULT NULL::text, redefine boolean DEFAULT false'
    ), pg_get_function_arguments('pgml.train'::regproc);
    ASSERT replace(pg_get_function_arguments('pgml.train_joint'::regproc), 'text[]', 'text')
        = replace(pg_get_function_arguments('pgml.train'::regproc), 'text[]', 'text'), pg_get_function_arguments('pgml.train_joint'::regproc);
END
$$;
SELECT pgml.train('by position', 'regression', 'pgml.diabetes', 'target', 'ridge', '{}', NULL, '{}', '{}', 0.25, 'random', 'python', false, true, '{}');
DO $$
BEGIN
    ASSERT (SELECT runtime FROM pgml.models ORDER BY id DESC LIMIT 1) = 'python';
    ASSERT NOT EXISTS (SELECT FROM pgml.deployments), 'automatic_deploy => false deploys';
    ASSERT (SELECT materialized FROM pgml.snapshots ORDER BY id DESC LIMIT 1);
END
$$;

-- Catches an algorithm that no runtime trains and that says something else than that.
SELECT pg_temp.expect_error(
    format($f$SELECT pgml.train('none', 'classification', 'pgml.wine', 'target', %L)$f$, algorithm),
    '0A000', 'algorithm ' || algorithm || ' is only a name: no runtime trains it', '%another algorithm%'
) FROM unnest('{dbscan,optics,spectral,spectral_bi,spectral_co,feature_agglomeration}'::pgml.algorithm[]) AS algorithm;

-- Catches rows that are not kept, are kept otherwise than they were, or are split otherwise than the relation.
CREATE TABLE public.rows AS SELECT * FROM pgml.wine;
DO $$
DECLARE
    sampling pgml.sampling;
    kept jsonb;
    not_kept jsonb;
    again jsonb;
BEGIN
    FOREACH sampling IN ARRAY enum_range(NULL::pgml.sampling) LOOP
        PERFORM pgml.train('not kept ' || sampling, 'classification', 'public.rows', 'target', 'ridge', test_sampling => sampling);
        SELECT metrics - '{fit_seconds,read_seconds}'::text[] INTO not_kept FROM pgml.models ORDER BY id DESC LIMIT 1;
        PERFORM pgml.train('kept ' || sampling, 'classification', 'public.rows', 'target', 'ridge', test_sampling => sampling, materialize_snapshot => true);
        SELECT metrics - '{fit_seconds,read_seconds}'::text[] INTO kept FROM pgml.models ORDER BY id DESC LIMIT 1;
        ASSERT kept = not_kept, format('%s: %s instead of %s', sampling, kept, not_kept);
    END LOOP;
    DELETE FROM public.rows WHERE ctid IN (SELECT ctid FROM public.rows LIMIT 90);
    FOREACH sampling IN ARRAY enum_range(NULL::pgml.sampling) LOOP
        PERFORM pgml.train('kept ' || sampling, algorithm => 'ridge');
        SELECT metrics - '{fit_seconds,read_seconds}'::text[] INTO again FROM pgml.models ORDER BY id DESC LIMIT 1;
        SELECT m.metrics - '{fit_seconds,read_seconds}'::text[] INTO kept FROM pgml.models AS m JOIN pgml.projects AS p ON p.id = m.project_id
        WHERE p.name = 'kept ' || sampling ORDER BY m.id LIMIT 1;
        ASSERT again = kept, format('%s: trained on other rows than those kept: %s instead of %s', sampling, again, kept);
    END LOOP;
    ASSERT (SELECT analysis->>'rows' FROM pgml.snapshots WHERE materialized ORDER BY id DESC LIMIT 1) = '178';
END
$$;

-- Catches a snapshot that is not what it says, or that only train() can make.
DO $$
DECLARE
    got record;
    kept record;
BEGIN
    SELECT * INTO got FROM pgml.snapshot('pgml.diabetes', 'target', test_sampling => 'random');
    SELECT * INTO kept FROM pgml.snapshots ORDER BY id DESC LIMIT 1;
    ASSERT got.relation = 'pgml.snapshot_' || kept.id AND got.y_column_name = 'target', got::text;
    ASSERT kept.materialized AND kept.status = 'successful' AND kept.test_size = 0.25::real AND kept.test_sampling = 'random', kept::text;
    EXECUTE format('SELECT count(*) FROM %s', got.relation) INTO got;
    ASSERT got.count = 442;
    PERFORM pgml.train('from a snapshot', 'regression', 'pgml.snapshot_' || kept.id, 'target');
END
$$;
SELECT pg_temp.expect_error($$SELECT pgml.snapshot(NULL, 'target')$$, '22004', 'relation_name must not be NULL');
SELECT pg_temp.expect_error($$SELECT pgml.snapshot('pgml.diabetes', NULL)$$, '22004', 'y_column_name must not be NULL');
SELECT pg_temp.expect_error($$SELECT pgml.snapshot('pgml.diabetes', 'gone')$$, '42703', 'column "gone" of relation pgml.diabetes does not exist');
SELECT pg_temp.expect_error($$SELECT pgml.train('p', 'regression', 'pgml.diabetes', 'target', preprocess => '[]')$$, '22023', 'preprocess must be a JSON object, not an array');
\o
\echo train arguments: passed
