//! What `verify` is given: libraries, packages and directories with such files, read into libraries that can be judged.
//! Nothing is unpacked to disk and nothing is loaded.
//!
//! A file is a library by its contents, whatever its name, and by its name it ought to be one. Nothing is passed over: what
//! is not judged is refused, which ends in a verdict, or is left out by name, as programs and debug symbols are.

mod contents;
mod package;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;
use walkdir::WalkDir;

use self::contents::{Contents, classify, is_named_library};
use base::exit::{Exit, ExitKind};
use base::files::{self, FileError};
use debian::deb::reader::{self, Deb, DebError, Limits, ListingError};
use symcheck::elf::Facts;
use symcheck::expectation::Profile;
use symcheck::report::{LeftOut, Refused};
use symcheck::scope::FileSystem;

pub use self::package::read_package;

/// Why something can't be judged.
#[derive(Debug, Error, Diagnostic)]
pub enum SubjectError {
    /// It can't be read.
    #[error("can't read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The same.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is neither.
    #[error("{} is neither an ELF file nor a .deb", path.display())]
    #[diagnostic(help("give a shared library, a .deb or a directory that holds some"))]
    Kind {
        /// The file.
        path: PathBuf,
    },
    /// A directory can't be searched.
    #[error("can't look into {}: {source}", path.display())]
    Walk {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: walkdir::Error,
    },
    /// A package can't be read.
    #[error("can't judge {}: {source}", path.display())]
    Deb {
        /// The package.
        path: PathBuf,
        /// Why not.
        source: DebError,
    },
    /// It is something else, and fine as that.
    #[error("{} is {what}, not a shared library", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// It ought to be a library.
    #[error("{} is broken: {why}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The second witness of a package does not confirm it.
    #[error("can't judge {}", path.display())]
    Listing {
        /// The package.
        path: PathBuf,
        /// What it says.
        #[diagnostic_source]
        source: ListingError,
    },
    /// There is no library in it.
    #[error("{} has no shared library, so there is nothing that could be proven", path.display())]
    Empty {
        /// The package or directory.
        path: PathBuf,
    },
    /// A package without a field that every package has.
    #[error("{} has no field Architecture", path.display())]
    NoArchitecture {
        /// The package.
        path: PathBuf,
    },
}

impl ExitKind for SubjectError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. }
            | Self::Kind { .. }
            | Self::Walk { .. }
            | Self::Other { .. }
            | Self::File(_) => Exit::Usage,
            Self::Deb { source, .. } => source.exit(),
            Self::Listing { source, .. } => source.exit(),
            Self::Empty { .. } | Self::Broken { .. } | Self::NoArchitecture { .. } => {
                Exit::CheckFailed
            }
        }
    }
}

/// A library that can be judged.
pub struct Subject {
    /// What the report calls it.
    pub name: String,
    /// Its contents.
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
pub struct Subjects {
    /// The libraries to judge, in order.
    pub libraries: Vec<Subject>,
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

impl Subjects {
    /// Reads what lies at some paths of a system, whose root is this machine's unless it is another directory.
    pub fn read(paths: &[PathBuf], root: &Path) -> Result<Self, SubjectError> {
        let mut subjects = Self {
            root: root.to_owned(),
            ..Self::default()
        };
        for path in paths {
            subjects.add(path)?;
        }
        Ok(subjects)
    }

    /// Whether one file was given and nothing else.
    pub fn is_one_file(&self) -> bool {
        let alone = self.packages.is_empty() && self.left_out.is_empty() && self.refused.is_empty();
        self.libraries.len() == 1 && alone
    }

