//! The environment contract that users of Postgres images know, a case for each row of the table in docs/images.md.

use std::path::PathBuf;

use base::exit::Failure;
use base::files;

use super::container::Containers;
use super::{ImageTest, crashes, ensure_says, first_start, memory, packages};
use crate::cases::{Test, ensure};

/// What a row works with.
pub(super) struct Row<'a> {
    pub(super) test: &'a ImageTest<'a>,
    pub(super) containers: &'a Containers<'a>,
}

/// What is done for a row, with its name.
type Named = (&'static str, fn(&Row<'_>) -> Result<(), Failure>);

/// The cases, each by its name.
const ROWS: [Named; 28] = [
    (
        "wrong or no settings: what to do is said, and nothing is made",
        refusals,
    ),
    (
        "POSTGRES_USER, POSTGRES_DB; the extension is there and in template1",
        names,
    ),
    ("POSTGRES_…_FILE: settings from files", from_files),
    (
        "POSTGRES_INITDB_ARGS, POSTGRES_INITDB_WALDIR, PGDATA",
        initdb,
    ),
    ("POSTGRES_HOST_AUTH_METHOD=trust needs no password", trust),
    (
        "PGML_CREATE_EXTENSION=off leaves the extension out",
        without_extension,
    ),
    (
        "/docker-entrypoint-initdb.d: .sh, .sql, .sql.gz, .sql.xz, .sql.zst in order",
        first_start::scripts,
    ),
    (
        "a script that fails ends it, and half a cluster is not served",
        crashes::failing_script,
    ),
    (
        "scripts that can't be listed or read are refused before there is a cluster",
        first_start::unreadable_scripts,
    ),
    (
        "what a script does that is read stays in it, and how it ends is said with its name",
        first_start::read_scripts,
    ),
    (
        "a secret is whole or refused: ends of lines, more lines, a byte of zero, any letters",
        first_start::secrets,
    ),
    (
        "en_US.utf8 is there, other locales are refused by name, and localedef makes them",
        first_start::locales,
    ),
    (
        "TZ takes the names of time zones that were",
        first_start::time_zones,
    ),
    (
        "arguments are the server's, other commands are run as they are",
        arguments,
    ),
    (
        "uid 999 from the first instruction; volume, port, signal and labels",
        metadata,
    ),
    (
        "--user: another uid has a directory of its own, or is told what to do",
        other_user,
    ),
    (
        "--user root takes a directory over, and the server runs as 999",
        as_root,
    ),
    (
        "a read-only root file system with tmpfs and the data volume",
        read_only,
    ),
    (
        "the cluster of another major is refused",
        crashes::other_major,
    ),
    (
        "a stop during initialisation is no finished cluster",
        crashes::stopped_early,
    ),
    (
        "an initdb that was killed is begun again",
        crashes::killed_initdb,
    ),
    (
        "a directory with other files is refused, and an old volume of 18",
        crashes::wrong_directories,
    ),
    ("PGPORT, -p and no network: still healthy", listening),
    (
        "the health check starts no process that could outlive it",
        check_alone,
    ),
    (
        "--memory: a training that needs more is an error, and the server lives",
        memory::limited,
    ),
    (
        "dpkg knows every package, and each file is what it installed",
        packages::dpkg,
    ),
    (
        "slim: predictions by Rust alone, no LLVM, and training names the package",
        packages::slim,
    ),
    (
        "slim: dpkg misses what its filter leaves out, and no more",
        packages::slim_dpkg,
    ),
];

/// The cases, for one image.
pub fn rows<'a>(test: &'a ImageTest<'a>, containers: &'a Containers<'a>) -> Vec<Test<'a>> {
    let test_of = |(name, row): Named| {
        let test: Box<dyn Fn() -> Result<(), Failure> + Send + Sync + 'a> =
            Box::new(move || row(&Row { test, containers }));
        (name, test)
    };
    ROWS.into_iter().map(test_of).collect()
}

