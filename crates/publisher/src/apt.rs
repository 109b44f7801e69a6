//! Copies the apt repository to where it is served from, in the two steps of docs/publish.md: what indexes name
//! first, the signed indexes last, so that apt finds everything at any moment in between. Nothing is deleted.

use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files::{self, FileError};
use base::process::{self, Program};
use base::progress::Listener;
use inputs::host::Host;
use inputs::host::tools::{AWS, GPGV, RSYNC, Tool};
use release::published::{self, KEYRING};

use crate::publish::Options;

/// The signed indexes, as rsync's filter has them and as that of the S3 client.
const RSYNC_INDEXES: &str = "--exclude=/dists/*/*Release*";
const S3_INDEXES: &str = "dists/*Release*";

/// The ways to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To a directory, or to a server that has rsync: `www@packages.example.org:/srv/pgml`.
    Rsync,
    /// To an object store: `s3://bucket/path`.
    S3,
}

impl Way {
    /// The way that a destination asks for.
    pub fn of(destination: &str) -> Self {
        match destination.starts_with("s3://") {
            true => Self::S3,
            false => Self::Rsync,
        }
    }

    /// The program that copies.
    fn tool(self) -> Tool {
        match self {
            Self::Rsync => RSYNC,
            Self::S3 => AWS,
        }
    }

    /// Fetches the keyring that is published at a destination into a directory. None if there is none; that it can't be
    /// seen is an error.
    fn fetch_keyring(
        self,
        destination: &str,
        into: &Path,
        log: &Path,
    ) -> Result<Option<PathBuf>, Failure> {
        let from = format!("{}/{KEYRING}", destination.trim_end_matches('/'));
        let to = into.join(KEYRING);
        // How each says that there is none: its exit code and its words. A server that can't be reached is another thing.
        let (program, code, absent) = match self {
            Self::Rsync => (rsync(), 23, "No such file or directory"),
            Self::S3 => (aws().args(["s3", "cp"]), 1, "(404)"),
        };
        let fetch = program.arg(&from).arg(&to);
        let output = fetch.attempt()?;
        let said = process::both(&output);
        match output.status.success() {
            true => Ok(Some(to)),
            false if output.status.code() == Some(code) && said.contains(absent) => Ok(None),
            // Again, for the error.
            false => {
                fetch.run(log)?;
                Ok(Some(to))
            }
        }
    }

    /// The programs of both steps.
    fn steps(self, repository: &Path, destination: &str, dry_run: bool) -> [Program; 2] {
        match self {
            Self::Rsync => {
                let [from, to] = [repository.display().to_string(), destination.to_owned()]
                    .map(|place| format!("{}/", place.trim_end_matches('/')));
                let call = || {
                    let program = rsync().args(["-a", "--mkpath"]);
                    match dry_run {
                        true => program.args(["--dry-run", "--out-format=%n"]),
                        false => program,
                    }
                };
                let ends = [from, to];
                [
                    call().arg(RSYNC_INDEXES).args(ends.clone()),
                    call().args(ends),
                ]
            }
            Self::S3 => {
                let call = || {
                    let program = aws().args(["s3", "sync"]).arg(repository).arg(destination);
                    match dry_run {
                        true => program.arg("--dryrun"),
                        false => program,
                    }
                };
                [call().args(["--exclude", S3_INDEXES]), call()]
            }
        }
    }
}

/// rsync, with what it needs to reach a server.
fn rsync() -> Program {
    ["HOME", "SSH_AUTH_SOCK", "RSYNC_RSH", "RSYNC_PASSWORD"]
        .iter()
        .fold(Program::new("rsync"), |program, name| {
            program.inherit_env(name)
        })
}

/// The S3 client. Its own settings, its credentials among them, stay in its environment and files.
fn aws() -> Program {
    let names = std::env::vars_os().map(|(name, _)| name);
    let of_client = names.filter_map(|name| name.into_string().ok());
    of_client
        .filter(|name| name.starts_with("AWS_") || name == "HOME")
        .fold(Program::new("aws"), |program, name| {
            program.inherit_env(&name)
        })
}

/// Refuses a repository that the local key signed, and one that users can't go on from with the keyring that is published at
/// the destination. Before anything is written anywhere.
pub fn require_keys(
    repository: &Path,
    destination: &str,
    options: &Options<'_>,
    log: &Path,
    listener: &dyn Listener,
) -> Result<(), Failure> {
    if !options.development {
        published::require_own_key(repository, log)?;
    }
    if options.replace_keyring {
        return Ok(());
    }
    let way = Way::of(destination);
    let host = Host::detect(Path::new("/"));
    if options.dry_run && !(way.tool().present(&host) && GPGV.present(&host)) {
        let name = way.tool().name;
        listener.note(&format!(
            "{destination}: the published keyring is not compared, because this machine lacks `{name}` or `gpgv`"
        ));
        return Ok(());
    }
    host.require(&[way.tool(), GPGV], log, listener)?;
    let scratch = tempfile::tempdir().map_err(FileError::at("make a directory for", KEYRING))?;
    match way.fetch_keyring(destination, scratch.path(), log)? {
        Some(keyring) => published::require_known_keys(repository, &keyring, log),
        None => Ok(()),
    }
}

