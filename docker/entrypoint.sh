#!/bin/bash
# The entry point of the pgml images: makes a cluster where there is none, by the settings that users of Postgres images
# know, and becomes the server. docs/images.md is the contract; `cargo xtask test --suite image` tries each row of it.
#
# Runs as the user `postgres` (999) from the first instruction, or as any other. As root it takes over the data directory
# for `postgres` and goes on as that.
set -Eeuo pipefail

# What an unfinished initialisation leaves in the data directory, so that half a cluster is never taken for a whole one.
# docker/healthcheck.sh knows it too.
readonly UNFINISHED=pgml-initialisation-unfinished
# Where initdb works: what it leaves when it is killed has a PG_VERSION already, and must not be in the data directory.
readonly STAGING=pgml-initdb
readonly SOCKETS=/var/run/postgresql
readonly DEFAULTS=/usr/share/pgml/postgresql.conf.d
readonly SCRIPTS=/docker-entrypoint-initdb.d

say() { printf 'entrypoint: %s\n' "$*" >&2; }

# die WHAT [LINE…]: what is wrong, and what to do about it.
die() {
    local line
    say "error: $1"
    shift
    for line; do printf '    %s\n' "$line" >&2; done
    exit 1
}

# file_setting NAME [DEFAULT]: NAME, or the contents of the file that NAME_FILE names, or the default. One line, but for
# arguments: neither initdb nor libpq passes on what comes after it.
file_setting() {
    local name=$1 from="$1_FILE" value=${!1:-${2-}}
    if [[ -n ${!name-} && -n ${!from-} ]]; then
        die "both $name and $from are set" "Leave one of them out."
    fi
    if [[ -n ${!from-} ]]; then
        if [[ -d ${!from} || ! -r ${!from} ]]; then
            die "can't read ${!from}, which $from names" "Mount a file there that uid $(id -u) can read."
        fi
        value=$(tr '\0' '\n' <"${!from}" && printf x)
        value=${value%x}
        # The end of the line, as Unix or Windows writes it, is no part of the value.
        while [[ $value == *[$'\r\n'] ]]; do value=${value%[$'\r\n']}; done
        [[ -n $value ]] || die "${!from}, which $from names, is empty"
    fi
    if [[ $name != POSTGRES_INITDB_ARGS && $value == *[$'\r\n']* ]]; then
        die "$name has more than one line, or a carriage return or a byte of zero in it" "Give it as one line."
    fi
    export "$name=$value"
    unset "$from"
}

settings() {
    file_setting POSTGRES_PASSWORD
    file_setting POSTGRES_USER postgres
    file_setting POSTGRES_DB "$POSTGRES_USER"
    file_setting POSTGRES_INITDB_ARGS
    export POSTGRES_INITDB_WALDIR=${POSTGRES_INITDB_WALDIR-} POSTGRES_HOST_AUTH_METHOD=${POSTGRES_HOST_AUTH_METHOD-}
    export PGML_CREATE_EXTENSION=${PGML_CREATE_EXTENSION:-on}
    case $PGML_CREATE_EXTENSION in
        on | off) ;;
        *) die "PGML_CREATE_EXTENSION is \`$PGML_CREATE_EXTENSION\`" "It is \`on\` (the default) or \`off\`." ;;
    esac
}

require_password() {
    if [[ $POSTGRES_HOST_AUTH_METHOD == trust ]]; then
        say "warning: POSTGRES_HOST_AUTH_METHOD=trust lets everyone who reaches the port in, as superuser, without a password"
    elif [[ -z $POSTGRES_PASSWORD ]]; then
        die "there is no database yet, and no password for its superuser" \
            "Set one:           docker run -e POSTGRES_PASSWORD=... IMAGE" \
            "or from a file:    docker run -e POSTGRES_PASSWORD_FILE=/run/secrets/... IMAGE" \
            "or, on a network where nobody else is, let everyone in: -e POSTGRES_HOST_AUTH_METHOD=trust"
    fi
}

