//! Locked packages as a signed repository, for test systems, whose apt trusts nothing but keys.

use std::path::Path;

use crate::apt::repository::KEYRING;
use crate::apt::signing::SigningKey;
use crate::rootfs;
use base::exit::Failure;
use base::files;

/// Makes the repository in `to` from the packages in some directories.
pub fn signed_mirror(
    to: &Path,
    dirs: &[&Path],
    codename: &str,
    key: &SigningKey,
    log: &Path,
) -> Result<(), Failure> {
    files::create_dir(to)?;
    for dir in dirs {
        for deb in files::files_below(dir)? {
            files::link_or_copy(&dir.join(&deb), &to.join(&deb))?;
        }
    }
    rootfs::flat_repository(to, codename, log)?;
    key.sign_release(&to.join("Release"), rootfs::EPOCH, log)?;
    key.export(&to.join(KEYRING), log)
}
