//! Takes the server, and the libraries that it, Python and an extension load, out of a distribution's packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files;
use base::json;
use debian::deb::reader::{self, Kind, Limits};
use symcheck::policy::Loading;
use symcheck::scope::{FileSystem, Process};
use symcheck::surroundings::is_library;
use targets::Distribution;

use super::error::SystemLibrariesError;

/// How every ELF file starts.
const ELF: &[u8] = b"\x7fELF";
/// Which package each file is of, in the job's output.
pub(super) const PACKAGES: &str = "packages.json";
/// The directory with the files, in the job's output.
pub(super) const ROOT: &str = "root";
/// Takes the server, and all libraries that it, Python and an extension load, out of packages.
pub fn gather(
    debs: &[PathBuf],
    distribution: &Distribution,
    loading: &Loading,
    out: &Path,
) -> Result<String, Failure> {
    let root = out.join(ROOT);
    let program = program(distribution.postgres);
    let mut packages: BTreeMap<String, String> = BTreeMap::new();
    for path in debs {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.ends_with("_all.deb") {
            continue; // has no libraries
        }
        let wanted = |file: &str| is_wanted(file, &program, loading);
        // A hard link's contents stand under its first name, which can be any.
        let wanted = |file: &str, head: &[u8]| wanted(file) || head.starts_with(ELF);
        let deb = reader::read_path(path, &Limits::default(), wanted).map_err(|source| {
            SystemLibrariesError::Package {
                package: name.clone(),
                source,
            }
        })?;
        let field = |field: &str| deb.field(field).unwrap_or_default();
        let package = format!("{} {}", field("Package"), field("Version"));
        for file in &deb.files {
            if !is_wanted(&file.path, &program, loading) {
                continue;
            }
            let to = root.join(&file.path);
            match (&file.kind, deb.contents(file)) {
                (_, Some(contents)) if contents.starts_with(ELF) => files::write(&to, contents)?,
                (Kind::Symlink(target), _) => files::symlink(Path::new(target), &to)?,
                _ => continue,
            }
            packages.insert(format!("/{}", file.path), package.clone());
        }
    }
    let kept = keep_what_is_loaded(&root, distribution, loading, &mut packages)?;
    files::write(&out.join(PACKAGES), json::pretty(&packages))?;
    Ok(format!("{kept} libraries of {}", distribution.title))
}

/// Whether a file of a package is the server or a library. Its path has no slash in front.
fn is_wanted(path: &str, program: &str, loading: &Loading) -> bool {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut packaged = loading.packaged.iter();
    let is_packaged = packaged.any(|known| known.trim_start_matches('/') == dir);
    (is_packaged && is_library(name)) || program.trim_start_matches('/') == path
}

/// Loads the server and all that may be needed beside it in a replay, and removes what that did not touch.
fn keep_what_is_loaded(
    root: &Path,
    distribution: &Distribution,
    loading: &Loading,
    packages: &mut BTreeMap<String, String>,
) -> Result<usize, Failure> {
    let files = FileSystem::new(loading).directory("/", root);
    let program = program(distribution.postgres);
    let lacks = |what: String| SystemLibrariesError::Lacks {
        distribution: distribution.id.clone(),
        what,
    };
    if files.resolve(&program).is_none() {
        return Err(lacks(program).into());
    }
    let mut process = Process::start(&files, &program)?;
    let python = distribution.libpython_soname();
    let needed = loading.beside.iter().chain(&loading.glibc).chain([&python]);
    for name in needed {
        let found = files.find_in_system(name);
        // Older glibcs have libraries of their own for what newer ones have in libc.so.6.
        match found {
            Some(path) => {
                process.open_global(&path)?;
            }
            None if loading.glibc.contains(name) => {}
            None => return Err(lacks(name.to_owned()).into()),
        }
    }
    let used: Vec<&str> = process
        .objects()
        .iter()
        .map(|loaded| loaded.path.as_str())
        .collect();
    let missing: Vec<&str> = process
        .objects()
        .iter()
        .flat_map(|loaded| loaded.missing.iter().map(String::as_str))
        .collect();
    if !missing.is_empty() {
        return Err(lacks(missing.join(", ")).into());
    }
    packages.retain(|path, _| {
        files
            .resolve(path)
            .is_some_and(|file| used.contains(&file.as_str()))
    });
    for file in files::files_below(root)? {
        if !packages.contains_key(&format!("/{}", file.display())) {
            files::remove_file(&root.join(file))?;
        }
    }
    Ok(used.len())
}

/// Where a distribution has the server of a major.
pub(super) fn program(major: u16) -> String {
    format!("/usr/lib/postgresql/{major}/bin/postgres")
}
