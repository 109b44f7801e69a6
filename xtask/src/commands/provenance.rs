//! `cargo xtask verify --provenance`

use std::ffi::OsString;
use std::path::Path;

use base::exit::{Exit, Failure};
use base::workspace::Workspace;
use release::provenance::check::{check, read};
use release::provenance::here::Here;

use crate::output::{print, print_json};
use crate::publisher;

/// Checks the statement of a release.
pub fn verify(
    release: &Path,
    keyring: Option<&Path>,
    json: bool,
    workspace: &Workspace,
) -> Result<(), Failure> {
    let statement = read(release)?;
    let here = Here::of(workspace, &statement)?;
    let log = workspace.log("provenance");
    let document = check(release, &statement, &here.state(keyring, &log))?;
    match json {
        true => print_json(&document)?,
        false => print(&document.to_string())?,
    }
    match document.holds {
        true => Ok(()),
        false => Err(Failure::already_reported(Exit::CheckFailed)),
    }
}

/// Checks an image in a registry.
pub fn verify_image(
    image: &Path,
    key: Option<&Path>,
    json: bool,
    workspace: &Workspace,
) -> Result<(), Failure> {
    let mut arguments = vec![OsString::from("verify"), image.into()];
    if let Some(key) = key {
        arguments.extend(["--key".into(), key.into()]);
    }
    if json {
        arguments.push("--json".into());
    }
    publisher::run(&arguments, workspace)
}
