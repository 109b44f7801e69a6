//! Where the packages of a target can be tried, and where its images can be made; or why they can't.

use targets::lock::WheelSet;
use targets::{Architecture, Distribution, Target};

use super::Builder;

impl Builder<'_> {
    /// Why a target's library can't be loaded here; `None` if it can.
    pub(super) fn not_loadable(&self, target: &Target) -> Option<String> {
        if self.loadable_in(target).is_some() {
            return None;
        }
        if let Some(why) = self.other_machine(&target.distribution.architecture) {
            return Some(why);
        }
        let python = &target.distribution.python;
        let mut all = self.context.targets.distributions.iter();
        Some(
            match all.any(|other| other.python == *python && self.has_lock(&other.id)) {
                true => format!("no server of PostgreSQL {} is locked here", target.major),
                false => format!("no locked distribution has Python {python}"),
            },
        )
    }

    /// A locked distribution with the target's Python, where a server of its major can be had: the distribution's own, or
    /// one that comes as a wheel.
    pub(super) fn loadable_in(&self, target: &Target) -> Option<String> {
        let architecture = &target.distribution.architecture;
        if self.other_machine(architecture).is_some() {
            return None;
        }
        if let Some(server) = self.server_of(target) {
            return Some(server.id);
        }
        let server = self
            .context
            .targets
            .server_wheel(target.major, architecture);
        let wheel =
            server.is_some() && self.has_lock(&WheelSet::server_name(target.major, architecture));
        let serves = |other: &&Distribution| {
            other.python == target.distribution.python
                && other.architecture == *architecture
                && (wheel || other.postgres == target.major)
                && self.has_lock(&other.id)
        };
        // With a wheel's server its own packages are there all the same.
        let own = |other: &&Distribution| other.id == target.distribution.id;
        let all = &self.context.targets.distributions;
        let others = &self.context.targets.with_other_majors;
        let found = all.iter().filter(serves).find(own);
        found
            .or_else(|| all.iter().chain(others).find(serves))
            .map(|other| other.id.clone())
    }

    pub(super) fn not_installable(&self, target: &Target) -> Option<String> {
        self.no_system(target)
            .or_else(|| self.other_machine(&target.distribution.architecture))
    }

    /// Why there is no image with a server: its maintainer scripts may run in an emulator.
    pub(super) fn no_image(&self, target: &Target) -> Option<String> {
        self.no_system(target)
            .or_else(|| self.not_run(&target.distribution.architecture))
            .or_else(|| {
                let own = self.here(&target.distribution.release);
                (!self.has_lock(&own)).then(|| format!("{own} is not locked"))
            })
    }

    /// Why no system with a target's server can be made of what is locked; `None` if one can, on a machine that runs its
    /// programs.
    pub(super) fn no_system(&self, target: &Target) -> Option<String> {
        let distribution = &target.distribution;
        if self.server_of(target).is_some() && self.has_lock(&distribution.id) {
            return None;
        }
        let lockable = &self.context.lockable;
        let mut servers = self.context.targets.servers_of(target);
        if let Some(server) = servers.find(|one| lockable.contains(&one.id)) {
            return Some(format!(
                "not locked yet: `cargo xtask dist` and `test` of {target} make the lock of {} from this machine's archive, \
                 and install it",
                server.id
            ));
        }
        if !self.has_lock(&distribution.id) {
            let (title, id) = (&distribution.title, &distribution.id);
            let archives = distribution.archives().join(" --mirror ");
            return Some(format!(
                "archive not enabled: {title} is not locked; where the archive may be used, `cargo xtask lock --update {id} \
                 --mirror {archives}` does it"
            ));
        }
        let (title, own) = (&distribution.title, distribution.postgres);
        let others = self.context.targets.other_majors.iter();
        let others = others.filter(|other| other.has(distribution, target.major));
        let archives: Vec<&str> = others.map(|other| other.archive.as_str()).collect();
        match own == target.major {
            true => None,
            false => Some(format!(
                "{title} has postgresql-{own} and no other without `--mirror {}`",
                archives.join("` or `--mirror ")
            )),
        }
    }

    /// Why programs of an architecture can't run here; `None` if they can.
    pub(super) fn other_machine(&self, architecture: &Architecture) -> Option<String> {
        let own = &self.context.machine.architecture.name;
        let other = &architecture.name;
        (own != other).then(|| {
            format!("this machine is of {own}: a whole system of {other} is not run on it")
        })
    }

    /// Why programs of an architecture can't run here, in an emulator either; `None` if they can.
    pub(super) fn not_run(&self, architecture: &Architecture) -> Option<String> {
        let own = &self.context.machine.architecture.name;
        let why = self.context.not_emulated.get(&architecture.name);
        why.filter(|_| *own != architecture.name)
            .map(|why| format!("this machine is of {own}, and {why}"))
    }
}
