//! Loads images into the container engine of this machine: Docker, or else podman.

use std::path::Path;

use base::exit::Failure;
use base::process::Program;

use super::OciError;

/// A container engine that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// The name of its program: `docker` or `podman`.
    pub program: &'static str,
}

impl Engine {
    /// The first that answers: a client without its daemon is no engine.
    pub fn find(log: &Path) -> Option<Self> {
        ["docker", "podman"]
            .into_iter()
            .map(|program| Self { program })
            .find(|engine| engine.call().arg("info").output(log).is_ok())
    }

    /// Like [`Self::find`], with an error that says what to do.
    pub fn require(log: &Path) -> Result<Self, OciError> {
        Self::find(log).ok_or(OciError::NoEngine)
    }

    /// The program, with the variables of the user's environment that select the daemon.
    pub fn call(&self) -> Program {
        Self::with_environment(Program::new(self.program))
    }

    /// The same, killed when it takes longer than so many seconds.
    pub fn call_within(&self, seconds: &str) -> Program {
        let program = Program::new("timeout").args(["--kill-after=5", seconds, self.program]);
        Self::with_environment(program)
    }

    fn with_environment(program: Program) -> Program {
        [
            "HOME",
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "DOCKER_CONFIG",
            "XDG_RUNTIME_DIR",
        ]
        .iter()
        .fold(program, |program, name| program.inherit_env(name))
    }

    /// Loads an image archive.
    pub fn load(&self, archive: &Path, log: &Path) -> Result<(), Failure> {
        self.call()
            .args(["load".as_ref(), "--input".as_ref(), archive.as_os_str()])
            .run(log)?;
        Ok(())
    }
}