impl Row<'_> {
    /// A file to be copied into a container.
    pub(super) fn file(
        &self,
        name: &str,
        contents: impl AsRef<[u8]>,
        mode: u32,
    ) -> Result<PathBuf, Failure> {
        let path = self.test.scratch.join(name);
        files::write(&path, contents)?;
        files::set_mode(&path, mode)?;
        Ok(path)
    }

    /// Runs the image, which must refuse to start and print each of `expected`.
    pub(super) fn refused(&self, args: &[&str], expected: &[&str]) -> Result<(), Failure> {
        let args: Vec<&str> = args
            .iter()
            .copied()
            .chain([self.containers.full.as_str()])
            .collect();
        let ended = self.containers.run(&args)?;
        ensure(ended.code == 1, || {
            format!("it ends with {}: {}", ended.code, ended.output)
        })?;
        ensure_says(&ended.output, expected)
    }
}

pub(super) fn ensure_equal(found: &str, expected: &str) -> Result<(), Failure> {
    ensure(found == expected, || {
        format!("`{found}` instead of `{expected}`")
    })
}

const COUNT: &str = "SELECT count(*) FROM pg_extension WHERE extname = 'pgml'";

fn refusals(row: &Row<'_>) -> Result<(), Failure> {
    row.refused(
        &[],
        &[
            "no password",
            "-e POSTGRES_PASSWORD=",
            "POSTGRES_HOST_AUTH_METHOD=trust",
        ],
    )?;
    let both = [
        "-e",
        "POSTGRES_PASSWORD=a",
        "-e",
        "POSTGRES_PASSWORD_FILE=/x",
    ];
    row.refused(
        &both,
        &["both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE"],
    )?;
    row.refused(
        &["-e", "POSTGRES_PASSWORD_FILE=/x"],
        &["can't read /x", "POSTGRES_PASSWORD_FILE"],
    )?;
    let wrong = [
        "-e",
        "POSTGRES_PASSWORD=a",
        "-e",
        "PGML_CREATE_EXTENSION=maybe",
    ];
    row.refused(&wrong, &["`maybe`", "`off`"])?;
    let quote = [
        "-e",
        "POSTGRES_PASSWORD=a",
        "-e",
        "POSTGRES_INITDB_ARGS=--locale='C",
    ];
    row.refused(&quote, &["unmatched quote"])
}

fn names(row: &Row<'_>) -> Result<(), Failure> {
    let options = [
        "-e",
        "POSTGRES_USER=ada",
        "-e",
        "POSTGRES_DB=Ada's \"models\"",
    ];
    let server = row.containers.server(&options, &[])?;
    ensure_equal(&server.sql_as("ada", "Ada's \"models\"", COUNT)?, "1")?;
    ensure_equal(&server.sql_as("ada", "template1", COUNT)?, "1")?;
    let superuser = "SELECT rolsuper FROM pg_roles WHERE rolname = 'ada'";
    ensure_equal(&server.sql_as("ada", "postgres", superuser)?, "t")
}

fn from_files(row: &Row<'_>) -> Result<(), Failure> {
    let container = row.containers.create(&[
        "-e",
        "POSTGRES_PASSWORD_FILE=/settings-password",
        "-e",
        "POSTGRES_USER_FILE=/settings-user",
        "-e",
        "POSTGRES_DB_FILE=/settings-db",
        "-e",
        "POSTGRES_INITDB_ARGS_FILE=/settings-args",
        &row.containers.full,
    ])?;
    for (name, contents) in [
        ("settings-password", "it's \"se$cret\"\n"),
        ("settings-user", "from_file\n"),
        ("settings-db", "db_from_file\n"),
        ("settings-args", "--data-checksums\n"),
    ] {
        container.copy(&row.file(name, contents, 0o644)?, &format!("/{name}"))?;
    }
    container.start()?;
    container.wait_until_it_serves()?;
    let ask = |sql: &str| container.sql_as("from_file", "db_from_file", sql);
    ensure_equal(&ask("SHOW data_checksums")?, "on")?;
    let script = "PGPASSWORD='it'\"'\"'s \"se$cret\"' psql -h \"$(hostname -i)\" -U from_file -d db_from_file -Atc 'SELECT 1'";
    ensure_equal(&container.exec(&["sh", "-c", script])?, "1")?;
    // Neither the server nor what it starts has the password.
    let environment = container.exec(&["sh", "-c", "tr '\\0' '\\n' < /proc/1/environ"])?;
    ensure(!environment.contains("se$cret"), || environment.clone())
}

