//! apt's answers as text, and apt itself on an archive that is made and signed here: no other is contacted.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::*;
use base::exit::{Exit, ExitKind as _};
use base::progress::Silent;

#[test]
fn reads_apts_answers() {
    let bases = [("debian", "http://m.example/debian")];
    let line = "'http://m.example/debian/pool/main/l/ll/libx_13.0.1-6%7edeb11u1_amd64.deb' \
                libx_1%3a13.0.1-6~deb11u1_amd64.deb 6187424 \
                SHA256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let package = parse(line, &bases).unwrap();
    assert_eq!(package.name, "libx");
    assert_eq!(package.version, "1:13.0.1-6~deb11u1");
    assert_eq!(package.architecture, "amd64");
    assert_eq!(package.archive, "debian");
    assert_eq!(
        package.path,
        "pool/main/l/ll/libx_13.0.1-6~deb11u1_amd64.deb"
    );
    assert_eq!(package.file_name(), "libx_1%3a13.0.1-6~deb11u1_amd64.deb");
    assert!(parse(&line.replace("SHA256", "MD5Sum"), &bases).is_none());
    assert!(parse(line, &[("debian", "http://other.example/debian")]).is_none());
}

/// A signed archive with a few packages (their files are never asked for), and a key that did not sign it.
struct Archive {
    dir: tempfile::TempDir,
}

/// The packages of the release, and what each depends on.
const RELEASE: [(&str, &str); 5] = [
    ("apt", "libfoo"),
    ("libfoo", ""),
    ("postgresql-15", "libfoo, libpq5"),
    ("libpq5", ""),
    ("postgresql-15-unwanted", ""),
];

impl Archive {
    fn new(valid_until: &str) -> Self {
        let archive = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        for key in ["right", "wrong"] {
            let user = format!("{key}@example.org");
            archive.gpg(&["--quick-gen-key", &user, "ed25519", "sign", "never"]);
            let file = archive.path(&format!("{key}.gpg"));
            archive.gpg(&["--output", &file, "--export", &user]);
        }
        archive.suite("bookworm", &RELEASE, "1:1.0+b1", valid_until);
        archive
    }

