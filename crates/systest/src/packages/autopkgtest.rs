//! autopkgtest: the test of installed packages that Debian runs for every package that has one (DEP-8).

use base::exit::Failure;
use base::files;
use base::process::Program;

use crate::cases::ensure;
use crate::install::InstallTest;

/// The tests, in the source tree.
pub const TESTS: &str = "packaging/deb/autopkgtest";
/// The names of those tests, which are files in [`TESTS`].
pub const NAMES: [&str; 1] = ["trains"];
/// What stands for the package in their list.
const PACKAGE: &str = "@PACKAGE@";

impl InstallTest<'_> {
    /// Runs the tests in a root file system of their own, into which autopkgtest installs what they need by apt.
    pub(super) fn autopkgtest(&self) -> Result<(), Failure> {
        let chroot = self.other_root("autopkgtest")?;
        // Tests alone, without a source package: for one it would want dpkg-dev in there, which is not locked.
        let tree = self.scratch.join("autopkgtest-tests");
        let (from, to) = (self.source.join(TESTS), tree.join("debian/tests"));
        let control = files::read_text(&from.join("control"))?;
        files::write(
            &to.join("control"),
            control.replace(PACKAGE, &self.extension()),
        )?;
        for name in NAMES {
            files::copy(&from.join(name), &to.join(name))?;
            files::set_mode(&to.join(name), 0o755)?;
        }
        let out = self.scratch.join("autopkgtest-out");
        files::remove_dir(&out)?;
        // With a network that reaches nothing, and without this machine's processes.
        let run = Program::new("bwrap")
            .args([
                "--unshare-net",
                "--unshare-pid",
                "--unshare-ipc",
                "--die-with-parent",
            ])
            .args([
                "--cap-add",
                "ALL",
                "--bind",
                "/",
                "/",
                "--dev-bind",
                "/dev",
                "/dev",
            ])
            .args([
                "--dev-bind".as_ref(),
                "/dev".as_ref(),
                chroot.join("dev").as_os_str(),
            ])
            .args(["--proc", "/proc", "--proc"])
            .arg(chroot.join("proc"))
            .args(["autopkgtest", "--setup-commands", "apt-get update"])
            .args(["--no-built-binaries", "--output-dir"])
            .args([&out, &tree])
            .args(["--", "chroot"])
            .arg(&chroot)
            .run(self.log);
        let summary = files::read_text(&out.join("summary")).unwrap_or_default();
        ensure(run.is_ok(), || {
            let said = NAMES.map(|name| {
                let path = out.join(format!("{name}-stdout"));
                files::read_text(&path).unwrap_or_default()
            });
            format!("autopkgtest: {summary}\n{}", said.join("\n"))
        })?;
        ensure(
            NAMES.iter().all(|name| {
                summary
                    .lines()
                    .any(|line| line.split_whitespace().collect::<Vec<_>>() == [name, "PASS"])
            }),
            || format!("its summary: {summary}"),
        )?;
        files::remove_dir(&tree)?;
        Ok(files::remove_dir(&chroot)?)
    }
}