fn initdb(row: &Row<'_>) -> Result<(), Failure> {
    let server = row.containers.server(
        &[
            "-e",
            "POSTGRES_INITDB_ARGS=--data-checksums --wal-segsize=\"4\" '--encoding=SQL_ASCII'",
            "-e",
            "POSTGRES_INITDB_WALDIR=/var/lib/postgresql/wal",
            "-e",
            "PGDATA=/var/lib/postgresql/elsewhere/data",
        ],
        &[],
    )?;
    ensure_equal(&server.sql("postgres", "SHOW data_checksums")?, "on")?;
    ensure_equal(&server.sql("postgres", "SHOW wal_segment_size")?, "4MB")?;
    ensure_equal(
        &server.sql("postgres", "SHOW server_encoding")?,
        "SQL_ASCII",
    )?;
    ensure_equal(
        &server.sql("postgres", "SHOW data_directory")?,
        "/var/lib/postgresql/elsewhere/data",
    )?;
    let wal = server.exec(&["readlink", "/var/lib/postgresql/elsewhere/data/pg_wal"])?;
    ensure_equal(&wal, "/var/lib/postgresql/wal")
}

fn trust(row: &Row<'_>) -> Result<(), Failure> {
    let full = &row.containers.full;
    let server = row
        .containers
        .start(&["-e", "POSTGRES_HOST_AUTH_METHOD=trust", full])?;
    server.wait_until_it_serves()?;
    let script = "psql -h \"$(hostname -i)\" -U postgres -Atc 'SELECT 1'";
    ensure_equal(&server.exec(&["sh", "-c", script])?, "1")?;
    ensure_says(&server.logs()?, &["warning", "without a password"])
}

fn without_extension(row: &Row<'_>) -> Result<(), Failure> {
    let server = row.containers.server(
        &["-e", "PGML_CREATE_EXTENSION=off", "-e", "POSTGRES_DB=app"],
        &[],
    )?;
    for database in ["app", "postgres", "template1"] {
        ensure_equal(&server.sql(database, COUNT)?, "0")?;
    }
    server.sql("app", "CREATE EXTENSION pgml").map(drop)
}

fn arguments(row: &Row<'_>) -> Result<(), Failure> {
    let server = row
        .containers
        .server(&[], &["-c", "work_mem=5MB", "-c", "log_line_prefix=a b "])?;
    ensure_equal(&server.sql("postgres", "SHOW work_mem")?, "5MB")?;
    ensure_equal(
        &server.sql("postgres", "SHOW log_line_prefix")?,
        "a b ".trim_end(),
    )?;
    let full = row.containers.full.as_str();
    for command in [
        &["postgres", "--version"][..],
        &["--version"],
        &["psql", "--version"],
    ] {
        let args: Vec<&str> = [full].iter().chain(command).copied().collect();
        let ended = row.containers.run(&args)?;
        ensure(ended.code == 0, || format!("{command:?}: {}", ended.output))?;
        ensure_says(
            &ended.output,
            &["PostgreSQL", &row.test.target.major.to_string()],
        )?;
    }
    Ok(())
}

fn metadata(row: &Row<'_>) -> Result<(), Failure> {
    let server = row.containers.server(&[], &[])?;
    let (data, uid) = (row.test.data(), row.test.config.uid.to_string());
    ensure_equal(
        &server.exec(&["stat", "--format=%u:%g", "/proc/1"])?,
        &format!("{uid}:{uid}"),
    )?;
    ensure_equal(
        &server.inspect("{{.Config.User}}")?,
        &format!("{uid}:{uid}"),
    )?;
    ensure_equal(
        &server.exec(&["stat", "--format=%u %a", &data])?,
        &format!("{uid} 700"),
    )?;
    ensure_equal(&server.inspect("{{.Config.StopSignal}}")?, "SIGINT")?;
    ensure_says(
        &server.inspect("{{json .Config.ExposedPorts}}")?,
        &["5432/tcp"],
    )?;
    let volume = server.inspect("{{range .Mounts}}{{.Destination}} {{.Type}}{{end}}")?;
    ensure(
        volume.ends_with(" volume") && data.starts_with(volume.trim_end_matches(" volume")),
        || volume.clone(),
    )?;
    let labels = server.inspect("{{json .Config.Labels}}")?;
    let version = row.test.config.source.as_str();
    let names = ["version", "revision", "source", "licenses"]
        .map(|n| format!("org.opencontainers.image.{n}"));
    ensure_says(&labels, &names.each_ref().map(String::as_str))?;
    ensure_says(&labels, &[version, "pgml.sbom.digest"])
}

