//! piuparts: what Debian asks of every package before it accepts it.

use crate::apt::repository::KEYRING;
use crate::exit::Failure;
use crate::files;
use crate::process::Program;
use crate::systest::install::InstallTest;

impl InstallTest<'_> {
    /// Installs, removes and purges the packages with all that they need, in a system of its own, and compares the file
    /// system before and after.
    pub(super) fn piuparts(&self) -> Result<(), Failure> {
        let chroot = self.scratch.join("piuparts");
        let srv = chroot.join("srv");
        files::create_dir(&chroot)?;
        let unpack =
            Program::new("tar").args(["--extract", "--numeric-owner", "--same-permissions"]);
        unpack
            .arg("--file")
            .arg(self.base)
            .arg("--directory")
            .arg(&chroot)
            .run(self.log)?;
        // apt's own log directory, which a system that people use has and ours, without logs, has not.
        files::create_dir(&chroot.join("var/log/apt"))?;
        let copies = [
            (self.scratch.join("mirror"), srv.join("mirror")),
            (self.repository.to_owned(), srv.join("pgml")),
        ];
        for (from, to) in copies {
            Program::new("cp")
                .arg("--archive")
                .args([from, to])
                .run(self.log)?;
        }
        let sources = chroot.join("etc/apt/sources.list");
        files::write(
            &sources,
            format!(
                "deb [signed-by=/srv/mirror/{KEYRING}] file:/srv/mirror ./\n\
                 deb [signed-by=/srv/pgml/{KEYRING}] file:/srv/pgml {} main\n",
                self.codename
            ),
        )?;
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
