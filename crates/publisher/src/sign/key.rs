//! The user's key: ECDSA on P-256, as `cosign generate-key-pair` makes it, or in one of openssl's two forms.
//!
//! Signatures are deterministic (RFC 6979): what is signed again is the same bytes, so that a registry has it already.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Nonce, XSalsa20Poly1305};
use miette::Diagnostic;
use p256::ecdsa::signature::{DigestSigner as _, DigestVerifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::elliptic_curve::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use serde::Deserialize;
use sha2::Sha256;
use thiserror::Error;

use base::exit::{Exit, ExitKind};

/// The variable with the password of a key that cosign made.
pub const PASSWORD: &str = "COSIGN_PASSWORD";
/// The most memory that opening a key may take, in bytes: cosign's own parameters take 64 MiB.
const LARGEST_SCRYPT: u64 = 1 << 30;

/// Why there is no key. No error has a part of one.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file can't be read.
    #[error("can't read the key {}: {reason}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// It is no key that this program reads.
    #[error("{} is no key that signs here: {what}", file.display())]
    Form {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The password is missing, or another one.
    #[error("the password of the key {} is {what}", file.display())]
    Password {
        /// The file.
        file: PathBuf,
        /// `missing` or `wrong`.
        what: &'static str,
    },
}

impl Diagnostic for KeyError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(match self {
            Self::Unreadable { .. } | Self::Form { .. } => {
                "`cosign generate-key-pair` makes cosign.key and cosign.pub; `openssl ecparam -genkey -name prime256v1` makes a key too"
            }
            Self::Password { .. } => {
                "set COSIGN_PASSWORD to the password that the key was made with"
            }
        }))
    }
}

impl ExitKind for KeyError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// A key that signs.
pub struct Key(SigningKey);

/// A key that verifies.
pub struct PublicKey(VerifyingKey);

/// cosign's form of an encrypted key.
#[derive(Deserialize)]
struct Encrypted {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: ScryptParams,
    salt: String,
}

#[derive(Deserialize)]
struct ScryptParams {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Why the contents of a file are no key.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Form(&'static str),
    Password(&'static str),
}

impl Key {
    /// Reads a key; `password` is that of a key that cosign made.
    pub fn load(file: &Path, password: Option<&str>) -> Result<Self, KeyError> {
        let text = read(file)?;
        parse(&text, password)
            .map(Self)
            .map_err(|wrong| match wrong {
                Wrong::Form(what) => KeyError::Form {
                    file: file.to_owned(),
                    what,
                },
                Wrong::Password(what) => KeyError::Password {
                    file: file.to_owned(),
                    what,
                },
            })
    }

    /// The signature of what a hash was fed with, as cosign writes it.
    pub fn sign(&self, hashed: Sha256) -> String {
        let signature: Signature = self.0.sign_digest(hashed);
        STANDARD.encode(signature.to_der())
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }
}

impl PublicKey {
    /// Reads `cosign.pub`.
    pub fn load(file: &Path) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_public_key_pem(&read(file)?);
        key.map(Self).map_err(|_| KeyError::Form {
            file: file.to_owned(),
            what: "it has no public key on the curve P-256",
        })
    }

    /// Whether a signature, as cosign writes it, is of what a hash was fed with.
    pub fn verifies(&self, hashed: Sha256, signature: &str) -> bool {
        let der = STANDARD.decode(signature.trim()).unwrap_or_default();
        Signature::from_der(&der)
            .is_ok_and(|signature| self.0.verify_digest(hashed, &signature).is_ok())
    }
}

fn read(file: &Path) -> Result<String, KeyError> {
    std::fs::read_to_string(file).map_err(|reason| KeyError::Unreadable {
        file: file.to_owned(),
        reason,
    })
}

fn parse(text: &str, password: Option<&str>) -> Result<SigningKey, Wrong> {
    // openssl writes the curve's parameters before an EC key.
    let begin = text
        .match_indices("-----BEGIN ")
        .map(|(at, _)| &text[at..])
        .find(|block| !block.starts_with("-----BEGIN EC PARAMETERS-----"))
        .ok_or(Wrong::Form("it is no PEM file"))?;
    let label = begin
        .trim_start_matches("-----BEGIN ")
        .split("-----")
        .next()
        .unwrap_or_default();
    let of_curve = Wrong::Form("it is not of the curve P-256");
    match label {
        "PRIVATE KEY" => SigningKey::from_pkcs8_pem(begin).map_err(|_| of_curve),
        "EC PRIVATE KEY" => p256::SecretKey::from_sec1_pem(begin)
            .map(SigningKey::from)
            .map_err(|_| of_curve),
        "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
            let body: String = begin
                .lines()
                .skip(1)
                .take_while(|line| !line.starts_with("-----END"))
                .map(str::trim)
                .collect();
            let der = decrypt(&body, password.ok_or(Wrong::Password("missing"))?)?;
            SigningKey::from_pkcs8_der(&der).map_err(|_| of_curve)
        }
        _ => Err(Wrong::Form("it holds something else")),
    }
}

