//! The rules for every file of the repository. Each rule is a function from a file's text to the errors in it. It is tested
//! on a bad example and applied to all files of the source tree.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use base::workspace::Workspace;
use jobs::source_files;

/// Written by tools, in a form of their own.
const GENERATED: [&str; 7] = [
    "Cargo.lock",
    "extension/Cargo.lock",
    "fuzz/Cargo.lock",
    "packaging/lock/",
    "packaging/sccache/Cargo.lock",
    "packaging/abi3-symbols.txt",
    "python/requirements.lock",
];
const LONGEST_FILE: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What git tracks; in a tree without git, such as an unpacked archive of the sources, all of its files.
fn names() -> Vec<PathBuf> {
    if !root().join(".git").exists() {
        let workspace = Workspace {
            root: root().canonicalize().unwrap(),
            cache: root().join(".cache"),
        };
        return source_files::files(&workspace).unwrap();
    }
    let git = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(git.status.success(), "{git:?}");
    let list = String::from_utf8(git.stdout).unwrap();
    list.split_terminator('\0').map(PathBuf::from).collect()
}

/// All text files of the source tree, with their contents.
fn tracked() -> Vec<(String, String)> {
    let files = names().into_iter().filter_map(|path| {
        // Deleted and not yet committed, or not text.
        let text = std::fs::read_to_string(root().join(&path)).ok()?;
        Some((path.display().to_string(), text))
    });
    let files: Vec<_> = files.collect();
    assert!(files.len() > 100, "{} files are there only", files.len());
    files
}

fn is_generated(path: &str) -> bool {
    let listed = GENERATED.iter().any(|listed| path.starts_with(listed));
    listed || path.ends_with(".snap")
}

/// Holds a rule against each tracked file that `applies`, and fails with all that it finds.
#[track_caller]
fn holds(applies: impl Fn(&str) -> bool, rule: impl Fn(&str) -> Vec<(usize, String)>) {
    let mut files = 0;
    let mut wrong = Vec::new();
    for (path, text) in tracked().iter().filter(|(path, _)| applies(path)) {
        files += 1;
        wrong.extend(
            rule(text)
                .iter()
                .map(|(line, what)| format!("{path}:{line}: {what}")),
        );
    }
    assert!(files > 0, "the rule applies to no file at all");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The lines, from 1, in which `what` finds something.
fn lines(text: &str, what: impl Fn(&str) -> Option<String>) -> Vec<(usize, String)> {
    let numbered = text.lines().zip(1..);
    numbered
        .filter_map(|(line, number)| Some((number, what(line)?)))
        .collect()
}

// The names are put together here, so that this file does not have what it looks for.

fn registry_hosts(text: &str) -> Vec<(usize, String)> {
    let hosts = [
        &["deb", "debian", "org"][..],
        &["index", "crates", "io"],
        &["static", "crates", "io"],
        &["pypi", "org"],
        &["pythonhosted", "org"],
        &["npmjs", "org"],
    ];
    let hosts = hosts.map(|parts| parts.join("."));
    lines(text, |line| {
        hosts
            .iter()
            .find(|host| line.contains(*host))
            .map(|host| format!("names the host {host}"))
    })
}

#[test]
fn no_host_of_a_registry_is_written_down() {
    // Which mirror serves a registry is the business of a machine's own configuration.
    let bad = format!("a\nuri = \"https://{}/simple\"", ["pypi", "org"].join("."));
    assert_eq!(registry_hosts(&bad).len(), 1);
    assert_eq!(registry_hosts("deb.example.org"), []);
    holds(|_| true, registry_hosts);
}

fn machine_paths(text: &str) -> Vec<(usize, String)> {
    let paths = [
        &["", "work", ""][..],
        &["", "tmp", "wt"],
        &["", "root", ""],
        &["", "home", ""],
    ];
    let paths = paths.map(|parts| parts.join("/"));
    // Below something else (`<cache>` and then `work`) it is no absolute path.
    let absolute = |line: &str, at: usize| {
        !line[..at]
            .ends_with(|before: char| before.is_alphanumeric() || "_-.>})*/".contains(before))
    };
    lines(text, |line| {
        paths.iter().find_map(|path| {
            let mut found = line.match_indices(path.as_str());
            found
                .any(|(at, _)| absolute(line, at))
                .then(|| format!("names {path}, which only one machine has"))
        })
    })
}

#[test]
fn no_path_of_a_developers_machine_is_written_down() {
    for dir in ["work", "root", "home"] {
        assert_eq!(
            machine_paths(&format!("see /{dir}/somewhere")).len(),
            1,
            "{dir}"
        );
        assert_eq!(machine_paths(&format!("\"/{dir}/\"")).len(), 1, "{dir}");
        assert_eq!(
            machine_paths(&format!("`<cache>/{dir}/`, target/{dir}/x")),
            []
        );
    }
    holds(|_| true, machine_paths);
}

fn module_doc(text: &str) -> Vec<(usize, String)> {
    match text
        .lines()
        .next()
        .is_some_and(|line| line.starts_with("//! "))
    {
        true => Vec::new(),
        false => vec![(
            1,
            "does not begin with `//! ` and what the module is for".into(),
        )],
    }
}

#[test]
fn each_module_says_what_it_is_for() {
    assert_eq!(module_doc("use std::fs;\n//! Late.").len(), 1);
    assert_eq!(module_doc("").len(), 1);
    assert_eq!(module_doc("//! Reads."), []);
    holds(|path| path.ends_with(".rs"), module_doc);
}

fn white_space(text: &str, markdown: bool) -> Vec<(usize, String)> {
    let mut verbatim = false;
    let mut wrong = Vec::new();
    // Not `lines`, which takes a carriage return off.
    for (line, number) in text.split('\n').zip(1..) {
        let fence = line.trim_start().starts_with("```");
        verbatim ^= markdown && fence;
        if (fence || !verbatim) && line.ends_with([' ', '\t', '\r']) {
            wrong.push((number, "ends with white space".into()));
        }
    }
    if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        wrong.push((
            text.lines().count(),
            "the file does not end with one newline".into(),
        ));
    }
    wrong
}

