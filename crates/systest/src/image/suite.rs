//! Runs the suite `image` over a release: finds the engine, the images and the targets to test.

use base::exit::Failure;
use base::{files, process};
use build::oci::base_layer::BaseLayers;
use build::oci::config::ImageConfig;
use build::plan::ids;
use inputs::host::tools::{DOCKER_COMPOSE, PODMAN, RUNC, SKOPEO, Tool, UMOCI};
use targets::Target;

use super::ImageTest;
use crate::cases::Case;
use crate::record;
use crate::run::TestRun;

impl TestRun<'_> {
    /// The image test of each target.
    pub fn images(&self) -> Result<Vec<Case>, Failure> {
        let mut done = Vec::new();
        for target in self.chosen {
            self.listener
                .note(&format!("{target}: running the container images"));
            done.extend(self.image(target)?);
        }
        Ok(done)
    }

    /// The image test of one target. It installs external tools when it needs them.
    pub fn image(&self, target: &Target) -> Result<Vec<Case>, Failure> {
        let log = self.workspace().log(&format!("test-image-{target}"));
        files::write(&log, "")?;
        let scratch = self.workspace().cache.join("systest/image");
        let executable = self.workspace().cache.join("systest/image-tool/xtask");
        process::copy_this_program(&executable)?;
        let base = ids::image_base(&self.server_of(target).id);
        let has_server = self.plan.job(&ids::images(&target)).is_some();
        let tools = |name: &'static str| {
            let tool = [SKOPEO, UMOCI, PODMAN, DOCKER_COMPOSE]
                .into_iter()
                .find(|tool| tool.name == name);
            let mut wanted: Vec<Tool> = tool.into_iter().collect();
            if name == PODMAN.name {
                wanted.push(RUNC);
            }
            let log = self.workspace().log("install");
            let required = self.pipeline.host.require(&wanted, &log, self.listener);
            required.map_err(|error| error.to_string())
        };
        let test = ImageTest {
            target,
            config: ImageConfig::load(&self.workspace().root)?,
            release: self.out,
            base: match has_server {
                true => Some(self.output(&base)?.join(BaseLayers::FULL)),
                false => None,
            },
            source: &self.workspace().root,
            executable: &executable,
            scratch: &scratch,
            log: &log,
            tools: &tools,
        };
        let cases = test.run(self.listener)?;
        files::remove_dir(&self.workspace().cache.join("systest/image-tool"))?;
        let _manifest = self.lock_manifest();
        record::images(self.out, &target.to_string(), &cases)?;
        Ok(cases)
    }
}
