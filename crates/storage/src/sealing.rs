//! Secrets at rest: sealed with a key that carries an id, and bound to the row and column they stand in.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use domain::{
    AuthorizationId, EndpointId, GrantId, InstitutionId, InstitutionKeyId, LinkClickId,
    OnlineTokenId, PlatformAppId, PlatformEventId, RevocationId,
};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};

use crate::error::StorageError;

/// A sealed value as it is stored: version, key id, nonce, ciphertext with tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub(crate) Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// Where a sealed value stands. A value that is moved to another row or column does not open there, so
/// that whoever can write to the database cannot hand one store's credential to another.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    InstitutionSecret(InstitutionKeyId),
    PlatformAppSecret(PlatformAppId),
    PlatformAppEventKey(PlatformAppId),
    AuthorizationCredential(AuthorizationId),
    HeldKey(LinkClickId),
    GrantCredential(GrantId),
    GrantRefreshToken(GrantId),
    PreviousRefreshToken(GrantId),
    RevocationCredential(RevocationId),
    EndpointSecret(EndpointId),
    OnlineToken(OnlineTokenId),
    PushedCode(PlatformEventId),
    IdempotentAnswer {
        institution: InstitutionId,
        call: &'a str,
        key_hash: &'a [u8; 32],
    },
}

impl Place<'_> {
    fn column(&self) -> &'static str {
        match self {
            Self::InstitutionSecret(_) => "institution_keys.secret",
            Self::PlatformAppSecret(_) => "platform_apps.secret",
            Self::PlatformAppEventKey(_) => "platform_apps.event_key",
            Self::AuthorizationCredential(_) => "authorizations.credential",
            Self::HeldKey(_) => "held_keys.credential",
            Self::GrantCredential(_) => "grants.credential",
            Self::GrantRefreshToken(_) => "grants.refresh_token",
            Self::PreviousRefreshToken(_) => "grants.previous_refresh_token",
            Self::RevocationCredential(_) => "revocations.credential",
            Self::EndpointSecret(_) => "endpoints.secret",
            Self::OnlineToken(_) => "online_tokens.token",
            Self::PushedCode(_) => "pushed_codes.code",
            Self::IdempotentAnswer { .. } => "idempotency_keys.answer",
        }
    }

    fn associated_data(&self) -> String {
        let row = match self {
            Self::InstitutionSecret(id) => id.to_string(),
            Self::PlatformAppSecret(id) | Self::PlatformAppEventKey(id) => id.to_string(),
            Self::AuthorizationCredential(id) => id.to_string(),
            Self::HeldKey(id) => id.to_string(),
            Self::GrantCredential(id)
            | Self::GrantRefreshToken(id)
            | Self::PreviousRefreshToken(id) => id.to_string(),
            Self::RevocationCredential(id) => id.to_string(),
            Self::EndpointSecret(id) => id.to_string(),
            Self::OnlineToken(id) => id.to_string(),
            Self::PushedCode(id) => id.to_string(),
            Self::IdempotentAnswer {
                institution,
                call,
                key_hash,
            } => {
                format!("{institution}/{call}/{}", BASE64_STANDARD.encode(key_hash))
            }
        };
        format!("{}/{row}", self.column())
    }
}

/// The bytes that make two seals of one text differ; they come from the process's source of randomness.
pub type SealNonce = [u8; 24];

const VERSION: u8 = 1;
const KEY_ID_LENGTH: usize = 8;
const HEADER_LENGTH: usize = 1 + KEY_ID_LENGTH + 24;

/// A key that is not 32 bytes in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 bytes in base64")]
pub struct NotAMasterKey;

struct MasterKey {
    id: [u8; KEY_ID_LENGTH],
    bytes: SecretBox<[u8; 32]>,
}

/// The master keys of a deployment: the first seals, each opens what it sealed.
pub struct Keyring {
    current: MasterKey,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({})", self.key_id())
    }
}

impl Keyring {
    pub fn new(master_key: [u8; 32]) -> Self {
        let digest = Sha256::digest(master_key);
        let mut id = [0; KEY_ID_LENGTH];
        id.copy_from_slice(&digest[..KEY_ID_LENGTH]);
        Self {
            current: MasterKey {
                id,
                bytes: SecretBox::new(Box::new(master_key)),
            },
        }
    }

    /// Reads the text of a key file: 32 bytes in base64, with or without a newline at its end.
    pub fn from_base64(text: &SecretString) -> Result<Self, NotAMasterKey> {
        let bytes = BASE64_STANDARD
            .decode(text.expose_secret().trim_end())
            .map_err(|_| NotAMasterKey)?;
        Ok(Self::new(bytes.try_into().map_err(|_| NotAMasterKey)?))
    }

    /// The id of the key that seals now, for logs and rows; it says nothing about the key.
    pub fn key_id(&self) -> String {
        format!("{:016x}", u64::from_be_bytes(self.current.id))
    }

