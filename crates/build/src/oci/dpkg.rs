//! The layer of one of our packages: the files that dpkg unpacks, and its database afterwards, so that `dpkg -l`, `dpkg -V`
//! and `apt upgrade` know the package.
//!
//! The distribution's own dpkg installs into a directory that holds only what dpkg reads of the layers below: its database
//! and the accounts. From the database dpkg knows the installed packages, so that the step fails where the image lacks a
//! Depends. It needs nothing else of the lower layers: our packages have no maintainer scripts.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base::deb822;
use base::exit::Failure;
use base::files::{self, FileError};
use base::sandbox::Sandbox;

use super::OciError;
use super::base_layer::{ACCOUNTS, DATABASE};
use super::filter::Filter;
use super::layer::{Entry, Kind, Layer, LayerWriter};

/// dpkg uses the lock files while it runs, and the files that end in `-old` are its last state.
fn is_transient(path: &str) -> bool {
    path.ends_with("-old") || path.contains("/lock") || path.starts_with("var/log/")
}

/// dpkg makes root the owner of files, as all of ours have it; it is root in its own user namespace. fsync is useless for a
/// tree that is removed when its job fails.
///
/// File triggers are hidden during the installation: their scripts need the whole system. Those that look at files of
/// Postgres (postgresql-common's, for apt's list of what to keep) saw them when Postgres itself was installed.
const SCRIPT: &str = r#"
cp -r /in/system/. /build/root
triggers=var/lib/dpkg/triggers/File
: > "/build/root/$triggers"
unshare --user --map-root-user dpkg --root=/build/root --log=/dev/null --force-unsafe-io "$@" --install /in/package.deb
cp "/in/system/$triggers" "/build/root/$triggers"
"#;

/// What an installation is made from.
pub struct Install<'a> {
    /// A root file system of the distribution, to take dpkg from: of this machine's architecture, whatever the package's is.
    pub rootfs: &'a Path,
    /// Whether the package is of another architecture. dpkg unpacks it all the same, and finds its relations among the
    /// packages of that architecture.
    pub foreign: bool,
    /// What dpkg reads of the layers below.
    pub system: &'a Path,
    /// The name of the package, as in its control file.
    pub name: &'a str,
    /// The `.deb` file that dpkg installs.
    pub deb: &'a Path,
    /// What is left out.
    pub filter: &'a Filter,
    /// The time of what changes in the database; the package's files have it too.
    pub epoch: u64,
    /// A directory to work in.
    pub scratch: &'a Path,
    /// Where dpkg's output is kept.
    pub log: &'a Path,
}

