//! Documents and sections of a small library.

use serde_json::Value;

use base::files;
use targets::lock::crates::CrateLock;

use super::crates::CrateTree;
use super::native::{self, Native};
use super::package::{Deb, Extension, extension};
use super::{audit, *};

const TREE: &str = "0|pgml v3.0.0 (/src/extension)|MIT\n1|serde v1.0.0|MIT/Apache-2.0\n2|itoa v1.0.1|MIT\n\
    1|pgml-core v3.0.0 (/src/extension/core)|MIT\n2|serde v1.0.0|MIT/Apache-2.0 (*)\n";

fn lock() -> CrateLock {
    let local = |name: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"3.0.0\"\n");
    let public = |name: &str, version: &str| {
        let sum = Digest::of(name);
        format!(
            "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nchecksum = \"{sum}\"\n\
             source = \"registry+https://github.com/rust-lang/crates.io-index\"\n"
        )
    };
    let text = [
        local("pgml"),
        local("pgml-core"),
        public("serde", "1.0.0"),
        public("itoa", "1.0.1"),
    ];
    CrateLock::parse(&text.concat()).unwrap()
}

/// What `packaging/native.toml` says of the real library.
fn linked() -> Vec<Native> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let packages = targets::lock::Lock::load(&root.join("packaging/lock/debian12.toml")).unwrap();
    let crates = CrateLock::load(&root.join("extension/Cargo.lock")).unwrap();
    native::load(&root.join("packaging"), &packages, &crates).unwrap()
}

/// Catches an architecture whose SBOM names what another's was linked with.
#[test]
fn each_architecture_has_the_hashes_of_its_own_packages() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let crates = CrateLock::load(&root.join("extension/Cargo.lock")).unwrap();
    let lock = |name: &str| {
        let path = root.join(format!("packaging/lock/{name}.toml"));
        targets::lock::Lock::load(&path).unwrap()
    };
    for suffix in ["", "-arm64"] {
        let packages = lock(&format!("debian12{suffix}"));
        let native = native::load(&root.join("packaging"), &packages, &crates).unwrap();
        let digest = |name: &str| native.iter().find(|one| one.name == name).unwrap().sha256;
        let locked = |lock: &targets::lock::Lock, name: &str| {
            let found = lock.packages.iter().find(|package| package.name == name);
            found.unwrap().sha256
        };
        assert_eq!(
            digest("openblas"),
            locked(&packages, "libopenblas-serial-dev")
        );
        let builder = lock(&format!("debian11{suffix}"));
        assert_eq!(digest("libstdc++"), locked(&builder, "libstdc++-10-dev"));
    }
}

/// A library that carries a list, made by the system's compiler.
fn library(section: Option<&[u8]>) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    files::write(&path("lib.c"), "int f(void) { return 1; }").unwrap();
    let mut arguments = vec!["-shared".to_owned(), "-fPIC".into(), "lib.c".into()];
    if let Some(section) = section {
        files::write(&path("list"), section).unwrap();
        let assembly = format!(
            ".section {},\"a\"\n.incbin \"list\"\n.section .note.GNU-stack,\"\"\n",
            audit::SECTION
        );
        files::write(&path("list.s"), assembly).unwrap();
        arguments.push("list.s".into());
    }
    arguments.extend(["-o".into(), "lib.so".into()]);
    let compiler = std::process::Command::new("cc")
        .args(arguments)
        .current_dir(&dir)
        .status();
    assert!(compiler.unwrap().success());
    std::fs::read(path("lib.so")).unwrap()
}

