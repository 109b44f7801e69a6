//! The Rust toolchain that compiles for an architecture: the first of `targets.toml` that can.

use base::exit::Failure;
use targets::{Architecture, ToolchainSource};

use super::Builder;
use crate::plan::{ChosenToolchain, Job, Step, ids};

/// A toolchain, and the job that unpacks it where it is not on this machine.
pub(super) struct Found {
    pub chosen: ChosenToolchain,
    pub job: Option<Job>,
}

impl Builder<'_> {
    /// The toolchain for an architecture. The inner error says what each of them lacks.
    pub(super) fn toolchain(
        &mut self,
        architecture: &Architecture,
    ) -> Result<Result<Found, String>, Failure> {
        let context = self.context;
        let mut lacking: Vec<String> = Vec::new();
        for toolchain in &context.targets.toolchains {
            let (version, job) = match &toolchain.source {
                ToolchainSource::Pinned => {
                    if let Some(why) = context.machine.cannot_compile_for(architecture) {
                        lacking.push(why);
                        continue;
                    }
                    let first = context.toolchain.lines().next().unwrap_or_default();
                    (first.to_owned(), None)
                }
                ToolchainSource::Packages {
                    distribution,
                    role,
                    library,
                } => {
                    let from = [self.here(distribution), architecture.qualify(distribution)];
                    if let Some(id) = from.iter().find(|id| !self.has_lock(id)) {
                        lacking.push(format!("{}: {id} is not locked", toolchain.title));
                        continue;
                    }
                    let version = self.compiler_version(&from[0], role)?;
                    let id = ids::toolchain(&toolchain.name, architecture);
                    let roles = [role.as_str(), library];
                    (version, Some(self.unpack_toolchain(id, &from, roles)?))
                }
            };
            let chosen = ChosenToolchain {
                name: toolchain.name.clone(),
                version: match &job {
                    None => version,
                    Some(_) => format!("{version} ({})", toolchain.title),
                },
                why: (!lacking.is_empty()).then(|| lacking.join("; ")),
            };
            return Ok(Ok(Found { chosen, job }));
        }
        Ok(Err(lacking.join("; ")))
    }

    /// The locked version of a toolchain's compiler, which is the role's first seed.
    fn compiler_version(&mut self, distribution: &str, role: &str) -> Result<String, Failure> {
        let seeds = self.context.targets.role(role).map(|role| &role.seeds);
        let compiler = seeds.and_then(|seeds| seeds.first()).cloned();
        let packages = self.locked(distribution, role)?;
        let found = packages
            .iter()
            .find(|package| Some(&package.name) == compiler.as_ref());
        Ok(found.map_or_else(String::new, |package| {
            format!("{} {}", package.name, package.version)
        }))
    }

    fn unpack_toolchain(
        &mut self,
        id: String,
        [machines, libraries]: &[String; 2],
        [role, library]: [&str; 2],
    ) -> Result<Job, Failure> {
        let packages = self.fetch(machines, role)?;
        let library = self.fetch(libraries, library)?;
        self.add(
            id,
            format!("unpack the Rust toolchain of {libraries}"),
            Step::Toolchain {
                distribution: machines.clone(),
                packages: packages.reference(),
                library: library.reference(),
            },
            super::nothing_more,
            &[&packages, &library],
        )
    }
}