# A directory that this user can use, or an explanation.
own_directory() {
    local dir=$1
    mkdir -p "$dir" 2>/dev/null || true
    if [[ ! -d $dir || ! -w $dir || ! -x $dir ]]; then
        die "uid $(id -u) can't write to $dir" \
            "Give it the directory:         chown $(id -u) on the host" \
            "or start as root once, which takes it over for uid 999:  docker run --user root ..." \
            "or, on a read-only root file system, mount a volume there."
    fi
    # A cluster belongs to who runs it, and Postgres insists on that.
    if [[ ! -O $dir ]]; then
        die "$dir belongs to uid $(stat -c %u "$dir"), and this is uid $(id -u)" \
            "Use a directory below it:   -e PGDATA=$dir/pgdata" \
            "or mount a directory there that belongs to uid $(id -u)."
    fi
}

# initdb asks for the name of its user; one that the image does not know gets `postgres`.
with_user_name() {
    local library passwd status=0
    if getent passwd "$(id -u)" >/dev/null; then
        "$@"
        return
    fi
    library=$(find /usr/lib -name 'libnss_wrapper.so' -print -quit)
    [[ -n $library ]] || die "uid $(id -u) has no name here, and libnss_wrapper.so is gone"
    passwd=$(mktemp -d)
    printf 'postgres:x:%s:%s::%s:/bin/false\n' "$(id -u)" "$(id -g)" "$PGDATA" >"$passwd/passwd"
    printf 'postgres:x:%s:\n' "$(id -g)" >"$passwd/group"
    LD_PRELOAD=$library NSS_WRAPPER_PASSWD=$passwd/passwd NSS_WRAPPER_GROUP=$passwd/group "$@" || status=$?
    rm -r "$passwd"
    return "$status"
}

# The data directory must have nothing but what an initdb that was killed left, and what mkfs makes.
require_empty() {
    local found
    found=$(find "$PGDATA" -mindepth 1 -maxdepth 1 \! -name "$STAGING" \! -name lost+found -printf '%f ' -quit)
    if [[ -n $found ]]; then
        die "$PGDATA is not empty, and there is no cluster in it: it has ${found% }" \
            "Use an empty directory, or one below it:   -e PGDATA=$PGDATA/pgdata"
    fi
}

make_cluster() {
    local args=() new=$PGDATA/$STAGING
    require_empty
    rm -rf "$new"
    if [[ -n $POSTGRES_INITDB_ARGS ]]; then
        # Words as a shell would split them, quotes and all, but nothing of them is run.
        printf '%s' "$POSTGRES_INITDB_ARGS" | xargs -n1 printf '%s\0' >/dev/null ||
            die "POSTGRES_INITDB_ARGS has an unmatched quote: $POSTGRES_INITDB_ARGS"
        mapfile -d '' args < <(printf '%s' "$POSTGRES_INITDB_ARGS" | xargs -n1 printf '%s\0')
    fi
    if [[ -n $POSTGRES_INITDB_WALDIR ]]; then
        own_directory "$POSTGRES_INITDB_WALDIR"
        args+=(--waldir="$POSTGRES_INITDB_WALDIR")
    fi
    # What is not complete need not survive a power failure: everything is synced once, at the end.
    args=(initdb --pgdata="$new" --username="$POSTGRES_USER" --no-sync "${args[@]}")
    if [[ -n $POSTGRES_PASSWORD ]]; then
        with_user_name "${args[@]}" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") >&2
    else
        with_user_name "${args[@]}" >&2
    fi
    # What says that there is a cluster comes last.
    : >"$PGDATA/$UNFINISHED"
    chmod --reference="$new" "$PGDATA"
    find "$new" -mindepth 1 -maxdepth 1 \! -name PG_VERSION -exec mv --target-directory="$PGDATA" {} +
    mv "$new/PG_VERSION" "$PGDATA"
    rmdir "$new"
}

configure() {
    local file method
    for file in "$DEFAULTS"/*.conf; do
        printf '\n# %s of the image\n' "${file##*/}"
        cat "$file"
    done >>"$PGDATA/postgresql.conf"
    method=${POSTGRES_HOST_AUTH_METHOD:-$(postgres -C password_encryption -D "$PGDATA" "$@")}
    {
        printf '\n# From everywhere, by POSTGRES_HOST_AUTH_METHOD when the cluster was made (default: as passwords are encrypted).\n'
        printf 'host all all all %s\n' "$method"
    } >>"$PGDATA/pg_hba.conf"
}

