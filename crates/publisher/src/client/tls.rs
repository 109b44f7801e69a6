//! TLS: the certificates that this machine trusts, which its administrator decides, and no others.

use std::sync::Arc;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::RegistryError;

/// Where distributions keep the certificates that they trust, in one file.
const BUNDLES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// The configuration for a connection to a registry.
pub fn config() -> Result<TlsConfig, RegistryError> {
    let given = std::env::var("SSL_CERT_FILE").ok();
    let known = BUNDLES
        .iter()
        .find(|file| std::path::Path::new(file).exists());
    let file = given.unwrap_or_else(|| known.unwrap_or(&BUNDLES[0]).to_string());
    let wrong = |reason: String| RegistryError::Certificates {
        file: file.clone(),
        reason,
    };
    let pem = std::fs::read(&file).map_err(|error| wrong(error.to_string()))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(wrong("it has no certificate".into()));
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}
