//! A clean system to install packages into: a separate root file system with its own processes, network and host name.
//! Commands run in it until it is dropped.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use miette::Diagnostic;
use rustix::process::{Pid, Signal, kill_process};
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::files::{self, FileError};
use base::process::Program;
use inputs::host::emulation::Emulation;

/// Why there is no test system.
#[derive(Debug, Error, Diagnostic)]
pub enum SystemError {
    /// A system has many users; making one needs root.
    #[error("install tests need root: apt and a Postgres server switch between users")]
    #[diagnostic(help(
        "run `cargo xtask test` as root, or name the suites that need no system: `--suite unit`"
    ))]
    NotRoot,
    /// It did not start.
    #[error("the test system did not start: {0}")]
    #[diagnostic(help(
        "bubblewrap must be able to make namespaces; `cargo xtask doctor` checks that"
    ))]
    NotStarted(String),
}

impl ExitKind for SystemError {
    fn exit(&self) -> Exit {
        Exit::CannotHere
    }
}

/// A running system. Dropping it ends all its processes.
pub struct System {
    root: PathBuf,
    holder: Child,
    pid: u32,
    /// Whether its programs run in an emulator, which only its own user namespace knows.
    emulated: bool,
    log: PathBuf,
}

/// The first process: it says that the system is there, and keeps it. bubblewrap makes `/tmp` for one user.
const STARTED: &str = "chmod 1777 /tmp; touch /etc/started; exec sleep infinity";

impl System {
    /// Unpacks a root file system archive into `dir` and starts it, with some directories of the host shown read-only
    /// at absolute paths inside.
    pub fn start(
        archive: &Path,
        dir: &Path,
        shown: &[(&Path, &str)],
        log: &Path,
    ) -> Result<Self, Failure> {
        Self::start_by(None, archive, dir, shown, log)
    }

    /// The same, with what runs its programs where they are of another architecture.
    pub fn start_by(
        emulation: Option<&Emulation>,
        archive: &Path,
        dir: &Path,
        shown: &[(&Path, &str)],
        log: &Path,
    ) -> Result<Self, Failure> {
        if !rustix::process::geteuid().is_root() {
            return Err(SystemError::NotRoot.into());
        }
        let root = dir.join("root");
        files::remove_dir(&root)?;
        files::create_dir(&root)?;
        unpack(archive, &root, log)?;
        let mut program = Program::new("bwrap")
            .args([
                "--unshare-pid",
                "--unshare-net",
                "--unshare-ipc",
                "--unshare-uts",
            ])
            .args([
                "--hostname",
                "clean",
                "--cap-add",
                "ALL",
                "--die-with-parent",
                "--info-fd",
                "1",
            ])
            .args(["--bind".as_ref(), root.as_os_str(), "/".as_ref()])
            .args([
                "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run", "--tmpfs", "/tmp",
                "--chdir", "/",
            ]);
        for (host, inside) in shown {
            files::create_dir(&root.join(inside.trim_start_matches('/')))?;
            program = program.args(["--ro-bind".as_ref(), host.as_os_str(), inside.as_ref()]);
        }
        program = program.args(["/bin/sh", "-c", STARTED]);
        if let Some(emulation) = emulation {
            program = emulation.wrap_system(&program);
        }
        let mut holder = program
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| SystemError::NotStarted(error.to_string()))?;
        let pid = child_pid(&mut holder);
        let mut system = Self {
            root,
            holder,
            pid: 0,
            emulated: emulation.is_some(),
            log: log.to_owned(),
        };
        system.pid = pid?;
        system.wait_until_started()?;
        Ok(system)
    }

    /// bubblewrap prints the process id before the root file system is in place. A process that entered at that time
    /// could still see the host. The effect of the first command shows that the root file system is there.
    fn wait_until_started(&self) -> Result<(), SystemError> {
        let began = Instant::now();
        while !self.root.join("etc/started").exists() {
            if began.elapsed() > Duration::from_secs(30) {
                let what = "its first command did not run within 30 s".to_owned();
                return Err(SystemError::NotStarted(what));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The root file system, as the host sees it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The program that runs a command inside as a user (`root`, `postgres`).
    pub fn program(&self, user: &str, command: &[&str]) -> Program {
        // `--root` and `--wd` without a value: those of the first process inside.
        let program = Program::new("nsenter")
            .args(["--target".into(), self.pid.to_string()])
            .args([
                "--mount", "--pid", "--net", "--ipc", "--uts", "--root", "--wd",
            ])
            .args(self.emulated.then_some("--user"))
            .env("DEBIAN_FRONTEND", "noninteractive");
        match user {
            "root" => program,
            _ => program.args(["setpriv", "--reuid", user, "--regid", user, "--init-groups"]),
        }
        .args(command)
    }

    /// A program of the host that sees the network of the system, and otherwise the host.
    pub fn in_network(&self, program: &Path) -> Program {
        Program::new("nsenter")
            .args([
                "--target".into(),
                self.pid.to_string(),
                "--net".into(),
                "--".into(),
            ])
            .arg(program)
    }

    /// Runs a command inside and returns what it wrote to standard output.
    pub fn run(&self, user: &str, command: &[&str]) -> Result<String, Failure> {
        let out = self.program(user, command).output(&self.log)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// Runs a shell script inside, ending at the first command that fails.
    pub fn script(&self, user: &str, script: &str) -> Result<String, Failure> {
        self.run(user, &["/bin/sh", "-euc", script])
    }

    /// Writes a file inside.
    pub fn write(&self, path: &str, contents: &str) -> Result<(), FileError> {
        files::write(&self.root.join(path.trim_start_matches('/')), contents)
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // End the first process inside by its own id, too: bubblewrap asks for its parent's death signal only late in
        // its setup.
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        // The holder's death ends its process namespace, and with it every process inside. Nothing is left to report
        // to.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Unpacks a root file system with its owners and modes; a system has devices of its own.
fn unpack(archive: &Path, root: &Path, log: &Path) -> Result<(), Failure> {
    Program::new("tar")
        .args([
            "--extract",
            "--numeric-owner",
            "--same-permissions",
            "--exclude=./dev/*",
        ])
        .args([
            "--file".as_ref(),
            archive.as_os_str(),
            "--directory".as_ref(),
            root.as_os_str(),
        ])
        .run(log)?;
    Ok(())
}

/// bubblewrap prints the process id of its child on `--info-fd`, as a JSON object.
fn child_pid(holder: &mut Child) -> Result<u32, SystemError> {
    let wrong = |text: &str| SystemError::NotStarted(format!("bubblewrap said `{}`", text.trim()));
    let mut stdout = holder.stdout.take().ok_or_else(|| wrong(""))?;
    let mut text = String::new();
    let mut buffer = [0; 256];
    while !text.contains('}') {
        match stdout.read(&mut buffer) {
            Ok(n) if n > 0 => text.push_str(&String::from_utf8_lossy(&buffer[..n])),
            _ => return Err(wrong(&text)),
        }
    }
    let info: serde_json::Value = serde_json::from_str(text.trim()).map_err(|_| wrong(&text))?;
    let pid = info.get("child-pid").and_then(serde_json::Value::as_u64);
    pid.and_then(|pid| u32::try_from(pid).ok())
        .ok_or_else(|| wrong(&text))
}
