//! The machine-readable `copyright` of a package, made from what is really inside it: the crates that were linked, the
//! wheels that were installed and the libraries that they bundle. A licence without a text, or a bundled library that nobody
//! has looked at, ends the run: it must not be shipped by accident.

pub mod expression;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use base::exit::{Exit, ExitKind, Failure};
use base::files;

/// Why there is no copyright file.
#[derive(Debug, Error, Diagnostic)]
pub enum CopyrightError {
    /// No text of a licence.
    #[error("`{part}` is under `{licence}`, whose text is not in packaging/deb/licences")]
    #[diagnostic(help(
        "read it; where it may be shipped, put its text there, and its name into crates/build/src/package/copyright/expression.rs"
    ))]
    UnknownLicence {
        /// The crate or wheel.
        part: String,
        /// The licence, as the crate's or wheel's metadata spell it.
        licence: String,
    },
    /// A library that a wheel brings along.
    #[error("the wheels bundle `{0}`, whose licence is not known")]
    #[diagnostic(help("find it out, and add the library to packaging/deb/bundled.toml"))]
    UnknownLibrary(String),
    /// The list of bundled libraries can't be used.
    #[error("packaging/deb/bundled.toml: {0}")]
    #[diagnostic(help("correct the file; `git checkout` brings the committed one back"))]
    Bundled(Box<toml::de::Error>),
    /// The sources of a crate are gone.
    #[error("the sources of `{0}` are not among the fetched crates")]
    #[diagnostic(help("remove the fetched crates (.cache/cargo), then run again"))]
    NoSources(String),
}

impl ExitKind for CopyrightError {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// Some files with one licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Patterns, as the format has them.
    pub files: Vec<String>,
    /// Who holds the rights.
    pub copyright: Vec<String>,
    /// The licence that applies here, by its short name.
    pub licence: String,
    /// What else there is to say.
    pub comment: Option<String>,
}

/// The text of a licence.
#[derive(Debug, Serialize)]
pub struct Licence {
    name: String,
    text: String,
}

/// What every library contains besides crates.
pub fn openblas_and_std() -> Vec<Part> {
    vec![
        Part {
            files: vec!["openblas/*".into()],
            copyright: vec![
                "2011-2022 The OpenBLAS Project".into(),
                "2009-2010 The University of Texas at Austin".into(),
            ],
            licence: "BSD-3-Clause".into(),
            comment: None,
        },
        Part {
            files: vec!["rust/library/*".into()],
            copyright: vec!["The Rust Project Developers".into()],
            licence: "Expat".into(),
            comment: Some("offered under MIT OR Apache-2.0".into()),
        },
    ]
}

/// LightGBM, the headers that it is compiled with, XGBoost, and the compiler's own library, as packaging/native.toml has them.
pub fn boosting() -> Vec<Part> {
    let part = |files: &str, copyright: &str, licence: &str, comment: Option<&str>| Part {
        files: vec![files.into()],
        copyright: vec![copyright.into()],
        licence: licence.into(),
        comment: comment.map(Into::into),
    };
    let apache = "Apache-2.0";
    vec![
        part(
            "lightgbm/*",
            "Microsoft Corporation, The LightGBM developers",
            "Expat",
            None,
        ),
        part(
            "lightgbm/external_libs/eigen/*",
            "The Eigen developers",
            "MPL-2.0",
            None,
        ),
        part(
            "lightgbm/external_libs/fmt/*",
            "2012-2024 Victor Zverovich and {fmt} contributors",
            "Expat",
            None,
        ),
        part(
            "lightgbm/external_libs/fast_double_parser/*",
            "Daniel Lemire",
            apache,
            Some("offered under Apache-2.0 OR BSL-1.0"),
        ),
        part(
            "lightgbm/external_libs/nanoarrow/*",
            "The Apache Software Foundation",
            apache,
            None,
        ),
        part("xgboost/*", "2014-2026 XGBoost Contributors", apache, None),
        part(
            "xgboost/dmlc-core/*",
            "2015-2019 The dmlc-core developers",
            apache,
            None,
        ),
        part(
            "xgboost/include/xgboost/span.h",
            "2015 Microsoft Corporation, XGBoost Contributors",
            "Expat",
            None,
        ),
        part(
            "xgboost/src/common/charconv.cc",
            "2018 Ulf Adams, XGBoost Contributors",
            apache,
            Some("Ryu, offered under Apache-2.0 OR BSL-1.0"),
        ),
        part(
            "libstdc++/*",
            "Free Software Foundation, Inc.",
            "GPL-3+-with-GCC-exception",
            None,
        ),
    ]
}