#[test]
fn the_tree_is_read_with_every_relation_once() {
    let tree = CrateTree::parse(TREE).unwrap();
    let names: Vec<&str> = tree
        .crates
        .iter()
        .map(|found| found.name.as_str())
        .collect();
    assert_eq!(names, ["pgml", "serde", "itoa", "pgml-core"]);
    let needs: Vec<Vec<usize>> = tree
        .crates
        .iter()
        .map(|found| found.needs.iter().copied().collect())
        .collect();
    assert_eq!(needs, [vec![1, 3], vec![2], vec![], vec![1]]);
    assert_eq!(tree.lines().lines().next(), Some("itoa 1.0.1|MIT"));
    assert_eq!(CrateTree::from_json(&tree.to_json()).unwrap(), tree);
    for wrong in [
        "",
        "words",
        "0|pgml 3.0.0|MIT",
        "0|a v1|MIT\n2|b v1|MIT",
        "0|a v1|MIT\n0|b v1|MIT",
    ] {
        assert!(CrateTree::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_document_names_what_is_inside_and_is_the_same_twice() {
    let (tree, lock, native) = (CrateTree::parse(TREE).unwrap(), lock(), linked());
    let section = audit::contents(&tree, &lock, &native).unwrap();
    let (_dir, path) = package();
    let deb = of(&path);
    assert_eq!(
        deb.document(),
        "postgresql-15-pgml_3.0.0-1~debian12_amd64.cdx.json"
    );
    let made = |library: &[u8]| document(&deb, library, (&tree, &lock, &native));
    let good = library(Some(&section));
    let bytes = made(&good).unwrap();
    assert_eq!(bytes, made(&good).unwrap());
    let json: Value = serde_json::from_slice(&bytes).unwrap();
    let subject = &json["metadata"]["component"];
    assert_eq!(
        subject["purl"],
        "pkg:deb/pgml/postgresql-15-pgml@3.0.0-1~debian12?arch=amd64"
    );
    assert_eq!(
        subject["hashes"][0]["content"],
        Digest::of("deb").to_string()
    );
    let components = json["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|c| c["name"] == name).unwrap();
    assert_eq!(components.len(), 5 + native.len(), "{components:#?}");
    assert_eq!(named("lightgbm")["licenses"][0]["expression"], "MIT");
    assert_eq!(named("serde")["purl"], "pkg:cargo/serde@1.0.0");
    assert_eq!(
        named("serde")["hashes"][0]["content"],
        Digest::of("serde").to_string()
    );
    assert_eq!(
        named("serde")["licenses"][0]["expression"],
        "MIT OR Apache-2.0"
    );
    // It is not published, so it gets no address: a scanner would take it for another crate.
    assert!(named("pgml").get("purl").is_none());
    let pinned = &native[0];
    assert_eq!(named("openblas")["version"], pinned.version.as_str());
    assert_eq!(
        named("openblas")["hashes"][0]["content"],
        pinned.sha256.to_string()
    );
    let cpe = named("openblas")["cpe"].as_str().unwrap();
    assert!(cpe.contains(&format!(":{}:", pinned.version)), "{cpe}");
    relations_are_between_parts_that_are_there(&json);
}

/// Catches a document of a library that says nothing of what is in it, or something else.
#[test]
fn a_library_without_its_own_list_gets_no_document() {
    let (tree, lock, native) = (CrateTree::parse(TREE).unwrap(), lock(), linked());
    let (_dir, path) = package();
    let deb = of(&path);
    let made = |library: &[u8]| document(&deb, library, (&tree, &lock, &native));
    let other =
        CrateTree::parse(&TREE.replace("1|serde v1.0.0|MIT/Apache-2.0\n2|itoa v1.0.1|MIT\n", ""));
    let other = audit::contents(&other.unwrap(), &lock, &[]).unwrap();
    for (library, words) in [
        (library(None), "no section"),
        (library(Some(&other)), "does not name itoa 1.0.1"),
    ] {
        let failure = made(&library).unwrap_err();
        assert_eq!(failure.exit, Exit::CheckFailed);
        let report = failure.report.unwrap().to_string();
        assert!(report.contains(words), "{report}");
    }
}

/// The document of a package with a library, made of these parts.
fn document(
    deb: &Deb<'_>,
    library: &[u8],
    (tree, lock, native): (&CrateTree, &CrateLock, &[Native]),
) -> Result<Vec<u8>, base::exit::Failure> {
    let inside = Extension {
        library,
        place: "usr/lib/postgresql/15/lib/pgml.so",
        crates: tree,
        lock,
        native,
    };
    extension(deb, &inside)
}

/// A file with a package's name.
fn package() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir
        .path()
        .join("postgresql-15-pgml_3.0.0-1~debian12_amd64.deb");
    files::write(&path, "deb").unwrap();
    (dir, path)
}

fn of(path: &std::path::Path) -> Deb<'_> {
    Deb {
        path,
        created: "2026-11-22T00:00:00Z".into(),
    }
}

fn relations_are_between_parts_that_are_there(json: &Value) {
    let subject = &json["metadata"]["component"];
    let components = json["components"].as_array().unwrap();
    let mut known: Vec<&str> = components
        .iter()
        .filter_map(|c| c["bom-ref"].as_str())
        .collect();
    known.extend(subject["bom-ref"].as_str());
    for relation in json["dependencies"].as_array().unwrap() {
        assert!(
            known.contains(&relation["ref"].as_str().unwrap()),
            "{relation}"
        );
        for to in relation["dependsOn"].as_array().unwrap() {
            assert!(known.contains(&to.as_str().unwrap()), "{relation}");
        }
    }
}

#[test]
fn the_list_is_read_by_the_library_that_scanners_use() {
    // The reader of cargo-audit and of rust-audit-info: what it finds, they find.
    let (tree, lock, native) = (CrateTree::parse(TREE).unwrap(), lock(), linked());
    let section = audit::contents(&tree, &lock, &native).unwrap();
    let library = library(Some(&section));
    let found = auditable_info::audit_info_from_slice(&library, 1 << 20).unwrap();
    assert_eq!(found, audit::read(&section).unwrap());
    let of = |name: &str| found.packages.iter().find(|p| p.name == name).unwrap();
    assert!(of("pgml").root);
    assert_eq!(String::from(of("serde").source.clone()), "crates.io");
    assert_eq!(String::from(of("pgml-core").source.clone()), "local");
    assert_eq!(String::from(of("openblas").source.clone()), audit::NATIVE);
    assert_eq!(of("openblas").version.to_string(), native[0].version);
}

#[test]
fn another_content_is_another_serial_number() {
    let number = |name: &str| {
        let sbom = Sbom::new(Part::image(name, "1"), "2026-11-22T00:00:00Z".into());
        let json: Value = serde_json::from_slice(&sbom.render().unwrap()).unwrap();
        json["serialNumber"].as_str().unwrap().to_owned()
    };
    assert_eq!(number("a"), number("a"));
    assert_ne!(number("a"), number("b"));
    assert!(UrnUuid::new(number("a")).is_ok());
}
