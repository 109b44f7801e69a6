//! What is known of a target: which of its parts were made and tested, and how.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::exit::Failure;
use build::plan::{ChosenToolchain, Interpreter, Plan, TargetPlan, ids};
use jobs::execute::cache::Cache;
use symcheck::needs::Needs;
use targets::End;

/// Whether something was done for a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum State {
    /// It was done, and all of it held.
    Yes,
    /// It was done, and all of it held, with packages of an archive that stands in for the distribution's. The value names
    /// the owner of the packages.
    StandIn(String),
    /// It was done, and something did not hold. The value says what.
    Failed(String),
    /// It was not done. The value is the reason.
    No(String),
}

/// What is known of a target's packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetState {
    /// The packages of the extension were built.
    pub built: State,
    /// The symbol and ABI rules held.
    pub verified: State,
    /// The package of the Python runtime was built.
    pub runtime: State,
    /// How, where it is not with the distribution's own Python.
    pub runtime_note: Option<String>,
    /// apt installed the packages into a clean system.
    pub installed: State,
    /// The SQL suites ran there.
    pub run: State,
    /// The library was loaded into a server of its major beside a libpython of its name, and worked.
    pub loaded: State,
    /// The server and the distribution in which it was loaded.
    pub loaded_note: Option<String>,
    /// The container images with a server were built, and those that were run did what they should. (The image with the
    /// extension's files alone is there wherever packages are.)
    pub image: State,
    /// In what they were run.
    pub image_note: Option<String>,
    /// Whose packages stand in for the distribution's, where they come from an archive that tests made.
    #[serde(default)]
    pub stand_in: Option<String>,
    /// The Rust toolchain that compiled its library; `None` if none could.
    #[serde(default)]
    pub toolchain: Option<ChosenToolchain>,
    /// The inputs for development only, which a release refuses.
    pub development: Vec<String>,
    /// The oldest release of its server with all functions that the library uses. `None` if every release has them, or
    /// where no library was verified.
    #[serde(default)]
    pub server: Option<String>,
    /// Fixes of the server that the library does not have, and why.
    #[serde(default)]
    pub unfixed: Vec<String>,
    /// The announced ends of support of its Postgres and of its distribution.
    #[serde(default)]
    pub ends: Vec<End>,
}

impl TargetState {
    /// The state before any test ran. `done` returns the state of the job of an id.
    pub fn new(target: &str, plan: &TargetPlan, done: &dyn Fn(&str) -> State) -> Self {
        let runtime = plan
            .goals
            .iter()
            .find(|goal| goal.starts_with("package:") && **goal != ids::package(&target));
        let done = |id: &str| match (done(id), &plan.blocked) {
            (State::No(_), Some(why)) => State::No(why.clone()),
            (state, _) => state,
        };
        let not_yet = "`cargo xtask test` was not run on these packages";
        let no = |why: &Option<String>| {
            let why = plan.blocked.as_ref().or(why.as_ref());
            State::No(why.map_or(not_yet.to_owned(), String::clone))
        };
        Self {
            built: done(&ids::package(&target)),
            verified: done(&ids::verify(&target)),
            runtime: done(runtime.map_or("", String::as_str)),
            runtime_note: match &plan.runtime {
                Interpreter::Own => None,
                Interpreter::Same(other) => Some(format!(
                    "byte-compiled by the same Python of {other}: archive not enabled"
                )),
                Interpreter::OtherMachine(other) => {
                    Some(format!("byte-compiled by the same Python of {other}"))
                }
                Interpreter::None => Some(
                    "without byte code, which the package makes when it is installed: archive not enabled"
                        .into(),
                ),
            },
            installed: no(&plan.not_installable),
            run: no(&plan.not_installable),
            loaded: no(&plan.not_loadable),
            loaded_note: None,
            image: match &plan.no_image {
                Some(why) => State::No(why.clone()),
                None => done(&ids::images(&target)),
            },
            image_note: None,
            stand_in: plan.stand_in.clone(),
            toolchain: plan.toolchain.clone(),
            development: plan.development.clone(),
            server: None,
            unfixed: Vec::new(),
            ends: plan.ends.clone(),
        }
        .mark_stand_in()
    }

    /// The state for work that was done and held: [`State::StandIn`] where a stand-in's packages were used.
    pub fn held(&self) -> State {
        match &self.stand_in {
            None => State::Yes,
            Some(whose) => State::StandIn(whose.clone()),
        }
    }

    /// Marks the states that were reached with a stand-in's packages instead of the distribution's own.
    fn mark_stand_in(mut self) -> Self {
        let held = self.held();
        for state in [&mut self.verified, &mut self.runtime, &mut self.image] {
            if *state == State::Yes {
                *state = held.clone();
            }
        }
        self
    }

    /// Copies what the verify job found out about the server. Without that job nothing is known about it.
    pub(super) fn read_needs(
        &mut self,
        plan: &Plan,
        cache: &Cache,
        target: &str,
    ) -> Result<(), Failure> {
        let Some(job) = plan.job(&ids::verify(&target)) else {
            return Ok(());
        };
        let needs = Needs::load(&cache.output(job))?;
        self.server = needs.server;
        self.unfixed = needs.unfixed;
        Ok(())
    }
}

/// What is known of each target of a plan, by how its jobs ended.
pub fn states(plan: &Plan, done: &dyn Fn(&str) -> State) -> BTreeMap<String, TargetState> {
    let state = |(name, target): (&String, &TargetPlan)| {
        (name.clone(), TargetState::new(name, target, done))
    };
    plan.targets.iter().map(state).collect()
}
