//! `docker/compose.yaml`, as a user starts it: the server becomes healthy, the job trains on it and ends.

use base::exit::Failure;
use base::process::Program;
use build::oci::Flavour;
use inputs::host::tools::DOCKER_COMPOSE;

use super::container::Containers;
use super::{ImageTest, ensure_says};
use crate::cases::Cases;

/// The limit for the whole case, in seconds.
const PATIENCE: &str = "240";

impl ImageTest<'_> {
    pub(super) fn compose(&self, containers: &Containers<'_>, cases: &mut Cases<'_>) {
        let name = "compose.yaml: the job trains on the server, which has a read-only root";
        // The plug-in of Docker's own packages, or the program of the distributions.
        let program = match containers.call(&["compose", "version"]) {
            Ok(_) => vec!["docker", "compose"],
            Err(_) => match (self.tools)(DOCKER_COMPOSE.name) {
                Ok(()) => vec![DOCKER_COMPOSE.name],
                Err(why) => return cases.not_run(name, why),
            },
        };
        cases.run(name, || {
            let up =
                self.compose_call(&program, &["up", "--no-color", "--exit-code-from", "train"]);
            // Remove the containers, the network and the volume in any case.
            let down = self.compose_call(&program, &["down", "--volumes", "--timeout", "30"]);
            let output = up?;
            down?;
            ensure_says(&output, &["flowers", "(5 rows)"])
        });
    }

    fn compose_call(&self, program: &[&str], args: &[&str]) -> Result<String, Failure> {
        let volume = match self.target.major >= 18 {
            true => "/var/lib/postgresql",
            false => "/var/lib/postgresql/data",
        };
        let project = format!("pgml-test-{}", std::process::id());
        let output = [
            "HOME",
            "PATH",
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "DOCKER_CONFIG",
        ]
        .iter()
        .fold(Program::new("timeout"), |program, name| {
            program.inherit_env(name)
        })
        .args(["--kill-after=5", PATIENCE])
        .args(program)
        .args(["--project-name", &project, "--file"])
        .arg(self.source.join("docker/compose.yaml"))
        .args(args)
        .env("POSTGRES_PASSWORD", "secret")
        .env("PGML_IMAGE", self.name(Flavour::Full))
        // Any port that is free.
        .env("PGML_PORT", "0")
        .env("PGML_VOLUME", volume)
        .output(self.log)?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }
}
