//! The scratch cluster with a real server of this machine, and an extension of the same name that is SQL alone.
//!
//! On a machine without a Postgres server nothing is tested here, and the tests say so.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base::exit::{Exit, Failure};
use inputs::host::Host;
use systest::scratch_cluster::{Build, Created, ScratchCluster, Server, require};
use targets::Targets;

/// An extension in a directory of its own, and a place for the cluster.
struct Fixture {
    dir: tempfile::TempDir,
    major: u16,
}

impl Fixture {
    fn new() -> Option<Self> {
        let Some(major) = Host::detect(Path::new("/")).postgres.pop() else {
            eprintln!("not tested: no Postgres server on this machine");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        for name in ["sql", "runtime"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("pgml.so"), "never loaded").unwrap();
        let control = "default_version = '1'\nrelocatable = false\nschema = pgml\n";
        fs::write(dir.path().join("pgml.control"), control).unwrap();
        let fixture = Self { dir, major };
        fixture.write_sql("one");
        Some(fixture)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_sql(&self, result: &str) {
        let sql =
            format!("CREATE FUNCTION said() RETURNS text LANGUAGE sql AS $$ SELECT '{result}' $$;");
        fs::write(self.path("sql/pgml--1.sql"), sql).unwrap();
    }

    fn start_in(&self, cluster: &Path) -> Result<(Server, Created), Failure> {
        let (library, control) = (self.path("pgml.so"), self.path("pgml.control"));
        let (sql, runtime) = (self.path("sql"), self.path("runtime"));
        let build = Build {
            library: &library,
            control: &control,
            sql: &sql,
            runtime: &runtime,
        };
        let cluster = ScratchCluster::open(cluster, self.major)?;
        let server = cluster.start(&build, &mut || false, &self.path("log"))?;
        let created = server.create_extension(&build)?;
        Ok((server, created))
    }

    fn start(&self) -> (Server, Created) {
        self.start_in(&self.path("cluster")).unwrap()
    }
}

/// A field of a process's status that follows its name; 0 is its state, 1 its parent.
fn stat(pid: u32, field: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses, and may have anything in it.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(field).map(str::to_owned)
}

/// Whether a process runs; one that only waits to be noticed by its parent does not.
fn alive(pid: u32) -> bool {
    stat(pid, 0).is_some_and(|state| state != "Z")
}

/// Process ids of everything that descends from a process, and itself.
fn family(root: u32) -> BTreeSet<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let parents: Vec<(u32, u32)> = processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid, 1)?.parse().ok()?)))
        .collect();
    let mut found = BTreeSet::from([root]);
    loop {
        let before = found.len();
        let children = parents
            .iter()
            .filter(|(_, parent)| found.contains(parent))
            .map(|(pid, _)| *pid)
            .collect::<Vec<_>>();
        found.extend(children);
        if found.len() == before {
            return found;
        }
    }
}

/// The words of an error, without the line breaks of a terminal's width.
fn words(failure: Failure) -> String {
    let report = failure.report.unwrap();
    let help = report
        .help()
        .map(|help| help.to_string())
        .unwrap_or_default();
    format!("{report} {help}")
}

fn installed(major: u16) -> BTreeSet<PathBuf> {
    [
        format!("/usr/lib/postgresql/{major}/lib"),
        format!("/usr/share/postgresql/{major}/extension"),
    ]
    .iter()
    .flat_map(|dir| fs::read_dir(dir).unwrap().flatten())
    .map(|entry| entry.path())
    .filter(|path| path.to_string_lossy().contains("/pgml"))
    .collect()
}

/// `kept` is a table of the server.
fn sees_the_machine_and_can_not_change_it(server: &Server) {
    // Not root's: the server would not even have started.
    let denied = server.sql("COPY kept TO '/usr/lib/pgml-dev-was-here'");
    assert!(
        denied.is_err(),
        "the server can write to the machine's own files"
    );
    // The extensions that the machine has are still there.
    assert_eq!(
        server
            .sql("SELECT count(*) FROM pg_available_extensions WHERE name IN ('plpgsql', 'pgml')")
            .unwrap(),
        "2"
    );
}

