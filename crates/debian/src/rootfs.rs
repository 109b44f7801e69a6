//! Root file systems from locked packages: made by mmdebstrap without network, the same bytes each time.
//!
//! The locked `.deb`s become a flat repository that exists for this one call; their hashes were checked against the
//! lock when they were fetched, which is what makes `trusted=yes` true there and nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files::{self, FileError};
use base::plain_path::PlainPath;
use base::process::Program;

/// The time that files of root file systems carry at the latest, in seconds since 1970. A constant: a builder or a test
/// system is not released, and two made from one lock must be equal whenever they were made.
pub const EPOCH: u64 = 1_000_000_000;

/// Must be off before postgresql-common is configured, or a cluster with random content is made. The variant `custom`
/// installs its packages before it runs the essential hooks (mmdebstrap(1)). The modes of what is made here stay.
const NO_CLUSTER: &str = "--setup-hook=umask 022 && mkdir -p \"$1/etc/postgresql-common\" && echo 'create_main_cluster = false' > \"$1/etc/postgresql-common/createcluster.conf\"";

/// Has `locales`, on which Debian's PostgreSQL depends, make `en_US.utf8` when it is configured: the locale of Docker's
/// Postgres images, which a dump of them names. /etc/locale.gen keeps it there through upgrades.
const LOCALE: &str = "--setup-hook=umask 022 && mkdir -p \"$1/etc\" && echo 'en_US.UTF-8 UTF-8' > \"$1/etc/locale.gen\"";

/// Removes what differs from run to run or names the host: ssl-cert's random key with its certificate of the host, and the link
/// to it, whose name is a hash of the host's; debconf's times, logs, apt's lists, and the source entry, which is this call's
/// private repository by a path of the host.
const REPEATABLE: &str = "--customize-hook=cd \"$1\" && rm -rf etc/ssl/private/ssl-cert-snakeoil.key etc/ssl/certs/ssl-cert-snakeoil.pem var/cache/debconf/* etc/resolv.conf etc/hostname var/lib/apt/lists/* var/log/* var/cache/apt/* etc/apt/sources.list && for link in etc/ssl/certs/*; do case $(readlink \"$link\") in ssl-cert-snakeoil.pem) rm \"$link\";; esac; done";

/// The options of mmdebstrap with which a root file system of these packages is the same each time, and what images need of it.
pub(crate) fn hooks(packages: &[String]) -> impl Iterator<Item = &'static str> {
    let of_package = [("postgresql-common", NO_CLUSTER), ("locales", LOCALE)];
    let wanted =
        of_package.map(|(name, hook)| packages.iter().any(|it| it == name).then_some(hook));
    wanted.into_iter().flatten().chain([REPEATABLE])
}

/// Makes a flat apt repository of the `.deb`s in a directory, in place.
///
/// Suite and Codename must both be set, or mmdebstrap does not recognise the distribution.
pub fn flat_repository(debs: &Path, codename: &str, log: &Path) -> Result<(), Failure> {
    let index = Program::new("apt-ftparchive")
        .args(["packages", "."])
        .dir(debs)
        .output(log)?;
    files::write(&debs.join("Packages"), index)?;
    let release = Program::new("apt-ftparchive")
        .args([
            "-o".to_owned(),
            format!("APT::FTPArchive::Release::Suite={codename}"),
            "-o".to_owned(),
            format!("APT::FTPArchive::Release::Codename={codename}"),
            "release".to_owned(),
            ".".to_owned(),
        ])
        .dir(debs)
        .output(log)?;
    files::write(&debs.join("Release"), release)?;
    Ok(())
}

/// What starts mmdebstrap, whose command line follows.
///
/// It has a mount namespace of its own, so that a hook or a bind mount that fails leaves no mount on the host. Its network
/// namespace has no interface: nothing but the locked packages can be installed. All its processes, the packages' scripts among
/// them, are in one process namespace. This ends with `unshare`, and `unshare` with the thread that started it, however that
/// ended.
pub(crate) fn apart() -> Program {
    Program::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare"])
        .args(["--mount", "--pid", "--net", "--kill-child=KILL", "--fork"])
}

/// Makes a root file system archive from a directory of `.deb`s, all of which are installed.
///
/// `debs` belongs to this call alone: the repository's index is written into it.
pub fn make_archive(
    debs: &Path,
    packages: &[String],
    codename: &str,
    archive: &Path,
    scratch: &Path,
    log: &Path,
) -> Result<(), Failure> {
    flat_repository(debs, codename, log)?;
    let temporary = scratch.join("tmp");
    files::create_dir(&temporary)?;
    let debs = PlainPath::of(debs)?;
    let temporary = PlainPath::of(&temporary)?;
    let mut program = apart();
    if !rustix::process::geteuid().is_root() {
        // An ordinary user is root in a user namespace, with the sub-ids of /etc/subuid for the others. mmdebstrap's own
        // unshare mode maps the user to nobody there, who can't read the packages under a strict umask.
        program = program.args(["--user", "--map-root-user", "--map-auto"]);
    }
    program
        .args(["mmdebstrap", "--variant=custom", "--format=tar"])
        .arg(format!("--include={}", packages.join(",")))
        // No --dpkgopt=path-exclude: it makes mmdebstrap filter every package through a script, which takes longer
        // than unpacking what it leaves out.
        .arg("--aptopt=Acquire::Languages \"none\"")
        .args(hooks(packages))
        .args([codename.as_ref(), archive.as_os_str()])
        .arg(format!(
            "deb [trusted=yes] copy://{} ./",
            debs.path().display()
        ))
        .env("SOURCE_DATE_EPOCH", EPOCH.to_string())
        .env("TMPDIR", temporary.path())
        .env("HOME", temporary.path())
        .run(log)?;
    Ok(())
}

