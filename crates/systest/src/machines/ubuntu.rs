//! The suite `ubuntu`: the README's two commands on a machine whose archive is a stand-in.

use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files;
use base::process::{Program, copy_this_program};
use base::progress::Listener;
use build::plan::ids;
use debian::apt::signing::SigningKey;
use inputs::host::tools::{APT_FTPARCHIVE, BWRAP, GPG, MMDEBSTRAP};
use inputs::lock::Index;
use loopback::Loopback;
use release::pipeline::Pipeline;
use release::publish::{self, State};
use targets::{Archive, Distribution};

use super::machine::{Machine, Recipe};
use super::services::{self, Behaviour, Snapshot, Sources};
use super::stand_in::{Extent, StandIn};
use crate::cases::{Case, Cases, ensure, unexpected};

/// The release that is simulated, and the distribution whose packages stand in for it: the same Python, Postgres and glibc.
const PLAYED: (&str, &str) = ("ubuntu26.04", "debian14");
/// The major that an archive of other majors has for it, and whose packages those are.
const OTHER_MAJOR: (u16, &str) = (17, "debian13");
/// The packages of that major.
const OTHER_PACKAGES: [&str; 4] = [
    "postgresql-{major}",
    "postgresql-client-{major}",
    "postgresql-plpython3-{major}",
    "postgresql-server-dev-{major}",
];

/// A release whose Python and Postgres no archive here has, and the distribution whose packages its stand-in has instead: all
/// that comes before the interpreter can be tried there.
const WITHOUT_ITS_PYTHON: (&str, &str) = ("ubuntu24.04", "debian13");

/// Runs the suite `ubuntu` and returns the results of its cases.
pub fn run(pipeline: &Pipeline, listener: &dyn Listener) -> Result<Vec<Case>, Failure> {
    let mut cases = Cases::new("ubuntu:", listener);
    let workspace = &pipeline.workspace;
    let log = workspace.log("test-ubuntu");
    files::write(&log, "")?;
    pipeline.host.require(
        &[MMDEBSTRAP, BWRAP, APT_FTPARCHIVE, GPG],
        &workspace.log("install"),
        listener,
    )?;
    let scratch = workspace.cache.join("systest/ubuntu");
    let (played, of) = PLAYED;
    let name = format!("a machine of {played}, whose archive is a stand-in");
    let sources = match Sources::of(pipeline.mirrors()?) {
        Ok(sources) => sources,
        Err(why) => {
            cases.not_run(&name, why);
            return Ok(cases.done);
        }
    };
    let suite = Suite {
        pipeline,
        plays: pipeline.targets.require_distribution(played)?,
        of: pipeline.targets.require_distribution(of)?,
        other: other(pipeline, played)?,
        older: (
            pipeline
                .targets
                .require_distribution(WITHOUT_ITS_PYTHON.0)?,
            pipeline
                .targets
                .require_distribution(WITHOUT_ITS_PYTHON.1)?,
        ),
        sources,
        scratch: &scratch,
        log: &log,
        listener,
    };
    let made = cases.run(&name, || suite.machine());
    if let Some((machine, archive, snapshot)) = made {
        suite.before(&machine, &mut cases);
        suite.tempers(&machine, &snapshot, &mut cases);
        suite.commands(&machine, &mut cases);
        suite.without_its_python(&machine, &archive.uri("ubuntu"), &mut cases);
    }
    files::remove_dir(&scratch)?;
    Ok(cases.done)
}

/// The file of apt's sources, as Ubuntu has it since 24.04.
const SOURCES: &str = "ubuntu.sources";

/// What `/etc/os-release` says on a machine of a release.
fn os_release(release: &Distribution) -> String {
    let (title, codename, vendor) = (&release.title, &release.codename, &release.vendor);
    let version = release.release.trim_start_matches(vendor.as_str());
    format!(
        "PRETTY_NAME=\"{title} (stand-in)\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"{version}\"\n\
         VERSION_CODENAME={codename}\nID={vendor}\nID_LIKE=debian\nUBUNTU_CODENAME={codename}\n"
    )
}

/// The played release with the other major, and the distribution whose packages that is made of.
fn other<'a>(
    pipeline: &'a Pipeline,
    played: &str,
) -> Result<(&'a Distribution, &'a Distribution), Failure> {
    let (major, of) = OTHER_MAJOR;
    let target = pipeline.targets.target(&format!("{played}-pg{major}"))?;
    let plays = pipeline.targets.servers_of(&target).next();
    let missing = || unexpected(format!("no archive has PostgreSQL {major} for {played}"));
    let of = pipeline.targets.require_distribution(of)?;
    Ok((plays.ok_or_else(missing)?, of))
}

