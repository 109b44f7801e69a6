//! The tree of a release while it is filled: every file is copied once, and linked where the release has it again.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use base::digest::Digest;
use base::files::{self, FileError};
use build::plan::Step;
use build::verify::step::REPORT;

use super::{Artifact, Kind};

/// A directory that becomes a release, and what is in it so far.
pub(super) struct Tree<'a> {
    root: &'a Path,
    artifacts: Vec<Artifact>,
    /// The cache's files that are in the tree already, by device and inode: the repository's pool has links to the packages.
    here: BTreeMap<(u64, u64), (PathBuf, Digest, u64)>,
}

impl<'a> Tree<'a> {
    /// Starts with the directory `root`, which must be empty.
    pub(super) fn new(root: &'a Path) -> Self {
        Self {
            root,
            artifacts: Vec::new(),
            here: BTreeMap::new(),
        }
    }

    /// What is in it, in the order of paths.
    pub(super) fn into_artifacts(mut self) -> Vec<Artifact> {
        self.artifacts.sort_by(|a, b| a.path.cmp(&b.path));
        self.artifacts
    }

    /// Adds what a step made in `dir`, where it is something to publish.
    pub(super) fn add_results(&mut self, step: &Step, dir: &Path) -> Result<(), FileError> {
        match step {
            Step::ExtensionPackages { target, .. } => {
                self.add_all(dir, target, Some(target), |deb| {
                    match deb.to_string_lossy().contains("-dbgsym_") {
                        true => Kind::DebugSymbols,
                        false => Kind::Extension,
                    }
                })
            }
            Step::RuntimePackage { distribution, .. } => {
                self.add_all(dir, distribution, Some(distribution), |_| {
                    Kind::PythonRuntime
                })
            }
            Step::Sbom { of, .. } => self.add_all(dir, "sbom", Some(of), |_| Kind::Sbom),
            Step::AptRepository => self.add_all(dir, "apt", None, |_| Kind::AptRepository),
            Step::Verify { target, .. } => {
                let path = format!("{target}/{REPORT}");
                self.add(&dir.join(REPORT), path, Kind::Verification, Some(target))
            }
            Step::VerifyExtra { target, extra, .. } => {
                let path = format!("{target}/verify-{extra}.json");
                self.add(&dir.join(REPORT), path, Kind::Verification, Some(target))
            }
            Step::ServerImages { target }
            | Step::ExtensionImage { target }
            | Step::PythonImage { target } => {
                for file in files::files_below(dir)? {
                    let (place, kind) = match file.extension().is_some_and(|end| end == "tar") {
                        true => ("images", Kind::Image),
                        false => ("sbom", Kind::Sbom),
                    };
                    let path = format!("{place}/{}", file.display());
                    self.add(&dir.join(&file), path, kind, Some(target))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Adds every file below a directory, at `place` in the release.
    fn add_all(
        &mut self,
        dir: &Path,
        place: &str,
        target: Option<&str>,
        kind: impl Fn(&Path) -> Kind,
    ) -> Result<(), FileError> {
        for file in files::files_below(dir)? {
            let path = format!("{place}/{}", file.display());
            self.add(&dir.join(&file), path, kind(&file), target)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        from: &Path,
        path: String,
        kind: Kind,
        target: Option<&str>,
    ) -> Result<(), FileError> {
        let to = self.root.join(&path);
        let meta = from.metadata().map_err(FileError::at("read", from))?;
        let same = (meta.dev(), meta.ino());
        let (sha256, size) = match self.here.get(&same) {
            Some((known, sha256, size)) => {
                files::link_or_copy_into(known, &to)?;
                (*sha256, *size)
            }
            None => {
                files::copy(from, &to)?;
                files::set_mode(&to, 0o644)?;
                Digest::of_file(&to).map_err(FileError::at("read", &to))?
            }
        };
        self.here.insert(same, (to, sha256, size));
        self.artifacts.push(Artifact {
            path,
            kind,
            target: target.map(Into::into),
            size,
            sha256,
        });
        Ok(())
    }
}
