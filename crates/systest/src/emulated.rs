//! The suite `emulated`: tests of a target's packages on a machine of another architecture, in qemu's user emulation.
//!
//! It unpacks the distribution's own locked packages and runs a server, Python and the runtime on the oldest processor. Then it
//! installs the packages of a release with apt into a whole system ([`installed`]). On a machine of the target's architecture
//! the same is done without an emulator.

mod image;
mod installed;

use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files;
use base::process::Program;
use base::progress::Listener;
use base::sandbox::Sandbox;
use build::layout;
use build::plan::{Purpose, ids};
use build::runtime::BYTE_COMPILER;
use debian::rootfs;
use inputs::host::emulation::{self, Emulation};
use inputs::host::tools::BWRAP;
use jobs::execute::to_run;
use release::pipeline::Pipeline;
use targets::Target;
use targets::lock::Lock;

use crate::cases::{Case, Cases, ensure};

/// The oldest processor of each architecture that qemu knows, by Debian's name.
const OLDEST: [(&str, &str); 2] = [("amd64", "qemu64"), ("arm64", "cortex-a53")];

/// Starts a server in a new cluster and has it load C code of the distribution's.
const SERVER: &str = r#"
cd /build
bin=/usr/lib/postgresql/$MAJOR/bin
"$bin/initdb" --pgdata=/build/data --username=postgres --auth=trust >/build/log 2>&1 || { tail -n 20 /build/log; exit 1; }
"$bin/pg_ctl" --pgdata=/build/data --log=/build/log --wait --timeout=300 \
    --options='-c listen_addresses= -k /tmp -c jit=off' start >/dev/null || { tail -n 20 /build/log; exit 1; }
trap '"$bin/pg_ctl" --pgdata=/build/data --mode=immediate stop >/dev/null' EXIT
psql() { "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -h /tmp -U postgres "$@"; }
"#;

/// What it is asked.
const ASK: &str = r#"
psql -c 'CREATE EXTENSION plpython3u' -c "CREATE FUNCTION machine() RETURNS text LANGUAGE plpython3u AS \$\$
import platform
return platform.machine()
\$\$" -c "SELECT machine() || ' ' || current_setting('server_version_num')"
"#;

/// Byte-compiles a copy of the runtime without byte code, as the runtime's job does.
const BYTE_COMPILE: &str = r#"
"python$PYTHON" -c "$BYTE_COMPILER" /usr/lib/pgml
"#;

/// Trains with each library of the runtime.
const TRAIN: &str = r#"
"python$PYTHON" - <<'PY'
import os, platform, sys
sys.path.insert(0, f"/usr/lib/pgml/python{os.environ['PYTHON']}/site-packages")
import numpy
from lightgbm import LGBMRegressor
from sklearn.linear_model import LinearRegression
from sklearn.svm import SVC
from xgboost import XGBRegressor
x = numpy.arange(400.0).reshape(100, 4) % 17
y = x @ [1.0, 2.0, 3.0, 4.0]
assert abs(LinearRegression().fit(x, y).score(x, y) - 1) < 1e-9
assert SVC().fit(x, y > 80).score(x, y > 80) > 0.7
assert XGBRegressor(n_estimators=5, n_jobs=1).fit(x, y).score(x, y) > 0.5
assert LGBMRegressor(n_estimators=5, n_jobs=1, min_child_samples=2, verbose=-1).fit(x, y).score(x, y) > 0.1
print(platform.machine())
PY
"#;

/// What the cases of one target share: those about its images, and those about its packages in a whole system.
struct Suite<'a> {
    pipeline: &'a Pipeline,
    target: &'a Target,
    /// The release under test.
    out: &'a Path,
    /// None where the machine runs programs of that architecture by itself.
    emulation: Option<&'a Emulation>,
    log: &'a Path,
}

/// Runs the suite on each target.
pub fn run(
    pipeline: &Pipeline,
    chosen: &[Target],
    out: &Path,
    listener: &dyn Listener,
) -> Result<Vec<Case>, Failure> {
    let mut done = Vec::new();
    for target in chosen {
        let mut cases = Cases::new(format!("{target} emulated:"), listener);
        match System::new(pipeline, target, listener)? {
            Ok(system) => {
                system.run(&mut cases)?;
                let suite = Suite {
                    pipeline,
                    target,
                    out,
                    emulation: system.emulation.as_ref(),
                    log: &system.log,
                };
                suite.images(&mut cases)?;
                suite.installed(&mut cases, listener)?;
            }
            Err(why) => cases.not_run("a server of the locked packages", why),
        }
        done.extend(cases.done);
    }
    Ok(done)
}

