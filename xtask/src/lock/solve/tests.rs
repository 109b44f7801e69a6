//! apt's answers as text, and apt itself on an archive that is made and signed here: no other is contacted.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::*;
use crate::exit::{Exit, ExitKind as _};
use crate::progress::Silent;

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

impl Archive {
    fn new(valid_until: &str) -> Self {
        let archive = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let mut packages = String::new();
        for (name, depends) in [
            ("apt", "libfoo"),
            ("libfoo", ""),
            ("postgresql-15", "libfoo, libpq5"),
            ("libpq5", ""),
            ("postgresql-15-unwanted", ""),
        ] {
            packages.push_str(&format!(
                "Package: {name}\nVersion: 1:1.0+b1\nArchitecture: amd64\nMaintainer: T <t@example.org>\nDepends: {depends}\n\
                 Recommends: postgresql-15-unwanted\nFilename: pool/{name}_1.0+b1_amd64.deb\nSize: 7\nSHA256: {}\nDescription: x\n\n",
                Digest::of(name)
            ));
        }
        let index = "main/binary-amd64/Packages";
        archive.write(&format!("dists/bookworm/{index}"), &packages);
        let release = format!(
            "Origin: T\nLabel: T\nSuite: bookworm\nCodename: bookworm\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n{valid_until}\
             Architectures: amd64\nComponents: main\nSHA256:\n {} {} {index}\n",
            Digest::of(&packages),
            packages.len()
        );
        archive.write("dists/bookworm/Release", &release);
        for key in ["right", "wrong"] {
            let user = format!("{key}@example.org");
            archive.gpg(&["--quick-gen-key", &user, "ed25519", "sign", "never"]);
            let file = archive.path(&format!("{key}.gpg"));
            archive.gpg(&["--output", &file, "--export", &user]);
        }
        let (signed, plain) = (
            archive.path("dists/bookworm/InRelease"),
            archive.path("dists/bookworm/Release"),
        );
        archive.gpg(&[
            "--local-user",
            "right@example.org",
            "--output",
            &signed,
            "--clearsign",
            &plain,
        ]);
        archive
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
    fn lock(&self, replacements: &[(&str, &str)]) -> Result<Lock, LockError> {
        let mut text = crate::targets::SMALL.replace("/keyring.gpg", &self.path("right.gpg"));
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
        update(&targets, distribution, &mirrors, &dir, &Silent)
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
    assert!(matches!(error, LockError::Indexes { .. }), "{error:?}");
    fs::remove_file(archive.path("dists/bookworm/InRelease")).unwrap();
    fs::remove_dir_all(archive.path("apt")).unwrap();
    let error = archive.lock(&[]).unwrap_err();
    assert!(matches!(error, LockError::Indexes { .. }), "{error:?}");
    assert_eq!(error.exit(), Exit::CannotHere);
    let error = archive.lock(&[("right.gpg", "none.gpg")]).unwrap_err();
    assert!(matches!(error, LockError::NoKeyring { .. }), "{error:?}");
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
        matches!(&error, LockError::Unsolvable { role, .. } if role == "test"),
        "{error:?}"
    );
    assert!(error.to_string().contains("postgresql.*wanted"), "{error}");
}
