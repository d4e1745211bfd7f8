//! HMAC-SHA256, which signs everything that these platforms sign.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::query::{RawQuery, SignedForm};

/// How a platform signs the query of a request that it sends through the seller's browser.
#[derive(Debug)]
pub(crate) struct QuerySignature {
    /// The parameter that holds the signature.
    pub(crate) parameter: &'static str,
    /// The forms that are tried, the likeliest first.
    pub(crate) forms: &'static [SignedForm],
    pub(crate) encoding: SignatureEncoding,
}

/// How a signature's bytes are written into a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureEncoding {
    Hex,
    /// With padding, and percent-encoded. Its `+` stands for itself, and is no space.
    Base64,
}

impl QuerySignature {
    /// The signature as bytes, if one of the secrets signed the query.
    pub(crate) fn verified_bytes(
        &self,
        query: &RawQuery<'_>,
        secrets: &[SecretString],
    ) -> Option<Vec<u8>> {
        self.signer(query, secrets)?;
        self.bytes(query)
    }

    /// Which of the secrets signed the query, if any did. Comparisons take the same time for every
    /// signature.
    pub(crate) fn signer(&self, query: &RawQuery<'_>, secrets: &[SecretString]) -> Option<usize> {
        let signature = self.bytes(query)?;
        let texts: Vec<String> = self
            .forms
            .iter()
            .filter_map(|&form| query.text_to_sign(form, self.parameter))
            .collect();
        secrets.iter().position(|secret| {
            texts.iter().any(|text| {
                mac(secret, [text.as_bytes()])
                    .verify_slice(&signature)
                    .is_ok()
            })
        })
    }

    fn bytes(&self, query: &RawQuery<'_>) -> Option<Vec<u8>> {
        match self.encoding {
            SignatureEncoding::Hex => hex::decode(query.value(self.parameter)?).ok(),
            SignatureEncoding::Base64 => {
                STANDARD.decode(query.percent_decoded(self.parameter)?).ok()
            }
        }
    }
}

/// Whether a platform shows the key that we know, in the same time for every text: what is compared are
/// MACs of the two, whose lengths and bytes say nothing about either.
pub(crate) fn is_same_key(known: &SecretString, shown: &str) -> bool {
    let shown = mac(&shown.into(), [b"key"]).finalize().into_bytes();
    mac(known, [b"key"]).verify_slice(&shown).is_ok()
}

/// The signature over the parts, one after the other, in lower-case hex.
pub(crate) fn sign<const N: usize>(secret: &SecretString, parts: [&[u8]; N]) -> String {
    hex::encode(mac(secret, parts).finalize().into_bytes())
}

/// Whether one of the secrets signed the body. The signature is hex or base64, which its length tells apart:
/// SHOPLINE's pages show the one and its library compares the other.
/// <https://github.com/shoplineos/shopline-sdk-go/blob/main/client/sign.go>
pub(crate) fn signs_body(secrets: &[SecretString], body: &[u8], signature: &str) -> bool {
    let signature = match signature.len() {
        64 => hex::decode(signature).ok(),
        44 => STANDARD.decode(signature).ok(),
        _ => None,
    };
    signature.is_some_and(|signature| {
        secrets
            .iter()
            .any(|secret| mac(secret, [body]).verify_slice(&signature).is_ok())
    })
}

/// Which of the secrets signed the text.
pub(crate) fn signer_of(secrets: &[SecretString], text: &[u8], signature: &[u8]) -> Option<usize> {
    secrets
        .iter()
        .position(|secret| mac(secret, [text]).verify_slice(signature).is_ok())
}

fn mac<const N: usize>(secret: &SecretString, parts: [&[u8]; N]) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}
