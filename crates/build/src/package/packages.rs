//! The packages of a release: what is in each, and what its control file says.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use minijinja::{Value, context};
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::files;
use debian::deb::blocks::{Cuts, HEAD};
use debian::deb::build::{Package, Place, Source};
use symcheck::elf::Facts as ElfFacts;
use symcheck::needs::Needs;
use targets::release::Release;
use targets::{Distribution, Extra};

use crate::layout;
use crate::package::copyright::{self, Bundled};
use crate::package::depends::{self, Libraries};
use crate::package::documents;
use crate::plan::Work;

/// What every package of a distribution is made with.
pub struct Facts<'a> {
    /// The version and the maintainer of the release.
    pub release: &'a Release,
    /// The time of every file.
    pub epoch: u64,
    /// The distribution that the package is for.
    pub distribution: &'a Distribution,
    /// The architecture by Debian's name: `amd64`.
    pub architecture: &'a str,
    /// `packaging/`, with the templates in `deb/`.
    pub packaging: PathBuf,
    /// The root of the source tree, for the documentation files.
    pub root: &'a Path,
}

/// The library says nothing about which debug symbols are its own.
#[derive(Debug, Error, Diagnostic)]
#[error("the compiled library has no build-id, so that no debugger could find its symbols")]
#[diagnostic(help(
    "the linker flag --build-id in crates/build/src/compile/extension.rs has to be there"
))]
struct NoBuildId;

impl ExitKind for NoBuildId {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// What the packages of a target are made from.
pub struct ExtensionInputs<'a> {
    /// The major version of PostgreSQL, which is in the package's name.
    pub major: u16,
    /// The stamped and stripped library that the package installs.
    pub library: &'a Path,
    /// The output of the compile job.
    pub compiled: &'a Path,
    /// The crates' sources: `registry/src` of the crates' job.
    pub crates: &'a Path,
    /// The output of the verify job.
    pub verified: &'a Path,
    /// The output of the compress job.
    pub compressed: &'a Path,
}

/// What a package of wheels is made from.
pub struct RuntimeInputs<'a> {
    /// The output of the runtime job.
    pub runtime: &'a Path,
    /// Whether it has byte code. Without, the package makes its own with the system's Python when it is installed, and
    /// removes it again.
    pub byte_code: bool,
    /// What is compressed already.
    pub compressed: &'a Path,
    /// What the package adds to the runtime, where it is not the runtime itself.
    pub extra: Option<&'a Extra>,
}

impl Facts<'_> {
    pub(super) fn version(&self) -> String {
        self.release.debian_version(&self.distribution.release)
    }

    pub(super) fn template(&self, name: &str, values: Value) -> Result<String, Failure> {
        documents::template(&self.packaging, name, values)
    }

    fn package(&self, name: String, control: String) -> Package {
        Package {
            name,
            version: self.version(),
            architecture: self.architecture.to_owned(),
            control,
            control_files: Vec::new(),
            files: Vec::new(),
            links: Vec::new(),
            trees: Vec::new(),
            cuts: Cuts::Even,
        }
    }
}

/// The name of the extension's package for a major.
pub fn extension_name(major: u16) -> String {
    format!("postgresql-{major}-pgml")
}

/// Where a major's server looks for the library.
pub fn library_path(major: u16) -> String {
    format!("/usr/lib/postgresql/{major}/lib/pgml.so")
}

/// Builds `postgresql-N-pgml` and `postgresql-N-pgml-dbgsym`.
pub fn extension(
    facts: &Facts<'_>,
    inputs: &ExtensionInputs<'_>,
    builder: &Path,
    work: &Work<'_>,
) -> Result<String, Failure> {
    let major = inputs.major;
    let needs = Needs::load(inputs.verified)?;
    let library_depends = Libraries::load(&facts.packaging)?.depends(
        &needs.libraries,
        &needs.newest,
        &facts.distribution.libpython,
    )?;
    let control = facts.template(
        "extension.control.j2",
        context! {
            major,
            version => facts.version(),
            upstream_version => &facts.release.version,
            architecture => facts.architecture,
            maintainer => &facts.release.maintainer,
            library_depends,
            server => needs.server,
        },
    )?;
    let mut package = facts.package(extension_name(major), control);
    let copyright = library_copyright(facts, inputs)?;
    facts.add_documents(
        &mut package,
        "lintian-overrides-extension",
        copyright,
        &work.log,
    )?;
    facts.add_manual(&mut package, major, &work.log)?;
    add_library(&mut package, facts, inputs)?;
    let deb = package.build(builder, facts.epoch, inputs.compressed, &place(work))?;
    let debug = debug_symbols(facts, inputs, &package.name)?;
    let debug_deb = debug.build(builder, facts.epoch, inputs.compressed, &place(work))?;
    Ok(format!(
        "{} and its debug symbols, {} and {}",
        package.file_name(),
        megabytes(&deb)?,
        megabytes(&debug_deb)?
    ))
}

