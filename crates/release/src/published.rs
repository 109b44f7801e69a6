//! The keyring that users have, against a repository that is to be published in its place: who followed docs/publish.md must
//! still be able to read it, and the next one.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::process::Program;
use debian::apt::signing::keyring::{self, PublicKey};

pub use debian::apt::repository::KEYRING;

/// Why a repository is not published.
#[derive(Debug, Error, Diagnostic)]
pub enum KeyringChange {
    /// Its key goes with the cache.
    #[error(
        "the apt repository is signed by a local key for trying out, {fingerprint}, which is lost with the cache"
    )]
    #[diagnostic(help(
        "sign it with yours: `cargo xtask dist --sign-key KEY`; `--development` publishes it all the same"
    ))]
    Local {
        /// The key.
        fingerprint: String,
    },
    /// Users would refuse it.
    #[error("the published keyring has no key that signed {}, so that apt would refuse it on users' machines", release.display())]
    #[diagnostic(help(
        "first publish a keyring with both keys, signed by the old one: docs/publish.md, \"Change the key\"; `--replace-keyring` publishes it all the same, such as after a key has leaked"
    ))]
    NotTrusted {
        /// The signed index.
        release: PathBuf,
    },
    /// Users who fetch the keyring lose keys.
    #[error("the published keyring has {}, which the new one lacks", list(keys))]
    #[diagnostic(help(
        "to keep a key, put it into packaging/keys (`gpg --armor --export KEY > packaging/keys/NAME.asc`) and run `cargo xtask dist` again; `--replace-keyring` drops it"
    ))]
    Lost {
        /// The keys.
        keys: Vec<PublicKey>,
    },
}

impl ExitKind for KeyringChange {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

fn list(keys: &[PublicKey]) -> String {
    let words = keys
        .iter()
        .map(|key| format!("{} ({})", key.fingerprint, key.name));
    words.collect::<Vec<_>>().join(", ")
}

/// Refuses a repository that a local key signed.
pub fn require_own_key(repository: &Path, log: &Path) -> Result<(), Failure> {
    let keys = keyring::keys(&repository.join(KEYRING), log)?;
    match keys.into_iter().find(PublicKey::is_local) {
        None => Ok(()),
        Some(key) => Err(KeyringChange::Local {
            fingerprint: key.fingerprint,
        }
        .into()),
    }
}

/// Refuses a repository whose signatures the published keyring does not prove, or whose keyring lacks a key of that.
pub fn require_known_keys(repository: &Path, published: &Path, log: &Path) -> Result<(), Failure> {
    let published = std::path::absolute(published).unwrap_or(published.to_owned());
    let dists = repository.join("dists");
    let indexes = base::files::files_below(&dists)?.into_iter();
    for index in indexes.filter(|file| file.ends_with("Release.gpg")) {
        let signature = dists.join(index);
        let release = signature.with_file_name("Release");
        let gpgv = Program::new("gpgv").args(["--keyring".as_ref(), published.as_os_str()]);
        let gpgv = gpgv.args([&signature, &release]).attempt()?;
        if !gpgv.status.success() {
            return Err(KeyringChange::NotTrusted { release }.into());
        }
    }
    let new = keyring::keys(&repository.join(KEYRING), log)?;
    let has = |key: &PublicKey| new.iter().any(|one| one.fingerprint == key.fingerprint);
    let mut lost = keyring::keys(&published, log)?;
    lost.retain(|key| !has(key));
    match lost.is_empty() {
        true => Ok(()),
        false => Err(KeyringChange::Lost { keys: lost }.into()),
    }
}

#[cfg(test)]
mod tests {
    use base::files;
    use debian::apt::options::RepositoryOptions;
    use debian::apt::repository::{Suite, write};
    use debian::apt::signing::SigningKey;

    use super::*;

    const EPOCH: u64 = 1_000_000_000;

    /// A directory with keys, and repositories that they sign.
    struct Place(tempfile::TempDir);

    impl Place {
        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn key(&self, name: &str) -> SigningKey {
            SigningKey::local(&self.path(name), &self.path("log")).unwrap()
        }