    pub fn seal(&self, place: Place<'_>, secret: &SecretString, nonce: SealNonce) -> Sealed {
        let mut sealed = Vec::with_capacity(HEADER_LENGTH + secret.expose_secret().len() + 16);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.current.id);
        sealed.extend_from_slice(&nonce);
        let place = place.associated_data();
        let payload = Payload {
            msg: secret.expose_secret().as_bytes(),
            aad: place.as_bytes(),
        };
        let ciphertext = self
            .current
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .expect("only texts of more than 256 GiB cannot be sealed");
        sealed.extend_from_slice(&ciphertext);
        Sealed(sealed)
    }

    /// Fails when the value was sealed with another key, for another place, or was changed.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretString, StorageError> {
        self.try_open(place, &sealed.0)
            .ok_or(StorageError::Unsealable {
                place: place.column(),
            })
    }

    fn try_open(&self, place: Place<'_>, sealed: &[u8]) -> Option<SecretString> {
        let (header, ciphertext) = sealed.split_at_checked(HEADER_LENGTH)?;
        let nonce: SealNonce = header[1 + KEY_ID_LENGTH..].try_into().ok()?;
        if header[0] != VERSION || header[1..=KEY_ID_LENGTH] != self.current.id {
            return None;
        }
        let place = place.associated_data();
        let payload = Payload {
            msg: ciphertext,
            aad: place.as_bytes(),
        };
        let text = self
            .current
            .cipher()
            .decrypt(&XNonce::from(nonce), payload)
            .ok()?;
        Some(String::from_utf8(text).ok()?.into())
    }

    /// A value that is the same for the same credential and says nothing about it: an HMAC with a key of
    /// its own over the trimmed fields, each with its length before it, so that no two lists of fields
    /// give one text.
    pub fn fingerprint(&self, fields: &[&SecretString]) -> Fingerprint {
        let mut mac = self.current.derived("shopgrant credential fingerprint");
        for field in fields {
            let field = field.expose_secret().trim();
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field.as_bytes());
        }
        Fingerprint {
            value: mac.finalize().into_bytes().into(),
            key_id: self.key_id(),
        }
    }
}

impl MasterKey {
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.bytes.expose_secret().into())
    }

    /// A MAC under a key of its own for each purpose.
    fn derived(&self, purpose: &str) -> Hmac<Sha256> {
        let mut mac = keyed(self.bytes.expose_secret());
        mac.update(purpose.as_bytes());
        keyed(&mac.finalize().into_bytes())
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// What stands for a KEY credential in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    pub value: [u8; 32],
    pub key_id: String,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NONCE: SealNonce = [7; 24];

    fn grant(number: u128) -> Place<'static> {
        Place::GrantCredential(GrantId::new(Uuid::from_u128(number)))
    }

    #[test]
    fn a_value_opens_only_where_it_was_sealed() {
        let keyring = Keyring::new([1; 32]);
        let sealed = keyring.seal(grant(1), &"token".into(), NONCE);
        let opened = keyring.open(grant(1), &sealed).unwrap();
        assert_eq!(opened.expose_secret(), "token");
        assert!(keyring.open(grant(2), &sealed).is_err());
        let endpoint = Place::EndpointSecret(EndpointId::new(Uuid::from_u128(1)));
        assert!(keyring.open(endpoint, &sealed).is_err());
        assert!(Keyring::new([2; 32]).open(grant(1), &sealed).is_err());
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let keyring = Keyring::new([1; 32]);
        let sealed = keyring.seal(grant(1), &"token".into(), NONCE);
        for position in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[position] ^= 1;
            assert!(keyring.open(grant(1), &changed).is_err(), "byte {position}");
        }
        assert!(keyring.open(grant(1), &Sealed(vec![VERSION; 12])).is_err());
    }

    #[test]
    fn the_text_is_nowhere_in_what_is_stored() {
        let sealed = Keyring::new([1; 32]).seal(grant(1), &"a-long-token".into(), NONCE);
        assert!(
            !sealed
                .0
                .windows(6)
                .any(|window| b"a-long-token".starts_with(window))
        );
    }

    #[test]
    fn fingerprints_ignore_edges_and_keep_fields_apart() {
        let keyring = Keyring::new([1; 32]);
        let of = |fields: &[&str]| {
            let fields: Vec<SecretString> = fields
                .iter()
                .map(|&field| SecretString::from(field))
                .collect();
            keyring
                .fingerprint(&fields.iter().collect::<Vec<_>>())
                .value
        };
        assert_eq!(of(&["ck", "cs"]), of(&[" ck\n", "cs"]));
        assert_ne!(of(&["ck", "cs"]), of(&["ckc", "s"]));
        assert_ne!(of(&["ck", "cs"]), of(&["cs", "ck"]));
        assert_ne!(
            of(&["ck"]),
            Keyring::new([2; 32]).fingerprint(&[&"ck".into()]).value
        );
    }

    #[test]
    fn a_key_file_may_end_with_a_newline_and_must_hold_32_bytes() {
        let text = BASE64_STANDARD.encode([9; 32]);
        let keyring = Keyring::from_base64(&format!("{text}\n").into()).unwrap();
        assert_eq!(keyring.key_id(), Keyring::new([9; 32]).key_id());
        let short = BASE64_STANDARD.encode([9; 16]);
        assert_eq!(
            Keyring::from_base64(&short.into()).err(),
            Some(NotAMasterKey)
        );
    }
}
