//! The suite `lintian`: Debian's checker over every package of the release.
//!
//! lintian unpacks a package before it reads it. Where the disk is full it does not fail clearly: tar's message comes after
//! the checks, which find nothing wrong with missing files, or end at a file that they expect (`Error open (<) on
//! '…/usr/share/lintian/overrides/…'`). So the suite checks the free space first. It unpacks below the cache, whose place
//! the user can choose, and not in `/tmp`.

use std::path::Path;

use base::exit::Failure;
use base::files::{self, FileError};
use base::process::Program;

use crate::cases::{Case, Cases, ensure};
use crate::run::TestRun;

/// The space for lintian's indexes of the unpacked files: about a thousand bytes a file.
const BESIDE: u64 = 64 << 20;

impl TestRun<'_> {
    /// No error and no warning: the level of the Postgres packages in Debian.
    pub fn lintian(&self) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new("lintian:", self.listener);
        let scratch = self.workspace().cache.join("systest/lintian");
        files::remove_dir(&scratch)?;
        files::create_dir(&scratch)?;
        for file in files::files_below(self.out)? {
            let in_pool = file.starts_with("apt");
            if in_pool || file.extension().is_none_or(|extension| extension != "deb") {
                continue;
            }
            let log = self.workspace().log("test-lintian");
            cases.run(&file.display().to_string(), || {
                let package = self.out.join(&file);
                let need = unpacked_size(&package, &log)? + BESIDE;
                enough(free(&scratch)?, need, &scratch)?;
                let program = Program::new("lintian")
                    .inherit_env("HOME")
                    .env("TMPDIR", &scratch)
                    .args([
                        "--fail-on",
                        "error,warning",
                        "--tag-display-limit",
                        "0",
                        "--allow-root",
                        // Overrides are for the lintian of every release; some know a tag no longer.
                        "--suppress-tags",
                        "alien-tag",
                    ])
                    .arg(package);
                Ok(program.run(&log)?)
            });
        }
        files::remove_dir(&scratch)?;
        Ok(cases.done)
    }
}

/// The size of the installed package in bytes, from Installed-Size in its control file, which is in KiB (deb-control(5)).
fn unpacked_size(package: &Path, log: &Path) -> Result<u64, Failure> {
    let field = Program::new("dpkg-deb")
        .arg("--field")
        .arg(package)
        .arg("Installed-Size")
        .output(log)?;
    let text = String::from_utf8_lossy(&field);
    let size: Option<u64> = text.trim().parse().ok();
    ensure(size.is_some(), || {
        format!("{} has no Installed-Size", package.display())
    })?;
    Ok(size.unwrap_or_default() * 1024)
}

/// Bytes that a file system has left for its users.
fn free(dir: &Path) -> Result<u64, Failure> {
    let facts = rustix::fs::statvfs(dir)
        .map_err(|error| FileError::at("look at the room on", dir)(error.into()))?;
    Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
}

fn enough(free: u64, need: u64, dir: &Path) -> Result<(), Failure> {
    ensure(free >= need, || {
        format!(
            "lintian needs {} MB to unpack the package, {} has {} MB left: make room there, or choose another place with \
             `--cache DIR`",
            need >> 20,
            dir.display(),
            free >> 20
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::failure_line;

    /// What would be caught: lintian passing a package of which a part could not be unpacked.
    #[test]
    fn too_little_room_is_an_error_that_says_where() {
        let dir = Path::new("/cache/systest/lintian");
        assert!(enough(100 << 20, 100 << 20, dir).is_ok());
        let said = enough((100 << 20) - 1, 100 << 20, dir)
            .map_err(|failure| failure_line(&failure))
            .unwrap_err();
        assert!(said.contains("needs 100 MB"), "{said}");
        assert!(said.contains("/cache/systest/lintian has 99 MB"), "{said}");
    }
}