/// Opens what cosign encrypted: scrypt makes the key of a secret box from the password.
fn decrypt(body: &str, password: &str) -> Result<Vec<u8>, Wrong> {
    let damaged = || Wrong::Form("it is damaged");
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| damaged());
    let encrypted: Encrypted = serde_json::from_slice(&bytes(body)?).map_err(|_| damaged())?;
    if encrypted.kdf.name != "scrypt" || encrypted.cipher.name != "nacl/secretbox" {
        return Err(Wrong::Form(
            "it is encrypted in a way that is not known here",
        ));
    }
    let ScryptParams { n, r, p } = encrypted.kdf.params;
    let memory = n.saturating_mul(u64::from(r)).saturating_mul(128);
    if !n.is_power_of_two() || n < 2 || memory > LARGEST_SCRYPT {
        return Err(damaged());
    }
    let log_n = n.trailing_zeros() as u8; // INVARIANT: at most 63
    let params = scrypt::Params::new(log_n, r, p, 32).map_err(|_| damaged())?;
    let mut key = [0; 32];
    let salt = bytes(&encrypted.kdf.salt)?;
    scrypt::scrypt(password.as_bytes(), &salt, &params, &mut key).map_err(|_| damaged())?;
    let nonce: [u8; 24] = bytes(&encrypted.cipher.nonce)?
        .try_into()
        .map_err(|_| damaged())?;
    let sealed = bytes(&encrypted.ciphertext)?;
    XSalsa20Poly1305::new(&key.into())
        .decrypt(&Nonce::from(nonce), sealed.as_slice())
        .map_err(|_| Wrong::Password("wrong"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest as _;

    /// Made by `cosign generate-key-pair` of Debian 13 for this test, with the password `test`.
    const COSIGN: &str = include_str!("test-cosign.key");
    const COSIGN_PUBLIC: &str = include_str!("test-cosign.pub");

    fn hashed(text: &str) -> Sha256 {
        Sha256::new_with_prefix(text)
    }

    #[test]
    fn cosigns_own_key_opens_with_its_password_alone() {
        let key = Key(parse(COSIGN, Some("test")).unwrap());
        let public = PublicKey(VerifyingKey::from_public_key_pem(COSIGN_PUBLIC).unwrap());
        let signature = key.sign(hashed("text"));
        assert!(public.verifies(hashed("text"), &signature));
        assert!(!public.verifies(hashed("texT"), &signature));
        assert!(!public.verifies(hashed("text"), "bm8="));
        assert!(key.public().verifies(hashed("text"), &signature));
        // The same bytes each time.
        assert_eq!(signature, key.sign(hashed("text")));
        assert_eq!(parse(COSIGN, Some("other")), Err(Wrong::Password("wrong")));
        assert_eq!(parse(COSIGN, None), Err(Wrong::Password("missing")));
    }

    #[test]
    fn what_is_no_key_is_refused_in_words() {
        for text in [
            "",
            "text",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
        ] {
            assert!(
                matches!(parse(text, Some("x")), Err(Wrong::Form(_))),
                "{text}"
            );
        }
    }
}
