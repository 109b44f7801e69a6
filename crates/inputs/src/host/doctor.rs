//! What this machine can do, and what it lacks for the rest.

mod emulators;
mod room;

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::require::install_line;
use super::tools::{self, Tool};
use super::{Host, namespaces};
use crate::fetch::mirrors::{EnabledBy, Mirrors};
use targets::{Architecture, Targets, ToolchainSource};

pub use room::Resources;

/// The version of the report's format.
const FORMAT: u32 = 1;

/// What this machine can do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The version of this format.
    pub version: u32,
    /// Whether everything that is not optional is `ok` or `installable`.
    pub able: bool,
    /// What the machine is.
    pub machine: Machine,
    /// What each thing needs.
    pub checks: Vec<Check>,
    /// The archives, and whether they may be contacted.
    pub archives: Vec<ArchiveState>,
}

/// What the machine is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Machine {
    /// Its operating system's name.
    pub os: String,
    /// The target that this machine itself is, if there is one.
    pub target: Option<String>,
    /// Whether this process may install packages.
    pub root: bool,
}

/// Something that the machine is to do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    /// The thing that the machine is to do, in a few words.
    pub name: String,
    /// Whether the machine can do it.
    pub state: State,
    /// Whether only an extra needs it.
    pub optional: bool,
    /// What was found, or is missing.
    pub detail: String,
    /// The line that would help.
    pub fix: Option<String>,
}

/// Whether a machine can do a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The machine can do it now.
    Ok,
    /// The command that needs it will install what is missing, because it runs as root.
    Installable,
    /// The machine can't do it, and the command that needs it would fail.
    Missing,
}

/// An archive, and whether it may be contacted.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ArchiveState {
    /// The archive's name in `targets.toml`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// `apt` where this machine's apt has it, `user` where the user enabled it, nothing where it may not be contacted.
    pub enabled_by: Option<String>,
    /// The distributions whose packages come from it.
    pub distributions: Vec<String>,
}

