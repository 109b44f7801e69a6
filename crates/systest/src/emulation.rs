//! Runs programs of another architecture by qemu's user emulation, which is registered with the kernel in one user namespace
//! only.
//!
//! Since Linux 6.7 each user namespace may have a list of program formats of its own. The machine's own list, which applies
//! to every process, is neither read nor changed. An older kernel refuses, and then nothing is emulated.

use std::path::PathBuf;

use base::process::Program;
use inputs::host::Host;
use targets::Architecture;

/// A way to run an architecture's programs.
#[derive(Debug, Clone)]
pub struct Emulation {
    emulator: PathBuf,
    format: String,
}

/// Registers the format (`$1`) and the emulator (`$2`) with the kernel, and runs the rest there. `F`: the emulator is opened
/// now, so that root file systems need not have it.
const REGISTER: &str = r#"
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf ':emulated:M::%s:%s:F' "$1" "$2" > /proc/sys/fs/binfmt_misc/register
shift 2
exec "$@"
"#;

impl Emulation {
    /// The emulation of an architecture by a program of the host; `None` if it is not installed.
    pub fn of(architecture: &Architecture, host: &Host) -> Option<Self> {
        Some(Self {
            emulator: host.program(&architecture.emulator)?,
            format: format(architecture),
        })
    }

    /// The program that runs another where the kernel knows the emulator.
    pub fn wrap(&self, program: &Program) -> Program {
        Program::new("unshare")
            .args(["--user", "--map-root-user", "--mount"])
            .args(["/bin/sh", "-euc", REGISTER, "sh", &self.format])
            .arg(&self.emulator)
            .args(program.command_line())
    }
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

    #[test]
    fn the_format_is_that_of_the_architectures_programs() {
        let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
        let targets = targets::Targets::load(&targets).unwrap();
        let arm64 = targets.require_architecture("arm64").unwrap();
        assert!(format(arm64).contains(r"\x02\x00\xb7\x00:"));
        let amd64 = targets.require_architecture("amd64").unwrap();
        assert!(format(amd64).contains(r"\x02\x00\x3e\x00:"));
    }

    /// Catches a registration that reaches the machine.
    #[test]
    fn the_machine_does_not_learn_of_it() {
        let list = || -> Vec<std::ffi::OsString> {
            let entries = std::fs::read_dir("/proc/sys/fs/binfmt_misc");
            let entries = entries.into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name()).collect()
        };
        let before = list();
        let dir = tempfile::tempdir().unwrap();
        // Any program serves: it is opened, and never run.
        let emulation = Emulation {
            emulator: "/bin/true".into(),
            format: r"\x7fNO-SUCH-FORMAT:\xff\xff".into(),
        };
        let ls = Program::new("ls").arg("/proc/sys/fs/binfmt_misc");
        match emulation.wrap(&ls).output(&dir.path().join("log")) {
            Ok(inside) => assert!(String::from_utf8_lossy(&inside).contains("emulated")),
            Err(error) => eprintln!("not checked: this kernel refuses ({error})"),
        }
        assert_eq!(list(), before);
    }
}
