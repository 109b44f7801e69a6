CREATE FUNCTION pgml.set_updated_at() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    generated jsonb;
BEGIN
    -- *<> compares what is stored: json, xml and point have no equality of their own.
    IF NEW *<> OLD AND NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
        -- Before a row is stored, NEW has no generated columns.
        SELECT jsonb_object_agg(attname, NULL::text) INTO generated FROM pg_attribute
        WHERE attrelid = TG_RELID AND attgenerated <> '' AND NOT attisdropped;
        IF generated IS NULL OR NEW *<> jsonb_populate_record(OLD, generated) THEN
            NEW.updated_at := clock_timestamp();
        END IF;
    END IF;
    RETURN NEW;
END;
$$ SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION pgml.set_updated_at() IS 'Trigger: notes when a row was last changed';

CREATE FUNCTION pgml.auto_updated_at(tbl regclass) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    name text := (SELECT left(relname, 40) FROM pg_class WHERE oid = tbl);
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = tbl AND a.attname = 'updated_at' AND NOT a.attisdropped AND a.attgenerated = '' AND t.typcategory = 'D'
    ) THEN
        RAISE EXCEPTION 'table % has no column updated_at that a time can be put into', tbl USING
            ERRCODE = 'undefined_column', HINT = format('ALTER TABLE %s ADD COLUMN updated_at timestamptz', tbl);
    END IF;
    EXECUTE format(
        'CREATE TRIGGER %I BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION pgml.set_updated_at()',
        name || '_auto_updated_at', tbl
    );
END;
$$ SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION pgml.auto_updated_at(regclass) IS 'Gives a table with a column updated_at the trigger that maintains it';
