//! The rules, one file each. A rule reads facts and says what it saw; it never reads files and never decides what to do.

mod s10_machine;
mod s11_interposition;
mod s1_resolved;
mod s2_unambiguous;
mod s3_libraries;
mod s4_blas_hidden;
mod s5_exports;
mod s6_floors;
mod s7_blas_present;
mod s8_python;
mod s9_hardening;
mod server_floor;

use super::Rulebook;
use super::elf::{DynamicSymbol, Facts};
use super::expectation::{Expectation, Profile};
use super::instructions::FunctionNames;
use super::policy::{Machine, Policy};
use super::report::{Finding, Resolved, ServerNeed, SymbolRef};
pub use super::rule::Rule;
use super::surroundings::{Environment, Replay, ServerRelease};

/// What a person should know about a rule.
#[derive(Debug)]
pub struct Doc {
    /// The word or two that tables show.
    pub title: &'static str,
    /// The condition, as the end of a sentence that starts with "holds when".
    pub holds_when: &'static str,
    /// What goes wrong without it.
    pub why: &'static str,
    /// What to do where it does not hold.
    pub remedy: &'static str,
}

/// What a rule judges, and by what.
pub struct Context<'a> {
    /// What was read of the library.
    pub facts: &'a Facts<'a>,
    /// The policy and the list of Python's symbols.
    pub book: &'a Rulebook,
    /// What the target expects of it.
    pub expectation: &'a Expectation,
    /// The ELF header that the target's architecture has.
    pub machine: &'a Machine,
    /// What is around it.
    pub environment: &'a Environment<'a>,
    /// Its loading there, replayed.
    pub replay: Option<&'a Replay<'a>>,
    /// The names of its functions, where it was stripped and another file has them.
    pub names: Option<&'a FunctionNames>,
}

/// Who provides what a library needs.
pub fn resolution(replay: &Replay<'_>) -> Vec<Resolved> {
    s1_resolved::resolution(replay)
}

/// Which servers a library can be loaded into, where that is known.
pub fn server_need(context: &Context<'_>) -> Option<ServerNeed> {
    server_floor::need(context)
}

impl Context<'_> {
    fn policy(&self) -> &Policy {
        &self.book.policy
    }

    /// The release of the server that the loading was replayed in.
    fn release(&self) -> Option<&ServerRelease> {
        match self.environment {
            Environment::Known(surroundings) => Some(&surroundings.release),
            Environment::Unknown(_) | Environment::NotAsked(_) => None,
        }
    }

    fn is_extension(&self) -> bool {
        self.expectation.profile == Profile::Extension
    }
}

/// What a rule saw.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The ways in which it is broken.
    pub findings: Vec<Finding>,
    /// Parts that could not be checked, each with the reason.
    pub unchecked: Vec<(String, String)>,
    /// Whether the library has nothing that the rule is about.
    pub not_applicable: bool,
    /// What was seen, for the line of a rule that holds.
    pub evidence: Vec<String>,
}

impl Outcome {
    fn not_applicable(why: impl Into<String>) -> Self {
        Self {
            not_applicable: true,
            evidence: vec![why.into()],
            ..Self::default()
        }
    }

    fn saw(&mut self, what: impl Into<String>) {
        self.evidence.push(what.into());
    }

    fn not_checked(&mut self, part: &str, why: impl Into<String>) {
        self.unchecked.push((part.to_owned(), why.into()));
    }

    fn found(
        &mut self,
        subject: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.found_symbols(subject, problem, remedy, Vec::new());
    }

    fn found_symbols(
        &mut self,
        subject: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
        mut symbols: Vec<SymbolRef>,
    ) {
        symbols.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        self.findings.push(Finding {
            subject: subject.into(),
            problem: problem.into(),
            remedy: remedy.into(),
            symbols,
        });
    }
}

impl From<&DynamicSymbol<'_>> for SymbolRef {
    fn from(symbol: &DynamicSymbol<'_>) -> Self {
        Self {
            name: symbol.name.to_owned(),
            version: symbol.version.map(str::to_owned),
            library: symbol.library.map(str::to_owned),
            object: None,
        }
    }
}

impl Rule {
    /// What a person should know about it.
    pub fn doc(self) -> &'static Doc {
        match self {
            Self::S1 => &s1_resolved::DOC,
            Self::S2 => &s2_unambiguous::DOC,
            Self::S3 => &s3_libraries::DOC,
            Self::S4 => &s4_blas_hidden::DOC,
            Self::S5 => &s5_exports::DOC,
            Self::S6 => &s6_floors::DOC,
            Self::S7 => &s7_blas_present::DOC,
            Self::S8 => &s8_python::DOC,
            Self::S9 => &s9_hardening::DOC,
            Self::S10 => &s10_machine::DOC,
            Self::S11 => &s11_interposition::DOC,
        }
    }

    /// Judges a library by this rule.
    pub fn check(self, context: &Context) -> Outcome {
        match self {
            Self::S1 => s1_resolved::check(context),
            Self::S2 => s2_unambiguous::check(context),
            Self::S3 => s3_libraries::check(context),
            Self::S4 => s4_blas_hidden::check(context),
            Self::S5 => s5_exports::check(context),
            Self::S6 => s6_floors::check(context),
            Self::S7 => s7_blas_present::check(context),
            Self::S8 => s8_python::check(context),
            Self::S9 => s9_hardening::check(context),
            Self::S10 => s10_machine::check(context),
            Self::S11 => s11_interposition::check(context),
        }
    }
}
