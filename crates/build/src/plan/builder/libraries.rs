//! The jobs that make the archives of libraries in C++.

use base::exit::Failure;
use targets::Architecture;
use targets::lock::crates::CrateLock;

use super::{Builder, on};
use crate::compile::cpp_library::Library;
use crate::plan::{Job, Step};

impl Builder<'_> {
    /// The archive of a library in C++. The job depends on that library's own crate and on no other crate of the lock.
    pub(super) fn library(
        &mut self,
        library: &Library,
        architecture: &Architecture,
    ) -> Result<Job, Failure> {
        let lock = CrateLock::load(&self.context.workspace.root.join("extension/Cargo.lock"))?;
        let locked = lock
            .named(library.crate_name)
            .and_then(|found| Some((found.file_name(), found.checksum?)));
        let fetch = self.add(
            library.fetch_job(),
            format!("fetch the sources of {}", library.name),
            Step::FetchLibrary {
                library: library.name.into(),
            },
            |inputs| {
                Ok(inputs.value(
                    format!("extension/Cargo.lock ({})", library.crate_name),
                    &locked,
                ))
            },
            &[],
        )?;
        let builder = self.compiler(architecture)?;
        self.add(
            architecture.qualify(&library.job()),
            format!("compile {}{}", library.name, on(architecture)),
            Step::CompileLibrary {
                library: library.name.into(),
                architecture: self.named(architecture),
                builder: builder.reference(),
                sources: fetch.reference(),
            },
            |mut inputs| {
                for file in library.recipe {
                    inputs = inputs.file(file)?;
                }
                Ok(inputs)
            },
            &[&builder, &fetch],
        )
    }
}