/// A distribution's unpacked packages, and how to run what is there.
struct System<'a> {
    target: &'a Target,
    root: PathBuf,
    runtime: PathBuf,
    scratch: PathBuf,
    emulation: Option<Emulation>,
    log: PathBuf,
}

/// Unpacks packages into a root file system that a sandbox can enter. No package is configured, so that `/etc/passwd` has no
/// user yet, and initdb asks for the name of its user.
fn unpack(packages: &[PathBuf], root: &Path, log: &Path) -> Result<(), Failure> {
    rootfs::unpack_packages(packages, root, log)?;
    for mount_point in ["in", "build", "proc", "dev", "tmp", "run", "usr/lib/pgml"] {
        files::create_dir(&root.join(mount_point))?;
    }
    Ok(files::write(
        &root.join("etc/passwd"),
        "root:x:0:0::/root:/bin/sh\npostgres:x:1000:1000::/tmp:/bin/sh\n",
    )?)
}

impl<'a> System<'a> {
    /// Fetches and unpacks the packages. The inner error is the reason why that can't be done here.
    fn new(
        pipeline: &Pipeline,
        target: &'a Target,
        listener: &dyn Listener,
    ) -> Result<Result<Self, String>, Failure> {
        let workspace = &pipeline.workspace;
        let distribution = &target.distribution;
        let id = &distribution.id;
        if !Lock::path(workspace, id).exists() {
            return Ok(Err(format!("archive not enabled: {id} is not locked")));
        }
        if distribution.postgres != target.major {
            let (title, own) = (&distribution.title, distribution.postgres);
            return Ok(Err(format!("{title} has postgresql-{own} and no other")));
        }
        let log = workspace.log(&format!("test-emulated-{target}"));
        files::write(&log, "")?;
        let emulation = match emulation(pipeline, target, listener)? {
            Ok(emulation) => emulation,
            Err(why) => return Ok(Err(why)),
        };
        let chosen = std::slice::from_ref(target);
        let mut plan = pipeline.whole_plan(chosen, Purpose::Dist)?;
        let runtime = ids::runtime(&id);
        if plan.job(&runtime).is_none() {
            return Ok(Err(format!("{id} has no Python runtime of its own")));
        }
        let debs = ["base", "test"].map(|role| ids::fetch(&id, &role));
        plan.goals = debs.to_vec();
        plan.goals.push(runtime.clone());
        let cache = pipeline.cache();
        if !to_run(&plan, &cache).is_empty() {
            let outcome = pipeline.execute(&plan, chosen, listener)?;
            if let Some(exit) = outcome.exit() {
                return Err(Failure::already_reported(exit));
            }
        }
        // INVARIANT: goals of the plan
        let output = |id: &str| plan.job(id).map_or(PathBuf::new(), |job| cache.output(job));
        let mut packages = Vec::new();
        for dir in debs.iter().map(|job| output(job)) {
            for deb in files::files_below(&dir)? {
                packages.push(dir.join(deb));
            }
        }
        let scratch = workspace.cache.join(format!("systest/emulated/{target}"));
        files::remove_dir(&scratch)?;
        let root = scratch.join("root");
        listener.note(&format!("{target}: unpacking {} packages", packages.len()));
        unpack(&packages, &root, &log)?;
        Ok(Ok(Self {
            target,
            runtime: output(&runtime).join(layout::PYTHON_TREE),
            root,
            scratch,
            emulation,
            log,
        }))
    }

    fn run(&self, cases: &mut Cases<'_>) -> Result<(), Failure> {
        let machine = &self.target.distribution.architecture.machine;
        let how = match &self.emulation {
            Some(_) => "emulated",
            None => "on this machine",
        };
        cases.run(&format!("a server starts and loads C code, {how}"), || {
            let said = self.output(&format!("{SERVER}{ASK}"), &self.runtime, "")?;
            let expected = format!("{machine} {}", self.target.major);
            ensure(said.starts_with(&expected), || {
                format!("it says {said}, not {expected}")
            })
        });
        let oldest = OLDEST
            .iter()
            .find(|(name, _)| *name == self.target.distribution.architecture.name);
        let processor = match (&self.emulation, oldest) {
            (Some(_), Some((_, oldest))) => *oldest,
            _ => "",
        };
        let on = match processor {
            "" => how.to_owned(),
            processor => format!("{how} ({processor})"),
        };
        cases.run(&format!("the runtime trains, {on}"), || {
            let said = self.output(TRAIN, &self.runtime, processor)?;
            ensure(said.trim() == machine, || format!("it says {said}"))
        });
        cases.run("its own Python makes the same byte code", || {
            self.byte_code()
        });
        Ok(files::remove_dir(&self.scratch)?)
    }