# initdb's own words for a locale that the image does not have don't say which ones it has.
require_locale() {
    local name
    for name in LC_ALL LC_COLLATE LC_CTYPE LANG; do
        [[ -n ${!name-} ]] || continue
        if ! locale -a | normal_locales | grep -xF "$(normal_locales <<<"${!name}")" >/dev/null; then
            die "there is no locale \`${!name}\`, which $name names; this image has $(locale -a | paste -sd ' ')" \
                "Take one of them, or make it in an image of your own:" \
                "    RUN localedef -i de_DE -c -f UTF-8 de_DE.UTF-8"
        fi
    done
}

# The C library's own idea of equal names: `en_US.UTF-8` is `en_US.utf8`.
normal_locales() { sed -E 's/\.[Uu][Tt][Ff]-?8$/.utf8/'; }

# psql on the server that runs during initialisation, which listens on its socket only.
sql() {
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --no-password --username="$POSTGRES_USER" "$@"
}

start_for_initialisation() {
    local options
    # The last word on a setting counts: only here, on the usual socket, whatever the server's own arguments say.
    printf -v options ' %q' "$@" -c listen_addresses= -c fsync=off -c port="${PGPORT:-5432}" -c unix_socket_directories="$SOCKETS"
    PGUSER=$POSTGRES_USER pg_ctl --pgdata="$PGDATA" --wait --silent --options="$options" start >&2
}

stop_after_initialisation() {
    [[ -e $PGDATA/postmaster.pid ]] || return 0
    PGUSER=$POSTGRES_USER pg_ctl --pgdata="$PGDATA" --wait --silent --mode=fast stop >&2
}

make_databases() {
    local create='CREATE EXTENSION IF NOT EXISTS pgml'
    # First there, so that every database made from now on has it.
    if [[ $PGML_CREATE_EXTENSION == on ]]; then sql --dbname=template1 --command="$create" >&2; fi
    sql --dbname=postgres --set=db="$POSTGRES_DB" >&2 <<<"SELECT format('CREATE DATABASE %I', :'db')
        WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'db') \\gexec"
    if [[ $PGML_CREATE_EXTENSION == on ]]; then sql --dbname="$POSTGRES_DB" --command="$create" >&2; fi
}

# The name that scripts for Postgres images call; only those that are read here can.
docker_process_sql() { sql --dbname="$POSTGRES_DB" "$@"; }

# Scripts that can't be listed or read look like none. Before there is a cluster, so that the next start tries again.
require_scripts() {
    local file
    [[ -d $SCRIPTS ]] || return 0
    [[ -r $SCRIPTS && -x $SCRIPTS ]] || die "uid $(id -u) can't list $SCRIPTS" "Make it readable on the host:   chmod a+rx"
    for file in "$SCRIPTS"/*; do
        case $file in
            *.sql | *.sql.gz | *.sql.xz | *.sql.zst | *.sh) ;;
            *) continue ;;
        esac
        [[ -f $file || -p $file ]] || die "$file is no file" "Scripts are files; a link must name one that is mounted too."
        [[ -r $file ]] || die "uid $(id -u) can't read $file" "Make it readable on the host:   chmod a+r ${file##*/}"
    done
}

# read_script FILE: a script that is not executable sees this one's functions and variables, and need not be as strict about
# unset ones. In a shell of its own: what it sets, where it goes and how it ends stays there. [`run_scripts`] calls it where
# an error is no end, or `set -e` would mean nothing in it.
read_script() (
    set -e +u
    trap - INT TERM
    # shellcheck disable=SC1090 # which file it is depends on the container
    . "$1"
)

# run_script FILE: by its kind, with what it is about said before.
run_script() {
    local file=$1
    case $file in
        *.sh)
            if [[ -x $file ]]; then
                say "running $file"
                "$file"
            else
                say "reading $file"
                read_script "$file"
            fi
            ;;
        *.sql) say "running $file" && sql --dbname="$POSTGRES_DB" --file="$file" ;;
        *.sql.gz) say "running $file" && gunzip --stdout "$file" | sql --dbname="$POSTGRES_DB" ;;
        *.sql.xz) say "running $file" && xz --decompress --stdout "$file" | sql --dbname="$POSTGRES_DB" ;;
        *.sql.zst) say "running $file" && zstd --decompress --stdout "$file" | sql --dbname="$POSTGRES_DB" ;;
        *) say "leaving $file out: it is no .sh, .sql, .sql.gz, .sql.xz or .sql.zst" ;;
    esac
}

