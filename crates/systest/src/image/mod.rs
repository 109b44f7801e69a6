//! The suite `image`: the images of a target in a container engine, one case for each row of the environment contract in
//! docs/images.md, and what other tools say of the archives.
//!
//! Where no engine answers or another tool is missing, the cases are reported as not run. Each container is removed by its
//! own id when its case is done, and image names that the suite took are restored. Other containers and images are not
//! touched.

mod archive;
mod command;
mod compose;
mod container;
mod contract;
mod crashes;
mod dockerfile;
mod extension;
mod first_start;
mod memory;
mod packages;
mod serving;
mod suite;
mod tags;

use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files;
use base::progress::Listener;
use build::oci::Flavour;
use build::oci::config::ImageConfig;
use build::oci::engine::Engine;
use inputs::host::tools::DOCKER;
use targets::Target;

use self::container::Containers;
use self::tags::Tags;
use crate::cases::{Case, Cases, Test, ensure};

/// How many cases run at a time: each has a server that starts, and a machine of two cores is common.
const WORKERS: usize = 3;

/// The inputs of the suite.
pub struct ImageTest<'a> {
    /// The target whose images are tested.
    pub target: &'a Target,
    /// What they are called.
    pub config: ImageConfig,
    /// The release under test.
    pub release: &'a Path,
    /// The compressed base layer of the full image, for a base to build on; `None` if there is no image with a server.
    pub base: Option<PathBuf>,
    /// The root of the source tree.
    pub source: &'a Path,
    /// A copy of this program.
    pub executable: &'a Path,
    /// A directory to work in.
    pub scratch: &'a Path,
    /// Where the output of tools is kept.
    pub log: &'a Path,
    /// Whether each external tool for the archives is installed, or the reason why it is not.
    pub tools: &'a (dyn Fn(&'static str) -> Result<(), String> + Sync),
}

impl ImageTest<'_> {
    /// Runs every case of the suite and returns the results.
    pub fn run(&self, listener: &dyn Listener) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new(format!("{} image:", self.target), listener);
        files::remove_dir(self.scratch)?;
        files::create_dir(self.scratch)?;
        self.extension_image(&mut cases);
        if self.base.is_none() {
            let why = format!(
                "{} carries no PostgreSQL {}, or its image packages are not locked",
                self.target.distribution.title, self.target.major
            );
            cases.not_run("the images with a server", why);
            return Ok(cases.done);
        }
        self.archives(&mut cases);
        let engine = match Engine::find(self.log) {
            Some(engine) if engine.program == DOCKER.name => engine,
            other => {
                let why = match other {
                    None => "neither `docker` nor `podman` answers here",
                    Some(_) => {
                        "podman answers here and `docker` does not, which these cases are for"
                    }
                };
                cases.not_run("every case that runs a container", why);
                return Ok(cases.done);
            }
        };
        let tags = Tags::of(&engine, self.names(), self.log)?;
        let loaded = cases.run(
            &format!("{} load takes both images", engine.program),
            || {
                [Flavour::Full, Flavour::Slim]
                    .iter()
                    .try_for_each(|flavour| engine.load(&self.archive(*flavour), self.log))
            },
        );
        if loaded.is_none() {
            return Ok(cases.done);
        }
        let containers = Containers::new(
            engine.clone(),
            self.name(Flavour::Full),
            self.name(Flavour::Slim),
            self.log,
        );
        // Alone, because it is timed.
        self.serving(&containers, &mut cases);
        let tests: Vec<Test<'_>> = contract::rows(self, &containers);
        cases.run_all(WORKERS, tests);
        self.on_a_base(&containers, &mut cases);
        self.compose(&containers, &mut cases);
        self.command(&containers, &mut cases);
        cases.run("no container and no image of this run is left", || {
            let left = containers.remaining()?;
            ensure(left.is_empty(), || format!("containers {left}"))?;
            tags.restore()?;
            let changed = tags.changed()?;
            ensure(changed.is_empty(), || format!("images {changed:?}"))
        });
        files::remove_dir(self.scratch)?;
        Ok(cases.done)
    }

    fn archive(&self, flavour: Flavour) -> PathBuf {
        let name = flavour.file_name(&self.config.name, self.target);
        self.release.join("images").join(name)
    }

    /// The name of an image once it is loaded.
    fn name(&self, flavour: Flavour) -> String {
        let [name, _] = flavour.names(&self.config.name, self.target);
        name
    }

    /// All names that loading both gives them.
    fn names(&self) -> Vec<String> {
        let flavours = [Flavour::Full, Flavour::Slim].into_iter();
        let names = flavours.flat_map(|flavour| flavour.names(&self.config.name, self.target));
        names.collect()
    }

    /// Where the servers' clusters are.
    fn data(&self) -> String {
        match self.target.major >= 18 {
            true => format!("/var/lib/postgresql/{}/docker", self.target.major),
            false => "/var/lib/postgresql/data".to_owned(),
        }
    }
}

/// Fails unless a text contains all of these.
fn ensure_says(text: &str, expected: &[&str]) -> Result<(), Failure> {
    let missing = expected.iter().find(|word| !text.contains(**word));
    ensure(missing.is_none(), || {
        format!(
            "`{}` is not in: {text}",
            missing.copied().unwrap_or_default()
        )
    })
}
