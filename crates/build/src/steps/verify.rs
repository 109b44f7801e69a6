//! The step that checks a library against the symbol rules.

use base::exit::Failure;
use jobs::job::JobRef;
use symcheck::Rulebook;
use symcheck::scope::FileSystem;
use targets::lock::Lock;

use super::context::Steps;
use crate::compile::extension;
use crate::layout;
use crate::plan::{Step, Work};
use crate::verify::step;
use crate::verify::system_libraries::{Choice, SystemLibraries};

impl Steps<'_> {
    /// Checks the library of a target, alone or with what an extra package adds to its runtime.
    pub(super) fn verify(&self, work: &Work<'_>) -> Result<String, Failure> {
        let (target, read, added) = match &work.job.step {
            Step::Verify {
                target,
                compiled,
                stamped,
                runtime,
            } => (target, (compiled, stamped, runtime), None),
            Step::VerifyExtra {
                target,
                compiled,
                stamped,
                runtime,
                added,
                ..
            } => (target, (compiled, stamped, runtime), Some(added)),
            _ => {
                return Err(Failure::bug(format!("`{}` checks no library", work.job.id)));
            }
        };
        self.verify_with(work, target, read, added)
    }

    fn verify_with(
        &self,
        work: &Work<'_>,
        target: &str,
        (compiled, stamped, runtime): (&JobRef, &JobRef, &JobRef),
        added: Option<&JobRef>,
    ) -> Result<String, Failure> {
        let target = self.target(target)?;
        let (compiled, stamped) = (work.output(compiled)?, work.output(stamped)?);
        let mut python = vec![work.output(runtime)?.join(layout::PYTHON_TREE)];
        if let Some(added) = added {
            python.push(work.output(added)?.join(layout::PYTHON_TREE));
        }
        let choice = Choice::of(self.targets, &target, &|name| {
            Lock::path(self.workspace, name).exists()
        });
        let book = Rulebook::load(&self.workspace.packaging())?;
        let providers = SystemLibraries::new(
            self.targets,
            &target,
            &choice,
            python
                .iter()
                .fold(FileSystem::new(&book.policy.loading), |files, tree| {
                    files.directory(layout::PYTHON_PREFIX, tree)
                })
                .remembering(&self.remembered),
            &|id| Ok(work.output_of(id)?.to_owned()),
        )?;
        step::verify(
            step::Input {
                book,
                providers,
                runtime: &python,
                library: &stamped.join(layout::STRIPPED),
                unstripped: &compiled.join(layout::UNSTRIPPED),
                target: &target,
                headers: extension::headers_of(compiled)?,
            },
            self.workspace,
            &work.out,
        )
    }
}
