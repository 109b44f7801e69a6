//! What this machine lacks to run the programs of other architectures.

use targets::{Architecture, Targets};

use super::{Check, State};
use crate::host::Host;
use crate::host::emulation::{Emulation, EmulationError};

/// Whether the programs of other architectures run here: images with a server and the suite `emulated` need it.
pub(super) fn checks(host: &Host, targets: &Targets) -> Vec<Check> {
    let own = host.architecture(targets);
    let others = targets.architectures.iter().filter(|other| *other != own);
    let check = |other: &Architecture| {
        let found = Emulation::of(other, host);
        let fix = match &found {
            Err(EmulationError::NoEmulator { line, .. }) if host.root => Some(line.clone()),
            Err(EmulationError::NoEmulator { line, .. }) => Some(format!("sudo {line}")),
            Err(EmulationError::Refused { .. }) => Some("boot Linux 6.7 or later".to_owned()),
            Ok(_) => None,
        };
        Check {
            name: format!("run {}'s programs (images, suite `emulated`)", other.name),
            state: match found {
                Ok(_) => State::Ok,
                Err(_) => State::Missing,
            },
            optional: true,
            detail: match &found {
                Ok(_) => format!("{}, registered in a user namespace", other.emulator),
                Err(EmulationError::NoEmulator { emulator, .. }) => format!("lacks {emulator}"),
                Err(refused) => refused.to_string(),
            },
            fix,
        }
    };
    others.map(check).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Catches a machine without an emulator that learns of it only when an image is missing.
    #[test]
    fn what_emulation_lacks_is_said_and_keeps_nobody_from_building() {
        let dir = tempfile::tempdir().unwrap();
        let mut host = Host::detect(dir.path());
        (host.root, host.machine) = (true, "x86_64".to_owned());
        let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
        let found = checks(&host, &Targets::load(&targets).unwrap());
        let [check] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(
            check.name,
            "run arm64's programs (images, suite `emulated`)"
        );
        assert!(check.optional && check.state == State::Missing);
        assert!(
            check.detail.contains("qemu-aarch64-static"),
            "{}",
            check.detail
        );
        let fix = check.fix.as_deref().unwrap();
        assert!(
            fix.starts_with("apt-get install") && fix.ends_with("qemu-user-static"),
            "{fix}"
        );
    }
}
