-- (c) and (d) The first prediction of a connection, and the memory of the backend after it; three connections for each side.
\ir models.psql
-- What belongs to the process alone: neither shared buffers nor the code of libraries. Linux tells it.
CREATE OR REPLACE FUNCTION bench.private_memory() RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(kilobytes[1]::bigint) * 1024
    FROM regexp_matches(pg_read_file('/proc/self/smaps_rollup'), 'Private_(?:Clean|Dirty): +(\d+) kB', 'g') AS kilobytes
$$;
\ir first-round.psql
\ir first-round.psql
\ir first-round.psql
