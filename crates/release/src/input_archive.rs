//! All locked inputs of a release in one archive, so that it can be built again on a machine without a network, and when its
//! archives are gone.
//!
//! An archive has `inputs.json`, the packages and wheels by their digests (`store/DIGEST`), and the crates of the product
//! and of this tool as a cargo home has them (`cargo/registry/`). The import checks every file against the locks of the
//! source tree, so that the archive need not be trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use base::digest::Digest;
use base::exit::{Exit, ExitKind, Failure};
use base::files::{self, FileError};
use base::progress::Listener;
use base::store::Store;
use build::plan::{Plan, Step};
use inputs::fetch::{fetch_crates, fetch_tool_crates};
use targets::Target;
use targets::lock::crates::CrateLock;
use targets::lock::{Lock, WheelLock, WheelSet};

use crate::pipeline::Pipeline;

/// The version of an archive's list.
const VERSION: u32 = 1;
/// The list's name in an archive.
const LIST: &str = "inputs.json";
/// The directory of packages and wheels.
const STORE: &str = "store";
/// The directory of the cargo home in the archive.
const CARGO: &str = "cargo";
/// The parts of a cargo home that a build without a network needs.
const REGISTRY: [&str; 2] = ["registry/cache", "registry/index"];

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    version: u32,
    /// The release's version, `3.0.0-1`.
    release: String,
    /// The targets that can be built from it.
    targets: Vec<String>,
    /// The packages and wheels.
    inputs: Vec<Input>,
}

/// A file that a lock pins, as the archive lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    /// Its name: that of a package's or a wheel's file.
    name: String,
    /// The lock that pins it.
    lock: String,
    /// The size of the file in bytes.
    size: u64,
    sha256: Digest,
}

/// An archive that can't be used.
#[derive(Debug, Error, Diagnostic)]
pub enum ArchiveError {
    /// It is no such archive, or was changed.
    #[error("{}: {what}", archive.display())]
    #[diagnostic(help(
        "`cargo xtask cache export --inputs --to FILE TARGETS` makes such archives"
    ))]
    Refused {
        /// The path of the archive that was refused.
        archive: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It lacks inputs of what is to be built.
    #[error("{} lacks {count} inputs of these targets, `{first}` of the lock of {lock} among them", archive.display())]
    #[diagnostic(help(
        "it was made from other locks or for other targets; `cargo xtask cache export --inputs` with the same targets \
         and the same source tree makes one that has them"
    ))]
    Lacks {
        /// The path of the archive that lacks files.
        archive: PathBuf,
        /// The number of locked files that are missing.
        count: usize,
        /// The name of the first missing file.
        first: String,
        /// The lock that pins the first missing file.
        lock: String,
    },
}

