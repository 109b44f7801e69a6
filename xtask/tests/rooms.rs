//! The layout: which crate may use which, no circle between folders, and a limit on the length of functions.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which crates each crate may use; docs/architecture.md has the same table in words.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("base", &[]),
    ("imports", &[]),
    ("loopback", &[]),
    ("debian", &["base"]),
    ("jobs", &["base"]),
    ("symcheck", &["base"]),
    ("targets", &["base"]),
    ("inputs", &["base", "targets"]),
    (
        "build",
        &["base", "debian", "inputs", "jobs", "symcheck", "targets"],
    ),
    (
        "release",
        &[
            "base", "build", "debian", "inputs", "jobs", "symcheck", "targets",
        ],
    ),
    (
        "publisher",
        &["base", "build", "inputs", "release", "targets"],
    ),
    (
        "systest",
        &[
            "base", "build", "debian", "inputs", "jobs", "loopback", "release", "symcheck",
            "targets",
        ],
    ),
    (
        "xtask",
        &[
            "base", "build", "debian", "inputs", "jobs", "release", "symcheck", "systest",
            "targets",
        ],
    ),
    (
        "pgml-dist-fuzz",
        &["base", "debian", "pgml-core", "pgml-exchange", "symcheck"],
    ),
];
/// Only while it is compiled, or in its tests.
const BESIDE: [(&str, &str); 5] = [
    ("build", "imports"),
    ("inputs", "loopback"),
    ("publisher", "loopback"),
    ("xtask", "imports"),
    ("xtask", "publisher"),
];
const LONGEST_FUNCTION: usize = 70;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The arrows between the crates of a workspace, as cargo sees them: from, to, and whether only for a build or for tests.
fn arrows(manifest: &str) -> BTreeSet<(String, String, bool)> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--offline",
            "--manifest-path",
        ])
        .arg(root().join(manifest))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            // Those of this repository have a path.
            if dependency["path"].is_string() {
                let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
                let beside = dependency["kind"].is_string();
                found.insert((name(package), name(dependency), beside));
            }
        }
    }
    found
}

/// The arrows that the table does not allow.
fn forbidden(arrows: &BTreeSet<(String, String, bool)>) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into_iter().collect();
    let is_allowed = |(from, to, beside): &&(String, String, bool)| {
        let table = allowed
            .get(from.as_str())
            .is_some_and(|all| all.contains(&to.as_str()));
        table || (*beside && BESIDE.contains(&(from.as_str(), to.as_str())))
    };
    let others = arrows.iter().filter(|arrow| !is_allowed(arrow));
    others
        .map(|(from, to, _)| format!("{from} → {to}"))
        .collect()
}

#[test]
fn each_crate_uses_only_those_that_the_table_allows() {
    let arrow = |from: &str, to: &str, beside| (from.to_owned(), to.to_owned(), beside);
    let back = BTreeSet::from([arrow("base", "jobs", false), arrow("jobs", "base", false)]);
    assert_eq!(forbidden(&back), ["base → jobs"]);
    assert_eq!(
        forbidden(&[arrow("build", "imports", false)].into()).len(),
        1
    );
    let found = arrows("Cargo.toml");
    assert!(found.len() > 30, "{found:?}");
    assert_eq!(forbidden(&found), [""; 0]);
    assert_eq!(forbidden(&arrows("fuzz/Cargo.toml")), [""; 0]);
}

/// The folder of a source file: the crate's own files are of its root.
fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// Folders of one crate that import each other. A module's file beside its folder (`x.rs`, `x/`) is of both.
fn circles(imports: &imports::Imports) -> Vec<String> {
    let mut arrows: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (file, imported) in imports {
        for to in imported.iter().filter(|to| imports.contains_key(*to)) {
            let (from, to) = (folder(file), folder(to));
            let nested = from.starts_with(to) || to.starts_with(from);
            let same_crate = from.split('/').nth(1) == to.split('/').nth(1);
            if same_crate && !nested {
                arrows.insert((from, to));
            }
        }
    }
    let both = arrows
        .iter()
        .filter(|(from, to)| from < to && arrows.contains(&(*to, *from)));
    both.map(|(from, to)| format!("{from} ↔ {to}")).collect()
}

#[test]
fn no_two_folders_of_a_crate_import_each_other() {
    let one = |file: &str, to: &str| (file.to_owned(), BTreeSet::from([to.to_owned()]));
    let circle = [
        one("crates/a/src/x/f.rs", "crates/a/src/y/g.rs"),
        one("crates/a/src/y/g.rs", "crates/a/src/x/f.rs"),
    ];
    assert_eq!(circles(&circle.into()).len(), 1);
    let crates = ALLOWED.map(|(name, _)| match name {
        "xtask" => "xtask".to_owned(),
        "pgml-dist-fuzz" => "crates/base".to_owned(),
        name => format!("crates/{name}"),
    });
    let crates: Vec<&str> = crates.iter().map(String::as_str).collect();
    let imports = imports::read(&root(), &crates).unwrap();
    assert!(imports.len() > 250, "{} files", imports.len());
    assert_eq!(circles(&imports), [""; 0]);
}

/// The functions of a file that are too long, by name: rustfmt puts a function's end where its first line begins.
fn too_long(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        let before: Vec<&str> = code
            .split("fn ")
            .next()
            .unwrap_or_default()
            .split(' ')
            .collect();
        let is_function = code.contains("fn ")
            && before.iter().all(|word| {
                ["", "const", "async", "unsafe", "extern", "\"C\""].contains(word)
                    || word.starts_with("pub")
            });
        if !is_function || code.ends_with(';') {
            continue;
        }
        let end = format!("{indent}}}");
        let length = lines[start..].iter().position(|line| *line == end);
        if length.is_some_and(|length| length + 1 > LONGEST_FUNCTION) {
            found.push(format!("{}: {} lines", code, length.unwrap_or(0) + 1));
        }
    }
    found
}

#[test]
fn no_function_grows_without_end() {
    let long = format!("fn f() {{\n{}}}\n", "    x();\n".repeat(LONGEST_FUNCTION));
    assert_eq!(too_long(&long).len(), 1);
    let short = format!(
        "fn f() {{\n{}}}\n",
        "    x();\n".repeat(LONGEST_FUNCTION - 2)
    );
    assert_eq!(too_long(&short), [""; 0]);
    let mut wrong = Vec::new();
    for dir in ["crates", "xtask", "extension", "fuzz"] {
        for entry in walk(&root().join(dir)) {
            let text = std::fs::read_to_string(&entry).unwrap();
            let of_file = too_long(&text).into_iter();
            wrong.extend(of_file.map(|what| format!("{}: {what}", entry.display())));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The Rust files below a directory, without what cargo made.
fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if path.ends_with("target") => {}
            true => found.extend(walk(&path)),
            false if path.extension().is_some_and(|end| end == "rs") => found.push(path),
            false => {}
        }
    }
    found
}
