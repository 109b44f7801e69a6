---------------------------------------------------------------------------------------------------
-- Models: each is loaded, and scored on the rows of its snapshot
---------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.check_model(model_id bigint) RETURNS jsonb
    VOLATILE STRICT LANGUAGE c AS '$libdir/pgml', 'edition_1_0_check_model_wrapper';

-- Whoever adopts the database accepts the models in it.
CREATE FUNCTION pg_temp.trust(model_id bigint) RETURNS void
    VOLATILE STRICT LANGUAGE c AS '$libdir/pgml', 'pgml_trust_wrapper';

-- The number that 1.0 noted; none where it noted a text, such as "n/a".
CREATE FUNCTION pg_temp.number(noted jsonb) RETURNS float8 LANGUAGE sql AS $$
    SELECT CASE jsonb_typeof(noted) WHEN 'number' THEN noted::text::float8 END
$$;

-- The relation that a model is trained on again: its snapshot's rows, with texts as numbers where it has some. A text that
-- is no number becomes its place among the column's texts.
CREATE FUNCTION pg_temp.rows_of(kept regclass, model_id bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    member record;
    numeric_only boolean;
    columns text[] := '{}';
    texts boolean := false;
BEGIN
    FOR member IN
        SELECT quote_ident(attname) AS name, t.typcategory = 'S' AS is_text
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE attrelid = kept AND attnum > 0 AND NOT attisdropped ORDER BY attnum
    LOOP
        IF member.is_text THEN
            texts := true;
            EXECUTE format(
                'SELECT coalesce(bool_and(%s::text ~ ''^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$''), true) FROM %s',
                member.name, kept
            ) INTO numeric_only;
            columns := columns || CASE
                WHEN numeric_only THEN format('%1$s::text::float8 AS %1$s', member.name)
                ELSE format('CASE WHEN %1$s IS NOT NULL THEN dense_rank() OVER (ORDER BY %1$s)::float8 END AS %1$s', member.name)
            END;
        ELSE
            columns := columns || member.name::text;
        END IF;
    END LOOP;
    IF NOT texts THEN
        RETURN NULL;
    END IF;
    RETURN format('SELECT %s FROM %s', array_to_string(columns, ', '), kept);
END
$$;

-- The statement that trains a model again. A deployment that works stays the one that answers.
CREATE FUNCTION pg_temp.retrain(
    model pgml.models, project pgml.projects, snapshot pgml.snapshots, deployed boolean, working bigint
)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    kept regclass := to_regclass(format('pgml.snapshot_%s', snapshot.id));
    relation text := coalesce(kept::text, snapshot.relation_name);
    numbers text;
    statement text := '';
BEGIN
    IF snapshot.id IS NULL OR project.task NOT IN ('regression', 'classification') THEN
        RETURN NULL;
    END IF;
    numbers := CASE WHEN kept IS NOT NULL THEN pg_temp.rows_of(kept, model.id) END;
    IF numbers IS NOT NULL THEN
        relation := format('pgml.snapshot_%s_as_numbers', snapshot.id);
        statement := format('CREATE OR REPLACE VIEW %s AS %s; ', relation, numbers);
    END IF;
    statement := statement || format(
        'SELECT * FROM pgml.%s(%L, %L, %L, %s, %L, %L, test_size => %s, test_sampling => %L);',
        CASE WHEN cardinality(snapshot.y_column_name) > 1 THEN 'train_joint' ELSE 'train' END,
        project.name, project.task, relation,
        CASE
            WHEN cardinality(snapshot.y_column_name) > 1 THEN quote_literal(snapshot.y_column_name)
            ELSE quote_literal(snapshot.y_column_name[1])
        END,
        model.algorithm_name, model.hyperparams, snapshot.test_size,
        -- The kept rows were shuffled already.
        CASE WHEN snapshot.test_sampling = 'first' OR kept IS NULL THEN snapshot.test_sampling ELSE 'last' END
    );
    IF working IS NULL THEN
        RETURN statement || CASE WHEN deployed THEN format(' SELECT * FROM pgml.deploy(%L, %L);', project.name, 'most_recent') ELSE '' END;
    END IF;
    -- A training deploys what scores better than what is deployed. Nobody sees it before the one that works is back.
    RETURN format('BEGIN; %s INSERT INTO pgml.deployments (project_id, model_id, strategy, created_at) '
        'SELECT %s, %s, ''rollback'', greatest(clock_timestamp()::timestamp, max(created_at) + interval ''1 microsecond'') '
        'FROM pgml.deployments WHERE project_id = %s HAVING (SELECT model_id FROM pgml.deployments WHERE project_id = %s '
        'ORDER BY created_at DESC, id DESC LIMIT 1) <> %s; COMMIT;',
        statement, project.id, working, project.id, project.id, working);
END
$$;

DO $$
DECLARE
    model pgml.models;
    its_project pgml.projects;
    its_snapshot pgml.snapshots;
    current bigint;
    checked jsonb;
    nearest jsonb;
    key text;
    recorded float8;
    found float8;
    result text;
    why text;
    compared text;
BEGIN
    FOR model IN SELECT * FROM pgml.models ORDER BY id LOOP
        SELECT * INTO its_project FROM pgml.projects WHERE id = model.project_id;
        SELECT * INTO its_snapshot FROM pgml.snapshots WHERE id = model.snapshot_id;
        SELECT d.model_id INTO current FROM pgml.deployments AS d WHERE d.project_id = its_project.id
        ORDER BY d.created_at DESC, d.id DESC LIMIT 1;
        key := CASE its_project.task WHEN 'regression' THEN 'r2' ELSE 'f1' END;
        recorded := pg_temp.number(model.metrics->key);
        why := NULL;
        compared := NULL;
        IF its_project.task NOT IN ('regression', 'classification') THEN
            result := 'is no model of this product';
            why := format('its task is %s: a transformer', its_project.task);
        ELSIF NOT EXISTS (SELECT FROM pgml.files AS f WHERE f.model_id = model.id AND length(f.data) > 0)
            AND model.status <> 'successful'
        THEN
            result := 'was never trained';
            why := format('its status is %s', model.status);
        ELSE
            IF EXISTS (SELECT FROM pgml.files AS f WHERE f.model_id = model.id) THEN
                PERFORM pg_temp.trust(model.id);
            END IF;
            BEGIN
                checked := pg_temp.check_model(model.id);
                SELECT split INTO nearest FROM jsonb_array_elements(checked->'splits') AS split
                WHERE pg_temp.number(split->key) IS NOT NULL
                ORDER BY abs(pg_temp.number(split->key) - recorded) LIMIT 1;
                found := pg_temp.number(nearest->key);
                IF found IS NULL OR recorded IS NULL THEN
                    result := 'loads; there is nothing to compare with';
                    why := coalesce(checked->>'not_compared', format('no %s is noted in its metrics', key));
                ELSE
                    compared := format('%s was %s, and is %s on the %s %s of %s rows of pgml.snapshot_%s', key,
                        round(recorded::numeric, 6), round(found::numeric, 6), CASE WHEN (nearest->>'first')::boolean THEN 'first' ELSE 'last' END, nearest->>'test_rows',
                        checked->>'rows', model.snapshot_id);
                    IF abs(found - recorded) <= 1e-6 * greatest(1, abs(recorded)) THEN
                        result := 'predicts as recorded';
                    ELSE
                        result := 'predicts otherwise';
                        why := compared;
                    END IF;
                END IF;
            EXCEPTION WHEN undefined_file THEN
                -- Not the model's fault: the packages are missing.
                RAISE;
            WHEN OTHERS THEN
                result := 'cannot be loaded';
                why := SQLERRM;
            END;
        END IF;
        INSERT INTO pgml_1_0.adoption (model_id, project, algorithm, deployed, result, why, compared)
        VALUES (model.id, its_project.name, model.algorithm_name, coalesce(model.id = current, false), result, why, compared);
    END LOOP;
    -- What works is known only now: the statement of one model depends on that of another.
    FOR model IN
        SELECT m.* FROM pgml.models AS m JOIN pgml_1_0.adoption AS a ON a.model_id = m.id
        WHERE a.result IN ('cannot be loaded', 'predicts otherwise')
    LOOP
        SELECT * INTO its_project FROM pgml.projects WHERE id = model.project_id;
        SELECT * INTO its_snapshot FROM pgml.snapshots WHERE id = model.snapshot_id;
        SELECT a.model_id INTO current FROM pgml_1_0.adoption AS a
        WHERE a.deployed AND a.project = its_project.name AND a.result NOT IN ('cannot be loaded', 'was never trained');
        UPDATE pgml_1_0.adoption AS a SET retrain = pg_temp.retrain(model, its_project, its_snapshot, a.deployed, current)
        WHERE a.model_id = model.id;
    END LOOP;
END
$$;
DROP FUNCTION pg_temp.retrain(pgml.models, pgml.projects, pgml.snapshots, boolean, bigint);
DROP FUNCTION pg_temp.rows_of(regclass, bigint);
DROP FUNCTION pg_temp.number(jsonb);
DROP FUNCTION pg_temp.check_model(bigint);
DROP FUNCTION pg_temp.trust(bigint);
DROP FUNCTION pg_temp.add_to_extension(text, regclass, oid, text);
