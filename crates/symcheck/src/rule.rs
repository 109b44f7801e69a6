//! The names of the rules, which the policy, the reports and the command line share. What each one checks is in
//! [`super::rules`].

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;

/// A rule of the design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
pub enum Rule {
    /// Resolved
    S1,
    /// Unambiguous
    S2,
    /// Libraries
    S3,
    /// BLAS hidden
    S4,
    /// Exports
    S5,
    /// Floors
    S6,
    /// BLAS present
    S7,
    /// Python
    S8,
    /// Hardening
    S9,
    /// Machine
    S10,
    /// Interposition
    S11,
}

impl Rule {
    /// All rules, in order.
    pub const ALL: [Self; 11] = [
        Self::S1,
        Self::S2,
        Self::S3,
        Self::S4,
        Self::S5,
        Self::S6,
        Self::S7,
        Self::S8,
        Self::S9,
        Self::S10,
        Self::S11,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|rule| rule.to_string().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                let names: Vec<String> = Self::ALL.iter().map(Self::to_string).collect();
                format!(
                    "there is no rule `{text}`; the rules are {}",
                    names.join(", ")
                )
            })
    }
}
