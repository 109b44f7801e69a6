-- (f) Clients that each ask for one prediction a query, by pgbench.
\ir models.psql
\setenv PGPORT :PORT
\setenv PGDATABASE :DBNAME
CREATE TEMPORARY TABLE run (side text, clients int, tps float8);
CREATE FUNCTION pg_temp.run(side text, clients int, statement text, seconds int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    printed text;
    tps float8;
BEGIN
    CREATE TEMPORARY TABLE printed_lines (line text);
    EXECUTE format('COPY printed_lines FROM PROGRAM %L', format(
        'echo ''%s'' | pgbench -n -c %s -j 1 -T %s -M prepared -f /dev/stdin -p %s %s 2>&1',
        statement, clients, seconds, current_setting('port'), current_database()
    ));
    SELECT string_agg(line, E'\n') INTO printed FROM printed_lines;
    DROP TABLE printed_lines;
    tps := substring(printed FROM 'tps = ([0-9.]+)');
    IF tps IS NULL OR tps = 0 OR printed LIKE '%aborted%' THEN
        RAISE EXCEPTION 'pgbench measured nothing' USING DETAIL = printed;
    END IF;
    INSERT INTO pg_temp.run VALUES (side, clients, tps);
END
$$;
-- Quoted so that a shell leaves it alone between its own single quotes.
CREATE FUNCTION pg_temp.statement(name text) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT %s($a$b linear$a$, $a${0.03,0.05,0.06,0.02,-0.04,-0.03,-0.04,-0.002,0.019,-0.017}$a$)', name)
$$;
SELECT pg_temp.run(s.side, clients, pg_temp.statement(s.function), :seconds)
FROM generate_series(1, 3) AS round, unnest('{1,2,4}'::int[]) AS clients,
     (VALUES ('1.0 style', 'bench.predict_1_0'), ('pgml', 'pgml.predict')) AS s(side, function);
\o
SELECT pg_temp.measured('pgbench', clients || ' clients', '1/s', 'query', json_agg(json_build_object('name', side, 'values', tps) ORDER BY side))
FROM (SELECT side, clients, json_agg(tps) AS tps FROM run GROUP BY side, clients) AS s GROUP BY clients ORDER BY clients;
