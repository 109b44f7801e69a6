//! Programs from crate registries that tests need. Their versions are pinned, and they are installed once below the cache.

use std::path::PathBuf;

use base::exit::Failure;
use base::process::Program;
use base::workspace::Workspace;
use inputs::fetch::{CARGO_ENVIRONMENT, with_proxies};

/// A program that cargo installs. Its lock file pins what it is built from.
pub struct CargoTool {
    /// The crate, and the program.
    pub name: &'static str,
    /// The version that `cargo install` installs; the suites use no other.
    pub version: &'static str,
}

/// Licences, bans and sources of crates.
pub const CARGO_DENY: CargoTool = CargoTool {
    name: "cargo-deny",
    version: "0.20.2",
};
/// Reads the list of crates inside a library.
pub const RUST_AUDIT_INFO: CargoTool = CargoTool {
    name: "rust-audit-info",
    version: "0.5.4",
};

/// cargo, with the toolchain that the source tree pins.
pub fn cargo(workspace: &Workspace) -> Program {
    as_cargo(Program::new("cargo")).dir(&workspace.root)
}

/// A program that fetches as cargo does: with the machine's proxies and certificates.
pub fn as_cargo(program: Program) -> Program {
    CARGO_ENVIRONMENT
        .iter()
        .chain(&["PATH", "CARGO_HOME"])
        .fold(with_proxies(program), |program, name| {
            program.inherit_env(name)
        })
}

impl CargoTool {
    /// Installs it from the crate registry if it is not there, and returns the program.
    pub fn install(&self, workspace: &Workspace) -> Result<PathBuf, Failure> {
        let (name, version) = (self.name, self.version);
        let tools = workspace.cache.join(format!("tools/{name}-{version}"));
        let program = tools.join("bin").join(name);
        if !program.exists() {
            // Optimising a program that runs for a second takes longer than it saves.
            cargo(workspace)
                .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
                .env("CARGO_PROFILE_RELEASE_LTO", "off")
                .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
                .env("CARGO_TARGET_DIR", workspace.cache.join("build/tools"))
                .args(["install", "--quiet", "--locked", "--version", version])
                .arg("--root")
                .arg(&tools)
                .arg(name)
                .run(&workspace.log(&format!("test-install-{name}")))?;
        }
        Ok(program)
    }
}

/// Installs the wheels of a lock in `python/` from the Python registry into a directory of their own, and returns it.
pub fn python_tools(workspace: &Workspace, name: &str, lock: &str) -> Result<PathBuf, Failure> {
    let tools = workspace.cache.join("tools").join(name);
    Program::new("python3")
        .inherit_env("HOME")
        .inherit_env("PATH")
        .inherit_env("PIP_INDEX_URL")
        .inherit_env("PIP_CERT")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args([
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--no-deps",
            "--upgrade",
        ])
        .args(["--root-user-action=ignore", "--target"])
        .arg(&tools)
        .arg("--requirement")
        .arg(workspace.root.join("python").join(lock))
        .run(&workspace.log(&format!("test-install-{name}")))?;
    Ok(tools)
}
