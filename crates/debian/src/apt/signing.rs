//! The key that signs the repository.
//!
//! For local use a key is made on first need and kept in the cache, so that even a repository in a directory is used
//! with `Signed-By` and never with `trusted=yes`.

mod key;
pub mod keyring;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::key::Key;
use base::day::Day;
use base::exit::Failure;
use base::files;
use base::plain_path::PlainPath;
use base::process::Program;

pub use self::key::KeyError;

/// Who a locally made key says it is.
const LOCAL_NAME: &str = "pgml-dist local repository key";

/// When a locally made key says it was made: before any signature of it, which would not be valid otherwise. gpgv takes such a
/// one all the same; sqv, which apt uses from Debian 13 on, does not.
const BIRTH: u64 = 946_684_800; // 2000-01-01

/// A gpg home directory and the key in it that signs.
pub struct SigningKey {
    home: Home,
    key: Key,
}

/// A gpg home directory. An agent of ours ends with it: one that stayed would know the directory by a link that is gone, and
/// tell the next gpg that there is no secret key.
struct Home {
    dir: PlainPath,
    /// The log of our agent's end. None for a user's directory; ours has no passphrase in it, and an agent that nobody else
    /// uses.
    log: Option<PathBuf>,
}

impl Home {
    fn ours(dir: &Path, log: &Path) -> Result<Self, Failure> {
        let (dir, log) = (PlainPath::of(dir)?, Some(log.to_owned()));
        Ok(Self { dir, log })
    }

    fn of_user(dir: &Path) -> Result<Self, Failure> {
        let dir = PlainPath::of(dir)?;
        Ok(Self { dir, log: None })
    }

    fn is_ours(&self) -> bool {
        self.log.is_some()
    }

    fn gpg(&self) -> Program {
        gpg(self.dir.path(), self.is_ours())
    }

    fn stop_agent(&self) {
        if let Some(log) = &self.log {
            stop_agent(self.dir.path(), log);
        }
    }

    /// The public key, with the newest of the signatures that bind its parts.
    fn export(&self, fingerprint: &str, log: &Path) -> Result<Vec<u8>, Failure> {
        let export = [
            "--export",
            "--export-options",
            "export-minimal",
            fingerprint,
        ];
        Ok(self.gpg().args(export).output(log)?)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.stop_agent();
    }
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
            let made = Home::ours(&partial, log)?;
            made.gpg()
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
            drop(made);
            files::rename(&partial, home)?;
        }
        Self::find(home, Home::ours(home, log)?, None, log)
    }

    /// A user's key, by any name that gpg takes. The user's gpg asks for the passphrase of a protected key.
    pub fn of_user(home: &Path, id: &str, log: &Path) -> Result<Self, Failure> {
        Self::find(home, Home::of_user(home)?, Some(id), log)
    }

    /// The key of a name, or the only one, in the directory `at`.
    fn find(at: &Path, home: Home, id: Option<&str>, log: &Path) -> Result<Self, Failure> {
        let absent = || KeyError::Absent {
            id: id.unwrap_or_default().to_owned(),
            home: at.display().to_string(),
        };
        let mut found = Key::choose(&list_secret_keys(&home, id, log)?)?;
        if found.is_none() && home.is_ours() {
            // The agent of a run that was killed.
            home.stop_agent();
            found = Key::choose(&list_secret_keys(&home, id, log)?)?;
        }
        let mut key = found.ok_or_else(absent)?;
        let exported = home.export(&key.fingerprint, log)?;
        let packets = home.gpg().arg("--list-packets").pipe(&exported, log)?;
        key.bind(&String::from_utf8_lossy(&packets))?;
        Ok(Self { home, key })
    }

    /// The key's fingerprint, 40 hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.key.fingerprint
    }

    /// The day from which on apt refuses what it signed.
    pub fn expires(&self) -> Option<Day> {
        self.key.expires.map(Day::of)
    }

    /// Writes the public key as a keyring that `Signed-By` takes.
    pub fn export(&self, to: &Path, log: &Path) -> Result<(), Failure> {
        self.export_with(&[], to, log)
    }

    /// Writes a keyring that has the public keys of further files too.
    pub fn export_with(&self, further: &[PathBuf], to: &Path, log: &Path) -> Result<(), Failure> {
        let own = self.home.export(self.fingerprint(), log)?;
        Ok(files::write(to, keyring::with_further(own, further, log)?)?)
    }

    /// Signs a Release file: `InRelease` (clear-signed) and `Release.gpg` (detached) beside it. `epoch` is the signature's
    /// time, so that the same release signed with the same key is the same bytes; where the key, or what binds its parts, is
    /// younger, the moment from which on the key signs.
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
        let epoch = epoch.max(self.key.from);
        let mut program = self
            .home
            .gpg()
            .args([
                "--local-user",
                // This very part of the key, whichever gpg would take at that time.
                &format!("{}!", self.key.signer),
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
        self.home.stop_agent();
        Ok(())
    }
}

/// gpg's listing of the secret keys of a name, or of all. It is empty where gpg knows no key of that name.
fn list_secret_keys(home: &Home, id: Option<&str>, log: &Path) -> Result<String, Failure> {
    let listing = home
        .gpg()
        .args([
            "--with-colons",
            "--with-subkey-fingerprint",
            "--list-secret-keys",
        ])
        .args(id.map(|id| ["--", id]).into_iter().flatten())
        .output(log);
    match (listing, id) {
        (Err(_), Some(_)) => Ok(String::new()),
        (listing, _) => Ok(String::from_utf8_lossy(&listing?).into_owned()),
    }
}

/// `ours` has no passphrase; a user's agent asks for theirs, in its own way.
fn gpg(home: &Path, ours: bool) -> Program {
    let program = Program::new("gpg")
        .arg("--homedir")
        .arg(home)
        .args(["--batch", "--no-tty", "--quiet"]);
    match ours {
        true => program.args(["--pinentry-mode", "loopback"]),
        // Where the agent's pinentry is to ask.
        false => ["GPG_TTY", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR"]
            .iter()
            .fold(program, |program, name| program.inherit_env(name)),
    }
}

/// How long an agent may take to end, and how often one looks.
const AGENT_ENDS: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(10);

/// gpg leaves an agent running that holds the directory; it has to go with the command that started it. Returns when its socket
/// is gone: the next gpg would meet an agent that is about to end, and fail with "End of file".
fn stop_agent(home: &Path, log: &Path) {
    let gpgconf = || Program::new("gpgconf").arg("--homedir").arg(home);
    let socket = gpgconf().args(["--list-dirs", "agent-socket"]).output(log);
    // Failing to stop it harms nothing but tidiness.
    let _ = gpgconf().args(["--kill", "gpg-agent"]).run(log);
    let socket = socket.unwrap_or_default();
    let socket = Path::new(OsStr::from_bytes(socket.trim_ascii()));
    let began = Instant::now();
    while socket.exists() && began.elapsed() < AGENT_ENDS {
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests;
