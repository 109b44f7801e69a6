//! The registry, the user with a name, a password and a key, and calls of `cargo xtask publish` in the registry's
//! network.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

use serde_json::Value;

use base::exit::Failure;
use base::files::{self, FileError};
use base::process::{Program, both};
use build::oci::Flavour;
use targets::Target;

use crate::cases::{Cases, ensure, unexpected};
use crate::system::System;

/// Where the registry listens, inside its own network.
pub const HOST: &str = "127.0.0.1:5000";
/// The password of the user `publisher`, which must not be in any output or log.
pub const PASSWORD: &str = "hunter2-of-the-test";
/// The password of the key, likewise.
pub const KEY_PASSWORD: &str = "key-password-of-the-test";
/// The user's line for the registry: bcrypt of [`PASSWORD`].
const HTPASSWD: &str = "publisher:$2b$04$9B2I7d./vX5ZF5jkXI1BO.MbFssTcnI6ElImq1eDCmbHrT5orbuKa\n";
/// `publisher` and [`PASSWORD`] as `docker login` writes them.
pub const AUTH: &str = "cHVibGlzaGVyOmh1bnRlcjItb2YtdGhlLXRlc3Q=";
/// docker-registry's configuration: everybody may read after logging in, as may write.
const CONFIG: &str = "version: 0.1
log: {accesslog: {disabled: false}, level: info}
storage: {filesystem: {rootdirectory: /srv/registry}, delete: {enabled: true}}
http: {addr: 127.0.0.1:5000}
auth: {htpasswd: {realm: test, path: /srv/htpasswd}}
";
/// Starts the registry, waits until it answers, and makes the user's key.
const START: &str = "mkdir -p /srv/registry /srv/docker
docker-registry serve /srv/config.yml >/srv/registry.log 2>&1 &
tries=0
until (echo > /dev/tcp/127.0.0.1/5000) 2>/dev/null; do tries=$((tries + 1)); [ $tries -lt 300 ]; sleep 0.1; done
cd /srv
COSIGN_PASSWORD=$1 cosign generate-key-pair >/dev/null 2>&1
mkdir other; cd other; COSIGN_PASSWORD=x cosign generate-key-pair >/dev/null 2>&1";

/// What the cases work on.
pub struct RegistryTest<'a> {
    /// The system with the registry and the tools.
    pub system: &'a System,
    /// A target whose images are in the release.
    pub target: &'a Target,
    /// The architectures of the images of its distribution and major in the release, in the order of an index.
    pub architectures: &'a [String],
    /// The release.
    pub release: &'a Path,
    /// The root of the source tree.
    pub source: &'a Path,
    /// The cache of this run.
    pub cache: &'a Path,
    /// A copy of this program.
    pub executable: &'a Path,
    /// A directory to work in.
    pub scratch: &'a Path,
    /// Where the output of tools is kept.
    pub log: &'a Path,
}

/// A call that runs. It ends, with all that it started, when it is dropped.
pub struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

