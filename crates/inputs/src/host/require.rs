//! Sees to it that the tools that a command needs are there: installs them as root, names the one line otherwise.

use std::collections::BTreeSet;
use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use super::Host;
use super::apt::{Apt, AptError};
use super::namespaces::{self, Refused};
use super::tools::{BUILD_TOOLS, Tool};
use base::exit::{Exit, ExitKind};
use base::process::{ProcessError, Program};
use base::progress::{Listener, under_way};

/// Why a tool is not there.
#[derive(Debug, Error, Diagnostic)]
pub enum HostError {
    /// It is not installed, and this process may not install it.
    #[error("this machine lacks {tools}")]
    #[diagnostic(help("run `sudo {line}`"))]
    Missing {
        /// The names of the tools that are missing, quoted.
        tools: String,
        /// The line that installs it.
        line: String,
    },
    /// The machine has no apt to install it with.
    #[error("this machine lacks {tools}, and has no apt-get to install it with")]
    #[diagnostic(help(
        "on Debian and Ubuntu the packages are called {packages}; install what your system calls them"
    ))]
    NoApt {
        /// The names of the tools that are missing, quoted.
        tools: String,
        /// The names of Debian's packages for them.
        packages: String,
    },
    /// apt could not install it.
    #[error("can't install {tools}")]
    #[diagnostic(help("see why with `{line}`"))]
    NotInstalled {
        /// The names of the tools that are missing, quoted.
        tools: String,
        /// The line that installs it.
        line: String,
        /// The error of apt itself.
        #[source]
        source: Box<AptError>,
    },
    /// None of the packages that have it is among those that apt knows.
    #[error(
        "this machine lacks {tools}, and its apt has no package of that: looked for {packages}"
    )]
    #[diagnostic(help(
        "a part of the distribution's archive may be off in /etc/apt (Ubuntu: `universe`); or this release does not have it"
    ))]
    NoPackage {
        /// The names of the tools that are missing, quoted.
        tools: String,
        /// Debian's and Ubuntu's packages.
        packages: String,
    },
    /// This process can't make what builds run in.
    #[error("builds run in namespaces of their own, which can't be made here: {why}")]
    #[diagnostic(help("{remedy}"))]
    NoNamespaces {
        /// The cause, in one line.
        why: String,
        /// What a user can do about it.
        remedy: String,
    },
    /// apt installed the packages without an error, and the tool is still not there.
    #[error("{packages} is installed, and still there is no {tools}")]
    #[diagnostic(help(
        "a file that dpkg believes in was deleted: `apt-get install --reinstall {packages}`"
    ))]
    StillMissing {
        /// The names of the tools that are missing, quoted.
        tools: String,
        /// The names of Debian's packages for them.
        packages: String,
    },
}

impl ExitKind for HostError {
    fn exit(&self) -> Exit {
        Exit::CannotHere
    }
}

/// The line that installs packages.
pub fn install_line(packages: &[&str]) -> String {
    format!(
        "apt-get install --no-install-recommends {}",
        packages.join(" ")
    )
}

fn names(tools: &[&Tool]) -> String {
    let names: Vec<String> = tools.iter().map(|t| format!("`{}`", t.name)).collect();
    names.join(", ")
}

/// The packages that bring some tools: of each tool the first that apt knows, or else the first of all.
fn packages(tools: &[&Tool], known: &BTreeSet<String>) -> Vec<&'static str> {
    let of = |tool: &&Tool| {
        let mut all = tool.packages.iter();
        let found = all.find(|name| known.contains(**name));
        found.or(tool.packages.first()).copied()
    };
    let mut packages: Vec<&str> = tools.iter().filter_map(of).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// The tools that none of these packages has.
fn without_package<'a>(tools: &[&'a Tool], known: &BTreeSet<String>) -> Vec<&'a Tool> {
    let lacks = |tool: &&&Tool| !tool.packages.iter().any(|name| known.contains(*name));
    tools.iter().filter(lacks).copied().collect()
}

/// All packages that may bring some tools.
fn candidates(tools: &[&Tool]) -> Vec<&'static str> {
    let all = tools.iter().flat_map(|tool| tool.packages);
    all.copied().collect()
}

impl Host {
    /// All that a build needs, in its first second: the tools, and the right to make namespaces.
    pub fn require_for_builds(&self, log: &Path, listener: &dyn Listener) -> Result<(), HostError> {
        self.require(&BUILD_TOOLS, log, listener)?;
        let refused = namespaces::refused(self);
        match refused.or_else(|| namespaces::no_sub_ids(self, Path::new("/"))) {
            None => Ok(()),
            Some(Refused { why, remedy }) => Err(HostError::NoNamespaces { why, remedy }),
        }
    }

