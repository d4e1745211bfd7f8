//! A receiver's side of Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! It shares no code with the side that signs, so that the demo would notice if that side changed.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

/// How far the sender's clock may be from ours, so that an old message cannot be played back.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// A message as it arrived, believed or not.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) timestamp: String,
    /// One or more signatures with spaces between them.
    pub(crate) signature: String,
    pub(crate) body: Bytes,
}

/// Why a message is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WebhookRefused {
    #[error("webhook-timestamp is no time")]
    Timestamp,
    #[error("webhook-timestamp is more than five minutes off")]
    Stale,
    #[error("webhook-signature is wrong: another secret, or another body")]
    Signature,
}

/// The key in a `whsec_…` secret.
pub(crate) struct WebhookKey(SecretSlice<u8>);

/// A text that is no webhook secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is whsec_ and base64 after it")]
pub(crate) struct NotAWebhookSecret;

impl WebhookKey {
    pub(crate) fn parse(secret: &SecretString) -> Result<Self, NotAWebhookSecret> {
        let encoded = secret
            .expose_secret()
            .trim()
            .strip_prefix("whsec_")
            .ok_or(NotAWebhookSecret)?;
        let key = BASE64_STANDARD
            .decode(encoded)
            .map_err(|_| NotAWebhookSecret)?;
        Ok(Self(key.into()))
    }

    /// Whether the holder of the secret sent this message just now.
    pub(crate) fn verify(
        &self,
        webhook: &Webhook,
        now: DateTime<Utc>,
    ) -> Result<(), WebhookRefused> {
        let sent = webhook
            .timestamp
            .parse()
            .ok()
            .and_then(|secs| DateTime::from_timestamp(secs, 0))
            .ok_or(WebhookRefused::Timestamp)?;
        if (now - sent).abs() > TOLERANCE {
            return Err(WebhookRefused::Stale);
        }
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret())
            .expect("HMAC takes a key of any length")
            .chain_update(&webhook.id)
            .chain_update(".")
            .chain_update(&webhook.timestamp)
            .chain_update(".")
            .chain_update(&webhook.body);
        // While a secret is being replaced there is one signature for each; any right one will do.
        let is_right = webhook
            .signature
            .split(' ')
            .filter_map(|signature| BASE64_STANDARD.decode(signature.strip_prefix("v1,")?).ok())
            .any(|signature| mac.clone().verify_slice(&signature).is_ok());
        if is_right {
            Ok(())
        } else {
            Err(WebhookRefused::Signature)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    /// Computed with Python's hmac over `evt_1.1763740800.{"a":1}`.
    const SIGNATURE: &str = "v1,FaBjAGswVzHQG8wv1IjY5bUt5K5I0blCeyBqqmI59lg=";

    fn webhook() -> Webhook {
        Webhook {
            id: "evt_1".to_owned(),
            timestamp: "1763740800".to_owned(),
            signature: SIGNATURE.to_owned(),
            body: Bytes::from_static(br#"{"a":1}"#),
        }
    }

    fn verify_at(webhook: &Webhook, seconds: i64) -> Result<(), WebhookRefused> {
        let key = WebhookKey::parse(&SECRET.into()).unwrap();
        let now = DateTime::from_timestamp(1_763_740_800 + seconds, 0).unwrap();
        key.verify(webhook, now)
    }

    #[test]
    fn the_known_signature_is_right_alone_and_among_others() {
        assert_eq!(verify_at(&webhook(), 0), Ok(()));
        let mut two = webhook();
        two.signature = format!("v1a,c2ln v1,b3RoZXI= {SIGNATURE}");
        assert_eq!(verify_at(&two, 300), Ok(()));
    }

    #[test]
    fn whatever_was_changed_is_noticed() {
        let refused = Err(WebhookRefused::Signature);
        let changed = |change: fn(&mut Webhook)| {
            let mut webhook = webhook();
            change(&mut webhook);
            verify_at(&webhook, 0)
        };
        assert_eq!(changed(|w| w.id.push('0')), refused);
        assert_eq!(changed(|w| w.timestamp = "1763740801".to_owned()), refused);
        assert_eq!(changed(|w| w.body = Bytes::from_static(b"{}")), refused);
        assert_eq!(changed(|w| w.signature = "v1,c2ln".to_owned()), refused);
        assert_eq!(changed(|w| w.signature.clear()), refused);
        assert_eq!(
            changed(|w| w.timestamp.clear()),
            Err(WebhookRefused::Timestamp)
        );
    }

    #[test]
    fn an_old_or_early_message_is_refused() {
        assert_eq!(verify_at(&webhook(), 301), Err(WebhookRefused::Stale));
        assert_eq!(verify_at(&webhook(), -301), Err(WebhookRefused::Stale));
    }

    #[test]
    fn a_secret_has_its_shape() {
        for text in ["", "whsec_", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "whsec_?"] {
            let parsed = WebhookKey::parse(&text.into()).err();
            // An empty key is base64 too, of nothing.
            assert_eq!(parsed.is_some(), text != "whsec_", "{text}");
        }
    }
}
