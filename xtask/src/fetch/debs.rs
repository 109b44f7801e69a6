//! Packages of a lock, through apt's own downloader.

use std::fs;
use std::path::{Path, PathBuf};

use super::mirrors::Mirrors;
use super::{FetchError, lacks, with_proxies};
use crate::lock::{Lock, LockedPackage};
use crate::process::{NO_ROOM, ProcessError, Program};
use crate::progress::Listener;
use crate::store::{Store, StoreError};

/// How many packages one run of the downloader gets: enough to keep a connection busy, few enough that an interrupted
/// run has most of its work in the store.
const BATCH: usize = 24;

/// Gets packages of a lock into the store and returns where each is, in the order given. What is stored already is not
/// fetched again; if that is all of it, nothing is contacted and no archive has to be enabled.
pub fn fetch_debs(
    lock: &Lock,
    packages: &[&LockedPackage],
    mirrors: &Mirrors,
    store: &Store,
    listener: &dyn Listener,
) -> Result<Vec<PathBuf>, FetchError> {
    let mut missing: Vec<&LockedPackage> = Vec::new();
    for package in packages {
        if lacks(store, &package.sha256, &package.name, listener)? {
            missing.push(package);
        }
    }
    if !missing.is_empty() {
        let job = format!("fetch {}", lock.distribution);
        let megabytes = |of: &[&LockedPackage]| of.iter().map(|p| p.size).sum::<u64>() / 1_000_000;
        let total = format!("{} packages, {} MB", missing.len(), megabytes(&missing));
        listener.started(&job, &total);
        for (i, batch) in missing.chunks(BATCH).enumerate() {
            let done = i * BATCH;
            listener.progress(&job, &format!("{done} of {total}"));
            fetch_batch(lock, batch, mirrors, store)?;
        }
        listener.finished(&job, &total);
    }
    Ok(packages.iter().map(|p| store.path(&p.sha256)).collect())
}

fn fetch_batch(
    lock: &Lock,
    batch: &[&LockedPackage],
    mirrors: &Mirrors,
    store: &Store,
) -> Result<(), FetchError> {
    let mut wanted = Vec::new();
    for package in batch {
        let base = mirrors.require(&package.archive)?.to_owned();
        wanted.push((*package, base));
    }
    let failed = try_batch(lock, &wanted, store)?;
    // What left its archive may be where everything stays, if the user enabled such a service.
    let mut elsewhere = Vec::new();
    for (package, error) in failed {
        let time = lock.suite(&package.archive).map(|suite| &suite.date);
        let snapshot = time.and_then(|time| mirrors.snapshot(&package.archive, time));
        match (&error, snapshot) {
            (FetchError::Gone { .. }, Some(base)) => elsewhere.push((package, base)),
            _ => return Err(error),
        }
    }
    match try_batch(lock, &elsewhere, store)?.into_iter().next() {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

/// Fetches packages, each from below its base, and stores those that come, so that the next run begins behind them.
/// Returns the others, and why.
fn try_batch<'a>(
    lock: &Lock,
    batch: &[(&'a LockedPackage, String)],
    store: &Store,
) -> Result<Vec<(&'a LockedPackage, FetchError)>, FetchError> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let incoming = store.incoming()?;
    let dir = incoming.path();
    let files = batch
        .iter()
        .map(|(p, base)| (uri(base, &p.path), p.file_name(), p.sha256.to_string()));
    let words = download(dir, files)?;
    let mut failed = Vec::new();
    for (package, base) in batch {
        let file = dir.join(package.file_name());
        if file.exists() {
            match take_in(store, package, &file) {
                Err(StoreError::Mismatch { .. }) => {}
                other => {
                    other?;
                    continue;
                }
            }
        }
        if words.contains(NO_ROOM) {
            return Err(FetchError::disk_full(dir));
        }
        failed.push((*package, failure(lock, package, base, &words)));
    }
    Ok(failed)
}

fn take_in(store: &Store, package: &LockedPackage, file: &Path) -> Result<PathBuf, StoreError> {
    let (name, sha256, size) = (&package.name, &package.sha256, package.size);
    match file.is_symlink() {
        // apt only links to what a `file:` mirror has.
        true => store.insert_copy(name, file, sha256, size),
        false => store.insert(name, file, sha256, size),
    }
}

/// Runs apt's downloader on addresses, file names and digests; returns what it said. Which files came is seen in `dir`.
fn download(
    dir: &Path,
    files: impl Iterator<Item = (String, String, String)>,
) -> Result<String, FetchError> {
    let settings = dir.join("apt.conf");
    // As root apt would fetch as a user of its own, who may not look into our cache.
    let text = "APT::Sandbox::User \"root\";\nAcquire::Retries \"3\";\n";
    fs::write(&settings, text).map_err(|source| FetchError::Io {
        doing: "write",
        path: settings.clone(),
        source,
    })?;
    let mut helper = with_proxies(Program::new("/usr/lib/apt/apt-helper"))
        .arg("-c")
        .arg(settings)
        .arg("download-file");
    for (uri, name, sha256) in files {
        let to = dir.join(name).into_os_string();
        helper = helper.arg(uri).arg(to).arg(format!("SHA256:{sha256}"));
    }
    let output = helper.command().output();
    let output = output.map_err(|source| ProcessError::Start {
        program: "apt-helper".to_owned(),
        reason: source,
    })?;
    let mut words = String::from_utf8_lossy(&output.stdout).into_owned();
    words.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(words)
}

/// A package's address; percent-encoded as apt does, because some mirrors take a plus sign for a space.
fn uri(base: &str, path: &str) -> String {
    let mut uri = format!("{base}/");
    for c in path.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '/' | '.' | '-' | '_' | '~' => uri.push(c),
            other => {
                let mut buffer = [0; 4];
                for byte in other.encode_utf8(&mut buffer).bytes() {
                    uri.push_str(&format!("%{byte:02x}"));
                }
            }
        }
    }
    uri
}

/// Finds in the downloader's words why a package did not come.
fn failure(lock: &Lock, package: &LockedPackage, base: &str, words: &str) -> FetchError {
    let what = format!("{} {}", package.name, package.version);
    let uri = uri(base, &package.path);
    let mut lines = words.lines();
    let said = lines
        .find(|line| line.starts_with("E:") && line.contains(&uri))
        .map(|first| {
            let mut said = vec![first.trim_start_matches("E: ")];
            said.extend(lines.take_while(|l| l.starts_with(' ')));
            said.join("\n")
        })
        .unwrap_or_else(|| words.trim().to_owned());
    if said.contains("Hash Sum mismatch") || said.contains("unexpected size") {
        return FetchError::WrongHash {
            what,
            from: base.to_owned(),
            expected: package.sha256.to_string(),
        };
    }
    let gone = ["404", "File not found", "No such file"];
    if gone.iter().any(|sign| said.contains(sign)) {
        return FetchError::Gone {
            package: what,
            archive: package.archive.clone(),
            lock: lock.distribution.clone(),
            words: said,
        };
    }
    FetchError::Unreachable {
        what,
        from: base.to_owned(),
        words: said,
    }
}

#[cfg(test)]
mod tests;
