//! Packages of a lock, through apt's own downloader.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::mirrors::{Mirrors, Place};
use super::{FetchError, Gone, lacks, with_proxies};
use crate::step::Step;
use base::digest::Digest;
use base::files;
use base::process::{self, NO_ROOM, Program};
use base::progress::Listener;
use base::store::{Store, StoreError};
use base::uri;
use targets::lock::{Absent, Lock, LockedPackage};

/// How many packages one run of the downloader gets: enough to keep a connection busy, few enough that an interrupted
/// run has most of its work in the store.
const BATCH: usize = 24;
/// The pauses before further attempts at a service that does not answer, where no other place may have the packages. Snapshot
/// services refuse clients that ask too often for a while.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(15),
    Duration::from_secs(45),
];

/// Gets packages of a lock into the store and returns where each is, in the order given. What is stored already is not
/// fetched again; if that is all of it, nothing is contacted and no archive has to be enabled.
///
/// A package is looked for in its archive and then in the services that keep what left it ([`Mirrors::places`]). Those
/// that no place has are one error, which names all of them: what the lock needs to be made anew.
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
        let step = Step::start(listener, job, &total);
        say_where_from(lock, &missing, mirrors, listener);
        let mut gone = Vec::new();
        for (i, batch) in missing.chunks(BATCH).enumerate() {
            let done = i * BATCH;
            step.progress(&format!("{done} of {total}"));
            gone.extend(fetch_patiently(lock, batch, mirrors, store, listener)?);
        }
        if let Some(error) = FetchError::all_gone(&lock.distribution, gone) {
            return Err(error);
        }
        step.done(&total);
    }
    Ok(packages.iter().map(|p| store.path(&p.sha256)).collect())
}

/// Tells the user that packages come from a public service, because this machine's apt has no archive with them.
fn say_where_from(
    lock: &Lock,
    missing: &[&LockedPackage],
    mirrors: &Mirrors,
    listener: &dyn Listener,
) {
    let archives: BTreeSet<&str> = missing.iter().map(|p| p.archive.as_str()).collect();
    for archive in archives {
        let places = mirrors.places(archive, &lock.moments(archive));
        if let (None, Some(place)) = (mirrors.base(archive), places.first()) {
            listener.note(&format!(
                "this machine's apt has no archive `{archive}`: its packages come from `{}`, as the lock pins them; \
                 `--mirror {archive}=URI` names a quicker mirror",
                place.name
            ));
        }
    }
}

/// A package, and the places that were not asked for it yet.
struct Search<'a> {
    package: &'a LockedPackage,
    places: VecDeque<Place>,
    /// The output of the downloader for the last place, for an error.
    output: String,
}

/// Runs [`fetch_batch`], and again where the only place that may have a package did not answer.
fn fetch_patiently(
    lock: &Lock,
    batch: &[&LockedPackage],
    mirrors: &Mirrors,
    store: &Store,
    listener: &dyn Listener,
) -> Result<Vec<Gone>, FetchError> {
    let mut pauses = PAUSES.iter();
    loop {
        let missing: Vec<&LockedPackage> = batch
            .iter()
            .filter(|package| !store.contains(&package.sha256))
            .copied()
            .collect();
        let result = fetch_batch(lock, &missing, mirrors, store);
        let Err(FetchError::Unreachable { what, from, .. }) = &result else {
            return result;
        };
        let elsewhere = batch
            .iter()
            .any(|package| mirrors.base(&package.archive) == Some(from));
        let Some(pause) = pauses.next().filter(|_| !elsewhere) else {
            return result;
        };
        let seconds = pause.as_secs();
        listener.note(&format!(
            "{from} does not give `{what}` now: it is asked again in {seconds} s; what has arrived is kept"
        ));
        thread::sleep(*pause);
    }
}

/// Gets a batch of packages, each from the first of its places that has it; returns those that none has.
fn fetch_batch(
    lock: &Lock,
    batch: &[&LockedPackage],
    mirrors: &Mirrors,
    store: &Store,
) -> Result<Vec<Gone>, FetchError> {
    let mut open = Vec::new();
    for package in batch {
        let places = mirrors.places(&package.archive, &lock.moments(&package.archive));
        if places.is_empty() {
            mirrors.require(&package.archive)?;
        }
        open.push(Search {
            package,
            places: places.into(),
            output: String::new(),
        });
    }
    let mut gone = Vec::new();
    while !open.is_empty() {
        let mut asked = Vec::new();
        for mut search in open.drain(..) {
            match search.places.pop_front() {
                Some(place) => asked.push((search, place)),
                None => gone.push(Gone::of(search.package, search.output)),
            }
        }
        let mut failed = try_batch(&asked, mirrors.patience, store)?;
        for (i, (search, place)) in asked.into_iter().enumerate() {
            let Some(error) = failed.remove(&i) else {
                continue;
            };
            let own = mirrors.base(&search.package.archive);
            // Where the archive itself may be contacted, it has to answer, and a service that does not is none that has the
            // package. Where it may not, the last of the services has to.
            let must_answer = match own {
                Some(base) => *base == place.base,
                None => search.places.is_empty(),
            };
            let output = match error {
                FetchError::Gone { output, .. } => output,
                FetchError::Unreachable { output, .. } if !must_answer => output,
                other => return Err(other),
            };
            open.push(Search { output, ..search });
        }
    }
    Ok(gone)
}

