//! An archive that stands in for another: it has the packages of a locked distribution under the names of a release that
//! can't be reached here, signed with its own key.
//!
//! Its indexes have the field `Stand-In`, and a lock that is made from them keeps it ([`targets::lock::LockedSuite`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use base::digest::Digest;
use base::exit::Failure;
use base::files;
use base::process::Program;
use debian::apt::signing::SigningKey;
use inputs::lock::Index;
use targets::{Archive, Distribution, Suite};

use crate::cases::unexpected;

/// How long an index is good for, in seconds.
const VALID: u64 = 7 * 86_400;
/// The directory of the pool that holds what is made here.
pub const STAND_IN_POOL: &str = "pool/stand-in";
/// What Ubuntu has in `universe`; the rest is in `main`.
const UNIVERSE: [&str; 12] = [
    "aptitude",
    "autopkgtest",
    "diffoscope-minimal",
    "lintian",
    "mmdebstrap",
    "nix-bin",
    "piuparts",
    "python3-pip",
    "python3-pytest",
    "qemu-user",
    "shellcheck",
    "skopeo",
];
/// What Ubuntu has not, or not as a package with a program in it (its `chromium` fetches a snap); and what is made here.
const LEFT_OUT: [&str; 3] = ["chromium", "chromium-sandbox", "ubuntu-keyring"];

/// The part of a distribution's packages that a stand-in archive has.
#[derive(Debug, Clone, Copy)]
pub enum Extent<'a> {
    /// Everything, suite by suite, and the package of its own keyring.
    Whole,
    /// These packages, and those of their dependencies that the archive beside it lacks.
    Beside {
        /// The packages that users ask for by name.
        roots: &'a [String],
        /// The indexes of the archive beside it.
        there: &'a [Index],
    },
}

/// A stand-in archive while it is made.
pub struct StandIn<'a> {
    /// The release that it stands in for.
    pub plays: &'a Distribution,
    /// The archive of that release whose names it uses.
    pub archive: &'a Archive,
    /// Whose packages it has.
    pub of: &'a Distribution,
    /// The indexes of the packages in that distribution's archives.
    pub indexes: &'a [Index],
    /// The part of that distribution's packages that the archive has.
    pub extent: Extent<'a>,
    /// The key that signs.
    pub key: &'a SigningKey,
    /// The directory that becomes the archive.
    pub root: &'a Path,
    /// Where the output of tools is kept.
    pub log: &'a Path,
}

