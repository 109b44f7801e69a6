//! Crates, through cargo, into a cargo home of our own: then the build can run offline, and the user's
//! own cargo settings have no say in it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{FetchError, with_proxies};
use crate::step::Step;
use base::files;
use base::process::{NO_ROOM, ProcessError, Program};
use base::progress::Listener;
use base::workspace::Workspace;

/// The tables of a cargo configuration that say where crates come from. Others (flags, linkers, profiles) would change
/// what is built.
const WHERE_FROM: [&str; 5] = ["source", "registries", "registry", "http", "net"];

/// Settings in the environment that say how to get crates, and where rustup (which may stand behind `cargo`) has its
/// toolchains.
pub const CARGO_ENVIRONMENT: [&str; 7] = [
    "HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "CARGO_HTTP_PROXY",
    "CARGO_HTTP_CAINFO",
    "CARGO_NET_GIT_FETCH_WITH_CLI",
    "SSL_CERT_FILE",
];

/// What it takes to get crates.
struct Crates<'a> {
    /// The cargo to run; a path, or a name on the path.
    cargo: &'a Path,
    /// The `Cargo.toml` whose lock is fetched.
    manifest: &'a Path,
    /// Our cargo home, made if it is not there.
    home: &'a Path,
    /// The user's cargo home, whose settings for sources count here too.
    user_home: Option<&'a Path>,
    /// Where cargo's output is kept.
    log: &'a Path,
}

fn env(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from)
}

fn user_home() -> Option<PathBuf> {
    env("CARGO_HOME").or_else(|| env("HOME").map(|home| home.join(".cargo")))
}

/// The tables of this user's cargo configuration that say where crates come from.
pub fn user_settings() -> String {
    settings(user_home().as_deref())
}

/// Gets every crate that the extension's lock names and returns the cargo home that has them. Nothing is contacted if
/// all are there. The cargo is the one that runs this program, else the one on the path.
pub fn fetch_crates(workspace: &Workspace, listener: &dyn Listener) -> Result<PathBuf, FetchError> {
    let manifest = workspace.root.join("extension/Cargo.toml");
    fetch(workspace, &manifest, "cargo", listener)
}

/// Gets the crates of a program that is compiled for the builder, into a home of its own: the extension's is an input of builds.
pub fn fetch_tool_crates(
    workspace: &Workspace,
    manifest: &Path,
    listener: &dyn Listener,
) -> Result<PathBuf, FetchError> {
    fetch(workspace, manifest, "cargo-tools", listener)
}

fn fetch(
    workspace: &Workspace,
    manifest: &Path,
    home: &str,
    listener: &dyn Listener,
) -> Result<PathBuf, FetchError> {
    let on_path = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .map(|dir| dir.join("cargo"))
            .find(|file| file.is_file())
    };
    let home = workspace.cache.join(home);
    let user_home = user_home();
    let crates = Crates {
        cargo: &env("CARGO")
            .or_else(on_path)
            .unwrap_or_else(|| "cargo".into()),
        manifest,
        home: &home,
        user_home: user_home.as_deref(),
        log: &workspace.log("crates"),
    };
    crates.fetch(listener)?;
    Ok(home)
}

