//! `.buildinfo` files (deb-buildinfo(5)): for each package the digests of what was built, the packages of the system
//! that built it, and its environment, so that anybody's rebuilder can compare. They lie beside the packages in the
//! repository's pool.
//!
//! Like the package, a file is a function of source and locks: it has no date and no name of a machine.

mod read;

use std::path::Path;

use base::digest::Digest;
use base::exit::Failure;
use base::files;
use base::process::Program;
use base::workspace::Workspace;
use targets::lock::Lock;
use targets::{Builder, Targets};

pub use self::read::{BuildinfoError, Rebuild, is_buildinfo};
use crate::publish::{Artifact, Kind, Manifest};

/// The name of the source.
const SOURCE: &str = "pgml";
/// The role of the packages that byte-compile the Python runtime.
const PYTHON: &str = "python";

/// What the files are made from besides the packages.
pub struct Context<'a> {
    /// The source tree with its locks.
    pub workspace: &'a Workspace,
    /// The distributions.
    pub targets: &'a Targets,
    /// The file that receives the output of tools.
    pub log: &'a Path,
}

/// The packages of one file: those of one job, which have the version in common.
struct Built<'a> {
    packages: Vec<&'a Artifact>,
    /// The target or the distribution that they are for.
    of: &'a str,
}

/// Writes a file for each set of packages, and adds it to the artifacts.
pub fn publish(
    release: &Path,
    manifest: &mut Manifest,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let mut made = Vec::new();
    for built in built(manifest) {
        let Some(first) = built.packages.first() else {
            continue;
        };
        let name = file_name(&first.path).trim_end_matches(".deb").to_owned();
        let text = text(release, manifest, &built, context)?;
        let pool = pool_of(manifest, &first.path);
        let place = pool.unwrap_or_else(|| built.of.to_owned());
        let path = format!("{place}/{name}.buildinfo");
        files::write(&release.join(&path), &text)?;
        made.push(Artifact {
            path,
            kind: Kind::Buildinfo,
            target: Some(built.of.to_owned()),
            size: text.len() as u64,
            sha256: Digest::of(&text),
        });
    }
    manifest.artifacts.extend(made);
    manifest.artifacts.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(())
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The directory of a package in the repository's pool, where there is a repository.
fn pool_of(manifest: &Manifest, package: &str) -> Option<String> {
    let name = file_name(package);
    let in_pool = |artifact: &&Artifact| {
        artifact.kind == Kind::AptRepository && file_name(&artifact.path) == name
    };
    let found = manifest.artifacts.iter().find(in_pool)?;
    let (directory, _) = found.path.rsplit_once('/')?;
    Some(directory.to_owned())
}

fn built(manifest: &Manifest) -> Vec<Built<'_>> {
    let mut all: Vec<Built<'_>> = Vec::new();
    for kinds in [
        &[Kind::Extension, Kind::DebugSymbols][..],
        &[Kind::PythonRuntime],
    ] {
        for artifact in manifest
            .artifacts
            .iter()
            .filter(|a| kinds.contains(&a.kind))
        {
            let of = artifact.target.as_deref().unwrap_or_default();
            let same = |built: &&mut Built<'_>| {
                built.of == of && built.packages.iter().all(|one| kinds.contains(&one.kind))
            };
            match all.iter_mut().find(same) {
                Some(built) => built.packages.push(artifact),
                None => all.push(Built {
                    packages: vec![artifact],
                    of,
                }),
            }
        }
    }
    for built in &mut all {
        // The file has the name of the package, and not of its debug symbols.
        built
            .packages
            .sort_by_key(|artifact| artifact.kind == Kind::DebugSymbols);
    }
    all
}

/// The name, version and architecture in the name of a package's file.
fn parts(path: &str) -> Option<(&str, &str, &str)> {
    let stem = file_name(path).strip_suffix(".deb")?;
    let mut parts = stem.splitn(3, '_');
    Some((parts.next()?, parts.next()?, parts.next()?))
}

fn text(
    release: &Path,
    manifest: &Manifest,
    built: &Built<'_>,
    context: &Context<'_>,
) -> Result<String, Failure> {
    let named: Vec<(&str, &str, &str)> = built
        .packages
        .iter()
        .filter_map(|a| parts(&a.path))
        .collect();
    let (_, version, architecture) = *named
        .first()
        .ok_or_else(|| Failure::bug("a package whose file has no version in its name"))?;
    let binaries: Vec<&str> = named.iter().map(|(name, ..)| *name).collect();
    let (vendor, depends) = installed(manifest, built, context)?;
    let mut text = format!(
        "Format: 1.0\nSource: {SOURCE}\nBinary: {}\nArchitecture: {architecture}\nVersion: {version}\n",
        binaries.join(" ")
    );
    for (field, program) in [("Md5", "md5sum"), ("Sha1", "sha1sum")] {
        text.push_str(&format!("Checksums-{field}:\n"));
        for package in &built.packages {
            let path = release.join(&package.path);
            let output = Program::new(program).arg(&path).output(context.log)?;
            let output = String::from_utf8_lossy(&output).into_owned();
            let sum = output.split_whitespace().next().unwrap_or_default();
            let line = format!(" {sum} {} {}\n", package.size, file_name(&package.path));
            text.push_str(&line);
        }
    }
    text.push_str("Checksums-Sha256:\n");
    for package in &built.packages {
        let (digest, size) = (package.sha256, package.size);
        text.push_str(&format!(" {digest} {size} {}\n", file_name(&package.path)));
    }
    // Debian's dpkg-genbuildinfo names the architecture of the build, not that of the package.
    text.push_str(&format!(
        "Build-Origin: {vendor}\nBuild-Architecture: amd64\nInstalled-Build-Depends:\n{}\n",
        depends
            .iter()
            .map(|(name, version)| format!(" {name} (= {version})"))
            .collect::<Vec<_>>()
            .join(",\n")
    ));
    text.push_str(&format!(
        "Environment:\n LC_ALL=\"C.UTF-8\"\n SOURCE_DATE_EPOCH=\"{}\"\n TZ=\"UTC\"\n",
        manifest.epoch
    ));
    Ok(text)
}

/// The vendor of the system that built, and its packages with their versions.
fn installed(
    manifest: &Manifest,
    built: &Built<'_>,
    context: &Context<'_>,
) -> Result<(String, Vec<(String, String)>), Failure> {
    let runtime = built.packages.iter().any(|a| a.kind == Kind::PythonRuntime);
    let locked = |id: &str| Lock::path(context.workspace, id).exists();
    let (id, role) = match runtime {
        true if locked(built.of) => (built.of, PYTHON),
        true => (context.targets.wheels.installer.as_str(), PYTHON),
        false => (
            manifest.builder.as_deref().unwrap_or_default(),
            Builder::ROLE,
        ),
    };
    let distribution = context.targets.require_distribution(id)?;
    let lock = Lock::open(context.workspace, context.targets, distribution)?;
    let packages = lock.packages(role).into_iter();
    let mut packages: Vec<(String, String)> = packages
        .map(|package| (package.name.clone(), package.version.to_string()))
        .collect();
    packages.sort();
    let mut vendor = distribution.vendor.clone();
    if let Some(first) = vendor.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Ok((vendor, packages))
}

#[cfg(test)]
mod tests;