impl Install<'_> {
    /// Installs the package and writes the new files as a layer. The returned directory has the package's files and the
    /// files that dpkg reads of the system afterwards.
    pub fn run(&self, layer: &Path) -> Result<(Layer, PathBuf), Failure> {
        files::remove_dir(self.scratch)?;
        let root = self.scratch.join("root");
        files::create_dir(&root)?;
        let mut options = self.filter.options().to_vec();
        options.extend(self.foreign.then(|| "--force-architecture".to_owned()));
        let options = options.join(" ");
        // The options have no blanks: a filter's line ends at the first one for dpkg too.
        let script = format!("set -f; set -- {options}\n{SCRIPT}");
        Sandbox::new(self.rootfs)
            .tmpfs("/in")
            .read_only(self.system, "/in/system")
            // dpkg looks up the names in its database among the accounts of the system that it runs in.
            .read_only(&self.system.join(ACCOUNTS[0]), "/etc/passwd")
            .read_only(&self.system.join(ACCOUNTS[1]), "/etc/group")
            .read_only(self.deb, "/in/package.deb")
            .tmpfs("/build")
            .writable(&root, "/build/root")
            .env("SOURCE_DATE_EPOCH", self.epoch.to_string())
            .script(&script)
            .run(self.log)?;
        self.check(&root)?;
        Ok((self.write(&root, layer)?, root))
    }

    /// dpkg succeeds with a package that waits for another one's trigger; an image must not have such a package.
    fn check(&self, root: &Path) -> Result<(), Failure> {
        let status = files::read_text(&root.join(DATABASE).join("status"))?;
        let state = status_of(&status, self.name);
        let state = state.as_deref().unwrap_or("it is not in its database");
        if state != "install ok installed" {
            return Err(OciError::NotInstalled {
                package: self.name.to_owned(),
                why: state.to_owned(),
            }
            .into());
        }
        Ok(())
    }

    /// Writes the files that are not in the layers below. The packages' lists name the directories of those layers.
    fn write(&self, root: &Path, to: &Path) -> Result<Layer, Failure> {
        let below = directories(self.system)?;
        let mut entries = BTreeSet::new();
        for file in files::files_below(root)? {
            let path = file.to_string_lossy().into_owned();
            if is_transient(&path) || same(&self.system.join(&file), &root.join(&file)) {
                continue;
            }
            let parents = file.ancestors().skip(1);
            let parents = parents
                .filter_map(Path::to_str)
                .filter(|dir| !dir.is_empty());
            entries.extend(
                parents
                    .filter(|dir| !below.contains(*dir))
                    .map(ToOwned::to_owned),
            );
            entries.insert(path);
        }
        let mut layer = LayerWriter::create(to)?;
        for path in entries {
            self.add(&mut layer, root, path)?;
        }
        Ok(layer.finish()?)
    }

    fn add(&self, layer: &mut LayerWriter, root: &Path, path: String) -> Result<(), Failure> {
        let full = root.join(&path);
        let meta = fs::symlink_metadata(&full).map_err(FileError::at("read", &full))?;
        let mode = meta.permissions().mode() & 0o7777;
        let entry = |kind, mode| Entry::of_root(path, kind, mode, self.epoch);
        if meta.is_dir() {
            layer.add(&entry(Kind::Directory, mode), io::empty())?;
        } else if meta.is_symlink() {
            let target = fs::read_link(&full).map_err(FileError::at("read", &full))?;
            let kind = Kind::Symlink(target.to_string_lossy().into_owned());
            layer.add(&entry(kind, 0o777), io::empty())?;
        } else {
            let file = File::open(&full).map_err(FileError::at("read", &full))?;
            layer.add(&entry(Kind::File(meta.len()), mode), file)?;
        }
        Ok(())
    }
}

/// The state of a package in dpkg's status file.
fn status_of(status: &str, package: &str) -> Option<String> {
    let mut stanzas = deb822::stanzas(status).filter_map(Result::ok);
    let stanza = stanzas.find(|stanza| stanza.get("Package") == Some(package))?;
    stanza.get("Status").map(str::to_owned)
}

/// Whether two files have the same contents. Most are in one tree only, and none of those is read.
fn same(one: &Path, two: &Path) -> bool {
    one.exists() && matches!((fs::read(one), fs::read(two)), (Ok(one), Ok(two)) if one == two)
}

/// Every path of every package that a system's dpkg knows, without `/` in front; the directories are what is looked for.
fn directories(system: &Path) -> Result<HashSet<String>, FileError> {
    let info = system.join(DATABASE).join("info");
    let mut found = HashSet::new();
    for file in files::files_below(&info)? {
        if file
            .extension()
            .is_some_and(|extension| extension == "list")
        {
            let list = files::read_text(&info.join(&file))?;
            found.extend(
                list.lines()
                    .map(|line| line.trim_start_matches('/').to_owned()),
            );
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_package_is_its_own() {
        let status = "Package: a\nStatus: install ok installed\n\nPackage: ab\nStatus: install ok unpacked\n";
        assert_eq!(
            status_of(status, "a").as_deref(),
            Some("install ok installed")
        );
        assert_eq!(
            status_of(status, "ab").as_deref(),
            Some("install ok unpacked")
        );
        assert_eq!(status_of(status, "b"), None);
    }

    #[test]
    fn locks_and_last_states_stay_behind() {
        for path in [
            "var/lib/dpkg/lock",
            "var/lib/dpkg/triggers/lock",
            "var/lib/dpkg/status-old",
        ] {
            assert!(is_transient(path), "{path}");
        }
        assert!(!is_transient("var/lib/dpkg/status"));
    }
}
