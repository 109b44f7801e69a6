//! Keys as publishers have them, made by gpg.

use super::*;
use base::exit::Exit;

#[test]
fn no_signature_is_older_than_its_key() {
    // Catches a repository that apt refuses from Debian 13 on.
    let dir = tempfile::tempdir().unwrap();
    let (log, release) = (dir.path().join("log"), dir.path().join("Release"));
    let mut key = SigningKey::local(&dir.path().join("key"), &log).unwrap();
    assert!((1..crate::rootfs::EPOCH).contains(&key.key.from));
    files::write(&release, "Origin: x\n").unwrap();
    let signed_at = |key: &SigningKey| -> u64 {
        key.sign_release(&release, crate::rootfs::EPOCH, &log)
            .unwrap();
        let packets = gpg(&dir.path().join("key"), true)
            .arg("--list-packets")
            .arg(release.with_file_name("Release.gpg"))
            .output(&log)
            .unwrap();
        let packets = String::from_utf8(packets).unwrap();
        let created = packets.split("created ").nth(1).unwrap();
        created.split(',').next().unwrap().parse().unwrap()
    };
    assert_eq!(signed_at(&key), crate::rootfs::EPOCH);
    // By name, as a user's: the same key, and one that is not there is an error.
    let home = dir.path().join("key");
    let named = SigningKey::of_user(&home, LOCAL_NAME, &log).unwrap();
    assert_eq!(named.fingerprint(), key.fingerprint());
    let error = SigningKey::of_user(&home, "nobody@example.org", &log)
        .err()
        .unwrap();
    assert_eq!(error.exit, Exit::Usage);
    // As with a key of another origin.
    key.key.from = crate::rootfs::EPOCH + 5;
    assert_eq!(signed_at(&key), key.key.from);
}

/// Catches a signature that meets the agent of the one before, which is about to end.
#[test]
fn many_signatures_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let (log, release) = (dir.path().join("log"), dir.path().join("Release"));
    files::write(&release, "Origin: x\n").unwrap();
    let home = dir.path().join("key");
    let key = SigningKey::local(&home, &log).unwrap();
    for _ in 0..8 {
        key.sign_release(&release, crate::rootfs::EPOCH, &log)
            .unwrap();
        assert!(!home.join("S.gpg-agent").exists());
    }
}

/// Catches a checkout in a deep directory, in which gpg's agent can't make its socket.
#[test]
fn a_long_path_signs_too() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a-directory-with-a-long-name".repeat(5));
    let (log, release) = (dir.path().join("log"), dir.path().join("Release"));
    files::write(&release, "Origin: x\n").unwrap();
    let key = SigningKey::local(&deep.join("key"), &log).unwrap();
    key.sign_release(&release, crate::rootfs::EPOCH, &log)
        .unwrap();
    let again = SigningKey::local(&deep.join("key"), &log).unwrap();
    assert_eq!(again.fingerprint(), key.fingerprint());
}

/// Catches an agent that outlives the run that started it, and with it the link that it knows its directory by.
#[test]
fn the_agent_of_a_killed_run_does_not_hide_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("long-name".repeat(12)).join("key");
    let log = dir.path().join("log");
    let key = SigningKey::local(&home, &log).unwrap();
    let fingerprint = key.fingerprint().to_owned();
    drop(key);
    assert!(!home.join("S.gpg-agent").exists());

    // As a user's, it leaves the agent running, as a killed run does.
    let killed = Home::of_user(&home).unwrap();
    assert!(
        list_secret_keys(&killed, None, &log)
            .unwrap()
            .contains(&fingerprint)
    );
    drop(killed);
    assert!(home.join("S.gpg-agent").exists());
    let again = SigningKey::local(&home, &log).unwrap();
    assert_eq!(again.fingerprint(), fingerprint);
}

/// Why a key of a user's, made by a command of gpg's in a directory of its own, can't sign.
fn refused(command: &[&str]) -> KeyError {
    let dir = tempfile::tempdir().unwrap();
    files::set_mode(dir.path(), 0o700).unwrap();
    let log = dir.path().join("log");
    let made = gpg(dir.path(), true)
        .args(["--passphrase", ""])
        .args(command.iter().copied())
        .run(&log);
    made.unwrap();
    let failure = SigningKey::of_user(dir.path(), "x@example.org", &log).err();
    stop_agent(dir.path(), &log);
    let failure = failure.unwrap();
    assert_eq!(failure.exit, Exit::Usage);
    failure.report.unwrap().downcast().unwrap()
}

