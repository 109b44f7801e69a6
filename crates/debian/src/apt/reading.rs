//! apt itself, and sqv where it is installed, read a new repository before it is published: what they refuse here,
//! they would refuse on every machine of a user.

use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use super::place;
use super::repository::{KEYRING, Suite};
use base::exit::{Exit, ExitKind, Failure};
use base::files;
use base::plain_path::PlainPath;
use base::process::{self, Program};

/// apt refuses the repository, or warns of it.
#[derive(Debug, Error, Diagnostic)]
#[error("apt does not accept the new repository of {codename}; nothing was published\n{output}")]
#[diagnostic(help(
    "where it is about the signature, look at the key that `--sign-key` names (docs/publish.md)"
))]
struct NotAccepted {
    codename: String,
    output: String,
}

impl ExitKind for NotAccepted {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// Reads each suite of a repository as a user's machine does, with directories of its own.
/// Returns a sentence that names the readers.
pub(super) fn read_back(root: &Path, suites: &[Suite]) -> Result<&'static str, Failure> {
    let mut by_sqv = true;
    // Not beside the repository: apt takes no keyring by a path with a blank.
    let scratch =
        tempfile::tempdir().map_err(files::FileError::at("make a directory for", root))?;
    let scratch = scratch.path();
    // apt keeps an index under its whole address, escaped: of a deep directory that is no name of a file any more.
    let plain = PlainPath::of(root)?;
    for suite in suites {
        let dir = scratch.join(&suite.codename);
        let at = |name: &str| dir.join(name).display().to_string();
        files::create_dir(&dir.join("lists/partial"))?;
        files::create_dir(&dir.join("cache/archives/partial"))?;
        files::write(&dir.join("status"), "")?;
        let keyring = dir.join(KEYRING);
        files::copy(&root.join(KEYRING), &keyring)?;
        let entry = place::entry(
            &place::uri(plain.path()),
            &suite.codename,
            &suite.architectures.join(" "),
            &keyring.display().to_string(),
        );
        files::write(&dir.join("parts/pgml.sources"), entry)?;
        let options = [
            format!("Dir::Etc::SourceParts={}", at("parts")),
            "Dir::Etc::SourceList=/dev/null".to_owned(),
            format!("Dir::State::Lists={}", at("lists")),
            format!("Dir::State::Status={}", at("status")),
            format!("Dir::Cache={}", at("cache")),
            // apt's own user can't read the directories everywhere; the summary of a run tells users what to do then.
            "APT::Sandbox::User=root".to_owned(),
            "APT::Update::Error-Mode=any".to_owned(),
        ];
        let update = Program::new("apt-get")
            .args(["--quiet=2", "update"])
            .args(options.iter().flat_map(|option| ["-o", option]))
            .attempt()?;
        let output = process::both(&update);
        let complains = |line: &str| {
            ["W:", "E:", "Err:"]
                .iter()
                .any(|start| line.starts_with(start))
        };
        if !update.status.success() || output.lines().any(complains) {
            return Err(refused(suite, output.trim()));
        }
        let release = root.join("dists").join(&suite.codename);
        by_sqv &= read_by_sqv(suite, &release, &keyring)?;
    }
    Ok(match by_sqv {
        true => "apt and sqv accept it",
        false => "apt accepts it (sqv, which apt calls since Debian 13, is not installed here)",
    })
}

fn refused(suite: &Suite, output: &str) -> Failure {
    NotAccepted {
        codename: suite.codename.clone(),
        output: output.to_owned(),
    }
    .into()
}

/// Has sqv, which apt calls since Debian 13, check the detached signature. A machine without it leaves that to apt's reader.
/// Returns whether it is there.
fn read_by_sqv(suite: &Suite, release: &Path, keyring: &Path) -> Result<bool, Failure> {
    let verified = Program::new("sqv")
        .args([
            "--verbose".as_ref(),
            "--keyring".as_ref(),
            keyring.as_os_str(),
        ])
        .args([release.join("Release.gpg"), release.join("Release")])
        .attempt();
    match verified {
        Err(_) => Ok(false),
        Ok(output) if output.status.success() => Ok(true),
        Ok(output) => {
            let output = String::from_utf8_lossy(&output.stderr);
            Err(refused(suite, output.trim()))
        }
    }
}
