//! Which targets a command line means.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use targets::Targets;

use super::*;
use crate::host::OsRelease;

fn real() -> Targets {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
    Targets::load(&path).unwrap()
}

fn host(id: &str, version: &str, codename: &str, postgres: &[u16]) -> Host {
    let root = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let file = root.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    write(
        "etc/os-release",
        &format!(
            "PRETTY_NAME=\"The OS\"\nID={id}\nVERSION_ID=\"{version}\"\nVERSION_CODENAME={codename}\n"
        ),
    );
    for major in postgres {
        write(&format!("usr/lib/postgresql/{major}/bin/postgres"), "");
    }
    Host::detect(root.path())
}

fn select(patterns: &[&str]) -> Result<Vec<String>, TargetsError> {
    select_on("x86_64", None, patterns)
}

/// What a command line means on a machine; without patterns it says `--all`.
fn select_on(
    machine: &str,
    architecture: Option<&str>,
    patterns: &[&str],
) -> Result<Vec<String>, TargetsError> {
    let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
    let mut host = host("debian", "12", "bookworm", &[]);
    host.machine = machine.to_owned();
    let choice = Choice {
        patterns: &patterns,
        all: patterns.is_empty(),
        architecture,
    };
    let targets = host.select(&real(), &choice)?;
    Ok(targets.iter().map(Target::to_string).collect())
}

#[test]
fn an_architecture_is_named_by_the_option_or_by_the_name_or_is_the_machines() {
    let one = |machine, architecture, pattern: &str| {
        select_on(machine, architecture, &[pattern])
            .unwrap()
            .join(" ")
    };
    assert_eq!(one("x86_64", None, "debian12-pg15"), "debian12-pg15");
    assert_eq!(
        one("x86_64", None, "debian12-pg15-arm64"),
        "debian12-pg15-arm64"
    );
    assert_eq!(
        one("x86_64", None, "bookworm-pg15-arm64"),
        "debian12-pg15-arm64"
    );
    assert_eq!(
        one("x86_64", Some("arm64"), "debian12-pg15"),
        "debian12-pg15-arm64"
    );
    assert_eq!(one("aarch64", None, "debian12-pg15"), "debian12-pg15-arm64");
    assert_eq!(one("aarch64", None, "debian12-pg15-amd64"), "debian12-pg15");
    assert_eq!(one("riscv64", None, "debian12-pg15"), "debian12-pg15");
    // What can be built where a command is written goes on being all that it builds.
    let all = select_on("x86_64", None, &[]).unwrap();
    assert_eq!(all.len(), 56);
    assert!(all.iter().all(|name| !name.ends_with("-arm64")));
    let all = select_on("x86_64", Some("arm64"), &[]).unwrap();
    assert_eq!(all.len(), 56);
    assert!(all.iter().all(|name| name.ends_with("-arm64")));
    assert_eq!(
        select(&["debian12-pg*", "debian12-pg15-arm64"])
            .unwrap()
            .len(),
        8
    );
    let error = select_on("x86_64", Some("arm65"), &[]).unwrap_err();
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(help.contains("`arm64`"), "{help}");
}

#[test]
fn targets_by_id_code_name_and_glob_each_once_in_the_files_order() {
    assert_eq!(select(&["debian12-pg15"]).unwrap(), ["debian12-pg15"]);
    assert_eq!(select(&["jammy-pg16"]).unwrap(), ["ubuntu22.04-pg16"]);
    assert_eq!(
        select(&["debian1?-pg17", "ubuntu*-pg17", "trixie-pg17"])
            .unwrap()
            .len(),
        8
    );
    assert_eq!(select(&["*"]).unwrap().len(), 56);
    let two = select(&["debian13-pg17", "debian11-pg13"]).unwrap();
    assert_eq!(two, ["debian11-pg13", "debian13-pg17"]);
}

#[test]
fn an_unknown_target_is_wrong_usage_and_the_nearest_are_named() {
    let help = |pattern: &str| {
        let error = select(&[pattern]).unwrap_err();
        assert_eq!(base::exit::ExitKind::exit(&error), base::exit::Exit::Usage);
        miette::Diagnostic::help(&error).unwrap().to_string()
    };
    assert!(help("debain12-pg15").contains("`debian12-pg15`"));
    assert!(help("bokworm-pg15").contains("`bookworm-pg15`"));
    assert!(help("debian12").contains("`debian12-pg13`"));
    assert!(help("fedora40-pg19-x").contains("debian14"));
    assert!(help("[").contains("DISTRIBUTION-pgMAJOR"));
}

#[test]
fn this_machines_own_target() {
    let own = |host: Host| {
        let chosen = host.select(&real(), &Choice::default());
        chosen.map(|targets| targets[0].to_string())
    };
    let by_default = own(host("debian", "12", "bookworm", &[])).unwrap();
    assert_eq!(by_default, "debian12-pg15");
    let installed = own(host("ubuntu", "22.04", "jammy", &[9, 14, 16, 29])).unwrap();
    assert_eq!(
        installed, "ubuntu22.04-pg16",
        "the newest that we build for"
    );
    let old = own(host("ubuntu", "20.04", "focal", &[12])).unwrap();
    assert_eq!(
        old, "ubuntu20.04-pg13",
        "its own is older than what we build for"
    );
    let testing = own(host("debian", "", "forky", &[])).unwrap();
    assert_eq!(testing, "debian14-pg18");
    let error = own(host("fedora", "40", "", &[])).unwrap_err();
    assert!(error.to_string().contains("The OS"));
}

#[test]
fn os_release_is_read_with_and_without_quotes() {
    let os = OsRelease::parse("ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='Debian'\n");
    assert_eq!(
        (os.id_version().as_str(), os.title.as_str()),
        ("debian12", "Debian")
    );
}
