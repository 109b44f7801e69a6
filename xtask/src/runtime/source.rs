//! The Python runtime for a Python that no locked distribution has: the wheels unpacked, by another Python's pip, without
//! byte code. The package byte-compiles them with the system's own Python when it is installed.

use std::path::Path;

use crate::execute::Work;
use crate::exit::Failure;

/// Unpacks the wheels of a directory. `installer` is the Python of `rootfs`, `python` the one that the wheels are for.
pub fn make(
    work: &Work<'_>,
    rootfs: &Path,
    installer: &str,
    wheels: &Path,
    python: &str,
    platforms: &[String],
) -> Result<String, Failure> {
    work.progress("unpacking the wheels");
    // --ignore-requires-python: pip compares that with the Python that it runs in. The lock chose for the right one.
    let platforms: String = platforms
        .iter()
        .map(|platform| format!(" --platform {platform}"))
        .collect();
    super::sandbox(work, rootfs, wheels, python)?
        .env("PYTHON", format!("python{installer}"))
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
    Ok(format!(
        "{} wheels for Python {python}, without byte code",
        super::count(work)?
    ))
}
