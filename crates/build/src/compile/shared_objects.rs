//! Compiled objects that machines share: sccache before the compilers, with a Redis that all of them reach.
//!
//! Off unless the user names the store (`dist --compiler-cache SOCKET`). It saves time and must not change a byte, so it is
//! in no job's key. The suite `workers` compares the results with and without it. A user who can write to the store can put
//! another object into a library. Therefore compare a release with a rebuild that does not use the store
//! (docs/compiler-cache.md).
//!
//! sccache and its server run inside the sandbox of the compile job, which has the store's socket and no network. Paths,
//! flags and environment in there are the same on every machine, and so are sccache's keys.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use miette::Diagnostic;
use serde::Deserialize;
use thiserror::Error;

use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::files;
use base::progress::Listener;
use base::sandbox::Sandbox;
use base::workspace::Workspace;
use inputs::fetch::fetch_tool_crates;
use inputs::toolchain::Toolchain;

/// The crate that names sccache and locks what it is made of, in the source tree.
const TOOL: &str = "packaging/sccache";
/// The directory of sccache inside the sandbox, whose `/run` is empty and in memory.
const INSIDE: &str = "/run/sccache";
/// The file with sccache's statistics, in the directory that the sandbox may write to.
const STATISTICS: &str = "statistics.json";

/// The store does not answer.
#[derive(Debug, Error, Diagnostic)]
#[error("no store for compiled objects at {}: {reason}", socket.display())]
#[diagnostic(help(
    "start a Redis there (`redis-server --port 0 --unixsocket PATH`), or leave --compiler-cache out"
))]
pub struct NoStore {
    socket: PathBuf,
    reason: io::Error,
}

impl ExitKind for NoStore {
    fn exit(&self) -> Exit {
        Exit::CannotHere
    }
}

/// A store that the user named.
pub struct CompilerCache {
    /// The Unix socket at which it listens.
    socket: PathBuf,
    /// The program, once it is there.
    program: Mutex<Option<PathBuf>>,
}

impl CompilerCache {
    /// A store that answers.
    pub fn at(socket: &Path) -> Result<Self, NoStore> {
        let no_store = |reason| NoStore {
            socket: socket.to_owned(),
            reason,
        };
        let socket = socket.canonicalize().map_err(no_store)?;
        UnixStream::connect(&socket).map_err(no_store)?;
        Ok(Self {
            socket,
            program: Mutex::default(),
        })
    }

    /// The wrapper for one compile, which is what runs in the sandbox. Compiles sccache itself when it is not there: with
    /// the builder's C library, as it has to run in there.
    pub fn wrapper(
        &self,
        workspace: &Workspace,
        toolchain: &Toolchain,
        builder: &Path,
        scratch: &Path,
        listener: &dyn Listener,
    ) -> Result<Wrapper, Failure> {
        // One compile waits while another makes the program. A failed attempt leaves nothing behind.
        let mut program = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        let program = match &*program {
            Some(program) => program.clone(),
            None => {
                let made = make(workspace, toolchain, builder, listener)?;
                *program = Some(made.clone());
                made
            }
        };
        let out = scratch.join("sccache");
        files::create_dir(&out)?;
        Ok(Wrapper {
            program,
            socket: self.socket.clone(),
            out,
        })
    }
}

/// Compiles sccache, unless it was before from the same sources.
fn make(
    workspace: &Workspace,
    toolchain: &Toolchain,
    builder: &Path,
    listener: &dyn Listener,
) -> Result<PathBuf, Failure> {
    let source = workspace.root.join(TOOL);
    let lock = files::read(&source.join("Cargo.lock"))?;
    let key = Digest::of(format!("{} {}", Digest::of(&lock), toolchain.version));
    let dir = workspace.cache.join("sccache");
    let program = dir.join(key.short()).join("sccache");
    if program.is_file() {
        return Ok(program);
    }
    listener.started("sccache", "compiling sccache");
    let home = fetch_tool_crates(workspace, &source.join("Cargo.toml"), listener)?;
    let (target, out) = (dir.join("target"), dir.join("out"));
    files::create_dir(&target)?;
    files::create_dir(&out)?;
    Sandbox::new(builder)
        .tmpfs("/in")
        .tmpfs("/build")
        .read_only(&source, "/in/source")
        .read_only(&toolchain.sysroot, "/opt/rust")
        .read_only(&home, "/in/cargo")
        .writable(&target, "/build/target")
        .writable(&out, "/build/out")
        .env("CARGO_HOME", "/in/cargo")
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_BUILD_JOBS", base::process::jobs().to_string())
        .script(
            "export PATH=/opt/rust/bin:$PATH RUSTC=/opt/rust/bin/rustc
             cd /in/source
             cargo build --release --locked --offline --target-dir /build/target
             cp /build/target/release/pgml-sccache /build/out/sccache",
        )
        .run(&workspace.log("sccache"))?;
    files::create_dir(&dir.join(key.short()))?;
    files::rename(&out.join("sccache"), &program)?;
    files::remove_dir(&target)?;
    listener.finished("sccache", "compiled");
    Ok(program)
}

