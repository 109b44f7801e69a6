//! The Python runtime for a Python that no locked distribution has: another Python's pip unpacks the wheels, without byte
//! code. The package byte-compiles them with the system's own Python when it is installed.
//!
//! It also makes the runtime for a machine whose Python can't run on this one: this machine's Python unpacks and
//! byte-compiles it.

use std::path::Path;

use base::exit::Failure;
use base::sandbox::Sandbox;

use super::Place;
use crate::plan::Work;

/// Unpacks the wheels of a directory. `installer` is the Python of `rootfs`.
pub fn make(
    work: &Work<'_>,
    rootfs: &Path,
    installer: &str,
    wheels: &Path,
    place: &Place,
    platforms: &[String],
) -> Result<String, Failure> {
    work.progress("unpacking the wheels");
    install(work, rootfs, installer, wheels, place, platforms)?
        .script(&format!("{}{}", super::INSTALL, super::LIST))
        .run(&work.log)?;
    Ok(format!(
        "{} wheels for Python {}, without byte code",
        super::count(work)?,
        place.python
    ))
}

/// Unpacks the wheels for another machine, and byte-compiles them by `rootfs`'s Python, which is of the version that they
/// are for: byte code depends on that alone.
pub fn make_byte_compiled(
    work: &Work<'_>,
    rootfs: &Path,
    wheels: &Path,
    place: &Place,
    platforms: &[String],
) -> Result<String, Failure> {
    work.progress("unpacking and byte-compiling the wheels");
    install(work, rootfs, &place.python, wheels, place, platforms)?
        // Sets iterate in hash order, and byte code holds frozen sets.
        .env("PYTHONHASHSEED", "0")
        .env("BYTE_COMPILER", super::BYTE_COMPILER)
        .script(&format!(
            "{}{}{}",
            super::INSTALL,
            super::BYTE_COMPILE,
            super::LIST
        ))
        .run(&work.log)?;
    Ok(format!(
        "{} wheels for Python {} of another machine",
        super::count(work)?,
        place.python
    ))
}

/// The directory in which a Python of another version unpacks the wheels.
fn install(
    work: &Work<'_>,
    rootfs: &Path,
    installer: &str,
    wheels: &Path,
    place: &Place,
    platforms: &[String],
) -> Result<Sandbox, Failure> {
    // --ignore-requires-python: pip compares this field with the Python that runs pip. The lock has chosen wheels for the
    // right Python.
    let platforms: String = platforms
        .iter()
        .map(|platform| format!(" --platform {platform}"))
        .collect();
    let python = &place.python;
    Ok(super::sandbox(work, rootfs, wheels, place)?
        .env("PYTHON", format!("python{installer}"))
        .env(
            "OPTIONS",
            format!(
                "--no-compile --ignore-requires-python --only-binary :all: --implementation cp --python-version {python} \
                 --abi cp{} --abi abi3 --abi none{platforms}",
                python.replace('.', "")
            ),
        ))
}
