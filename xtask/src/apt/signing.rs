//! The key that signs the repository.
//!
//! For local use a key is made on first need and kept in the cache, so that even a repository in a directory is used
//! with `Signed-By` and never with `trusted=yes`.

use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::files;
use crate::process::Program;

/// Who a locally made key says it is.
const LOCAL_NAME: &str = "pgml-dist local repository key";

/// When a locally made key says it was made: before any signature of it, which would not be valid otherwise. gpgv takes such a
/// one all the same; sqv, which apt uses from Debian 13 on, does not.
const BIRTH: u64 = 946_684_800; // 2000-01-01

/// A gpg home directory and the key in it that signs.
pub struct SigningKey {
    home: PathBuf,
    fingerprint: String,
    /// When it was made, seconds since 1970.
    birth: u64,
}

impl SigningKey {
    /// The key kept in a directory; it is made there when there is none yet.
    pub fn local(home: &Path, log: &Path) -> Result<Self, Failure> {
        if !home.join("pubring.kbx").exists() {
            // In a directory that gets its name when it is whole: an interrupted run leaves no half key ring.
            let partial = home.with_extension("partial");
            files::remove_dir(&partial)?;
            files::create_dir(&partial)?;
            files::set_mode(&partial, 0o700)?;
            gpg(&partial)
                .arg(format!("--faked-system-time={BIRTH}"))
                .args([
                    "--passphrase",
                    "",
                    "--quick-gen-key",
                    LOCAL_NAME,
                    "ed25519",
                    "sign",
                    "never",
                ])
                .run(log)?;
            stop_agent(&partial, log);
            files::rename(&partial, home)?;
        }
        let listing = gpg(home)
            .args(["--with-colons", "--list-secret-keys"])
            .output(log)?;
        let listing = String::from_utf8_lossy(&listing);
        let fingerprint = listing
            .lines()
            .find_map(|line| line.strip_prefix("fpr:::::::::"))
            .map(|rest| rest.trim_end_matches(':').to_owned())
            .unwrap_or_default();
        // The sixth field of a key's line.
        let birth = listing
            .lines()
            .find(|line| line.starts_with("sec:"))
            .and_then(|line| line.split(':').nth(5)?.parse().ok())
            .unwrap_or_default();
        Ok(Self {
            home: home.to_owned(),
            fingerprint,
            birth,
        })
    }

    /// The key's fingerprint, 40 hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Writes the public key as a keyring that `Signed-By` takes.
    pub fn export(&self, to: &Path, log: &Path) -> Result<(), Failure> {
        let bytes = gpg(&self.home)
            .args([
                "--export",
                "--export-options",
                "export-minimal",
                &self.fingerprint,
            ])
            .output(log)?;
        files::write(to, bytes)?;
        Ok(())
    }

    /// Signs a Release file: `InRelease` (clear-signed) and `Release.gpg` (detached) beside it. `epoch` is the signature's
    /// time, so that the same release signed with the same key is the same bytes; for a key that is younger, its birth.
    pub fn sign_release(&self, release: &Path, epoch: u64, log: &Path) -> Result<(), Failure> {
        self.sign("--clear-sign", release, "InRelease", epoch, log)?;
        self.sign_detached(release, "Release.gpg", epoch, log)
    }

    /// Writes a detached signature of a file beside it, under a name.
    pub fn sign_detached(
        &self,
        file: &Path,
        name: &str,
        epoch: u64,
        log: &Path,
    ) -> Result<(), Failure> {
        self.sign("--detach-sign", file, name, epoch, log)
    }

    fn sign(
        &self,
        mode: &str,
        file: &Path,
        name: &str,
        epoch: u64,
        log: &Path,
    ) -> Result<(), Failure> {
        let epoch = epoch.max(self.birth);
        let mut program = gpg(&self.home)
            .args([
                "--local-user",
                &self.fingerprint,
                "--digest-algo",
                "SHA512",
                "--yes",
            ])
            // A key made today can't sign in the past; gpg refuses unless told that the clock may be off. `!` stops the
            // clock, which goes on from that moment otherwise: a signature would be a second younger on a busy machine.
            .arg(format!("--faked-system-time={epoch}!"))
            .args(["--ignore-time-conflict", "--output"])
            .arg(file.with_file_name(name));
        if mode == "--detach-sign" {
            program = program.arg("--armor");
        }
        program.arg(mode).arg(file).run(log)?;
        stop_agent(&self.home, log);
        Ok(())
    }
}

fn gpg(home: &Path) -> Program {
    Program::new("gpg").arg("--homedir").arg(home).args([
        "--batch",
        "--no-tty",
        "--quiet",
        "--pinentry-mode",
        "loopback",
    ])
}

/// gpg leaves an agent running that holds the directory; it has to go with the command that started it.
fn stop_agent(home: &Path, log: &Path) {
    let stop = Program::new("gpgconf")
        .arg("--homedir")
        .arg(home)
        .args(["--kill", "gpg-agent"]);
    // Failing to stop it harms nothing but tidiness.
    let _ = stop.run(log);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_signature_is_older_than_its_key() {
        // Catches a repository that apt refuses from Debian 13 on.
        let dir = tempfile::tempdir().unwrap();
        let (log, release) = (dir.path().join("log"), dir.path().join("Release"));
        let mut key = SigningKey::local(&dir.path().join("key"), &log).unwrap();
        assert!((1..crate::rootfs::EPOCH).contains(&key.birth));
        files::write(&release, "Origin: x\n").unwrap();
        let signed_at = |key: &SigningKey| -> u64 {
            key.sign_release(&release, crate::rootfs::EPOCH, &log)
                .unwrap();
            let packets = gpg(&dir.path().join("key"))
                .arg("--list-packets")
                .arg(release.with_file_name("Release.gpg"))
                .output(&log)
                .unwrap();
            let packets = String::from_utf8(packets).unwrap();
            let created = packets.split("created ").nth(1).unwrap();
            created.split(',').next().unwrap().parse().unwrap()
        };
        assert_eq!(signed_at(&key), crate::rootfs::EPOCH);
        // As with a key of another origin.
        key.birth = crate::rootfs::EPOCH + 5;
        assert_eq!(signed_at(&key), key.birth);
    }
}