fn other_user(row: &Row<'_>) -> Result<(), Failure> {
    let below = format!("PGDATA={}/pgdata", row.test.data());
    let own = row
        .containers
        .server(&["--user", "12345", "-e", &below], &[])?;
    ensure_equal(&own.exec(&["stat", "--format=%u", "/proc/1"])?, "12345")?;
    ensure_equal(&own.sql("postgres", COUNT)?, "1")?;
    if row.test.target.major >= 18 {
        // Its data directory is not there before: any user makes one.
        return Ok(());
    }
    let refused = ["--user", "12345", "-e", "POSTGRES_PASSWORD=a"];
    row.refused(
        &refused,
        &["belongs to uid 999, and this is uid 12345", "PGDATA="],
    )
}

fn as_root(row: &Row<'_>) -> Result<(), Failure> {
    let options = ["--user", "root", "-e", "PGDATA=/data/cluster"];
    let server = row.containers.server(&options, &[])?;
    let uid = row.test.config.uid.to_string();
    ensure_equal(&server.exec(&["stat", "--format=%u", "/proc/1"])?, &uid)?;
    ensure_equal(
        &server.exec(&["stat", "--format=%u", "/data/cluster"])?,
        &uid,
    )?;
    row.refused(
        &["-e", "POSTGRES_PASSWORD=a", "-e", "PGDATA=/data/cluster"],
        &["can't write to /data/cluster", "--user root"],
    )
}

fn read_only(row: &Row<'_>) -> Result<(), Failure> {
    let options = [
        "--read-only",
        "--tmpfs",
        "/tmp",
        "--tmpfs",
        "/run/postgresql",
    ];
    let server = row.containers.server(&options, &[])?;
    let dot = "SELECT pgml.dot_product(ARRAY[1.0,2.0], ARRAY[3.0,4.0])";
    ensure_equal(&server.sql("postgres", dot)?, "11")?;
    ensure(server.exec(&["touch", "/usr/x"]).is_err(), || {
        "it can be written to".into()
    })?;
    let no_socket = ["--read-only", "-e", "POSTGRES_PASSWORD=a"];
    row.refused(&no_socket, &["--tmpfs /run/postgresql"])
}

/// The health check needs no program but pg_isready, which takes its place. A child of it that is killed with it would be
/// the postmaster's, and end all sessions.
fn check_alone(row: &Row<'_>) -> Result<(), Failure> {
    let server = row.containers.server(&[], &[])?;
    let script = "mkdir /tmp/only && ln -s \"$(command -v pg_isready)\" /tmp/only/
         PATH=/tmp/only /usr/local/bin/pgml-healthcheck";
    let said = server.exec(&["sh", "-c", script])?;
    ensure_says(&said, &["accepting connections"])
}

/// The health check finds the server wherever it listens.
fn listening(row: &Row<'_>) -> Result<(), Failure> {
    for (options, arguments) in [
        (&["-e", "PGPORT=5433"][..], &[][..]),
        (&[], &["-p", "5434", "-c", "listen_addresses="]),
    ] {
        let args: Vec<&str> = ["-e", "POSTGRES_PASSWORD=secret"]
            .iter()
            .chain(options)
            .chain([&row.containers.full.as_str()])
            .chain(arguments)
            .copied()
            .collect();
        let server = row.containers.start(&args)?;
        server.wait_until("healthy", super::container::PATIENCE, || {
            Ok(server.exec(&["pgml-healthcheck"]).is_ok())
        })?;
    }
    // Before there is a server it says so.
    let ended = row
        .containers
        .run(&["--entrypoint", "pgml-healthcheck", &row.containers.full])?;
    ensure(ended.code == 1, || format!("it ends with {}", ended.code))?;
    ensure_says(&ended.output, &["no server runs in"])
}
