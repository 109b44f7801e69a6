//! The jobs that check a library, and that gather the libraries that a server loads beside it.

use base::exit::Failure;
use targets::{Extra, Target};

use super::Builder;
use crate::plan::{Job, Step, ids};
use crate::verify::system_libraries::{self, Choice, Server};

impl Builder<'_> {
    /// Checks the stamped library by every rule, together with what the server and the Python of its target load.
    pub(super) fn verify(&mut self, target: &Target) -> Result<Job, Failure> {
        let compile = self.compile_for(target)?;
        let stamp = self.stamp(target)?;
        let runtime = self.runtime(&target.distribution)?;
        let step = Step::Verify {
            target: target.to_string(),
            compiled: compile.reference(),
            stamped: stamp.reference(),
            runtime: runtime.reference(),
        };
        let title = format!("verify the library against {target}");
        self.verifying(
            target,
            ids::verify(target),
            title,
            step,
            vec![compile, stamp, runtime],
        )
    }

    /// The same with what an extra package adds to the runtime.
    pub(super) fn verify_extra(
        &mut self,
        target: &Target,
        extra: &Extra,
        added: Job,
    ) -> Result<Job, Failure> {
        let compile = self.compile_for(target)?;
        let stamp = self.stamp(target)?;
        let runtime = self.runtime(&target.distribution)?;
        let step = Step::VerifyExtra {
            target: target.to_string(),
            extra: extra.name.clone(),
            compiled: compile.reference(),
            stamped: stamp.reference(),
            runtime: runtime.reference(),
            added: added.reference(),
        };
        let id = ids::verify(&ids::extra(target, &extra.name));
        let title = format!("verify the library against {target} with {}", extra.title);
        self.verifying(
            target,
            id,
            title,
            step,
            vec![compile, stamp, runtime, added],
        )
    }

    /// Adds a job that checks a target's library, whose step reads `needs`.
    fn verifying(
        &mut self,
        target: &Target,
        id: String,
        title: String,
        step: Step,
        mut needs: Vec<Job>,
    ) -> Result<Job, Failure> {
        let choice = self.library_source(target);
        for distribution in choice.distributions() {
            needs.push(self.system_libraries(distribution)?);
        }
        if choice.server == Some(Server::Wheel) {
            needs.push(self.server(target.major, &target.distribution.architecture)?);
        }
        let facts = &target.distribution;
        let floors =
            [&facts.glibc, &facts.glibcxx, &facts.cxxabi, &facts.gcc].map(ToString::to_string);
        self.add(
            id,
            title,
            step,
            |inputs| {
                let inputs = inputs
                    .value("floors", &floors)
                    .value("soname of libpython", &facts.libpython_soname());
                Ok(inputs.tree("extension/sql")?)
            },
            &needs.iter().collect::<Vec<_>>(),
        )
    }

    /// Where the libraries around a target's library are read from.
    fn library_source(&self, target: &Target) -> Choice {
        Choice::of(self.context.targets, target, &|name| self.has_lock(name))
    }

    /// The libraries of a distribution that a server loads.
    fn system_libraries(&mut self, distribution: &str) -> Result<Job, Failure> {
        let fetches = [
            self.fetch(distribution, "base")?,
            self.fetch(distribution, "test")?,
        ];
        let facts = self.distribution(distribution)?;
        let loaded = (facts.postgres, facts.libpython_soname());
        self.add(
            system_libraries::job(distribution),
            format!(
                "take the server's libraries out of the packages of {}",
                facts.title
            ),
            Step::SystemLibraries {
                distribution: distribution.into(),
            },
            |inputs| Ok(inputs.value("server and libpython", &loaded)),
            &fetches.iter().collect::<Vec<_>>(),
        )
    }
}