impl RegistryTest<'_> {
    /// All cases.
    pub fn run(&self, cases: &mut Cases<'_>) -> Result<(), Failure> {
        // Compiled before the network is entered, which has no registry of crates.
        let program = Program::new(self.executable.display().to_string());
        self.call(program, &["publish", "--help"]).attempt()?;
        let started = cases.run(
            "a registry of Debian's serves on the loopback interface",
            || {
                self.system.write("/srv/config.yml", CONFIG)?;
                self.system.write("/srv/htpasswd", HTPASSWD)?;
                let auth = format!(r#"{{"auths":{{"{HOST}":{{"auth":"{AUTH}"}}}}}}"#);
                self.system.write("/srv/docker/config.json", &auth)?;
                let bash = ["/bin/bash", "-euc", START, "bash", KEY_PASSWORD];
                self.system.run("root", &bash).map(drop)
            },
        );
        if started.is_some() {
            self.writing(cases);
            self.reading(cases);
        }
        Ok(())
    }

    /// A program in the registry's network, with the user's settings.
    fn call(&self, program: Program, args: &[&str]) -> Program {
        [
            "HOME",
            "PATH",
            "CARGO_HOME",
            "RUSTUP_HOME",
            "RUSTUP_TOOLCHAIN",
            "CARGO_TARGET_DIR",
        ]
        .iter()
        .fold(program, |program, name| program.inherit_env(name))
        // Before the command, which passes on all that follows it.
        .args(["--cache".as_ref(), self.cache.as_os_str()])
        .args(["--source".as_ref(), self.source.as_os_str()])
        .args(args.iter().copied())
        .dir(self.source)
    }

    fn inside(&self, path: &str) -> PathBuf {
        self.system.root().join(path.trim_start_matches('/'))
    }

    /// `cargo xtask` in the registry's network; with the user's login where `login` says so.
    pub fn xtask(&self, args: &[&str], login: bool) -> Result<Output, Failure> {
        let output = self.program(args, login).attempt()?;
        files::write(self.log, both(&output))?;
        Ok(output)
    }

    fn program(&self, args: &[&str], login: bool) -> Program {
        let program = self.system.in_network(self.executable);
        let config = match login {
            true => self.inside("/srv/docker"),
            false => self.scratch.join("no-login"),
        };
        let program = program
            .env("DOCKER_CONFIG", config)
            .env(
                "REGISTRY_AUTH_FILE",
                self.scratch.join("no-login/auth.json"),
            )
            .env("COSIGN_PASSWORD", KEY_PASSWORD)
            .env("CARGO_NET_OFFLINE", "true");
        self.call(program, args)
    }

    /// Starts the same, with a login, and goes on meanwhile.
    pub fn started(&self, args: &[&str]) -> Result<Started, Failure> {
        let child = self
            .program(args, true)
            .command()
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(FileError::at("run", self.executable))?;
        Ok(Started(child))
    }

    /// Publishes the release, and returns the document that it prints.
    pub fn publish(&self, namespace: &str, options: &[&str]) -> Result<Value, Failure> {
        let release = self.release.display().to_string();
        let to = format!("{HOST}/{namespace}");
        let key = self.inside("/srv/cosign.key").display().to_string();
        let args = [
            "publish",
            "--json",
            "--development",
            "--from",
            &release,
            "--to",
            &to,
        ];
        let args: Vec<&str> = args
            .iter()
            .chain(&["--key", &key])
            .chain(options)
            .copied()
            .collect();
        let output = self.xtask(&args, true)?;
        ensure(output.status.success(), || both(&output))?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| unexpected(format!("{error}: {}", both(&output))))
    }

    /// The requests that the registry got so far that change something.
    pub fn writes(&self) -> Result<usize, Failure> {
        let path = self.inside("/srv/registry.log");
        let log = files::read_text(&path)?;
        let is_write = |line: &&str| {
            ["\"PUT /", "\"POST /", "\"PATCH /", "\"DELETE /"]
                .iter()
                .any(|method| line.contains(method))
        };
        Ok(log.lines().filter(is_write).count())
    }

    /// An image's name: that of the target's flavour, by the tag that names the distribution.
    pub fn image(&self, namespace: &str, flavour: Flavour) -> String {
        let [tag, _] = flavour.tags(self.target);
        let repository = flavour.repository("pgml");
        format!("{HOST}/{namespace}/{repository}:{tag}")
    }

    /// A program of the system, with the user's login.
    pub fn tool(&self, command: &[&str]) -> Result<String, Failure> {
        let login = [
            "env",
            "DOCKER_CONFIG=/srv/docker",
            "REGISTRY_AUTH_FILE=/srv/docker/config.json",
            "HOME=/srv",
        ];
        let words: Vec<&str> = login.iter().chain(command).copied().collect();
        self.system.run("root", &words)
    }

    /// Fails where one of the passwords is in anything that was printed or logged.
    pub fn ensure_secret(&self, printed: &str) -> Result<(), Failure> {
        let logs = self.cache.join("log");
        let mut texts = vec![("the output".to_owned(), printed.to_owned())];
        for file in files::files_below(&logs)? {
            let path = logs.join(&file);
            let bytes = std::fs::read(&path).map_err(FileError::at("read", &path))?;
            texts.push((
                path.display().to_string(),
                String::from_utf8_lossy(&bytes).into_owned(),
            ));
        }
        for (name, text) in texts {
            let found = [PASSWORD, KEY_PASSWORD, AUTH]
                .iter()
                .find(|secret| text.contains(**secret));
            ensure(found.is_none(), || format!("a password is in {name}"))?;
        }
        Ok(())
    }
}