/// sccache for one compile.
pub struct Wrapper {
    program: PathBuf,
    socket: PathBuf,
    out: PathBuf,
}

impl Wrapper {
    /// Puts it before the compilers that a script in the sandbox calls; the script has to end with
    /// [`REPORT`].
    pub fn before_compilers(&self, sandbox: Sandbox) -> Sandbox {
        sandbox
            .read_only(&self.program, &format!("{INSIDE}/sccache"))
            .writable(&self.socket, &format!("{INSIDE}/store"))
            .writable(&self.out, &format!("{INSIDE}/out"))
            // cargo and the crate cc look at it; makefiles have a variable of their own.
            .env("RUSTC_WRAPPER", format!("{INSIDE}/sccache"))
            .env("COMPILER_WRAPPER", format!("{INSIDE}/sccache"))
            // Without a host, which means nothing here, it takes the address for none.
            .env(
                "SCCACHE_REDIS_ENDPOINT",
                format!("unix://localhost{INSIDE}/store"),
            )
            .env("SCCACHE_SERVER_UDS", format!("{INSIDE}/server"))
            .env("SCCACHE_IDLE_TIMEOUT", "0")
    }

    /// What the compiler cache did, as the end of a sentence: `; 42 of 45 objects from the store`.
    pub fn summary(&self) -> Result<String, Failure> {
        let text = files::read_text(&self.out.join(STATISTICS))?;
        Ok(Statistics::parse(&text).map_or_else(
            |reason| format!("; sccache's statistics can't be read: {reason}"),
            |found| found.summary(),
        ))
    }
}

/// The end of a script with compilers: it writes sccache's statistics to the file that [`Wrapper::summary`] reads, and does
/// nothing where the compilers are not wrapped.
pub const REPORT: &str = r#"
if [ -n "${COMPILER_WRAPPER:-}" ]; then
    "$COMPILER_WRAPPER" --show-stats --stats-format=json > /run/sccache/out/statistics.json
    "$COMPILER_WRAPPER" --show-stats
fi
"#;

/// What sccache's JSON has that is shown here.
#[derive(Deserialize)]
struct Document {
    stats: Statistics,
}

#[derive(Deserialize)]
struct Statistics {
    cache_hits: Counts,
    cache_misses: Counts,
    cache_errors: Counts,
    cache_write_errors: u64,
}

#[derive(Deserialize)]
struct Counts {
    counts: std::collections::BTreeMap<String, u64>,
}

impl Counts {
    fn sum(&self) -> u64 {
        self.counts.values().sum()
    }
}

impl Statistics {
    fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<Document>(text).map(|document| document.stats)
    }

    fn summary(&self) -> String {
        let (hits, misses) = (self.cache_hits.sum(), self.cache_misses.sum());
        let failed = self.cache_errors.sum() + self.cache_write_errors;
        let failed = match failed {
            0 => String::new(),
            failed => format!(", {failed} times the store failed"),
        };
        format!(
            "; {hits} of {} objects from the store{failed}",
            hits + misses
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches a missing store that is only noticed when the first compile hangs.
    #[test]
    fn a_store_has_to_answer() {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("store");
        let error = CompilerCache::at(&socket).err().expect("an error");
        assert_eq!(error.exit(), Exit::CannotHere);
        let listening = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        assert!(CompilerCache::at(&socket).is_ok());
        drop(listening);
        assert!(
            CompilerCache::at(&socket).is_err(),
            "nobody listens any more"
        );
    }

    /// Catches another form of sccache's statistics, after which nobody would notice that it finds nothing.
    #[test]
    fn the_statistics_of_sccache_are_summarised() {
        let text = r#"{"stats": {"cache_hits": {"counts": {"Rust": 40, "C/C++": 2}}, "cache_misses": {"counts": {"Rust": 3}},
            "cache_errors": {"counts": {}}, "cache_write_errors": 1, "compile_requests": 60}, "cache_location": "redis"}"#;
        let summary = Statistics::parse(text).expect("statistics").summary();
        assert_eq!(
            summary,
            "; 42 of 45 objects from the store, 1 times the store failed"
        );
        assert!(Statistics::parse(r#"{"hits": 1}"#).is_err());
    }
}
