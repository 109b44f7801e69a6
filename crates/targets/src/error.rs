//! What can be wrong with `targets.toml`, or with what a user wrote as a target.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use thiserror::Error;

use base::exit::{Exit, ExitKind};

/// Why targets could not be read or chosen.
#[derive(Debug, Error, Diagnostic)]
pub enum TargetsError {
    /// The file can't be read.
    #[error("can't read {}: {source}", path.display())]
    #[diagnostic(help(
        "it is part of the source tree; `git status` tells whether it was moved or deleted"
    ))]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A place in the file is wrong.
    #[error("{what}")]
    Invalid {
        /// The fault, in one line.
        what: String,
        /// The file's name and text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// The place in the text.
        #[label("here")]
        at: SourceSpan,
        /// What to write instead.
        #[help]
        help: Option<String>,
    },
    /// A target that does not exist was asked for.
    #[error("there is no target `{pattern}`")]
    UnknownTarget {
        /// What was asked for.
        pattern: String,
        /// The nearest names, as a question.
        #[help]
        help: Option<String>,
    },
    /// A distribution that does not exist was asked for.
    #[error("there is no distribution `{name}`")]
    UnknownDistribution {
        /// What was asked for.
        name: String,
        /// The nearest names, as a question.
        #[help]
        help: Option<String>,
    },
    /// An architecture that does not exist was asked for.
    #[error("there is no architecture `{name}`")]
    UnknownArchitecture {
        /// What was asked for.
        name: String,
        /// The nearest names, as a question.
        #[help]
        help: Option<String>,
    },
    /// No target was named, and this machine is none.
    #[error("this machine ({machine}) is none of the targets' distributions")]
    #[diagnostic(help("name the target, `cargo xtask plan debian12-pg15` for one, or `--all`"))]
    NotATarget {
        /// The name of the operating system in os-release.
        machine: String,
    },
}

impl ExitKind for TargetsError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl TargetsError {
    /// A text that is no TOML, or not of this shape.
    pub(crate) fn syntax(name: &str, text: &str, error: &toml::de::Error) -> Self {
        let message = error.message();
        // serde names the wrong word first and then every word that it knows, each in backticks.
        let mut quoted = message.split('`').skip(1).step_by(2);
        let help = match (message.starts_with("unknown "), quoted.next()) {
            (true, Some(wrong)) => suggestion(wrong, quoted),
            _ => None,
        };
        let what = match (&help, message.split_once(", expected ")) {
            (Some(_), Some((head, _))) => head.to_owned(),
            _ => message.trim_end().to_owned(),
        };
        Self::Invalid {
            what,
            text: Arc::new(NamedSource::new(name, text.to_owned())),
            at: error.span().unwrap_or_default().into(),
            help,
        }
    }
}

/// "did you mean" with the nearest names; all names where none is near.
pub fn suggestion<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut known: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .collect();
    if known.is_empty() {
        return None;
    }
    let quote = |names: &[(usize, &str)]| {
        let names: Vec<String> = names.iter().map(|(_, n)| format!("`{n}`")).collect();
        names.join(", ")
    };
    let all = quote(&known);
    known.sort_by_key(|(distance, _)| *distance);
    known.dedup_by_key(|(_, name)| *name);
    let near = wrong.len().div_ceil(3).max(1);
    let best: Vec<_> = known
        .iter()
        .take_while(|(distance, _)| *distance <= near && *distance == known[0].0)
        .take(4)
        .copied()
        .collect();
    match best.is_empty() {
        false => Some(format!("did you mean {}?", quote(&best))),
        true => Some(format!("known are {all}")),
    }
}
