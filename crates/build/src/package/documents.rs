//! The documents of a package: changelog, copyright, manual page and lintian overrides; and the templates for them and for
//! the control files.

use std::path::Path;

use miette::Diagnostic;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::files;
use base::process::Program;
use debian::deb::build::{Package, Source};

use crate::layout;
use crate::package::copyright::{self, Part};
use crate::package::manual;
use crate::package::packages::Facts;

/// A template that can't be filled.
#[derive(Debug, Error, Diagnostic)]
#[error("packaging/deb/{name}: {message}")]
#[diagnostic(help("see docs/packages.md for what a template may use"))]
pub struct TemplateError {
    pub(super) name: String,
    pub(super) message: String,
}

impl ExitKind for TemplateError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Facts<'_> {
    /// changelog.Debian.gz and copyright, which every package carries, and the lintian overrides with their reasons.
    pub(super) fn add_documents(
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
        let changelog = compressed(&changelog, log)?;
        package.files.push((
            format!("{doc}/changelog.Debian.gz"),
            Source::Bytes(changelog),
        ));
        package.files.push((
            format!("{doc}/copyright"),
            Source::Bytes(copyright.into_bytes()),
        ));
        let overrides = files::read_text(&self.packaging.join("deb").join(overrides))?;
        if overrides.contains("@PACKAGE@") {
            let path = format!("/usr/share/lintian/overrides/{}", package.name);
            let text = overrides.replace("@PACKAGE@", &package.name);
            package.files.push((path, Source::Bytes(text.into_bytes())));
        }
        Ok(())
    }

    /// The machine-readable copyright file of some parts. `comment` has the lines of its introduction.
    pub(super) fn copyright(&self, comment: &[String], parts: &[Part]) -> Result<String, Failure> {
        let licences = copyright::licences(parts, &self.packaging)?;
        let maintainer = &self.release.maintainer;
        let values = context! {
            maintainer,
            year => self.year(),
            comment => Serde(comment),
            parts => Serde(parts),
            licences => Serde(&licences),
        };
        self.template("copyright.j2", values)
    }

    /// The manual page. Its name has the major: packages of several majors lie side by side.
    pub(super) fn add_manual(
        &self,
        package: &mut Package,
        major: u16,
        log: &Path,
    ) -> Result<(), Failure> {
        let extension = self.root.join("extension");
        let sql = format!("sql/pgml--{}.sql", self.release.version);
        let contents = manual::contents(
            &files::read_text(&extension.join(sql))?,
            &files::read_text(&extension.join("src/settings.rs"))?,
        )?;
        let text = self.template(
            "manual.j2",
            context! {
                major,
                upstream_version => &self.release.version,
                date => &self.release.date,
                functions => Serde(&contents.functions),
                relations => Serde(&contents.relations),
                settings => Serde(&contents.settings),
            },
        )?;
        let page = compressed(&text, log)?;
        let path = format!("/usr/share/man/man7/pgml-{major}.7.gz");
        package.files.push((path, Source::Bytes(page)));
        Ok(())
    }

    fn year(&self) -> u64 {
        // Whole years of 365.2425 days since 1970. It can be wrong for some hours around New Year, which does not matter for
        // a copyright year.
        1970 + self.epoch / 31_556_952
    }
}

/// As policy wants documents; -n: no name and no time in the header.
fn compressed(text: &str, log: &Path) -> Result<Vec<u8>, Failure> {
    let gzip = Program::new("gzip").args(["-9", "-n", "--stdout"]);
    Ok(gzip.pipe(text.as_bytes(), log)?)
}

/// Fills a template of `packaging/deb`.
pub(super) fn template(packaging: &Path, name: &str, values: Value) -> Result<String, Failure> {
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

/// A maintainer script of a package of wheels without byte code. `places` are the modules of one that adds to the runtime,
/// by their absolute paths; the runtime itself has all of its directory.
pub fn runtime_script(
    packaging: &Path,
    script: &str,
    python: &str,
    package: &str,
    places: Option<&[String]>,
) -> Result<String, Failure> {
    let whole = [layout::PYTHON_PREFIX.to_owned()];
    let places = places.unwrap_or(&whole);
    template(
        packaging,
        &format!("runtime.{script}.j2"),
        context! { python, package, places => Serde(places) },
    )
}

/// The modules and packages of a tree of wheels, by the absolute paths that they are installed at.
pub(super) fn places(tree: &Path) -> Result<Vec<String>, Failure> {
    let mut found = std::collections::BTreeSet::new();
    for file in files::files_below(tree)? {
        // python3.11/site-packages/NAME
        let names: Vec<_> = file
            .iter()
            .take(3)
            .map(|one| one.to_string_lossy())
            .collect();
        let module = names.last().is_some_and(|name| {
            name.ends_with(".py") || (file.iter().count() > 3 && !name.contains(".dist-info"))
        });
        if module {
            found.insert(format!("{}/{}", layout::PYTHON_PREFIX, names.join("/")));
        }
    }
    Ok(found.into_iter().collect())
}

/// The longest line of a Debian changelog.
const WIDTH: usize = 78;

/// The items of the newest version in CHANGELOG.md, indented and broken into lines as a Debian changelog wants them.
fn newest_changes(changelog: &str) -> String {
    let section = changelog.split("\n## ").nth(1).unwrap_or_default();
    let mut lines: Vec<String> = Vec::new();
    for line in section.lines().skip(1) {
        let item = line.strip_prefix("- ");
        if item.is_none() && !line.starts_with("  ") {
            continue;
        }
        if item.is_some() {
            lines.push("  *".into());
        }
        for word in item.unwrap_or(line).split_whitespace() {
            match lines.last_mut() {
                Some(last) if last.chars().count() + 1 + word.chars().count() <= WIDTH => {
                    last.push(' ');
                    last.push_str(word);
                }
                _ => lines.push(format!("    {word}")),
            }
        }
    }
    match lines.is_empty() {
        true => "  * See the source's CHANGELOG.".into(),
        false => lines.join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_of_the_copyright_are_apart() {
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
        let parts = copyright::openblas_and_std();
        let licences = copyright::licences(&parts, &packaging).unwrap();
        let values = context! {
            maintainer => "m", year => 2026, comment => Serde(["c"]),
            parts => Serde(&parts), licences => Serde(&licences),
        };
        let text = template(&packaging, "copyright.j2", values).unwrap();
        let begins: Vec<&str> = text
            .split("\n\n")
            .map(|paragraph| paragraph.split(':').next().unwrap_or_default())
            .collect();
        assert_eq!(
            begins,
            ["Format", "Files", "Files", "Files", "License", "License"]
        );
        assert!(!text.contains("\n\n\n"), "{text}");
    }

    #[test]
    fn the_newest_changes_become_a_debian_changelog() {
        let text = "# Changelog\n\n## 3.0.0\n\n- One thing\n  told in two lines.\n- Another.\n\n## 2.0\n- Old.\n";
        assert_eq!(
            newest_changes(text),
            "  * One thing told in two lines.\n  * Another."
        );
        let long = format!("# C\n\n## 1\n\n- {}\n", "abcd ".repeat(40));
        let lines = newest_changes(&long);
        assert!(lines.lines().count() == 3 && lines.lines().all(|line| line.len() <= WIDTH));
        assert_eq!(
            newest_changes("# Changelog\n"),
            "  * See the source's CHANGELOG."
        );
    }
}
