//! The Python runtime of a distribution: the locked wheels in a tree of their own, byte-compiled by its own Python.

pub mod source;

use std::path::Path;

use base::exit::Failure;
use base::files;
use base::sandbox::Sandbox;

use crate::layout::{PYTHON_PREFIX, PYTHON_TREE, WHEELS};
use crate::plan::Work;

/// Where wheels are installed.
pub struct Place {
    /// The Python that they are for: `3.11`.
    python: String,
    /// The directory, as a user's system has it.
    site: String,
}

impl Place {
    /// The directory of a Python's runtime, or that of what adds to it: each has one of its own, because libraries import what
    /// they find (scikit-learn: pandas) although they need it for nothing.
    pub fn new(python: &str, extra: Option<&str>) -> Self {
        let packages = extra.unwrap_or("site");
        Self {
            python: python.to_owned(),
            site: format!("{PYTHON_PREFIX}/python{python}/{packages}-packages"),
        }
    }
}

/// Installs the wheels of a directory and byte-compiles them. `rootfs` must have their Python and pip.
pub fn make(
    work: &Work<'_>,
    rootfs: &Path,
    wheels: &Path,
    place: &Place,
) -> Result<String, Failure> {
    work.progress("installing and byte-compiling the wheels");
    let python = &place.python;
    sandbox(work, rootfs, wheels, place)?
        .env("PYTHON", format!("python{python}"))
        // Sets iterate in hash order, and byte code holds frozen sets.
        .env("PYTHONHASHSEED", "0")
        .env("BYTE_COMPILER", BYTE_COMPILER)
        .env("OPTIONS", "--no-compile")
        .script(&format!("{INSTALL}{BYTE_COMPILE}{LIST}"))
        .run(&work.log)?;
    Ok(format!("{} wheels for Python {python}", count(work)?))
}

/// The directory in which the wheels are installed for a Python; the variable `PYTHON` names the interpreter that installs
/// them.
fn sandbox(
    work: &Work<'_>,
    rootfs: &Path,
    wheels: &Path,
    place: &Place,
) -> Result<Sandbox, Failure> {
    let tree = work.out.join(PYTHON_TREE);
    files::create_dir(&tree)?;
    Ok(Sandbox::new(rootfs)
        .tmpfs("/in")
        .read_only(wheels, "/in/wheels")
        // At its final place, so that the paths in byte code and tracebacks are those of a user's system.
        .writable(&tree, PYTHON_PREFIX)
        .tmpfs("/build")
        .writable(&work.out, "/build/out")
        .env("SITE", &place.site))
}

/// How many wheels were installed.
fn count(work: &Work<'_>) -> Result<usize, Failure> {
    Ok(files::read_text(&work.out.join(WHEELS))?.lines().count())
}

/// pip unpacks the wheels (by file name, from no index, without resolving anything). Left out: scripts, which can't run from
/// there, what other programs look for elsewhere (`share`, `etc`), the packages' own test suites, and pip's note of when and
/// from where it installed.
const INSTALL: &str = r#"
"$PYTHON" -m pip --no-cache-dir --disable-pip-version-check install --quiet --no-index --no-deps $OPTIONS \
    --no-warn-script-location --target "$SITE" /in/wheels/*.whl
rm -rf "$SITE/bin" "$SITE/etc" "$SITE/share"
find "$SITE" -depth -type d \( -name tests -o -name test -o -name __pycache__ \) -exec rm -rf {} +
find "$SITE" \( -name REQUESTED -o -name INSTALLER -o -name direct_url.json -o -name '*.pyx' -o -name '*.a' \) -delete
find "$SITE" -type d -exec chmod 755 {} +
find "$SITE" -type f -exec chmod 644 {} +
"#;

/// The Python program that byte-compiles the files below a directory: the same bytes wherever the interpreter is of the same
/// version. `unchecked-hash` byte code carries no time stamp, and Python never tries to write it again.
pub const BYTE_COMPILER: &str = include_str!("../../../packaging/byte_compile.py");

/// Byte-compiles what was installed.
const BYTE_COMPILE: &str = r#"
"$PYTHON" -c "$BYTE_COMPILER" "$SITE" > /build/out/not-compiled.txt || {
    cat /build/out/not-compiled.txt; exit 1; }
rm /build/out/not-compiled.txt
"#;

/// What was installed, and under which licence each is.
const LIST: &str = r#"
"$PYTHON" - "$SITE" > /build/out/wheels.txt <<'PY'
import sys
from importlib.metadata import distributions
found = []
for dist in distributions(path=[sys.argv[1]]):
    meta = dist.metadata
    classifiers = [c.split(' :: ')[-1] for c in meta.get_all('Classifier') or () if c.startswith('License ::')]
    classifiers = [c for c in classifiers if c != 'OSI Approved']  # says of no licence which it is
    licence = meta.get('License-Expression') or '; '.join(classifiers)
    if not licence:
        licence = ((meta.get('License') or '').strip().splitlines() or ['see its metadata'])[0]
    found.append(f"{meta['Name']} {meta['Version']}|{licence}")
print('\n'.join(sorted(found)))
PY
"#;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use base::process::Program;

    use super::*;

    /// Has Python write down which process compiles.
    const NOTE: &str = r#"
import os, py_compile
compile_file = py_compile.compile
def noted(*args, **named):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"{os.getpid()}\n")
    return compile_file(*args, **named)
py_compile.compile = noted
"#;

    /// Catches a process that compiles several files: what the first leaves behind changes the bytes of the next, for few files
    /// and with few versions of Python, so that two machines' packages seldom differ.
    #[test]
    fn each_file_is_byte_compiled_in_a_process_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let [site, notes] = ["site", "notes"].map(|name| dir.path().join(name));
        std::fs::create_dir(&site).unwrap();
        std::fs::write(dir.path().join("sitecustomize.py"), NOTE).unwrap();
        for name in ["a", "b", "c", "d", "e"] {
            std::fs::write(site.join(name).with_extension("py"), "x = 'a b'\n").unwrap();
        }
        let python = |site: &Path| {
            let program = Program::new("python3")
                .args(["-c", BYTE_COMPILER])
                .arg(site);
            let program = program.env("PYTHONPATH", dir.path()).env("NOTES", &notes);
            program.attempt().unwrap()
        };
        assert!(python(&site).status.success());
        let noted = std::fs::read_to_string(&notes).unwrap();
        let processes: BTreeSet<&str> = noted.lines().collect();
        assert_eq!((noted.lines().count(), processes.len()), (5, 5));
        assert_eq!(
            std::fs::read_dir(site.join("__pycache__")).unwrap().count(),
            5
        );
        std::fs::write(site.join("f.py"), "x = = 1\n").unwrap();
        let output = python(&site);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!output.status.success() && said.contains("f.py"), "{said}");
    }
}
