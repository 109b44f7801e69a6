//! What gpg says of a key, and whether apt accepts what it signs.
//!
//! gpg signs with keys that apt refuses: it looks at a key as of the faked time of the signature, and it takes bindings by
//! SHA-1 that sqv, apt's reader since Debian 13, does not take.

use miette::Diagnostic;
use thiserror::Error;

use base::day::Day;
use base::exit::{Exit, ExitKind};

/// RSA keys with fewer bits are refused by apt.
const LEAST_RSA: u32 = 2048;
/// OpenPGP's numbers of algorithms: RSA (three of them), and DSA.
const RSA: [u32; 3] = [1, 2, 3];
const DSA: u32 = 17;
/// OpenPGP's numbers of digests that are broken: MD5, SHA-1, RIPEMD-160.
const BROKEN: [(u32, &str); 3] = [(1, "MD5"), (2, "SHA-1"), (3, "RIPEMD-160")];
/// The classes of signatures that bind: user ids, the key itself, a subkey.
const OF_USER_IDS: [&str; 4] = ["0x10", "0x11", "0x12", "0x13"];
const OF_KEY: &str = "0x1F";
const OF_SUBKEY: &str = "0x18";

/// A key that can't sign a repository.
#[derive(Debug, Error, Diagnostic, PartialEq, Eq)]
pub enum KeyError {
    /// gpg has no secret key of that name.
    #[error("gpg has no secret key `{id}` in {home}")]
    #[diagnostic(help(
        "`gpg --list-secret-keys` shows which there are; GNUPGHOME names another directory"
    ))]
    Absent {
        /// What was asked for.
        id: String,
        /// The directory that gpg looked in (GNUPGHOME).
        home: String,
    },
    /// Its time is over.
    #[error("the key {key} expired on {day}; apt refuses what it signs")]
    #[diagnostic(help(
        "extend it (`gpg --quick-set-expire {primary} 2y`, and the same with `'*'` behind it for its subkeys) and give users the new keyring, or sign with another key"
    ))]
    Expired {
        /// The key or subkey.
        key: String,
        /// The key that it belongs to.
        primary: String,
        /// The day, in UTC.
        day: Day,
    },
    /// Its owner took it back.
    #[error("the key {key} is revoked; apt refuses what it signs")]
    #[diagnostic(help("sign with another key; docs/publish.md tells how users get it"))]
    Revoked {
        /// The key or subkey.
        key: String,
    },
    /// gpg would not use it.
    #[error("gpg calls the key {key} {what}")]
    #[diagnostic(help("`gpg --edit-key {key}` shows it; sign with another key"))]
    Unusable {
        /// The fingerprint of the key or subkey.
        key: String,
        /// What gpg calls it.
        what: &'static str,
    },
    /// None of its parts signs.
    #[error("the key {key} has no part that signs and whose secret is here")]
    #[diagnostic(help(
        "`gpg --quick-add-key {key} ed25519 sign 2y` gives it a signing subkey; the secret of one may be on another machine"
    ))]
    DoesNotSign {
        /// The fingerprint of the primary key.
        key: String,
    },
    /// apt finds it too weak.
    #[error("the key {key} is {what}, which apt refuses")]
    #[diagnostic(help("make a new one: `gpg --quick-gen-key NAME ed25519 sign`"))]
    Weak {
        /// The fingerprint of the key or subkey.
        key: String,
        /// Its algorithm and size, such as `an RSA key of 1024 bits`.
        what: String,
    },
    /// A binding by a broken digest.
    #[error("{what} of the key {key} is bound by {digest}, which apt refuses since Debian 13")]
    #[diagnostic(help(
        "bind it again: `gpg --cert-digest-algo SHA512 --quick-set-expire {key} 2y` (with `'*'` behind it for its subkeys), and give users the new keyring"
    ))]
    BrokenBinding {
        /// The fingerprint of the primary key.
        key: String,
        /// What the signature binds: the user id, the key or a subkey.
        what: &'static str,
        /// The name of the broken digest, such as `SHA-1`.
        digest: &'static str,
    },
}

impl ExitKind for KeyError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// A key or a subkey in gpg's listing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Part {
    fingerprint: String,
    /// gpg's letter: `r` revoked, `e` expired, `d` disabled, `i` invalid.
    validity: String,
    bits: u32,
    algorithm: u32,
    created: u64,
    expires: Option<u64>,
    /// `s` where it signs.
    signs: bool,
    /// Whether gpg marks the whole key as disabled.
    disabled: bool,
    /// Whether its secret is here, on a card or in the agent.
    secret: bool,
}