    /// The files that the libraries find each other, and `beside` them, by: each where it is, and by its names where the
    /// system has libraries. The dynamic linker looks there last, so that what is named so by accident is not taken.
    pub fn file_system(&self, beside: &[&Self]) -> FileSystem {
        let mut files = BTreeMap::new();
        let mut links = BTreeMap::new();
        for subjects in [&[self], beside].concat() {
            for (at, target) in &subjects.links {
                links.entry(at.clone()).or_insert(target.clone());
            }
            for at in subjects.links.keys() {
                links.entry(in_system(at)).or_insert(at.clone());
            }
            for library in &subjects.libraries {
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
        FileSystem::new().memory(files, links)
    }

    /// Where the libraries are in the process.
    pub fn places(&self) -> Vec<String> {
        let libraries = self.libraries.iter();
        libraries.map(|library| library.place.clone()).collect()
    }

    fn add(&mut self, path: &Path) -> Result<(), SubjectError> {
        if path.is_dir() {
            return self.add_directory(path);
        }
        let other = |what: &str| SubjectError::Other {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        if is_package(&head(path)?) {
            return self.add_package(path);
        }
        let name = path.display().to_string();
        let bytes = files::read(path)?;
        match classify(&name, &bytes) {
            Contents::Library => self.libraries.push(self.subject(path, bytes)),
            Contents::LeftOut(what) => return Err(other(&what)),
            Contents::Refused { why, usage: true } => return Err(other(&why)),
            Contents::Refused { why, .. } => {
                return Err(SubjectError::Broken {
                    path: path.to_owned(),
                    why,
                });
            }
            Contents::Unrelated if bytes.is_empty() => {
                return Err(SubjectError::Broken {
                    path: path.to_owned(),
                    why: "it is empty".to_owned(),
                });
            }
            Contents::Unrelated => {
                return Err(SubjectError::Kind {
                    path: path.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// A library that lies in the file system.
    fn subject(&self, path: &Path, bytes: Vec<u8>) -> Subject {
        let name = path.display().to_string();
        let place = std::path::absolute(path).unwrap_or(path.to_owned());
        let root = std::path::absolute(&self.root).unwrap_or_default();
        let place = match place.strip_prefix(&root) {
            Ok(inside) => Path::new("/").join(inside),
            Err(_) => place,
        };
        Subject {
            profile: profile(&name),
            place: place.display().to_string(),
            bytes,
            architecture: None,
            sql_symbols: None,
            name,
        }
    }

    fn add_directory(&mut self, path: &Path) -> Result<(), SubjectError> {
        let before = (self.libraries.len(), self.refused.len());
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry.map_err(|source| SubjectError::Walk {
                path: path.to_owned(),
                source,
            })?;
            let kind = entry.file_type();
            if kind.is_file() {
                self.add_found(entry.path())?;
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
        match (self.libraries.len(), self.refused.len()) == before {
            true => Err(SubjectError::Empty {
                path: path.to_owned(),
            }),
            false => Ok(()),
        }
    }

    /// Adds a regular file of a directory, if it is one that counts. One that is broken is not the end of the others.
    fn add_found(&mut self, path: &Path) -> Result<(), SubjectError> {
        let (head, file) = (head(path)?, path.display().to_string());
        if is_package(&head) {
            return match self.add_package(path) {
                // One of several, such as debug symbols. That none has a library is noticed when all are read.
                Err(SubjectError::Empty { .. }) => Ok(()),
                Err(error) if error.exit() == Exit::CheckFailed => {
                    let reason = error.to_string();
                    self.refused.push(Refused { file, reason });
                    Ok(())
                }
                added => added,
            };
        }
        if file.ends_with(".deb") {
            let reason = "it is named like a package and is none".to_owned();
            self.refused.push(Refused { file, reason });
            return Ok(());
        }
        if !head.starts_with(contents::ELF) && !is_named_library(&file) {
            return Ok(());
        }
        let bytes = files::read(path)?;
        match classify(&file, &bytes) {
            Contents::Library => self.libraries.push(self.subject(path, bytes)),
            Contents::LeftOut(what) => self.left_out.push(LeftOut { file, what }),
            Contents::Refused { why: reason, .. } => self.refused.push(Refused { file, reason }),
            Contents::Unrelated => {}
        }
        Ok(())
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

/// Where the dynamic linker looks last for a file of this name.
fn in_system(path: &str) -> String {
    format!("/usr/lib/{}", path.rsplit('/').next().unwrap_or(path))
}

/// The name by which others need a library. One that can't be read has none; judging it tells why.
fn soname(bytes: &[u8]) -> Option<String> {
    Facts::read(bytes).ok()?.soname.map(str::to_owned)
}

fn profile(path: &str) -> Profile {
    match path.rsplit('/').next() {
        Some("pgml.so" | "libpgml.so") => Profile::Extension,
        _ => Profile::ForeignLibrary,
    }
}

/// How many of a file's first bytes tell what it is.
const HEAD: u64 = 24;

/// The first bytes of a regular file.
fn head(path: &Path) -> Result<Vec<u8>, SubjectError> {
    let read = |source| SubjectError::Read {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(read)?.is_file() {
        return Err(SubjectError::Kind {
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
