//! Packages that `verify` is given: their libraries, judged by the package's Architecture and by the SQL that it has.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use base::exit::{Exit, ExitKind, Failure};
use debian::deb::reader::{self, Deb, DebError, Kind, Limits, ListingError, PackageFile};
use miette::Diagnostic;
use symcheck::expectation::Profile;
use symcheck::input_files::contents::{
    self, Contents, ELF, classify, is_named_library, missing_target,
};
use symcheck::input_files::{InputError, InputFile, InputFiles, Packages, profile};
use symcheck::report::{LeftOut, Refused};
use symcheck::sql;
use thiserror::Error;

/// How many symbolic links are followed, as in the kernel.
const MAX_LINKS: usize = 40;

/// Why a package can't be judged.
#[derive(Debug, Error, Diagnostic)]
enum PackageError {
    #[error("can't judge {}: {source}", path.display())]
    Deb { path: PathBuf, source: DebError },
    /// dpkg-deb does not confirm what was read.
    #[error("can't judge {}", path.display())]
    Listing {
        path: PathBuf,
        #[diagnostic_source]
        source: ListingError,
    },
    #[error("{} has no field Architecture", path.display())]
    NoArchitecture { path: PathBuf },
}

impl ExitKind for PackageError {
    fn exit(&self) -> Exit {
        match self {
            Self::Deb { source, .. } => source.exit(),
            Self::Listing { source, .. } => source.exit(),
            Self::NoArchitecture { .. } => Exit::CheckFailed,
        }
    }
}

/// Reads Debian's packages, which dpkg-deb has to confirm.
pub struct Debs;

/// Reads a package, the contents of every ELF file and of what else is wanted, and has dpkg-deb count its files.
fn read(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Deb, PackageError> {
    let wanted = |file: &str, head: &[u8]| head.starts_with(ELF) || wanted(file);
    let deb = reader::read_path(path, &Limits::default(), wanted).map_err(|source| {
        PackageError::Deb {
            path: path.to_owned(),
            source,
        }
    })?;
    reader::confirm(path, &deb).map_err(|source| PackageError::Listing {
        path: path.to_owned(),
        source,
    })?;
    Ok(deb)
}

impl Packages for Debs {
    fn add(&self, path: &Path, to: &mut InputFiles) -> Result<(), Failure> {
        let deb = read(path, |file| {
            is_named_library(file) || file.ends_with(".sql")
        })?;
        let field = |name: &str| deb.field(name).unwrap_or_default().to_owned();
        let architecture = field("Architecture");
        if architecture.is_empty() {
            return Err(PackageError::NoArchitecture {
                path: path.to_owned(),
            }
            .into());
        }
        to.packages
            .push((field("Package"), field("Version"), architecture.clone()));
        let sql = sql_symbols(&deb);
        let tree = Tree::new(&deb);
        let before = to.count();
        for file in &deb.files {
            let name = format!("{}:{}", path.display(), file.path);
            if let Kind::Symlink(target) = &file.kind {
                to.link(format!("/{}", file.path), target.clone());
            }
            let contents = match tree.contents(file) {
                // The name promises that it fits every machine.
                Contents::Library if architecture == "all" => Contents::Refused {
                    why: "a library in a package of Architecture: all".to_owned(),
                    usage: false,
                },
                contents => contents,
            };
            match contents {
                Contents::Unrelated => {}
                Contents::LeftOut(what) => to.left_out.push(LeftOut { file: name, what }),
                Contents::Refused { why: reason, .. } => {
                    to.refused.push(Refused { file: name, reason });
                }
                Contents::Library => {
                    let profile = profile(&file.path);
                    to.libraries.push(InputFile {
                        name,
                        bytes: deb.contents(file).unwrap_or_default().to_vec(),
                        place: format!("/{}", file.path),
                        profile,
                        architecture: Some(architecture.clone()),
                        sql_symbols: sql.clone().filter(|_| profile == Profile::Extension),
                    });
                }
            }
        }
        match to.count() == before {
            true => Err(InputError::Empty {
                path: path.to_owned(),
            }
            .into()),
            false => Ok(()),
        }
    }
}

/// The C symbols that the SQL of the package's `pgml` extension names.
fn sql_symbols(deb: &Deb) -> Option<BTreeSet<String>> {
    let files = deb.files.iter().filter_map(|file| {
        let text = String::from_utf8_lossy(deb.contents(file)?);
        Some((Cow::from(&file.path), text))
    });
    sql::c_symbols_of_scripts(files.filter(|(path, _)| path.ends_with(".sql")))
}

/// The files of a package by their paths.
struct Tree<'d> {
    deb: &'d Deb,
    files: HashMap<&'d str, &'d PackageFile>,
    links: BTreeMap<&'d str, &'d str>,
}

impl<'d> Tree<'d> {
    fn new(deb: &'d Deb) -> Self {
        let files = deb.files.iter().map(|file| (file.path.as_str(), file));
        let links = deb.files.iter().filter_map(|file| match &file.kind {
            Kind::Symlink(target) => Some((file.path.as_str(), target.as_str())),
            _ => None,
        });
        Self {
            deb,
            files: files.collect(),
            links: links.collect(),
        }
    }

    /// What a file is once the package is unpacked.
    fn contents(&self, file: &PackageFile) -> Contents {
        let named = is_named_library(&file.path);
        let bytes = self.deb.contents(file);
        match (&file.kind, bytes) {
            (Kind::File | Kind::Hardlink { .. }, Some(bytes)) => classify(&file.path, bytes),
            (Kind::Hardlink { target, file: None }, _) => {
                let what = format!(
                    "a hard link to `{target}`, which the package does not have: dpkg takes what is installed there"
                );
                match named {
                    true => Contents::Refused {
                        why: what,
                        usage: false,
                    },
                    false => Contents::LeftOut(what),
                }
            }
            _ if !named => Contents::Unrelated,
            (Kind::Symlink(target), _) => self.linked(file, target),
            (Kind::Directory, _) => missing_target(&file.path, "a directory"),
            (Kind::Device, _) => Contents::Refused {
                why: "a device or a pipe".to_owned(),
                usage: false,
            },
            // The file that a hard link means was not named like a library and is no ELF file.
            (Kind::File | Kind::Hardlink { .. }, None) => Contents::Refused {
                why: "neither an ELF file nor a text".to_owned(),
                usage: true,
            },
        }
    }

    /// What a symbolic link that is named like a library means: a file that is judged under its own name, or nothing here.
    fn linked(&self, link: &PackageFile, target: &str) -> Contents {
        let mut path = joined(&link.path, target);
        for _ in 0..MAX_LINKS {
            match self.files.get(path.as_str()) {
                None => break,
                Some(file) => match self.links.get(path.as_str()) {
                    Some(next) => path = joined(&path, next),
                    None => {
                        return match self.deb.contents(file) {
                            Some(bytes) if bytes.starts_with(contents::ELF) => Contents::Unrelated,
                            _ => missing_target(
                                &link.path,
                                &format!("a link to `{target}`, which is no ELF file"),
                            ),
                        };
                    }
                },
            }
        }
        missing_target(
            &link.path,
            &format!("a link to `{target}`, which the package does not have"),
        )
    }
}

/// Where a link at a path leads, from the root of the package.
fn joined(path: &str, target: &str) -> String {
    let dir = match target.starts_with('/') {
        true => "",
        false => path.rsplit_once('/').map_or("", |(dir, _)| dir),
    };
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
