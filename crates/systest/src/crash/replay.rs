//! Compares the bindings that the checker predicts for a session with the dynamic linker's record of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base::exit::Failure;
use build::layout;
use symcheck::policy::Policy;
use symcheck::scope::{FileSystem, Lookup, Process};

use crate::cases::ensure;
use crate::crash::scene::Scene;

/// Who refers to which symbol → who provides it, by paths inside without links.
pub type Bindings = BTreeMap<(String, String), String>;

/// The file system that a session of the scene sees, with this library as the extension.
pub fn file_system(scene: &Scene<'_>, library: &Path, policy: &Policy) -> FileSystem {
    FileSystem::new(&policy.loading)
        .file(&extension(scene), library)
        .directory(layout::PYTHON_PREFIX, scene.runtime)
        .directory("/", scene.rootfs)
}

/// The extension's path inside.
pub fn extension(scene: &Scene<'_>) -> String {
    format!("{}/pgml.so", scene.pkglib())
}

/// The server's path inside.
fn server(scene: &Scene<'_>) -> String {
    format!("/usr/lib/postgresql/{}/bin/postgres", scene.major)
}

/// The references of bundled libraries to BLAS that would bind to another library, once the extension is in the global scope
/// and `modules` are imported without RTLD_DEEPBIND.
pub fn hijacked(
    scene: &Scene<'_>,
    library: &Path,
    modules: &[&str],
    policy: &Policy,
) -> Result<Bindings, Failure> {
    let files = file_system(scene, library, policy);
    let mut process = Process::start(&files, &server(scene))?;
    process.open_global(&extension(scene))?;
    for module in modules {
        process.open_local(module, Lookup::GlobalFirst)?;
    }
    let mut found = Bindings::new();
    for reference in process.references() {
        let other = reference.own.is_some() && reference.to != reference.own;
        let Some(binding) = process.binding(reference).filter(|_| other) else {
            continue;
        };
        let Some(provider) = binding.provider.filter(|_| policy.is_blas(binding.symbol)) else {
            continue;
        };
        found.insert(
            (binding.file.to_owned(), binding.symbol.to_owned()),
            provider.to_owned(),
        );
    }
    Ok(found)
}

/// A session's record: the libraries that were opened with `dlopen`, in their order, and the symbols that were bound.
pub struct Record {
    /// Opened with dlopen, not needed by another library.
    pub opened: Vec<String>,
    /// The bindings of BLAS symbols.
    pub blas: Bindings,
}

/// Reads what the dynamic linker wrote (`LD_DEBUG=bindings,files`).
pub fn record(debug: &str, files: &FileSystem, policy: &Policy) -> Record {
    let mut record = Record {
        opened: Vec::new(),
        blas: Bindings::new(),
    };
    let canonical = |path: &str| files.resolve(path).unwrap_or_else(|| path.to_owned());
    for line in debug.lines() {
        if let Some((_, line)) = line.split_once("binding file ") {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [from, _, "to", to, _, _, _, symbol, ..] = words[..] else {
                continue;
            };
            let symbol = symbol.trim_matches(['`', '\'']);
            if policy.is_blas(symbol) {
                record
                    .blas
                    .insert((canonical(from), symbol.to_owned()), canonical(to));
            }
        } else if let Some((_, line)) = line.split_once("file=")
            && let Some((file, _)) = line.split_once(" [0];  dynamically loaded by ")
        {
            let file = canonical(file);
            // The server's own modules, such as a conversion, come and go; they have no BLAS and bind to none.
            if file.starts_with('/') && !record.opened.contains(&file) {
                record.opened.push(file);
            }
        }
    }
    record
}

/// Replays a recorded session and compares every BLAS symbol that was bound. Returns how many were, and how many of them
/// a wheel's library got from outside the wheels.
pub fn compare_bindings(
    scene: &Scene<'_>,
    library: &Path,
    debug: &str,
    lookup: Lookup,
    policy: &Policy,
) -> Result<(usize, usize), Failure> {
    let files = file_system(scene, library, policy);
    let record = record(debug, &files, policy);
    let mut process = Process::start(&files, &server(scene))?;
    for file in &record.opened {
        match file.starts_with(layout::PYTHON_PREFIX) || file.contains("/lib-dynload/") {
            true => process.open_local(file, lookup)?,
            false => process.open_global(file)?,
        };
    }
    let mut predicted: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for binding in process.bindings() {
        let entry = predicted.entry((binding.file, binding.symbol)).or_default();
        entry.extend(binding.provider);
    }
    let wrong: Vec<String> = record
        .blas
        .iter()
        .filter(|((file, symbol), provider)| {
            predicted.get(&(file.as_str(), symbol.as_str()))
                != Some(&BTreeSet::from([provider.as_str()]))
        })
        .map(|((file, symbol), provider)| {
            let expected = predicted.get(&(file.as_str(), symbol.as_str()));
            format!("{file} got {symbol} from {provider}, predicted {expected:?}")
        })
        .collect();
    ensure(wrong.is_empty(), || {
        format!(
            "{} of {} bindings are not as predicted, such as\n{}",
            wrong.len(),
            record.blas.len(),
            wrong[..wrong.len().min(5)].join("\n")
        )
    })?;
    let of_wheels = |file: &str| file.starts_with(layout::PYTHON_PREFIX);
    let taken = record
        .blas
        .iter()
        .filter(|((file, _), to)| of_wheels(file) && !of_wheels(to));
    Ok((record.blas.len(), taken.count()))
}
