//! Simulates another build machine: a root file system of another release, entered with pivot_root, with this machine's
//! network, processor and Rust toolchain.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

use base::exit::Failure;
use base::files::{self, FileError};
use base::process::Program;
use base::workspace::Workspace;
use jobs::source_files;

use crate::cases::unexpected;
use crate::faults::child::Ended;
use crate::follow::follow;

/// What a user has installed before the README's first command: the toolchain's own needs.
const PACKAGES: &str = "gcc,libc6-dev,git,ca-certificates";
/// Where the machine trusts certificates of registries: this machine's, under a name that no package has.
const CERTIFICATES: &str = "/etc/certificates-of-the-host.crt";
/// Where this machine has them.
const OWN_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Enters a root file system as the first process of new namespaces. The arguments are the root, the writable directory, the
/// directories that are shown, `--`, and the command. bubblewrap does not work here: it covers parts of /proc, and then the
/// kernel forbids mounting another one inside. A plain chroot does not work either: the kernel refuses user namespaces in
/// one.
const ENTER: &str = r#"
root=$1; work=$2; shift 2
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs run
mount --bind "$work" ".$work"
while [ "$1" != -- ]; do mount --bind "$1" ".$1"; mount -o remount,bind,ro ".$1"; shift; done
shift
hostname machine
mkdir -p .host
pivot_root . .host
cd "$work"
umount -l /.host
exec "$@"
"#;
/// What a machine is made from.
pub struct Recipe<'a> {
    /// What it has besides the toolchain's needs.
    pub packages: &'a [&'a str],
    /// The code name of the release: `resolute`.
    pub codename: &'a str,
    /// apt's sources in their one-line form, by this machine's keyrings.
    pub made_from: &'a [String],
    /// The same as the machine has them: the name of a file in `/etc/apt/sources.list.d`, and what is in it.
    pub sources: (&'a str, String),
    /// What `/etc/os-release` says instead of what the packages say; nothing leaves it.
    pub os_release: Option<String>,
}

/// A machine, and a checkout of the source tree on it.
pub struct Machine {
    root: PathBuf,
    /// The checkout, at the same place on both machines.
    pub checkout: PathBuf,
    environment: Vec<(String, String)>,
    log: PathBuf,
}

