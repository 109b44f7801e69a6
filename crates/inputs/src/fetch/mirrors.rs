//! Which archives may be contacted, and where.
//!
//! Those that this machine's apt is configured for and those that the user enables; and, for a package that these no
//! longer have, the services that keep what left them. Nothing else is contacted, not even to see whether it answers.

use std::sync::OnceLock;

use base::exit::Failure;
use base::workspace::Workspace;
use std::collections::BTreeMap;
use std::path::Path;

use base::process::Program;
use base::time::Time;
use targets::{Archive, Distribution, Targets};

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
    /// Who allowed contact with it.
    pub by: EnabledBy,
}

/// The archives that may be contacted, by their names in `targets.toml`.
#[derive(Debug, Clone)]
pub struct Mirrors {
    enabled: BTreeMap<String, Mirror>,
    /// For an archive, the services that keep what left it, in the order in which they are asked.
    keepers: BTreeMap<String, Vec<Keeper>>,
    /// How many seconds an archive may be silent before it counts as one that does not answer.
    pub patience: u32,
}

impl Default for Mirrors {
    fn default() -> Self {
        Self {
            enabled: BTreeMap::new(),
            keepers: BTreeMap::new(),
            patience: 30,
        }
    }
}

/// A service that keeps packages that left their archive.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Keeper {
    /// What `targets.toml` calls it.
    name: String,
    /// Its address; that of a snapshot service has `{time}` in it.
    uri: String,
}

/// A place that may have a locked package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the archive or service in `targets.toml`.
    pub name: String,
    /// Its base, without a slash at the end.
    pub base: String,
}

/// What the user says about archives.
#[derive(Debug, Clone, Default)]
pub struct UserMirrors {
    /// The archives that may be contacted besides the machine's own: NAME or NAME=URI.
    pub enabled: Vec<String>,
    /// Whether no public service may be asked for packages that left their archive.
    pub no_snapshot: bool,
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

    /// Whether every archive that a distribution's packages come from is enabled on this machine.
    pub fn reach(&self, distribution: &Distribution) -> bool {
        self.missing(distribution).is_empty()
    }

