//! The cases for `cargo xtask image`, called as a user calls it.

use base::exit::Failure;
use base::process::Program;
use build::oci::Flavour;

use super::container::Containers;
use super::{ImageTest, ensure_says};
use crate::cases::{Cases, ensure};

impl ImageTest<'_> {
    pub(super) fn command(&self, containers: &Containers<'_>, cases: &mut Cases<'_>) {
        cases.run("`image load` says the image's name", || {
            let said = self.image_call(&["load"], &[])?;
            let name = self.name(Flavour::Slim);
            ensure(said.trim() == name, || format!("{said} instead of {name}"))
        });
        cases.run(
            "`image run` passes options to the engine and arguments to the server",
            || {
                let options = ["--", "--env=GREETING=hello", "--tmpfs=/nothing"];
                let command = ["--", "sh", "-c", "echo $GREETING; postgres --version"];
                let said = self.image_call(&["run"], &[&options[..], &command].concat())?;
                let version = format!("(PostgreSQL) {}", self.target.major);
                ensure_says(&said, &["hello\n", &version])
            },
        );
        cases.run("`image run` keeps the data in a volume with a name", || {
            let volume = format!("{}-data", self.name(Flavour::Slim).replace([':', '/'], "-"));
            let filter = format!("name=^{volume}$");
            let there = ["volume", "ls", "--quiet", "--filter", &filter];
            let before = containers.call(&there)?;
            let command = ["--", "--publish", "127.0.0.1::5432"];
            let command = [
                &command[..],
                &["--", "grep", "/var/lib/postgresql", "/proc/mounts"],
            ]
            .concat();
            let said = self.image_call(&["run"], &command);
            let after = containers.call(&there)?;
            if before.is_empty() && !after.is_empty() {
                containers.call(&["volume", "rm", &volume])?;
            }
            ensure(after == volume, || {
                format!("there is no volume {volume}: {after}")
            })?;
            ensure_says(&said?, &["/var/lib/postgresql"])
        });
        cases.run("`image load` of what was not built says what to do", || {
            let empty = self.scratch.join("no-release").display().to_string();
            let target = self.target.to_string();
            let program = Program::new(self.executable.display().to_string());
            let refused = program
                .args(["image", "load", &target, "--out", &empty])
                .dir(self.source)
                .output(self.log);
            let message = refused.err().map(|error| error.to_string());
            ensure_says(&message.unwrap_or_default(), &["there is no image"])
        });
    }

    fn image_call(&self, action: &[&str], after: &[&str]) -> Result<String, Failure> {
        let engine = ["HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"];
        let program = Program::new(self.executable.display().to_string());
        let program = engine
            .iter()
            .fold(program, |program, name| program.inherit_env(name));
        let output = program
            .arg("image")
            .args(action)
            .args([&self.target.to_string(), "--flavour", "slim", "--out"])
            .arg(self.release)
            .args(after)
            .dir(self.source)
            .output(self.log)?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }
}
