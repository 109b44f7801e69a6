//! Who this user is to a registry: from the files and helpers that `docker login`, `podman login` and others write.

use std::ffi::OsString;
use std::path::PathBuf;
use std::{fmt, fs, io};

use docker_credential::{CredentialRetrievalError, DockerCredential};

use super::RegistryError;

/// How a user proves who they are. It is never shown: its debug form has no part of it.
#[derive(Clone)]
pub enum Credential {
    /// A name and a password, or what a registry gives in place of one.
    Password(String, String),
    /// A token that is exchanged for others.
    IdentityToken(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// The files in which a user's credentials may be, the first one first.
fn files(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let below = |name: &str, path: &str| Some(PathBuf::from(variable(name)?).join(path));
    let known = [
        variable("REGISTRY_AUTH_FILE").map(PathBuf::from),
        below("XDG_RUNTIME_DIR", "containers/auth.json"),
        below("HOME", ".config/containers/auth.json"),
        below("DOCKER_CONFIG", "config.json").or_else(|| below("HOME", ".docker/config.json")),
    ];
    known.into_iter().flatten().collect()
}

/// The credential of this user for a registry's repositories below a namespace: from podman's and skopeo's `auth.json`
/// (`REGISTRY_AUTH_FILE`), then from Docker's `config.json` (`DOCKER_CONFIG`), each with its helpers. `None` where no
/// file has one.
pub fn find(host: &str, namespace: &str) -> Result<Option<Credential>, RegistryError> {
    let files = files(|name| std::env::var_os(name));
    find_in(&files, host, namespace)
}

fn find_in(
    files: &[PathBuf],
    host: &str,
    namespace: &str,
) -> Result<Option<Credential>, RegistryError> {
    for file in files {
        let json = match fs::read(file) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => return Err(wrong(host, "the file can't be read")),
        };
        for name in names(host, namespace) {
            match in_file(&json, &name) {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(reason) => return Err(wrong(host, reason)),
            }
        }
    }
    Ok(None)
}

fn wrong(host: &str, reason: &'static str) -> RegistryError {
    RegistryError::Credentials {
        host: host.to_owned(),
        reason,
    }
}

/// What a file says of a name. An error never has the words of the file or of a helper: they may be a password.
fn in_file(json: &[u8], name: &str) -> Result<Option<Credential>, &'static str> {
    use CredentialRetrievalError as Why;
    match docker_credential::get_credential_from_reader(json, name) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(Some(Credential::Password(user, password)))
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credential::IdentityToken(token))),
        // A helper that knows nothing of a name fails.
        Err(Why::NoCredentialConfigured | Why::HelperFailure { .. }) => Ok(None),
        Err(Why::HelperCommunicationError) => Err("its credential helper does not start"),
        Err(Why::MalformedHelperResponse) => Err("its credential helper answers something else"),
        Err(Why::ConfigReadError) => Err("the file is no JSON of that form"),
        Err(_) => Err("its entry in the file is damaged"),
    }
}

/// The names under which a credential may be kept, the narrowest first.
fn names(host: &str, namespace: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut path = namespace;
    while !path.is_empty() {
        names.push(format!("{host}/{path}"));
        path = path.rsplit_once('/').map_or("", |(above, _)| above);
    }
    names.push(host.to_owned());
    names.push(format!("https://{host}"));
    if host == "docker.io" || host.ends_with(".docker.io") {
        names.push("https://index.docker.io/v1/".to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_entry_is_looked_for_first() {
        let found = names("registry.example.org", "team/project");
        assert_eq!(
            found[..3],
            [
                "registry.example.org/team/project",
                "registry.example.org/team",
                "registry.example.org"
            ]
        );
    }

    #[test]
    fn a_file_is_read_and_a_damaged_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("auth.json");
        let found = || {
            find_in(
                &[dir.path().join("none"), file.clone()],
                "r.example.org",
                "a/b",
            )
        };
        assert!(found().unwrap().is_none());
        fs::write(
            &file,
            r#"{"auths":{"r.example.org/a":{"auth":"dXNlcjpwYXNz"}}}"#,
        )
        .unwrap();
        assert!(matches!(
            found().unwrap(),
            Some(Credential::Password(user, password)) if user == "user" && password == "pass"
        ));
        fs::write(
            &file,
            r#"{"auths":{"other.example.org":{"auth":"dXNlcjpwYXNz"}}}"#,
        )
        .unwrap();
        assert!(found().unwrap().is_none());
        for damaged in [
            "hunter2",
            r#"{"auths":{"r.example.org":{"auth":"aHVudGVyMg=="}}}"#,
        ] {
            fs::write(&file, damaged).unwrap();
            let error = found().unwrap_err().to_string();
            assert!(
                error.contains("r.example.org") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    /// Catches a credential in a debug line, and so in a log.
    #[test]
    fn a_credential_is_not_shown() {
        let credential = Credential::Password("user".into(), "hunter2".into());
        let token = Credential::IdentityToken("hunter2".into());
        assert!(!format!("{credential:?} {token:?}").contains("hunter2"));
    }
}
