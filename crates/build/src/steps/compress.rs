//! The steps that compress what several packages share.

use base::exit::Failure;
use debian::deb::blocks;

use super::context::{COMPILE, Steps};
use crate::layout::{DEBUG, STRIPPED};
use crate::package::shared_runtime;
use crate::plan::Work;

impl Steps<'_> {
    /// The library and the debug symbols of a major.
    pub(super) fn compress(&self, work: &Work<'_>) -> Result<String, Failure> {
        let (_, compiled) = Self::need(work, COMPILE)?;
        blocks::share(&compiled.join(STRIPPED), &compiled.join(DEBUG), &work.out)
    }

    /// A Python runtime.
    pub(super) fn compress_runtime(&self, work: &Work<'_>) -> Result<String, Failure> {
        let (_, runtime) = Self::need(work, "runtime:")?;
        shared_runtime::compress(self.epoch, runtime, &self.builder(work)?, work)
    }
}
