//! A small release with its statement, and changes of the release or of its surroundings.

use std::path::PathBuf;

use base::workspace::Workspace;
use debian::apt::repository::KEYRING;
use debian::apt::signing::SigningKey;

use super::check::{Check, Document, Found, LocalState, check, read};
use super::*;

const TOOLCHAIN: &str = "rustc 1.95.0\nhost: x86_64-unknown-linux-gnu";

/// A source tree and a release that says it was made from it.
struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        for (name, text) in [
            ("source/extension/src/lib.rs", "fn f() {}"),
            ("source/extension/Cargo.lock", "version = 4"),
            ("source/packaging/lock/debian12.toml", "version = 1"),
            ("source/target/debug/x", "is made"),
            ("dist/a/package.deb", "deb"),
            ("dist/manifest.json", "tests write into it"),
        ] {
            files::write(&fixture.path(name), text).unwrap();
        }
        fixture.state();
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn tree(&self) -> SourceTree {
        let root = self.path("source");
        let cache = root.join(".cache");
        SourceTree::read(&Workspace { root, cache }).unwrap()
    }

    /// Writes the statement and its signature.
    fn state(&self) {
        let tree = self.tree();
        let (key, log) = (self.key("key"), self.path("log"));
        let keyring = format!("apt/{KEYRING}");
        key.export(&self.path("dist").join(&keyring), &log).unwrap();
        let artifact = |path: &str| {
            let (sha256, size) = Digest::of_file(&self.path("dist").join(path)).unwrap();
            Artifact {
                path: path.to_owned(),
                kind: Kind::Extension,
                target: None,
                size,
                sha256,
            }
        };
        let manifest = Manifest {
            version: crate::publish::VERSION,
            release: "1.0-1".into(),
            epoch: 1,
            releasable: true,
            plan: Digest::of("plan"),
            builder: None,
            outdated: crate::outdated::Summary::default(),
            artifacts: vec![artifact("a/package.deb"), artifact(&keyring)],
            targets: BTreeMap::new(),
        };
        let statement = Statement::new(&manifest, &tree, TOOLCHAIN);
        let file = self.path("dist/provenance").join(STATEMENT);
        files::write(&file, statement.to_json()).unwrap();
        files::write(&file.with_file_name(source_tree::LIST), tree.list()).unwrap();
        key.sign_detached(&file, SIGNATURE, 1_000_000_000, &log)
            .unwrap();
    }

    fn key(&self, name: &str) -> SigningKey {
        SigningKey::local(&self.path(name), &self.path("log")).unwrap()
    }

    fn check_with(&self, toolchain: &str, plan: &str, keyring: Option<&Path>) -> Document {
        let here = LocalState {
            tree: &self.tree(),
            toolchain,
            plan: Ok(Digest::of(plan)),
            keyring,
            log: &self.path("log"),
        };
        let release = self.path("dist");
        check(&release, &read(&release).unwrap(), &here).unwrap()
    }

    fn check(&self) -> Document {
        self.check_with(TOOLCHAIN, "plan", None)
    }
}

/// The differences, by part.
#[track_caller]
fn differs(document: &Document, expected: &[(&str, &str)]) {
    assert!(!document.holds);
    let different = |check: &Check| match &check.found {
        Found::Different(what) => Some((check.part.clone(), what.join("; "))),
        _ => None,
    };
    let found: Vec<(String, String)> = document.checks.iter().filter_map(different).collect();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((part, words), (expected_part, expected_words)) in found.iter().zip(expected) {
        assert_eq!(part, expected_part);
        assert!(words.contains(expected_words), "{words}");
    }
}

#[test]
fn a_release_that_nobody_touched_is_as_it_says() {
    let fixture = Fixture::new();
    let document = fixture.check();
    assert!(document.holds, "{document}");
    assert!(!document.to_string().contains("not checked"), "{document}");
}

