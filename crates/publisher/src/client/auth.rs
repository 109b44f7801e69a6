//! The two ways in which registries let somebody in: a name and a password, or a token from another server.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Registry;
use super::credentials::Credential;
use super::error::RegistryError;
use super::request::read;

/// The largest answer of a token server, in bytes.
const LARGEST_TOKEN: u64 = 1 << 20;

/// The value of the header `Authorization`. Its debug form has no part of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(String);

impl Authorization {
    /// The value for the header, for the request itself.
    pub fn value(&self) -> &str {
        &self.0
    }

    fn basic(user: &str, password: &str) -> Self {
        Self(format!(
            "Basic {}",
            STANDARD.encode(format!("{user}:{password}"))
        ))
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(…)")
    }
}

/// What a registry asks for in `WWW-Authenticate`.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    /// A token of this server.
    Bearer {
        realm: String,
        service: String,
    },
}

/// Reads the header; `None` for a way that is not known here.
fn challenge(header: &str) -> Option<Challenge> {
    let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service) = (None, String::new());
    let mut rest = rest;
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        match name.trim_matches([' ', ',']).to_ascii_lowercase().as_str() {
            "realm" => realm = Some(value.to_owned()),
            "service" => service = value.to_owned(),
            _ => {}
        }
        rest = next;
    }
    realm.map(|realm| Challenge::Bearer { realm, service })
}

impl Registry {
    /// What to show for a repository after an answer with status 401; `None` where there is nothing else to show.
    pub(super) fn authorize(
        &self,
        header: &str,
        repository: &str,
    ) -> Result<Option<Authorization>, RegistryError> {
        match challenge(header) {
            None => Ok(None),
            Some(Challenge::Basic) => Ok(match &self.credential {
                Some(Credential::Password(user, password)) => {
                    Some(Authorization::basic(user, password))
                }
                _ => None,
            }),
            Some(Challenge::Bearer { realm, service }) => {
                self.token(&realm, &service, repository).map(Some)
            }
        }
    }

    /// A token for a repository: with the credential of this user where there is one, otherwise as anybody gets it.
    fn token(
        &self,
        realm: &str,
        service: &str,
        repository: &str,
    ) -> Result<Authorization, RegistryError> {
        let actions = match self.credential {
            Some(_) => "pull,push",
            None => "pull",
        };
        let scope = format!("repository:{repository}:{actions}");
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let query = format!("service={}&scope={}", encode(service), encode(&scope));
        // A password goes to the registry's own token server only by TLS, or on this machine.
        if realm.starts_with("http://") && self.base.starts_with("https://") {
            return Err(self.malformed("sends credentials to a server without TLS"));
        }
        let server = realm.split('/').nth(2).unwrap_or_default().to_owned();
        let unreachable = |error: ureq::Error| RegistryError::Unreachable {
            host: server.clone(),
            reason: error.to_string(),
        };
        let response = match &self.credential {
            Some(Credential::IdentityToken(token)) => {
                let form = format!(
                    "grant_type=refresh_token&client_id=pgml-dist&refresh_token={}&{query}",
                    encode(token)
                );
                let post = self.agent.post(realm);
                post.header("content-type", "application/x-www-form-urlencoded")
                    .send(form)
            }
            credential => {
                let join = if realm.contains('?') { '&' } else { '?' };
                let mut get = self.agent.get(format!("{realm}{join}{query}"));
                if let Some(Credential::Password(user, password)) = credential {
                    get = get.header(
                        "authorization",
                        Authorization::basic(user, password).value(),
                    );
                }
                get.call()
            }
        };
        let answer = read(response.map_err(unreachable)?, LARGEST_TOKEN).map_err(unreachable)?;
        let place = format!(
            "{server}, which grants access to {}/{repository},",
            self.host
        );
        if answer.status != 200 {
            return Err(RegistryError::Denied {
                place,
                said: answer.said(),
                anonymous: self.credential.is_none(),
            });
        }
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = ["token", "access_token"]
            .iter()
            .find_map(|name| json[*name].as_str());
        token
            .map(|token| Authorization(format!("Bearer {token}")))
            .ok_or_else(|| self.malformed("has a token server that answers without a token"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: &str| Challenge::Bearer {
            realm: realm.into(),
            service: service.into(),
        };
        for (header, expected) in [
            ("Basic realm=\"a, b\"", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://auth.example.org/token\",service=\"r, s\",scope=\"x\"",
                Some(bearer("https://auth.example.org/token", "r, s")),
            ),
            (
                "bearer service=r, realm=\"https://auth.example.org/t\"",
                Some(bearer("https://auth.example.org/t", "r")),
            ),
            ("Bearer service=\"r\"", None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(challenge(header), expected, "{header}");
        }
    }

    #[test]
    fn an_authorization_is_not_shown() {
        let shown = Authorization::basic("user", "hunter2");
        assert!(!format!("{shown:?}").contains(&shown.value()[6..]));
    }
}
