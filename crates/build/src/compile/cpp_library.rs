//! Static archives of the gradient boosting libraries, which are written in C++. The builder compiles them from the sources
//! that a crate carries. Each library has its own job, whose key has the crate's checksum and the recipe. So a change of the
//! extension does not compile a library again, and all majors share the archive.

use std::path::Path;

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use base::process::{self, Program};
use base::sandbox::Sandbox;
use targets::Architecture;
use targets::lock::crates::CrateLock;

use crate::compile::shared_objects::{REPORT, Wrapper};
use crate::plan::{Work, ids};

/// A library that is linked in as an archive.
#[derive(Debug)]
pub struct Library {
    /// Its name in job ids.
    pub name: &'static str,
    /// The crate of `extension/Cargo.lock` that carries its sources.
    pub crate_name: &'static str,
    /// The directory of those in the crate, where the makefile is run.
    pub sources: &'static str,
    /// The makefile, in the source tree, and after it the files that it compiles besides the crate's.
    pub recipe: &'static [&'static str],
    /// The file name of the static archive that the makefile writes.
    pub archive: &'static str,
}

/// The C++ libraries that the extension links.
pub const LIBRARIES: [Library; 2] = [
    Library {
        name: "lightgbm",
        crate_name: "lightgbm3-sys",
        sources: "lightgbm",
        recipe: &["packaging/boosting/lightgbm.mk"],
        archive: "liblightgbm.a",
    },
    Library {
        name: "xgboost",
        crate_name: "xgboost_lib-sys",
        sources: "xgboost",
        recipe: &[
            "packaging/boosting/xgboost.mk",
            "packaging/boosting/xgboost/alone.cc",
            "packaging/boosting/xgboost/border.cc",
        ],
        archive: "libxgboost.a",
    },
];

/// The library of a name.
pub fn library(name: &str) -> Result<&'static Library, Failure> {
    let found = LIBRARIES.iter().find(|library| library.name == name);
    found.ok_or_else(|| {
        Failure::bug(format!(
            "the plan names the library `{name}`, which nothing compiles"
        ))
    })
}

impl Library {
    /// The job that compiles it.
    pub fn job(&self) -> String {
        format!("compile:{}", self.name)
    }

    /// The job that fetches its sources.
    pub fn fetch_job(&self) -> String {
        ids::fetch_set(&self.name)
    }

    /// Links the crate's file from cargo's `cache` into `out`, if its digest is the lock's. Returns the name of the file.
    pub fn fetch(&self, lock: &Path, cache: &Path, out: &Path) -> Result<String, Failure> {
        let missing = |place: &Path| {
            FileError::at("find the crate in", place)(std::io::ErrorKind::NotFound.into())
        };
        let crates = CrateLock::load(lock)?;
        let wanted = crates.named(self.crate_name).ok_or_else(|| missing(lock))?;
        let name = wanted.file_name();
        for file in files::files_below(cache)? {
            let path = cache.join(&file);
            if file.file_name() == Some(name.as_ref()) {
                let (found, _) = Digest::of_file(&path).map_err(FileError::at("read", &path))?;
                if Some(found) == wanted.checksum {
                    files::link_or_copy(&path, &out.join(&name))?;
                    return Ok(name);
                }
            }
        }
        Err(missing(cache).into())
    }

    /// Compiles the library for an architecture; the archive is the job's output. For other architectures than the first, it
    /// calls the programs whose names begin with the architecture's triplet.
    pub fn compile(
        &self,
        builder: &Path,
        architecture: &Architecture,
        fetched: &Path,
        root: &Path,
        wrapper: Option<&Wrapper>,
        work: &Work<'_>,
    ) -> Result<String, Failure> {
        let unpacked = work.scratch.join("sources");
        files::create_dir(&unpacked)?;
        for name in files::files_below(fetched)? {
            Program::new("tar")
                .args(["--extract", "--gzip", "--strip-components=1", "--file"])
                .arg(fetched.join(name))
                .arg("--directory")
                .arg(&unpacked)
                .run(&work.log)?;
        }
        let made = work.scratch.join("made");
        files::create_dir(&made)?;
        let recipe = work.scratch.join("recipe");
        files::create_dir(&recipe)?;
        let mut makefile = "";
        for file in self.recipe.iter().rev() {
            makefile = file.rsplit('/').next().unwrap_or(file);
            files::copy(&root.join(file), &recipe.join(makefile))?;
        }
        let sandbox = match wrapper {
            Some(wrapper) => wrapper.before_compilers(Sandbox::new(builder)),
            None => Sandbox::new(builder),
        };
        sandbox
            .tmpfs("/in")
            .tmpfs("/build")
            .read_only(&unpacked.join(self.sources), "/in/sources")
            .read_only(&recipe, "/in/recipe")
            .writable(&made, "/build/out")
            .env(
                "TOOLS",
                match architecture.suffix() {
                    "" => String::new(),
                    _ => format!("{}-", architecture.gnu),
                },
            )
            .script(&format!(
                "cd /in/sources && make --silent --jobs={} --file=/in/recipe/{makefile}{REPORT}",
                process::jobs()
            ))
            .run(&work.log)?;
        let archive = made.join(self.archive);
        let to = work.out.join(self.archive);
        files::copy(&archive, &to)?;
        let size = to.metadata().map_err(FileError::at("read", &to))?.len();
        let shared = wrapper
            .map(Wrapper::summary)
            .transpose()?
            .unwrap_or_default();
        Ok(format!(
            "{}, {:.1} MB{shared}",
            self.archive,
            size as f64 / 1e6
        ))
    }
}
