//! The step that gives a library the soname of its libpython.

use base::exit::Failure;
use symcheck::stamp;

use super::context::{COMPILE, Steps};
use crate::layout::STRIPPED;
use crate::plan::Work;

impl Steps<'_> {
    pub(super) fn stamp(&self, work: &Work<'_>, target: &str) -> Result<String, Failure> {
        let target = self.target(target)?;
        let (_, compiled) = Self::need(work, COMPILE)?;
        let soname = target.distribution.libpython_soname();
        let library = STRIPPED;
        stamp::stamp_file(&compiled.join(library), &soname, &work.out.join(library))?;
        Ok(format!("pgml.so needs {soname}"))
    }
}
