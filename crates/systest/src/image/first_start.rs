//! What people bring to the first start of a container, as they had it with another image: scripts, secrets, locales, time zones.

use base::exit::Failure;
use base::process::Program;

use super::container::Container;
use super::contract::{Row, ensure_equal};
use super::ensure_says;
use crate::cases::ensure;

/// Where the entry point looks for scripts.
const SCRIPTS: &str = "/docker-entrypoint-initdb.d";
const PASSWORD: &str = "POSTGRES_PASSWORD=secret";

pub(super) fn scripts(row: &Row<'_>) -> Result<(), Failure> {
    let container = row.containers.create(&[
        "-e",
        "POSTGRES_PASSWORD=secret",
        "-e",
        "POSTGRES_DB=app",
        &row.containers.full,
    ])?;
    let insert = |what: &str| format!("INSERT INTO seen(what) VALUES ('{what}');\n");
    let script = |what: &str| {
        format!(
            "psql -v ON_ERROR_STOP=1 -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -c \"INSERT INTO seen(what) VALUES ('{what}')\"\n"
        )
    };
    let compressed = |tool: &str, what: &str| {
        let program = Program::new(tool).args(["--stdout", "--quiet"]);
        program.pipe(insert(what).as_bytes(), row.test.log)
    };
    let all: [(&str, Vec<u8>, u32); 7] = [
        (
            "01.sql",
            b"CREATE TABLE seen(id serial, what text);".to_vec(),
            0o644,
        ),
        (
            "02-run.sh",
            format!("#!/bin/sh\nset -e\n{}", script("run")).into(),
            0o755,
        ),
        // Bash's own words: a script that is not executable is read by the entry point. Such scripts use variables that
        // may not be set, and a function of Postgres images.
        (
            "03-read.sh",
            format!(
                "[[ -z $NOT_SET ]]\ndocker_process_sql --command \"{}\"",
                insert("read").trim()
            )
            .into(),
            0o644,
        ),
        ("04.sql.gz", compressed("gzip", "gz")?, 0o644),
        ("05.sql.xz", compressed("xz", "xz")?, 0o644),
        ("06.sql.zst", compressed("zstd", "zst")?, 0o644),
        ("07.txt", b"nothing".to_vec(), 0o644),
    ];
    for (name, contents, mode) in all {
        let file = row.file(&format!("scripts/{name}"), contents, mode)?;
        container.copy(&file, &format!("/docker-entrypoint-initdb.d/{name}"))?;
    }
    container.start()?;
    container.wait_until_it_serves()?;
    let seen = container.sql("app", "SELECT string_agg(what, ' ' ORDER BY id) FROM seen")?;
    ensure_equal(&seen, "run read gz xz zst")?;
    ensure_says(
        &container.logs()?,
        &["leaving /docker-entrypoint-initdb.d/07.txt out"],
    )?;
    // Once: a second start finds a cluster.
    container.stop()?;
    container.start()?;
    container.wait_until_it_serves()?;
    ensure_equal(&container.sql("app", "SELECT count(*) FROM seen")?, "5")
}

/// A container of the full image with a script, not started.
fn with_script<'a>(
    row: &'a Row<'_>,
    name: &str,
    contents: &str,
    mode: u32,
) -> Result<Container<'a>, Failure> {
    let container = row
        .containers
        .create(&["-e", PASSWORD, &row.containers.full])?;
    let file = row.file(name, contents, mode)?;
    container.copy(&file, &format!("{SCRIPTS}/{name}"))?;
    Ok(container)
}

/// Starts it; it must end with 1 and print each of `expected`.
fn ends_with(container: &Container<'_>, expected: &[&str]) -> Result<(), Failure> {
    container.start()?;
    let ended = container.wait_for_end()?;
    ensure(ended.code == 1, || {
        format!("it ends with {}: {}", ended.code, ended.output)
    })?;
    ensure_says(&ended.output, expected)
}

/// Catches scripts that look like none because the server's user can't list or read them.
pub(super) fn unreadable_scripts(row: &Row<'_>) -> Result<(), Failure> {
    let unreadable = with_script(row, "unreadable.sql", "SELECT 1;\n", 0o600)?;
    ends_with(&unreadable, &["can't read", "unreadable.sql", "chmod a+r"])?;
    // Nothing was made: with the script mended the same volume serves.
    let mended = row.file("unreadable.sql", "SELECT 1;\n", 0o644)?;
    unreadable.copy(&mended, &format!("{SCRIPTS}/unreadable.sql"))?;
    unreadable.start()?;
    unreadable.wait_until_it_serves()?;
    drop(unreadable);

    let dir = row.test.scratch.join("closed").join(&SCRIPTS[1..]);
    row.file(&format!("closed{SCRIPTS}/1.sql"), "SELECT 1;\n", 0o644)?;
    base::files::set_mode(&dir, 0o700)?;
    let closed = row
        .containers
        .create(&["-e", PASSWORD, &row.containers.full])?;
    // As a directory of that name, so that its mode comes along.
    closed.copy(&dir, "/")?;
    ends_with(&closed, &["can't list", SCRIPTS])?;

    let dangling = row
        .containers
        .create(&["-e", PASSWORD, &row.containers.full])?;
    let link = row.test.scratch.join("dangling.sql");
    std::os::unix::fs::symlink("/nowhere/x.sql", &link)
        .map_err(base::files::FileError::at("link", &link))?;
    dangling.copy(&link, &format!("{SCRIPTS}/dangling.sql"))?;
    ends_with(&dangling, &["dangling.sql is no file"])
}

