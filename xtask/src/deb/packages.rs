//! The packages of a release: what is in each, and what its control file says.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use thiserror::Error;

use crate::compile;
use crate::deb::blocks::{self, Cuts, HEAD};
use crate::deb::build::{Package, Source};
use crate::deb::depends;
use crate::execute::Work;
use crate::exit::{Exit, ExitKind, Failure};
use crate::files;
use crate::process::Program;
use crate::release::Release;
use crate::runtime;
use crate::symbols::elf::Facts as ElfFacts;
use crate::targets::Distribution;
use crate::verification::NEEDS;

/// What every package of a distribution is made with.
pub struct Facts<'a> {
    /// Version and maintainer.
    pub release: &'a Release,
    /// The time of every file.
    pub epoch: u64,
    /// Whose package.
    pub distribution: &'a Distribution,
    /// `amd64`.
    pub architecture: &'a str,
    /// `packaging/`, with the templates in `deb/`.
    pub packaging: PathBuf,
    /// The source tree.
    pub root: &'a Path,
}

/// A template that can't be filled.
#[derive(Debug, Error, Diagnostic)]
#[error("packaging/deb/{name}: {message}")]
#[diagnostic(help("see docs/packages.md for what a template may use"))]
pub struct TemplateError {
    name: String,
    message: String,
}

impl ExitKind for TemplateError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// The library says nothing about which debug symbols are its own.
#[derive(Debug, Error, Diagnostic)]
#[error("the compiled library has no build-id, so that no debugger could find its symbols")]
#[diagnostic(help("the linker flag --build-id in xtask/src/compile.rs has to be there"))]
struct NoBuildId;

impl ExitKind for NoBuildId {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// What the packages of a target are made from.
pub struct ExtensionInputs<'a> {
    /// The Postgres major.
    pub major: u16,
    /// The stamped library.
    pub library: &'a Path,
    /// The output of the compile job.
    pub compiled: &'a Path,
    /// The output of the verify job.
    pub verified: &'a Path,
    /// The output of the compress job.
    pub compressed: &'a Path,
}

impl Facts<'_> {
    fn version(&self) -> String {
        self.release.debian_version(&self.distribution.id)
    }

    fn template(&self, name: &str, values: Value) -> Result<String, Failure> {
        template(&self.packaging, name, values)
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

    /// changelog.Debian.gz and copyright, which every package carries, and what lintian is told, with reasons.
    fn add_documents(
        &self,
        package: &mut Package,
        overrides: &str,
        copyright: String,
        log: &Path,
    ) -> Result<(), Failure> {
        let doc = format!("/usr/share/doc/{}", package.name);
        let date = Program::new("date")
            .args([
                "--utc".into(),
                "--rfc-email".into(),
                format!("--date=@{}", self.epoch),
            ])
            .output(log)?;
        let changes = files::read_text(&self.root.join("CHANGELOG.md"))?;
        let changelog = self.template(
            "changelog.j2",
            context! {
                version => self.version(),
                codename => &self.distribution.codename,
                maintainer => &self.release.maintainer,
                date => String::from_utf8_lossy(&date).trim(),
                changes => newest_changes(&changes),
            },
        )?;
        // -n: no name and no time in the header.
        let changelog = Program::new("gzip")
            .args(["-9", "-n", "--stdout"])
            .pipe(changelog.as_bytes(), log)?;
        package.files.push((
            format!("{doc}/changelog.Debian.gz"),
            Source::Bytes(changelog),
        ));
        package.files.push((
            format!("{doc}/copyright"),
            Source::Bytes(copyright.into_bytes()),
        ));
        let overrides = files::read_text(&self.packaging.join("deb").join(overrides))?;
        package.files.push((
            format!("/usr/share/lintian/overrides/{}", package.name),
            Source::Bytes(overrides.replace("@PACKAGE@", &package.name).into_bytes()),
        ));
        Ok(())
    }

    fn year(&self) -> u64 {
        // Whole years of 365.2425 days since 1970: exact but for hours around New Year, which a copyright year survives.
        1970 + self.epoch / 31_556_952
    }
}

/// Fills a template of `packaging/deb`.
fn template(packaging: &Path, name: &str, values: Value) -> Result<String, Failure> {
    let text = files::read_text(&packaging.join("deb").join(name))?;
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .keep_trailing_newline(true)
        .trim_blocks(true)
        .build();
    // INVARIANT: only delimiters can clash, and those are the defaults.
    environment.set_syntax(syntax.map_err(|error| TemplateError {
        name: name.into(),
        message: error.to_string(),
    })?);
    let rendered = environment.render_str(&text, values);
    rendered.map_err(|error| {
        TemplateError {
            name: name.into(),
            message: error.to_string(),
        }
        .into()
    })
}

/// A maintainer script of a `pgml-python` without byte code.
pub fn runtime_script(packaging: &Path, script: &str, python: &str) -> Result<String, Failure> {
    let values = context! { python, prefix => runtime::PREFIX };
    template(packaging, &format!("runtime.{script}.j2"), values)
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
    let needs: crate::verification::Needs =
        serde_json::from_slice(&files::read(&inputs.verified.join(NEEDS))?).map_err(|error| {
            TemplateError {
                name: NEEDS.into(),
                message: error.to_string(),
            }
        })?;
    let library_depends = depends::of_libraries(
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
        },
    )?;
    let mut package = facts.package(format!("postgresql-{major}-pgml"), control);
    let crates = files::read_text(&inputs.compiled.join(compile::CRATES))?;
    let copyright = facts.template(
        "copyright.j2",
        context! {
            maintainer => &facts.release.maintainer,
            year => facts.year(),
            major,
            openblas => true,
            comment => listed("The library contains OpenBLAS and these Rust crates, each under the licence named:", &crates),
        },
    )?;
    facts.add_documents(
        &mut package,
        "lintian-overrides-extension",
        copyright,
        &work.log,
    )?;
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
    let deb = package.build(builder, facts.epoch, inputs.compressed, work)?;

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
    let mut debug = facts.package(format!("postgresql-{major}-pgml-dbgsym"), control);
    // Its documents are those of the package that it depends on, as debhelper does it.
    let doc = format!("/usr/share/doc/{}", debug.name);
    debug.links.push((doc, package.name.clone()));
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
        .push((symbols, Source::File(inputs.compiled.join(compile::DEBUG))));
    let debug = debug.build(builder, facts.epoch, inputs.compressed, work)?;
    Ok(format!(
        "{} and its debug symbols, {} and {}",
        package.file_name(),
        megabytes(&deb)?,
        megabytes(&debug)?
    ))
}

