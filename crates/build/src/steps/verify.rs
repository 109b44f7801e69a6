//! The step that checks a library against the symbol rules.

use base::exit::Failure;
use jobs::job::JobRef;
use symcheck::scope::FileSystem;
use targets::lock::Lock;

use super::context::Steps;
use crate::compile::extension;
use crate::layout;
use crate::plan::Work;
use crate::verify::step;
use crate::verify::system_libraries::{Choice, Providers};

impl Steps<'_> {
    pub(super) fn verify(
        &self,
        work: &Work<'_>,
        target: &str,
        (compiled, stamped, runtime): (&JobRef, &JobRef, &JobRef),
    ) -> Result<String, Failure> {
        let target = self.target(target)?;
        let (compiled, stamped) = (work.output(compiled)?, work.output(stamped)?);
        let python = work.output(runtime)?.join(layout::PYTHON_TREE);
        let choice = Choice::of(self.targets, &target, &|name| {
            Lock::path(self.workspace, name).exists()
        });
        let libraries = Providers::new(
            self.targets,
            &target,
            &choice,
            FileSystem::new()
                .directory(layout::PYTHON_PREFIX, &python)
                .remembering(&self.remembered),
            &|id| Ok(work.output_of(id)?.to_owned()),
        )?;
        step::verify(
            &step::Subject {
                providers: &libraries,
                runtime: &python,
                library: &stamped.join(layout::STRIPPED),
                unstripped: &compiled.join(layout::UNSTRIPPED),
                target: &target,
                headers: extension::headers_of(compiled)?,
                architecture: &target.distribution.architecture.name,
            },
            self.workspace,
            &work.out,
        )
    }
}
