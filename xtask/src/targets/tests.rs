//! The matrix: what `targets.toml` may say, and which targets a command line means.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::host::OsRelease;

/// A small targets.toml in which every kind of reference occurs.
pub(crate) const SMALL: &str = r#"version = 1

[[architecture]]
name = "amd64"
machine = "x86_64"
rust = "x86_64-unknown-linux-gnu"
gnu = "x86_64-linux-gnu"
elf = 62
emulator = "qemu-x86_64-static"
platforms = ["manylinux_2_28_x86_64"]

[[architecture]]
name = "arm64"
machine = "aarch64"
rust = "aarch64-unknown-linux-gnu"
gnu = "aarch64-linux-gnu"
elf = 183
emulator = "qemu-aarch64-static"
platforms = ["manylinux_2_28_aarch64"]

[[archive]]
name = "debian"
title = "Debian's archive"
keyring = "/keyring.gpg"
keyring-package = "keyring"

[[distribution]]
id = "debian12"
codename = "bookworm"
title = "Debian 12"
vendor = "debian"
evidence = "tried"
glibc = "2.36"
glibcxx = "3.4.30"
cxxabi = "1.3.13"
gcc = "12.0.0"
python = "3.11"
libpython = "libpython3.11"
postgres = 15
openssl = "libssl3"
zstd-debs = true

[[distribution.suite]]
archive = "debian"
name = "bookworm"
components = ["main"]

[[major]]
version = 15
end-of-life = "2027-11-11"
[[major.headers]]
distribution = "debian12"
package = "postgresql-server-dev-15"

[[role]]
name = "base"
title = "clean root file system"
seeds = ["apt"]

[[role]]
name = "test"
title = "install test"
beyond = ["base"]
seeds = ["postgresql-{postgres}"]

[wheels]
requirements = "requirements.lock"
"#;

pub(crate) fn real() -> Targets {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/targets.toml");
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

use crate::host::Host;

#[test]
fn the_real_file_has_the_whole_matrix() {
    let targets = real();
    assert_eq!(targets.majors.len(), 6);
    for architecture in &targets.architectures {
        assert_eq!(targets.distributions_on(architecture).count(), 8);
        assert_eq!(targets.all(architecture).len(), 48);
    }
    for major in &targets.majors {
        assert!(
            major.headers.iter().any(|h| !h.development()),
            "a release of {} needs headers",
            major.version
        );
    }
    let debian12 = targets.distribution("bookworm").unwrap();
    assert_eq!(debian12.id, "debian12");
    assert_eq!(debian12.libpython_soname(), "libpython3.11.so.1.0");
    let test = targets.role("test").unwrap();
    assert!(
        targets
            .seeds(test, debian12)
            .contains(&"libpython3.11".to_owned())
    );
}

#[test]
fn the_oldest_glibc_is_the_builders() {
    // The builder's libc decides what every target must have: adding an older distribution must not pass unnoticed.
    let targets = real();
    let oldest = targets.distributions.iter().map(|d| &d.glibc).min();
    let builder = &targets.role("builder").unwrap().distributions[0];
    assert_eq!(oldest, targets.distribution(builder).map(|d| &d.glibc));
}

/// How a person sees the error.
fn rendered(text: &str) -> String {
    let error = Targets::parse("packaging/targets.toml", text).unwrap_err();
    let theme = miette::GraphicalTheme::unicode_nocolor();
    let mut out = String::new();
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_width(100);
    handler.render_report(&mut out, &error).unwrap();
    out
}

macro_rules! refused {
    ($($name:ident: $right:literal => $wrong:literal;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(SMALL.matches($right).count(), 1, "the typo is made in one place");
            insta::assert_snapshot!(rendered(&SMALL.replacen($right, $wrong, 1)));
        }
    )*};
}

refused! {
    unknown_field: "\nglibc =" => "\nglibcc =";
    unknown_table: "[wheels]" => "[wheel]";
    missing_field: "openssl = \"libssl3\"\n" => "";
    wrong_type: "postgres = 15" => "postgres = \"15\"";
    no_version: "\"2.36\"" => "\"2,36\"";
    unknown_evidence: "\"tried\"" => "\"tryed\"";
    unknown_archive: "archive = \"debian\"" => "archive = \"debain\"";
    unknown_distribution: "distribution = \"debian12\"" => "distribution = \"debian21\"";
    unknown_role: "[\"base\"]" => "[\"bass\"]";
    unknown_variable: "{postgres}" => "{postgers}";
    unknown_major: "postgres = 15" => "postgres = 51";
    headers_of_another_major: "postgresql-server-dev-15" => "postgresql-server-dev-16";
    headers_half_given: "package = \"postgresql-server-dev-15\"\n" => "";
    libpython_of_another_python: "\"libpython3.11\"" => "\"libpython3.12\"";
    unknown_architecture: "beyond = [\"base\"]" => "architectures = [\"arm65\"]";
    an_architecture_twice: "name = \"arm64\"" => "name = \"amd64\"";
    a_name_twice: "name = \"test\"" => "name = \"base\"";
    another_format: "version = 1\n" => "version = 2\n";
    no_toml: "version = 15" => "version == 15";
}

#[test]
fn the_small_file_itself_is_right() {
    Targets::parse("small", SMALL).unwrap();
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
    let targets = real().select(&choice, &host)?;
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
    assert_eq!(all.len(), 48);
    assert!(all.iter().all(|name| !name.ends_with("-arm64")));
    let all = select_on("x86_64", Some("arm64"), &[]).unwrap();
    assert_eq!(all.len(), 48);
    assert!(all.iter().all(|name| name.ends_with("-arm64")));
    assert_eq!(
        select(&["debian12-pg*", "debian12-pg15-arm64"])
            .unwrap()
            .len(),
        7
    );
    let error = select_on("x86_64", Some("arm65"), &[]).unwrap_err();
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(help.contains("`arm64`"), "{help}");
}

#[test]
fn an_architecture_is_the_one_that_the_policy_means() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
    let policy = crate::symbols::Rulebook::load(&packaging).unwrap().policy;
    for architecture in &real().architectures {
        let machine = &policy.machines[&architecture.name];
        assert_eq!(machine.machine, architecture.elf);
    }
}

#[test]
fn a_name_means_one_target_on_every_machine() {
    let targets = real();
    for architecture in &targets.architectures {
        for target in targets.all(architecture) {
            let found = targets.target(&target.to_string()).unwrap();
            assert_eq!(found.distribution.id, target.distribution.id);
            assert_eq!(found.major, target.major);
        }
    }
    assert!(targets.target("debian12-pg15-riscv64").is_err());
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
    assert_eq!(select(&["*"]).unwrap().len(), 48);
    let two = select(&["debian13-pg17", "debian11-pg13"]).unwrap();
    assert_eq!(two, ["debian11-pg13", "debian13-pg17"]);
}

#[test]
fn an_unknown_target_is_wrong_usage_and_the_nearest_are_named() {
    let help = |pattern: &str| {
        let error = select(&[pattern]).unwrap_err();
        assert_eq!(
            crate::exit::ExitKind::exit(&error),
            crate::exit::Exit::Usage
        );
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
        let chosen = real().select(&Choice::default(), &host);
        chosen.map(|targets| targets[0].to_string())
    };
    let by_default = own(host("debian", "12", "bookworm", &[])).unwrap();
    assert_eq!(by_default, "debian12-pg15");
    let installed = own(host("ubuntu", "22.04", "jammy", &[9, 14, 16, 19])).unwrap();
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
