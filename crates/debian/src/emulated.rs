//! Root file systems of another architecture, from locked packages: mmdebstrap runs on this machine, the packages' maintainer
//! scripts in an emulator.
//!
//! It is a module beside [`crate::rootfs`], so that a change here does not make the builder, and with it every library, anew.

use std::path::Path;

use base::exit::Failure;
use base::files;
use base::plain_path::PlainPath;
use base::process::Program;

use crate::rootfs::{self, EPOCH, flat_repository};

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
    // Apart, as in `rootfs`; the emulator's user namespace is around it.
    let program = rootfs::apart()
        .args(["mmdebstrap", "--variant=custom", "--format=tar"])
        .arg(format!("--architectures={}", packages.architecture))
        // It would look for the emulator in the machine's list of program formats, and in dpkg's.
        .arg("--skip=check/qemu")
        .arg(format!("--include={}", packages.names.join(",")))
        .arg("--aptopt=Acquire::Languages \"none\"")
        .args(rootfs::hooks(packages.names))
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
