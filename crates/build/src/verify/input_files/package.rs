//! The files of a package.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use std::path::Path;

use super::contents::{self, Contents, ELF, classify, is_named_library, missing_target};
use super::{Deb, Limits, Subject, SubjectError, Subjects, profile, reader};
use debian::deb::reader::{Kind, PackageFile};
use symcheck::expectation::Profile;
use symcheck::report::{LeftOut, Refused};
use symcheck::sql;

/// How many symbolic links are followed, as in the kernel.
const MAX_LINKS: usize = 40;

/// Reads a package, the contents of every ELF file and of what else is wanted, and has the second witness count its files.
pub fn read_package(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Deb, SubjectError> {
    let wanted = |file: &str, head: &[u8]| head.starts_with(ELF) || wanted(file);
    let deb = reader::read_path(path, &Limits::default(), wanted).map_err(|source| {
        SubjectError::Deb {
            path: path.to_owned(),
            source,
        }
    })?;
    reader::confirm(path, &deb).map_err(|source| SubjectError::Listing {
        path: path.to_owned(),
        source,
    })?;
    Ok(deb)
}

impl Subjects {
    /// Adds the libraries of a package: they are judged by its Architecture, and by the SQL that it brings along.
    pub(super) fn add_package(&mut self, path: &Path) -> Result<(), SubjectError> {
        let deb = read_package(path, |file| {
            is_named_library(file) || file.ends_with(".sql")
        })?;
        let field = |name: &str| deb.field(name).unwrap_or_default().to_owned();
        let architecture = field("Architecture");
        if architecture.is_empty() {
            return Err(SubjectError::NoArchitecture {
                path: path.to_owned(),
            });
        }
        self.packages
            .push((field("Package"), field("Version"), architecture.clone()));
        let sql = sql_symbols(&deb);
        let tree = Tree::new(&deb);
        let before = (self.libraries.len(), self.refused.len());
        for file in &deb.files {
            let name = format!("{}:{}", path.display(), file.path);
            if let Kind::Symlink(target) = &file.kind {
                self.links.insert(format!("/{}", file.path), target.clone());
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
                Contents::LeftOut(what) => self.left_out.push(LeftOut { file: name, what }),
                Contents::Refused { why: reason, .. } => {
                    self.refused.push(Refused { file: name, reason });
                }
                Contents::Library => {
                    let profile = profile(&file.path);
                    self.libraries.push(Subject {
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
        match (self.libraries.len(), self.refused.len()) == before {
            true => Err(SubjectError::Empty {
                path: path.to_owned(),
            }),
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