run_scripts() {
    local file status
    for file in "$SCRIPTS"/*; do
        [[ $file != "$SCRIPTS/*" ]] || break
        # The status by itself: within `||` nothing would stop at an error.
        set +e
        run_script "$file"
        status=$?
        set -e
        ((status == 0)) || die "$file ended with $status" "Mend it, empty the volume, and start again."
    done
}

initialise() {
    require_password
    require_locale
    require_scripts
    # As process 1 a shell has no default for signals: without this `docker stop` would wait until it kills.
    trap 'say "stopped during initialisation"; stop_after_initialisation || true; exit 1' INT TERM
    make_cluster
    configure "$@"
    # Where the programs below find the server is not for the container's user to say.
    unset PGHOST PGHOSTADDR
    if [[ -n $POSTGRES_PASSWORD ]]; then export PGPASSWORD=$POSTGRES_PASSWORD; fi
    start_for_initialisation "$@"
    make_databases
    run_scripts
    stop_after_initialisation
    unset PGPASSWORD
    trap - INT TERM
    with_user_name initdb --pgdata="$PGDATA" --sync-only >&2
    rm "$PGDATA/$UNFINISHED"
    say "the cluster in $PGDATA is ready"
}

# Whether the arguments start a server, and don't only ask for words.
starts_server() {
    local arg
    [[ ${1-} == postgres ]] || return 1
    for arg; do
        case $arg in
            --help | -'?' | --version | -V | --describe-config | -C | -C?*) return 1 ;;
        esac
    done
}

as_postgres() {
    mkdir -p "$PGDATA"
    find "$PGDATA" \! -user postgres -exec chown postgres:postgres {} +
    if [[ -n ${POSTGRES_INITDB_WALDIR-} ]]; then
        mkdir -p "$POSTGRES_INITDB_WALDIR"
        find "$POSTGRES_INITDB_WALDIR" \! -user postgres -exec chown postgres:postgres {} +
    fi
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
}

# From 18 on the volume is /var/lib/postgresql. One at the old place would stay empty, and the data go with the container.
refuse_old_volume() {
    local old=/var/lib/postgresql/data
    if ((PG_MAJOR >= 18)) && [[ $PGDATA != "$old"* ]] && mountpoint --quiet "$old"; then
        die "there is a volume at $old, and the data of PostgreSQL $PG_MAJOR is in $PGDATA" \
            "Mount the volume at /var/lib/postgresql," \
            "or keep the data where it is mounted:   -e PGDATA=$old/pgdata"
    fi
}

main() {
    # Only options: they are the server's.
    if [[ $# -eq 0 || ${1-} == -* ]]; then set -- postgres "$@"; fi
    if starts_server "$@"; then
        if [[ $(id -u) == 0 ]]; then as_postgres "$@"; fi
        settings
        refuse_old_volume
        # Gone where something is mounted over the directory above it.
        mkdir -p "$SOCKETS" 2>/dev/null || true
        [[ -w $SOCKETS ]] || die "uid $(id -u) can't make a socket in $SOCKETS" \
            "On a read-only root file system mount memory there:   --tmpfs /run/postgresql"
        own_directory "$PGDATA"
        if [[ -e $PGDATA/$UNFINISHED ]]; then
            die "the initialisation of $PGDATA did not end well" \
                "Its first error is in the log of the container that began it. Empty the volume and start again."
        fi
        if [[ ! -s $PGDATA/PG_VERSION ]]; then
            initialise "${@:2}"
        elif [[ $(<"$PGDATA/PG_VERSION") != "$PG_MAJOR" ]]; then
            die "$PGDATA was made by PostgreSQL $(<"$PGDATA/PG_VERSION"), and this is PostgreSQL $PG_MAJOR" \
                "Start an image of that version, or move the data with pg_dumpall or pg_upgrade."
        fi
        unset POSTGRES_PASSWORD
    fi
    exec "$@"
}

main "$@"