    /// Makes or replaces a suite, and signs it.
    fn suite(&self, suite: &str, packages: &[(&str, &str)], version: &str, valid_until: &str) {
        let mut listing = String::new();
        for (name, depends) in packages {
            let upstream = version.trim_start_matches("1:");
            listing.push_str(&format!(
                "Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: T <t@example.org>\nDepends: {depends}\n\
                 Recommends: postgresql-15-unwanted\nFilename: pool/{name}_{upstream}_amd64.deb\nSize: 7\nSHA256: {}\nDescription: x\n\n",
                Digest::of(format!("{name}{}", version.replace("1:1.0+b1", "")))
            ));
        }
        let index = "main/binary-amd64/Packages";
        self.write(&format!("dists/{suite}/{index}"), &listing);
        let release = format!(
            "Origin: T\nLabel: T\nSuite: {suite}\nCodename: {suite}\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n{valid_until}\
             Architectures: amd64\nComponents: main\nSHA256:\n {} {} {index}\n",
            Digest::of(&listing),
            listing.len()
        );
        self.write(&format!("dists/{suite}/Release"), &release);
        let (signed, plain) = (
            self.path(&format!("dists/{suite}/InRelease")),
            self.path(&format!("dists/{suite}/Release")),
        );
        self.gpg(&[
            "--yes",
            "--local-user",
            "right@example.org",
            "--output",
            &signed,
            "--clearsign",
            &plain,
        ]);
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        let path = PathBuf::from(self.path(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn gpg(&self, args: &[&str]) {
        let output = Command::new("gpg")
            .args([
                "--homedir",
                &self.path(""),
                "--batch",
                "--quiet",
                "--passphrase",
                "",
            ])
            .args(args)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Locks debian12 from here, after replacements in targets.toml.
    fn lock(&self, replacements: &[(&str, &str)]) -> Result<Lock, LockingError> {
        self.with_resolver(replacements, &[], &|resolver| {
            resolver.lock(Extent::Whole, &Silent)
        })
    }

    fn with_resolver<T>(
        &self,
        replacements: &[(&str, &str)],
        absent: &[Absent],
        act: &dyn Fn(&Resolver<'_>) -> T,
    ) -> T {
        let mut text = include_str!("../../../../targets/src/small.toml")
            .replace("/keyring.gpg", &self.path("right.gpg"));
        for (from, to) in replacements {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let targets = Targets::parse("targets.toml", &text).unwrap();
        let mut mirrors = Mirrors::none();
        let uri = format!("debian=copy:{}", self.dir.path().display());
        mirrors.add_user(&targets, &[uri]).unwrap();
        let distribution = targets.distribution("debian12").unwrap();
        let dir = self.dir.path().join("apt");
        act(&Resolver {
            targets: &targets,
            distribution,
            mirrors: &mirrors,
            dir: dir.clone(),
            absent,
        })
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        let kill = ["--homedir", &self.path(""), "--kill", "gpg-agent"];
        let _ = Command::new("gpgconf").args(kill).output();
    }
}

const PAST: &str = "Valid-Until: Fri, 02 Jan 2026 00:00:00 UTC\n";

#[test]
fn a_lock_has_what_apt_would_install_and_nothing_recommended() {
    let archive = Archive::new("");
    let lock = archive.lock(&[]).unwrap();
    let names = |role: &str| -> Vec<String> {
        lock.packages(role).iter().map(|p| p.name.clone()).collect()
    };
    assert_eq!(names("base"), ["apt", "libfoo"]);
    assert_eq!(
        names("test"),
        ["libpq5", "postgresql-15"],
        "what base has is not repeated"
    );
    let package = &lock.packages[0];
    assert_eq!((package.version.as_str(), package.size), ("1:1.0+b1", 7));
    assert_eq!(package.path, "pool/apt_1.0+b1_amd64.deb");
    assert_eq!(package.sha256, Digest::of("apt"));
    assert_eq!(lock.suites[0].date.to_string(), "2026-01-01T00:00:00Z");
    let alone = archive
        .lock(&[("beyond = [\"base\"]", "alone = true")])
        .unwrap();
    assert_eq!(alone.packages("test").len(), 1);
}

#[test]
fn a_signature_of_another_key_or_none_at_all_is_refused() {
    let archive = Archive::new("");
    let error = archive.lock(&[("right.gpg", "wrong.gpg")]).unwrap_err();
    assert!(matches!(error, LockingError::Indexes { .. }), "{error:?}");
    fs::remove_file(archive.path("dists/bookworm/InRelease")).unwrap();
    fs::remove_dir_all(archive.path("apt")).unwrap();
    let error = archive.lock(&[]).unwrap_err();
    assert!(matches!(error, LockingError::Indexes { .. }), "{error:?}");
    assert_eq!(error.exit(), Exit::CannotHere);
    let error = archive.lock(&[("right.gpg", "none.gpg")]).unwrap_err();
    assert!(matches!(error, LockingError::NoKeyring { .. }), "{error:?}");
}

#[test]
fn an_index_past_its_time_is_taken_only_where_the_suite_says_so() {
    let archive = Archive::new(PAST);
    let error = archive.lock(&[]).unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
    let accepting = (
        "components = [\"main\"]",
        "components = [\"main\"]\naccept-expired = true",
    );
    let lock = archive.lock(&[accepting]).unwrap();
    let until = lock.suites[0]
        .accepted_past
        .as_ref()
        .map(ToString::to_string);
    assert_eq!(until.as_deref(), Some("2026-01-02T00:00:00Z"));
}

#[test]
fn a_seed_that_the_archive_lacks_is_not_taken_for_a_pattern() {
    let archive = Archive::new("");
    let error = archive
        .lock(&[("postgresql-{postgres}", "postgresql.*wanted")])
        .unwrap_err();
    assert!(
        matches!(&error, LockingError::Unsolvable { role, .. } if role == "test"),
        "{error:?}"
    );
    assert!(error.to_string().contains("postgresql.*wanted"), "{error}");
}

/// The release has security updates; `base` follows them and is shipped, `test` is frozen.
const WITH_UPDATES: [(&str, &str); 3] = [
    (
        "name = \"bookworm\"\ncomponents = [\"main\"]",
        "name = \"bookworm\"\ncomponents = [\"main\"]\n\n[[distribution.suite]]\narchive = \"debian\"\n\
         name = \"bookworm-security\"\nkind = \"security\"\ncomponents = [\"main\"]",
    ),
    ("beyond = [\"base\"]", "frozen = true"),
    ("seeds = [\"apt\"]", "ships = true\nseeds = [\"apt\"]"),
];

/// The versions of a package in a lock, each with its roles.
fn versions(lock: &Lock, name: &str) -> Vec<(String, Vec<String>)> {
    let of_name = lock.packages.iter().filter(|p| p.name == name);
    of_name
        .map(|p| (p.version.clone(), p.roles.clone()))
        .collect()
}

fn text(version: &str, role: &str) -> (String, Vec<String>) {
    (version.to_owned(), vec![role.to_owned()])
}

#[test]
fn shipped_roles_follow_security_updates_and_frozen_ones_do_not() {
    let archive = Archive::new("");
    archive.suite("bookworm-security", &[("libfoo", "")], "1:1.1", "");
    let lock = archive.lock(&WITH_UPDATES).unwrap();
    assert_eq!(
        versions(&lock, "libfoo"),
        [text("1:1.0+b1", "test"), text("1:1.1", "base")]
    );
    assert_eq!(lock.suites.len(), 2);
}

#[test]
fn what_an_archive_offers_beyond_the_lock_is_listed_security_updates_first() {
    let archive = Archive::new("");
    archive.suite("bookworm-security", &[], "1:1.1", "");
    let lock = archive.lock(&WITH_UPDATES).unwrap();
    let outdated = || {
        archive.with_resolver(&WITH_UPDATES, &[], &|resolver| {
            resolver.outdated(&lock, &Silent).unwrap()
        })
    };
    assert_eq!(outdated(), []);
    archive.suite("bookworm-security", &[("libfoo", "")], "1:1.1", "");
    let found = outdated();
    assert_eq!(found.len(), 1, "{found:?}");
    let one = &found[0];
    assert_eq!(
        (one.locked.as_str(), one.offered.as_str()),
        ("1:1.0+b1", "1:1.1")
    );
    assert_eq!(one.suite, "bookworm-security");
    assert!(one.security && one.shipped, "{one:?}");
    assert_eq!(
        one.roles,
        ["base"],
        "the frozen role is not behind its suite"
    );
}

#[test]
fn a_security_update_leaves_frozen_roles_as_they_were() {
    let archive = Archive::new("");
    archive.suite("bookworm-security", &[], "1:1.1", "");
    let before = archive.lock(&WITH_UPDATES).unwrap();
    archive.suite("bookworm", &RELEASE, "1:2.0", "");
    let now = archive.with_resolver(&WITH_UPDATES, &[], &|resolver| {
        resolver.lock(Extent::Updates(&before), &Silent).unwrap()
    });
    assert_eq!(versions(&now, "libpq5"), [text("1:1.0+b1", "test")]);
    assert_eq!(versions(&now, "apt"), [text("1:2.0", "base")]);
    let whole = archive.lock(&WITH_UPDATES).unwrap();
    assert_eq!(versions(&whole, "libpq5"), [text("1:2.0", "test")]);
}

#[test]
fn a_version_that_the_archive_lost_is_passed_over_and_written_down() {
    let archive = Archive::new("");
    archive.suite("bookworm-security", &[("libfoo", "")], "1:1.1", "");
    let absent = [Absent {
        name: "libfoo".into(),
        version: "1:1.1".into(),
    }];
    let lock = archive.with_resolver(&WITH_UPDATES, &absent, &|resolver| {
        resolver.lock(Extent::Whole, &Silent).unwrap()
    });
    assert_eq!(versions(&lock, "libfoo").len(), 1);
    assert_eq!(lock.absent, absent);
}