    /// Returns once every tool is there. As root the missing ones are installed from the distribution, which the listener
    /// is told before; otherwise the error names the one line to run.
    pub fn require(
        &self,
        tools: &[Tool],
        log: &Path,
        listener: &dyn Listener,
    ) -> Result<(), HostError> {
        let missing: Vec<&Tool> = tools.iter().filter(|t| !t.present(self)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if self.program("apt-get").is_none() {
            return Err(HostError::NoApt {
                tools: names(&missing),
                packages: packages(&missing, &BTreeSet::new()).join(", "),
            });
        }
        let apt = Apt::new(log, listener);
        let mut known = known(&candidates(&missing), log);
        let mut fresh = false;
        if self.root && !without_package(&missing, &known).is_empty() {
            // One unreachable source among several is no reason to stop: what matters is whether the installation works.
            drop(apt.get(&["update", "-qq"]));
            (known, fresh) = (self::known(&candidates(&missing), log), true);
        }
        let packages = packages(&missing, &known);
        let line = install_line(&packages);
        if !self.root {
            return Err(HostError::Missing {
                tools: names(&missing),
                line,
            });
        }
        let nowhere = without_package(&missing, &known);
        if !nowhere.is_empty() {
            return Err(HostError::NoPackage {
                tools: names(&nowhere),
                packages: candidates(&nowhere).join(", "),
            });
        }
        listener.note(&format!("installing what is missing here: {line}"));
        let done = under_way(listener, &line, || install(&apt, &packages, fresh));
        done.map_err(|source| HostError::NotInstalled {
            tools: names(&missing),
            line,
            source: Box::new(source),
        })?;
        let still: Vec<&Tool> = missing.into_iter().filter(|t| !t.present(self)).collect();
        match still.is_empty() {
            true => Ok(()),
            false => Err(HostError::StillMissing {
                tools: names(&still),
                packages: packages.join(" "),
            }),
        }
    }
}

/// Installs packages; `fresh` says that apt's lists are of this moment.
fn install(apt: &Apt<'_>, packages: &[&str], fresh: bool) -> Result<(), AptError> {
    let install = || {
        let mut install = vec!["install", "--yes", "-qq", "--no-install-recommends"];
        install.extend(packages);
        apt.get(&install)
    };
    match install() {
        // A list that names versions which have left the mirror looks fine until something is fetched.
        Err(AptError::Failed(ProcessError::Failed { .. })) if !fresh => {
            drop(apt.get(&["update", "-qq"]));
            install()
        }
        result => result,
    }
}

/// Those of some packages that apt's lists know; on a fresh machine they are empty.
fn known(packages: &[&str], log: &Path) -> BTreeSet<String> {
    let policy = Program::new("apt-cache")
        .arg("policy")
        .args(packages.iter().copied());
    let output = policy.output(log).unwrap_or_default();
    with_candidate(&String::from_utf8_lossy(&output))
}

/// Reads `NAME:`, and below it `  Candidate: VERSION` or `(none)`.
fn with_candidate(policy: &str) -> BTreeSet<String> {
    let mut name = "";
    let mut found = BTreeSet::new();
    for line in policy.lines() {
        match line.trim_start().strip_prefix("Candidate:") {
            Some(version) if version.trim() != "(none)" => {
                found.insert(name.to_owned());
            }
            _ if !line.starts_with(' ') => name = line.trim_end_matches(':'),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tools::Sign;
    use super::*;
    use base::progress::Silent;

    const THERE: Tool = Tool {
        name: "there",
        packages: &["there"],
        sign: Sign::Program("there"),
    };
    const LOST: [Tool; 2] = [
        Tool {
            name: "lost",
            packages: &["lost-tools"],
            sign: Sign::Program("lost"),
        },
        Tool {
            name: "lost-too",
            packages: &["lost-tools"],
            sign: Sign::File("/nonexistent/lost-too"),
        },
    ];

    fn host(programs: &[&str]) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        for program in programs {
            std::fs::write(root.path().join("usr/bin").join(program), "").unwrap();
        }
        let mut host = Host::detect(root.path());
        host.root = false;
        (root, host)
    }

    #[test]
    fn what_is_there_needs_nothing() {
        let (_root, host) = host(&["there"]);
        host.require(&[THERE], Path::new("/dev/null"), &Silent)
            .unwrap();
    }

    #[test]
    fn an_ordinary_user_gets_the_one_line_to_run() {
        let (_root, host) = host(&["apt-get"]);
        let error = host
            .require(&LOST, Path::new("/dev/null"), &Silent)
            .unwrap_err();
        assert_eq!(error.to_string(), "this machine lacks `lost`, `lost-too`");
        let help = miette::Diagnostic::help(&error).unwrap().to_string();
        assert_eq!(
            help,
            "run `sudo apt-get install --no-install-recommends lost-tools`"
        );
        assert_eq!(error.exit(), Exit::CannotHere);
    }

    #[test]
    fn only_an_ordinary_user_lacks_what_only_users_need() {
        // Catches a `dist` of root that installs it, and one of a user that fails in the middle.
        let tool = super::super::tools::NEWUIDMAP_OF_USERS;
        let (_root, mut host) = host(&["apt-get"]);
        let log = Path::new("/dev/null");
        let error = host.require(&[tool], log, &Silent).unwrap_err();
        assert!(error.to_string().contains("newuidmap"), "{error}");
        host.root = true;
        host.require(&[tool], log, &Silent).unwrap();
    }

    #[test]
    fn another_system_gets_the_names() {
        let (_root, host) = host(&[]);
        let error = host
            .require(&LOST, Path::new("/dev/null"), &Silent)
            .unwrap_err();
        assert!(matches!(error, HostError::NoApt { .. }), "{error}");
    }

    #[test]
    fn of_several_packages_the_first_is_taken_that_apt_knows() {
        // Catches a name of one release only, and a tool that is asked for although no package has it.
        let of = |policy: &str| {
            let known = with_candidate(policy);
            let tool = &Tool {
                packages: &["new-name", "old-name"],
                ..THERE
            };
            let nowhere = without_package(&[tool], &known).len();
            (packages(&[tool], &known), nowhere)
        };
        assert_eq!(of(""), (vec!["new-name"], 1));
        let none = "new-name:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";
        assert_eq!(of(none), (vec!["new-name"], 1));
        let old = format!("{none}old-name:\n  Installed: (none)\n  Candidate: 1.0\n");
        assert_eq!(of(&old), (vec!["old-name"], 0));
    }
}