        /// Writes a repository in the place of the last one, as `dist` does; `further` are keys in packaging/keys.
        fn dist(&self, key: &str, further: &[&str]) -> PathBuf {
            let (root, keys, log) = (self.path("apt"), self.path("keys"), self.path("log"));
            files::remove_dir(&root).unwrap();
            files::create_dir(&root).unwrap();
            files::remove_dir(&keys).unwrap();
            for name in further {
                self.key(name)
                    .export(&keys.join(format!("{name}.gpg")), &log)
                    .unwrap();
            }
            files::write(&keys.join("README"), "not a key").unwrap();
            let suite = Suite {
                codename: "x".into(),
                title: "X".into(),
                architectures: vec!["amd64".into()],
                debs: Vec::new(),
            };
            files::create_dir(&root.join("pool/x")).unwrap();
            let options = RepositoryOptions {
                further_keys: Some(keys),
                ..RepositoryOptions::default()
            };
            write(&root, vec![suite], &options, &self.key(key), EPOCH, &log).unwrap();
            root
        }

        fn publish(&self, repository: &Path) {
            files::copy(&repository.join(KEYRING), &self.path("published")).unwrap();
        }

        fn check(&self, repository: &Path) -> Option<KeyringChange> {
            let checked =
                require_known_keys(repository, &self.path("published"), &self.path("log"));
            Some(checked.err()?.report.unwrap().downcast().unwrap())
        }
    }

    /// The way of docs/publish.md from one key to another, and each short cut: catches a keyring that loses a key without a
    /// word, and a release that users can't read.
    #[test]
    fn a_key_is_changed_in_steps() {
        let place = Place(tempfile::tempdir().unwrap());
        let count = |repository: &Path| {
            let keys = keyring::keys(&repository.join(KEYRING), &place.path("log"));
            keys.unwrap().len()
        };
        place.publish(&place.dist("old", &[]));
        assert!(place.check(&place.dist("old", &[])).is_none());
        let too_early = place.check(&place.dist("new", &["old"]));
        assert!(matches!(too_early, Some(KeyringChange::NotTrusted { .. })));
        let both = place.dist("old", &["new"]);
        assert_eq!(count(&both), 2);
        assert!(place.check(&both).is_none());
        place.publish(&both);
        // The next release, of a checkout without packaging/keys.
        let forgotten = place.check(&place.dist("old", &[]));
        let new = place.key("new").fingerprint().to_owned();
        assert!(
            matches!(&forgotten, Some(KeyringChange::Lost { keys }) if keys[0].fingerprint == new),
            "{forgotten:?}"
        );
        assert!(place.check(&place.dist("old", &["new", "old"])).is_none());
        let by_new = place.dist("new", &["old"]);
        assert!(count(&by_new) == 2 && place.check(&by_new).is_none());
        place.publish(&by_new);
        let last = place.check(&place.dist("new", &[]));
        assert!(matches!(last, Some(KeyringChange::Lost { .. })));
    }

    #[test]
    fn a_local_key_is_told_from_another_and_a_secret_key_is_refused() {
        let place = Place(tempfile::tempdir().unwrap());
        let log = place.path("log");
        let repository = place.dist("old", &[]);
        let failure = require_own_key(&repository, &log).unwrap_err();
        let error: KeyringChange = failure.report.unwrap().downcast().unwrap();
        assert!(matches!(error, KeyringChange::Local { .. }));
        let home = place.path("home");
        files::create_dir(&home).unwrap();
        files::set_mode(&home, 0o700).unwrap();
        let gpg = || {
            Program::new("gpg")
                .args(["--homedir".as_ref(), home.as_os_str()])
                .args(["--batch", "--quiet", "--pinentry-mode", "loopback"])
                .args(["--passphrase", ""])
        };
        let make = ["--quick-gen-key", "x@example.org", "ed25519", "sign"];
        gpg().args(make).run(&log).unwrap();
        let ring = repository.join(KEYRING);
        for (export, refused) in [("--export", false), ("--export-secret-keys", true)] {
            let bytes = gpg().args(["--armor", export]).output(&log).unwrap();
            files::write(&ring, bytes).unwrap();
            assert_eq!(require_own_key(&repository, &log).is_err(), refused);
        }
        let agent = ["--homedir".as_ref(), home.as_os_str(), "--kill".as_ref()];
        let stop = Program::new("gpgconf").args(agent).arg("gpg-agent");
        stop.run(&log).unwrap();
    }
}