/// The crates of a list (`name version|licence`, a line each), whose sources lie below `sources`. Ours are left out: the
/// first paragraph is theirs.
pub fn crates(list: &str, sources: &Path) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    for line in list.lines().filter(|line| !line.starts_with("pgml")) {
        let (name, offered) = line.split_once('|').unwrap_or((line, ""));
        let name = name.replace(' ', "-");
        let dir = crate_dir(sources, &name)?;
        let mut holders = BTreeSet::new();
        for file in files::files_below(&dir)? {
            let here = file.components().count() == 1 && is_licence(&file);
            if here {
                let text = String::from_utf8_lossy(&files::read(&dir.join(&file))?).into_owned();
                holders.extend(statements(&text));
            }
        }
        if holders.is_empty() {
            holders.extend(authors(&files::read_text(&dir.join("Cargo.toml"))?));
        }
        if holders.is_empty() {
            holders.insert(format!("The authors of {name}"));
        }
        parts.push(Part {
            files: vec![format!("crates/{name}/*")],
            copyright: holders.into_iter().collect(),
            licence: chosen(&name, offered)?,
            comment: offered_comment(offered),
        });
    }
    Ok(parts)
}

/// The wheels of a list in the same form, installed in `site` (`python3.11/site-packages`, below `tree`).
pub fn wheels(
    known: &Bundled,
    list: &str,
    tree: &Path,
    prefix: &str,
) -> Result<Vec<Part>, Failure> {
    let all = files::files_below(tree)?;
    let mut parts = Vec::new();
    for line in list.lines() {
        let (name, offered) = line.split_once('|').unwrap_or((line, ""));
        let about = format!("{}.dist-info", name.replace('-', "_").replace(' ', "-"));
        let (mut holders, mut tops) = (BTreeSet::new(), BTreeSet::new());
        for path in all.iter().filter(|path| {
            path.components().any(|part| {
                part.as_os_str()
                    .to_string_lossy()
                    .eq_ignore_ascii_case(&about)
            })
        }) {
            if is_licence(path) {
                let text = String::from_utf8_lossy(&files::read(&tree.join(path))?).into_owned();
                holders.extend(statements(&text));
            }
            if path.file_name().is_some_and(|name| name == "RECORD") {
                let record = files::read_text(&tree.join(path))?;
                tops.extend(top_level(&record, path, &all, prefix));
            }
        }
        if holders.is_empty() {
            holders.insert(format!("The authors of {name}"));
        }
        parts.push(Part {
            files: tops.into_iter().collect(),
            copyright: holders.into_iter().collect(),
            licence: chosen(name, offered)?,
            comment: Some(format!(
                "{name}; the full texts lie in its .dist-info directory"
            )),
        });
    }
    parts.extend(bundled(known, &all, prefix)?);
    Ok(parts)
}