impl Crates<'_> {
    fn fetch(&self, listener: &dyn Listener) -> Result<(), FetchError> {
        files::write(&self.home.join("config.toml"), settings(self.user_home))?;

        if self.cargo(true).output(self.log).is_ok() {
            return Ok(());
        }
        let what = format!("what {} names", self.lock());
        let step = Step::start(listener, "fetch crates".to_owned(), &what);
        self.cargo(false)
            .output(self.log)
            .map_err(|error| match error {
                ProcessError::Failed { tail, .. } if tail.contains(NO_ROOM) => {
                    FetchError::disk_full(self.home)
                }
                ProcessError::Failed { tail, .. } => self.failure(tail),
                other => other.into(),
            })?;
        step.done(&format!("all that {} names", self.lock()));
        Ok(())
    }

    /// The lock, by the last two parts of its path.
    fn lock(&self) -> String {
        let dir = self.manifest.parent().and_then(Path::file_name);
        format!("{}/Cargo.lock", dir.unwrap_or_default().to_string_lossy())
    }

    fn cargo(&self, offline: bool) -> Program {
        let mut path = std::ffi::OsString::new();
        if let Some(dir) = self.cargo.parent().filter(|dir| dir.is_absolute()) {
            path.push(dir); // cargo asks the rustc beside it for the target's facts
            path.push(":");
        }
        path.push("/usr/local/bin:/usr/bin:/bin");
        let mut cargo = with_proxies(Program::new(self.cargo.to_string_lossy()));
        for name in CARGO_ENVIRONMENT {
            cargo = cargo.inherit_env(name);
        }
        cargo
            .env("PATH", path)
            .env("CARGO_HOME", self.home)
            .args([
                "fetch",
                "--quiet",
                "--locked",
                "--target",
                "x86_64-unknown-linux-gnu",
                "--target",
                "aarch64-unknown-linux-gnu",
            ])
            .args(offline.then_some("--offline"))
            .arg("--manifest-path")
            .arg(self.manifest)
    }

    fn failure(&self, output: String) -> FetchError {
        if output.contains("--locked was passed") || output.contains("cannot update the lock file")
        {
            let lock = self.manifest.with_file_name("Cargo.lock");
            return FetchError::CargoLock { lock };
        }
        FetchError::Unreachable {
            what: "crates".to_owned(),
            from: "the crate registry".to_owned(),
            output,
        }
    }
}

/// The tables of the user's configuration that say where crates come from.
fn settings(user_home: Option<&Path>) -> String {
    let files = user_home
        .into_iter()
        .flat_map(|home| [home.join("config.toml"), home.join("config")]);
    let text = files
        .into_iter()
        .find_map(|file: PathBuf| fs::read_to_string(file).ok());
    let mut table: toml::Table = text.and_then(|text| text.parse().ok()).unwrap_or_default();
    table.retain(|name, _| WHERE_FROM.contains(&name));
    toml::to_string(&table).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use base::exit::{Exit, ExitKind as _};
    use base::progress::Silent;

    #[test]
    fn takes_over_where_crates_come_from_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let text = "[source.crates-io]\nreplace-with = \"mirror\"\n[source.mirror]\nregistry = \"sparse+http://m.example/\"\n\
                    [build]\nrustflags = [\"-Ctarget-cpu=native\"]\n";
        fs::write(home.path().join("config.toml"), text).unwrap();
        let taken = settings(Some(home.path()));
        assert!(taken.contains("sparse+http://m.example/"), "{taken}");
        assert!(!taken.contains("rustflags"), "{taken}");
        assert_eq!(settings(None), "");
    }

    fn fetched(lock: &str) -> Result<(), FetchError> {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "a/Cargo.toml",
            "[package]\nname = \"a\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[dependencies]\nb = { path = \"../b\" }\n[workspace]\n",
        );
        write("a/src/lib.rs", "");
        write(
            "b/Cargo.toml",
            "[package]\nname = \"b\"\nversion = \"1.0.0\"\nedition = \"2024\"\n",
        );
        write("b/src/lib.rs", "");
        write("a/Cargo.lock", lock);
        let cargo = std::env::var("CARGO").unwrap();
        let crates = Crates {
            cargo: Path::new(&cargo),
            manifest: &dir.path().join("a/Cargo.toml"),
            home: &dir.path().join("home"),
            user_home: None,
            log: &dir.path().join("log"),
        };
        crates.fetch(&Silent)
    }

    #[test]
    fn a_lock_that_fits_is_fetched() {
        fetched(
            "# This file is automatically @generated by Cargo.\n# It is not intended for manual editing.\nversion = 4\n\n\
             [[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \"b\",\n]\n\n\
             [[package]]\nname = \"b\"\nversion = \"1.0.0\"\n",
        )
        .unwrap();
    }

    #[test]
    fn a_lock_that_does_not_fit_is_named() {
        let error =
            fetched("version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n").unwrap_err();
        assert!(matches!(&error, FetchError::CargoLock { .. }), "{error:?}");
        assert_eq!(error.exit(), Exit::CheckFailed);
    }
}
