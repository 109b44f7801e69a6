//! Signatures of the files of a release, which `cosign verify-blob` verifies: `X.sig` for each file `X`, in a
//! directory of their own, because the release itself is what its statement says.

use std::fs::File;
use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use base::exit::Failure;
use base::files::{self, FileError};
use release::publish::{Kind, Manifest};

use super::key::Key;

/// The files beside the artifacts that are signed too: they name all others by their digests.
const BESIDE: [&str; 2] = ["SHA256SUMS", release::publish::MANIFEST];

/// What is signed: whatever a user downloads by itself. The repository has its own signature.
fn is_signed(kind: Kind) -> bool {
    !matches!(kind, Kind::AptRepository | Kind::Verification)
}

/// Signs the files of a release into a directory; returns how many.
pub fn sign(release: &Path, manifest: &Manifest, key: &Key, to: &Path) -> Result<usize, Failure> {
    let artifacts = manifest.artifacts.iter();
    let artifacts = artifacts.filter(|artifact| is_signed(artifact.kind));
    let names = artifacts
        .map(|artifact| artifact.path.as_str())
        .chain(BESIDE);
    let mut signed = 0;
    for name in names {
        let path = release.join(name);
        let mut hasher = Sha256::new();
        File::open(&path)
            .and_then(|mut file| io::copy(&mut file, &mut hasher))
            .map_err(FileError::at("read", &path))?;
        files::write_atomically(&to.join(format!("{name}.sig")), key.sign(hasher))?;
        signed += 1;
    }
    Ok(signed)
}
