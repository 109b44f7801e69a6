//! What is to be judged: libraries, and directories with such files. Packages are read by those who know their formats
//! ([`Packages`]). Nothing is unpacked to disk and nothing is loaded.
//!
//! A file is a library by its contents, whatever its name, and by its name it ought to be one. Nothing is passed over: what
//! is not judged is refused, which ends in a verdict, or is left out by name, as programs and debug symbols are.

pub mod contents;
mod error;
mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use self::contents::{Contents, classify, is_named_library};
use super::elf::Facts;
use super::expectation::Profile;
use super::policy::Loading;
use super::report::{LeftOut, Refused};
use super::scope::FileSystem;
use base::exit::{Exit, Failure};
use base::files;

pub use self::error::InputError;

/// Reads packages, which hold libraries as directories do.
pub trait Packages {
    /// Adds the libraries of a package, and what else counts of it. One without any is [`InputError::Empty`].
    fn add(&self, package: &Path, files: &mut InputFiles) -> Result<(), Failure>;
}

/// A library that can be judged.
pub struct InputFile {
    /// What the report calls it.
    pub name: String,
    /// All bytes of the file.
    pub bytes: Vec<u8>,
    /// Where it would be in the process.
    pub place: String,
    /// What it is judged as.
    pub profile: Profile,
    /// The Architecture of its package.
    pub architecture: Option<String>,
    /// The C symbols that the SQL of its package names.
    pub sql_symbols: Option<BTreeSet<String>>,
}

/// All that was given.
#[derive(Default)]
pub struct InputFiles {
    /// The libraries to judge, in order.
    pub libraries: Vec<InputFile>,
    /// What can't be judged and ought to be.
    pub refused: Vec<Refused>,
    /// What is no library.
    pub left_out: Vec<LeftOut>,
    /// Where the root of the file system is that the libraries lie in.
    root: PathBuf,
    /// Name, version and architecture of the packages that they are from.
    pub packages: Vec<(String, String, String)>,
    /// Links inside of packages.
    links: BTreeMap<String, String>,
}

impl InputFiles {
    /// Reads what lies at some paths of a system, whose root is this machine's unless it is another directory. Without a
    /// reader of packages these are refused, and left out in a directory.
    pub fn read(
        paths: &[PathBuf],
        root: &Path,
        packages: Option<&dyn Packages>,
    ) -> Result<Self, Failure> {
        let mut files = Self {
            root: root.to_owned(),
            ..Self::default()
        };
        for path in paths {
            match path.is_dir() {
                true => files.add_directory(path, packages)?,
                false => files.add_file(path, packages)?,
            }
        }
        Ok(files)
    }

    /// How many libraries and refused files there are. A directory or package that adds none is [`InputError::Empty`].
    pub fn count(&self) -> usize {
        self.libraries.len() + self.refused.len()
    }

    /// Makes a link of a package known, by the path that it will have once the package is installed.
    pub fn link(&mut self, at: String, target: String) {
        self.links.insert(at, target);
    }

    /// Whether one file was given and nothing else.
    pub fn is_one_file(&self) -> bool {
        let alone = self.packages.is_empty() && self.left_out.is_empty() && self.refused.is_empty();
        self.libraries.len() == 1 && alone
    }

    /// The files that the libraries find each other, and `beside` them, by: each where it is, and by its names where the
    /// system has libraries. The dynamic linker looks there last, so that what is named so by accident is not taken.
    pub fn file_system(&self, beside: &[&Self], loading: &Loading) -> FileSystem {
        let system = FileSystem::new(loading);
        let in_system = |path: &str| system.last_place(path.rsplit('/').next().unwrap_or(path));
        let mut files = BTreeMap::new();
        let mut links = BTreeMap::new();
        for given in [&[self], beside].concat() {
            for (at, target) in &given.links {
                links.entry(at.clone()).or_insert(target.clone());
            }
            for at in given.links.keys() {
                links.entry(in_system(at)).or_insert(at.clone());
            }
            for library in &given.libraries {
                let place = &library.place;
                links.entry(in_system(place)).or_insert(place.clone());
                if let Some(soname) = soname(&library.bytes) {
                    links.entry(in_system(&soname)).or_insert(place.clone());
                }
                files
                    .entry(place.clone())
                    .or_insert_with(|| library.bytes.clone());
            }
        }
        system.memory(files, links)
    }

    /// Where the libraries are in the process.
    pub fn places(&self) -> Vec<String> {
        let libraries = self.libraries.iter();
        libraries.map(|library| library.place.clone()).collect()
    }

    /// Adds a file that was named by itself, so that it has to be one that can be judged.
    fn add_file(&mut self, path: &Path, packages: Option<&dyn Packages>) -> Result<(), Failure> {
        let at = path.to_owned();
        if is_package(&head(path)?) {
            let packages = packages.ok_or(InputError::Package { path: at })?;
            return packages.add(path, self);
        }
        let name = path.display().to_string();
        let bytes = files::read(path)?;
        let error = match classify(&name, &bytes) {
            Contents::Library => {
                self.libraries.push(self.library(path, bytes));
                return Ok(());
            }
            Contents::LeftOut(what)
            | Contents::Refused {
                why: what,
                usage: true,
            } => InputError::Other { path: at, what },
            Contents::Refused { why, .. } => InputError::Broken { path: at, why },
            Contents::Unrelated if bytes.is_empty() => InputError::Broken {
                path: at,
                why: "it is empty".to_owned(),
            },
            Contents::Unrelated if packages.is_none() => InputError::NotElf { path: at },
            Contents::Unrelated => InputError::Kind { path: at },
        };
        Err(error.into())
    }

