//! The workflow for GitHub Actions, written from a template and the plan's matrices: no target is listed by hand, so that
//! none is forgotten.

use std::path::PathBuf;

use miette::Diagnostic;
use serde_json::Value;
use thiserror::Error;

use super::github::Matrices;
use crate::exit::{Exit, ExitKind, Failure};
use crate::files;
use crate::workspace::Workspace;

/// The template, in the source tree.
const TEMPLATE: &str = "packaging/ci/release.yml";
/// What is written from it.
pub const WORKFLOW: &str = ".github/workflows/release.yml";
/// What a reader has to know before editing it.
const HEAD: &str = "# Written by `cargo xtask workflows` from packaging/ci/release.yml and the plan; do not edit.\n";

/// What every job on a clean runner begins with.
const SETUP: &str = r#"      - run: |
          apt-get update
          apt-get install --yes --no-install-recommends $TOOLS
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          persist-credentials: false
"#;

/// What every job ends with that makes results for others.
const HAND_ON: &str = r#"      - uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2
        with:
          name: ${{ matrix.archive }}
          path: ${{ matrix.archive }}
          if-no-files-found: error
          compression-level: 0
          retention-days: 3
"#;

/// The spaces before an entry of a matrix.
const INDENT: &str = "          ";

/// The workflow is not the one that would be written.
#[derive(Debug, Error, Diagnostic)]
pub enum WorkflowError {
    /// It is another.
    #[error("{WORKFLOW} is stale")]
    #[diagnostic(help("`cargo xtask workflows` writes it again"))]
    Stale,
    /// The template lacks a place.
    #[error("{TEMPLATE} has no line `{0}`")]
    #[diagnostic(help("each of them stands for what the plan says"))]
    NoPlace(&'static str),
}

impl ExitKind for WorkflowError {
    fn exit(&self) -> Exit {
        match self {
            Self::Stale => Exit::CheckFailed,
            Self::NoPlace(_) => Exit::Usage,
        }
    }
}

/// Writes the workflow of a plan's matrices.
pub fn write(workspace: &Workspace, matrices: &Matrices) -> Result<PathBuf, Failure> {
    let path = workspace.root.join(WORKFLOW);
    files::write(&path, fresh(workspace, matrices)?)?;
    Ok(path)
}

/// Sees that the workflow is the one that would be written.
pub fn check(workspace: &Workspace, matrices: &Matrices) -> Result<(), Failure> {
    let fresh = fresh(workspace, matrices)?;
    match std::fs::read_to_string(workspace.root.join(WORKFLOW)) {
        Ok(text) if text == fresh => Ok(()),
        _ => Err(WorkflowError::Stale.into()),
    }
}

fn fresh(workspace: &Workspace, matrices: &Matrices) -> Result<String, Failure> {
    let template = files::read_text(&workspace.root.join(TEMPLATE))?;
    Ok(render(&template, matrices)?)
}

fn render(template: &str, matrices: &Matrices) -> Result<String, WorkflowError> {
    let matrices = serde_json::to_value(matrices).unwrap_or_default(); // INVARIANT: plain data
    let places = [
        ("@SETUP@", SETUP.to_owned()),
        ("@HAND_ON@", HAND_ON.to_owned()),
        ("@COMPILE@", entries(&matrices["compile"]["include"])),
        ("@PACKAGE@", entries(&matrices["package"]["include"])),
    ];
    let mut text = format!("{HEAD}{template}");
    for (place, contents) in places {
        let line = format!("{place}\n");
        if !text.contains(&line) {
            return Err(WorkflowError::NoPlace(place));
        }
        text = text.replace(&line, &contents);
    }
    Ok(text)
}

/// The entries of a matrix as YAML, whose strings may be those of JSON.
fn entries(include: &Value) -> String {
    let mut text = String::new();
    for entry in include.as_array().into_iter().flatten() {
        let mut mark = "- ";
        for (name, value) in entry.as_object().into_iter().flatten() {
            text.push_str(&format!("{INDENT}{mark}{name}: {value}\n"));
            mark = "  ";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::github::{Compile, Matrix, Package};
    use super::*;

    fn matrices() -> Matrices {
        Matrices {
            version: 1,
            compile: Matrix {
                include: vec![Compile {
                    major: 15,
                    architecture: "amd64".into(),
                    targets: "debian12-pg15 debian13-pg15".into(),
                    jobs: "compile:pg15".into(),
                    archive: "pg15.tar".into(),
                }],
            },
            package: Matrix {
                include: Vec::<Package>::new(),
            },
        }
    }

    #[test]
    fn a_template_is_filled_and_one_without_a_place_refused() {
        let template = "a:\n@SETUP@\n@COMPILE@\n@PACKAGE@\n@HAND_ON@\n";
        let text = render(template, &matrices()).unwrap();
        assert!(
            text.contains("targets: \"debian12-pg15 debian13-pg15\"\n"),
            "{text}"
        );
        assert!(
            !text.contains("@COMPILE@") && text.contains("- run: |"),
            "{text}"
        );
        for place in ["@SETUP@", "@COMPILE@", "@PACKAGE@", "@HAND_ON@"] {
            assert!(
                render(&template.replace(place, ""), &matrices()).is_err(),
                "{place}"
            );
        }
    }

    #[test]
    fn a_stale_workflow_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_owned();
        let template = "@SETUP@\n@COMPILE@\n@PACKAGE@\n@HAND_ON@\n";
        files::write(&root.join(TEMPLATE), template).unwrap();
        let workspace = Workspace {
            cache: root.join("cache"),
            root,
        };
        assert!(check(&workspace, &matrices()).is_err(), "there is none");
        write(&workspace, &matrices()).unwrap();
        check(&workspace, &matrices()).unwrap();
        let mut other = matrices();
        other.compile.include[0].targets.push_str(" debian14-pg15");
        let failure = check(&workspace, &other).unwrap_err();
        let words = failure.report.unwrap();
        assert!(
            words
                .help()
                .unwrap()
                .to_string()
                .contains("cargo xtask workflows")
        );
        assert_eq!(failure.exit, Exit::CheckFailed);
    }
}