/// Builds `pgml-python` from the output of the runtime job. Without `byte_code` in it the package makes its own with the
/// system's Python when it is installed, and removes it again.
pub fn runtime(
    facts: &Facts<'_>,
    runtime: &Path,
    byte_code: bool,
    compressed: &Path,
    builder: &Path,
    work: &Work<'_>,
) -> Result<String, Failure> {
    let tree = runtime.join(runtime::TREE);
    let control = facts.template(
        "runtime.control.j2",
        context! {
            version => facts.version(),
            architecture => facts.architecture,
            maintainer => &facts.release.maintainer,
            libpython => &facts.distribution.libpython,
            python => facts.distribution.python.to_string(),
            library_depends => runtime_depends(&tree)?,
            byte_code,
        },
    )?;
    let mut package = facts.package("pgml-python".into(), control);
    if !byte_code {
        for script in ["postinst", "prerm"] {
            let python = facts.distribution.python.to_string();
            let text = runtime_script(&facts.packaging, script, &python)?;
            package.control_files.push((script.into(), text, 0o755));
        }
    }
    let wheels = files::read_text(&runtime.join(runtime::WHEELS))?;
    let copyright = facts.template(
        "copyright.j2",
        context! {
            maintainer => &facts.release.maintainer,
            year => facts.year(),
            openblas => false,
            comment => listed(
                "The package contains these Python packages, each under the licence named; the full texts lie in their .dist-info directories:",
                &wheels,
            ),
        },
    )?;
    facts.add_documents(
        &mut package,
        "lintian-overrides-runtime",
        copyright,
        &work.log,
    )?;
    package.trees.push((runtime::PREFIX.into(), tree));
    let deb = package.build(builder, facts.epoch, compressed, work)?;
    Ok(format!("{}, {}", package.file_name(), megabytes(&deb)?))
}

/// Compresses what every `pgml-python` with the same runtime begins with: the runtime.
pub fn compress_runtime(
    epoch: u64,
    runtime: &Path,
    builder: &Path,
    work: &Work<'_>,
) -> Result<String, Failure> {
    let package = Package {
        name: "pgml-python".into(),
        version: "0".into(),
        architecture: "all".into(),
        // dpkg-deb wants these fields; nothing of them is kept.
        control: "Package: pgml-python\nVersion: 0\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x".into(),
        control_files: Vec::new(),
        files: Vec::new(),
        links: Vec::new(),
        trees: vec![(runtime::PREFIX.into(), runtime.join(runtime::TREE))],
        cuts: Cuts::Even,
    };
    let plain = package.build_uncompressed(builder, epoch, &work.scratch, &work.log)?;
    blocks::share_beginning(&plain, &work.out)
}

/// The relations of the wheels' libraries: what they need beyond what they bundle.
fn runtime_depends(tree: &Path) -> Result<Vec<String>, Failure> {
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
        let needs = crate::verification::Needs::of(&elf);
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
    Ok(depends::of_libraries(&needed, &newest, "")?)
}

/// `name version|licence` lines as a DEP-5 comment.
fn listed(head: &str, lines: &str) -> String {
    let entries = lines.lines().map(|line| match line.split_once('|') {
        Some((name, licence)) if !licence.trim().is_empty() => format!("  {name}: {licence}"),
        Some((name, _)) => format!("  {name}: MIT"),
        None => format!("  {line}"),
    });
    let text = entries.fold(format!(" {head}"), |text, entry| {
        format!("{text}\n{}", entry.trim_end())
    });
    text.lines()
        .map(|line| if line.trim().is_empty() { " ." } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}

/// The items of the newest version in CHANGELOG.md, indented as a Debian changelog wants them.
fn newest_changes(changelog: &str) -> String {
    let section = changelog.split("\n## ").nth(1).unwrap_or_default();
    let items: Vec<String> = section
        .lines()
        .skip(1)
        .filter(|line| line.starts_with("- ") || line.starts_with("  "))
        .map(|line| match line.strip_prefix("- ") {
            Some(item) => format!("  * {item}"),
            None => format!("    {}", line.trim_start()),
        })
        .collect();
    match items.is_empty() {
        true => "  * See the source's CHANGELOG.".into(),
        false => items.join("\n"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_changes_become_a_debian_changelog() {
        let text = "# Changelog\n\n## 3.0.0\n\n- One thing\n  told in two lines.\n- Another.\n\n## 2.0\n- Old.\n";
        assert_eq!(
            newest_changes(text),
            "  * One thing\n    told in two lines.\n  * Another."
        );
        assert_eq!(
            newest_changes("# Changelog\n"),
            "  * See the source's CHANGELOG."
        );
    }

    #[test]
    fn a_list_becomes_a_comment_without_blank_lines() {
        assert_eq!(
            listed("Head:", "a 1|MIT\nb 2|"),
            " Head:\n  a 1: MIT\n  b 2: MIT"
        );
    }
}
