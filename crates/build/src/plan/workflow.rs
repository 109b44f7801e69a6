//! The workflow for GitHub Actions, written from a template and the plan's matrices: because no target is listed by hand,
//! none can be forgotten.

use std::path::PathBuf;

use miette::Diagnostic;
use serde_json::Value;
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::files;
use base::workspace::Workspace;

use super::github::Matrices;

/// A workflow, and the template that it is written from.
struct Source {
    /// In the source tree.
    template: &'static str,
    /// What is written from it.
    workflow: &'static str,
    /// The lines of the template that stand for what the plan says.
    places: &'static [&'static str],
}

/// The workflows: of a release, and of the day's security updates.
const WORKFLOWS: [Source; 2] = [
    Source {
        template: "packaging/ci/release.yml",
        workflow: ".github/workflows/release.yml",
        places: &["@SETUP@", "@HAND_ON@", "@COMPILE@", "@PACKAGE@"],
    },
    Source {
        template: "packaging/ci/security.yml",
        workflow: ".github/workflows/security.yml",
        places: &["@SETUP@", "@PACKAGE@"],
    },
];

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
    /// The committed workflow differs from what the plan gives.
    #[error("{0} is stale")]
    #[diagnostic(help("`cargo xtask workflows` writes it again"))]
    Stale(&'static str),
    /// The template lacks a place.
    #[error("{template} has no line `{place}`")]
    #[diagnostic(help("the plan replaces each of these lines"))]
    NoPlace {
        /// The file name of the template in the source tree.
        template: &'static str,
        /// The line of the template that the plan replaces.
        place: &'static str,
    },
}

impl ExitKind for WorkflowError {
    fn exit(&self) -> Exit {
        match self {
            Self::Stale(_) => Exit::CheckFailed,
            Self::NoPlace { .. } => Exit::Usage,
        }
    }
}

/// Writes the workflows of a plan's matrices; returns where they are.
pub fn write(workspace: &Workspace, matrices: &Matrices) -> Result<Vec<PathBuf>, Failure> {
    let written = WORKFLOWS.iter().map(|source| {
        let path = workspace.root.join(source.workflow);
        files::write(&path, source.fresh(workspace, matrices)?)?;
        Ok(path)
    });
    written.collect()
}

/// Checks that the workflows are up to date. Returns their number.
pub fn check(workspace: &Workspace, matrices: &Matrices) -> Result<usize, Failure> {
    for source in &WORKFLOWS {
        let fresh = source.fresh(workspace, matrices)?;
        match std::fs::read_to_string(workspace.root.join(source.workflow)) {
            Ok(text) if text == fresh => {}
            _ => return Err(WorkflowError::Stale(source.workflow).into()),
        }
    }
    Ok(WORKFLOWS.len())
}

impl Source {
    fn fresh(&self, workspace: &Workspace, matrices: &Matrices) -> Result<String, Failure> {
        let template = files::read_text(&workspace.root.join(self.template))?;
        Ok(self.render(&template, matrices)?)
    }

    fn render(&self, template: &str, matrices: &Matrices) -> Result<String, WorkflowError> {
        let matrices = base::json::value(matrices);
        // What a reader has to know before editing it.
        let head = format!(
            "# Written by `cargo xtask workflows` from {} and the plan; do not edit.\n",
            self.template
        );
        let mut text = format!("{head}{template}");
        for place in self.places {
            let line = format!("{place}\n");
            if !text.contains(&line) {
                return Err(WorkflowError::NoPlace {
                    template: self.template,
                    place,
                });
            }
            let contents = match *place {
                "@SETUP@" => SETUP.to_owned(),
                "@HAND_ON@" => HAND_ON.to_owned(),
                "@COMPILE@" => entries(&matrices["compile"]["include"]),
                _ => entries(&matrices["package"]["include"]),
            };
            text = text.replace(&line, &contents);
        }
        Ok(text)
    }
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
        let text = WORKFLOWS[0].render(template, &matrices()).unwrap();
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
                WORKFLOWS[0]
                    .render(&template.replace(place, ""), &matrices())
                    .is_err(),
                "{place}"
            );
        }
    }

    #[test]
    fn a_stale_workflow_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_owned();
        let template = "@SETUP@\n@COMPILE@\n@PACKAGE@\n@HAND_ON@\n";
        for source in &WORKFLOWS {
            files::write(&root.join(source.template), template).unwrap();
        }
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
