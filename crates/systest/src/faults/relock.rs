//! Locked packages that left their archive. A mirror on this machine passes requests on to the archives that this machine's
//! apt uses, and answers 404 for the packages that are to be gone. `dist` works on a copy of the source tree's locks, and
//! only fetches.

use std::path::PathBuf;

use base::exit::Failure;
use base::files::{self, FileError};
use build::plan::ids;
use jobs::source_files;
use loopback::{Answer, Loopback, Upstream};
use targets::lock::{Absent, Lock, LockedPackage};
use targets::{Builder, Distribution};

use super::FaultTest;
use super::child::{Dist, Ended};
use crate::cases::{Cases, ensure};

/// The archives of a distribution with files withheld, and the copy of the source tree whose locks may change.
struct Scene<'a> {
    dist: Dist<'a>,
    /// What serves; they stop with the scene.
    _mirrors: Vec<Loopback>,
}

impl FaultTest<'_> {
    /// Runs the cases, or says why they can't be run here.
    pub(super) fn relock(&self, cases: &mut Cases<'_>) -> Result<(), Failure> {
        const NEW_LOCK: &str = "a package that no mirror has: the lock is made again with a note, and `--locked` forbids it";
        const NEXT_BUILDER: &str = "a builder that no mirror has: the next one compiles";
        let Some(distribution) = self.chosen.first().map(|target| &target.distribution) else {
            return Ok(());
        };
        let mirrors = self.pipeline.mirrors()?;
        let plain = |archive: &&str| {
            mirrors
                .base(archive)
                .is_some_and(|uri| uri.starts_with("http://"))
        };
        if let Some(archive) = distribution
            .archives()
            .iter()
            .find(|archive| !plain(archive))
        {
            let why =
                format!("this machine's apt does not reach the archive `{archive}` by plain HTTP");
            cases.not_run(NEW_LOCK, why.clone());
            cases.not_run(NEXT_BUILDER, why);
            return Ok(());
        }
        // Catches a lock that dies with its mirror, a new lock in silence, and one that is made although it is forbidden.
        match self.plan.job(&ids::fetch(&distribution.id, "headers")) {
            Some(_) => {
                cases.run(NEW_LOCK, || self.new_lock(distribution));
            }
            None => {
                let title = &distribution.title;
                let why = format!("the headers for {title} come from another release");
                cases.not_run(NEW_LOCK, why);
            }
        }
        // Catches a release that can't be built any more once the oldest release is gone.
        match self.archive_of_builders()? {
            None => {
                cases.run(NEXT_BUILDER, || self.next_builder());
            }
            Some(lacking) => {
                let why = format!("this machine's apt has no archive `{lacking}`");
                cases.not_run(NEXT_BUILDER, why);
            }
        }
        Ok(())
    }

    /// The archive of the first two builders that this machine's apt does not have; `None` if it has them.
    fn archive_of_builders(&self) -> Result<Option<String>, Failure> {
        let targets = &self.pipeline.targets;
        let here = self.pipeline.host.architecture(targets);
        let mirrors = self.pipeline.mirrors()?;
        for builder in targets.builders.iter().take(2) {
            let facts = targets.require_distribution(&here.qualify(&builder.distribution))?;
            if let Some(lacking) = mirrors.missing(facts).first() {
                return Ok(Some((*lacking).to_owned()));
            }
        }
        Ok(None)
    }

    fn new_lock(&self, distribution: &Distribution) -> Result<(), Failure> {
        let lock = Lock::open(
            &self.pipeline.workspace,
            &self.pipeline.targets,
            distribution,
        )?;
        let packages = lock.packages("headers");
        // Its index has an older one besides, of the release itself.
        let mut servers = packages.iter();
        let Some(gone) = servers.find(|p| p.name.starts_with("postgresql-server-dev-")) else {
            return ensure(false, || "no headers are locked".into());
        };
        let scene = self.scene(
            "relock",
            &[ids::fetch(&distribution.id, "headers")],
            std::slice::from_ref(&gone.path),
        )?;
        let named = format!("`{} {}`", gone.name, gone.version);
        let command = format!("cargo xtask lock --update {}", distribution.id);
        let tree_lock = scene.lock_path(&distribution.id);
        let before = files::read(&tree_lock)?;
        scene.run_locked()?.ended_with(1, &[&named, &command])?;
        ensure(files::read(&tree_lock)? == before, || {
            "`--locked` changed the lock".into()
        })?;
        let ended = scene.dist.run()?;
        let why = format!("the lock of {} no longer fits its archive", distribution.id);
        ended.ended_with(
            0,
            &[&why, &named, &format!("{} {} →", gone.name, gone.version)],
        )?;
        let after = Lock::load(&tree_lock)?;
        let lost = Absent::of(gone);
        // What was built beside it asks for its exact version, and goes with it.
        let of_its_source = after.absent.iter().all(|one| one.version == lost.version);
        ensure(after.absent.contains(&lost) && of_its_source, || {
            format!(
                "the lock says of what its index lists and its archive lacks: {:?}",
                after.absent
            )
        })?;
        ensure(
            !after
                .packages
                .iter()
                .any(|package| Absent::of(package) == lost),
            || format!("{named} is locked again"),
        )?;
        scene.run_locked()?.ended_with(0, &[])
    }

    fn next_builder(&self) -> Result<(), Failure> {
        let here = self.pipeline.host.architecture(&self.pipeline.targets);
        let releases: Vec<&Builder> = self.pipeline.targets.builders.iter().collect();
        let [first, next, ..] = releases[..] else {
            return ensure(false, || "targets.toml names one builder only".into());
        };
        let targets = &self.pipeline.targets;
        let facts_of =
            |builder: &Builder| targets.require_distribution(&here.qualify(&builder.distribution));
        let lock_of = |facts: &Distribution| Lock::open(&self.pipeline.workspace, targets, facts);
        let facts = facts_of(first)?;
        let own = lock_of(facts)?;
        // Releases share the files of unchanged packages: the next builder keeps those.
        let kept = lock_of(facts_of(next)?)?;
        let shared = |path: &str| kept.packages.iter().any(|package| package.path == path);
        let packages: Vec<&LockedPackage> = own.packages(Builder::ROLE);
        let mut withheld: Vec<String> = packages
            .iter()
            .map(|package| package.path.clone())
            .filter(|path| !shared(path))
            .collect();
        withheld.push(format!("dists/{}", facts.codename));
        let scene = self.scene(
            "next-builder",
            &[format!("fetch:*:{}", Builder::ROLE)],
            &withheld,
        )?;
        let message = format!("{} compiles instead", next.distribution);
        scene.dist.run()?.ended_with(0, &[&message])
    }

    /// A run that makes some jobs alone, on a copy of the source tree, with files withheld.
    fn scene(
        &self,
        name: &str,
        jobs: &[String],
        withheld: &[String],
    ) -> Result<Scene<'_>, Failure> {
        let mut dist = self.dist(name, None)?;
        let root = self.scratch.join(name).join("source");
        files::create_dir(&root)?;
        source_files::copy(&self.pipeline.workspace, &root)?;
        dist.source = Some(root);
        dist.only_jobs = jobs.to_vec();
        let mirrors = self.pipeline.mirrors()?;
        let mut serving = Vec::new();
        for (archive, mirror) in mirrors.iter() {
            let Some(upstream) = Upstream::parse(&mirror.uri) else {
                continue;
            };
            let withheld = withheld.to_vec();
            let answer = move |path: &str| match withheld.iter().any(|one| path.starts_with(one)) {
                true => Answer::Status(404),
                false => Answer::Pass(upstream.clone(), path.to_owned()),
            };
            let started = Loopback::start(answer).map_err(FileError::at("serve", "127.0.0.1"))?;
            dist.mirrors.push(format!("{archive}={}", started.uri("")));
            serving.push(started);
        }
        Ok(Scene {
            dist,
            _mirrors: serving,
        })
    }
}

impl Scene<'_> {
    fn lock_path(&self, distribution: &str) -> PathBuf {
        let root = self.dist.source.clone().unwrap_or_default();
        root.join(format!("packaging/lock/{distribution}.toml"))
    }

    fn run_locked(&self) -> Result<Ended, Failure> {
        let locked = Dist {
            locked: true,
            ..self.dist.clone()
        };
        locked.run()
    }
}