/// Stops a server, after which none of its processes may be left.
fn stop(server: Server, log: &Path) {
    let processes = family(server.process_id());
    assert!(
        processes.len() > 4,
        "a server has more processes: {processes:?}"
    );
    drop(server);
    // bubblewrap's own process may be on its way out for a moment.
    let began = Instant::now();
    while processes.iter().any(|pid| alive(*pid)) {
        assert!(began.elapsed() < Duration::from_secs(5), "still running");
        std::thread::sleep(Duration::from_millis(5));
    }
    let log = fs::read_to_string(log).unwrap();
    assert!(
        log.contains("database system is shut down"),
        "it was killed, not stopped:\n{log}"
    );
}

/// Catches a cluster that is made anew each time, an extension that stays as it was first created, and what is left
/// running or installed afterwards.
#[test]
fn keeps_its_tables_follows_the_sql_and_leaves_nothing_behind() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let before = installed(fixture.major);
    let (server, created) = fixture.start();
    assert!(server.is_new() && created == Created::Current);
    assert_eq!(server.sql("SELECT pgml.said()").unwrap(), "one");
    server
        .sql("CREATE TABLE kept AS SELECT 42 AS answer")
        .unwrap();
    assert_eq!(server.sql("SHOW listen_addresses").unwrap(), "");
    sees_the_machine_and_can_not_change_it(&server);
    let Err(refused) = ScratchCluster::open(&fixture.path("cluster"), fixture.major) else {
        panic!("two servers on one cluster");
    };
    assert_eq!(refused.exit, Exit::CannotHere);
    stop(server, &fixture.path("log"));

    let (server, created) = fixture.start();
    assert!(!server.is_new() && created == Created::Current);
    assert_eq!(server.sql("SELECT answer FROM kept").unwrap(), "42");
    drop(server);

    fixture.write_sql("two");
    let (server, created) = fixture.start();
    assert_eq!(created, Created::Again);
    assert_eq!(server.sql("SELECT pgml.said()").unwrap(), "two");
    server
        .sql("CREATE VIEW depends AS SELECT pgml.said()")
        .unwrap();
    drop(server);

    fixture.write_sql("three");
    let (server, created) = fixture.start();
    assert!(
        matches!(&created, Created::Outdated(why) if why.contains("view depends")),
        "{created:?}"
    );
    assert_eq!(server.sql("SELECT said FROM depends").unwrap(), "two");
    drop(server);
    assert_eq!(installed(fixture.major), before);
}

/// Catches a socket path beyond what the kernel takes, which Postgres refuses to start with.
#[test]
fn a_long_path_is_no_obstacle() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    let (server, _) = fixture
        .start_in(&fixture.path(&"long".repeat(30)).join("cluster"))
        .unwrap();
    assert_eq!(server.sql("SELECT pgml.said()").unwrap(), "one");
    let [(_, socket), ..] = server.connection();
    assert!(socket.exists());
    drop(server);
    assert!(!socket.exists(), "the temporary directory stays");
}

/// Catches waiting for a server that has ended, and an error without Postgres' own words.
#[test]
fn a_server_that_does_not_start_says_why() {
    let Some(fixture) = Fixture::new() else {
        return;
    };
    drop(fixture.start());
    fs::write(fixture.path("cluster/data/PG_VERSION"), "8\n").unwrap();
    let Err(failure) = fixture.start_in(&fixture.path("cluster")) else {
        panic!("it started");
    };
    assert_eq!(failure.exit, Exit::CannotHere);
    let text = words(failure);
    assert!(text.contains("incompatible with server"), "{text}");
}

#[test]
fn a_machine_without_a_server_is_told_what_to_install() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/targets.toml");
    let targets = Targets::load(&targets).unwrap();
    let target = targets
        .all(targets.first_architecture())
        .into_iter()
        .find(|target| target.to_string() == "debian12-pg15")
        .unwrap();
    let empty = tempfile::tempdir().unwrap();
    let missing = require(&Host::detect(empty.path()), empty.path(), &target).unwrap_err();
    let failure = Failure::from(missing);
    assert_eq!(failure.exit, Exit::CannotHere);
    let text = words(failure);
    assert!(
        text.contains("postgresql-15 libpython3.11"),
        "no apt line in {text}"
    );
}