    /// A library that lies in the file system.
    fn library(&self, path: &Path, bytes: Vec<u8>) -> InputFile {
        let name = path.display().to_string();
        let place = std::path::absolute(path).unwrap_or(path.to_owned());
        let root = std::path::absolute(&self.root).unwrap_or_default();
        let place = match place.strip_prefix(&root) {
            Ok(inside) => Path::new("/").join(inside),
            Err(_) => place,
        };
        InputFile {
            profile: profile(&name),
            place: place.display().to_string(),
            bytes,
            architecture: None,
            sql_symbols: None,
            name,
        }
    }

    fn add_directory(
        &mut self,
        path: &Path,
        packages: Option<&dyn Packages>,
    ) -> Result<(), Failure> {
        let before = self.count();
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry.map_err(|source| InputError::Walk {
                path: path.to_owned(),
                source,
            })?;
            let kind = entry.file_type();
            if kind.is_file() {
                self.add_found(entry.path(), packages)?;
            } else if is_named_library(&entry.path().to_string_lossy()) {
                match kind.is_symlink() {
                    true => self.add_link(path, entry.path()),
                    false => self.left_out.push(LeftOut {
                        file: entry.path().display().to_string(),
                        what: match kind.is_dir() {
                            true => "a directory".to_owned(),
                            false => "a device or a pipe".to_owned(),
                        },
                    }),
                }
            }
        }
        match self.count() == before {
            true => Err(InputError::Empty {
                path: path.to_owned(),
            }
            .into()),
            false => Ok(()),
        }
    }

    /// Adds a regular file of a directory, if it is one that counts. One that is broken is not the end of the others.
    fn add_found(&mut self, path: &Path, packages: Option<&dyn Packages>) -> Result<(), Failure> {
        let (head, file) = (head(path)?, path.display().to_string());
        if is_package(&head) {
            return self.add_found_package(path, file, packages);
        }
        if file.ends_with(".deb") && packages.is_some() {
            let reason = "it is named like a package and is none".to_owned();
            self.refused.push(Refused { file, reason });
            return Ok(());
        }
        if !head.starts_with(contents::ELF) && !is_named_library(&file) {
            return Ok(());
        }
        let bytes = files::read(path)?;
        match classify(&file, &bytes) {
            Contents::Library => self.libraries.push(self.library(path, bytes)),
            Contents::LeftOut(what) => self.left_out.push(LeftOut { file, what }),
            Contents::Refused { why: reason, .. } => self.refused.push(Refused { file, reason }),
            Contents::Unrelated => {}
        }
        Ok(())
    }

    fn add_found_package(
        &mut self,
        path: &Path,
        file: String,
        packages: Option<&dyn Packages>,
    ) -> Result<(), Failure> {
        let Some(packages) = packages else {
            let what = "a package, which was not unpacked".to_owned();
            self.left_out.push(LeftOut { file, what });
            return Ok(());
        };
        let Err(failure) = packages.add(path, self) else {
            return Ok(());
        };
        // One of several, such as debug symbols. That none has a library is noticed when all are read.
        if matches!(failure.error(), Some(InputError::Empty { .. })) {
            return Ok(());
        }
        match failure.report {
            Some(report) if failure.exit == Exit::CheckFailed => {
                let reason = report.to_string();
                self.refused.push(Refused { file, reason });
                Ok(())
            }
            report => Err(Failure { report, ..failure }),
        }
    }

    /// Looks at a symbolic link of a directory that is named like a library. What it means is judged where it lies.
    fn add_link(&mut self, dir: &Path, link: &Path) {
        let inside = fs::canonicalize(link)
            .is_ok_and(|file| fs::canonicalize(dir).is_ok_and(|dir| file.starts_with(dir)));
        if inside {
            return;
        }
        let target = fs::read_link(link).unwrap_or_default();
        let (file, target) = (link.display().to_string(), target.display().to_string());
        match contents::missing_target(
            &file,
            &format!("a link to `{target}`, which is not inside of what was given"),
        ) {
            Contents::Refused { why: reason, .. } => self.refused.push(Refused { file, reason }),
            Contents::LeftOut(what) => self.left_out.push(LeftOut { file, what }),
            Contents::Library | Contents::Unrelated => {}
        }
    }
}

/// The name by which others need a library. One that can't be read has none; judging it tells why.
fn soname(bytes: &[u8]) -> Option<String> {
    Facts::read(bytes).ok()?.soname.map(str::to_owned)
}

/// What a file is judged as, by its name.
pub fn profile(path: &str) -> Profile {
    match path.rsplit('/').next() {
        Some("pgml.so" | "libpgml.so") => Profile::Extension,
        _ => Profile::ForeignLibrary,
    }
}

/// How many of a file's first bytes tell what it is.
const HEAD: u64 = 24;

/// The first bytes of a regular file.
fn head(path: &Path) -> Result<Vec<u8>, InputError> {
    let read = |source| InputError::Read {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(read)?.is_file() {
        return Err(InputError::Kind {
            path: path.to_owned(),
        });
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(HEAD).read_to_end(&mut start))
        .map_err(read)?;
    Ok(start)
}

/// Whether a file is a package by its first bytes: an ar archive whose first member is `debian-binary`.
fn is_package(head: &[u8]) -> bool {
    head.starts_with(b"!<arch>\ndebian-binary")
}
