//! What `verify` is given: libraries, packages and directories with such files, read into libraries that can be judged.
//! Nothing is unpacked to disk and nothing is loaded.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;
use walkdir::WalkDir;

use crate::deb::reader::{self, Deb, DebError, Kind, Limits};
use crate::exit::{Exit, ExitKind};
use crate::files::{self, FileError};
use crate::providers::is_library;
use crate::symbols::elf::Facts;
use crate::symbols::expectation::Profile;
use crate::symbols::scope::FileSystem;
use crate::symbols::sql;

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
            Self::Read { .. } | Self::Kind { .. } | Self::Walk { .. } => Exit::Usage,
            Self::File(_) => Exit::Usage,
            Self::Deb { source, .. } => source.exit(),
            Self::Empty { .. } | Self::NoArchitecture { .. } => Exit::CheckFailed,
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
    /// Name, version and architecture of the packages that they are from.
    pub packages: Vec<(String, String, String)>,
    /// Links inside of packages.
    links: BTreeMap<String, String>,
}

impl Subjects {
    /// Reads what lies at some paths.
    pub fn read(paths: &[PathBuf]) -> Result<Self, SubjectError> {
        let mut subjects = Self::default();
        for path in paths {
            subjects.add(path)?;
        }
        Ok(subjects)
    }

    /// The files that the libraries find each other, and `beside` them, by: each where it is, and by its names where the
    /// system has libraries. The dynamic linker looks there last, so that what is named so by accident is not taken.
    pub fn file_system(&self, beside: &Self) -> FileSystem {
        let mut files = BTreeMap::new();
        let mut links = BTreeMap::new();
        for subjects in [self, beside] {
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
                files.entry(place.clone()).or_insert(library.bytes.clone());
            }
        }
        FileSystem::new().memory(files, links)
    }

    fn add(&mut self, path: &Path) -> Result<(), SubjectError> {
        if path.is_dir() {
            return self.add_directory(path);
        }
        match kind(path)? {
            Some(FileKind::Elf) => {
                let name = path.display().to_string();
                let place = std::path::absolute(path).unwrap_or(path.to_owned());
                self.libraries.push(Subject {
                    profile: profile(&name),
                    place: place.display().to_string(),
                    bytes: files::read(path)?,
                    architecture: None,
                    sql_symbols: None,
                    name,
                });
                Ok(())
            }
            Some(FileKind::Deb) => self.add_package(path),
            None => Err(SubjectError::Kind {
                path: path.to_owned(),
            }),
        }
    }

    fn add_directory(&mut self, path: &Path) -> Result<(), SubjectError> {
        let before = self.libraries.len();
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry.map_err(|source| SubjectError::Walk {
                path: path.to_owned(),
                source,
            })?;
            let name = entry.file_name().to_string_lossy();
            let candidate =
                entry.file_type().is_file() && (is_library(&name) || name.ends_with(".deb"));
            if candidate && kind(entry.path())?.is_some() {
                match self.add(entry.path()) {
                    // One of several, such as debug symbols. That none has a library is noticed below.
                    Err(SubjectError::Empty { .. }) => {}
                    added => added?,
                }
            }
        }
        match self.libraries.len() == before {
            true => Err(SubjectError::Empty {
                path: path.to_owned(),
            }),
            false => Ok(()),
        }
    }

    /// Adds the libraries of a package: they are judged by its Architecture, and by the SQL that it brings along.
    fn add_package(&mut self, path: &Path) -> Result<(), SubjectError> {
        let deb = read_package(path, |file| is_library(file) || file.ends_with(".sql"))?;
        let field = |name: &str| deb.control.get(name).cloned();
        let architecture = field("Architecture").ok_or_else(|| SubjectError::NoArchitecture {
            path: path.to_owned(),
        })?;
        self.packages.push((
            field("Package").unwrap_or_default(),
            field("Version").unwrap_or_default(),
            architecture.clone(),
        ));
        let sql = sql_symbols(&deb);
        let before = self.libraries.len();
        for file in deb.files {
            let place = format!("/{}", file.path);
            if let Kind::Symlink(target) = file.kind {
                self.links.insert(place, target);
                continue;
            }
            let Some(bytes) = file.contents.filter(|bytes| bytes.starts_with(b"\x7fELF")) else {
                continue;
            };
            let profile = profile(&file.path);
            self.libraries.push(Subject {
                name: format!("{}:{}", path.display(), file.path),
                bytes,
                place,
                profile,
                architecture: Some(architecture.clone()),
                sql_symbols: sql.clone().filter(|_| profile == Profile::Extension),
            });
        }
        match self.libraries.len() == before {
            true => Err(SubjectError::Empty {
                path: path.to_owned(),
            }),
            false => Ok(()),
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

/// Reads a package, and the contents of the files that are wanted.
pub fn read_package(path: &Path, wanted: impl FnMut(&str) -> bool) -> Result<Deb, SubjectError> {
    reader::read_path(path, &Limits::default(), wanted).map_err(|source| SubjectError::Deb {
        path: path.to_owned(),
        source,
    })
}

/// The C symbols that the SQL of the package's `pgml` extension names.
fn sql_symbols(deb: &Deb) -> Option<BTreeSet<String>> {
    let files = deb.files.iter().filter_map(|file| {
        let text = String::from_utf8_lossy(file.contents.as_ref()?);
        Some((Cow::from(&file.path), text))
    });
    sql::c_symbols_of_scripts(files)
}

fn profile(path: &str) -> Profile {
    match path.rsplit('/').next() {
        Some("pgml.so" | "libpgml.so") => Profile::Extension,
        _ => Profile::ForeignLibrary,
    }
}

enum FileKind {
    Elf,
    Deb,
}

fn kind(path: &Path) -> Result<Option<FileKind>, SubjectError> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(8).read_to_end(&mut start))
        .map_err(|source| SubjectError::Read {
            path: path.to_owned(),
            source,
        })?;
    Ok(match start.as_slice() {
        start if start.starts_with(b"\x7fELF") => Some(FileKind::Elf),
        b"!<arch>\n" => Some(FileKind::Deb),
        _ => None,
    })
}
