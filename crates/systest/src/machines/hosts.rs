//! The suite `hosts`: the smallest system of each Debian release that this machine's archive has, with a Rust toolchain and
//! a C compiler, builds for another release than its own. The oldest compile the tool themselves.

use std::path::Path;

use base::exit::Failure;
use base::files;
use base::process::copy_this_program;
use base::progress::Listener;
use build::plan::{Job, Purpose};
use inputs::host::tools::{BWRAP, MMDEBSTRAP};
use jobs::execute::transfer;
use jobs::source_files;
use release::pipeline::Pipeline;
use targets::{Distribution, SuiteKind, Target};

use super::machine::{Machine, Recipe};
use crate::cases::{Case, Cases, ensure};

/// The kinds of jobs that take long and depend on no host: their results are taken over from this machine's cache. All else
/// that calls a host's tools is left to do.
const TAKEN_OVER: [&str; 3] = ["compile:", "compress:", "runtime:"];
/// Runs a command in a plain chroot.
const IN_A_CHROOT: &str =
    "mkdir -p /inside && mount --rbind / /inside && exec chroot /inside \"$@\"";

/// This program in a checkout on the machine, and the results that it takes over.
const XTASK: &str = "xtask-of-the-host";
const RESULTS: &str = "results.tar";
/// The home directory of the ordinary user of a machine, with a checkout of their own.
const HOME: &str = "/srv/builder";
/// Makes that user with this home directory, and with what `docs/hosts.md` says that they need. The Rust toolchain that they
/// see is root's, below a directory that only root may enter otherwise.
const ORDINARY_USER: &str = "chmod a+x ~
apt-get install --yes --quiet=2 --no-install-recommends uidmap passwd
useradd --uid 1500 --no-create-home --home-dir \"$1\" builder
grep -q ^builder: /etc/subuid || usermod --add-subuids 100000-165535 --add-subgids 100000-165535 builder
chown -R builder:builder \"$1\"";

/// Runs the suite with the first of some targets.
pub fn run(
    pipeline: &Pipeline,
    chosen: &[Target],
    listener: &dyn Listener,
) -> Result<Vec<Case>, Failure> {
    let mut cases = Cases::new("hosts:", listener);
    let Some(target) = chosen.first() else {
        return Ok(cases.done);
    };
    let log = pipeline.workspace.log("test-hosts");
    files::write(&log, "")?;
    let install = pipeline.workspace.log("install");
    pipeline
        .host
        .require(&[MMDEBSTRAP, BWRAP], &install, listener)?;
    let scratch = pipeline.workspace.cache.join("systest/hosts");
    files::remove_dir(&scratch)?;
    let first = pipeline.targets.first_architecture();
    let vendor = &pipeline.host.os.id;
    let own = pipeline.host.own_target(&pipeline.targets)?.distribution;
    for distribution in pipeline.targets.distributions_on(first) {
        if distribution.vendor != *vendor || !pipeline.mirrors()?.reach(distribution) {
            continue;
        }
        let host = Host {
            pipeline,
            distribution,
            compiles: distribution.glibc < own.glibc,
            target: target.to_string(),
            scratch: scratch.join(&distribution.id),
            log: &log,
        };
        host.run(&mut cases);
    }
    if cases.done.is_empty() {
        cases.not_run(
            "a minimal host",
            "this machine's archive has no release of the targets",
        );
    }
    Ok(cases.done)
}

struct Host<'a> {
    pipeline: &'a Pipeline,
    distribution: &'a Distribution,
    /// Whether it compiles this program itself: here it was linked to a newer glibc than the machine's.
    compiles: bool,
    target: String,
    scratch: std::path::PathBuf,
    log: &'a Path,
}