/// Needed by one thing that the machine is to do: all of the first, or in the second case any.
enum Need {
    All(&'static [Tool]),
    Any(&'static [Tool]),
}

/// What there is to do, what it needs, and whether only an extra does.
const THINGS: [(&str, Need, bool); 11] = [
    ("lock and fetch packages", Need::All(&[tools::APT]), false),
    (
        "lock and fetch wheels",
        Need::All(&[tools::PYTHON, tools::PIP]),
        false,
    ),
    (
        "make root file systems",
        Need::All(&[
            tools::MMDEBSTRAP,
            tools::APT_FTPARCHIVE,
            tools::NEWUIDMAP_OF_USERS,
        ]),
        false,
    ),
    (
        "enter them without network",
        Need::All(&[tools::BWRAP]),
        false,
    ),
    (
        "check libraries",
        Need::All(&[tools::NM, tools::READELF]),
        false,
    ),
    (
        "make packages and the apt repository",
        Need::All(&[
            tools::DPKG_DEB,
            tools::APT_FTPARCHIVE,
            tools::XZ,
            tools::GPG,
            tools::LINTIAN,
        ]),
        false,
    ),
    (
        "load and run images",
        Need::Any(&[tools::DOCKER, tools::PODMAN]),
        true,
    ),
    (
        "build twice and explain differences",
        Need::All(&[tools::DIFFOSCOPE, tools::NEWUIDMAP]),
        true,
    ),
    (
        "publish the repository to a server",
        Need::All(&[tools::RSYNC, tools::GPGV]),
        true,
    ),
    (
        "publish it to an object store",
        Need::All(&[tools::AWS, tools::GPGV]),
        true,
    ),
    ("look at the report", Need::All(&[tools::CHROMIUM]), true),
];

/// The tools that something needs which is not an extra.
#[cfg(test)]
pub(super) fn needed() -> Vec<&'static str> {
    let of = |(_, need, optional): &(&str, Need, bool)| match need {
        Need::All(tools) if !optional => tools.to_vec(),
        _ => Vec::new(),
    };
    THINGS.iter().flat_map(of).map(|tool| tool.name).collect()
}

/// Looks at everything.
pub fn examine(
    host: &Host,
    targets: &Targets,
    mirrors: &Mirrors,
    resources: Resources<'_>,
) -> Report {
    let mut checks: Vec<Check> = THINGS.iter().map(|thing| check(host, thing)).collect();
    checks.extend(compilers(host, targets, resources.rust_targets));
    checks.extend(emulators::checks(host, targets));
    checks.push(sandbox(host));
    checks.push(further_ids(host));
    checks.push(room::check(resources));
    checks.push(keys(host, targets, mirrors));
    Report {
        version: FORMAT,
        able: checks
            .iter()
            .all(|c| c.optional || c.state != State::Missing),
        machine: Machine {
            os: host.os.title.clone(),
            target: host.own_target(targets).ok().map(|t| t.to_string()),
            root: host.root,
        },
        checks,
        archives: archives(targets, mirrors),
    }
}

fn check(host: &Host, (name, need, optional): &(&str, Need, bool)) -> Check {
    let (tools, enough): (&[Tool], bool) = match need {
        Need::All(tools) => (tools, tools.iter().all(|t| t.present(host))),
        Need::Any(tools) => (tools, tools.iter().any(|t| t.present(host))),
    };
    let used = tools.iter().filter(|t| t.is_used(host));
    let (there, missing): (Vec<&Tool>, Vec<&Tool>) = used.partition(|t| t.present(host));
    let names = |tools: &[&Tool]| {
        let names: Vec<&str> = tools.iter().map(|t| t.name).collect();
        names.join(", ")
    };
    let mut packages: Vec<&str> = missing
        .iter()
        .filter_map(|t| t.packages.first().copied())
        .collect();
    if let Need::Any(_) = need {
        packages.truncate(1);
    }
    packages.dedup();
    let installable = host.root && !optional && host.program("apt-get").is_some();
    Check {
        name: (*name).to_owned(),
        state: match (enough, installable) {
            (true, _) => State::Ok,
            (false, true) => State::Installable,
            (false, false) => State::Missing,
        },
        optional: *optional,
        detail: match enough {
            true => names(&there),
            false => format!("lacks {}", names(&missing)),
        },
        fix: (!enough).then(|| match host.root {
            true => install_line(&packages),
            false => format!("sudo {}", install_line(&packages)),
        }),
    }
}

/// Whether the Rust toolchain can compile for each architecture. Others than the machine's own are an extra.
fn compilers(host: &Host, targets: &Targets, rust_targets: &[String]) -> Vec<Check> {
    let own = host.architecture(targets);
    let check = |architecture: &Architecture| {
        let rust = &architecture.rust;
        let pinned = rust_targets.contains(rust);
        // For the machine itself the pinned one has to be there: it compiles the tool.
        let packaged = targets
            .toolchains
            .iter()
            .find(|toolchain| architecture != own && toolchain.source != ToolchainSource::Pinned);
        let enough = pinned || packaged.is_some();
        Check {
            name: format!("compile for {}", architecture.name),
            state: match enough {
                true => State::Ok,
                false => State::Missing,
            },
            optional: architecture != own,
            detail: match (pinned, packaged) {
                (true, _) => format!("the Rust toolchain has {rust}"),
                (false, Some(toolchain)) => {
                    format!("{} does, from locked packages", toolchain.title)
                }
                (false, None) => format!("the Rust toolchain lacks the standard library of {rust}"),
            },
            fix: (!enough).then(|| format!("rustup target add {rust}")),
        }
    };
    targets.architectures.iter().map(check).collect()
}

/// Whether a sandbox really starts.
fn sandbox(host: &Host) -> Check {
    let lacks = host.program("bwrap").is_none();
    let refused = namespaces::refused(host);
    Check {
        name: "use namespaces".to_owned(),
        state: match (lacks, &refused) {
            (false, None) => State::Ok,
            (true, _) if host.root => State::Installable,
            _ => State::Missing,
        },
        optional: false,
        detail: match (lacks, &refused) {
            (true, _) => "not tried: lacks bwrap".to_owned(),
            (false, None) => "a process without network starts".to_owned(),
            (false, Some(refused)) => refused.why.clone(),
        },
        fix: refused.map(|refused| refused.remedy),
    }
}

/// Whether an ordinary user has the ids that a root file system takes.
fn further_ids(host: &Host) -> Check {
    let refused = namespaces::no_sub_ids(host, Path::new("/"));
    Check {
        name: "have further user ids".to_owned(),
        state: match refused {
            None => State::Ok,
            Some(_) => State::Missing,
        },
        optional: false,
        detail: match (&refused, host.root) {
            (Some(refused), _) => refused.why.clone(),
            (None, true) => "root needs none".to_owned(),
            (None, false) => "/etc/subuid and /etc/subgid have a range".to_owned(),
        },
        fix: refused.map(|refused| refused.remedy),
    }
}

/// Whether the keys of the enabled archives are here. Only `lock --update` needs them.
fn keys(host: &Host, targets: &Targets, mirrors: &Mirrors) -> Check {
    let enabled = targets
        .archives
        .iter()
        .filter(|a| mirrors.base(&a.name).is_some());
    let mut packages: Vec<&str> = enabled
        .filter(|a| !Path::new(&a.keyring).exists())
        .map(|a| a.keyring_package.as_str())
        .collect();
    packages.dedup();
    let sudo = if host.root { "" } else { "sudo " };
    Check {
        name: "verify the enabled archives' signatures".to_owned(),
        state: match packages.is_empty() {
            true => State::Ok,
            false => State::Missing,
        },
        optional: true,
        detail: match packages.is_empty() {
            true => "their keys are here".to_owned(),
            false => format!("lacks the keys in {}", packages.join(", ")),
        },
        fix: (!packages.is_empty()).then(|| format!("{sudo}{}", install_line(&packages))),
    }
}

fn archives(targets: &Targets, mirrors: &Mirrors) -> Vec<ArchiveState> {
    let by = |name: &str| {
        let mirror = mirrors.iter().find(|(n, _)| *n == name).map(|(_, m)| m.by);
        mirror.map(|by| match by {
            EnabledBy::Apt => "apt".to_owned(),
            EnabledBy::User => "user".to_owned(),
        })
    };
    let uses = |name: &str| {
        let of = |d: &&targets::Distribution| d.suites.iter().any(|s| s.archive == name);
        // The same on every architecture.
        targets
            .distributions_on(targets.first_architecture())
            .filter(of)
            .map(|d| d.id.clone())
            .collect()
    };
    let state = |a: &targets::Archive| ArchiveState {
        name: a.name.clone(),
        title: a.title.clone(),
        enabled_by: by(&a.name),
        distributions: uses(&a.name),
    };
    targets.archives.iter().map(state).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::room::ROOM;
    use super::*;

    fn bare_machine(root: bool) -> Report {
        bare_machine_with(root, 1, ROOM)
    }

    /// With a toolchain for so many of our architectures, and so many free bytes.
    fn bare_machine_with(root: bool, rust_targets: usize, room: u64) -> Report {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("usr/bin")).unwrap();
        std::fs::write(dir.path().join("usr/bin/apt-get"), "").unwrap();
        let mut host = Host::detect(dir.path());
        host.root = root;
        host.machine = "x86_64".to_owned();
        let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
        let rust_targets = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]
            [..rust_targets]
            .iter()
            .map(|target| (*target).to_owned())
            .collect::<Vec<_>>();
        let resources = Resources {
            cache: dir.path(),
            room: Ok(room),
            rust_targets: &rust_targets,
        };
        let targets = Targets::load(&targets).unwrap();
        examine(&host, &targets, &Mirrors::none(), resources)
    }

    fn of<'a>(report: &'a Report, name: &str) -> &'a Check {
        report.checks.iter().find(|c| c.name == name).unwrap()
    }

    #[test]
    fn root_on_a_bare_machine_is_able_because_commands_install() {
        let report = bare_machine(true);
        let check = of(&report, "make root file systems");
        assert_eq!(check.state, State::Installable);
        assert_eq!(
            check.fix.as_deref(),
            Some("apt-get install --no-install-recommends mmdebstrap apt-utils")
        );
    }

    /// Catches a row that calls newuidmap present on a machine that lacks it, two rows above one that lacks it.
    #[test]
    fn what_root_does_without_is_not_said_to_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("usr/bin");
        std::fs::create_dir_all(&bin).unwrap();
        for program in ["mmdebstrap", "apt-ftparchive"] {
            std::fs::write(bin.join(program), "").unwrap();
        }
        let mut host = Host::detect(dir.path());
        let row = |host: &Host, name: &str| {
            let thing = THINGS.iter().find(|thing| thing.0 == name).unwrap();
            check(host, thing).detail
        };
        host.root = true;
        assert_eq!(
            row(&host, "make root file systems"),
            "mmdebstrap, apt-ftparchive"
        );
        let twice = row(&host, "build twice and explain differences");
        assert_eq!(twice, "lacks diffoscope, newuidmap");
        host.root = false;
        assert_eq!(row(&host, "make root file systems"), "lacks newuidmap");
    }

    #[test]
    fn a_toolchain_must_compile_for_the_machine_and_may_for_others() {
        let one = bare_machine_with(true, 1, ROOM);
        assert_eq!(of(&one, "compile for amd64").state, State::Ok);
        let arm64 = of(&one, "compile for arm64");
        assert!(arm64.state == State::Ok && arm64.optional && one.able);
        assert!(
            arm64.detail.contains("from locked packages"),
            "{}",
            arm64.detail
        );
        let both = bare_machine_with(true, 2, ROOM);
        assert_eq!(of(&both, "compile for arm64").state, State::Ok);
        assert!(!bare_machine_with(true, 0, ROOM).able);
    }

    /// Not the machine's own room: with less of it than a build needs, the tests around this one failed as well.
    #[test]
    fn a_machine_without_room_is_not_able_and_says_how_much_a_build_needs() {
        assert!(bare_machine_with(true, 1, ROOM).able);
        let full = bare_machine_with(true, 1, ROOM - 1);
        assert!(!full.able);
        let check = of(&full, "keep downloads and builds");
        assert_eq!(check.detail, "11 GB free, a build needs 12");
        assert!(check.fix.as_deref().unwrap().contains("--cache DIR"));
    }

    #[test]
    fn a_user_on_a_bare_machine_is_not_able_and_gets_the_lines() {
        let report = bare_machine(false);
        assert!(!report.able);
        let check = of(&report, "enter them without network");
        assert_eq!(check.state, State::Missing);
        assert_eq!(
            check.fix.as_deref(),
            Some("sudo apt-get install --no-install-recommends bubblewrap")
        );
        assert!(of(&report, "load and run images").optional);
        let server = of(&report, "publish the repository to a server");
        assert!(server.optional && server.detail.contains("rsync"));
        let store = of(&report, "publish it to an object store");
        assert!(store.detail.contains("aws"), "{}", store.detail);
        assert!(report.archives.iter().all(|a| a.enabled_by.is_none()));
    }
}
