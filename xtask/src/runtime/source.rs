//! The Python runtime for a Python that no locked distribution has: the wheels unpacked, by another Python's pip, without
//! byte code. The package byte-compiles them with the system's own Python when it is installed.

use std::path::Path;

use super::{PREFIX, TREE, WHEELS};
use crate::execute::Work;
use crate::exit::Failure;
use crate::files;
use crate::sandbox::Sandbox;

/// Unpacks the wheels of a directory. `installer` is the Python of `rootfs`, `python` the one that the wheels are for.
pub fn make(
    work: &Work<'_>,
    rootfs: &Path,
    installer: &str,
    wheels: &Path,
    python: &str,
    platforms: &[String],
) -> Result<String, Failure> {
    let tree = work.out.join(TREE);
    files::create_dir(&tree)?;
    work.progress("unpacking the wheels");
    // --ignore-requires-python: pip compares that with the Python that it runs in. The lock chose for the right one.
    let platforms: String = platforms
        .iter()
        .map(|platform| format!(" --platform {platform}"))
        .collect();
    Sandbox::new(rootfs)
        .tmpfs("/in")
        .read_only(wheels, "/in/wheels")
        .writable(&tree, PREFIX)
        .tmpfs("/build")
        .writable(&work.out, "/build/out")
        .env("PYTHON", format!("python{installer}"))
        .env("SITE", format!("{PREFIX}/python{python}/site-packages"))
        .env(
            "OPTIONS",
            format!(
                "--no-compile --ignore-requires-python --only-binary :all: --implementation cp --python-version {python} \
                 --abi cp{} --abi abi3 --abi none{platforms}",
                python.replace('.', "")
            ),
        )
        .script(&format!("{}{}", super::INSTALL, super::LIST))
        .run(&work.log)?;
    let list = files::read_text(&work.out.join(WHEELS))?;
    Ok(format!(
        "{} wheels for Python {python}, without byte code",
        list.lines().count()
    ))
}