/// The texts of all licences that parts and the first paragraph name.
pub fn licences(parts: &[Part], packaging: &Path) -> Result<Vec<Licence>, Failure> {
    let mut names = BTreeMap::from([("Expat".to_owned(), "pgml".to_owned())]);
    for part in parts {
        for name in part.licence.split(" and ") {
            let of = part.files.first().cloned().unwrap_or_default();
            names.entry(name.to_owned()).or_insert(of);
        }
    }
    let text = |(name, part): (String, String)| -> Result<Licence, Failure> {
        let path = packaging.join("deb/licences").join(&name);
        if !path.exists() {
            let licence = name;
            return Err(CopyrightError::UnknownLicence { part, licence }.into());
        }
        let text = files::read_text(&path)?;
        let lines = text.lines().map(|line| match line.trim() {
            "" => " .".to_owned(),
            _ => format!(" {line}"),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        Ok(Licence { name, text })
    };
    names.into_iter().map(text).collect()
}

fn chosen(part: &str, offered: &str) -> Result<String, CopyrightError> {
    expression::choose(offered).ok_or_else(|| CopyrightError::UnknownLicence {
        part: part.to_owned(),
        licence: offered.to_owned(),
    })
}

fn offered_comment(offered: &str) -> Option<String> {
    let choice = offered.contains(" OR ") || offered.contains('/');
    choice.then(|| format!("offered under {}", offered.replace('/', " OR ")))
}

/// `registry/src/<registry>/<name>`: the registry's own name depends on where crates come from.
fn crate_dir(sources: &Path, name: &str) -> Result<PathBuf, Failure> {
    let registries = std::fs::read_dir(sources).map_err(files::FileError::at("read", sources))?;
    let found = registries
        .flatten()
        .map(|registry| registry.path().join(name))
        .find(|dir| dir.is_dir());
    Ok(found.ok_or_else(|| CopyrightError::NoSources(name.to_owned()))?)
}

fn is_licence(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_uppercase();
    ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"]
        .iter()
        .any(|word| name.contains(word))
}

/// The lines of a licence file that say who holds the rights, without the word.
fn statements(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| {
        let line = line.trim_start_matches(['#', '*', '/', ' ', '\t']).trim();
        let rest = line.strip_prefix("Copyright")?.trim_start();
        let rest = ["(c)", "(C)", "©", ":", "&copy;"]
            .iter()
            .fold(rest, |rest, sign| {
                rest.trim_start_matches(sign).trim_start()
            });
        let dated = rest.starts_with(|first: char| first.is_ascii_digit());
        let holder = dated || line.contains("(c)") || line.contains("(C)") || line.contains('©');
        let form = rest.contains(['[', '{', '<']) && !rest.contains('@');
        let holder = holder && rest.contains(char::is_alphabetic);
        (holder && !form && !rest.is_empty()).then(|| rest.trim_end_matches([',', '.']).to_owned())
    });
    lines.collect()
}

/// `authors` of a crate's Cargo.toml.
fn authors(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let authors = manifest
        .get("package")
        .and_then(|package| package.get("authors")?.as_array());
    let names = authors.into_iter().flatten();
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

/// The first parts of the paths that a wheel installed, as far as they are still there.
fn top_level(record: &str, record_path: &Path, all: &[PathBuf], prefix: &str) -> BTreeSet<String> {
    let site = record_path.ancestors().nth(2).unwrap_or(Path::new(""));
    let there: BTreeSet<String> = all
        .iter()
        .filter_map(|path| path.strip_prefix(site).ok())
        .filter_map(|path| {
            Some(
                path.components()
                    .next()?
                    .as_os_str()
                    .to_string_lossy()
                    .into_owned(),
            )
        })
        .collect();
    let names = record
        .lines()
        .filter_map(|line| line.split([',', '/']).next());
    names
        .filter(|name| there.contains(*name))
        .map(|name| {
            let path = format!(
                "{}/{}/{name}",
                prefix.trim_start_matches('/'),
                site.display()
            );
            match name.ends_with(".py") {
                true => path,
                false => format!("{path}/*"),
            }
        })
        .collect()
}

/// Libraries that wheels bundle, by the name before the first `-` or `.`.
#[derive(Debug, Deserialize)]
pub struct Bundled(BTreeMap<String, BundledLibrary>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundledLibrary {
    /// Who holds the rights.
    holder: String,
    /// The licence, by its short name in Debian.
    licence: String,
}

impl Bundled {
    /// Reads `deb/bundled.toml` in `packaging/`.
    pub fn load(packaging: &Path) -> Result<Self, Failure> {
        let text = files::read_text(&packaging.join("deb/bundled.toml"))?;
        let parsed = toml::from_str(&text);
        Ok(parsed.map_err(|error| CopyrightError::Bundled(Box::new(error)))?)
    }
}

/// The libraries that wheels bring along. What follows in the file is what counts: these come after the wheels.
fn bundled(known: &Bundled, all: &[PathBuf], prefix: &str) -> Result<Vec<Part>, CopyrightError> {
    let mut found: BTreeMap<&str, Part> = BTreeMap::new();
    for path in all {
        let in_libs = path
            .parent()
            .is_some_and(|dir| dir.to_string_lossy().ends_with(".libs"));
        if !in_libs {
            continue;
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = file.split(['-', '.']).next().unwrap_or_default();
        let (library, facts) = known
            .0
            .get_key_value(name)
            .ok_or_else(|| CopyrightError::UnknownLibrary(path.display().to_string()))?;
        let pattern = format!("{}/{}", prefix.trim_start_matches('/'), path.display());
        let part = found.entry(library).or_insert_with(|| Part {
            files: Vec::new(),
            copyright: vec![facts.holder.clone()],
            licence: facts.licence.clone(),
            comment: None,
        });
        part.files.push(pattern);
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_the_rights_is_read_and_forms_are_not() {
        let text = "Copyright (c) 2015 - 2021 Ulrik,\n   Copyright [yyyy] [name of copyright owner]\n\
                    # Copyright 2020 X.\nCopyright notices must stay\nCopyright (c) 2016--2023\nCopyright © 1991-2023 Unicode, Inc.\n";
        assert_eq!(
            statements(text),
            ["2015 - 2021 Ulrik", "2020 X", "1991-2023 Unicode, Inc"]
        );
    }

    #[test]
    fn a_crate_says_who_wrote_it_and_its_licence_has_a_text() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("registry-1/a-1.0");
        files::write(&source.join("LICENSE-MIT"), "Copyright (c) 2020 Ann\n").unwrap();
        let parts = crates("a 1.0|Apache-2.0/MIT\npgml 3.0.0|MIT", dir.path()).unwrap();
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].copyright, ["2020 Ann"]);
        assert_eq!(parts[0].licence, "Expat");
        assert_eq!(
            parts[0].comment.as_deref(),
            Some("offered under Apache-2.0 OR MIT")
        );
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
        assert_eq!(licences(&parts, &packaging).unwrap().len(), 1);
        assert!(crates("a 1.0|Proprietary", dir.path()).is_err());
        assert!(crates("b 1.0|MIT", dir.path()).is_err());
    }

    #[test]
    fn every_licence_that_can_be_chosen_has_a_text() {
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
        for name in expression::NAMES.iter().map(|(_, name)| *name) {
            let text = files::read_text(&packaging.join("deb/licences").join(name)).unwrap();
            assert!(text.len() > 50, "{name}");
        }
        for library in Bundled::load(&packaging).unwrap().0.values() {
            let name = &library.licence;
            assert!(packaging.join("deb/licences").join(name).exists(), "{name}");
        }
    }

    #[test]
    fn a_bundled_library_that_nobody_knows_is_refused() {
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
        let facts = Bundled::load(&packaging).unwrap();
        let path =
            |name: &str| PathBuf::from(format!("python3.11/site-packages/numpy.libs/{name}"));
        let known = bundled(
            &facts,
            &[path("libgfortran-040039e1.so.5.0.0")],
            "/usr/lib/pgml",
        )
        .unwrap();
        assert_eq!(known[0].licence, "GPL-3+-with-GCC-exception");
        assert!(known[0].files[0].starts_with("usr/lib/pgml/python3.11/"));
        assert!(bundled(&facts, &[path("libsecret-1.so")], "/usr/lib/pgml").is_err());
    }
}