    /// The names of the archives that a distribution needs and that are not enabled on this machine.
    pub fn missing<'a>(&self, distribution: &'a Distribution) -> Vec<&'a str> {
        let mut names = distribution.archives();
        names.retain(|name| self.base(name).is_none());
        names
    }

    /// What this machine's apt is configured for, and what the user enables: `NAME=URI`, or `NAME` for an archive whose
    /// address `targets.toml` gives. The user's choice goes before apt's. Besides those the public services that keep
    /// what left an archive, unless the user forbids it.
    pub fn discover(targets: &Targets, user: &UserMirrors, log: &Path) -> Result<Self, FetchError> {
        let mut mirrors = Self::default();
        mirrors.add_user(targets, &user.enabled)?;
        if !user.no_snapshot {
            mirrors.add_keepers(targets);
        }
        let format = "$(REPO_URI)\t$(ORIGIN)\t$(LABEL)\t$(RELEASE)";
        let output = Program::new("apt-get")
            .args(["indextargets", "--format", format, "Created-By: Packages"])
            .output(log)?;
        let mut listing = String::from_utf8_lossy(&output).into_owned();
        // apt 3 names no index before it has it: not those of a machine whose apt was never updated, and not those of a source
        // that was added since.
        let planned = Program::new("apt-get")
            .args(["update", "--print-uris"])
            .output(log);
        match planned {
            Ok(output) => {
                let planned = to_be_fetched(&String::from_utf8_lossy(&output));
                listing.push_str(&not_listed(&planned, &listing));
            }
            Err(error) if listing.trim().is_empty() => return Err(error.into()),
            Err(_) => {} // what apt has is known
        }
        mirrors.add_apt(targets, &listing);
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
            match archive.old_of.as_ref().or(archive.snapshot_of.as_ref()) {
                Some(of) => self.add_keeper(of, name, uri),
                None => self.enable(name, uri, EnabledBy::User),
            }
        }
        Ok(())
    }

    /// Adds the services that have a public address: the archives of old releases before the snapshot services.
    fn add_keepers(&mut self, targets: &Targets) {
        let old = targets.archives.iter().map(|a| (a, &a.old_of));
        let snapshots = targets.archives.iter().map(|a| (a, &a.snapshot_of));
        for (archive, of) in old.chain(snapshots) {
            if let (Some(of), Some(uri)) = (of, &archive.uri) {
                self.add_keeper(of, &archive.name, uri);
            }
        }
    }

    /// Adds a service for what left an archive, behind those that are there; the user's own address of it stays.
    fn add_keeper(&mut self, of: &str, name: &str, uri: &str) {
        let keepers = self.keepers.entry(of.to_owned()).or_default();
        if !keepers.iter().any(|keeper| keeper.name == name) {
            keepers.push(Keeper {
                name: name.to_owned(),
                uri: uri.trim_end_matches('/').to_owned(),
            });
        }
    }

    /// Takes in apt's list of sources, one a line: base, origin, label and release between tabs.
    fn add_apt(&mut self, targets: &Targets, listing: &str) {
        let sources: Vec<Source> = listing.lines().filter_map(source).collect();
        let kept = |a: &&Archive| a.snapshot_of.is_none() && a.old_of.is_none();
        for archive in targets.archives.iter().filter(kept) {
            if self.enabled.contains_key(&archive.name) {
                continue;
            }
            let codenames = || targets.distributions.iter().map(|d| d.codename.as_str());
            let releases = targets.distributions.iter();
            let releases = releases.chain(&targets.with_other_majors);
            let suites: Vec<&str> = releases
                .flat_map(|release| &release.suites)
                .filter(|suite| suite.archive == archive.name)
                .map(|suite| suite.name.as_str())
                .collect();
            let mut of_archive: Vec<&Source> = sources
                .iter()
                .filter(|source| source.is(archive, &suites))
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

    /// Where a package may be that an archive had at these moments, in the order in which to ask: the archive itself where it
    /// may be contacted, and then the services that keep what left it.
    pub fn places(&self, archive: &str, moments: &[&Time]) -> Vec<Place> {
        let own = self.base(archive).map(|base| Place {
            name: archive.to_owned(),
            base: base.to_owned(),
        });
        let keepers = self.keepers.get(archive).into_iter().flatten();
        let kept = keepers.flat_map(|keeper| {
            let bases: Vec<String> = match keeper.uri.contains("{time}") {
                true => moments
                    .iter()
                    .map(|time| keeper.uri.replace("{time}", &time.compact()))
                    .collect(),
                false => vec![keeper.uri.clone()],
            };
            bases.into_iter().map(|base| Place {
                name: keeper.name.clone(),
                base,
            })
        });
        own.into_iter().chain(kept).collect()
    }

    /// Every archive that may be contacted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Mirror)> {
        self.enabled.iter().map(|(name, m)| (name.as_str(), m))
    }
}

/// Makes the listing that [`Mirrors::add_apt`] reads from the output of `apt-get update --print-uris`:
/// `'BASE/dists/RELEASE/InRelease' FILE 0`.
fn to_be_fetched(output: &str) -> String {
    let source = |line: &str| {
        let (uri, _) = line.strip_prefix('\'')?.split_once('\'')?;
        let (base, rest) = uri.split_once("/dists/")?;
        let release = rest.strip_suffix("/InRelease")?;
        Some(format!("{base}/\t$(ORIGIN)\t$(LABEL)\t{release}\n"))
    };
    output.lines().filter_map(source).collect()
}

/// The lines of a listing whose source is in no line of another one.
fn not_listed(planned: &str, listing: &str) -> String {
    let known: Vec<Source> = listing.lines().filter_map(source).collect();
    let is_new = |line: &&str| {
        source(line).is_some_and(|new| {
            !known
                .iter()
                .any(|old| (&old.uri, &old.release) == (&new.uri, &new.release))
        })
    };
    let new = planned.lines().filter(is_new);
    new.map(|line| format!("{line}\n")).collect()
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
    /// Whether it is of an archive, which has these suites.
    fn is(&self, archive: &Archive, suites: &[&str]) -> bool {
        if !self.origin.is_empty() {
            // Releases past support keep their origin and label where they are kept: a machine whose sources name the
            // archive of old releases has that as its archive.
            return archive.origin.as_deref() == Some(&self.origin)
                && archive.label.as_deref() == Some(&self.label);
        }
        let last = self.uri.trim_end_matches('/').rsplit('/').next();
        last.is_some_and(|last| archive.path.as_deref() == Some(last))
            && suites.contains(&self.release.as_str())
    }
}

