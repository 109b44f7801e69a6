//! The entry point with an unexpected data directory: half made, of another major, or with other files.

use base::exit::Failure;

use super::container::PATIENCE;
use super::contract::{Row, ensure_equal};
use super::ensure_says;
use crate::cases::ensure;

pub(super) fn failing_script(row: &Row<'_>) -> Result<(), Failure> {
    let container =
        row.containers
            .create(&["-e", "POSTGRES_PASSWORD=secret", &row.containers.full])?;
    let file = row.file("fails.sql", "SELECT no_such_function();\n", 0o644)?;
    container.copy(&file, "/docker-entrypoint-initdb.d/fails.sql")?;
    container.start()?;
    let ended = container.wait_for_end()?;
    ensure(ended.code != 0, || {
        "a script that fails is passed over".into()
    })?;
    ensure_says(&ended.output, &["no_such_function"])?;
    container.start()?;
    let again = container.wait_for_end()?;
    ensure(again.code == 1, || {
        format!("half a cluster is served: {}", again.output)
    })?;
    ensure_says(&again.output, &["did not end well", "Empty the volume"])
}

pub(super) fn other_major(row: &Row<'_>) -> Result<(), Failure> {
    let server = row.containers.server(&[], &[])?;
    server.stop()?;
    let version = row.file("PG_VERSION", "9.6\n", 0o644)?;
    server.copy(&version, &format!("{}/PG_VERSION", row.test.data()))?;
    server.start()?;
    let ended = server.wait_for_end()?;
    ensure(ended.code == 1, || ended.output.clone())?;
    ensure_says(&ended.output, &["was made by PostgreSQL 9.6", "pg_upgrade"])
}

pub(super) fn stopped_early(row: &Row<'_>) -> Result<(), Failure> {
    let container =
        row.containers
            .create(&["-e", "POSTGRES_PASSWORD=secret", &row.containers.full])?;
    let file = row.file("waits.sql", "SELECT pg_sleep(3);\n", 0o644)?;
    container.copy(&file, "/docker-entrypoint-initdb.d/waits.sql")?;
    container.start()?;
    container.wait_until("waiting in its script", PATIENCE, || {
        Ok(container.logs()?.contains("waits.sql"))
    })?;
    container.stop()?;
    let ended = container.wait_for_end()?;
    ensure(ended.code == 1, || {
        format!("it ends with {}: {}", ended.code, ended.output)
    })?;
    ensure_says(&ended.output, &["stopped during initialisation"])?;
    container.start()?;
    ensure_says(&container.wait_for_end()?.output, &["did not end well"])
}

/// An initdb that prints "half" when it is done and then never ends. The second call behaves normally.
const SLOW_INITDB: &str = r#"#!/bin/sh
real=/usr/lib/postgresql/$PG_MAJOR/bin/initdb
if [ -e /tmp/once ]; then exec "$real" "$@"; fi
: >/tmp/once
"$real" "$@"
echo half >&2
exec sleep 600
"#;

pub(super) fn killed_initdb(row: &Row<'_>) -> Result<(), Failure> {
    let major = row.test.target.major;
    let path = format!("PATH=/slow:/usr/lib/postgresql/{major}/bin:/usr/local/bin:/usr/bin:/bin");
    let container = row.containers.create(&[
        "-e",
        "POSTGRES_PASSWORD=secret",
        "-e",
        &path,
        &row.containers.full,
    ])?;
    row.file("slow/initdb", SLOW_INITDB, 0o755)?;
    container.copy(&row.test.scratch.join("slow"), "/slow")?;
    container.start()?;
    container.wait_until("past its first initdb", PATIENCE, || {
        Ok(container.logs()?.contains("half"))
    })?;
    container.signal("KILL")?;
    container.wait_for_end()?;
    container.start()?;
    container.wait_until_it_serves()?;
    let leftover = container.exec(&[
        "find",
        &row.test.data(),
        "-maxdepth",
        "1",
        "-name",
        "pgml-*",
    ])?;
    ensure_equal(&leftover, "")
}

pub(super) fn wrong_directories(row: &Row<'_>) -> Result<(), Failure> {
    let container =
        row.containers
            .create(&["-e", "POSTGRES_PASSWORD=secret", &row.containers.full])?;
    let data = row.test.data();
    if row.test.target.major < 18 {
        let file = row.file("letter.txt", "kept\n", 0o644)?;
        container.copy(&file, &format!("{data}/letter.txt"))?;
        container.start()?;
        let ended = container.wait_for_end()?;
        ensure(ended.code == 1, || ended.output.clone())?;
        return ensure_says(&ended.output, &["is not empty", "letter.txt", "-e PGDATA="]);
    }
    let old = [
        "-e",
        "POSTGRES_PASSWORD=a",
        "-v",
        "/var/lib/postgresql/data",
    ];
    row.refused(&old, &["Mount the volume at /var/lib/postgresql"])
}
