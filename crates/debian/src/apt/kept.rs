//! An earlier repository whose packages stay in the new one: a user who pinned a version can still install it, and an index
//! that somebody fetched a moment ago still finds what it names.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

use crate::apt::repository::Suite;
use base::deb822::stanzas;
use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::files::{self, FileError};

/// Why an earlier repository can't be continued.
#[derive(Debug, Error, Diagnostic)]
pub enum KeptError {
    /// The directory has another content than `--keep` takes.
    #[error("{0} is no apt repository of `cargo xtask dist`: it has no dists/*/Release")]
    #[diagnostic(help("`--keep` takes a copy of the directory `apt` as it was published last"))]
    NoRepository(String),
    /// A version names two contents.
    #[error("`{0}` was published before with other contents")]
    #[diagnostic(help(
        "a version that users may have installed must not change: raise `revision` in packaging/release.toml"
    ))]
    OtherContents(String),
}

impl ExitKind for KeptError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// The repository that was published last, whose packages the next one keeps.
pub struct Kept<'a> {
    root: &'a Path,
}

/// How the descriptions of our suites begin.
pub const DESCRIPTION: &str = "pgml for PostgreSQL on ";

impl<'a> Kept<'a> {
    /// Looks whether there is one.
    pub fn open(root: &'a Path) -> Result<Self, KeptError> {
        let kept = Self { root };
        match kept.codenames().is_empty() {
            true => Err(KeptError::NoRepository(root.display().to_string())),
            false => Ok(kept),
        }
    }

    fn codenames(&self) -> Vec<String> {
        let dists = std::fs::read_dir(self.root.join("dists"));
        let mut names: Vec<String> = dists
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().join("Release").is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// The files that are taken over.
    pub fn files(&self) -> Result<Vec<PathBuf>, FileError> {
        let mut files = files::files_below(self.root)?;
        files.retain(|file| {
            let name = file.to_string_lossy();
            name.starts_with("pool/") && name.ends_with(".deb") || name.contains("/by-hash/")
        });
        Ok(files)
    }

    /// Adds the suites that only the earlier repository has, and to the others the architectures that only it has there.
    pub fn add_suites(&self, suites: &mut Vec<Suite>) -> Result<(), Failure> {
        for codename in self.codenames() {
            let release =
                files::read_text(&self.root.join("dists").join(&codename).join("Release"))?;
            let release = stanzas(&release).find_map(Result::ok).unwrap_or_default();
            let architectures = release.get("Architectures").unwrap_or_default();
            let architectures = architectures.split_whitespace().map(str::to_owned);
            if let Some(suite) = suites.iter_mut().find(|suite| suite.codename == codename) {
                let new: Vec<String> = architectures
                    .filter(|name| !suite.architectures.contains(name))
                    .collect();
                suite.architectures.extend(new);
                suite.architectures.sort();
                continue;
            }
            let title = release
                .get("Description")
                .and_then(|text| text.strip_prefix(DESCRIPTION));
            suites.push(Suite {
                title: title.unwrap_or(&codename).to_owned(),
                codename,
                architectures: architectures.collect(),
                debs: Vec::new(),
            });
        }
        Ok(())
    }

    /// Puts its packages and indexes beside the new ones below `to`.
    pub fn take_over(&self, to: &Path) -> Result<(), Failure> {
        for file in self.files()? {
            let (old, new) = (self.root.join(&file), to.join(&file));
            if !new.exists() {
                files::link_or_copy_into(&old, &new)?;
                continue;
            }
            let digest = |path: &Path| Digest::of_file(path).map_err(FileError::at("read", path));
            if digest(&old)? != digest(&new)? {
                return Err(KeptError::OtherContents(file.display().to_string()).into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, text: &str) {
        files::write(&dir.join(name), text).unwrap();
    }

    #[test]
    fn packages_and_indexes_stay_and_a_version_has_one_content() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (old, new) = (old.path(), new.path());
        assert!(Kept::open(old).is_err());
        write(
            old,
            "dists/x/Release",
            "Description: pgml for PostgreSQL on X 1\n",
        );
        write(old, "dists/x/main/binary-amd64/by-hash/SHA256/1", "old");
        write(old, "dists/x/main/binary-amd64/Packages", "old");
        write(old, "pool/x/a_1_amd64.deb", "1");
        write(new, "pool/x/a_2_amd64.deb", "2");
        let kept = Kept::open(old).unwrap();
        kept.take_over(new).unwrap();
        assert!(new.join("pool/x/a_1_amd64.deb").exists());
        assert!(
            new.join("dists/x/main/binary-amd64/by-hash/SHA256/1")
                .exists()
        );
        assert!(!new.join("dists/x/main/binary-amd64/Packages").exists());
        let mut suites = Vec::new();
        kept.add_suites(&mut suites).unwrap();
        assert_eq!(
            (suites[0].codename.as_str(), suites[0].title.as_str()),
            ("x", "X 1")
        );
        write(old, "pool/x/a_2_amd64.deb", "another 2");
        assert!(kept.take_over(new).is_err());
    }
}
