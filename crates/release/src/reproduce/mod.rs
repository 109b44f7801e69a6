//! Builds a release a second time, with an empty cache in other surroundings, and compares every artifact's digest with the
//! first build's.
//!
//! The builds share inputs, by digest, but no job's result. The second build has no network where this process may take it
//! away. Each property that could not be varied is reported as not varied. [`Document::variations`] are measured in the
//! second build's surroundings, not assumed.

pub mod compare;
pub mod elsewhere;
pub mod explain;
mod inputs;
pub mod variation;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use miette::Diagnostic;
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::files::{self, FileError};
use base::process;
use base::progress::Listener;
use build::layout::ROOTFS;
use build::plan::{Plan, Purpose};
use jobs::execute::CacheLock;
use jobs::source_files;
use targets::release::Release;
use targets::{Target, Targets};

use self::compare::{Compared, Outcome};
use self::elsewhere::Elsewhere;
use self::variation::Variation;
use crate::buildinfo::Rebuild;
use crate::outdated::Summary;
use crate::pipeline::Pipeline;
use crate::publish::{self, Artifact, Manifest};

/// The version of [`Document`].
const VERSION: u32 = 1;
/// The name of the second build in progress lines.
const SECOND: &str = "second build";

/// The result of the second build: what `cargo xtask reproduce --json` prints.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Document {
    /// The version of this format.
    pub version: u32,
    /// The release's version, `3.0.0-1`.
    pub release: String,
    /// The targets that were built again.
    pub targets: Vec<String>,
    /// Whether every artifact that was compared is the same.
    pub reproduced: bool,
    /// The differences between the surroundings of the two builds, and the properties that were not varied.
    pub variations: Vec<Variation>,
    /// Every artifact of either build.
    pub artifacts: Vec<Compared>,
    /// Seconds that the second build took.
    pub seconds: f64,
}

/// Why there is nothing to compare.
#[derive(Debug, Error, Diagnostic)]
pub enum ReproduceError {
    /// The manifest can't be read.
    #[error("{} is no manifest that this program reads", path.display())]
    #[diagnostic(help(
        "name the manifest.json of a release that this version of the program made"
    ))]
    NoManifest {
        /// The path of the manifest that could not be read.
        path: PathBuf,
    },
    /// The release is not the one of this checkout.
    #[error("{} is of {wanted}, and this checkout is {here}", path.display())]
    #[diagnostic(help(
        "check out the source of {wanted}; `version` and `revision` are in packaging/release.toml"
    ))]
    OtherRelease {
        /// The manifest or the `.buildinfo`.
        path: PathBuf,
        /// The version and revision that it is of.
        wanted: String,
        /// Those of this checkout.
        here: String,
    },
    /// The second build failed.
    #[error("the second build ended with exit code {code}:\n{tail}")]
    #[diagnostic(help(
        "it ran in other surroundings, which a build has to support. Its whole output is \
         in {}", log.display()
    ))]
    SecondBuild {
        /// The exit code of the second build's process.
        code: i32,
        /// The last lines that the second build printed.
        tail: String,
        /// The file with the whole output of the second build.
        log: PathBuf,
    },
}

impl ExitKind for ReproduceError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoManifest { .. } | Self::OtherRelease { .. } => Exit::Usage,
            Self::SecondBuild { code: 3, .. } => Exit::CannotHere,
            Self::SecondBuild { .. } => Exit::CheckFailed,
        }
    }
}

/// The release to compare with.
pub struct FirstRelease {
    /// The directory with the files of the release.
    pub dir: PathBuf,
    /// The manifest of the release, with the digest of each file.
    pub manifest: Manifest,
    /// Whether its files are compared, or only the manifest's digests: the files of another builder's release may not be
    /// here.
    pub files: bool,
    /// Whether only the artifacts of the manifest are compared, and not what else the second build makes.
    pub partial: bool,
}

impl FirstRelease {
    /// Reads a release from its manifest, whether or not the files lie beside it.
    pub fn of_manifest(path: &Path) -> Result<Self, Failure> {
        let path = match path.is_dir() {
            true => path.join(publish::MANIFEST),
            false => path.to_owned(),
        };
        let manifest = publish::read_manifest_file(&path).ok_or_else(|| {
            let path = path.clone();
            ReproduceError::NoManifest { path }
        })?;
        Ok(Self {
            dir: path.parent().unwrap_or(Path::new(".")).to_owned(),
            manifest,
            files: false,
            partial: false,
        })
    }

