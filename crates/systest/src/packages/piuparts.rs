//! piuparts: Debian's test of installation, upgrade and removal, which every package has to pass.

use base::exit::Failure;
use base::files;
use base::process::Program;

use crate::install::InstallTest;

/// What packages that ours need leave behind when they are purged. Systems that people use have it anyway; the bare ones of
/// this test don't. Paths from the root; piuparts names directories with a slash at the end.
const LEFT_BY_OTHERS: [&str; 8] = [
    // tzdata's, on Debian 11.
    "etc/timezone",
    // passwd's, once a user is made: `postgres`.
    "etc/.pwd.lock",
    // debconf's, where it asks before an installation, from Debian 13 on.
    "var/cache/debconf/tmp.ci/",
    // systemd's, which runs its tmpfiles when it is installed, on Debian 14.
    "etc/vconsole.conf",
    "root/.ssh/",
    "var/cache/private/",
    "var/lib/private/",
    "var/log/private/",
];

impl InstallTest<'_> {
    /// Installs, removes and purges the packages with all that they need, in a system of its own, and compares the file
    /// system before and after.
    pub(super) fn piuparts(&self) -> Result<(), Failure> {
        let chroot = self.other_root("piuparts")?;
        // What it mounts goes with it. Not tried: the log rotation of postgresql-common (logrotate is not locked), and
        // `adequate`, which isn't either.
        let options = [
            "--apt",
            "--keep-sources-list",
            "--skip-logrotatefiles-test",
            "--no-adequate",
            "--no-eatmydata",
            "--install-recommends",
            "--existing-chroot",
        ];
        let piuparts = Program::new("unshare")
            .args(["--mount", "piuparts"])
            .args(LEFT_BY_OTHERS.map(|path| format!("--ignore=/{path}")))
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