#[test]
fn no_line_ends_with_white_space_and_each_file_with_a_newline() {
    for bad in ["a \n", "a\t\n", "a\r\n", "a", "a\n\n"] {
        assert_eq!(white_space(bad, false).len(), 1, "{bad:?}");
    }
    // psql's output, which documents show as it is.
    let shown = "```\n name \n```\n";
    assert_eq!(white_space(shown, true), []);
    assert_eq!(white_space(shown, false).len(), 1);
    assert_eq!(white_space(&format!("{shown}after \n"), true).len(), 1);
    holds(
        |path| !is_generated(path) && !path.ends_with(".md"),
        |text| white_space(text, false),
    );
    holds(|path| path.ends_with(".md"), |text| white_space(text, true));
}

/// The part of a file before its unit tests, which stand at the end.
fn before_tests(text: &str) -> &str {
    let mut marks = text.match_indices("#[cfg(test)]\n");
    let begins = |at: usize| {
        let mut lines = text[at..].lines();
        lines.find(|line| !line.starts_with("#[")) == Some("mod tests {")
    };
    let tests = marks.find(|(at, _)| begins(*at));
    tests.map_or(text, |(at, _)| &text[..at])
}

fn panics(text: &str) -> Vec<(usize, String)> {
    let text = before_tests(text);
    let all: Vec<&str> = text.lines().collect();
    let excused = |number: usize| {
        // On the line, or in a comment right above it.
        let above = all[..number - 1].iter().rev();
        let comment = above.take_while(|line| line.trim_start().starts_with("//"));
        comment
            .chain([&all[number - 1]])
            .any(|line| line.contains("INVARIANT"))
    };
    let found = lines(text, |line| {
        let code = line.trim_start();
        let calls = [".unwrap()", ".expect(", ".unwrap_err()", ".expect_err("];
        let call = calls.iter().find(|call| code.contains(*call))?;
        (!code.starts_with("//"))
            .then(|| format!("`{call}` without an INVARIANT that says why it can't fail"))
    });
    found
        .into_iter()
        .filter(|(number, _)| !excused(*number))
        .collect()
}

