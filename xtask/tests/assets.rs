//! The scripts of the release workflow: the files of a release on a forge, the signatures, and the key of ssh.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// A release of two targets on one distribution.
fn release(dir: &Path, releasable: bool) {
    let development = if releasable { "[]" } else { "[\"a wheel\"]" };
    let manifest = format!(
        r#"{{"releasable": {releasable}, "epoch": 1000000000, "targets": {{
            "debian12-pg15": {{"development": {development}}}, "debian12-pg16": {{"development": []}},
            "debian13-pg17": {{"development": []}}}}}}"#
    );
    for (path, text) in [
        ("manifest.json", manifest.as_str()),
        ("debian12-pg15/a.deb", "a"),
        ("debian12-pg16/b.deb", "b"),
        ("debian12/runtime.deb", "runtime"),
        ("provenance/statement.intoto.json", "{}"),
    ] {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let sums = Command::new("sha256sum")
        .args([
            "debian12-pg15/a.deb",
            "debian12-pg16/b.deb",
            "debian12/runtime.deb",
        ])
        .current_dir(dir)
        .output()
        .unwrap();
    fs::write(dir.join("SHA256SUMS"), sums.stdout).unwrap();
}

fn script(name: &str) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/ci");
    let mut call = Command::new("bash");
    call.arg(script.join(name));
    call
}

fn assets(dist: &Path, to: &Path, limit: &str) -> Output {
    let mut call = script("assets.sh");
    call.args([dist, to]).env("LIMIT", limit);
    call.output().unwrap()
}

fn refused(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(words), "{said}");
}

#[test]
fn each_target_has_an_archive_with_what_a_machine_installs() {
    let dir = tempfile::tempdir().unwrap();
    let dist = dir.path().join("dist");
    release(&dist, true);
    let made = |name: &str| {
        let to = dir.path().join(name);
        let output = assets(&dist, &to, "1000000");
        assert!(output.status.success(), "{output:?}");
        to
    };
    let (one, two) = (made("one"), made("two"));
    let mut names: Vec<String> = fs::read_dir(&one)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "SHA256SUMS",
        "manifest.json",
        "pgml-debian12-pg15.tar",
        "pgml-debian12-pg16.tar",
        "statement.intoto.json",
    ];
    assert_eq!(names, expected);
    for name in &names {
        assert_eq!(
            fs::read(one.join(name)).unwrap(),
            fs::read(two.join(name)).unwrap()
        );
    }
    let archive = fs::File::open(one.join("pgml-debian12-pg15.tar")).unwrap();
    let mut archive = tar::Archive::new(archive);
    let paths: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .filter(|path| !path.ends_with('/'))
        .collect();
    assert_eq!(paths, ["debian12-pg15/a.deb", "debian12/runtime.deb"]);
}

#[test]
fn what_no_forge_may_have_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (dist, to) = (dir.path().join("dist"), dir.path().join("to"));
    refused(&assets(&dist, &to, "1000000"), "is no release");
    release(&dist, false);
    refused(&assets(&dist, &to, "1000000"), "[\"debian12-pg15\"]");
    release(&dist, true);
    refused(&assets(&dist, &to, "5000"), "takes fewer than 5000");
    fs::write(dist.join("debian12-pg15/a.deb"), "x").unwrap();
    refused(&assets(&dist, &to, "1000000"), "not the one that was built");
}

#[test]
fn each_index_is_signed_once_by_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    let published = dir.path().join("published.json");
    let sign = |images: &str| {
        fs::write(&published, format!(r#"{{"images": [{images}]}}"#)).unwrap();
        let mut call = script("sign.sh");
        // `echo` stands for cosign, whose identity only a forge's runner has.
        call.arg(&published).env("COSIGN", "echo").output().unwrap()
    };
    let image =
        r#"{"name": "registry.example.org/team/pgml", "digest": "sha256:aa", "tags": ["16"]}"#;
    let signed = sign(&format!("{image}, {image}"));
    assert!(signed.status.success(), "{signed:?}");
    assert_eq!(
        String::from_utf8_lossy(&signed.stdout),
        "sign --yes --recursive registry.example.org/team/pgml@sha256:aa\n"
    );
    refused(&sign(""), "names no image");
}

#[test]
fn the_key_of_ssh_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let call = |key: &str| {
        let mut call = script("ssh.sh");
        call.env("HOME", dir.path()).env("SSH_KEY", key);
        call.env("KNOWN_HOSTS", "host ssh-ed25519 AA")
            .output()
            .unwrap()
    };
    refused(&call(""), "PGML_APT_SSH_KEY");
    assert!(call("a key").status.success());
    let key = dir.path().join(".ssh/id_ed25519");
    assert_eq!(fs::read_to_string(&key).unwrap(), "a key\n");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o077, 0);
}
