//! piuparts: what Debian asks of every package before it accepts it.

use crate::exit::Failure;
use crate::files;
use crate::process::Program;
use crate::systest::install::InstallTest;

impl InstallTest<'_> {
    /// Installs, removes and purges the packages with all that they need, in a system of its own, and compares the file
    /// system before and after.
    pub(super) fn piuparts(&self) -> Result<(), Failure> {
        let chroot = self.other_root("piuparts")?;
        // What it mounts goes with it. Not tried: the log rotation of postgresql-common (logrotate is not locked), and
        // `adequate`, which isn't either.
        let options = [
            "--mount",
            "piuparts",
            "--apt",
            "--keep-sources-list",
            "--skip-logrotatefiles-test",
            "--no-adequate",
            "--no-eatmydata",
            "--install-recommends",
            // tzdata's, which leaves it behind on Debian 11.
            "--ignore=/etc/timezone",
            "--existing-chroot",
        ];
        let piuparts = Program::new("unshare")
            .args(options)
            .arg(&chroot)
            .args(["--distribution", self.codename, "--tmpdir"])
            .arg(self.scratch)
            .arg("--log-file")
            .arg(self.log.with_extension("piuparts.log"))
            .args([self.extension(), format!("{}-dbgsym", self.extension())]);
        piuparts.run(self.log)?;
        Ok(files::remove_dir(&chroot)?)
    }
}