/// Brings the packages of several directories into one, from which [`make_archive`] installs.
pub fn link_packages<'a>(
    dirs: impl IntoIterator<Item = &'a PathBuf>,
    to: &Path,
) -> Result<(), FileError> {
    files::create_dir(to)?;
    for dir in dirs {
        for deb in files::files_below(dir)? {
            files::link_or_copy(&dir.join(&deb), &to.join(&deb))?;
        }
    }
    Ok(())
}

/// Unpacks a root file system for a [`base::sandbox::Sandbox`], which needs neither its owners nor its devices.
/// `mount_points` are the directories that the sandbox shows something at: a read-only root can't grow them later.
pub fn unpack_for_sandbox(
    archive: &Path,
    to: &Path,
    mount_points: &[&str],
    log: &Path,
) -> Result<(), Failure> {
    files::create_dir(to)?;
    Program::new("tar")
        .args([
            "--extract",
            "--no-same-owner",
            "--delay-directory-restore",
            "--exclude=./dev/*",
        ])
        .args([
            "--file".as_ref(),
            archive.as_os_str(),
            "--directory".as_ref(),
            to.as_os_str(),
        ])
        .run(log)?;
    writable_directories(to)?;
    for mount_point in mount_points {
        files::create_dir(&to.join(mount_point.trim_start_matches('/')))?;
    }
    Ok(())
}

/// Unpacks the contents of `.deb`s below one directory and makes absolute links relative to it, so that a sysroot
/// points into itself and not into the host.
pub fn unpack_packages(debs: &[PathBuf], to: &Path, log: &Path) -> Result<(), Failure> {
    files::create_dir(to)?;
    for deb in debs {
        Program::new("dpkg-deb")
            .args(["--extract".as_ref(), deb.as_os_str(), to.as_os_str()])
            .run(log)?;
    }
    for relative in files::files_below(to)? {
        let link = to.join(&relative);
        let Ok(target) = fs::read_link(&link) else {
            continue;
        };
        let Ok(inside) = target.strip_prefix("/") else {
            continue;
        };
        let up: PathBuf = relative.components().skip(1).map(|_| "..").collect();
        fs::remove_file(&link).map_err(FileError::at("replace the link", &link))?;
        std::os::unix::fs::symlink(up.join(inside), &link)
            .map_err(FileError::at("replace the link", &link))?;
    }
    Ok(())
}

/// A directory without write permission can't be removed again by an ordinary user.
fn writable_directories(below: &Path) -> Result<(), FileError> {
    for entry in walkdir::WalkDir::new(below).into_iter().flatten() {
        if !entry.file_type().is_dir() {
            continue;
        }
        let at = || FileError::at("change the mode of", entry.path());
        let mode = fs::symlink_metadata(entry.path())
            .map_err(at())?
            .permissions()
            .mode();
        if mode & 0o700 != 0o700 {
            files::set_mode(entry.path(), (mode | 0o700) & 0o7777)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The processes whose command line has this argument.
    fn running(argument: &str) -> usize {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        processes
            .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
            .filter(|line| {
                line.split(|byte| *byte == 0)
                    .any(|found| found == argument.as_bytes())
            })
            .count()
    }

    fn waited(for_what: impl Fn() -> bool) -> bool {
        (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            for_what()
        })
    }

    /// Catches a root file system that goes on being made when the run that wants it was killed.
    #[test]
    fn what_runs_apart_ends_with_its_starter() {
        let seconds = format!("{}.5", 100_000 + std::process::id());
        let mut program = apart();
        if !rustix::process::geteuid().is_root() {
            program = program.args(["--user", "--map-root-user"]);
        }
        // Two that outlive what started them, as a hook or a package's script may.
        let program = program.args([
            "sh",
            "-euc",
            "sleep \"$1\" & setsid sleep \"$1\" & wait",
            "sh",
        ]);
        let mut starter = Program::new("sh")
            .args(["-euc", "\"$@\" & wait", "sh"])
            .args(program.arg(&seconds).command_line())
            .command()
            .spawn()
            .unwrap();
        // The starter, `unshare`, the shell and its two children.
        let began = waited(|| running(&seconds) >= 5);
        starter.kill().unwrap();
        starter.wait().unwrap();
        assert!(began, "nothing ran apart");
        assert!(
            waited(|| running(&seconds) == 0),
            "something runs on: {}",
            running(&seconds)
        );
    }

    #[test]
    fn absolute_links_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        files::create_dir(&tree.join("DEBIAN")).unwrap();
        files::create_dir(&tree.join("usr/lib/x")).unwrap();
        files::write(
            &tree.join("DEBIAN/control"),
            "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n",
        )
        .unwrap();
        std::os::unix::fs::symlink("/etc/passwd", tree.join("usr/lib/x/link")).unwrap();
        let deb = dir.path().join("x.deb");
        let log = dir.path().join("log");
        Program::new("dpkg-deb")
            .args(["--build".as_ref(), tree.as_os_str(), deb.as_os_str()])
            .run(&log)
            .unwrap();
        let to = dir.path().join("to");
        unpack_packages(&[deb], &to, &log).unwrap();
        assert_eq!(
            fs::read_link(to.join("usr/lib/x/link")).unwrap(),
            Path::new("../../../etc/passwd")
        );
    }
}