/// The copyright file of a library that has other projects' code in it.
fn library_copyright(facts: &Facts<'_>, inputs: &ExtensionInputs<'_>) -> Result<String, Failure> {
    let major = inputs.major;
    let crates = files::read_text(&inputs.compiled.join(layout::CRATES))?;
    let mut parts = copyright::openblas_and_std();
    parts.extend(copyright::boosting());
    parts.extend(copyright::crates(&crates, inputs.crates)?);
    let library = format!("usr/lib/postgresql/{major}/lib/pgml.so");
    let comment = [
        format!("{library} contains OpenBLAS, LightGBM, XGBoost, Rust's"),
        "standard library and the Rust crates named below. Their paths are those of".into(),
        "the sources that it was built from.".into(),
    ];
    facts.copyright(&comment, &parts)
}

/// Adds the library, the control file and the SQL of every edition.
fn add_library(
    package: &mut Package,
    facts: &Facts<'_>,
    inputs: &ExtensionInputs<'_>,
) -> Result<(), Failure> {
    let major = inputs.major;
    let lib = library_path(major);
    // Cut behind the stamp: what follows is the same on every distribution.
    package.cuts = Cuts::Around {
        path: lib.clone(),
        head: HEAD,
    };
    package
        .files
        .push((lib, Source::File(inputs.library.to_owned())));
    let extension = facts.root.join("extension");
    let share = format!("/usr/share/postgresql/{major}/extension");
    package.files.push((
        format!("{share}/pgml.control"),
        Source::File(extension.join("pgml.control")),
    ));
    for sql in files::files_below(&extension.join("sql"))? {
        let path = format!("{share}/{}", sql.display());
        package
            .files
            .push((path, Source::File(extension.join("sql").join(&sql))));
    }
    Ok(())
}

/// The package with the debug symbols of the package `of`.
fn debug_symbols(
    facts: &Facts<'_>,
    inputs: &ExtensionInputs<'_>,
    of: &str,
) -> Result<Package, Failure> {
    let major = inputs.major;
    let build_id = build_id(&files::read(inputs.library)?).ok_or(NoBuildId)?;
    let control = facts.template(
        "dbgsym.control.j2",
        context! {
            major,
            version => facts.version(),
            architecture => facts.architecture,
            maintainer => &facts.release.maintainer,
            build_id => &build_id,
        },
    )?;
    let mut debug = facts.package(format!("{}-dbgsym", extension_name(major)), control);
    // Its documents are those of the package that it depends on, as debhelper does it.
    let doc = format!("/usr/share/doc/{}", debug.name);
    debug.links.push((doc, of.to_owned()));
    let symbols = format!(
        "/usr/lib/debug/.build-id/{}/{}.debug",
        &build_id[..2],
        &build_id[2..]
    );
    debug.cuts = Cuts::Around {
        path: symbols.clone(),
        head: 0,
    };
    debug
        .files
        .push((symbols, Source::File(inputs.compiled.join(layout::DEBUG))));
    Ok(debug)
}