impl Host<'_> {
    fn run(&self, cases: &mut Cases<'_>) {
        let title = &self.distribution.title;
        let name = format!("a minimal {title} with a Rust toolchain");
        let Some(machine) = cases.run(&name, || self.machine()) else {
            return;
        };
        let xtask = machine.checkout.join(XTASK);
        let xtask = xtask.display().to_string();
        let source = machine.checkout.display().to_string();
        let call = |words: &[&str]| {
            let program = [xtask.as_str(), "--source", source.as_str()];
            machine.run(program.iter().chain(words))
        };
        cases.run(
            &format!("{title}: doctor names what dist will install"),
            || {
                let lacks = "lacks apt-ftparchive, xz, gpg";
                call(&["doctor"])?.ended_with(0, &["installs it", lacks])
            },
        );
        // Catches a tool that nobody looked for: dist would end where it is first called.
        let name = format!("{title}: dist {} and what it needs", self.target);
        let built = cases.run(&name, || {
            call(&["cache", "import", RESULTS])?.ended_with(0, &[])?;
            let ended = call(&["dist", &self.target])?;
            let installs = ["installing what is missing here", "xz-utils"];
            ended.ended_with(0, &[installs[0], installs[1], "dist: "])
        });
        if built.is_none() {
            return;
        }
        cases.run(
            &format!("{title}: the same bytes as on this machine"),
            || self.same(&machine.checkout),
        );
        cases.run(
            &format!("{title}: an ordinary user's dist, and the same bytes again"),
            || self.ordinary_user(&machine),
        );
        cases.run(
            &format!("{title}: a plain chroot is refused in one line"),
            || {
                let chroot = ["sh", "-euc", IN_A_CHROOT, "sh", &xtask, "--source", &source];
                let ended = machine.run(chroot.iter().chain(&["doctor"]))?;
                let why = "this is a chroot, and the kernel makes no user namespace in one";
                ended.ended_with(3, &[why])
            },
        );
        cases.run(
            &format!("{title}: a user without further ids gets an error before the build"),
            || {
                let user = ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"];
                let places = [&xtask, "--source", &source, "--cache", "/tmp/cache"];
                let doctor = places.into_iter().chain(["doctor"]);
                let ended = machine.run(user.into_iter().chain(doctor))?;
                ended.ended_with(
                    3,
                    &[
                        "the user `1234` has no 65536 further ids",
                        "usermod --add-subuids",
                    ],
                )
            },
        );
    }

    /// `dist` by a user who is not root, in a checkout of their own, after root has installed the tools.
    fn ordinary_user(&self, machine: &Machine) -> Result<(), Failure> {
        let checkout = format!("{HOME}/pgml-dist");
        let inside = machine.inside(Path::new(&checkout));
        source_files::copy(&self.pipeline.workspace, &inside)?;
        for file in [XTASK, RESULTS] {
            files::copy(&machine.checkout.join(file), &inside.join(file))?;
        }
        machine
            .run(["sh", "-euc", ORDINARY_USER, "sh", HOME])?
            .ended_with(0, &[])?;
        let home = [format!("HOME={HOME}"), format!("CARGO_HOME={HOME}/.cargo")];
        let [xtask, results] = [XTASK, RESULTS].map(|name| format!("{checkout}/{name}"));
        let user = [
            "setpriv",
            "--reuid=builder",
            "--regid=builder",
            "--init-groups",
            "env",
            &home[0],
            &home[1],
            &xtask,
            "--source",
            &checkout,
        ];
        let call = |words: &[&str]| machine.run(user.iter().chain(words));
        call(&["cache", "import", &results])?.ended_with(0, &[])?;
        call(&["dist", &self.target])?.ended_with(0, &["dist: "])?;
        self.same(&inside)
    }

    /// The machine, with what takes long and does not depend on it.
    fn machine(&self) -> Result<Machine, Failure> {
        let mirrors = self.pipeline.mirrors()?;
        let mut lines = Vec::new();
        for suite in &self.distribution.suites {
            let archive = self.pipeline.targets.archive(&suite.archive);
            let keyring = archive.map_or("", |archive| archive.keyring.as_str());
            let base = mirrors.require(&suite.archive)?;
            let expired = if suite.accept_expired {
                " check-valid-until=no"
            } else {
                ""
            };
            let line = format!(
                "deb [signed-by={keyring}{expired}] {base} {} main",
                suite.name
            );
            // What a release had before it was out has no updates yet.
            if suite.kind == SuiteKind::Release || !suite.accept_expired {
                lines.push(line);
            }
        }
        let recipe = Recipe {
            packages: &[],
            codename: &self.distribution.codename,
            made_from: &lines,
            sources: ("debian.list", format!("{}\n", lines.join("\n"))),
            os_release: None,
        };
        let machine = Machine::make(&recipe, &self.scratch, self.log)?;
        machine.check_out(&self.pipeline.workspace)?;
        let xtask = machine.checkout.join(XTASK);
        match self.compiles {
            true => {
                let build = ["cargo", "build", "--locked", "--package", "xtask"];
                machine.run(build)?.ended_with(0, &["Finished"])?;
                files::copy(&machine.checkout.join("target/debug/xtask"), &xtask)?;
            }
            false => copy_this_program(&xtask)?,
        }
        let target = self.pipeline.targets.target(&self.target)?;
        let plan = self.pipeline.plan(&[target], Purpose::Dist)?;
        let taken = |job: &&Job| TAKEN_OVER.iter().any(|kind| job.id.starts_with(kind));
        let jobs: Vec<String> = plan
            .jobs
            .iter()
            .filter(taken)
            .map(|job| job.id.clone())
            .collect();
        let archive = machine.checkout.join(RESULTS);
        transfer::export(&plan, &self.pipeline.cache(), &jobs, &archive, self.log)?;
        Ok(machine)
    }

    /// Whether a checkout's packages are those of this machine's. The repository is signed by a key of each machine's own.
    fn same(&self, checkout: &Path) -> Result<(), Failure> {
        let pool = |dist: &Path| -> Result<Vec<(String, String)>, Failure> {
            let root = dist.join("apt/pool");
            let mut found = Vec::new();
            for file in files::files_below(&root)? {
                let (digest, _) = base::digest::Digest::of_file(&root.join(&file))
                    .map_err(files::FileError::at("read", &file))?;
                found.push((file.display().to_string(), digest.to_string()));
            }
            found.sort();
            Ok(found)
        };
        let there = pool(&checkout.join("dist"))?;
        let here = pool(&self.pipeline.workspace.root.join("dist"))?;
        let differs = there.iter().find(|one| !here.contains(one));
        ensure(!there.is_empty() && differs.is_none(), || {
            format!("{} packages; {differs:?} is not here", there.len())
        })
    }
}
