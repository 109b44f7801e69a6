//! The step that writes the SBOM of a package.

use std::path::Path;

use base::exit::Failure;
use base::files;
use jobs::job::JobRef;
use targets::Target;
use targets::lock::crates::CrateLock;
use targets::lock::{WheelLock, WheelSet};

use super::context::Steps;
use crate::package::packages;
use crate::plan::{Parts, Work};
use crate::sbom::crates::CrateTree;
use crate::sbom::native;
use crate::sbom::package::{self, Deb};
use crate::{layout, sbom};

impl Steps<'_> {
    /// The SBOM of an extension's package, or of a runtime's where `of` is a distribution.
    pub(super) fn sbom(
        &self,
        work: &Work<'_>,
        of: &str,
        package: &JobRef,
        parts: &Parts,
    ) -> Result<String, Failure> {
        let packages = work.output(package)?;
        let mut debs = files::files_below(packages)?;
        // Debug symbols have no part of their own: they are the library's.
        debs.retain(|deb| !deb.to_string_lossy().contains("-dbgsym_"));
        let [deb] = &debs[..] else {
            return Err(files::FileError::at("find one package in", packages)(
                std::io::ErrorKind::NotFound.into(),
            )
            .into());
        };
        let deb = Deb {
            path: &packages.join(deb),
            created: sbom::time(self.epoch, &work.log)?,
        };
        let document = match parts {
            Parts::Extension { compiled, stamped } => {
                let (compiled, stamped) = (work.output(compiled)?, work.output(stamped)?);
                self.extension_sbom(&deb, &self.target(of)?, compiled, stamped)?
            }
            Parts::Runtime { runtime } => {
                let distribution = self.distribution(of)?;
                let set = WheelSet::Runtime {
                    python: distribution.python.clone(),
                    architecture: distribution.architecture.clone(),
                };
                let lock = WheelLock::open(self.workspace, self.targets, &set)?;
                Self::sbom_of_wheels(&deb, &lock, work.output(runtime)?)?
            }
            Parts::Extra { set, runtime } => {
                let lock = WheelLock::open(self.workspace, self.targets, &self.wheel_set(set)?)?;
                Self::sbom_of_wheels(&deb, &lock, work.output(runtime)?)?
            }
        };
        let name = deb.document();
        let size = document.len();
        files::write(&work.out.join(&name), document)?;
        Ok(format!("{name}, {} kB", size / 1000))
    }

    /// The SBOM of a package of wheels that were installed in `made`.
    fn sbom_of_wheels(deb: &Deb<'_>, lock: &WheelLock, made: &Path) -> Result<Vec<u8>, Failure> {
        let licences = made.join(layout::WHEELS);
        let tree = made.join(layout::PYTHON_TREE);
        package::runtime(deb, &lock.wheels, &licences, &tree, layout::PYTHON_PREFIX)
    }

    fn extension_sbom(
        &self,
        deb: &Deb<'_>,
        target: &Target,
        compiled: &Path,
        stamped: &Path,
    ) -> Result<Vec<u8>, Failure> {
        let crates = CrateLock::load(&self.workspace.root.join("extension/Cargo.lock"))?;
        let lock = self.openblas_lock(&target.distribution.architecture)?;
        let inside = package::Extension {
            library: &files::read(&stamped.join(layout::STRIPPED))?,
            place: &packages::library_path(target.major),
            crates: &CrateTree::from_json(&files::read(&compiled.join(layout::CRATE_TREE))?)?,
            lock: &crates,
            native: &native::load(&self.workspace.packaging(), &lock, &crates)?,
        };
        package::extension(deb, &inside)
    }
}
