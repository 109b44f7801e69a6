//! The steps that compress what several packages share.

use base::exit::Failure;
use debian::deb::blocks;
use jobs::job::JobRef;

use super::context::Steps;
use crate::layout::{DEBUG, ROOTFS, STRIPPED};
use crate::package::shared_runtime;
use crate::plan::Work;

impl Steps<'_> {
    /// The library and the debug symbols of a major.
    pub(super) fn compress(&self, work: &Work<'_>, compiled: &JobRef) -> Result<String, Failure> {
        let compiled = work.output(compiled)?;
        blocks::share(&compiled.join(STRIPPED), &compiled.join(DEBUG), &work.out)
    }

    /// Compresses the files of a Python runtime for the packages that share it.
    pub(super) fn compress_runtime(
        &self,
        work: &Work<'_>,
        runtime: &JobRef,
        builder: &JobRef,
    ) -> Result<String, Failure> {
        let builder = work.output(builder)?.join(ROOTFS);
        shared_runtime::compress(self.epoch, work.output(runtime)?, &builder, work)
    }
}
