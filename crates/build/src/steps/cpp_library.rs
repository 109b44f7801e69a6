//! The step that compiles a library in C++.

use base::exit::Failure;
use jobs::job::JobRef;
use targets::Architecture;

use super::context::Steps;
use crate::compile::cpp_library;
use crate::layout::ROOTFS;
use crate::plan::Work;

impl Steps<'_> {
    pub(super) fn compile_library(
        &self,
        work: &Work<'_>,
        library: &str,
        architecture: &Architecture,
        (builder, sources): (&JobRef, &JobRef),
    ) -> Result<String, Failure> {
        let library = cpp_library::library(library)?;
        let fetched = work.output(sources)?;
        let builder = work.output(builder)?.join(ROOTFS);
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
