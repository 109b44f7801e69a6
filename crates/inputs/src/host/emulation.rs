//! Runs programs of another architecture by qemu's user emulation, which is registered with the kernel in one user namespace
//! only.
//!
//! Since Linux 6.7 each user namespace may have a list of program formats of its own. The machine's own list, which applies
//! to every process, is neither read nor changed. An older kernel refuses, and then nothing is emulated.

use std::collections::BTreeMap;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

use base::exit::{Exit, ExitKind};
use base::process::Program;
use targets::{Architecture, Targets};

use super::Host;
use super::require::install_line;
use super::tools::{QEMU_AARCH64, QEMU_USER, Tool};

/// Why an architecture's programs can't be run here.
#[derive(Debug, Error, Diagnostic)]
pub enum EmulationError {
    /// qemu is not installed.
    #[error(
        "there is no {emulator} here, which runs {architecture}'s programs: `{line}` brings it"
    )]
    #[diagnostic(help("`cargo xtask doctor` looks for it"))]
    NoEmulator {
        /// The name of the program.
        emulator: String,
        /// What Debian calls the architecture.
        architecture: String,
        /// The command that installs it.
        line: String,
    },
    /// The kernel does not let this process register qemu.
    #[error("a user namespace can't have program formats of its own here: {said}")]
    #[diagnostic(help("Linux 6.7 and later let it; `cargo xtask doctor` tries it"))]
    Refused {
        /// What the programs said that tried.
        said: String,
    },
}

impl ExitKind for EmulationError {
    fn exit(&self) -> Exit {
        Exit::CannotHere
    }
}

/// A way to run an architecture's programs.
#[derive(Debug, Clone)]
pub struct Emulation {
    emulator: PathBuf,
    format: String,
    root: bool,
}

/// Registers the format (`$1`) and the emulator (`$2`) with the kernel, and runs the rest there. `F`: the emulator is opened
/// now, so that root file systems need not have it.
const REGISTER: &str = r#"
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf ':emulated:M::%s:%s:F' "$1" "$2" > /proc/sys/fs/binfmt_misc/register
shift 2
exec "$@"
"#;

/// Becomes a process in a new user namespace that has all users of the machine, under their own numbers. Only a process
/// outside of it may say so: the subshell does, as soon as the namespace is there. `$1` is what runs inside; it waits until
/// there are users.
const ALL_USERS: &str = r#"
inside=$1
shift
me=$$
(
    while kill -0 "$me"; do
        if ! grep -q . "/proc/$me/uid_map"; then
            echo '0 0 4294967295' > "/proc/$me/gid_map"
            echo '0 0 4294967295' > "/proc/$me/uid_map"
            exit
        fi
        sleep 0.01
    done
) < /dev/null > /dev/null 2>&1 &
exec unshare --user --mount /bin/sh -euc "until grep -q . /proc/self/uid_map; do sleep 0.01; done; $inside" sh "$@"
"#;

impl Emulation {
    /// The emulation of an architecture by a program of the host.
    pub fn of(architecture: &Architecture, host: &Host) -> Result<Self, EmulationError> {
        let emulator = host.program(&architecture.emulator).ok_or_else(|| {
            let packages = tool(architecture).map_or(&[][..], |tool| tool.packages);
            EmulationError::NoEmulator {
                emulator: architecture.emulator.clone(),
                architecture: architecture.name.clone(),
                line: install_line(packages.get(..1).unwrap_or_default()),
            }
        })?;
        let emulation = Self {
            emulator,
            format: format(architecture),
            root: host.root,
        };
        match emulation.refused() {
            None => Ok(emulation),
            Some(said) => Err(EmulationError::Refused { said }),
        }
    }

    /// Why the programs of each architecture that is not this machine's can't be run here. Those that can are left out.
    pub fn missing(targets: &Targets, host: &Host) -> BTreeMap<String, String> {
        let own = host.architecture(targets);
        let others = targets.architectures.iter().filter(|other| *other != own);
        others
            .filter_map(|other| {
                let why = Self::of(other, host).err()?;
                Some((other.name.clone(), why.to_string()))
            })
            .collect()
    }

    /// The program that runs another where the kernel knows the emulator. Inside, this process's user is root, and there is no
    /// other user.
    pub fn wrap(&self, program: &Program) -> Program {
        Program::new("unshare")
            .args(["--user", "--map-root-user", "--mount"])
            .args(["/bin/sh", "-euc", REGISTER, "sh", &self.format])
            .arg(&self.emulator)
            .args(program.command_line())
    }

