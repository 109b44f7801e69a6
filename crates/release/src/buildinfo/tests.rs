//! A release with packages, and the file that is written for it.

use std::collections::BTreeMap;

use super::*;

fn targets() -> Targets {
    let text = include_str!("../../../../packaging/targets.toml");
    Targets::parse("targets.toml", text).unwrap()
}

const DEB: &str = "postgresql-15-pgml_3.0.0-1~debian12_amd64.deb";
const SYMBOLS: &str = "postgresql-15-pgml-dbgsym_3.0.0-1~debian12_amd64.deb";
const RUNTIME: &str = "pgml-python_3.0.0-1~debian12_amd64.deb";

/// A release of three packages, one of which is in the repository's pool.
fn release(release: &Path) -> Manifest {
    let artifact = |path: &str, kind, target: &str| {
        files::write(&release.join(path), path).unwrap();
        Artifact {
            path: path.to_owned(),
            kind,
            target: Some(target.to_owned()),
            size: path.len() as u64,
            sha256: Digest::of(path),
        }
    };
    Manifest {
        version: crate::publish::VERSION,
        release: "3.0.0-1".into(),
        epoch: 1_795_305_600,
        releasable: true,
        plan: Digest::of("plan"),
        builder: Some("debian11".into()),
        outdated: crate::outdated::Summary::default(),
        artifacts: vec![
            artifact(&format!("apt/pool/bookworm/{DEB}"), Kind::AptRepository, ""),
            artifact(
                &format!("debian12/{RUNTIME}"),
                Kind::PythonRuntime,
                "debian12",
            ),
            artifact(
                &format!("debian12-pg15/{SYMBOLS}"),
                Kind::DebugSymbols,
                "debian12-pg15",
            ),
            artifact(
                &format!("debian12-pg15/{DEB}"),
                Kind::Extension,
                "debian12-pg15",
            ),
        ],
        targets: BTreeMap::new(),
    }
}

#[test]
fn what_is_written_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut manifest = release(dir);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = Workspace {
        cache: dir.join("cache"),
        root,
    };
    let context = Context {
        workspace: &workspace,
        targets: &targets(),
        log: &dir.join("log"),
    };
    publish(dir, &mut manifest, &context).unwrap();
    let made = manifest
        .artifacts
        .iter()
        .filter(|a| a.kind == Kind::Buildinfo);
    let paths: Vec<&str> = made.map(|artifact| artifact.path.as_str()).collect();
    let name = DEB.replace(".deb", ".buildinfo");
    let in_pool = format!("apt/pool/bookworm/{name}");
    assert_eq!(
        paths,
        [
            &in_pool,
            "debian12/pgml-python_3.0.0-1~debian12_amd64.buildinfo"
        ]
    );
    let text = files::read_text(&dir.join(&in_pool)).unwrap();
    assert!(text.contains(" gcc (= "), "{text}");
    assert!(
        text.contains("Binary: postgresql-15-pgml postgresql-15-pgml-dbgsym\n"),
        "{text}"
    );
    let rebuild = Rebuild::read(&dir.join(&in_pool)).unwrap();
    assert_eq!(rebuild.epoch, manifest.epoch);
    let (file, digest, _) = &rebuild.files[0];
    assert_eq!(
        (file.as_str(), *digest),
        (DEB, Digest::of(format!("debian12-pg15/{DEB}")))
    );
    assert_eq!(
        rebuild.target(&targets()).unwrap().to_string(),
        "debian12-pg15"
    );
    let of_runtime = Rebuild::read(&dir.join(paths[1])).unwrap();
    assert_eq!(
        of_runtime.target(&targets()).unwrap().to_string(),
        "debian12-pg15"
    );
    assert!(
        files::read_text(&dir.join(paths[1]))
            .unwrap()
            .contains(" python3-pip (= ")
    );
}

#[test]
fn what_is_no_buildinfo_of_ours_is_refused() {
    let good = "Source: pgml\nBinary: postgresql-15-pgml\nArchitecture: amd64\nVersion: 1-1~debian12\nChecksums-Sha256:\n SUM 1 a.deb\n\
                Environment:\n SOURCE_DATE_EPOCH=\"1\"\n"
        .replace("SUM", &Digest::of("a").to_string());
    let read = Rebuild::parse(&good).unwrap();
    assert_eq!(read.files.len(), 1);
    for (from, to) in [
        ("SOURCE_DATE_EPOCH=\"1\"", "TZ=\"UTC\""),
        ("Version: 1-1~debian12\n", ""),
        ("Source: pgml", "Source: bash"),
        (" 1 a.deb", " x a.deb"),
        ("Checksums-Sha256", "Checksums-Sha1"),
    ] {
        assert!(Rebuild::parse(&good.replace(from, to)).is_err(), "{to}");
    }
    assert!(Rebuild::parse("").is_err());
    let elsewhere = Rebuild {
        version: "1-1~other99".into(),
        ..read
    };
    assert!(elsewhere.target(&targets()).is_err());
}
