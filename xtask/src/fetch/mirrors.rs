//! Which archives may be contacted, and where.
//!
//! Only those that this machine's apt is configured for, and those that the user enables. Nothing else is contacted,
//! not even to see whether it answers.

use std::collections::BTreeMap;
use std::path::Path;

use crate::lock::Time;
use crate::process::Program;
use crate::targets::{Archive, Targets};

use super::FetchError;

/// Who enabled an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnabledBy {
    /// This machine's apt configuration.
    Apt,
    /// `--mirror` or its environment variable.
    User,
}

/// An archive that may be contacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Its base, without a slash at the end.
    pub uri: String,
    /// Who enabled it.
    pub by: EnabledBy,
}

/// The archives that may be contacted, by their names in `targets.toml`.
#[derive(Debug, Clone, Default)]
pub struct Mirrors {
    enabled: BTreeMap<String, Mirror>,
    /// For an archive the enabled service that keeps what left it.
    snapshots: BTreeMap<String, String>,
}

/// What apt says of one of its sources.
struct Source {
    uri: String,
    origin: String,
    label: String,
    release: String,
}

impl Mirrors {
    /// No archive at all: work from the store only.
    pub fn none() -> Self {
        Self::default()
    }

    /// What this machine's apt is configured for, and what the user enables: `NAME=URI`, or `NAME` for an archive whose
    /// address `targets.toml` gives. The user's choice goes before apt's.
    pub fn discover(targets: &Targets, user: &[String], log: &Path) -> Result<Self, FetchError> {
        let mut mirrors = Self::default();
        mirrors.add_user(targets, user)?;
        let format = "$(REPO_URI)\t$(ORIGIN)\t$(LABEL)\t$(RELEASE)";
        let output = Program::new("apt-get")
            .args(["indextargets", "--format", format, "Created-By: Packages"])
            .output(log)?;
        mirrors.add_apt(targets, &String::from_utf8_lossy(&output));
        Ok(mirrors)
    }

    /// Enables what a user asks for.
    pub fn add_user(&mut self, targets: &Targets, user: &[String]) -> Result<(), FetchError> {
        for text in user.iter().flat_map(|t| t.split_whitespace()) {
            let (name, uri) = match text.split_once('=') {
                Some((name, uri)) => (name, Some(uri)),
                None => (text, None),
            };
            let Some(archive) = targets.archive(name) else {
                let known = targets.archives.iter().map(|a| a.name.as_str());
                return Err(FetchError::unknown_archive(name, known));
            };
            let uri = uri
                .or(archive.uri.as_deref())
                .filter(|uri| uri.contains(':'));
            let Some(uri) = uri else {
                return Err(FetchError::MirrorWithoutUri {
                    name: name.to_owned(),
                });
            };
            self.enable(name, uri, EnabledBy::User);
            if let Some(of) = &archive.snapshot_of {
                self.snapshots.insert(of.clone(), name.to_owned());
            }
        }
        Ok(())
    }

    /// Takes in apt's list of sources, one a line: base, origin, label and release between tabs.
    fn add_apt(&mut self, targets: &Targets, listing: &str) {
        let sources: Vec<Source> = listing.lines().filter_map(source).collect();
        for archive in targets.archives.iter().filter(|a| a.snapshot_of.is_none()) {
            if self.enabled.contains_key(&archive.name) {
                continue;
            }
            let codenames = || targets.distributions.iter().map(|d| d.codename.as_str());
            let mut of_archive: Vec<&Source> = sources
                .iter()
                .filter(|s| s.is(archive, codenames()))
                .collect();
            // The source of a whole release before that of its updates, which another host may serve.
            of_archive.sort_by_key(|s| !codenames().any(|codename| s.release == codename));
            if let Some(source) = of_archive.first() {
                self.enable(&archive.name, &source.uri, EnabledBy::Apt);
            }
        }
    }

    fn enable(&mut self, name: &str, uri: &str, by: EnabledBy) {
        let uri = uri.trim_end_matches('/').to_owned();
        self.enabled.insert(name.to_owned(), Mirror { uri, by });
    }

