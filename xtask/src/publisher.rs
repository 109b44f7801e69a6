//! Starts the program that talks to registries. It is compiled when it is first needed, so that nobody waits for its
//! HTTP and TLS who only builds.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use base::exit::{Exit, Failure};
use base::files::FileError;
use base::workspace::Workspace;

/// Runs the program with this process's environment, in which credentials and proxies are, and its terminal.
pub fn run(arguments: &[OsString], workspace: &Workspace) -> Result<(), Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(&cargo)
        .args([
            "run",
            "--locked",
            "--package",
            "publisher",
            "--manifest-path",
        ])
        .arg(workspace.root.join("Cargo.toml"))
        .arg("--")
        .args(["--source".as_ref(), workspace.root.as_os_str()])
        .args(["--cache".as_ref(), workspace.cache.as_os_str()])
        .args(arguments)
        .status()
        .map_err(FileError::at("run", Path::new(&cargo)))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(1) => Err(Failure::already_reported(Exit::CheckFailed)),
        Some(2) => Err(Failure::already_reported(Exit::Usage)),
        // It was killed, or not compiled.
        _ => Err(Failure::already_reported(Exit::CannotHere)),
    }
}

/// Whether a text names an image in a registry, `registry.example.org/team/pgml:16`, and nothing on this machine.
pub fn is_image(text: &Path) -> bool {
    let name = text.to_string_lossy();
    let host = name.split('/').next().unwrap_or_default();
    let is_host = !host.starts_with('.') && (host.contains(['.', ':']) || host == "localhost");
    is_host && name.contains('/') && !text.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_told_from_directories() {
        for image in [
            "r.example.org/a/pgml:16",
            "127.0.0.1:5000/pgml@sha256:00",
            "localhost/pgml",
        ] {
            assert!(is_image(Path::new(image)), "{image}");
        }
        for directory in ["dist", "./dist", "../a/dist", "/srv/dist", "out/dist"] {
            assert!(!is_image(Path::new(directory)), "{directory}");
        }
    }
}