    /// The same with all users of a system, as dpkg and a server's user need them: those of the machine where root asks, else
    /// those of `/etc/subuid`.
    pub fn wrap_system(&self, program: &Program) -> Program {
        let wrapped = match self.root {
            true => Program::new("sh").args(["-euc", ALL_USERS, "sh", REGISTER, &self.format]),
            false => Program::new("unshare")
                .args(["--user", "--map-root-user", "--map-auto", "--mount"])
                .args(["/bin/sh", "-euc", REGISTER, "sh", &self.format]),
        };
        wrapped.arg(&self.emulator).args(program.command_line())
    }

    /// What the programs say where the kernel does not let a user namespace have formats of its own; `None` if it does.
    fn refused(&self) -> Option<String> {
        match self.wrap(&Program::new("true")).attempt() {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Some(error.to_string()),
        }
    }
}

/// The tool that runs an architecture's programs.
pub fn tool(architecture: &Architecture) -> Option<Tool> {
    [QEMU_USER, QEMU_AARCH64]
        .into_iter()
        .find(|tool| tool.name == architecture.emulator)
}

/// The first bytes of an architecture's ELF programs and the mask for them, in the kernel's format. They match 64-bit
/// little-endian files with any OS ABI, of the type EXEC or DYN, for the machine.
fn format(architecture: &Architecture) -> String {
    let [low, high] = architecture.elf.to_le_bytes();
    format!(
        r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x{low:02x}\x{high:02x}:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    fn targets() -> targets::Targets {
        let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
        targets::Targets::load(&targets).unwrap()
    }

    #[test]
    fn the_format_is_that_of_the_architectures_programs() {
        let targets = targets();
        let arm64 = targets.require_architecture("arm64").unwrap();
        assert!(format(arm64).contains(r"\x02\x00\xb7\x00:"));
        let amd64 = targets.require_architecture("amd64").unwrap();
        assert!(format(amd64).contains(r"\x02\x00\x3e\x00:"));
    }

    /// Catches an architecture whose emulator no package is named for.
    #[test]
    fn a_machine_without_an_emulator_is_told_how_to_get_one() {
        let empty = tempfile::tempdir().unwrap();
        let host = Host::detect(empty.path());
        for architecture in &targets().architectures {
            let why = Emulation::of(architecture, &host).unwrap_err().to_string();
            assert!(why.contains("qemu-user-static"), "{why}");
            assert!(why.contains(&architecture.emulator), "{why}");
        }
    }

    fn list() -> Vec<std::ffi::OsString> {
        let entries = std::fs::read_dir("/proc/sys/fs/binfmt_misc");
        let entries = entries.into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).collect()
    }

    /// Any program serves as an emulator: it is opened, and never run.
    fn emulation(root: bool) -> Emulation {
        Emulation {
            emulator: "/bin/true".into(),
            format: r"\x7fNO-SUCH-FORMAT:\xff\xff".into(),
            root,
        }
    }

    /// Catches a registration that reaches the machine.
    #[test]
    fn the_machine_does_not_learn_of_it() {
        let before = list();
        let ls = Program::new("ls").arg("/proc/sys/fs/binfmt_misc");
        let inside = emulation(false).wrap(&ls).attempt().unwrap();
        match inside.status.success() {
            true => assert!(String::from_utf8_lossy(&inside.stdout).contains("emulated")),
            false => eprintln!(
                "not checked: this kernel refuses ({})",
                String::from_utf8_lossy(&inside.stderr)
            ),
        }
        assert_eq!(list(), before);
    }

    /// Catches a namespace that has one user only: dpkg's files belong to many, and a server does not run as root.
    #[test]
    fn a_system_has_all_users() {
        if !rustix::process::geteuid().is_root() || emulation(true).refused().is_some() {
            eprintln!("not checked: not root, or this kernel refuses");
            return;
        }
        let script =
            "ls /proc/sys/fs/binfmt_misc; setpriv --reuid 4711 --regid 4712 --clear-groups id -u";
        let inside = Program::new("sh").args(["-euc", script]);
        let inside = emulation(true).wrap_system(&inside).attempt().unwrap();
        let said = String::from_utf8_lossy(&inside.stdout).into_owned();
        assert!(
            said.contains("emulated") && said.contains("4711"),
            "{inside:?}"
        );
    }
}
