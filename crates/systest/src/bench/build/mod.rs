//! `cargo xtask bench build`: how long a release takes, from nothing and after small changes.
//!
//! Everything happens in a clone of a commit with a cache of its own. The user's sources, cache and target directory are
//! read and never changed. Each figure is that of a whole process, as a user waits for it: the tool compiles as well.

mod compare;
mod edit;
mod run;
mod watch;

use base::exit::{Exit, ExitKind};
use miette::Diagnostic;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use compare::{Compared, table};
pub use run::BuildBench;

/// The version of [`Document`].
pub const VERSION: u32 = 1;

/// What `bench build --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The version of this format.
    pub version: u32,
    /// The commit that was built.
    pub commit: String,
    /// The target that `dist` made: the machine's own.
    pub target: String,
    /// Where it was measured. Times of different machines can't be compared.
    pub machine: Machine,
    /// What was measured, in this order.
    pub rows: Vec<Row>,
    /// What was not, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_measured: Vec<NotMeasured>,
}

/// The machine while it measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// The processor, as Linux calls it; empty where it does not tell.
    pub processor: String,
    /// How many of its cores the build could use.
    pub cores: usize,
    /// Processes that ran or waited for a processor in the minute before the first row.
    pub load_before: f64,
}

/// A build that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The name by which rows of two documents are compared.
    pub name: String,
    /// What changed before it, and what ran.
    pub what: String,
    /// Seconds from the start of the command to its end.
    pub seconds: f64,
    /// Seconds until it printed something.
    pub first_output: f64,
    /// The longest time without any output, in seconds.
    pub longest_silence: f64,
    /// The jobs that ran, the longest first. Empty where none ran, or where the tool of that commit keeps another record.
    pub jobs: Vec<JobTime>,
}

/// A job of a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobTime {
    /// The id of the job in the plan.
    pub id: String,
    /// Seconds that it took, beside the other jobs.
    pub seconds: f64,
}

/// A row that has no figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotMeasured {
    /// The name of the row.
    pub name: String,
    /// Why there is none.
    pub why: String,
}

/// Why a build can't be measured.
#[derive(Debug, Error, Diagnostic)]
pub enum BuildBenchError {
    /// The source tree is no git checkout, or has no such commit.
    #[error("`{revision}` is no commit of this source tree")]
    #[diagnostic(help(
        "`bench build` measures a commit, in a clone: name one with `--commit`, and run it in a git checkout"
    ))]
    NoCommit {
        /// What the user named.
        revision: String,
    },
    /// The earlier document can't be read.
    #[error("{file} is no document of `cargo xtask bench build`: {why}")]
    #[diagnostic(help("docs/schema/bench-build.json is its schema; `--json` writes one"))]
    NoDocument {
        /// Its path.
        file: String,
        /// What is wrong with it.
        why: String,
    },
}

impl ExitKind for BuildBenchError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Document {
    /// The first digits of the commit, for people and names of files.
    pub fn short_commit(&self) -> &str {
        self.commit.get(..8).unwrap_or(&self.commit)
    }

    /// Reads an earlier document.
    pub fn parse(file: &str, text: &str) -> Result<Self, BuildBenchError> {
        let refused = |why: String| BuildBenchError::NoDocument {
            file: file.to_owned(),
            why,
        };
        let document: Self =
            serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
        match document.version {
            VERSION => Ok(document),
            other => Err(refused(format!("it is of version {other}"))),
        }
    }
}
