//! Root file systems of another architecture, from locked packages: mmdebstrap runs on this machine, the packages' maintainer
//! scripts in an emulator.
//!
//! It is a module beside [`crate::rootfs`], whose every change makes the builder, and with it every library, anew.

use std::path::Path;

use base::exit::Failure;
use base::files;
use base::plain_path::PlainPath;
use base::process::Program;

use crate::rootfs::{EPOCH, flat_repository};

/// As in [`crate::rootfs`]; a test compares them.
const NO_CLUSTER: &str = "--setup-hook=umask 022 && mkdir -p \"$1/etc/postgresql-common\" && echo 'create_main_cluster = false' > \"$1/etc/postgresql-common/createcluster.conf\"";

/// As in [`crate::rootfs`]; a test compares them.
const REPEATABLE: &str = "--customize-hook=cd \"$1\" && rm -rf etc/ssl/private/ssl-cert-snakeoil.key etc/ssl/certs/ssl-cert-snakeoil.pem var/cache/debconf/* etc/resolv.conf etc/hostname var/lib/apt/lists/* var/log/* var/cache/apt/* etc/apt/sources.list && for link in etc/ssl/certs/*; do case $(readlink \"$link\") in ssl-cert-snakeoil.pem) rm \"$link\";; esac; done";

/// What a root file system is made from.
pub struct Packages<'a> {
    /// A directory of `.deb`s, all of which are installed. It belongs to one call alone: the repository's index is written
    /// into it.
    pub debs: &'a Path,
    /// Their names.
    pub names: &'a [String],
    /// The code name of their distribution.
    pub codename: &'a str,
    /// What Debian calls their architecture.
    pub architecture: &'a str,
}

/// Makes a root file system archive. `emulate` returns the program that runs another where the kernel knows the emulator, as
/// root among all users of a system.
pub fn make_archive(
    packages: &Packages<'_>,
    emulate: &dyn Fn(&Program) -> Program,
    archive: &Path,
    scratch: &Path,
    log: &Path,
) -> Result<(), Failure> {
    flat_repository(packages.debs, packages.codename, log)?;
    let temporary = scratch.join("tmp");
    files::create_dir(&temporary)?;
    let debs = PlainPath::of(packages.debs)?;
    let temporary = PlainPath::of(&temporary)?;
    // In its own mount and network namespace, as in `rootfs`; the emulator's user namespace is around it.
    let program = Program::new("unshare")
        .args(["--mount", "--net", "--kill-child=KILL", "--fork"])
        .args(["mmdebstrap", "--variant=custom", "--format=tar"])
        .arg(format!("--architectures={}", packages.architecture))
        // It would look for the emulator in the machine's list of program formats, and in dpkg's.
        .arg("--skip=check/qemu")
        .arg(format!("--include={}", packages.names.join(",")))
        .arg("--aptopt=Acquire::Languages \"none\"")
        .args(
            packages
                .names
                .iter()
                .any(|name| name == "postgresql-common")
                .then_some(NO_CLUSTER),
        )
        .arg(REPEATABLE)
        .args([packages.codename.as_ref(), archive.as_os_str()])
        .arg(format!(
            "deb [trusted=yes] copy://{} ./",
            debs.path().display()
        ));
    emulate(&program)
        .env("SOURCE_DATE_EPOCH", EPOCH.to_string())
        .env("TMPDIR", temporary.path())
        .env("HOME", temporary.path())
        .run(log)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    /// Catches what one of the two modules removes from a root file system and the other leaves there.
    #[test]
    fn what_makes_a_root_file_system_repeatable_is_the_same_for_every_architecture() {
        let lines = |text: &str| -> Vec<String> {
            let wanted = ["const NO_CLUSTER", "const REPEATABLE"];
            let lines = text.lines();
            let lines = lines.filter(|line| wanted.iter().any(|name| line.starts_with(name)));
            lines.map(str::to_owned).collect()
        };
        let own = lines(include_str!("rootfs.rs"));
        assert_eq!(own.len(), 2);
        assert_eq!(lines(include_str!("emulated.rs")), own);
    }
}
