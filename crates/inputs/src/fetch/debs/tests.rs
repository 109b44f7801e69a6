//! Against a mirror made here, over apt's `file:` and `copy:` methods: no archive is contacted.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::Command;

use super::*;
use crate::fetch::mirrors::UserMirrors;
use base::digest::Digest;
use base::exit::{Exit, ExitKind as _};
use base::progress::Silent;
use loopback::Loopback;
use targets::Targets;

struct Mirror {
    dir: tempfile::TempDir,
    lock: Lock,
    store: Store,
}

impl Mirror {
    /// An archive of packages with plus signs and epochs, as real ones have, and a lock of them.
    fn new(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut text = format!(
            "version = 1\ndistribution = \"debian12\"\nconfig = \"{}\"\n\
             [[suite]]\narchive = \"debian\"\nname = \"bookworm\"\ndate = \"2026-01-01T00:00:00Z\"\n",
            Digest::of("")
        );
        for name in names {
            let tree = dir.path().join(format!("tree-{name}"));
            fs::create_dir_all(tree.join("DEBIAN")).unwrap();
            let control = format!(
                "Package: {name}\nVersion: 1:2.0+b1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: test\n"
            );
            fs::write(tree.join("DEBIAN/control"), control).unwrap();
            let path = format!("pool/{name}_2.0+b1_all.deb");
            let deb = dir.path().join("mirror").join(&path);
            fs::create_dir_all(deb.parent().unwrap()).unwrap();
            let built = Command::new("dpkg-deb")
                .args(["-b", "--root-owner-group"])
                .arg(tree)
                .arg(&deb)
                .output();
            assert!(built.unwrap().status.success());
            let (sha256, size) = Digest::of_file(&deb).unwrap();
            text.push_str(&format!(
                "[[package]]\nname = \"{name}\"\nversion = \"1:2.0+b1\"\narchitecture = \"all\"\nsha256 = \"{sha256}\"\n\
                 size = {size}\narchive = \"debian\"\npath = \"{path}\"\nroles = [\"base\"]\n"
            ));
        }
        Self {
            lock: toml::from_str(&text).unwrap(),
            store: Store::new(dir.path().join("store")),
            dir,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir
            .path()
            .join(format!("mirror/pool/{name}_2.0+b1_all.deb"))
    }

    fn mirrors(&self, method: &str) -> Mirrors {
        let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
        let mut mirrors = Mirrors::none();
        let uri = format!("debian={method}:{}/mirror", self.dir.path().display());
        mirrors
            .add_user(&Targets::load(&targets).unwrap(), &[uri])
            .unwrap();
        mirrors
    }

    fn fetch(&self, mirrors: &Mirrors) -> Result<Vec<PathBuf>, FetchError> {
        fetch_debs(
            &self.lock,
            &self.lock.packages("base"),
            mirrors,
            &self.store,
            &Silent,
        )
    }
}

#[test]
fn fetches_once_and_then_needs_no_archive() {
    for method in ["file", "copy"] {
        let mirror = Mirror::new(&["one", "two"]);
        let paths = mirror.fetch(&mirror.mirrors(method)).unwrap();
        for (path, package) in paths.iter().zip(&mirror.lock.packages) {
            assert_eq!(Digest::of_file(path).unwrap().0, package.sha256, "{method}");
            assert!(!path.is_symlink(), "{method}: the store has its own copy");
        }
        assert!(mirror.file("one").exists(), "the mirror keeps its own");
        assert_eq!(mirror.fetch(&Mirrors::none()).unwrap(), paths);
    }
}

#[test]
fn a_package_that_left_its_mirror_is_named_and_the_others_are_kept() {
    let mirror = Mirror::new(&["here", "lost"]);
    fs::remove_file(mirror.file("lost")).unwrap();
    let error = mirror.fetch(&mirror.mirrors("copy")).unwrap_err();
    let FetchError::Gone { packages, lock, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(packages, &[Absent::of(&mirror.lock.packages[1])]);
    assert_eq!(lock, "debian12");
    assert_eq!(error.exit(), Exit::CannotHere);
    assert!(mirror.store.contains(&mirror.lock.packages[0].sha256));
}

#[test]
fn what_left_its_mirror_comes_from_a_snapshot_service_that_the_user_enabled() {
    let mirror = Mirror::new(&["here", "old"]);
    let kept = mirror.dir.path().join("kept/20260101T000000Z/pool");
    fs::create_dir_all(&kept).unwrap();
    fs::rename(mirror.file("old"), kept.join("old_2.0+b1_all.deb")).unwrap();
    let mut mirrors = mirror.mirrors("copy");
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
    let uri = format!(
        "debian-snapshot=copy:{}/kept/{{time}}",
        mirror.dir.path().display()
    );
    mirrors
        .add_user(&Targets::load(&targets).unwrap(), &[uri])
        .unwrap();
    mirror.fetch(&mirrors).unwrap();
    assert!(mirror.store.contains(&mirror.lock.packages[1].sha256));
}

#[test]
fn over_http_too_a_lost_package_is_looked_for_in_the_store_then_at_the_snapshot_service_then_named()
{
    let mirror = Mirror::new(&["here", "old"]);
    let served = |names: &[&str], below: &str| {
        let file = |name: &&str| {
            let path = format!("{below}pool/{name}_2.0+b1_all.deb");
            (path, mirror.file(name))
        };
        Loopback::of_files(names.iter().map(file).collect()).unwrap()
    };
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
    let targets = Targets::load(&targets).unwrap();
    let archive = served(&["here"], "");
    let service = served(&["old"], "20260101T000000Z/");
    let enabled = |uris: &[String]| {
        let mut mirrors = Mirrors::none();
        mirrors.add_user(&targets, uris).unwrap();
        mirrors
    };
    let only = format!("debian={}", archive.uri(""));
    let error = mirror
        .fetch(&enabled(std::slice::from_ref(&only)))
        .unwrap_err();
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(
        error.to_string().contains("`old 1:2.0+b1` is gone"),
        "{error}"
    );
    assert!(
        help.contains("`cargo xtask lock --update debian12`"),
        "{help}"
    );
    assert_eq!(service.asked(), 0, "nobody enabled it");
    let both = [only, format!("debian-snapshot={}{{time}}", service.uri(""))];
    mirror.fetch(&enabled(&both)).unwrap();
    let asked = (archive.asked(), service.asked());
    mirror.fetch(&enabled(&both)).unwrap();
    assert_eq!(
        asked,
        (archive.asked(), service.asked()),
        "what is stored is asked for again"
    );
}

#[test]
fn a_snapshot_service_that_hangs_is_given_up_and_the_package_is_gone() {
    let mirror = Mirror::new(&["here", "lost"]);
    fs::remove_file(mirror.file("lost")).unwrap();
    let mut mirrors = mirror.mirrors("copy");
    // Connections are taken by the kernel, and nobody ever answers.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
    let address = silent.local_addr().unwrap();
    let uri = format!("debian-snapshot=http://{address}/{{time}}");
    mirrors
        .add_user(&Targets::load(&targets).unwrap(), &[uri])
        .unwrap();
    mirrors.patience = 1;
    let error = mirror.fetch(&mirrors).unwrap_err();
    let FetchError::Gone { packages, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(packages[0].name, "lost");
    assert!(mirror.store.contains(&mirror.lock.packages[0].sha256));
}

#[test]
fn a_snapshot_service_that_serves_something_else_is_refused_by_name() {
    let mirror = Mirror::new(&["here", "lost"]);
    let kept = mirror.dir.path().join("kept/20260101T000000Z/pool");
    fs::create_dir_all(&kept).unwrap();
    let size = fs::metadata(mirror.file("lost")).unwrap().len();
    fs::remove_file(mirror.file("lost")).unwrap();
    fs::write(kept.join("lost_2.0+b1_all.deb"), vec![b'x'; size as usize]).unwrap();
    let mut mirrors = mirror.mirrors("copy");
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
    let uri = format!(
        "debian-snapshot=copy:{}/kept/{{time}}",
        mirror.dir.path().display()
    );
    mirrors
        .add_user(&Targets::load(&targets).unwrap(), &[uri])
        .unwrap();
    let error = mirror.fetch(&mirrors).unwrap_err();
    assert!(
        matches!(&error, FetchError::WrongHash { what, .. } if what.starts_with("lost")),
        "{error:?}"
    );
    assert_eq!(error.exit(), Exit::CheckFailed);
}

#[test]
fn other_contents_are_refused_and_not_kept() {
    for method in ["file", "copy"] {
        let mirror = Mirror::new(&["same", "turned"]);
        let size = fs::metadata(mirror.file("turned")).unwrap().len();
        fs::write(mirror.file("turned"), vec![b'x'; size as usize]).unwrap();
        let error = mirror.fetch(&mirror.mirrors(method)).unwrap_err();
        assert!(
            matches!(&error, FetchError::WrongHash { what, .. } if what.starts_with("turned")),
            "{error:?}"
        );
        assert_eq!(error.exit(), Exit::CheckFailed);
        assert!(!mirror.store.contains(&mirror.lock.packages[1].sha256));
    }
}

#[test]
fn an_archive_that_is_not_enabled_is_exit_3_with_the_way_to_enable_it() {
    let mirror = Mirror::new(&["one"]);
    let error = mirror.fetch(&Mirrors::none()).unwrap_err();
    assert_eq!(error.exit(), Exit::CannotHere);
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(help.contains("--mirror debian=URI"), "{help}");
}

#[test]
fn a_mirror_that_does_not_answer_is_exit_3() {
    let mirror = Mirror::new(&["one"]);
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/targets.toml");
    let mut mirrors = Mirrors::none();
    // Port 9 of this machine: refused at once, and nobody else is asked.
    let uri = "debian=http://127.0.0.1:9/debian".to_owned();
    mirrors
        .add_user(&Targets::load(&targets).unwrap(), &[uri])
        .unwrap();
    let error = mirror.fetch(&mirrors).unwrap_err();
    assert!(
        matches!(&error, FetchError::Unreachable { what, .. } if what.starts_with("one")),
        "{error:?}"
    );
    assert_eq!(error.exit(), Exit::CannotHere);
}

#[test]
#[ignore = "fetches 260 MB from this machine's archives into PGML_DIST_CACHE"]
fn fetches_the_committed_locks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let targets = Targets::load(&root.join("packaging/targets.toml")).unwrap();
    let store = Store::new(Path::new(&std::env::var("PGML_DIST_CACHE").unwrap()).join("store"));
    let user = UserMirrors {
        no_snapshot: true,
        ..UserMirrors::default()
    };
    let mirrors = Mirrors::discover(&targets, &user, Path::new("/dev/null")).unwrap();
    for (distribution, roles) in [
        ("debian11", &["builder"][..]),
        ("debian12", &["base", "test"]),
    ] {
        let lock = Lock::load(&root.join(format!("packaging/lock/{distribution}.toml"))).unwrap();
        let start = std::time::Instant::now();
        let packages = lock.packages_of(roles);
        fetch_debs(&lock, &packages, &mirrors, &store, &Silent).unwrap();
        let size: u64 = packages.iter().map(|p| p.size).sum();
        eprintln!(
            "{distribution} {roles:?}: {} packages, {size} bytes, {:?}",
            packages.len(),
            start.elapsed()
        );
        let again = std::time::Instant::now();
        fetch_debs(&lock, &packages, &Mirrors::none(), &store, &Silent).unwrap();
        eprintln!("again: {:?}", again.elapsed());
    }
}
