//! Runs a command inside a root file system with namespaces: no network, no view of the host, a fixed environment.
//!
//! bubblewrap makes the namespaces; no step needs root where the kernel lets ordinary users make user namespaces. All
//! paths, the user id, the host name and the environment inside are constants, so that none of the host's can reach an
//! artifact.

use std::ffi::OsString;
use std::path::Path;

use crate::process::Program;

/// The host name inside.
const HOSTNAME: &str = "builder";
/// The user and group id inside. Not 0, so that nothing inside depends on being root.
const UID: &str = "1000";

/// A command to run inside a root file system that it can't write to.
pub struct Sandbox {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl Sandbox {
    /// A sandbox over a root file system: read-only, with empty `/tmp`, `/run` and `/dev/shm`, without network.
    pub fn new(rootfs: &Path) -> Self {
        let mut sandbox = Self {
            args: Vec::new(),
            env: Vec::new(),
        };
        // --die-with-parent: an interrupted run must not leave a compiler behind that writes into the next one's files.
        for flag in [
            "--unshare-all",
            "--unshare-user",
            "--die-with-parent",
            "--new-session",
        ] {
            sandbox.push([flag]);
        }
        sandbox.push(["--uid", UID, "--gid", UID, "--hostname", HOSTNAME]);
        sandbox.push(["--ro-bind".as_ref(), rootfs.as_os_str(), "/".as_ref()]);
        sandbox.push([
            "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run",
        ]);
        sandbox
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", "/tmp")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
    }

    fn push<A: Into<OsString>>(&mut self, args: impl IntoIterator<Item = A>) {
        self.args.extend(args.into_iter().map(Into::into));
    }

    /// Shows a path of the host inside, read-only. `inside` must exist in the root file system or below a writable one.
    pub fn read_only(mut self, host: &Path, inside: &str) -> Self {
        self.push(["--ro-bind".as_ref(), host.as_os_str(), inside.as_ref()]);
        self
    }

    /// Shows a directory of the host inside, to write to.
    pub fn writable(mut self, host: &Path, inside: &str) -> Self {
        self.push(["--bind".as_ref(), host.as_os_str(), inside.as_ref()]);
        self
    }

    /// An empty directory in memory, below which other paths can be shown.
    pub fn tmpfs(mut self, inside: &str) -> Self {
        self.push(["--tmpfs", inside]);
        self
    }

    /// Sets a variable of the command's environment.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The program that enters the sandbox and runs the command there.
    pub fn program<A: Into<OsString>>(mut self, command: impl IntoIterator<Item = A>) -> Program {
        for (name, value) in std::mem::take(&mut self.env) {
            self.push(["--setenv".into(), name, value]);
        }
        self.push(["--chdir", "/tmp", "--"]);
        self.push(command);
        // The environment is cleared before bubblewrap, which has an option for it only since 0.5: Debian 11 and Ubuntu 20.04
        // have 0.4.
        Program::new("env").args(["-i", "bwrap"]).args(self.args)
    }

    /// The program that runs a shell script there, ending at the first command that fails.
    pub fn script(self, script: &str) -> Program {
        self.program(["/bin/sh", "-euc", &format!("umask 022\n{script}")])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_not_visible_and_the_environment_is_fixed() {
        // Any root file system serves; the host's own is at hand. Catches a lost --unshare-net, `env -i`, or uid.
        let dir = tempfile::tempdir().unwrap();
        let script = "id -u; hostname; ls /sys/class/net 2>/dev/null | grep -v '^lo$' | wc -l; env | cut -d= -f1 | sort | tr '\\n' ' '; ! touch /usr/x 2>/dev/null";
        let out = Sandbox::new(Path::new("/"))
            .script(script)
            .env("SECRET_OF_THE_HOST", "x") // of bwrap itself, not of the command
            .output(&dir.path().join("log"))
            .unwrap();
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[..2], ["1000", "builder"]);
        assert!(!out.contains("SECRET_OF_THE_HOST"), "{out}");
    }
}
