#!/bin/sh
# Whether the server takes connections: what the images' HEALTHCHECK runs, and what else may ask. Says why where it does not.
#
# The server of an initialisation is nobody's yet. Where a server listens is in its postmaster.pid, whatever its port is and
# wherever that was set: the fourth line is the port, the fifth the directory of its socket, the sixth an address.
set -eu

if [ -e "$PGDATA/pgml-initialisation-unfinished" ]; then
    echo "the cluster is being made" >&2
    exit 1
fi
if [ ! -r "$PGDATA/postmaster.pid" ]; then
    echo "no server runs in $PGDATA" >&2
    exit 1
fi
port=$(sed -n 4p "$PGDATA/postmaster.pid")
host=$(sed -n 5p "$PGDATA/postmaster.pid")
if [ -z "$host" ]; then
    host=$(sed -n 6p "$PGDATA/postmaster.pid")
    case $host in '' | '*' | 0.0.0.0 | ::) host=localhost ;; esac
fi
# A user, although none is asked: without one libpq wants the name of a uid that may have none.
exec pg_isready --host="$host" --port="${port:-5432}" --username="${POSTGRES_USER:-postgres}"
