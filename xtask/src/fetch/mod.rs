//! Gets inputs that a lock names into the store, from the archives that this machine may use. The programs that the
//! machine is configured for do the transfers (apt, pip, cargo), so that its proxies, certificates and mirrors apply.

pub mod debs;
mod error;
pub mod mirrors;
pub mod wheels;

pub use debs::fetch_debs;
pub use error::FetchError;
pub use wheels::fetch_wheels;

use crate::process::Program;

/// Passes on the proxy settings that this process was given: they are the machine's, as its apt configuration is.
pub(crate) fn with_proxies(program: Program) -> Program {
    let names = [
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
    ];
    names
        .into_iter()
        .fold(program, |program, name| program.inherit_env(name))
}
// TEMP until merged
pub fn fetch_crates(
    workspace: &crate::workspace::Workspace,
    _l: &dyn crate::progress::Listener,
) -> Result<std::path::PathBuf, crate::process::ProcessError> {
    let home = workspace.cache.join("cargo");
    Program::new("cargo")
        .inherit_env("PATH")
        .inherit_env("HOME")
        .inherit_env("RUSTUP_HOME")
        .env("CARGO_HOME", &home)
        .args([
            "fetch",
            "--locked",
            "--target",
            "x86_64-unknown-linux-gnu",
            "--manifest-path",
            "extension/Cargo.toml",
        ])
        .dir(&workspace.root)
        .run(&workspace.log("crates"))?;
    Ok(home)
}
