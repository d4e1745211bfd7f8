//! Who really sent this request: HTTP message signatures
//! (RFC 9421, <https://www.rfc-editor.org/rfc/rfc9421>) over a body digest
//! (RFC 9530, <https://www.rfc-editor.org/rfc/rfc9530>), keyed with the institution's `app_secret`.
//!
//! Everything here is a function of the request's bytes, so that each way to sign wrongly is a row of a table.

mod components;
mod error;
mod fields;

use std::fmt;

use actix_web::http::header::HeaderMap;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sfv::{BareItem, InnerList, ListEntry, Parameters};
use sha2::{Digest, Sha256};
use url::Url;

pub(crate) use error::SignatureError;
use fields::{Dictionary, Member};

/// How far a signer's clock may be from ours, on either side.
const CLOCK_WINDOW: TimeDelta = TimeDelta::seconds(300);

const MAX_NONCE_CHARS: usize = 256;

/// What is signed of a request.
#[derive(Clone, Copy)]
pub(crate) struct SignedRequest<'a> {
    pub method: &'a str,
    /// The path as it was received, percent-encoding and all. A path of `public_url` stands in front of it
    /// in every component, since that is what the signer saw.
    pub path: &'a str,
    /// What follows a `?`, which no call allows.
    pub query: Option<&'a str>,
    /// Where institutions reach us: the `Host` header is a proxy's word.
    pub public_url: &'a Url,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// A signature that covers what it must, over bytes that are as its digest says. Whether its maker knows
/// the secret is for [`verify`] to find out.
pub(crate) struct ReceivedSignature {
    pub keyid: String,
    pub created: DateTime<Utc>,
    pub expires: Option<DateTime<Utc>>,
    pub nonce: String,
    /// Holds the access token, as a covered header.
    base: Vec<u8>,
    signature: Vec<u8>,
}

impl fmt::Debug for ReceivedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedSignature")
            .field("keyid", &self.keyid)
            .field("created", &self.created)
            .field("expires", &self.expires)
            .field("nonce", &self.nonce)
            .finish_non_exhaustive()
    }
}

impl ReceivedSignature {
    /// Refuses a signature that was made more than 300 seconds before or after `now`, or whose own
    /// `expires` has passed.
    pub(crate) fn check_window(&self, now: DateTime<Utc>) -> Result<(), SignatureError> {
        if (now - self.created).abs() > CLOCK_WINDOW {
            return Err(SignatureError::Expired);
        }
        if self.expires.is_some_and(|expires| expires < now) {
            return Err(SignatureError::Expired);
        }
        Ok(())
    }
}

/// Reads the signature that `app_id` made. An error says what is missing from the request, and nothing
/// about what would have been right.
pub(crate) fn parse(
    request: &SignedRequest<'_>,
    app_id: &str,
) -> Result<ReceivedSignature, SignatureError> {
    if request.query.is_some() {
        return Err(SignatureError::QueryString);
    }
    let inputs = Dictionary::read(request.headers, "Signature-Input")?;
    let signatures = Dictionary::read(request.headers, "Signature")?;
    let (input, signature) = choose(&inputs, &signatures, app_id)?;
    let ListEntry::InnerList(list) = &input.value else {
        return Err(SignatureError::Malformed("Signature-Input"));
    };
    let signature = signature
        .bytes()
        .ok_or(SignatureError::Malformed("Signature"))?;

    let keyid = string(&list.params, "keyid")?.ok_or(SignatureError::NoParameter("keyid"))?;
    if keyid != app_id {
        return Err(SignatureError::OtherKeyid);
    }
    let created = time(&list.params, "created")?.ok_or(SignatureError::NoParameter("created"))?;
    let expires = time(&list.params, "expires")?;
    let nonce = string(&list.params, "nonce")?.ok_or(SignatureError::NoParameter("nonce"))?;
    if nonce.is_empty() || nonce.len() > MAX_NONCE_CHARS {
        return Err(SignatureError::NonceLength);
    }
    // The key decides what the algorithm is; a header that says otherwise is a mistake worth telling.
    if string(&list.params, "alg")?.is_some_and(|alg| alg != "hmac-sha256") {
        return Err(SignatureError::OtherAlgorithm);
    }

    let covered = components::read(list)?;
    components::require(&covered, request.headers)?;
    let base = components::signature_base(&covered, &input.raw, request)?;
    check_digest(request)?;
    Ok(ReceivedSignature {
        keyid: keyid.to_owned(),
        created,
        expires,
        nonce: nonce.to_owned(),
        base,
        signature: signature.to_vec(),
    })
}

/// Whether one of the secrets made this signature. Each live secret is tried, in constant time, so that a
/// secret can be replaced while calls are under way.
pub(crate) fn verify(received: &ReceivedSignature, secrets: &[SecretString]) -> bool {
    secrets.iter().any(|secret| {
        is_mac_of(
            &received.signature,
            &received.base,
            secret.expose_secret().as_bytes(),
        )
    })
}

fn is_mac_of(signature: &[u8], base: &[u8], key: &[u8]) -> bool {
    Hmac::<Sha256>::new_from_slice(key)
        .is_ok_and(|mac| mac.chain_update(base).verify_slice(signature).is_ok())
}

/// Proxies may sign too: of several signatures ours is the one with the caller's keyid. Where two have it,
/// one of them would go unchecked, so both are refused.
fn choose<'a>(
    inputs: &'a Dictionary,
    signatures: &'a Dictionary,
    app_id: &str,
) -> Result<(&'a Member, &'a Member), SignatureError> {
    let pairs: Vec<_> = inputs
        .members
        .iter()
        .filter_map(|input| Some((input, signatures.find(&input.label)?)))
        .collect();
    let mut ours = pairs.iter().filter(|(input, _)| {
        let ListEntry::InnerList(InnerList { params, .. }) = &input.value else {
            return false;
        };
        matches!(string(params, "keyid"), Ok(Some(keyid)) if keyid == app_id)
    });
    match (ours.next(), ours.next(), pairs.as_slice()) {
        // The only one there is may not be ours; what it lacks is told by the checks that follow.
        (Some(pair), None, _) | (None, _, [pair]) => Ok(*pair),
        (Some(_), Some(_), _) => Err(SignatureError::Ambiguous),
        (None, _, []) => Err(SignatureError::NoLabel),
        (None, _, _) => Err(SignatureError::OtherKeyid),
    }
}

fn string<'a>(
    params: &'a Parameters,
    name: &'static str,
) -> Result<Option<&'a str>, SignatureError> {
    match params.get(name) {
        Some(BareItem::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(SignatureError::NotAString(name)),
        None => Ok(None),
    }
}

fn time(params: &Parameters, name: &'static str) -> Result<Option<DateTime<Utc>>, SignatureError> {
    let Some(value) = params.get(name) else {
        return Ok(None);
    };
    let secs = value.as_integer().map(i64::from);
    match secs.and_then(|secs| DateTime::from_timestamp(secs, 0)) {
        Some(time) => Ok(Some(time)),
        None => Err(SignatureError::NotATime(name)),
    }
}

/// The signature binds the digest, and the digest binds the body.
fn check_digest(request: &SignedRequest<'_>) -> Result<(), SignatureError> {
    let digests = Dictionary::read(request.headers, "Content-Digest")?;
    let Some(member) = digests.find("sha-256") else {
        return Err(SignatureError::NoSha256);
    };
    let claimed = member
        .bytes()
        .ok_or(SignatureError::Malformed("Content-Digest"))?;
    if claimed != Sha256::digest(request.body).as_slice() {
        return Err(SignatureError::DigestMismatch);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
