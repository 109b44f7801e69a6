//! The step that compiles a library in C++.

use base::exit::Failure;
use targets::Architecture;

use super::context::Steps;
use crate::compile::cpp_library;
use crate::plan::Work;

impl Steps<'_> {
    pub(super) fn compile_library(
        &self,
        work: &Work<'_>,
        library: &str,
        architecture: &Architecture,
    ) -> Result<String, Failure> {
        let library = cpp_library::library(library)?;
        let fetched = work.output_of(&library.fetch_job())?;
        let builder = self.compiler(work, architecture)?;
        let root = &self.workspace.root;
        let wrapper = self.wrapper(&builder, work)?;
        library.compile(
            &builder,
            architecture,
            fetched,
            root,
            wrapper.as_ref(),
            work,
        )
    }
}
