//! The first compressed blocks, which all `pgml-python` packages with the same runtime share.

use std::path::Path;

use base::exit::Failure;
use debian::deb::blocks::{self, Cuts};
use debian::deb::build::Package;

use crate::layout::{PYTHON_PREFIX, PYTHON_TREE};
use crate::plan::Work;

/// Compresses what every `pgml-python` with the same runtime begins with: the runtime.
pub fn compress(
    epoch: u64,
    runtime: &Path,
    builder: &Path,
    work: &Work<'_>,
) -> Result<String, Failure> {
    let package = Package {
        name: "pgml-python".into(),
        version: "0".into(),
        architecture: "all".into(),
        // dpkg-deb wants these fields; nothing of them is kept.
        control: "Package: pgml-python\nVersion: 0\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x".into(),
        control_files: Vec::new(),
        files: Vec::new(),
        links: Vec::new(),
        trees: vec![(PYTHON_PREFIX.into(), runtime.join(PYTHON_TREE))],
        cuts: Cuts::Even,
    };
    let plain = package.build_uncompressed(builder, epoch, &work.scratch, &work.log)?;
    blocks::share_beginning(&plain, &work.out)
}