/// Builds `pgml-python`, or a package that adds to it, from the output of the runtime job.
pub fn runtime(
    facts: &Facts<'_>,
    inputs: &RuntimeInputs<'_>,
    builder: &Path,
    work: &Work<'_>,
) -> Result<String, Failure> {
    let RuntimeInputs {
        runtime,
        byte_code,
        compressed,
        extra,
    } = *inputs;
    let tree = runtime.join(layout::PYTHON_TREE);
    let python = facts.distribution.python.to_string();
    let template = extra.map_or("runtime.control.j2", |_| "extra.control.j2");
    let control = facts.template(
        template,
        context! {
            version => facts.version(),
            architecture => facts.architecture,
            maintainer => &facts.release.maintainer,
            libpython => &facts.distribution.libpython,
            python => &python,
            name => extra.map(|extra| extra.package()),
            title => extra.map(|extra| &extra.title),
            library_depends => runtime_depends(&Libraries::load(&facts.packaging)?, &tree)?,
            byte_code,
        },
    )?;
    let name = extra.map_or("pgml-python".into(), Extra::package);
    let mut package = facts.package(name, control);
    if !byte_code {
        let places = extra.map(|_| documents::places(&tree)).transpose()?;
        for script in ["postinst", "prerm"] {
            let text = documents::runtime_script(
                &facts.packaging,
                script,
                &python,
                &package.name,
                places.as_deref(),
            )?;
            package.control_files.push((script.into(), text, 0o755));
        }
    }
    let wheels = files::read_text(&runtime.join(layout::WHEELS))?;
    let parts = copyright::wheels(
        &Bundled::load(&facts.packaging)?,
        &wheels,
        &tree,
        layout::PYTHON_PREFIX,
    )?;
    let comment = [
        "Everything but this package's documents is what Python wheels contain,".into(),
        "byte-compiled.".into(),
    ];
    let copyright = facts.copyright(&comment, &parts)?;
    let overrides = extra.map_or("lintian-overrides-runtime", |_| "lintian-overrides-extra");
    facts.add_documents(&mut package, overrides, copyright, &work.log)?;
    package.trees.push((layout::PYTHON_PREFIX.into(), tree));
    let deb = package.build(builder, facts.epoch, compressed, &place(work))?;
    Ok(format!("{}, {}", package.file_name(), megabytes(&deb)?))
}

/// The relations of the wheels' libraries: what they need beyond what they bundle.
fn runtime_depends(libraries: &Libraries, tree: &Path) -> Result<Vec<String>, Failure> {
    let all = files::files_below(tree)?;
    let bundled: Vec<&str> = all
        .iter()
        .filter_map(|path| path.file_name()?.to_str())
        .collect();
    let mut needed = Vec::new();
    let mut newest = std::collections::BTreeMap::new();
    for path in &all {
        if !path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains(".so"))
        {
            continue;
        }
        let bytes = files::read(&tree.join(path))?;
        let Ok(elf) = ElfFacts::read(&bytes) else {
            continue;
        };
        let needs = Needs::of(&elf);
        needed.extend(
            needs
                .libraries
                .into_iter()
                .filter(|soname| !bundled.contains(&soname.as_str())),
        );
        depends::keep_newest(&mut newest, needs.newest);
    }
    needed.sort();
    needed.dedup();
    Ok(libraries.depends(&needed, &newest, "")?)
}

/// The build-id of a library, in hexadecimal.
fn build_id(library: &[u8]) -> Option<String> {
    use object::Object;
    let file = object::File::parse(library).ok()?;
    let id = file.build_id().ok()??;
    Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn megabytes(path: &Path) -> Result<String, Failure> {
    let size = path
        .metadata()
        .map_err(files::FileError::at("read", path))?
        .len();
    Ok(format!("{:.1} MB", size as f64 / 1e6))
}

/// Where a job builds its package.
fn place<'a>(work: &'a Work<'_>) -> Place<'a> {
    Place {
        out: &work.out,
        scratch: &work.scratch,
        log: &work.log,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn depends(server: Option<&str>) -> String {
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
        let values = context! {
            major => 15,
            version => "1-1",
            upstream_version => "1",
            architecture => "amd64",
            maintainer => "x <x@example.org>",
            library_depends => ["libc6 (>= 2.30)"],
            server,
        };
        let control = documents::template(&packaging, "extension.control.j2", values).unwrap();
        let line = control.lines().find(|line| line.starts_with("Depends:"));
        line.unwrap().to_owned()
    }

    /// Catches a package that apt installs beside a server which can't load its library.
    #[test]
    fn the_servers_release_is_asked_for() {
        let with = depends(Some("15.20"));
        assert_eq!(with, "Depends: postgresql-15 (>= 15.20), libc6 (>= 2.30)");
        let without = depends(None);
        assert_eq!(without, "Depends: postgresql-15, libc6 (>= 2.30)");
    }
}