/// A key with the part of it that signs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The fingerprint of the whole key.
    pub(super) fingerprint: String,
    /// The fingerprint of the part that signs, itself or a subkey.
    pub(super) signer: String,
    /// The first moment at which a signature is valid, seconds since 1970.
    pub(super) from: u64,
    /// When what it signs is no longer valid.
    pub(super) expires: Option<u64>,
}

impl Key {
    /// Chooses from gpg's listing of one key (`--with-colons --with-subkey-fingerprint --list-secret-keys`), as gpg does: the
    /// newest subkey that signs, else the key itself. `None` where nothing is listed.
    pub(super) fn choose(listing: &str) -> Result<Option<Self>, KeyError> {
        let parts = parts(listing);
        let Some((primary, subkeys)) = parts.split_first() else {
            return Ok(None);
        };
        primary.usable(primary)?;
        let mut signing: Vec<&Part> = subkeys
            .iter()
            .filter(|part| part.signs && part.secret)
            .collect();
        signing.sort_by_key(|part| part.created);
        let usable = |part: &&&Part| part.usable(primary).is_ok();
        let chosen = signing.iter().rev().find(usable).copied();
        let own = (primary.signs && primary.secret).then_some(primary);
        let signer = match (chosen.or(own), signing.last()) {
            (Some(signer), _) => signer,
            // What is wrong with the one that was meant.
            (None, Some(last)) => {
                last.usable(primary)?;
                last
            }
            (None, None) => {
                return Err(KeyError::DoesNotSign {
                    key: primary.fingerprint.clone(),
                });
            }
        };
        for part in [primary, signer] {
            part.strong()?;
        }
        Ok(Some(Self {
            fingerprint: primary.fingerprint.clone(),
            signer: signer.fingerprint.clone(),
            from: primary.created.max(signer.created),
            expires: [primary.expires, signer.expires]
                .into_iter()
                .flatten()
                .min(),
        }))
    }

    /// Looks at the signatures that bind its parts, in gpg's listing of its packets. A signature counts from the moment on
    /// at which all that binds its key was there: sqv looks at the key as of that moment, and an exported key has the
    /// newest bindings alone.
    pub(super) fn bind(&mut self, packets: &str) -> Result<(), KeyError> {
        for binding in bindings(packets) {
            let own = binding
                .keyid
                .is_some_and(|id| self.fingerprint.ends_with(id));
            let of_signer = binding.subkey.is_some_and(|id| self.signer.ends_with(id));
            let what = match binding.class {
                class if OF_USER_IDS.contains(&class) => "a user id",
                OF_KEY => "the key itself",
                OF_SUBKEY if of_signer => "the signing subkey",
                _ => continue,
            };
            if !own {
                continue; // somebody else's opinion
            }
            let broken = |digest: &u32| BROKEN.into_iter().find(|(number, _)| number == digest);
            if let Some((_, digest)) = binding.digests.iter().find_map(broken) {
                return Err(KeyError::BrokenBinding {
                    key: self.fingerprint.clone(),
                    what,
                    digest,
                });
            }
            self.from = self.from.max(binding.created);
        }
        Ok(())
    }
}

impl Part {
    /// Whether gpg, and apt, would use it at all.
    fn usable(&self, primary: &Self) -> Result<(), KeyError> {
        let key = || self.fingerprint.clone();
        match self.validity.as_str() {
            "r" => Err(KeyError::Revoked { key: key() }),
            "e" => Err(KeyError::Expired {
                key: key(),
                primary: primary.fingerprint.clone(),
                day: Day::of(self.expires.unwrap_or_default()),
            }),
            "i" => Err(KeyError::Unusable {
                key: key(),
                what: "invalid",
            }),
            _ if self.disabled || self.validity == "d" => Err(KeyError::Unusable {
                key: key(),
                what: "disabled",
            }),
            _ => Ok(()),
        }
    }