/// Catches commands for anybody's tools on the page that do not check what it says.
#[test]
fn the_commands_of_the_page_check_it_without_this_tool() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = files::read_text(&root.join("docs/provenance.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split_once("```"));
    let (script, _) = blocks.find(|(block, _)| block.contains("gpgv")).unwrap();
    let run = |fixture: &Fixture| {
        let script = format!("set -euo pipefail\n{script}");
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &script])
            .current_dir(fixture.path("source"));
        bash.output().unwrap()
    };
    let fixture = Fixture::new();
    // A release lies in the source tree.
    std::os::unix::fs::symlink("../dist", fixture.path("source/dist")).unwrap();
    let ended = run(&fixture);
    assert!(ended.status.success(), "{ended:?}");
    files::write(&fixture.path("source/extension/src/lib.rs"), "fn g() {}").unwrap();
    assert!(!run(&fixture).status.success());
}

#[test]
fn a_changed_lock_is_named() {
    let fixture = Fixture::new();
    files::write(
        &fixture.path("source/packaging/lock/debian12.toml"),
        "version = 2",
    )
    .unwrap();
    let lock = "packaging/lock/debian12.toml changed";
    differs(&fixture.check(), &[("source", lock), ("locks", lock)]);
}

#[test]
fn a_changed_source_file_is_named() {
    let fixture = Fixture::new();
    files::write(&fixture.path("source/extension/src/lib.rs"), "fn g() {}").unwrap();
    files::write(&fixture.path("source/extension/src/new.rs"), "").unwrap();
    let words = "extension/src/lib.rs changed; extension/src/new.rs is new";
    differs(&fixture.check(), &[("source", words)]);
}

#[test]
fn another_compiler_and_another_plan_are_named() {
    let fixture = Fixture::new();
    let other = TOOLCHAIN.replace("1.95.0", "1.96.0");
    differs(
        &fixture.check_with(&other, "another plan", None),
        &[
            (
                "toolchain",
                "`rustc 1.96.0` here, `rustc 1.95.0` in the statement",
            ),
            ("plan", "from other inputs"),
        ],
    );
}

#[test]
fn a_changed_a_lost_and_a_foreign_file_are_named() {
    let fixture = Fixture::new();
    files::write(&fixture.path("dist/a/package.deb"), "DEB").unwrap();
    files::write(&fixture.path("dist/b/other.deb"), "deb").unwrap();
    let words = "a/package.deb changed; b/other.deb is new";
    differs(&fixture.check(), &[("artifacts", words)]);
    std::fs::remove_file(fixture.path("dist/a/package.deb")).unwrap();
    differs(&fixture.check(), &[("artifacts", "a/package.deb is gone")]);
}

#[test]
fn a_changed_statement_or_another_key_is_no_signature() {
    let fixture = Fixture::new();
    let other = fixture.path("other.gpg");
    fixture
        .key("other-key")
        .export(&other, &fixture.path("log"))
        .unwrap();
    differs(
        &fixture.check_with(TOOLCHAIN, "plan", Some(&other)),
        &[("signature", "gpgv")],
    );
    let file = fixture.path("dist/provenance").join(STATEMENT);
    let text = files::read_text(&file).unwrap();
    files::write(&file, text.replace("\"epoch\": 1", "\"epoch\": 2")).unwrap();
    differs(&fixture.check(), &[("signature", "gpgv")]);
    // Without a signature there is nothing to check, except where the user asks for a key.
    std::fs::remove_file(file.with_file_name(SIGNATURE)).unwrap();
    assert!(
        fixture
            .check()
            .to_string()
            .contains("not checked  the statement is not signed")
    );
    differs(
        &fixture.check_with(TOOLCHAIN, "plan", Some(&other)),
        &[("signature", "not signed")],
    );
}

#[test]
fn a_statement_of_another_kind_is_refused() {
    let fixture = Fixture::new();
    let file = fixture.path("dist/provenance").join(STATEMENT);
    let text = files::read_text(&file).unwrap();
    for (from, to) in [
        ("Statement/v1", "Statement/v2"),
        (BUILD_TYPE, "urn:other"),
        ("{", "["),
    ] {
        files::write(&file, text.replacen(from, to, 1)).unwrap();
        assert!(read(&fixture.path("dist")).is_err(), "{to}");
    }
}
