//! A system that lies in a directory, this machine's own among them: its server and libraries, from any source.

use std::path::Path;

use super::{SystemLibraries, SystemLibrariesError, program, python_of};
use base::exit::Failure;
use symcheck::scope::FileSystem;
use symcheck::surroundings::ServerRelease;
use targets::Target;

impl SystemLibraries {
    /// The server of a target's major in the system below a directory. `files` come first.
    pub fn of_root(root: &Path, target: &Target, files: FileSystem) -> Result<Self, Failure> {
        let files = files.system(root);
        let program = program(target.major);
        if files.resolve(&program).is_none() {
            return Err(SystemLibrariesError::NoServerInRoot {
                root: root.to_owned(),
                major: target.major,
                program,
            }
            .into());
        }
        Ok(Self {
            files,
            program,
            libpython: None,
            python: python_of(&target.distribution),
            release: ServerRelease::default(),
            evidence: vec![format!(
                "server and libraries: those below {}",
                root.display()
            )],
        })
    }
}
