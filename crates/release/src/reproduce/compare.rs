//! Compares the artifacts of two builds by digest. A file that only one of them has counts as a difference.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use base::digest::Digest;
use debian::apt::repository::KEYRING;

use crate::publish::Artifact;

/// Files of an apt repository that depend on the key that signs.
const SIGNED: [&str; 3] = ["InRelease", "Release.gpg", KEYRING];

/// How an artifact of two builds compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "outcome", content = "why")]
pub enum Outcome {
    /// Both builds made the file with the same bytes.
    Equal,
    /// Both builds made the file, with other bytes.
    Different,
    /// The second build did not make it.
    Missing,
    /// Only the second build made it.
    Added,
    /// It can't be the same here; why. Never counted as equal.
    NotCompared(String),
}

/// One artifact of two builds.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Compared {
    /// Its path in the release.
    pub path: String,
    /// The result of the comparison of the two builds.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// SHA-256 of the first build's, where it made one.
    #[schemars(with = "Option<String>")]
    pub first: Option<Digest>,
    /// SHA-256 of the second build's, where it made one.
    #[schemars(with = "Option<String>")]
    pub second: Option<Digest>,
    /// For what differs: what diffoscope says, from its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether two releases are signed by the same key.
pub fn same_key(first: &[Artifact], second: &[Artifact]) -> bool {
    let keyring = |artifacts: &[Artifact]| {
        let mut found = artifacts.iter().filter(|a| name(&a.path) == KEYRING);
        found.next().map(|artifact| artifact.sha256)
    };
    keyring(first) == keyring(second)
}

/// Compares, by path. Without the same key, signatures are not compared; everything that is signed still is.
pub fn compare(first: &[Artifact], second: &[Artifact], same_key: bool) -> Vec<Compared> {
    let digests = |artifacts: &[Artifact]| -> BTreeMap<String, Digest> {
        let pairs = artifacts.iter().map(|a| (a.path.clone(), a.sha256));
        pairs.collect()
    };
    let (first, second) = (digests(first), digests(second));
    let mut paths: Vec<&String> = first.keys().chain(second.keys()).collect();
    paths.sort();
    paths.dedup();
    let compared = paths.into_iter().map(|path| {
        let (first, second) = (first.get(path).copied(), second.get(path).copied());
        let outcome = match (first, second) {
            (Some(_), Some(_)) if !same_key && SIGNED.contains(&name(path)) => {
                Outcome::NotCompared(
                    "the release is signed by a key that is not in this cache".into(),
                )
            }
            (Some(first), Some(second)) if first == second => Outcome::Equal,
            (Some(_), Some(_)) => Outcome::Different,
            (Some(_), None) => Outcome::Missing,
            (None, _) => Outcome::Added,
        };
        Compared {
            path: path.clone(),
            outcome,
            first,
            second,
            explanation: None,
        }
    });
    compared.collect()
}

/// Whether everything that was compared is the same, and something was.
pub fn reproduced(artifacts: &[Compared]) -> bool {
    let good = |c: &Compared| matches!(c.outcome, Outcome::Equal | Outcome::NotCompared(_));
    artifacts.iter().all(good) && artifacts.iter().any(|c| c.outcome == Outcome::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::Kind;

    fn artifact(path: &str, bytes: &str) -> Artifact {
        Artifact {
            path: path.into(),
            kind: Kind::Extension,
            target: None,
            size: 1,
            sha256: Digest::of(bytes),
        }
    }

    fn outcomes(first: &[Artifact], second: &[Artifact]) -> (Vec<Outcome>, bool) {
        let same = same_key(first, second);
        let compared = compare(first, second, same);
        let reproduced = reproduced(&compared);
        (
            compared.into_iter().map(|c| c.outcome).collect(),
            reproduced,
        )
    }

    #[test]
    fn one_other_byte_one_lost_and_one_new_file_are_each_found() {
        let first = [artifact("a", "1"), artifact("b", "1"), artifact("c", "1")];
        let second = [artifact("a", "1"), artifact("b", "2"), artifact("d", "1")];
        let expected = [
            Outcome::Equal,
            Outcome::Different,
            Outcome::Missing,
            Outcome::Added,
        ];
        assert_eq!(outcomes(&first, &second), (expected.into(), false));
        for at in 1..3 {
            assert!(!outcomes(&first[..=at], &second[..at]).1, "{at}");
            assert!(!outcomes(&first[..at], &second[..=at]).1, "{at}");
        }
        assert!(outcomes(&first, &first).1);
    }

    #[test]
    fn nothing_at_all_is_not_reproduced() {
        assert!(!outcomes(&[], &[]).1);
    }

    #[test]
    fn of_another_key_only_signatures_are_left_out() {
        let release = |key: &str, index: &str| {
            [
                artifact("apt/dists/x/InRelease", &format!("{index} by {key}")),
                artifact("apt/dists/x/Release", index),
                artifact(&format!("apt/{KEYRING}"), key),
            ]
        };
        let (found, reproduced) = outcomes(&release("ours", "1"), &release("theirs", "1"));
        assert!(reproduced);
        assert!(matches!(found[0], Outcome::NotCompared(_)), "{found:?}");
        assert_eq!(found[1], Outcome::Equal);
        assert!(!outcomes(&release("ours", "1"), &release("theirs", "2")).1);
        // With one key a signature that differs is a difference.
        let mut other = release("ours", "1");
        other[0].sha256 = Digest::of("a time");
        assert!(!outcomes(&release("ours", "1"), &other).1);
    }
}