#[test]
fn nothing_panics_without_saying_why_it_can_not() {
    for bad in [
        "let x = y.unwrap();",
        "    .expect(\"there\")",
        "// INVARIANT: old\n\nx.unwrap();",
        "#[cfg(test)]\nfn x() {}\n\nfn y() { x().unwrap() }",
    ] {
        assert_eq!(panics(bad).len(), 1, "{bad}");
    }
    let good = [
        "x.unwrap() // INVARIANT: checked above",
        "// INVARIANT: checked above\nx.unwrap()",
        "x.unwrap_or_default()",
        "/// Never `.unwrap()`",
        "fn x() {}\n\n#[cfg(test)]\nmod tests {\n    fn y() { x().unwrap() }\n}\n",
        "#[cfg(test)]\n#[allow(clippy::unwrap_used)]\nmod tests {\n    fn y() { x().unwrap() }\n}\n",
    ];
    for good in good {
        assert_eq!(panics(good), [], "{good}");
    }
    let is_source = |path: &str| {
        let sources = [
            "crates/",
            "xtask/src/",
            "extension/src/",
            "extension/core/src/",
        ];
        path.ends_with(".rs")
            && !path.ends_with("/tests.rs")
            && !path.contains("/tests/")
            && sources.iter().any(|dir| path.starts_with(dir))
    };
    holds(is_source, panics);
}

fn too_long(text: &str) -> Vec<(usize, String)> {
    let count = text.lines().count();
    match count > LONGEST_FILE {
        true => vec![(
            count,
            format!("the file has more than {LONGEST_FILE} lines; does it have one purpose?"),
        )],
        false => Vec::new(),
    }
}

#[test]
fn no_file_grows_without_end() {
    assert_eq!(too_long(&"line\n".repeat(LONGEST_FILE + 1)).len(), 1);
    assert_eq!(too_long(&"line\n".repeat(LONGEST_FILE)), []);
    // Postgres reads an edition, or the way to one, from one file; an adoption is one script that a user runs, and one
    // transaction.
    let is_edition = |path: &str| {
        path.starts_with("extension/sql/pgml--") || path == "extension/sql/pgml-adopt-1.0.sql"
    };
    // One table of facts, which has an entry for each release.
    let is_table =
        |path: &str| path == "packaging/targets.toml" || path.starts_with("docs/schema/");
    holds(
        |path| !is_generated(path) && !is_table(path) && !is_edition(path),
        too_long,
    );
}

fn unexplained_unsafe(text: &str) -> Vec<(usize, String)> {
    let all: Vec<&str> = text.lines().collect();
    let is_comment = |line: &str| line.trim_start().starts_with("//");
    let explained = |at: usize| {
        // Right above the statement, whose first lines may have no `unsafe` yet, on the line, or first in the block.
        let statement = all[..at].iter().rev().take_while(|line| {
            is_comment(line)
                || !(line.trim().is_empty() || line.trim_end().ends_with([';', '}', '{']))
        });
        let inside = all[at + 1..].iter().take_while(|line| is_comment(line));
        statement
            .chain(inside)
            .chain([&all[at]])
            .any(|line| line.contains("SAFETY:"))
    };
    let is_unsafe = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        ["unsafe {", "unsafe impl", "unsafe extern"]
            .iter()
            .any(|word| code.contains(word))
    };
    (0..all.len())
        .filter(|at| is_unsafe(all[*at]) && !explained(*at))
        .map(|at| (at + 1, "`unsafe` without a `SAFETY:` comment".into()))
        .collect()
}