    /// The packages that a `.buildinfo` names, as a release of these alone.
    pub fn of_buildinfo(path: &Path, targets: &Targets) -> Result<Self, Failure> {
        let rebuild = Rebuild::read(path)?;
        let target = rebuild.target(targets)?;
        let runtime = !rebuild
            .binaries
            .iter()
            .any(|name| name.starts_with("postgresql-"));
        let directory = match runtime {
            true => target.distribution.id.clone(),
            false => target.to_string(),
        };
        let files = rebuild.files.iter();
        let artifacts = files.map(|(name, sha256, size)| Artifact {
            path: format!("{directory}/{name}"),
            kind: publish::Kind::Extension,
            target: Some(directory.clone()),
            size: *size,
            sha256: *sha256,
        });
        let version = rebuild.version.split('~').next().unwrap_or_default();
        Ok(Self {
            dir: path.parent().unwrap_or(Path::new(".")).to_owned(),
            manifest: Manifest {
                version: publish::VERSION,
                release: version.to_owned(),
                epoch: rebuild.epoch,
                releasable: true,
                plan: Digest::of(""),
                builder: None,
                outdated: Summary::default(),
                artifacts: artifacts.collect(),
                targets: BTreeMap::new(),
            },
            files: false,
            partial: true,
        })
    }

    /// Refuses a release that this checkout is not of: no digest could agree.
    pub fn require_release(&self, path: &Path, release: &Release) -> Result<(), ReproduceError> {
        let here = format!("{}-{}", release.version, release.revision);
        match self.manifest.release == here {
            true => Ok(()),
            false => Err(ReproduceError::OtherRelease {
                path: path.to_owned(),
                wanted: self.manifest.release.clone(),
                here,
            }),
        }
    }

    /// The artifacts with the digests that count.
    fn artifacts(&self) -> Result<Vec<Artifact>, Failure> {
        let mut artifacts = self.manifest.artifacts.clone();
        if self.files {
            for artifact in &mut artifacts {
                let path = self.dir.join(&artifact.path);
                let facts = Digest::of_file(&path).map_err(FileError::at("read", &path))?;
                (artifact.sha256, artifact.size) = facts;
            }
        }
        Ok(artifacts)
    }
}

/// A second build that is to be made.
pub struct Reproduction<'a> {
    /// The run; its cache has the inputs.
    pub pipeline: &'a Pipeline,
    /// The targets that are built a second time.
    pub chosen: &'a [Target],
    /// This program's own executable.
    pub executable: &'a Path,
    /// The receiver of progress lines and of the second build's output.
    pub listener: &'a dyn Listener,
}

