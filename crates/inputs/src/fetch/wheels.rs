//! Wheels of a lock, through the machine's pip and the index that it is configured for.

use std::fs;
use std::path::{Path, PathBuf};

use super::{FetchError, lacks, with_proxies};
use crate::step::Step;
use base::files;
use base::process::{NO_ROOM, ProcessError, Program};
use base::progress::Listener;
use base::store::Store;
use targets::Dotted;
use targets::lock::{Absent, Wanted, WheelLock};

/// The settings of pip that are the machine's or the user's.
const PIP_ENVIRONMENT: [&str; 14] = [
    "HOME",
    "XDG_CONFIG_HOME",
    "PIP_CONFIG_FILE",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_NO_INDEX",
    "PIP_FIND_LINKS",
    "PIP_TRUSTED_HOST",
    "PIP_PROXY",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_DEFAULT_TIMEOUT",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
];

/// What pip is asked for.
pub struct Selection {
    /// The name of the lock, for errors.
    pub lock: String,
    /// The Python that the wheels are for.
    pub python: Dotted,
    /// The platform tags that may be taken, best first.
    pub platforms: Vec<String>,
    /// The projects, each in one version.
    pub wanted: Vec<Wanted>,
}

/// Gets the wheels of a lock into the store and returns where each is, in the lock's order. What is stored already is
/// not fetched again; if that is all of it, nothing is contacted.
pub fn fetch_wheels(
    lock: &WheelLock,
    store: &Store,
    listener: &dyn Listener,
) -> Result<Vec<PathBuf>, FetchError> {
    let mut missing = Vec::new();
    for wheel in &lock.wheels {
        if lacks(store, &wheel.sha256, &wheel.filename, listener)? {
            missing.push(wheel);
        }
    }
    if !missing.is_empty() {
        let job = format!("fetch {}", lock.name);
        let size: u64 = missing.iter().map(|w| w.size).sum();
        let total = format!("{} wheels, {} MB", missing.len(), size / 1_000_000);
        let step = Step::start(listener, job, &total);
        let incoming = store.incoming()?;
        let selection = Selection {
            lock: lock.name.clone(),
            python: lock.python.clone(),
            platforms: missing
                .iter()
                .flat_map(|w| platforms(&w.filename))
                .collect(),
            wanted: missing
                .iter()
                .map(|w| Wanted {
                    name: w.name.clone(),
                    version: w.version.clone(),
                    hashes: vec![w.sha256],
                })
                .collect(),
        };
        let files = download(&selection, incoming.path())?;
        for (wheel, (_, file)) in missing.iter().zip(files) {
            store.insert(&wheel.filename, &file, &wheel.sha256, wheel.size)?;
        }
        step.done(&total);
    }
    Ok(lock.wheels.iter().map(|w| store.path(&w.sha256)).collect())
}

/// The platform tags in a wheel's name: `x-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl` has two.
fn platforms(filename: &str) -> Vec<String> {
    let tags = filename.trim_end_matches(".whl").rsplit('-').next();
    let tags = tags.unwrap_or_default().split('.');
    tags.filter(|tag| *tag != "any")
        .map(str::to_owned)
        .collect()
}

/// Runs pip for a selection and returns the file that came for each project, in the selection's order.
pub fn download<'a>(
    selection: &'a Selection,
    dir: &Path,
) -> Result<Vec<(&'a Wanted, PathBuf)>, FetchError> {
    let list = dir.join("requirements.txt");
    files::write(&list, requirements(&selection.wanted))?;
    let wheels = dir.join("wheels");
    let pip = pip(selection)
        .arg("--dest")
        .arg(&wheels)
        .arg("--requirement")
        .arg(list);
    pip.output(&dir.join("pip.log"))
        .map_err(|error| match error {
            ProcessError::Failed { tail, .. } if tail.contains(NO_ROOM) => {
                FetchError::disk_full(dir)
            }
            ProcessError::Failed { tail, .. } => failure(selection, tail),
            other => other.into(),
        })?;
    assign(&selection.wanted, &wheels)
}