impl Machine {
    /// Makes it below a directory.
    pub fn make(recipe: &Recipe<'_>, dir: &Path, log: &Path) -> Result<Self, Failure> {
        let root = dir.join("root");
        remove_root(&root, log)?;
        files::create_dir(&root)?;
        // In namespaces of its own: one that is interrupted leaves no mount and no dpkg behind.
        Program::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child=KILL",
            ])
            .arg("mmdebstrap")
            .args(["--variant=minbase", "--format=directory"])
            .arg(format!("--include={PACKAGES}"))
            .args(
                (!recipe.packages.is_empty())
                    .then(|| format!("--include={}", recipe.packages.join(","))),
            )
            .args([recipe.codename.as_ref(), root.as_os_str()])
            .args(recipe.made_from)
            .run(log)?;
        files::remove_file(&root.join("etc/apt/sources.list"))?;
        files::copy(Path::new(OWN_CERTIFICATES), &root.join(&CERTIFICATES[1..]))?;
        files::set_mode(&root.join(&CERTIFICATES[1..]), 0o644)?;
        for file in ["etc/resolv.conf", "etc/hosts"] {
            files::copy(&Path::new("/").join(file), &root.join(file))?;
        }
        let machine = Self {
            root,
            checkout: dir.join("checkout"),
            environment: environment()?,
            log: log.to_owned(),
        };
        if let Some(text) = &recipe.os_release {
            // A link, to a file of a package.
            files::remove_file(&machine.inside(Path::new("/etc/os-release")))?;
            machine.write("/etc/os-release", text)?;
        }
        let (name, text) = &recipe.sources;
        machine.add_sources(name, text)?;
        Ok(machine)
    }

    /// Where the machine has a path of this one, as this one sees it.
    pub fn inside(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Gives it a key that apt's sources name.
    pub fn add_key(&self, key: &Path, inside: &str) -> Result<(), Failure> {
        let to = self.inside(Path::new(inside));
        files::create_dir(to.parent().unwrap_or(&self.root))?;
        files::copy(key, &to)?;
        Ok(files::set_mode(&to, 0o644)?)
    }

    /// Gives its apt one more archive, or another one under a name that it has.
    pub fn add_sources(&self, name: &str, text: &str) -> Result<(), Failure> {
        self.write(&format!("/etc/apt/sources.list.d/{name}"), text)
    }

    /// Writes a file of the machine that everyone may read.
    pub fn write(&self, path: &str, text: &str) -> Result<(), Failure> {
        let path = self.inside(Path::new(path));
        files::write(&path, text)?;
        Ok(files::set_mode(&path, 0o644)?)
    }

    /// Puts a checkout of the source tree there.
    pub fn check_out(&self, workspace: &Workspace) -> Result<(), Failure> {
        files::remove_dir(&self.checkout)?;
        Ok(source_files::copy(workspace, &self.checkout)?)
    }

    /// Sets a variable of the environment that every command there has.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Runs a command in the checkout, as root, and keeps what it prints in the log as well.
    pub fn run<A: Into<OsString>>(
        &self,
        command: impl IntoIterator<Item = A>,
    ) -> Result<Ended, Failure> {
        let began = Instant::now();
        files::create_dir(&self.inside(&self.checkout))?;
        // The machine ends with this process.
        let mut program = Program::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare"])
            .args([
                "--mount",
                "--pid",
                "--ipc",
                "--uts",
                "--fork",
                "--kill-child=KILL",
            ])
            .args(["--propagation", "private", "--", "sh", "-euc", ENTER, "sh"])
            .args([self.root.as_os_str(), self.checkout.as_os_str()]);
        for toolchain in toolchains()? {
            files::create_dir(&self.inside(&toolchain))?;
            program = program.arg(toolchain);
        }
        program = program.args(["--", "env", "-i"]);
        for (name, value) in &self.environment {
            program = program.arg(format!("{name}={value}"));
        }
        let mut output = Vec::new();
        let mut log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .map_err(FileError::at("write", &self.log))?;
        let status = follow(&program.args(command), |piece| {
            output.extend_from_slice(piece);
            std::io::Write::write_all(&mut log, piece).map_err(FileError::at("write", &self.log))
        })?;
        Ok(Ended {
            code: status.code(),
            output: String::from_utf8_lossy(&output).into_owned(),
            took: began.elapsed(),
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // What is left is removed by the next run, or with the cache.
        let _ = remove_root(&self.root, &self.log);
    }
}

/// A root file system has files of other users, and directories that can't be written to.
fn remove_root(root: &Path, log: &Path) -> Result<(), Failure> {
    Program::new("rm")
        .args(["-rf", "--one-file-system", "--"])
        .arg(root)
        .run(log)?;
    Ok(())
}

/// This machine's Rust toolchain, which is shown at the same places.
fn toolchains() -> Result<[PathBuf; 2], Failure> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let of = |variable: &str, below: &str| {
        let set = std::env::var_os(variable).map(PathBuf::from);
        set.or_else(|| home.as_ref().map(|home| home.join(below)))
            .filter(|dir| dir.is_dir())
            .ok_or_else(|| unexpected(format!("there is no ~/{below}, and {variable} names none")))
    };
    Ok([
        of("RUSTUP_HOME", ".rustup")?,
        of("CARGO_HOME", ".cargo")?.join("bin"),
    ])
}

/// What every command on the machine finds.
fn environment() -> Result<Vec<(String, String)>, Failure> {
    let [rustup, bin] = toolchains()?;
    let path = format!(
        "{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        bin.display()
    );
    let mut all = vec![
        ("PATH".to_owned(), path),
        ("HOME".to_owned(), "/root".to_owned()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("RUSTUP_HOME".to_owned(), rustup.display().to_string()),
        ("RUSTUP_AUTO_INSTALL".to_owned(), "0".to_owned()),
        ("CARGO_HOME".to_owned(), "/var/lib/cargo".to_owned()),
    ];
    for name in [
        "SSL_CERT_FILE",
        "CARGO_HTTP_CAINFO",
        "PIP_CERT",
        "CURL_CA_BUNDLE",
    ] {
        all.push((name.to_owned(), CERTIFICATES.to_owned()));
    }
    for name in ["http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL"] {
        if let Ok(value) = std::env::var(name) {
            all.push((name.to_owned(), value));
        }
    }
    Ok(all)
}
