//! What came of judging one library: for each rule a status with its reasons, and the least of them as the verdict.

use schemars::JsonSchema;
use serde::Serialize;

use super::expectation::{Expectation, Profile};
use super::policy::Policy;
use super::rules::{Outcome, Rule};
use base::digest::Digest;

/// The version of the document that `cargo xtask verify --json` prints.
pub const DOCUMENT_VERSION: u32 = 1;

/// How a rule came out. Ordered from worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It does not hold.
    Fail,
    /// A part of it could not be checked, and the policy does not accept that.
    NotChecked,
    /// A part of it was not checked, and the policy accepts that; all else holds.
    PartlyChecked,
    /// It is about something that this kind of library does not have.
    NotApplicable,
    /// It holds.
    Pass,
}

/// Whether the library may be shipped. Ordered from worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A rule does not hold.
    Failed,
    /// No rule is known to be broken, but something that has to be known is not.
    NotProven,
    /// Every rule holds, as far as the policy wants it checked.
    Passed,
}

/// A symbol that a finding is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SymbolRef {
    /// Its name.
    pub name: String,
    /// The version that is needed or defined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The library that the version is needed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// The file that it was compiled from, where a symbol table tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

/// One way in which a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// What it is about: a library, a version, a symbol, a flag.
    pub subject: String,
    /// What is wrong with it, and why that is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
    /// The symbols that it concerns, all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<SymbolRef>,
}

/// A part of a rule that was not checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unchecked {
    /// The part.
    pub part: String,
    /// Why it was not checked.
    pub reason: String,
    /// Why the policy accepts that, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
}

/// How one rule came out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RuleReport {
    /// The rule.
    pub rule: Rule,
    /// Its title.
    pub title: String,
    /// How it came out.
    pub status: Status,
    /// What was seen, for a rule that holds or does not apply.
    pub evidence: Vec<String>,
    /// The ways in which it is broken.
    pub findings: Vec<Finding>,
    /// What of it was not checked.
    pub unchecked: Vec<Unchecked>,
}

/// What the second witness confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Testimony")]
pub struct BinutilsCheck {
    /// The programs that read the same file.
    pub programs: Vec<String>,
    /// How many dynamic symbols they and this tool agree on, one by one.
    pub symbols: usize,
}

/// Who provides a symbol that a library needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Resolved {
    /// Its name.
    pub symbol: String,
    /// The version that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether it may stay unresolved.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    pub weak: bool,
    /// The library, or the program, whose definition it gets; absent where nobody has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The version of that definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provided_version: Option<String>,
}

/// The servers that a library can be loaded into, within the target's major.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServerNeed {
    /// The oldest release, `15.20`; absent where every one of the major will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// Fixes of the server that the library goes without, and why.
    pub unfixed: Vec<String>,
}

/// What came of judging one library.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Report {
    /// The library's name, as given.
    pub file: String,
    /// Its contents.
    #[schemars(with = "String")]
    pub sha256: Digest,
    /// What it was judged as.
    pub profile: Profile,
    /// What it was judged against.
    pub target: String,
    /// Debian's name of the architecture that it should be for.
    pub architecture: String,
    /// The least of what the rules say.
    pub verdict: Verdict,
    /// Each rule.
    pub rules: Vec<RuleReport>,
    /// What the second witness confirmed; a report without it never passes.
    #[serde(rename = "witness")]
    pub binutils: Option<BinutilsCheck>,
    /// Where the symbol tables come from that S1, S2 and S11 judged by.
    pub surroundings: Vec<String>,
    /// Who provides each symbol that it needs, where the surroundings are known.
    pub resolution: Vec<Resolved>,
    /// The servers that it can be loaded into, where the surroundings and the target's major are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerNeed>,
}

/// A file that ought to be judged and can't be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Refused {
    /// The file.
    pub file: String,
    /// Why it can't be.
    pub reason: String,
}

/// A file that is no library, though it is an ELF file or named like one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// The file.
    pub file: String,
    /// What it is.
    pub what: String,
}

/// The document that `cargo xtask verify --json` prints.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Document {
    /// The version of this format.
    pub version: u32,
    /// The least of the verdicts; `failed` also where a file was refused.
    pub verdict: Verdict,
    /// One for each library.
    pub libraries: Vec<Report>,
    /// What could not be judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub refused: Vec<Refused>,
    /// What was not judged, since it is no library.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub left_out: Vec<LeftOut>,
}

impl Document {
    /// Gathers reports. A document about nothing has proven nothing.
    pub fn new(libraries: Vec<Report>) -> Self {
        let verdicts = libraries.iter().map(|report| report.verdict);
        Self {
            version: DOCUMENT_VERSION,
            verdict: verdicts.min().unwrap_or(Verdict::NotProven),
            libraries,
            refused: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// The same with files that have no report.
    #[must_use]
    pub fn besides(mut self, refused: Vec<Refused>, left_out: Vec<LeftOut>) -> Self {
        if !refused.is_empty() {
            self.verdict = Verdict::Failed;
        }
        (self.refused, self.left_out) = (refused, left_out);
        self
    }
}

impl RuleReport {
    pub(super) fn new(rule: Rule, outcome: Outcome, policy: &Policy) -> Self {
        let unchecked: Vec<Unchecked> = outcome
            .unchecked
            .into_iter()
            .map(|(part, reason)| {
                let mut gaps = policy.accepted_gaps.iter();
                let gap = gaps.find(|gap| gap.rule == rule && gap.part == part);
                Unchecked {
                    accepted: gap.map(|gap| gap.reason.clone()),
                    part,
                    reason,
                }
            })
            .collect();
        let status = if !outcome.findings.is_empty() {
            Status::Fail
        } else if unchecked.iter().any(|part| part.accepted.is_none()) {
            Status::NotChecked
        } else if !unchecked.is_empty() {
            Status::PartlyChecked
        } else if outcome.not_applicable {
            Status::NotApplicable
        } else {
            Status::Pass
        };
        Self {
            rule,
            title: rule.doc().title.to_owned(),
            status,
            evidence: outcome.evidence,
            findings: outcome.findings,
            unchecked,
        }
    }
}

impl Report {
    pub(super) fn new(
        file: &str,
        sha256: Digest,
        expectation: &Expectation,
        rules: Vec<RuleReport>,
        binutils: Option<BinutilsCheck>,
    ) -> Self {
        let worst = rules.iter().map(|rule| rule.status).min();
        let verdict = match worst {
            Some(Status::Fail) => Verdict::Failed,
            Some(Status::NotChecked) | None => Verdict::NotProven,
            Some(_) if binutils.is_none() => Verdict::NotProven,
            Some(_) => Verdict::Passed,
        };
        Self {
            file: file.to_owned(),
            sha256,
            profile: expectation.profile,
            target: expectation.target.clone(),
            architecture: expectation.architecture.clone(),
            verdict,
            rules,
            binutils,
            surroundings: Vec::new(),
            resolution: Vec::new(),
            server: None,
        }
    }

    /// Whether every rule holds, as far as the policy wants it checked, and `nm` and `readelf` agree.
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Passed
    }

    /// The rules that are broken.
    pub fn broken(&self) -> Vec<Rule> {
        let broken = self.rules.iter().filter(|rule| rule.status == Status::Fail);
        broken.map(|rule| rule.rule).collect()
    }
}