    /// Compares the runtime's byte code with what the distribution's own Python makes.
    fn byte_code(&self) -> Result<(), Failure> {
        let copy = self.scratch.join("runtime");
        let is_code = |file: &Path| file.extension().is_some_and(|ending| ending == "pyc");
        let all = files::files_below(&self.runtime)?;
        for file in all.iter().filter(|file| !is_code(file)) {
            files::copy(&self.runtime.join(file), &copy.join(file))?;
        }
        self.output(BYTE_COMPILE, &copy, "")?;
        let made = files::files_below(&copy)?;
        let count = made.iter().filter(|file| is_code(file)).count();
        ensure(made == all && count > 1000, || {
            format!(
                "{} files with {count} of byte code; the runtime has {}",
                made.len(),
                all.len()
            )
        })?;
        for file in made.iter().filter(|file| is_code(file)) {
            let same = files::read(&copy.join(file))? == files::read(&self.runtime.join(file))?;
            ensure(same, || format!("{} differs", file.display()))?;
        }
        Ok(())
    }

    /// Runs a script in the root file system and returns its output. `runtime` is writable at its installed place;
    /// `processor` is a name of qemu's.
    fn output(&self, script: &str, runtime: &Path, processor: &str) -> Result<String, Failure> {
        let build = self.scratch.join("build");
        files::remove_dir(&build)?;
        files::create_dir(&build)?;
        let distribution = &self.target.distribution;
        let mut sandbox = Sandbox::new(&self.root)
            .tmpfs("/in")
            .writable(&build, "/build")
            .env("MAJOR", self.target.major.to_string())
            .env("PYTHON", distribution.python.to_string())
            // As the runtime's job has it, for byte code that holds frozen sets.
            .env("PYTHONHASHSEED", "0")
            .env("BYTE_COMPILER", BYTE_COMPILER);
        sandbox = match runtime == self.runtime {
            true => sandbox.read_only(runtime, layout::PYTHON_PREFIX),
            false => sandbox.writable(runtime, layout::PYTHON_PREFIX),
        };
        if !processor.is_empty() {
            sandbox = sandbox.env("QEMU_CPU", processor);
        }
        let program = self.wrap(sandbox.script(script));
        let said = program.output(&self.log)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    fn wrap(&self, program: Program) -> Program {
        match &self.emulation {
            Some(emulation) => emulation.wrap(&program),
            None => program,
        }
    }
}

/// The emulator for a target's programs; `None` on a machine of their architecture. The inner error is the reason why there is
/// none.
fn emulation(
    pipeline: &Pipeline,
    target: &Target,
    listener: &dyn Listener,
) -> Result<Result<Option<Emulation>, String>, Failure> {
    let (host, workspace) = (&pipeline.host, &pipeline.workspace);
    let architecture = &target.distribution.architecture;
    let install = workspace.log("install");
    host.require(&[BWRAP], &install, listener)?;
    if host.architecture(&pipeline.targets) == architecture {
        return Ok(Ok(None));
    }
    let Some(tool) = emulation::tool(architecture) else {
        return Ok(Err(format!(
            "no emulator of {} is known",
            architecture.name
        )));
    };
    if let Err(error) = host.require(&[tool], &install, listener) {
        return Ok(Err(error.to_string()));
    }
    Ok(match Emulation::of(architecture, host) {
        Ok(emulation) => Ok(Some(emulation)),
        Err(error) => Err(error.to_string()),
    })
}

/// The package with a target's extension in a release.
fn extension(out: &Path, target: &Target) -> Option<PathBuf> {
    let dir = out.join(target.to_string());
    let name = format!("postgresql-{}-pgml_", target.major);
    let files = std::fs::read_dir(&dir).into_iter().flatten().flatten();
    let mut names = files.filter_map(|file| file.file_name().into_string().ok());
    let found = names.find(|file| file.starts_with(&name) && file.ends_with(".deb"));
    found.map(|file| dir.join(file))
}
