//! An archive of a library in C++ without one of its protections.
//!
//! Compiling the whole library would take longer than all the rest. Only the files of ours that a change is about are
//! compiled again, by the library's own makefile, and put into a copy of its archive.

use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files;
use base::process::Program;
use base::sandbox::Sandbox;
use build::compile::cpp_library::{LIBRARIES, Library};

/// Where makefiles and sources of ours are, in the source tree.
pub const BOOSTING: &str = "packaging/boosting";

/// What a library is compiled from.
pub struct Inputs<'a> {
    /// The root file system with the compilers.
    pub builder: &'a Path,
    /// The output of the job that fetched the crate.
    pub fetched: &'a Path,
    /// The archive that the job made.
    pub archive: &'a Path,
    /// A source tree, of which [`BOOSTING`] is read.
    pub tree: &'a Path,
    /// Where the output of tools is kept.
    pub log: &'a Path,
}

/// The library that has a file of ours, and the name of the object that the makefile makes of it.
pub fn of_file(file: &str) -> Option<(&'static Library, String)> {
    let library = LIBRARIES
        .iter()
        .find(|library| library.recipe.contains(&file))?;
    let object = Path::new(file).with_extension("o");
    Some((library, object.file_name()?.to_str()?.to_owned()))
}

/// Makes the archive with another `object`, in a directory below `scratch`, which is returned.
pub fn make(
    library: &Library,
    object: &str,
    inputs: &Inputs<'_>,
    scratch: &Path,
) -> Result<PathBuf, Failure> {
    let (sources, made) = (scratch.join("sources"), scratch.join("made"));
    let recipe = scratch.join("recipe");
    for dir in [&sources, &made, &recipe] {
        files::remove_dir(dir)?;
        files::create_dir(dir)?;
    }
    for name in files::files_below(inputs.fetched)? {
        Program::new("tar")
            .args(["--extract", "--gzip", "--strip-components=1", "--file"])
            .arg(inputs.fetched.join(name))
            .arg("--directory")
            .arg(&sources)
            .run(inputs.log)?;
    }
    for file in library.recipe {
        let name = file.rsplit('/').next().unwrap_or(file);
        files::copy(&inputs.tree.join(file), &recipe.join(name))?;
    }
    files::copy(inputs.archive, &made.join(library.archive))?;
    let makefile = library
        .recipe
        .first()
        .and_then(|file| file.rsplit('/').next());
    Sandbox::new(inputs.builder)
        .tmpfs("/in")
        .tmpfs("/build")
        .read_only(&sources.join(library.sources), "/in/sources")
        .read_only(&recipe, "/in/recipe")
        .writable(&made, "/build/out")
        .script(&format!(
            "cd /in/sources && make --silent --file=/in/recipe/{} /build/out/{object}
             cd /build/out && ar rD {} {object} && rm {object}",
            makefile.unwrap_or_default(),
            library.archive
        ))
        .run(inputs.log)?;
    files::remove_dir(&sources)?;
    Ok(made)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Catches a protection whose file belongs to no archive, so that its test would run on the unchanged one.
    #[test]
    fn files_of_ours_belong_to_an_archive() {
        let (library, object) = of_file("packaging/boosting/xgboost/border.cc").unwrap();
        assert_eq!((library.name, object.as_str()), ("xgboost", "border.o"));
        assert!(of_file("extension/xgboost/src/lib.rs").is_none());
    }
}