/// pip, told to download wheels for the Python and the platforms of a selection instead of those of this machine.
fn pip(selection: &Selection) -> Program {
    let mut pip = with_proxies(Program::new("python3"));
    for name in PIP_ENVIRONMENT {
        pip = pip.inherit_env(name);
    }
    pip = pip.args(["-m", "pip", "download", "--quiet", "--no-input"]);
    pip = pip.args(["--disable-pip-version-check", "--no-cache-dir"]);
    pip = pip.args(["--progress-bar", "off", "--no-deps"]);
    pip = pip.args(["--only-binary", ":all:", "--implementation", "cp"]);
    pip = pip.args(["--python-version", &selection.python.to_string()]);
    let abi = format!("cp{}", selection.python.joined());
    for abi in [abi.as_str(), "abi3", "none"] {
        pip = pip.args(["--abi", abi]);
    }
    for platform in &selection.platforms {
        pip = pip.args(["--platform", platform]);
    }
    pip
}

/// Finds the file of each project among those that came.
fn assign<'a>(wanted: &'a [Wanted], dir: &Path) -> Result<Vec<(&'a Wanted, PathBuf)>, FetchError> {
    let files: Vec<PathBuf> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    let file_of = |wanted: &'a Wanted| {
        let mine = |file: &&PathBuf| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            name.split('-')
                .next()
                .is_some_and(|n| same_project(n, &wanted.name))
        };
        let file = files.iter().find(mine).cloned();
        file.map(|file| (wanted, file))
            .ok_or_else(|| FetchError::Unreachable {
                what: wanted.name.clone(),
                from: "the package index".to_owned(),
                output: "pip said nothing, and no file came".to_owned(),
            })
    };
    wanted.iter().map(file_of).collect()
}

/// Names that differ in case, or in dashes for dots or underscores, are one project's.
fn same_project(a: &str, b: &str) -> bool {
    let normal = |name: &str| name.to_lowercase().replace(['_', '.'], "-");
    normal(a) == normal(b)
}

fn requirements(wanted: &[Wanted]) -> String {
    let line = |w: &Wanted| {
        let hashes: String = w
            .hashes
            .iter()
            .map(|h| format!(" --hash=sha256:{h}"))
            .collect();
        format!("{}=={}{hashes}\n", w.name, w.version)
    };
    // Hashes on any line make pip ask for them on every line.
    wanted.iter().map(line).collect()
}

/// Finds in pip's output why it failed.
fn failure(selection: &Selection, output: String) -> FetchError {
    let names = |w: &&Wanted| output.contains(&format!("{}==", w.name));
    let named = selection.wanted.iter().find(names);
    let what = named.map_or_else(
        || "wheels".to_owned(),
        |w| format!("{} {}", w.name, w.version),
    );
    let from = "the package index".to_owned();
    if output.contains("DO NOT MATCH THE HASHES") {
        let expected = named
            .and_then(|w| w.hashes.first())
            .map(ToString::to_string);
        return FetchError::WrongHash {
            what,
            from,
            expected: expected.unwrap_or_default(),
        };
    }
    let cut_off = [
        "NewConnectionError",
        "connection broken",
        "timed out",
        "SSLError",
        "ProxyError",
    ];
    if output.contains("No matching distribution found")
        && !cut_off.iter().any(|sign| output.contains(sign))
    {
        let gone = named.map(|wheel| Absent {
            name: wheel.name.clone(),
            version: wheel.version.clone(),
        });
        return FetchError::Gone {
            packages: gone.into_iter().collect(),
            archive: "the package index".to_owned(),
            lock: selection.lock.clone(),
            output,
        };
    }
    FetchError::Unreachable { what, from, output }
}

#[cfg(test)]
mod tests;
