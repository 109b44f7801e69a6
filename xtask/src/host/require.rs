//! Sees to it that the tools that a command needs are there: installs them as root, names the one line otherwise.

use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use super::Host;
use super::apt::{Apt, AptError};
use super::tools::Tool;
use crate::exit::{Exit, ExitKind};
use crate::process::{ProcessError, Program};
use crate::progress::Listener;

/// Why a tool is not there.
#[derive(Debug, Error, Diagnostic)]
pub enum HostError {
    /// It is not installed, and this process may not install it.
    #[error("this machine lacks {tools}")]
    #[diagnostic(help("run `sudo {line}`"))]
    Missing {
        /// What is missing.
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
        /// What is missing.
        tools: String,
        /// Debian's packages.
        packages: String,
    },
    /// apt could not install it.
    #[error("can't install {tools}")]
    #[diagnostic(help("see why with `{line}`"))]
    NotInstalled {
        /// What is missing.
        tools: String,
        /// The line that installs it.
        line: String,
        /// What apt said.
        #[source]
        source: Box<AptError>,
    },
    /// apt said that it installed it, and it is still not there.
    #[error("{packages} is installed, and still there is no {tools}")]
    #[diagnostic(help(
        "a file that dpkg believes in was deleted: `apt-get install --reinstall {packages}`"
    ))]
    StillMissing {
        /// What is missing.
        tools: String,
        /// Debian's packages.
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

fn packages(tools: &[&Tool]) -> Vec<&'static str> {
    let mut packages: Vec<&str> = tools.iter().map(|t| t.package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

impl Host {
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
        let packages = packages(&missing);
        if self.program("apt-get").is_none() {
            return Err(HostError::NoApt {
                tools: names(&missing),
                packages: packages.join(", "),
            });
        }
        let line = install_line(&packages);
        if !self.root {
            return Err(HostError::Missing {
                tools: names(&missing),
                line,
            });
        }
        listener.note(&format!("installing what is missing here: {line}"));
        install(&packages, log, listener).map_err(|source| HostError::NotInstalled {
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

fn install(packages: &[&str], log: &Path, listener: &dyn Listener) -> Result<(), AptError> {
    let apt = Apt::new(log, listener);
    // One unreachable source among several is no reason to stop: what matters is whether the installation works.
    let update = || drop(apt.get(&["update", "-qq"]));
    let install = || {
        let mut install = vec!["install", "--yes", "-qq", "--no-install-recommends"];
        install.extend(packages);
        apt.get(&install)
    };
    let fresh = !has_candidates(packages, log);
    if fresh {
        update();
    }
    match install() {
        // A list that names versions which have left the mirror looks fine until something is fetched.
        Err(AptError::Failed(ProcessError::Failed { .. })) if !fresh => {
            update();
            install()
        }
        result => result,
    }
}

/// Whether apt's lists know all of these packages; on a fresh machine they are empty.
fn has_candidates(packages: &[&str], log: &Path) -> bool {
    let policy = Program::new("apt-cache")
        .arg("policy")
        .args(packages.iter().copied());
    let output = policy.output(log).unwrap_or_default();
    candidates(&String::from_utf8_lossy(&output)) == packages.len()
}

fn candidates(policy: &str) -> usize {
    let candidate =
        |line: &&str| line.trim_start().starts_with("Candidate:") && !line.ends_with("(none)");
    policy.lines().filter(candidate).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tools::Sign;
    use super::*;
    use crate::progress::Silent;

    const THERE: Tool = Tool {
        name: "there",
        package: "there",
        sign: Sign::Program("there"),
    };
    const LOST: [Tool; 2] = [
        Tool {
            name: "lost",
            package: "lost-tools",
            sign: Sign::Program("lost"),
        },
        Tool {
            name: "lost-too",
            package: "lost-tools",
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
    fn candidates_of_empty_lists_are_none() {
        assert_eq!(candidates(""), 0);
        assert_eq!(
            candidates("a:\n  Installed: (none)\n  Candidate: (none)\n"),
            0
        );
        assert_eq!(candidates("a:\n  Installed: (none)\n  Candidate: 1.0\n"), 1);
    }
}
