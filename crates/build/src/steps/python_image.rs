//! The step that makes the image with a Python runtime, to be mounted beside the extension's.

use base::exit::Failure;
use base::files;
use targets::lock::Lock;

use super::context::Steps;
use super::image_runtime::{deb_of, python_rootfs};
use super::images::Making;
use crate::oci::image::Part;
use crate::oci::{Flavour, python_volume};
use crate::plan::{Work, ids};

/// Makes the image with the distribution's interpreter and the runtime's packages.
pub(super) fn python_image(
    steps: &Steps<'_>,
    work: &Work<'_>,
    target: &str,
) -> Result<String, Failure> {
    let target = &steps.target(target)?;
    let making = Making::new(steps, work, target)?;
    let distribution = &target.distribution;
    let mut debs = Vec::new();
    for role in ["base", "image"] {
        let dir = work.output_of(&ids::fetch(&distribution.id, role))?;
        debs.extend(
            files::files_below(dir)?
                .into_iter()
                .map(|deb| dir.join(deb)),
        );
    }
    let interpreter = python_volume::interpreter(
        &python_rootfs(steps, work, distribution)?,
        &debs,
        &distribution.python.to_string(),
        &distribution.architecture.gnu,
        &work.scratch.join("interpreter"),
        &work.log,
    )?;
    let deb = deb_of(work, &ids::package(&distribution.id), "pgml-python")?;
    let file = work.scratch.join("python.tar.gz");
    let layer = python_volume::write_layer(&interpreter, &deb, steps.epoch, &file)?;
    let lock = Lock::open(steps.workspace, steps.targets, distribution)?;
    let packages = lock.packages_of(&["base", "image"]);
    let packages: Vec<_> = packages
        .into_iter()
        .filter(|package| interpreter.packages.contains(&package.name))
        .collect();
    let sbom = making.sbom(&packages, None, Some(&deb))?;
    let part = Part {
        layer,
        file,
        made_by: format!(
            "Python {} of {}, and the files of pgml-python {}",
            distribution.python,
            distribution.title,
            making.version()
        ),
    };
    let size = making.write(Flavour::Python, vec![part], None, sbom)?;
    Ok(format!("{:.0} MB compressed", size as f64 / 1e6))
}
