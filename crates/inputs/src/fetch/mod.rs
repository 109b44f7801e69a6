//! Gets inputs that a lock names into the store, from the archives that this machine may use. The programs that the
//! machine is configured for do the transfers (apt, pip, cargo), so that its proxies, certificates and mirrors apply.

pub mod crates;
pub mod debs;
mod error;
pub mod mirrors;
pub mod wheels;

pub use crates::CARGO_ENVIRONMENT;
pub use crates::{fetch_crates, fetch_tool_crates};
pub use debs::fetch_debs;
pub use error::are;
pub use error::{FetchError, Gone};
pub use wheels::fetch_wheels;

use base::digest::Digest;
use base::process::Program;
use base::progress::Listener;
use base::store::{Held, Store, StoreError};

/// Whether the store lacks a file that is about to be used; one that is damaged there counts as lacking.
pub fn lacks(
    store: &Store,
    digest: &Digest,
    what: &str,
    listener: &dyn Listener,
) -> Result<bool, StoreError> {
    let held = store.hold(digest)?;
    if held == Held::WasDamaged {
        let path = store.path(digest);
        listener.note(&format!(
            "`{what}` was damaged in the store and is fetched again; look at the disk that has {}",
            path.display()
        ));
    }
    Ok(held != Held::Whole)
}

/// Passes on the proxy settings that this process was given: they are the machine's, as its apt configuration is.
pub fn with_proxies(program: Program) -> Program {
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