const AGO: &str = "--faked-system-time=20240101T000000";

#[test]
fn keys_that_apt_refuses_are_refused() {
    let make = ["--quick-gen-key", "x@example.org"];
    let with = |before: &'static [&'static str], after: &'static [&'static str]| {
        [before, &make[..], after].concat()
    };
    let expired = with(&[AGO], &["ed25519", "sign", "20240201T000000"]);
    let weak = with(&[AGO], &["rsa1024", "sign", "never"]);
    let sha1 = with(
        &[AGO, "--cert-digest-algo", "SHA1"],
        &["ed25519", "sign", "never"],
    );
    let certifies = with(&[AGO], &["ed25519", "cert", "never"]);
    let error = refused(&expired);
    assert!(
        matches!(&error, KeyError::Expired { day, .. } if day.to_string() == "2024-02-01"),
        "{error}"
    );
    assert!(matches!(refused(&weak), KeyError::Weak { .. }));
    let error = refused(&sha1);
    assert!(
        matches!(
            &error,
            KeyError::BrokenBinding {
                digest: "SHA-1",
                ..
            }
        ),
        "{error}"
    );
    assert!(matches!(refused(&certifies), KeyError::DoesNotSign { .. }));
}

/// A signing subkey that is younger than the release, and one that was bound again after it: apt takes a signature only of
/// the time from which on all that binds the key is there.
#[test]
fn a_younger_subkey_signs_from_its_own_time_on() {
    let dir = tempfile::tempdir().unwrap();
    let (home, log) = (dir.path().join("home"), dir.path().join("log"));
    files::create_dir(&home).unwrap();
    files::set_mode(&home, 0o700).unwrap();
    let run = |arguments: &[&str]| {
        let program = gpg(&home, true).args(["--passphrase", ""]);
        program.args(arguments.iter().copied()).run(&log).unwrap();
    };
    run(&[
        AGO,
        "--quick-gen-key",
        "x@example.org",
        "ed25519",
        "cert",
        "never",
    ]);
    let listing = gpg(&home, true)
        .args(["--with-colons", "--list-keys"])
        .output(&log)
        .unwrap();
    let listing = String::from_utf8(listing).unwrap();
    let fingerprint = listing
        .lines()
        .find_map(|line| line.strip_prefix("fpr:::::::::"));
    let fingerprint = fingerprint.unwrap().trim_end_matches(':');
    let later = "--faked-system-time=20250101T000000!";
    run(&[
        later,
        "--quick-add-key",
        fingerprint,
        "ed25519",
        "sign",
        "never",
    ]);
    let key = SigningKey::of_user(&home, "x@example.org", &log).unwrap();
    assert_eq!(key.fingerprint(), fingerprint);
    let release = dir.path().join("Release");
    files::write(&release, "Origin: x\n").unwrap();
    key.sign_release(&release, 1_720_000_000, &log).unwrap();
    assert_eq!(key.key.from, 1_735_689_600, "2025-01-01");
    assert_ne!(key.key.signer, key.key.fingerprint);
    let ring = dir.path().join("ring.gpg");
    key.export(&ring, &log).unwrap();
    Program::new("gpgv")
        .args(["--keyring".as_ref(), ring.as_os_str()])
        .args([release.with_file_name("Release.gpg"), release.clone()])
        .run(&log)
        .unwrap();
    // Extended: the signature that binds it is new, and the old one is not exported.
    let again = "--faked-system-time=20260101T000000!";
    run(&[again, "--quick-set-expire", fingerprint, "20990101T000000"]);
    let key = SigningKey::of_user(&home, "x@example.org", &log).unwrap();
    assert_eq!(key.key.from, 1_767_225_600, "2026-01-01");
    assert!(
        key.expires()
            .is_some_and(|day| day.to_string().starts_with("20"))
    );
    stop_agent(&home, &log);
}
