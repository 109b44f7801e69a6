#!/bin/sh
# Whether the server takes connections: what the images' HEALTHCHECK runs, and what else may ask. Says why where it does not.
#
# The server of an initialisation is nobody's yet. Where a server listens is in its postmaster.pid, whatever its port is and
# wherever that was set: the fourth line is the port, the fifth the directory of its socket, the sixth an address.
#
# It starts no process: an engine kills a check that takes too long, the child of a killed process becomes the postmaster's as
# that of the container's first process, and a postmaster that has a child end by a signal restarts the server.
set -eu

if [ -e "$PGDATA/pgml-initialisation-unfinished" ]; then
    echo "the cluster is being made" >&2
    exit 1
fi
if [ ! -r "$PGDATA/postmaster.pid" ]; then
    echo "no server runs in $PGDATA" >&2
    exit 1
fi
# A file that is being written has fewer lines.
{
    read -r _ && read -r _ && read -r _ && read -r port && IFS= read -r host && read -r address
} <"$PGDATA/postmaster.pid" || true
if [ -z "${host:-}" ]; then
    host=${address:-}
    case $host in '' | '*' | 0.0.0.0 | ::) host=localhost ;; esac
fi
# A user, although none is asked: without one libpq wants the name of a uid that may have none.
exec pg_isready --host="$host" --port="${port:-5432}" --username="${POSTGRES_USER:-postgres}"