impl StandIn<'_> {
    /// Writes the indexes of every suite that the release has in this archive, and the package of its keyring.
    pub fn write(&self) -> Result<(), Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        let keyring = match self.extent {
            Extent::Whole => self.keyring_package()?,
            Extent::Beside { .. } => String::new(),
        };
        let own = |suite: &&Suite| suite.archive == self.archive.name;
        for suite in self.plays.suites.iter().filter(own) {
            let extra = suite.kind.is_release().then_some(keyring.as_str());
            self.suite(suite, extra, now)?;
        }
        Ok(())
    }

    /// The names of its release file, as apt's configuration has them.
    fn suite(&self, suite: &Suite, extra: Option<&str>, now: u64) -> Result<(), Failure> {
        let dist = self.root.join("dists").join(&suite.name);
        let all = self.packages_of(suite);
        let architecture = &self.plays.architecture.name;
        for component in &suite.components {
            let universe = component == "universe";
            let mut packages: String = stanzas(&all)
                .filter(|(name, _)| !LEFT_OUT.contains(name))
                .filter(|(name, _)| UNIVERSE.contains(name) == universe)
                .map(|(_, stanza)| format!("{stanza}\n\n"))
                .collect();
            if !universe {
                packages.push_str(extra.unwrap_or_default());
            }
            let binary = dist.join(component).join(format!("binary-{architecture}"));
            self.index(&binary, packages.as_bytes())?;
        }
        let release = self.release(suite, &dist, now)?;
        files::write(&dist.join("Release"), release)?;
        self.key.sign_release(&dist.join("Release"), now, self.log)
    }

    /// The entries of a suite.
    fn packages_of(&self, suite: &Suite) -> String {
        match self.extent {
            Extent::Whole => {
                let mut of_kind = self.of.suites.iter().filter(|one| one.kind == suite.kind);
                let name = of_kind.next().map_or("", |one| one.name.as_str());
                let texts = self.indexes.iter().filter(|index| index.suite == name);
                texts.map(|index| index.packages.as_str()).collect()
            }
            Extent::Beside { roots, there } => {
                let all: String = self
                    .indexes
                    .iter()
                    .map(|one| one.packages.as_str())
                    .collect();
                let there: String = there.iter().map(|one| one.packages.as_str()).collect();
                closure(roots, &all, &there)
            }
        }
    }

    fn index(&self, binary: &Path, packages: &[u8]) -> Result<(), Failure> {
        let compressed = Program::new("xz")
            .args(["-1", "--threads=1", "--stdout"])
            .pipe(packages, self.log)?;
        for (name, bytes) in [("Packages", packages), ("Packages.xz", &compressed)] {
            let by_hash = binary.join("by-hash/SHA256");
            files::write(&by_hash.join(Digest::of(bytes).to_string()), bytes)?;
            files::write(&binary.join(name), bytes)?;
        }
        Ok(())
    }

    fn release(&self, suite: &Suite, dist: &Path, now: u64) -> Result<Vec<u8>, Failure> {
        let date = |at: u64| -> Result<String, Failure> {
            let date = Program::new("date")
                .args([
                    "--utc".into(),
                    "--rfc-email".into(),
                    format!("--date=@{at}"),
                ])
                .output(self.log)?;
            let date = String::from_utf8_lossy(&date).trim().to_owned();
            Ok(date.replace("+0000", "UTC"))
        };
        let missing = || unexpected(format!("`{}` has no origin", self.archive.name));
        let archive = self.archive;
        let (origin, label) = archive
            .origin
            .as_ref()
            .zip(archive.label.as_ref())
            .ok_or_else(missing)?;
        let (made, until) = (date(now)?, date(now + VALID)?);
        let components = suite.components.join(" ");
        let fields = [
            ("Origin", origin.as_str()),
            ("Label", label),
            ("Suite", &suite.name),
            ("Codename", &self.plays.codename),
            ("Architectures", &self.plays.architecture.name),
            ("Components", &components),
            ("Acquire-By-Hash", "yes"),
            ("Date", &made),
            ("Valid-Until", &until),
        ];
        let options = fields.iter().flat_map(|(name, value)| {
            let option = format!("APT::FTPArchive::Release::{name}={value}");
            ["-o".to_owned(), option]
        });
        let release = Program::new("apt-ftparchive")
            .args(options)
            .args(["-o", "APT::FTPArchive::DoByHash=false", "release", "."])
            .dir(dist)
            .output(self.log)?;
        let mut text = format!("Stand-In: packages of {}\n", self.of.title).into_bytes();
        text.extend(release);
        Ok(text)
    }

    /// Builds the package with the archive's keyring and returns its entry in an index.
    fn keyring_package(&self) -> Result<String, Failure> {
        let name = &self.archive.keyring_package;
        let tree = self.root.with_extension("keyring");
        files::remove_dir(&tree)?;
        let keyring = tree.join(self.archive.keyring.trim_start_matches('/'));
        files::create_dir(keyring.parent().unwrap_or(&tree))?;
        self.key.export(&keyring, self.log)?;
        files::set_mode(&keyring, 0o644)?;
        let control = format!(
            "Package: {name}\nVersion: 2026.1\nArchitecture: all\nPriority: important\nSection: misc\n\
             Maintainer: pgml-dist <pgml-dist@example.org>\nDescription: key of an archive that stands in for another\n"
        );
        files::write(&tree.join("DEBIAN/control"), control)?;
        let pool: PathBuf = self.root.join(STAND_IN_POOL);
        files::create_dir(&pool)?;
        Program::new("dpkg-deb")
            .args(["--build", "--root-owner-group", "-Zxz"])
            .arg(&tree)
            .arg(pool.join(format!("{name}_2026.1_all.deb")))
            .run(self.log)?;
        files::remove_dir(&tree)?;
        let entry = Program::new("apt-ftparchive")
            .args(["packages", STAND_IN_POOL])
            .dir(self.root)
            .output(self.log)?;
        Ok(String::from_utf8_lossy(&entry).into_owned())
    }
}

/// The entries of some packages and of what they need that is not `there`.
fn closure(roots: &[String], all: &str, there: &str) -> String {
    let field = |stanza: &'_ str, name: &str| -> String {
        let found = stanza
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_default().to_owned()
    };
    let names = |list: &str| -> Vec<String> {
        let first = |one: &str| {
            one.split([' ', ':', '('])
                .find(|word| !word.is_empty())
                .map(str::to_owned)
        };
        list.split(',').filter_map(first).collect()
    };
    let mut known: BTreeSet<String> = BTreeSet::new();
    for (name, stanza) in stanzas(there) {
        known.insert(name.to_owned());
        known.extend(names(&field(stanza, "Provides")));
    }
    let mut entries: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, stanza) in stanzas(all) {
        entries.entry(name).or_default().push(stanza);
    }
    let mut open: Vec<String> = roots.to_vec();
    let mut taken = BTreeSet::new();
    let mut text = String::new();
    while let Some(name) = open.pop() {
        let Some(stanzas) = entries
            .get(name.as_str())
            .filter(|_| taken.insert(name.clone()))
        else {
            continue;
        };
        for stanza in stanzas {
            text.push_str(&format!("{stanza}\n\n"));
            let needs = ["Depends", "Pre-Depends"]
                .map(|kind| field(stanza, kind))
                .join(",");
            let unmet = |one: &&str| {
                !one.split('|')
                    .any(|one| names(one).iter().all(|name| known.contains(name)))
            };
            let unmet: Vec<&str> = needs.split(',').filter(unmet).collect();
            open.extend(
                unmet
                    .iter()
                    .flat_map(|one| names(one.split('|').next().unwrap_or_default())),
            );
        }
    }
    text
}

/// The entries of an index, each with the package's name.
fn stanzas(index: &str) -> impl Iterator<Item = (&str, &str)> {
    index.split("\n\n").filter_map(|stanza| {
        let stanza = stanza.trim_matches('\n');
        let name = stanza
            .lines()
            .find_map(|line| line.strip_prefix("Package: "))?;
        Some((name, stanza))
    })
}
