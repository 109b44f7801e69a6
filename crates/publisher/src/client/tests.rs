//! The client against a server on the loopback interface that answers as a registry would.

use std::sync::Mutex;

use super::*;

#[test]
fn only_loopback_speaks_without_tls() {
    for host in [
        "localhost:5000",
        "127.0.0.1",
        "127.8.8.8:5000",
        "[::1]:5000",
    ] {
        assert!(is_loopback(host), "{host}");
    }
    for host in [
        "registry.example.org",
        "localhost.example.org",
        "10.0.0.1:5000",
        "",
    ] {
        assert!(!is_loopback(host), "{host}");
    }
}

fn registry(server: &loopback::Loopback) -> Registry {
    let address = server.uri("");
    let host = address.trim_start_matches("http://").trim_end_matches('/');
    Registry::new(host, false, None).unwrap()
}

/// Catches a changed blob or manifest that is taken for the one that was asked for.
#[test]
fn other_bytes_under_a_digest_are_an_error() {
    let server = loopback::Loopback::start(|_| loopback::Answer::Bytes(b"{}".to_vec())).unwrap();
    let registry = registry(&server);
    let (right, wrong) = (Digest::of("{}"), Digest::of("other"));
    assert_eq!(registry.blob("a", &right).unwrap(), b"{}");
    assert!(registry.blob("a", &wrong).is_err());
    let by_digest = |digest: &Digest| registry.manifest("a", &format!("sha256:{digest}"));
    assert_eq!(by_digest(&right).unwrap().unwrap().bytes, b"{}");
    assert!(by_digest(&wrong).is_err());
    // Whatever it is, it is no index of referrers.
    assert_eq!(registry.referrers("a", &right).unwrap(), None);
}

#[test]
fn a_refusal_is_told_with_what_to_do() {
    let server = loopback::Loopback::start(|_| loopback::Answer::Status(403)).unwrap();
    let registry = registry(&server);
    let error = registry.has_blob("a", &Digest::of("x")).unwrap_err();
    let help = miette::Diagnostic::help(&error).unwrap().to_string();
    assert!(help.contains("log in"), "{help}");
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
}

/// Catches an upload that gives up at the first answer of a registry that is busy.
#[test]
fn a_busy_registry_is_asked_again() {
    let asked = Mutex::new(0);
    let server = loopback::Loopback::start(move |_| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        match *asked {
            1 => loopback::Answer::Status(503),
            _ => loopback::Answer::Bytes(Vec::new()),
        }
    });
    let server = server.unwrap();
    let registry = registry(&server);
    assert!(registry.has_blob("a", &Digest::of("x")).unwrap());
}