/// Copies a repository.
pub fn copy(
    repository: &Path,
    destination: &str,
    log: &Path,
    listener: &dyn Listener,
) -> Result<(), Failure> {
    let way = Way::of(destination);
    Host::detect(Path::new("/")).require(&[way.tool()], log, listener)?;
    let [contents, indexes] = way.steps(repository, destination, false);
    listener.note(&format!("{destination}: copying packages"));
    contents.run(log)?;
    listener.note(&format!("{destination}: copying signed indexes"));
    indexes.run(log)?;
    Ok(())
}

/// Says which files would be copied. Installs nothing: without the tool it can't look at the destination, and says so.
pub fn try_copy(
    repository: &Path,
    destination: &str,
    log: &Path,
    listener: &dyn Listener,
) -> Result<(), Failure> {
    let way = Way::of(destination);
    let tool = way.tool();
    if !tool.present(&Host::detect(Path::new("/"))) {
        let count = files::files_below(repository)?.len();
        listener.note(&format!(
            "{destination}: not compared, because this machine lacks `{}`, which `publish` would install as root; the \
             repository has {count} files",
            tool.name
        ));
        return Ok(());
    }
    // The second step copies what is left of all files; without the first one that is all.
    let [_, all] = way.steps(repository, destination, true);
    let said = all.output(log)?;
    let said = String::from_utf8_lossy(&said);
    let files = said
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.ends_with('/'));
    let files: Vec<&str> = files.collect();
    for file in &files {
        listener.note(file);
    }
    let count = files.len();
    listener.note(&format!("{destination}: {count} files would be copied"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::progress::Recorder;

    #[test]
    fn the_steps_are_those_of_the_page() {
        let page = include_str!("../../../docs/publish.md");
        let repository = Path::new("dist/apt");
        for (destination, options) in [
            ("www@packages.example.org:/srv/pgml", [" --mkpath", ""]),
            ("s3://packages-example/pgml", ["", ""]),
        ] {
            for step in Way::of(destination).steps(repository, destination, false) {
                let words = step.command_line();
                let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
                let line = words.join(" ").replace(options[0], "");
                let plain = |text: &str| text.replace('\'', "");
                assert!(plain(page).contains(&line), "{line}");
            }
        }
    }

    /// Catches a signed index that is copied before what it names.
    #[test]
    fn the_first_step_copies_no_signed_index() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("apt"), dir.path().join("a/server"));
        for name in [
            "dists/x/InRelease",
            "dists/x/Release.gpg",
            "dists/x/main/Packages",
            "pool/a.deb",
        ] {
            base::files::write(&from.join(name), name).unwrap();
        }
        let destination = to.display().to_string();
        let [contents, indexes] = Way::Rsync.steps(&from, &destination, false);
        let log = dir.path().join("log");
        let Ok(()) = contents.run(&log) else {
            // The suite `registry` runs it where rsync is.
            return assert!(!Path::new("/usr/bin/rsync").exists());
        };
        assert!(to.join("pool/a.deb").exists() && to.join("dists/x/main/Packages").exists());
        assert!(!to.join("dists/x/InRelease").exists() && !to.join("dists/x/Release.gpg").exists());
        indexes.run(&log).unwrap();
        assert!(to.join("dists/x/InRelease").exists());
    }

    /// Catches a dry run that copies, that names nothing, or that counts what is there already.
    #[test]
    fn a_dry_run_names_the_files_and_copies_none() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("apt"), dir.path().join("server"));
        for name in ["dists/x/InRelease", "pool/a.deb"] {
            base::files::write(&from.join(name), name).unwrap();
        }
        let said = || {
            let notes = Recorder::default();
            let (to, log) = (to.display().to_string(), dir.path().join("log"));
            try_copy(&from, &to, &log, &notes).unwrap();
            notes.notes().join("; ")
        };
        if !Path::new("/usr/bin/rsync").exists() {
            let said = said();
            return assert!(
                said.contains("lacks `rsync`") && said.contains("2 files"),
                "{said}"
            );
        }
        let first = said();
        for words in [
            "dists/x/InRelease;",
            "pool/a.deb;",
            ": 2 files would be copied",
        ] {
            assert!(first.contains(words), "{first}");
        }
        assert!(!to.exists());
        for step in Way::Rsync.steps(&from, &to.display().to_string(), false) {
            step.run(&dir.path().join("log")).unwrap();
        }
        assert!(said().ends_with(": 0 files would be copied"));
    }

    /// Catches a published keyring that is not seen, and a server that can't be reached taken for one without a keyring.
    #[test]
    fn the_published_keyring_is_fetched() {
        let dir = tempfile::tempdir().unwrap();
        let (server, log) = (dir.path().join("server"), dir.path().join("log"));
        let fetch = |destination: &str| {
            let into = dir.path().join("into");
            base::files::create_dir(&into).unwrap();
            Way::Rsync.fetch_keyring(destination, &into, &log)
        };
        if !Path::new("/usr/bin/rsync").exists() {
            return assert!(fetch("/nowhere").is_err()); // it can't be started
        }
        let here = server.display().to_string();
        assert!(fetch(&here).unwrap().is_none());
        base::files::write(&server.join("README"), "no keyring").unwrap();
        assert!(fetch(&here).unwrap().is_none());
        base::files::write(&server.join(KEYRING), "a keyring").unwrap();
        let found = fetch(&format!("{here}/")).unwrap().unwrap();
        assert_eq!(base::files::read_text(&found).unwrap(), "a keyring");
        assert!(fetch("nobody@host.invalid:/srv").is_err());
    }
}
