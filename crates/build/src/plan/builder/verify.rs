//! The jobs that check a library, and that gather the libraries that a server loads beside it.

use base::exit::Failure;
use targets::Target;

use super::Builder;
use crate::plan::{Job, Step, ids};
use crate::verify::system_libraries::{self, Choice, Server};

impl Builder<'_> {
    /// Checks the stamped library by every rule, together with what the server and the Python of its target load.
    pub(super) fn verify(&mut self, target: &Target) -> Result<Job, Failure> {
        let compile = self.compile_for(target)?;
        let stamp = self.stamp(target)?;
        let choice = self.library_source(target);
        let runtime = self.runtime(&target.distribution)?;
        let step = Step::Verify {
            target: target.to_string(),
            compiled: compile.reference(),
            stamped: stamp.reference(),
            runtime: runtime.reference(),
        };
        let mut needs = vec![compile, stamp, runtime];
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
            ids::verify(&target),
            format!("verify the library against {target}"),
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