impl Reproduction<'_> {
    /// The directory of this and other reproductions: one at a time.
    fn dir(&self) -> PathBuf {
        self.pipeline.workspace.cache.join("reproduce")
    }

    /// The release as this cache makes it: `out` if it holds exactly that, or else a new tree. `out` is not changed.
    pub fn first(&self, out: &Path) -> Result<FirstRelease, Failure> {
        let plan = self.pipeline.plan(self.chosen, Purpose::Dist)?;
        self.pipeline.execute(&plan, self.chosen, self.listener)?;
        let dir = match publish::is_current(out, &plan) {
            true => out.to_owned(),
            false => {
                let own = self.dir().join("first");
                let unknown = Summary::default();
                self.pipeline
                    .publish(&own, &plan, false, &unknown, self.listener)?;
                own
            }
        };
        let path = dir.join(publish::MANIFEST);
        Ok(FirstRelease {
            manifest: publish::read_manifest_file(&path)
                .ok_or(ReproduceError::NoManifest { path })?,
            dir,
            files: true,
            partial: false,
        })
    }

    /// Builds again and compares.
    pub fn run(&self, first: &FirstRelease) -> Result<Document, Failure> {
        let dir = self.dir();
        let _lock = CacheLock::acquire(&dir, self.listener)?;
        let plan = self.pipeline.plan(self.chosen, Purpose::Dist)?;
        if !first.partial && first.manifest.plan != publish::plan_digest(&plan) {
            self.listener.note(
                "the manifest was made from another source tree, other locks or another compiler than are here; its digests \
                 can only agree by chance",
            );
        }
        let expected = first.artifacts()?;
        let builder = self.gather(&plan)?;
        let place = dir.join("elsewhere");
        files::remove_dir(&place)?;
        let log = self.pipeline.workspace.log("reproduce");
        files::write(&log, "")?;
        let elsewhere = Elsewhere::prepare(&place, self.pipeline, Some(&builder), &log)?;
        inputs::share(self.pipeline, &plan, &elsewhere, &log)?;
        source_files::copy(&self.pipeline.workspace, &elsewhere.host_path("source"))?;
        files::copy(self.executable, &elsewhere.host_path("bin/xtask"))?;
        files::set_mode(&elsewhere.host_path("bin/xtask"), 0o755)?;
        let variations = elsewhere.variations(&builder, &log)?;
        for variation in &variations {
            self.listener.note(&variation.to_string());
        }
        let began = Instant::now();
        self.build(&elsewhere, &log)?;
        let seconds = began.elapsed().as_secs_f64();
        let made = elsewhere.host_path("out");
        let second = publish::read_manifest(&made).ok_or_else(|| ReproduceError::NoManifest {
            path: made.join(publish::MANIFEST),
        })?;
        let same_key = first.files || compare::same_key(&expected, &second.artifacts);
        let mut made_again = second.artifacts;
        if first.partial {
            made_again.retain(|made| expected.iter().any(|one| one.path == made.path));
        }
        let mut artifacts = compare::compare(&expected, &made_again, same_key);
        let explained = dir.join("explained");
        files::remove_dir(&explained)?;
        explain::explain(&mut artifacts, &first.dir, &made, &explained, self.listener)?;
        let reproduced = compare::reproduced(&artifacts);
        let kept = dir.join("second");
        files::remove_dir(&kept)?;
        if !reproduced {
            files::rename(&made, &kept)?;
        }
        files::remove_dir(&place)?;
        Ok(Document {
            version: VERSION,
            release: first.manifest.release.clone(),
            targets: self.chosen.iter().map(ToString::to_string).collect(),
            reproduced,
            variations,
            artifacts,
            seconds,
        })
    }

    /// Fetches all inputs into this cache, and makes the builder, in which the second clock is compiled.
    fn gather(&self, plan: &Plan) -> Result<PathBuf, Failure> {
        let builder = build::plan::builder(plan)
            .map(|job| job.id.clone())
            .unwrap_or_default();
        let mut inputs = Pipeline::inputs_of(plan);
        inputs.goals.push(builder.clone());
        self.pipeline.execute(&inputs, self.chosen, self.listener)?;
        let missing =
            || FileError::at("find the job", &builder)(std::io::ErrorKind::NotFound.into());
        let job = plan.job(&builder).ok_or_else(missing)?;
        Ok(self.pipeline.cache().output(job).join(ROOTFS))
    }

    /// Runs the second build. Its output goes to the log and, line by line, to the listener.
    fn build(&self, elsewhere: &Elsewhere, log: &Path) -> Result<(), Failure> {
        let inside = |name: &str| elsewhere.mounted_path(name).into_os_string();
        let mut command = vec![
            inside("bin/xtask"),
            "--source".into(),
            inside("source"),
            "--cache".into(),
            inside("cache"),
            "dist".into(),
            "--out".into(),
            inside("out"),
            "--epoch".into(),
            self.pipeline.epoch.to_string().into(),
        ];
        command.extend(self.chosen.iter().map(|target| target.to_string().into()));
        self.listener
            .started(SECOND, "from an empty cache, in other surroundings");
        let mut child = elsewhere
            .program(command)
            .command()
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(FileError::at("start", "unshare"))?;
        let mut output = String::new();
        let mut file = std::fs::File::options()
            .append(true)
            .open(log)
            .map_err(FileError::at("write", log))?;
        if let Some(stderr) = child.stderr.take() {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                writeln!(file, "{line}").map_err(FileError::at("write", log))?;
                self.listener.progress(SECOND, &line);
                output.push_str(&line);
                output.push('\n');
            }
        }
        let status = child.wait().map_err(FileError::at("wait for", "unshare"))?;
        self.listener
            .finished(SECOND, if status.success() { "done" } else { "failed" });
        match status.success() {
            true => Ok(()),
            false => Err(ReproduceError::SecondBuild {
                code: status.code().unwrap_or(-1),
                tail: process::tail(&output),
                log: log.to_owned(),
            }
            .into()),
        }
    }
}

impl Document {
    /// How many artifacts came out so.
    pub fn count(&self, which: impl Fn(&Outcome) -> bool) -> usize {
        let outcomes = self.artifacts.iter().map(|artifact| &artifact.outcome);
        outcomes.filter(|outcome| which(outcome)).count()
    }
}