/// Catches a script that is read and ends, moves or changes the entry point.
pub(super) fn read_scripts(row: &Row<'_>) -> Result<(), Failure> {
    let container = with_script(
        row,
        "1-leaves.sh",
        "cd /nowhere 2>/dev/null || cd /tmp\nset +e +o pipefail\nunset PGDATA POSTGRES_USER POSTGRES_DB\n\
         POSTGRES_DB=other PATH=/nowhere\nsql() { false; }\nexit 0\n",
        0o644,
    )?;
    let next = row.file("2.sql", "CREATE TABLE made ();\n", 0o644)?;
    container.copy(&next, &format!("{SCRIPTS}/2.sql"))?;
    container.start()?;
    container.wait_until_it_serves()?;
    ensure_equal(
        &container.sql("postgres", "SELECT count(*) FROM made")?,
        "0",
    )?;
    drop(container);
    for (contents, words) in [
        ("exit 3\n", "3-ends.sh ended with 3"),
        ("false\ntrue\n", "3-ends.sh ended with 1"),
        ("set -u\necho $NOT_SET_AT_ALL\ntrue\n", "NOT_SET_AT_ALL"),
        ("if then\n", "3-ends.sh ended with"),
    ] {
        let container = with_script(row, "3-ends.sh", contents, 0o644)?;
        ends_with(&container, &[words])?;
    }
    Ok(())
}

/// Whether a password is right, asked through the network as everybody does.
fn logs_in(server: &Container<'_>, password: &str) -> Result<(), Failure> {
    // As an argument of the shell, which interprets nothing of it.
    let script =
        "PGPASSWORD=$1 psql -h \"$(hostname -i | cut -d' ' -f1)\" -U postgres -Atc 'SELECT 1'";
    let answer = server.exec(&["sh", "-c", script, "sh", password])?;
    ensure_equal(&answer, "1")
}

/// Catches a secret of which a part is lost.
pub(super) fn secrets(row: &Row<'_>) -> Result<(), Failure> {
    let from_file = |contents: &str| -> Result<Container<'_>, Failure> {
        let container = row.containers.create(&[
            "-e",
            "POSTGRES_PASSWORD_FILE=/secret",
            &row.containers.full,
        ])?;
        container.copy(&row.file("secret", contents, 0o644)?, "/secret")?;
        Ok(container)
    };
    for (contents, password) in [
        ("windows\r\n", "windows"),
        ("two ends\n\n", "two ends"),
        (" a $HOME `id` %s \\ ' \" ü\n", " a $HOME `id` %s \\ ' \" ü"),
    ] {
        let server = from_file(contents)?;
        server.start()?;
        server.wait_until_it_serves()?;
        logs_in(&server, password)?;
    }
    for contents in ["first\nsecond\n", "one\rtwo\n", "zero\0zero\n"] {
        ends_with(
            &from_file(contents)?,
            &["POSTGRES_PASSWORD has more than one line"],
        )?;
    }
    ends_with(&from_file("\n")?, &["/secret", "is empty"])?;
    row.refused(
        &["-e", "POSTGRES_PASSWORD=first\nsecond"],
        &["POSTGRES_PASSWORD has more than one line"],
    )?;
    for password in ["-dash", " blanks ", "%s%n", "ünïcode"] {
        let setting = format!("POSTGRES_PASSWORD={password}");
        let server = row
            .containers
            .start(&["-e", &setting, &row.containers.full])?;
        server.wait_until_it_serves()?;
        logs_in(&server, password)?;
    }
    Ok(())
}

/// Catches a dump of another image that can't be restored for want of its locale.
pub(super) fn locales(row: &Row<'_>) -> Result<(), Failure> {
    let server = row.containers.server(&["-e", "LANG=en_US.utf8"], &[])?;
    let collation = "SELECT datcollate FROM pg_database WHERE datname = 'postgres'";
    ensure_equal(&server.sql("postgres", collation)?, "en_US.utf8")?;
    drop(server);
    let server = row.containers.server(&[], &[])?;
    ensure_equal(&server.sql("postgres", collation)?, "C.UTF-8")?;
    // As `pg_dump --create` of Docker's Postgres image writes it.
    server.sql(
        "postgres",
        "CREATE DATABASE moved WITH TEMPLATE = template0 ENCODING = 'UTF8' LC_COLLATE = 'en_US.utf8' LC_CTYPE = 'en_US.utf8'",
    )?;
    row.refused(
        &["-e", PASSWORD, "-e", "LANG=de_DE.utf8"],
        &[
            "no locale `de_DE.utf8`, which LANG names",
            "en_US.utf8",
            "localedef -i de_DE",
        ],
    )?;
    let recipe = "alias=/usr/share/locale/locale.alias; [ -e $alias ] && as=\"-A $alias\"; \
                  localedef -i de_DE -c -f UTF-8 $as de_DE.UTF-8 && locale -a";
    // With the file of aliases, which recipes for Postgres images name, where the distribution has one (Debian 14 has none).
    for image in [&row.containers.full, &row.containers.slim] {
        let made =
            row.containers
                .run(&["--user", "root", "--entrypoint", "sh", image, "-c", recipe])?;
        ensure(made.code == 0, || made.output.clone())?;
        ensure_says(&made.output, &["de_DE.utf8", "en_US.utf8"])?;
    }
    Ok(())
}

/// Catches a time zone of an older system that the image does not have.
pub(super) fn time_zones(row: &Row<'_>) -> Result<(), Failure> {
    for zone in ["US/Eastern", "Asia/Calcutta"] {
        let setting = format!("TZ={zone}");
        let server = row.containers.server(&["-e", &setting], &[])?;
        ensure_equal(&server.sql("postgres", "SHOW timezone")?, zone)?;
        let at =
            format!("SELECT extract(year FROM timestamptz '2026-07-01' AT TIME ZONE '{zone}')");
        ensure_equal(&server.sql("postgres", &at)?, "2026")?;
    }
    Ok(())
}