    /// Whether apt takes its algorithm.
    fn strong(&self) -> Result<(), KeyError> {
        let what = match self.algorithm {
            DSA => "a DSA key".to_owned(),
            rsa if RSA.contains(&rsa) && self.bits < LEAST_RSA => {
                format!("an RSA key of {} bits", self.bits)
            }
            _ => return Ok(()),
        };
        Err(KeyError::Weak {
            key: self.fingerprint.clone(),
            what,
        })
    }
}

/// The parts of the first key in a listing, itself first.
fn parts(listing: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for line in listing.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        match field(0) {
            "sec" if !parts.is_empty() => break,
            "sec" | "ssb" => parts.push(Part {
                validity: field(1).to_owned(),
                bits: field(2).parse().unwrap_or_default(),
                algorithm: field(3).parse().unwrap_or_default(),
                created: field(5).parse().unwrap_or_default(),
                expires: field(6).parse().ok(),
                signs: field(11).contains('s'),
                disabled: field(11).contains('D'),
                secret: field(14) != "#",
                ..Part::default()
            }),
            "fpr" => {
                if let Some(part) = parts.last_mut().filter(|part| part.fingerprint.is_empty()) {
                    part.fingerprint = field(9).to_owned();
                }
            }
            _ => {}
        }
    }
    parts
}

/// A signature that binds.
#[derive(Debug, Default)]
struct Binding<'t> {
    /// The id of the key that made the signature.
    keyid: Option<&'t str>,
    /// The subkey before it.
    subkey: Option<&'t str>,
    class: &'t str,
    created: u64,
    /// Of it, and of the one inside by which a signing subkey agrees.
    digests: Vec<u32>,
}

/// The binding signatures in the output of `gpg --list-packets`.
fn bindings(packets: &str) -> Vec<Binding<'_>> {
    let mut bindings: Vec<Binding<'_>> = Vec::new();
    let (mut subkey, mut in_signature) = (None, false);
    for line in packets.lines() {
        let value = |key: &str| -> Option<&str> {
            let (_, rest) = line.split_once(key)?;
            rest.split([',', ' ', ')']).next()
        };
        if line.starts_with(':') {
            in_signature = line.starts_with(":signature packet");
            if in_signature {
                bindings.push(Binding {
                    keyid: value("keyid "),
                    subkey,
                    ..Binding::default()
                });
            }
            continue;
        }
        match bindings.last_mut().filter(|_| in_signature) {
            None if line.trim_start().starts_with("keyid: ") => subkey = value("keyid: "),
            None => {}
            Some(binding) => {
                if let Some(created) = value("created ").filter(|_| line.contains("sigclass")) {
                    binding.created = created.parse().unwrap_or_default();
                    binding.class = value("sigclass ").unwrap_or_default();
                }
                let digest = value("digest algo ").and_then(|number| number.parse::<u32>().ok());
                binding.digests.extend(digest);
            }
        }
    }
    bindings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_subkey_that_signs_is_chosen() {
        let listing = "sec:u:255:22:A:100:::u:::cSC:::#::ed25519:::0:\nfpr:::::::::AA:\n\
            uid:u::::1::X::x::::::::::0:\n\
            ssb:u:255:22:B:200:300:::::s:::+::ed25519::\nfpr:::::::::BB:\n\
            ssb:r:255:22:C:250::::::s:::+::ed25519::\nfpr:::::::::CC:\n\
            ssb:u:255:18:D:260::::::e:::+::cv25519::\nfpr:::::::::DD:\n";
        let key = Key::choose(listing).unwrap().unwrap();
        assert_eq!(
            (
                key.fingerprint.as_str(),
                key.signer.as_str(),
                key.from,
                key.expires
            ),
            ("AA", "BB", 200, Some(300))
        );
        let expired = listing.replace("ssb:u:255:22:B", "ssb:e:255:22:B");
        let error = Key::choose(&expired).unwrap_err();
        assert_eq!(error, KeyError::Revoked { key: "CC".into() });
        assert_eq!(Key::choose("").unwrap(), None);
        let error = Key::choose("sec:u:255:22:A:100:::u:::cC:::+::ed25519:::0:\nfpr:::::::::AA:\n");
        assert_eq!(
            error.unwrap_err(),
            KeyError::DoesNotSign { key: "AA".into() }
        );
        let weak = "sec:u:1024:1:A:100:::u:::scSC:::+:::23::0:\nfpr:::::::::AA:\n";
        assert!(matches!(Key::choose(weak), Err(KeyError::Weak { .. })));
    }
}