    /// An archive's base, where it may be contacted.
    pub fn base(&self, archive: &str) -> Option<&str> {
        self.enabled.get(archive).map(|m| m.uri.as_str())
    }

    /// Like [`Self::base`], with an error that says how to enable the archive.
    pub fn require(&self, archive: &str) -> Result<&str, FetchError> {
        self.base(archive).ok_or_else(|| FetchError::NotEnabled {
            archive: archive.to_owned(),
        })
    }

    /// The base of the service that keeps what left an archive, as the archive was at a time; only where the user enabled
    /// one.
    pub fn snapshot(&self, archive: &str, time: &Time) -> Option<String> {
        let base = self.base(self.snapshots.get(archive)?)?;
        Some(base.replace("{time}", &time.compact()))
    }

    /// Every archive that may be contacted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Mirror)> {
        self.enabled.iter().map(|(name, m)| (name.as_str(), m))
    }
}

fn source(line: &str) -> Option<Source> {
    let mut fields = line.split('\t').map(|field| match field.starts_with("$(") {
        true => String::new(), // apt leaves a name that it has no value for
        false => field.to_owned(),
    });
    Some(Source {
        uri: fields.next()?,
        origin: fields.next()?,
        label: fields.next()?,
        release: fields.next()?,
    })
}

impl Source {
    fn is<'a>(&self, archive: &Archive, mut codenames: impl Iterator<Item = &'a str>) -> bool {
        if !self.origin.is_empty() {
            // Releases past support keep their origin and label where they are kept, so these alone do not tell the
            // archive of old releases from the archive: it is only ever enabled by the user.
            return archive.origin.as_deref() == Some(&self.origin)
                && archive.label.as_deref() == Some(&self.label)
                && !archive.name.ends_with("-old");
        }
        let last = self.uri.trim_end_matches('/').rsplit('/').next();
        last.is_some_and(|last| archive.path.as_deref() == Some(last))
            && codenames.any(|codename| self.release.starts_with(codename))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::targets::Targets;

    fn targets() -> Targets {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/targets.toml");
        Targets::load(&path).unwrap()
    }

    #[test]
    fn recognises_archives_by_what_their_release_files_say() {
        let mut mirrors = Mirrors::none();
        let listing = "http://m.example/s/\tDebian\tDebian-Security\tbookworm-security\n\
                       http://u.example/d/\tDebian\tDebian\tbookworm-updates\n\
                       http://m.example/d/\tDebian\tDebian\tbookworm\n\
                       http://other.example/x/\tOther\tOther\tstable\n";
        mirrors.add_apt(&targets(), listing);
        assert_eq!(mirrors.base("debian"), Some("http://m.example/d"));
        assert_eq!(mirrors.base("debian-security"), Some("http://m.example/s"));
        assert_eq!(mirrors.iter().count(), 2);
    }

    #[test]
    fn recognises_archives_by_address_before_the_first_update() {
        let mut mirrors = Mirrors::none();
        let listing = "http://m.example/debian/\t$(ORIGIN)\t$(LABEL)\tbookworm\n\
                       http://x.example/apt/\t$(ORIGIN)\t$(LABEL)\tcloud-bookworm\n";
        mirrors.add_apt(&targets(), listing);
        assert_eq!(mirrors.base("debian"), Some("http://m.example/debian"));
        assert_eq!(mirrors.iter().count(), 1);
    }

    #[test]
    fn the_user_goes_before_apt_and_names_are_checked() {
        let targets = targets();
        let mut mirrors = Mirrors::none();
        let user = ["debian=file:///mirror/".to_owned(), "pgdg".to_owned()];
        mirrors.add_user(&targets, &user).unwrap();
        mirrors.add_apt(&targets, "http://m.example/d/\tDebian\tDebian\tbookworm\n");
        assert_eq!(mirrors.base("debian"), Some("file:///mirror"));
        assert!(mirrors.base("pgdg").unwrap().starts_with("https://"));
        for wrong in ["debain=http://m.example/", "debian", "debian=nowhere"] {
            let result = mirrors.add_user(&targets, &[wrong.to_owned()]);
            assert!(result.is_err(), "{wrong}");
        }
    }
}