/// Fetches packages, each from below its place, and stores those that come, so that the next run begins behind them.
/// Returns the others by their position, and why.
fn try_batch(
    batch: &[(Search<'_>, Place)],
    patience: u32,
    store: &Store,
) -> Result<BTreeMap<usize, FetchError>, FetchError> {
    let mut failed = BTreeMap::new();
    if batch.is_empty() {
        return Ok(failed);
    }
    let incoming = store.incoming()?;
    let dir = incoming.path();
    let files = batch.iter().map(|(search, place)| {
        let package = search.package;
        let sha256 = package.sha256.to_string();
        (uri(&place.base, &package.path), package.file_name(), sha256)
    });
    let output = download(dir, patience, files)?;
    for (i, (search, place)) in batch.iter().enumerate() {
        let file = dir.join(search.package.file_name());
        if file.exists() {
            match take_in(store, search.package, &file) {
                Err(StoreError::Mismatch { .. }) => {}
                other => {
                    other?;
                    continue;
                }
            }
        }
        if output.contains(NO_ROOM) {
            return Err(FetchError::disk_full(dir));
        }
        failed.insert(i, failure(search.package, &place.base, &output));
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

/// Runs apt's downloader on addresses, file names and digests; returns its output. The files that came are in `dir`.
fn download(
    dir: &Path,
    patience: u32,
    files: impl Iterator<Item = (String, String, String)>,
) -> Result<String, FetchError> {
    let settings = dir.join("apt.conf");
    // Started by root, apt would fetch as its own user, who may not enter our cache.
    let text = format!(
        "APT::Sandbox::User \"root\";\nAcquire::Retries \"2\";\n\
         Acquire::http::Timeout \"{patience}\";\nAcquire::https::Timeout \"{patience}\";\n"
    );
    files::write(&settings, text)?;
    let mut helper = with_proxies(Program::new("/usr/lib/apt/apt-helper"))
        .arg("-c")
        .arg(settings)
        .arg("download-file");
    for (uri, name, sha256) in files {
        let to = dir.join(name).into_os_string();
        helper = helper.arg(uri).arg(to).arg(format!("SHA256:{sha256}"));
    }
    Ok(process::both(&helper.attempt()?))
}

/// The address of a package.
fn uri(base: &str, path: &str) -> String {
    format!("{base}/{}", uri::encode(path))
}

/// Whether an archive in a directory has another file at a package's place. apt 3 has no words for it.
fn is_other_file(package: &LockedPackage, base: &str) -> bool {
    let mut local = ["copy:", "file:"].into_iter();
    let dir = local.find_map(|scheme| base.strip_prefix(scheme));
    let there = dir.map(|dir| Path::new(dir).join(&package.path));
    let digest = there.and_then(|file| Digest::of_file(&file).ok());
    digest.is_some_and(|(digest, _)| digest != package.sha256)
}

/// Finds in the downloader's output why a package did not come.
fn failure(package: &LockedPackage, base: &str, output: &str) -> FetchError {
    let uri = uri(base, &package.path);
    let mut lines = output.lines();
    let reason = lines
        .find(|line| line.starts_with("E:") && line.contains(&uri))
        .map(|first| {
            let mut reason = vec![first.trim_start_matches("E: ")];
            reason.extend(lines.take_while(|l| l.starts_with(' ')));
            reason.join("\n")
        })
        .unwrap_or_else(|| output.trim().to_owned());
    let what = || format!("{} {}", package.name, package.version);
    let file = || format!("{} ({})", what(), package.path);
    let said = ["Hash Sum mismatch", "unexpected size"];
    if said.iter().any(|sign| reason.contains(sign)) || is_other_file(package, base) {
        return FetchError::WrongHash {
            what: file(),
            from: base.to_owned(),
            expected: package.sha256.to_string(),
        };
    }
    let gone = ["404", "410", "File not found", "No such file"];
    if gone.iter().any(|sign| reason.contains(sign)) {
        return FetchError::Gone {
            packages: vec![Absent::of(package)],
            archive: package.archive.clone(),
            lock: String::new(),
            output: reason,
        };
    }
    FetchError::Unreachable {
        what: what(),
        from: base.to_owned(),
        output: reason,
    }
}

#[cfg(test)]
mod tests;
