//! A private root for apt: its own sources, lists, status and cache, so that neither the machine's packages nor its
//! preferences have a say, while its proxies and certificates do.

use std::path::{Path, PathBuf};

use crate::fetch::mirrors::Mirrors;
use crate::fetch::with_proxies;
use crate::lock::LockingError;
use base::files;
use base::process::Program;
use targets::lock::Absent;
use targets::{Distribution, Suite, Targets};

/// The settings that apt reads after the machine's configuration. The cleared hooks would act on the machine.
const SETTINGS: &str = r#"
#clear APT::Update;
#clear APT::Default-Release;
#clear APT::Architectures;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
APT::Update::Error-Mode "any";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Solver "internal";
APT::Cmd::Pattern-Only "true";
APT::Get::AllowUnauthenticated "false";
APT::Sandbox::User "root";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Check-Valid-Until "true";
Acquire::Check-Date "true";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::Trusted "/dev/null";
Dir::Etc::TrustedParts "/dev/null";
"#;

/// The sources of everything, and those of the releases alone.
const SOURCES: &str = "sources.list";
const FROZEN_SOURCES: &str = "frozen.list";

/// A private root for apt.
pub(super) struct Apt {
    dir: PathBuf,
}

impl Apt {
    /// Makes the root for a distribution in `dir`. Lists that an earlier run left are used again where they are current.
    /// apt takes none of the `absent` packages.
    pub fn new(
        dir: PathBuf,
        targets: &Targets,
        distribution: &Distribution,
        mirrors: &Mirrors,
        absent: &[Absent],
    ) -> Result<Self, LockingError> {
        let apt = Self { dir };
        for sub in ["state/lists/partial", "cache/archives/partial"] {
            let dir = apt.dir.join(sub);
            files::create_dir(&dir)?;
        }
        apt.write("state/status", "")?;
        let all = sources(targets, distribution, mirrors, &|_| true)?;
        let frozen = sources(targets, distribution, mirrors, &|s| s.kind.is_release())?;
        apt.write(SOURCES, &all)?;
        apt.write(FROZEN_SOURCES, &frozen)?;
        apt.write("preferences", &preferences(&distribution.suites, absent))?;
        apt.write("apt.conf", &apt.settings(&distribution.architecture.name))?;
        Ok(apt)
    }

    fn settings(&self, architecture: &str) -> String {
        let dir = self.dir.display();
        format!(
            "{SETTINGS}APT::Architecture \"{architecture}\";\nAPT::Architectures {{ \"{architecture}\"; }};\n\
             Dir::State \"{dir}/state\";\nDir::State::Lists \"{dir}/state/lists\";\nDir::State::Status \"{dir}/state/status\";\n\
             Dir::Cache \"{dir}/cache\";\nDir::Cache::Archives \"{dir}/cache/archives\";\n\
             Dir::Etc::SourceList \"{dir}/{SOURCES}\";\nDir::Etc::Preferences \"{dir}/preferences\";\n"
        )
    }

    fn write(&self, name: &str, text: &str) -> Result<(), LockingError> {
        let path = self.dir.join(name);
        Ok(files::write(&path, text)?)
    }

    /// The directory of the fetched and verified indexes.
    pub fn lists(&self) -> PathBuf {
        self.dir.join("state/lists")
    }

    /// `apt-get` in this root.
    pub fn get(&self) -> Program {
        self.program("apt-get")
    }

    /// `apt-get` in this root, which sees the releases without their updates.
    pub fn get_frozen(&self) -> Program {
        let sources = self.dir.join(FROZEN_SOURCES);
        self.get()
            .arg("-o")
            .arg(format!("Dir::Etc::SourceList={}", sources.display()))
            // A cache of its own: apt makes its cache anew each time that the sources are others.
            .args(["-o", "Dir::Cache::PkgCache=frozen.bin"])
            .args(["-o", "Dir::Cache::SrcPkgCache=frozen-sources.bin"])
    }

    /// `apt-cache` in this root.
    pub fn cache(&self) -> Program {
        self.program("apt-cache")
    }

    /// apt's helper in this root.
    pub fn helper(&self) -> Program {
        self.program("/usr/lib/apt/apt-helper")
    }

    fn program(&self, name: &str) -> Program {
        with_proxies(Program::new(name))
            .arg("-c")
            .arg(self.dir.join("apt.conf"))
    }

    /// Where a failure's whole output is kept.
    pub fn log(&self) -> PathBuf {
        self.dir.join("apt.log")
    }
}

/// Forbids packages, each by name and version (apt_preferences(5)), and all of a suite but those of one source package.
fn preferences(suites: &[Suite], absent: &[Absent]) -> String {
    let only = |suite: &Suite| {
        let (name, source) = (&suite.name, suite.only.as_ref()?);
        Some(format!(
            "Package: *\nPin: release a={name}\nPin-Priority: -1\n\n\
             Package: src:{source}\nPin: release a={name}\nPin-Priority: 500\n\n"
        ))
    };
    let forbid = |one: &Absent| {
        format!(
            "Package: {}\nPin: version {}\nPin-Priority: -1\n\n",
            one.name, one.version
        )
    };
    let only = suites.iter().filter_map(only);
    only.chain(absent.iter().map(forbid)).collect()
}

/// sources.list: for each suite that counts its archive's own keyring, and only the package index.
fn sources(
    targets: &Targets,
    distribution: &Distribution,
    mirrors: &Mirrors,
    counts: &dyn Fn(&Suite) -> bool,
) -> Result<String, LockingError> {
    let mut text = String::new();
    for suite in distribution.suites.iter().filter(|suite| counts(suite)) {
        let base = mirrors.require(&suite.archive)?;
        let Some(archive) = targets.archive(&suite.archive) else {
            continue; // checked when targets.toml was read
        };
        if !Path::new(&archive.keyring).exists() {
            return Err(LockingError::NoKeyring {
                archive: archive.title.clone(),
                keyring: archive.keyring.clone(),
                package: archive.keyring_package.clone(),
            });
        }
        let expired = if suite.accept_expired {
            " check-valid-until=no"
        } else {
            ""
        };
        text.push_str(&format!(
            "deb [arch={} target=Packages signed-by={}{expired}] {base} {} {}\n",
            distribution.architecture.name,
            archive.keyring,
            suite.name,
            suite.components.join(" "),
        ));
    }
    Ok(text)
}
