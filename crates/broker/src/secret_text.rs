//! Secrets that we make, and the hashes by which we know them again.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use crate::Broker;

impl Broker {
    /// 256 random bits in letters that no encoder of URLs or headers changes.
    pub(crate) fn random_token(&self) -> SecretString {
        BASE64_URL_SAFE_NO_PAD.encode(self.random::<32>()).into()
    }

    /// The secret of a webhook endpoint in the form of Standard Webhooks: `whsec_` and 32 bytes in base64.
    pub(crate) fn random_webhook_secret(&self) -> SecretString {
        format!("whsec_{}", BASE64_STANDARD.encode(self.random::<32>())).into()
    }
}

/// What we keep of a value that only its holder may know.
pub(crate) fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
