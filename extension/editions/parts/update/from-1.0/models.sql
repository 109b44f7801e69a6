ALTER TABLE pgml.models ADD COLUMN num_features int;
ALTER TABLE pgml.models ADD COLUMN runtime pgml.runtime DEFAULT 'python';
ALTER TABLE pgml.models ALTER COLUMN status DROP DEFAULT;
ALTER TABLE pgml.models ALTER COLUMN hyperparams DROP DEFAULT;
ALTER TABLE pgml.models ALTER COLUMN search_params DROP DEFAULT;
ALTER TABLE pgml.models ALTER COLUMN search_args DROP DEFAULT;
-- Some databases of 1.0 note no success; what has bytes and scores was trained.
UPDATE pgml.models AS m SET status = CASE
    WHEN metrics IS NOT NULL AND EXISTS (SELECT FROM pgml.files AS f WHERE f.model_id = m.id AND length(f.data) > 0)
    THEN 'successful' ELSE 'failed' END
WHERE status <> 'successful';

-- 1.0 notes a column's type by its name; this release notes what a model's features are made of, in their order. The table
-- with the rows tells.
DO $$
DECLARE
    snapshot record;
    kept regclass;
    width int;
    features int;
    test int;
    described jsonb;
    member record;
BEGIN
    FOR snapshot IN SELECT * FROM pgml.snapshots ORDER BY id LOOP
        kept := to_regclass(format('pgml.snapshot_%s', snapshot.id));
        features := 0;
        described := '[]';
        FOR member IN
            SELECT
                a.attname AS name,
                a.attname = ANY (coalesce(snapshot.y_column_name, '{}')) AS label,
                format_type(a.atttypid, a.atttypmod) AS type,
                NOT a.attnotnull AS nullable,
                a.attndims > 0 OR t.typcategory = 'A' AS is_array
            FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
            WHERE a.attrelid = kept AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY 2, array_position(snapshot.y_column_name, a.attname::text), a.attnum
        LOOP
            width := 1;
            IF member.is_array THEN
                EXECUTE format('SELECT coalesce(cardinality(%I), 0) FROM %s LIMIT 1', member.name, kept) INTO width;
                width := coalesce(width, 0);
            END IF;
            IF NOT member.label THEN
                features := features + width;
            END IF;
            described := described || jsonb_build_object(
                'name', member.name, 'pg_type', member.type, 'nullable', member.nullable, 'label', member.label,
                'position', jsonb_array_length(described) + 1, 'size', width, 'array', member.is_array
            );
        END LOOP;
        -- The last rows are the test rows of this release's copies: where they were the first, they move to the end.
        IF snapshot.test_sampling = 'first' AND kept IS NOT NULL THEN
            EXECUTE format('CREATE TEMPORARY TABLE pgml_reordered AS SELECT r.* FROM %s AS r ORDER BY r.ctid', kept);
            SELECT CASE
                WHEN snapshot.test_size > 1 THEN snapshot.test_size
                ELSE ceil(count(*) * snapshot.test_size::text::numeric)
            END INTO test FROM pg_temp.pgml_reordered;
            EXECUTE format('TRUNCATE %s', kept);
            EXECUTE format(
                'INSERT INTO %s SELECT r.* FROM pg_temp.pgml_reordered AS r
                 ORDER BY r.ctid IN (SELECT ctid FROM pg_temp.pgml_reordered ORDER BY ctid LIMIT %s), r.ctid', kept, test
            );
            DROP TABLE pg_temp.pgml_reordered;
        END IF;
        UPDATE pgml.snapshots SET
            columns = CASE WHEN kept IS NULL THEN columns ELSE described END,
            -- The copy's order decides the split, as it did.
            analysis = CASE WHEN kept IS NULL THEN analysis ELSE coalesce(analysis, '{}') || '{"in_order": true}' END,
            status = CASE WHEN status = 'created' THEN 'successful' ELSE 'failed' END,
            test_sampling = CASE WHEN test_sampling = 'first' THEN 'last' ELSE test_sampling END,
            materialized = kept IS NOT NULL
        WHERE id = snapshot.id;
        UPDATE pgml.models SET
            num_features = coalesce((snapshot.analysis->>'features')::int, features)
        WHERE snapshot_id = snapshot.id;
    END LOOP;
END
$$;
UPDATE pgml.models SET num_features = 0 WHERE num_features IS NULL;
ALTER TABLE pgml.models ALTER COLUMN num_features SET NOT NULL;
ALTER TABLE pgml.snapshots ALTER COLUMN test_sampling TYPE pgml.sampling USING test_sampling::pgml.sampling;