impl ExitKind for ArchiveError {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

impl Pipeline {
    /// The packages and wheels that a plan fetches, each once.
    fn locked_inputs(&self, plan: &Plan) -> Result<Vec<Input>, Failure> {
        let mut found = BTreeSet::new();
        for job in &plan.jobs {
            match &job.step {
                Step::FetchDebs { distribution, role } => {
                    let facts = self.targets.require_distribution(distribution)?;
                    let lock = Lock::open(&self.workspace, &self.targets, facts)?;
                    found.extend(lock.packages(role).into_iter().map(|package| Input {
                        name: package.file_name(),
                        lock: distribution.clone(),
                        size: package.size,
                        sha256: package.sha256,
                    }));
                }
                step => {
                    if let Some(set) = self.wheels_of(step) {
                        let lock = WheelLock::open(&self.workspace, &self.targets, &set)?;
                        found.extend(lock.wheels.iter().map(|wheel| Input {
                            name: wheel.filename.clone(),
                            lock: lock.name.clone(),
                            size: wheel.size,
                            sha256: wheel.sha256,
                        }));
                    }
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The wheels that a step fetches; `None` if it fetches none.
    fn wheels_of(&self, step: &Step) -> Option<WheelSet> {
        let name = match step {
            Step::FetchWheels { python } => format!("python{python}"),
            Step::FetchFixture { set } => set.clone(),
            Step::FetchServer {
                major,
                architecture,
            } => {
                let first = || Some(self.targets.first_architecture());
                let named = |name| self.targets.require_architecture(name).ok();
                let architecture = architecture.as_deref().map_or_else(first, named)?;
                WheelSet::server_name(*major, architecture)
            }
            _ => return None,
        };
        let mut all = WheelSet::all(&self.targets).into_iter();
        all.find(|set| set.name() == name)
    }

    /// The plan of the jobs that fetch every input of another plan into the cache.
    pub fn inputs_of(plan: &Plan) -> Plan {
        let fetches = plan.jobs.iter().filter(|job| {
            matches!(
                &job.step,
                Step::FetchDebs { .. }
                    | Step::FetchWheels { .. }
                    | Step::FetchServer { .. }
                    | Step::FetchFixture { .. }
                    | Step::FetchCrates
                    | Step::FetchLibrary { .. }
            )
        });
        Plan {
            goals: fetches.map(|job| job.id.clone()).collect(),
            ..plan.clone()
        }
    }

    /// Writes all inputs of a plan into an archive; returns how many and how many bytes.
    pub fn export_inputs(
        &self,
        plan: &Plan,
        chosen: &[Target],
        to: &Path,
        listener: &dyn Listener,
    ) -> Result<(usize, u64), Failure> {
        let inputs = self.locked_inputs(plan)?;
        let store = Store::new(self.workspace.store());
        let mut crates = BTreeMap::new();
        let tool = self.workspace.root.join("Cargo.toml");
        for home in [
            fetch_crates(&self.workspace, listener)?,
            fetch_tool_crates(&self.workspace, &tool, listener)?,
        ] {
            crates.extend(registry_files(&home)?);
        }
        let list = List {
            version: VERSION,
            release: format!("{}-{}", self.release.version, self.release.revision),
            targets: chosen.iter().map(ToString::to_string).collect(),
            inputs,
        };
        let partial = to.with_added_extension("partial");
        let mut archive = Writer::create(&partial, self.epoch)?;
        let json = base::json::pretty(&list);
        archive.add_bytes(LIST, &json)?;
        let mut written = BTreeSet::new();
        for input in &list.inputs {
            if written.insert(input.sha256) {
                archive.add_file(
                    &format!("{STORE}/{}", input.sha256),
                    &store.path(&input.sha256),
                )?;
            }
        }
        for (name, path) in &crates {
            archive.add_file(&format!("{CARGO}/{name}"), path)?;
        }
        let bytes = archive.finish()?;
        files::rename(&partial, to)?;
        Ok((written.len() + crates.len(), bytes))
    }

    /// Imports the inputs from an archive. After that, no server is contacted.
    pub fn use_inputs(&mut self, archive: &Path, listener: &dyn Listener) -> Result<(), Failure> {
        listener.started("inputs", &format!("taking over {}", archive.display()));
        let checksums = self.crate_checksums()?;
        let store = Store::new(self.workspace.store());
        let mut expected: BTreeMap<Digest, Input> = BTreeMap::new();
        let mut taken = 0;
        each_entry(archive, &mut |name, contents| {
            if name == Path::new(LIST) {
                for input in read_list(archive, contents)?.inputs {
                    expected.insert(input.sha256, input);
                }
            } else if let Ok(digest) = name.strip_prefix(STORE) {
                take_stored(archive, digest, &expected, &store, contents)?;
            } else if let Ok(file) = name.strip_prefix(CARGO) {
                take_crate(
                    &self.workspace.cache.join("cargo"),
                    file,
                    &checksums,
                    contents,
                )?;
            } else {
                return Err(refused(
                    archive,
                    format!("`{}` is no part of such an archive", name.display()),
                ));
            }
            taken += 1;
            Ok(())
        })?;
        self.forbid_mirrors();
        listener.finished("inputs", &format!("{taken} files"));
        Ok(())
    }

    /// Checks that the store has every input of a plan, so that no mirror is needed.
    pub fn require_inputs(&self, plan: &Plan, archive: &Path) -> Result<(), Failure> {
        let store = Store::new(self.workspace.store());
        let inputs = self.locked_inputs(plan)?;
        let missing: Vec<&Input> = inputs
            .iter()
            .filter(|input| !store.contains(&input.sha256))
            .collect();
        match missing.first() {
            None => Ok(()),
            Some(first) => Err(ArchiveError::Lacks {
                archive: archive.to_owned(),
                count: missing.len(),
                first: first.name.clone(),
                lock: first.lock.clone(),
            }
            .into()),
        }
    }

    /// The digests that the product's lock pins, by the names of the crates' files.
    fn crate_checksums(&self) -> Result<BTreeMap<String, Digest>, Failure> {
        let lock = CrateLock::load(&self.workspace.root.join("extension/Cargo.lock"))?;
        let pinned = lock
            .crates()
            .filter_map(|one| Some((one.file_name(), one.checksum?)));
        Ok(pinned.collect())
    }
}

fn refused(archive: &Path, what: String) -> Failure {
    ArchiveError::Refused {
        archive: archive.to_owned(),
        what,
    }
    .into()
}

fn read_list(archive: &Path, contents: &mut dyn Read) -> Result<List, Failure> {
    let mut json = Vec::new();
    contents
        .read_to_end(&mut json)
        .map_err(FileError::at("read", archive))?;
    let list: List =
        serde_json::from_slice(&json).map_err(|error| refused(archive, error.to_string()))?;
    match list.version {
        VERSION => Ok(list),
        other => Err(refused(
            archive,
            format!("its list is of version {other}, this program reads {VERSION}"),
        )),
    }
}

/// Adds a package or a wheel to the store, which refuses contents of another digest.
fn take_stored(
    archive: &Path,
    name: &Path,
    expected: &BTreeMap<Digest, Input>,
    store: &Store,
    contents: &mut dyn Read,
) -> Result<(), Failure> {
    let digest: Option<Digest> = name.to_str().and_then(|name| name.parse().ok());
    let input = digest.and_then(|digest| expected.get(&digest));
    let Some(input) = input else {
        return Err(refused(
            archive,
            format!("its list does not name {}", name.display()),
        ));
    };
    let incoming = store.incoming()?;
    let file = incoming.path().join("file");
    write_to(&file, contents)?;
    store.insert(&input.name, &file, &input.sha256, input.size)?;
    Ok(())
}

/// Copies a file of the registry into the product's cargo home. A crate is copied only if the product's lock pins it, with
/// the pinned digest. cargo itself compares the index with the lock.
fn take_crate(
    home: &Path,
    file: &Path,
    checksums: &BTreeMap<String, Digest>,
    contents: &mut dyn Read,
) -> Result<(), Failure> {
    let to = home.join(file);
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if !file.starts_with(REGISTRY[0]) {
        files::create_dir(to.parent().unwrap_or(home))?;
        return Ok(write_to(&to, contents)?);
    }
    let Some(pinned) = checksums.get(&*name) else {
        return Ok(()); // a crate of this tool: it was compiled with it
    };
    files::create_dir(to.parent().unwrap_or(home))?;
    let partial = to.with_added_extension("partial");
    write_to(&partial, contents)?;
    let (found, _) = Digest::of_file(&partial).map_err(FileError::at("read", &partial))?;
    if found != *pinned {
        files::remove_file(&partial)?;
        return Err(refused(
            &to,
            format!("sha256 {found}, and extension/Cargo.lock pins {pinned}"),
        ));
    }
    Ok(files::rename(&partial, &to)?)
}

fn write_to(path: &Path, contents: &mut dyn Read) -> Result<(), FileError> {
    let mut file = File::create(path).map_err(FileError::at("write", path))?;
    std::io::copy(contents, &mut file).map_err(FileError::at("write", path))?;
    Ok(())
}

/// The files of a cargo home that an offline build needs, by their paths in it.
fn registry_files(home: &Path) -> Result<BTreeMap<String, PathBuf>, FileError> {
    let mut found = BTreeMap::new();
    for part in REGISTRY {
        let dir = home.join(part);
        for file in files::files_below(&dir)? {
            found.insert(format!("{part}/{}", file.display()), dir.join(&file));
        }
    }
    Ok(found)
}

/// Calls `take` for every file of an archive, in its order.
fn each_entry(
    archive: &Path,
    take: &mut dyn FnMut(&Path, &mut dyn Read) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let file = File::open(archive).map_err(FileError::at("read", archive))?;
    let mut reader = tar::Archive::new(std::io::BufReader::new(file));
    let broken = |error: std::io::Error| refused(archive, error.to_string());
    for entry in reader.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.into_owned();
        let plain = name
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        if !plain || !entry.header().entry_type().is_file() {
            return Err(refused(
                archive,
                format!("`{}` is no plain file", name.display()),
            ));
        }
        take(&name, &mut entry)?;
    }
    Ok(())
}

/// An archive in the making; the same inputs make the same bytes.
struct Writer {
    path: PathBuf,
    time: u64,
    archive: tar::Builder<File>,
}

impl Writer {
    fn create(path: &Path, time: u64) -> Result<Self, FileError> {
        let file = File::create(path).map_err(FileError::at("write", path))?;
        Ok(Self {
            path: path.to_owned(),
            time,
            archive: tar::Builder::new(file),
        })
    }

    fn add(&mut self, name: &str, size: u64, contents: impl Read) -> Result<(), FileError> {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(self.time);
        let added = self.archive.append_data(&mut header, name, contents);
        added.map_err(FileError::at("write", &self.path))
    }

    fn add_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        self.add(name, bytes.len() as u64, bytes)
    }

    fn add_file(&mut self, name: &str, from: &Path) -> Result<(), FileError> {
        let file = File::open(from).map_err(FileError::at("read", from))?;
        let size = file.metadata().map_err(FileError::at("read", from))?.len();
        self.add(name, size, file)
    }

    fn finish(self) -> Result<u64, FileError> {
        let file = self
            .archive
            .into_inner()
            .map_err(FileError::at("write", &self.path))?;
        let size = file
            .metadata()
            .map_err(FileError::at("read", &self.path))?
            .len();
        Ok(size)
    }
}
