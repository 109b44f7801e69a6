//! `cargo xtask verify` as a person meets it: exit codes, words, the document and its schema.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use symcheck::rules::Rule;
use tempfile::TempDir;

fn xtask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("verify")
        .args(args)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

/// Exit code, standard output, standard error.
fn verify(args: &[&str]) -> (i32, String, String) {
    // What a target's libraries say is not the matter here, and would need its packages.
    let output = match args.contains(&"--target") || !args.iter().any(|arg| arg.starts_with('/')) {
        true => xtask(args),
        false => xtask(&[args, &["--target", "any"]].concat()),
    };
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn cc(dir: &TempDir, name: &str, source: &str, flags: &[&str]) -> PathBuf {
    let (c, so) = (dir.path().join("x.c"), dir.path().join(name));
    fs::write(&c, source).unwrap();
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-w", "-nostdlib", "-o"])
        .args([&so, &c])
        .args(flags)
        .status();
    assert!(status.expect("the tests need a C compiler").success());
    so
}

/// What libgsl.so.27 is: a library that takes BLAS from whoever has it.
fn linked_to_blas(dir: &TempDir) -> PathBuf {
    let blas = cc(
        dir,
        "libgslcblas.so.0",
        "void cblas_ddot(void) {}",
        &["-Wl,-soname,libgslcblas.so.0"],
    );
    cc(
        dir,
        "libgsl.so.27",
        "void cblas_ddot(void); void use(void) { cblas_ddot(); }",
        &["-Wl,-z,now", blas.to_str().unwrap()],
    )
}

fn good(dir: &TempDir) -> PathBuf {
    cc(
        dir,
        "libgood.so",
        "void anything(void) {}",
        &["-Wl,-z,now,-z,relro,-z,noexecstack"],
    )
}

#[test]
fn a_library_linked_to_a_shared_blas() {
    let dir = TempDir::new().unwrap();
    let (code, out, err) = verify(&[linked_to_blas(&dir).to_str().unwrap()]);
    // Standard error says what is under way before it takes long, and standard output has the verdict alone.
    let told = "verify: reading 1 files\nverify: judging 1 libraries\nverify: 1 libraries judged\n";
    assert_eq!((code, err.as_str()), (1, told), "{out}");
    for words in [
        "S3 libraries: libgslcblas.so.0",
        "SciPy",
        "S4 BLAS hidden: 1 undefined",
        "cblas_ddot",
        "do: ",
        "FAILED: S3, S4",
    ] {
        assert!(out.contains(words), "no `{words}` in\n{out}");
    }
}

#[test]
fn exit_codes() {
    let dir = TempDir::new().unwrap();
    let good = good(&dir);
    let (code, out, _) = verify(&[good.to_str().unwrap()]);
    assert_eq!(code, 0, "{out}");
    assert!(
        out.contains("PASSED") && out.contains("none above the baseline"),
        "{out}"
    );

    let text = dir.path().join("text");
    fs::write(&text, "neither").unwrap();
    for args in [
        vec![text.to_str().unwrap()],
        vec!["/nonexistent.so"],
        vec![],
        vec!["--explain", "S99"],
        vec!["--target", "debian99-pg99", good.to_str().unwrap()],
    ] {
        let (code, out, err) = verify(&args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}");
        assert!(
            !err.is_empty() && !err.contains("panicked"),
            "{args:?}: {err}"
        );
    }
}

#[test]
fn a_directory_is_searched() {
    let dir = TempDir::new().unwrap();
    good(&dir);
    linked_to_blas(&dir);
    let (code, out, _) = verify(&["--json", dir.path().to_str().unwrap()]);
    assert_eq!(code, 1);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!(document["verdict"], "failed");
    let files: Vec<&str> = document["libraries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["file"].as_str().unwrap())
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.is_sorted());
}

/// Packs files; `None` where this machine can't. `names` are the package's name, its version and its architecture.
fn pack(dir: &TempDir, files: &[(&Path, &str)], names: [&str; 3]) -> Option<PathBuf> {
    let [name, version, architecture] = names;
    let root = TempDir::new_in(dir.path()).unwrap();
    fs::create_dir(root.path().join("DEBIAN")).unwrap();
    fs::write(
        root.path().join("DEBIAN/control"),
        format!("Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: x <x@example.org>\nDescription: x\n"),
    )
    .unwrap();
    for (from, to) in files {
        let to = root.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
    let deb = dir.path().join(format!("{name}.deb"));
    let Ok(built) = Command::new("dpkg-deb")
        .args(["-Zxz", "--root-owner-group", "-b"])
        .args([root.path(), &deb])
        .output()
    else {
        eprintln!("not checked: there is no dpkg-deb");
        return None;
    };
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    Some(deb)
}

/// Packs files and verifies the package; `None` where this machine can't pack.
fn package(
    dir: &TempDir,
    files: &[(&Path, &str)],
    architecture: &str,
) -> Option<(i32, String, String)> {
    let deb = pack(dir, files, ["x", "1", architecture])?;
    Some(verify(&[deb.to_str().unwrap()]))
}

/// Where the package has its library.
const IN_PACKAGE: &str = "usr/lib/postgresql/15/lib/pgml.so";

#[test]
fn packages() {
    let dir = TempDir::new().unwrap();
    let Some((code, _, err)) = package(&dir, &[], "amd64") else {
        return;
    };
    assert_eq!(code, 1);
    assert!(err.contains("no shared library"), "{err}");
    let good = good(&dir);
    let library = [(good.as_path(), "usr/lib/x.so")];
    let (code, out, err) = package(&dir, &library, "amd64").unwrap();
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("x.deb:usr/lib/x.so"), "{out}");
    let (code, out, _) = package(&dir, &library, "arm64").unwrap();
    assert_eq!(code, 1);
    assert!(
        out.contains("FAILED: S10"),
        "an amd64 library in an arm64 package\n{out}"
    );
    // As pgml.so the same library is judged as the extension, which needs far more.
    let (code, out, _) = package(&dir, &[(good.as_path(), IN_PACKAGE)], "amd64").unwrap();
    assert_eq!(code, 1);
    assert!(out.contains("FAILED: S5, S7, S8"), "{out}");
}

/// Catches a package that is judged among the server and the libraries of another one's target.
#[test]
fn packages_of_several_targets() {
    let dir = TempDir::new().unwrap();
    let good = good(&dir);
    let library = [(good.as_path(), "usr/lib/x.so")];
    let packages = [
        ["postgresql-15-pgml", "3.0.0-1~debian12", "amd64"],
        ["postgresql-17-pgml", "3.0.0-1~debian13", "arm64"],
        ["x", "1", "amd64"],
    ];
    let packed: Option<Vec<PathBuf>> = packages
        .into_iter()
        .map(|names| pack(&dir, &library, names))
        .collect();
    let Some(packed) = packed else {
        return;
    };
    let paths: Vec<&str> = packed.iter().map(|path| path.to_str().unwrap()).collect();
    for (given, named) in [
        (&paths[..2], "debian12-pg15-amd64, debian13-pg17-arm64"),
        (&paths[1..], "amd64, arm64"),
    ] {
        let output = xtask(given);
        // Messages are wrapped.
        let err = String::from_utf8_lossy(&output.stderr).replace("\n  │ ", "");
        assert_eq!(output.status.code(), Some(2), "{err}");
        let message = format!("the packages are for several targets: {named}");
        assert!(err.contains(&message), "{err}");
    }
}

/// Functions of either kind of script are declared ones.
#[test]
fn packages_with_sql() {
    let dir = TempDir::new().unwrap();
    let extension = cc(
        &dir,
        "pgml.so",
        "void Pg_magic_func(void) {} void pg_finfo_a(void) {} void a(void) {} void pg_finfo_b(void) {} void b(void) {}",
        &["-Wl,-z,now,-z,relro,-z,noexecstack"],
    );
    let (create, adopt) = (dir.path().join("create.sql"), dir.path().join("adopt.sql"));
    for (script, symbol) in [(&create, "a"), (&adopt, "b")] {
        let sql =
            format!("CREATE FUNCTION x() RETURNS int LANGUAGE c AS '$libdir/pgml', '{symbol}';\n");
        fs::write(script, sql).unwrap();
    }
    let library = (extension.as_path(), IN_PACKAGE);
    let create = (
        create.as_path(),
        "usr/share/postgresql/15/extension/pgml--1.0.sql",
    );
    let adopt = (
        adopt.as_path(),
        "usr/share/postgresql/15/extension/pgml-adopt-1.0.sql",
    );
    let Some((_, out, _)) = package(&dir, &[library, create, adopt], "amd64") else {
        return;
    };
    assert!(out.contains("FAILED: S7, S8"), "{out}");
    let (_, out, _) = package(&dir, &[library, create], "amd64").unwrap();
    assert!(out.contains("FAILED: S5, S7, S8"), "{out}");
}

#[test]
fn every_rule_is_explained_here_and_in_the_book() {
    let book = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify.md"))
        .unwrap();
    for rule in Rule::ALL {
        let (code, out, _) = verify(&["--explain", &rule.to_string()]);
        assert_eq!(code, 0);
        assert!(out.contains(rule.doc().why), "{out}");
        let heading = format!("## {rule} {}", rule.doc().title);
        assert!(book.contains(&heading), "docs/verify.md has no `{heading}`");
    }
}
