//! Which source files of this workspace a source file is made from: the files that it imports, by name.
//!
//! Cache keys are derived from it (`build`), and the tests of the layout read it. It knows neither jobs nor the other
//! crates. It reads tokens, not types. Where tokens can't decide, it lists a file too many rather than one too few: it
//! follows a re-export to the file that defines the item, and a module whose child adds methods to its types has that child,
//! too.

mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use self::scan::{Scanned, scan};

/// The imports of each file, by paths relative to the workspace's root.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

/// A module's place: the crate, and the names below it.
type Place = (String, Vec<String>);

/// The modules of a workspace.
struct Modules {
    files: BTreeMap<Place, String>,
    scanned: BTreeMap<String, Scanned>,
}

/// Reads the imports of all source files of some crates, whose directories are relative to `root` and named as the crates
/// are. Tests are left out: modules behind `#[cfg(test)]`, and files named `tests.rs` or below `tests/`.
///
/// # Errors
///
/// Where a file can't be read, or has no Rust in it.
pub fn read(root: &Path, crates: &[&str]) -> io::Result<Imports> {
    let mut modules = Modules {
        files: BTreeMap::new(),
        scanned: BTreeMap::new(),
    };
    for dir in crates {
        let name = dir.rsplit('/').next().unwrap_or(dir).to_owned();
        modules.add(root, &format!("{dir}/src"), (name, Vec::new()))?;
    }
    let files = modules.files.iter();
    Ok(files
        .map(|(place, file)| (file.clone(), modules.imports(place, file)))
        .collect())
}

/// Some files and all that they import, directly or not. Nothing is followed into or beyond a file that `stops`.
pub fn closure<'a>(
    imports: &'a Imports,
    roots: impl IntoIterator<Item = &'a str>,
    stops: impl Fn(&str) -> bool,
) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut left: Vec<&str> = roots.into_iter().collect();
    while let Some(file) = left.pop() {
        if !found.insert(file) {
            continue;
        }
        let of_file = imports.get(file).into_iter().flatten();
        left.extend(of_file.map(String::as_str).filter(|file| !stops(file)));
    }
    found
}

impl Modules {
    fn add(&mut self, root: &Path, dir: &str, place: Place) -> io::Result<()> {
        let mut entries: Vec<_> = std::fs::read_dir(root.join(dir))?.collect::<Result<_, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{dir}/{name}");
            let below = |module: &str| {
                let (of, mut names) = place.clone();
                names.push(module.to_owned());
                (of, names)
            };
            if entry.file_type()?.is_dir() {
                if name != "tests" {
                    self.add(root, &path, below(&name))?;
                }
                continue;
            }
            let module = match name.strip_suffix(".rs") {
                None | Some("tests") => continue,
                Some("lib" | "main" | "mod") => place.clone(),
                Some(module) => below(module),
            };
            let text = std::fs::read_to_string(root.join(&path))?;
            let scanned = scan(&text).map_err(|why| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{path}: {why}"))
            })?;
            self.files.insert(module, path.clone());
            self.scanned.insert(path, scanned);
        }
        Ok(())
    }

    fn imports(&self, place: &Place, file: &str) -> BTreeSet<String> {
        let scanned = &self.scanned[file]; // INVARIANT: every file in `files` was scanned
        let mut found = BTreeSet::new();
        for path in &scanned.paths {
            if let Some(to) = self.resolve(place, scanned, path) {
                found.insert(self.definition(to, 0));
            }
        }
        for child in &scanned.children {
            let mut below = place.clone();
            below.1.push(child.clone());
            let child = self.files.get(&below);
            found.extend(
                child
                    .filter(|child| self.scanned[*child].extends_parent)
                    .cloned(),
            );
        }
        let dir = file.rsplit_once('/').map_or("", |(dir, _)| dir);
        found.extend(scanned.included.iter().map(|path| joined(dir, path)));
        found.remove(file);
        found
    }

    /// The module that a path begins with, and what follows it; `None` if it is not one of the workspace's.
    fn resolve<'a>(
        &'a self,
        place: &Place,
        scanned: &'a Scanned,
        path: &[String],
    ) -> Option<(&'a str, Vec<String>)> {
        let first = path.first()?;
        let (of, mut at, mut rest) = match first.as_str() {
            "crate" => (place.0.clone(), Vec::new(), &path[1..]),
            "self" => (place.0.clone(), place.1.clone(), &path[1..]),
            "super" => (place.0.clone(), place.1.clone(), path),
            name if scanned.children.contains(name) => (place.0.clone(), place.1.clone(), path),
            name => match scanned
                .aliases
                .get(name)
                .filter(|alias| alias.first() != Some(first))
            {
                Some(alias) => {
                    let whole: Vec<String> = alias.iter().chain(&path[1..]).cloned().collect();
                    return self.resolve(place, scanned, &whole);
                }
                None => (name.to_owned(), Vec::new(), &path[1..]),
            },
        };
        while rest.first().is_some_and(|name| name == "super") {
            at.pop()?;
            rest = &rest[1..];
        }
        let mut file = self.files.get(&(of.clone(), at.clone()))?;
        while let Some((name, more)) = rest.split_first() {
            at.push(name.clone());
            let Some(below) = self.files.get(&(of.clone(), at.clone())) else {
                break;
            };
            (file, rest) = (below, more);
        }
        Some((file, rest.to_vec()))
    }

    /// The module that defines an item named in a module: that module itself, or the one that it re-exports the item from.
    fn definition(&self, (file, rest): (&str, Vec<String>), depth: usize) -> String {
        let place = self.files.iter().find(|(_, known)| *known == file);
        let (Some((place, _)), Some(item), true) = (place, rest.first(), depth < 8) else {
            return file.to_owned();
        };
        let scanned = &self.scanned[file];
        let source = scanned.exports.get(item);
        match source.and_then(|path| self.resolve(place, scanned, path)) {
            Some(to) if to.0 != file => self.definition(to, depth + 1),
            _ => file.to_owned(),
        }
    }
}

/// A path relative to a directory, without the `..` in it.
fn joined(dir: &str, path: &str) -> String {
    let mut parts: Vec<&str> = dir.split('/').collect();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests;
