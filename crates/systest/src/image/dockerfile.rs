//! `docker/Dockerfile` with another base image: installing the packages from the signed repository gives the same extension
//! files as in our images.

use base::exit::Failure;
use build::oci::FIRST_WITH_VOLUMES;

use super::ImageTest;
use super::container::Containers;
use crate::cases::{Cases, ensure};

/// An image that the test made; dropping it removes it.
struct Made<'a> {
    containers: &'a Containers<'a>,
    // A name and not an id: some builders take ids for names of a registry.
    name: String,
}

impl<'a> Made<'a> {
    fn new(containers: &'a Containers<'a>, what: &str) -> Self {
        let name = format!("pgml-test-{what}:{}", std::process::id());
        Self { containers, name }
    }
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        let _ = self.containers.call(&["rmi", "--force", &self.name]); // nobody is left to tell
    }
}

impl ImageTest<'_> {
    /// The cases on a base without our packages: a distribution with its Postgres.
    pub(super) fn on_a_base(&self, containers: &Containers<'_>, cases: &mut Cases<'_>) {
        let Some(base) = &self.base else { return };
        let archive = base.display().to_string();
        let imported = cases.run("a base of the distribution is imported", || {
            let base = Made::new(containers, "base");
            containers.call(&["import", &archive, &base.name])?;
            Ok(base)
        });
        let Some(base) = imported else { return };
        let name = "a server finds the extension's own image where it is mounted";
        // Servers before have no setting for such a place.
        if self.target.major >= FIRST_WITH_VOLUMES {
            cases.run(name, || self.extension_volume(containers, &base.name));
        }
        let name = "the Dockerfile builds on an imported base, with the same extension files";
        cases.run(name, || {
            let dockerfile = self.source.join("docker/Dockerfile");
            let built = Made::new(containers, "built");
            containers.call(&[
                "build",
                "--quiet",
                // What the packages need is in this base; nothing else is there to be fetched.
                "--network=none",
                "--file",
                &dockerfile.display().to_string(),
                "--build-arg",
                &format!("BASE={}", base.name),
                "--tag",
                &built.name,
                "--build-arg",
                &format!("POSTGRES={}", self.target.major),
                "--build-arg",
                &format!("SUITE={}", self.target.distribution.codename),
                &self.release.join("apt").display().to_string(),
            ])?;
            let theirs = self.extension_files(containers, &built.name)?;
            let ours = self.extension_files(containers, &containers.full)?;
            ensure(ours.lines().count() > 3, || {
                format!("files of the extension: {ours}")
            })?;
            ensure(ours == theirs, || format!("{theirs}\ninstead of\n{ours}"))
        });
    }

    /// The check-sums of the extension's files and of the runtime's, by path.
    fn extension_files(&self, containers: &Containers<'_>, image: &str) -> Result<String, Failure> {
        let major = self.target.major;
        let script = format!(
            "cd / && find usr/lib/postgresql/{major}/lib/pgml.so usr/share/postgresql/{major}/extension/pgml* \
             usr/lib/pgml -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"
        );
        let ended = containers.run(&["--entrypoint", "sh", image, "-c", &script])?;
        ensure(ended.code == 0, || ended.output.clone())?;
        Ok(ended.output)
    }
}
