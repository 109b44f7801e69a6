        ('files', 'id', 'bigint'), ('files', 'model_id', 'bigint'), ('files', 'path', 'text'), ('files', 'part', 'integer'),
        ('files', 'created_at', 'timestamp without time zone'), ('files', 'updated_at', 'timestamp without time zone'),
        ('files', 'data', 'bytea')
    ) AS needed(tbl, col, typ)
    WHERE NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('pgml.' || needed.tbl) AND attname = needed.col AND NOT attisdropped
        AND format_type(atttypid, atttypmod) = needed.typ
    );