struct Suite<'a> {
    pipeline: &'a Pipeline,
    plays: &'a Distribution,
    of: &'a Distribution,
    /// The same release with an archive of other majors, and whose packages that has.
    other: (&'a Distribution, &'a Distribution),
    /// The release of [`WITHOUT_ITS_PYTHON`], and whose packages its stand-in has.
    older: (&'a Distribution, &'a Distribution),
    sources: Sources,
    scratch: &'a Path,
    log: &'a Path,
    listener: &'a dyn Listener,
}

impl Suite<'_> {
    /// The machine with a checkout, and what serves it.
    fn machine(&self) -> Result<(Machine, Loopback, Snapshot), Failure> {
        let root = services::directory(self.scratch);
        files::remove_dir(&root)?;
        let key = self.write_archives(&root)?;
        let archive = services::archives(&root, &self.sources)?;
        let snapshot = Snapshot::start(&self.sources)?;
        let uri = archive.uri("ubuntu");
        let suites: Vec<&str> = self.plays.suites.iter().map(|s| s.name.as_str()).collect();
        let line = |suite: &&str| {
            format!(
                "deb [signed-by={}] {uri} {suite} main universe",
                key.display()
            )
        };
        let lines: Vec<String> = suites.iter().map(line).collect();
        let keyring_package = self
            .archive()
            .map_or("", |archive| archive.keyring_package.as_str());
        let recipe = Recipe {
            packages: &[keyring_package],
            codename: &self.plays.codename,
            made_from: &lines,
            sources: (SOURCES, self.sources_of(self.plays, &uri)),
            os_release: Some(os_release(self.plays)),
        };
        let mut machine = Machine::make(&recipe, self.scratch, self.log)?;
        machine.add_key(&key, &self.other_archive()?.keyring)?;
        let other = self
            .other
            .0
            .suites
            .last()
            .map_or("", |suite| suite.name.as_str());
        machine.add_sources(
            "pgdg.sources",
            &format!(
                "Types: deb\nURIs: {}\nSuites: {other}\nComponents: main\nSigned-By: {}\n",
                archive.uri("apt"),
                self.other_archive()?.keyring
            ),
        )?;
        machine.check_out(&self.pipeline.workspace)?;
        self.forget_what_is_lost(&machine)?;
        machine.set("PGML_DIST_MIRRORS", &services::instead_of_public(&snapshot));
        Ok((machine, archive, snapshot))
    }

    /// A real snapshot service still has packages that the archive has lost. Here it is the same archive: the locks of the
    /// checkout are changed to fit it, as `dist` does where Debian's archive may be contacted.
    fn forget_what_is_lost(&self, machine: &Machine) -> Result<(), Failure> {
        let program = self.scratch.join("xtask");
        copy_this_program(&program)?;
        let crash = &self.pipeline.targets.crash;
        for scene in [&crash.old, &crash.new] {
            let jobs = format!("fetch:{}:*", scene.distribution);
            let target = scene.target();
            let program = Program::new(program.display().to_string());
            [
                "PATH",
                "HOME",
                "RUSTUP_HOME",
                "CARGO_HOME",
                "PGML_DIST_NO_SNAPSHOT",
            ]
            .iter()
            .fold(program, |program, name| program.inherit_env(name))
            .args(["dist", &target, "--only-jobs", &jobs, "--source"])
            .arg(&machine.checkout)
            .arg("--cache")
            .arg(self.scratch.join("host-cache"))
            .run(self.log)?;
        }
        Ok(())
    }

    /// What a release's apt reads.
    fn sources_of(&self, release: &Distribution, uri: &str) -> String {
        let suites: Vec<&str> = release.suites.iter().map(|s| s.name.as_str()).collect();
        let keyring = self
            .archive()
            .map_or("", |archive| archive.keyring.as_str());
        format!(
            "Types: deb\nURIs: {uri}/\nSuites: {}\nComponents: main universe\nSigned-By: {keyring}\n",
            suites.join(" ")
        )
    }

    fn archive(&self) -> Option<&Archive> {
        let first = self.plays.suites.first()?;
        self.pipeline.targets.archive(&first.archive)
    }

    /// The archive of other majors.
    fn other_archive(&self) -> Result<&Archive, Failure> {
        let name = self
            .other
            .0
            .suites
            .last()
            .map_or("", |suite| suite.archive.as_str());
        let missing = || unexpected(format!("there is no archive `{name}`"));
        self.pipeline.targets.archive(name).ok_or_else(missing)
    }

    /// Writes the archives' indexes, each below the last part of its address; returns the keyring that they are signed with.
    fn write_archives(&self, root: &Path) -> Result<PathBuf, Failure> {
        let indexes = |distribution: &Distribution| -> Result<Vec<Index>, Failure> {
            let resolver = self.pipeline.resolver(distribution, &[])?;
            Ok(resolver.indexes(self.listener)?)
        };
        let key = SigningKey::local(&self.scratch.join("key"), self.log)?;
        let there = indexes(self.of)?;
        let beside = indexes(self.other.1)?;
        let older = indexes(self.older.1)?;
        let major = self.other.0.postgres.to_string();
        let roots = OTHER_PACKAGES.map(|name| name.replace("{major}", &major));
        let whole = (self.plays, self.of, &there, Extent::Whole);
        let extent = Extent::Beside {
            roots: &roots,
            there: &there,
        };
        let other = (self.other.0, self.other.1, &beside, extent);
        // The last one's keyring package takes the place of the one before it, which apt has then installed.
        let before = (self.older.0, self.older.1, &older, Extent::Whole);
        let (own, others) = (self.archive(), Some(self.other_archive()?));
        let archives = [(own, before), (own, whole), (others, other)];
        for (archive, (plays, of, indexes, extent)) in archives {
            let Some(archive) = archive else { continue };
            let directory = root.join(archive.path.as_deref().unwrap_or_default());
            let stand_in = StandIn {
                plays,
                archive,
                of,
                indexes,
                extent,
                key: &key,
                root: &directory,
                log: self.log,
            };
            stand_in.write()?;
        }
        let keyring = self.scratch.join("keyring.gpg");
        key.export(&keyring, self.log)?;
        files::set_mode(&keyring, 0o644)?;
        Ok(keyring)
    }

    /// What is known before anything was built.
    fn before(&self, machine: &Machine, cases: &mut Cases<'_>) {
        let played = &self.plays.id;
        // Catches a machine whose apt was never updated and that counts as one without archives.
        cases.run(
            "doctor: what the machine is, what it lacks, and that dist installs it",
            || {
                let ended = machine.run(["cargo", "xtask", "doctor"])?;
                let ubuntu = "ubuntu yes, by this machine's apt";
                let lacks = "lacks apt-ftparchive, xz, gpg";
                ended.ended_with(0, &["(stand-in)", "installs it", lacks, ubuntu])
            },
        );
        cases.run(
            "plan --all: its own release is not locked yet, and will be",
            || {
                let ended = machine.run(["cargo", "xtask", "plan", "--all"])?;
                let own = format!("make the lock of {played} from this machine's archive");
                ended.ended_with(0, &[&own, "can be built here"])
            },
        );
    }

    /// Debian's packages from a snapshot service of each behaviour, into a cache of its own.
    fn tempers(&self, machine: &Machine, snapshot: &Snapshot, cases: &mut Cases<'_>) {
        let said = "its packages come from `debian-snapshot`";
        let builder = &self.pipeline.targets.builders[0].distribution;
        let fetch = |cache: &str| {
            let jobs = ids::fetch(&builder, "builder");
            let dist = [
                "cargo",
                "xtask",
                "dist",
                "--only-jobs",
                &jobs,
                "--cache",
                cache,
            ];
            machine.run(dist)
        };
        cases.run("a slow snapshot service: dist ends well", || {
            snapshot.set_behaviour(Behaviour::Slow(8_000_000));
            fetch("/var/cache/slow")?
                .ended_with(0, &[said, "`--mirror debian=URI` names a quicker mirror"])
        });
        cases.run(
            "one that refuses the third transfer: dist ends well",
            || {
                snapshot.set_behaviour(Behaviour::FailsOnce(3));
                fetch("/var/cache/refused")?.ended_with(0, &[said])
            },
        );
        cases.run(
            "one that serves a wrong file: dist ends with the file's name",
            || {
                snapshot.set_behaviour(Behaviour::Corrupts("/libc6-dev_"));
                let wrong = "is not what the lock pins";
                fetch("/var/cache/lied")?.ended_with(1, &["pool/", "/libc6-dev_", wrong])
            },
        );
        cases.run("what had arrived is not asked for again", || {
            snapshot.set_behaviour(Behaviour::Serves);
            fetch("/var/cache/refused")?.ended_with(0, &[])?;
            ensure(snapshot.asked() == 0, || {
                format!("{} requests", snapshot.asked())
            })
        });
    }

    /// The README's two commands, from nothing.
    fn commands(&self, machine: &Machine, cases: &mut Cases<'_>) {
        let played = &self.plays.id;
        let lock = format!("packaging/lock/{played}.toml");
        let built = cases.run("cargo xtask dist", || {
            // The cases before have made it.
            let made_before = machine.checkout.join(&lock);
            if made_before.exists() {
                files::remove_file(&made_before)?;
            }
            let ended = machine.run(["cargo", "xtask", "dist"])?;
            let made = format!("{lock} pins what its signed archive has");
            ended.ended_with(0, &[&made, "to install on this machine"])
        });
        if built.is_none() {
            return;
        }
        cases.run("cargo xtask lock --update", || {
            let ended = machine.run(["cargo", "xtask", "lock", "--update", played])?;
            ended.ended_with(0, &[])
        });
        cases.run("cargo xtask test", || {
            let ended = machine.run(["cargo", "xtask", "test"])?;
            ended.ended_with(0, &[" 0 failed"])
        });
        cases.run(
            "the manifest: installed, run and the image from a stand-in",
            || self.stand_in_states(machine),
        );
        self.other_major(machine, cases);
        cases.run("a release of it is refused", || {
            let ended = machine.run(["cargo", "xtask", "dist", "--release"])?;
            ended.ended_with(1, &["was made from a stand-in archive"])
        });
    }

    /// A major that the release does not carry, from the archive that the machine's apt has beside its own.
    fn other_major(&self, machine: &Machine, cases: &mut Cases<'_>) {
        let target = format!("{}-pg{}", self.plays.release, self.other.0.postgres);
        let id = &self.other.0.id;
        cases.run(
            &format!("cargo xtask dist {target}: the other archive's server"),
            || {
                let ended = machine.run(["cargo", "xtask", "dist", &target])?;
                ended.ended_with(0, &[&format!("packaging/lock/{id}.toml pins")])
            },
        );
        cases.run(
            &format!("{target}: apt installs it, and SQL trains"),
            || {
                let test = ["cargo", "xtask", "test", "--suite", "install", &target];
                machine.run(test)?.ended_with(0, &[" 0 failed"])
            },
        );
    }

    /// The same machine as a release whose archive lacks its Python: everything is built and checked, and the lack is named
    /// where a lock is made.
    fn without_its_python(&self, machine: &Machine, uri: &str, cases: &mut Cases<'_>) {
        let (release, _) = self.older;
        let title = &release.title;
        let known = cases.run(&format!("the machine as {title}: doctor knows it"), || {
            machine.write("/etc/os-release", &os_release(release))?;
            machine.add_sources(SOURCES, &self.sources_of(release, uri))?;
            let doctor = machine.run(["cargo", "xtask", "doctor"])?;
            doctor.ended_with(0, &[&format!("{title} (stand-in)")])
        });
        if known.is_none() {
            return;
        }
        let target = format!("{}-pg{}", release.release, release.postgres);
        cases.run(
            &format!("{title}: dist names what its archive lacks, before it builds"),
            || {
                let ended = machine.run(["cargo", "xtask", "dist"])?;
                let lacks = format!("postgresql-{}", release.postgres);
                ended.ended_with(1, &[release.id.as_str(), &lacks])
            },
        );
        cases.run(
            &format!("{title}: dist --locked makes {target}, and installs nothing"),
            || {
                let ended = machine.run(["cargo", "xtask", "dist", "--locked"])?;
                ended.ended_with(0, &[&format!("for {target}; ")])
            },
        );
    }

    /// Nothing may say `yes` where the packages were another distribution's.
    fn stand_in_states(&self, machine: &Machine) -> Result<(), Failure> {
        let manifest = publish::read_manifest(&machine.checkout.join("dist"));
        let targets = manifest
            .map(|manifest| manifest.targets)
            .unwrap_or_default();
        let own = targets
            .iter()
            .find(|(name, _)| name.starts_with(&self.plays.release));
        let (name, state) = own.ok_or_else(|| unexpected("no target of it".into()))?;
        let states = [&state.installed, &state.run, &state.image, &state.verified];
        let all = states
            .iter()
            .all(|state| matches!(state, State::StandIn(_)));
        ensure(all, || format!("{name}: {states:?}"))
    }
}