#[test]
fn each_unsafe_block_says_why_it_is_safe() {
    for bad in [
        "unsafe { f() }",
        "// SAFETY: of another\nf();\nlet x = unsafe { f() };",
        "// SAFETY: too far away\n\nunsafe impl Send for X {}",
    ] {
        assert_eq!(unexplained_unsafe(bad).len(), 1, "{bad}");
    }
    for good in [
        "// SAFETY: f has no conditions.\nunsafe { f() }",
        "// SAFETY: the same, in a longer\n// comment.\nlet x =\n    unsafe { f() };",
        "unsafe {\n    // SAFETY: inside.\n    f() }",
        "// unsafe { in words }",
    ] {
        assert_eq!(unexplained_unsafe(good), [], "{good}");
    }
    let is_rust = |path: &str| path.starts_with("extension/") && path.ends_with(".rs");
    holds(is_rust, unexplained_unsafe);
}

fn string(document: &toml::Table, keys: &[&str]) -> String {
    let mut value = &toml::Value::Table(document.clone());
    for key in keys {
        value = value
            .get(key)
            .unwrap_or_else(|| panic!("no `{}`", keys.join(".")));
    }
    value.as_str().unwrap().to_owned()
}

/// Those that are not the first one's version.
fn disagreeing<'a>(versions: &'a [(&str, String)]) -> Vec<&'a str> {
    let others = versions
        .iter()
        .filter(|(_, version)| *version != versions[0].1);
    others.map(|(place, _)| *place).collect()
}

#[test]
fn one_release_has_one_version() {
    let v = |text: &str| text.to_owned();
    assert_eq!(
        disagreeing(&[("a", v("1")), ("b", v("1")), ("c", v("2"))]),
        ["c"]
    );
    let in_toml = |path: &str, keys: &[&str]| string(&read(path).parse().unwrap(), keys);
    let control = read("extension/pgml.control");
    let default = control
        .lines()
        .find_map(|line| line.strip_prefix("default_version = '"));
    let release = in_toml("packaging/release.toml", &["version"]);
    let versions = [
        ("packaging/release.toml", release.clone()),
        (
            "Cargo.toml",
            in_toml("Cargo.toml", &["workspace", "package", "version"]),
        ),
        (
            "extension/Cargo.toml",
            in_toml("extension/Cargo.toml", &["workspace", "package", "version"]),
        ),
        (
            "extension/pgml.control",
            default.unwrap().trim_end_matches('\'').to_owned(),
        ),
    ];
    assert_eq!(disagreeing(&versions), [""; 0], "{versions:?}");
    let sql = root().join(format!("extension/sql/pgml--{release}.sql"));
    assert!(sql.is_file(), "no {}", sql.display());
    let changes = read("CHANGELOG.md");
    assert!(
        changes.contains(&release),
        "CHANGELOG.md has nothing on {release}"
    );
}

#[test]
fn the_binary_only_parses_and_calls() {
    let main = read("xtask/src/main.rs").lines().count();
    assert!(main < 100, "xtask/src/main.rs has {main} lines");
}

#[test]
fn the_licence_is_there() {
    let licence = read("LICENSE");
    let declared = string(
        &read("Cargo.toml").parse().unwrap(),
        &["workspace", "package", "license"],
    );
    assert!(
        licence.starts_with(&declared),
        "LICENSE is not the text of {declared}"
    );
}

/// Where JSON is written with an empty text in place of a failure.
fn silent_json(text: &str) -> Vec<(usize, String)> {
    let is_silent =
        |line: &str| line.contains("serde_json::to_") && line.contains(".unwrap_or_default()");
    let why = "a failure becomes an empty text; `base::json` writes plain data";
    text.lines()
        .enumerate()
        .filter(|(_, line)| is_silent(line))
        .map(|(at, _)| (at + 1, why.into()))
        .collect()
}

#[test]
fn json_that_cannot_be_written_is_never_an_empty_text() {
    let bad = "let json = serde_json::to_vec(&x).unwrap_or_default();";
    assert_eq!(silent_json(bad).len(), 1);
    assert_eq!(silent_json("let json = base::json::pretty(&x);"), []);
    holds(
        |path| {
            // Not this file, which quotes what it refuses.
            path.ends_with(".rs")
                && !path.starts_with("extension/")
                && path != "xtask/tests/hygiene.rs"
        },
        silent_json,
    );
}