/// The archives that may be contacted, looked up when something has to be fetched and not before: asking apt takes
/// longer than a run with nothing to do.
pub struct LazyMirrors {
    user: UserMirrors,
    found: OnceLock<Mirrors>,
}

impl LazyMirrors {
    /// The archives of this machine's apt, and those that the user enables.
    pub fn new(user: &UserMirrors) -> Self {
        Self {
            user: user.clone(),
            found: OnceLock::new(),
        }
    }

    /// From now on no archive may be contacted.
    pub fn forbid(&mut self) {
        self.found = OnceLock::from(Mirrors::none());
    }

    /// Looks them up, or returns what was found before.
    pub fn get(&self, targets: &Targets, workspace: &Workspace) -> Result<&Mirrors, Failure> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let found = Mirrors::discover(targets, &self.user, &workspace.log("mirrors"))?;
        Ok(self.found.get_or_init(|| found))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use targets::Targets;

    fn targets() -> Targets {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
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
                       http://x.example/apt/\t$(ORIGIN)\t$(LABEL)\tcloud-bookworm\n\
                       http://x.example/apt/\t$(ORIGIN)\t$(LABEL)\tbookworm\n";
        mirrors.add_apt(&targets(), listing);
        assert_eq!(mirrors.base("debian"), Some("http://m.example/debian"));
        assert_eq!(mirrors.iter().count(), 1);
    }

    /// Catches a fresh container, where apt has sources and no index yet, that counts as a machine without archives.
    #[test]
    fn recognises_archives_by_what_apt_would_fetch() {
        let output = "'http://m.example/ubuntu/dists/resolute/InRelease' m.example_ubuntu_dists_resolute_InRelease 0 \n\
                     'http://m.example/ubuntu/dists/resolute-updates/InRelease' x 0 \n";
        let mut mirrors = Mirrors::none();
        mirrors.add_apt(&targets(), &to_be_fetched(output));
        assert_eq!(mirrors.base("ubuntu"), Some("http://m.example/ubuntu"));
        assert_eq!(mirrors.iter().count(), 1);
    }

    /// Catches a source that counts as none from when it was added until apt's next update.
    #[test]
    fn a_source_that_was_added_since_the_last_update_is_known() {
        let listing = "http://m.example/d/\tDebian\tDebian\tbookworm\n";
        let planned = to_be_fetched(
            "'http://m.example/d/dists/bookworm/InRelease' x 0 \n\
             'http://p.example/apt/dists/bookworm-pgdg/InRelease' x 0 \n",
        );
        let new = not_listed(&planned, listing);
        assert_eq!(
            new,
            "http://p.example/apt/\t$(ORIGIN)\t$(LABEL)\tbookworm-pgdg\n"
        );
        let mut mirrors = Mirrors::none();
        mirrors.add_apt(&targets(), &format!("{listing}{new}"));
        assert_eq!(mirrors.base("pgdg"), Some("http://p.example/apt"));
        assert_eq!(mirrors.base("debian"), Some("http://m.example/d"));
    }

    #[test]
    fn a_package_is_looked_for_in_its_archive_then_where_old_releases_are_then_at_the_snapshot_service()
     {
        let targets = targets();
        let mut mirrors = Mirrors::none();
        let user = [
            "ubuntu=http://m.example/ubuntu",
            "ubuntu-old=http://o.example/u",
        ];
        mirrors.add_user(&targets, &user.map(String::from)).unwrap();
        let new: Time = "2026-07-11T10:16:37Z".parse().unwrap();
        let old: Time = "2026-01-01T00:00:00Z".parse().unwrap();
        let names = |mirrors: &Mirrors, archive: &str| -> Vec<String> {
            let places = mirrors.places(archive, &[&new, &old]);
            places.into_iter().map(|place| place.base).collect()
        };
        assert_eq!(
            names(&mirrors, "ubuntu"),
            ["http://m.example/ubuntu", "http://o.example/u"],
            "no public service without permission"
        );
        mirrors.add_keepers(&targets);
        let all = names(&mirrors, "ubuntu");
        assert_eq!(all.len(), 4, "{all:?}");
        assert_eq!(all[1], "http://o.example/u", "the user's address of it");
        assert!(all[2].ends_with("/20260711T101637Z"), "{all:?}");
        assert!(all[3].ends_with("/20260101T000000Z"), "{all:?}");
        let debian = names(&mirrors, "debian");
        assert_eq!(
            debian.len(),
            2,
            "not enabled: only where all is kept: {debian:?}"
        );
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
