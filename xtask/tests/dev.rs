//! `cargo xtask dev` as a developer runs it. Compiles the extension where the cache does not have it yet, which takes
//! minutes: `cargo test --package xtask --test dev -- --ignored`.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

fn dev(args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("xtask"));
    command
        .args(["dev", "-X", "-q", "-A", "-t"])
        .args(args)
        .stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> (Output, String) {
    let output = dev(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output, text)
}

/// Those whose command line shows a scratch cluster's data directory.
fn servers() -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).contains("/run/pgml/data"))
        .count()
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "no {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Catches a server that outlives psql, a failure of psql that looks like success, a second start that compiles or makes
/// a cluster again, and a build that can't reach its Python packages.
#[test]
#[ignore = "compiles the extension"]
fn opens_psql_with_the_extension_and_ends_with_it() {
    let (output, version) = run(&["-c", "SELECT pgml.version()"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    assert_eq!(servers(), 0);

    let began = Instant::now();
    let (output, loaded) = run(&["-c", "SELECT pgml.load_dataset('diabetes')"]);
    assert_eq!(loaded, "(pgml.diabetes,442)", "{output:?}");
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "took {:?}",
        began.elapsed()
    );
    // A table of the first run is there in the next.
    assert_eq!(run(&["-c", "SELECT count(*) FROM pgml.diabetes"]).1, "442");

    assert_eq!(run(&["-c", "SELECT 1/0"]).0.status.code(), Some(1));
    for (signal, code) in [
        (Signal::INT, Some(1)),
        (Signal::TERM, Some(1)),
        (Signal::KILL, None),
    ] {
        let mut sleeping = dev(&["-c", "SELECT pg_sleep(300)"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let psql = || {
            fs::read_to_string(format!("/proc/{0}/task/{0}/children", sleeping.id()))
                .is_ok_and(|children| children.split_whitespace().count() == 2)
        };
        // bubblewrap with the server, and the psql of the sleep; the one that creates the extension is gone by then.
        wait_for("psql", psql);
        std::thread::sleep(Duration::from_millis(300));
        kill_process(Pid::from_child(&sleeping), signal).unwrap();
        assert_eq!(sleeping.wait().unwrap().code(), code, "{signal:?}");
        wait_for("end of the server", || servers() == 0);
    }
}
