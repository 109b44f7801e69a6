//! The step that gives a library the soname of its libpython.

use base::exit::Failure;
use jobs::job::JobRef;
use symcheck::stamp;

use super::context::Steps;
use crate::layout::STRIPPED;
use crate::plan::Work;

impl Steps<'_> {
    pub(super) fn stamp(
        &self,
        work: &Work<'_>,
        target: &str,
        compiled: &JobRef,
    ) -> Result<String, Failure> {
        let target = self.target(target)?;
        let compiled = work.output(compiled)?;
        let soname = target.distribution.libpython_soname();
        let library = STRIPPED;
        stamp::stamp_file(&compiled.join(library), &soname, &work.out.join(library))?;
        Ok(format!("pgml.so needs {soname}"))
    }
}
