//! The signatures of everybody else: an institution's, a webhook verifier's and a platform's. Written from
//! their specifications, so that the product is not compared with itself.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// A request as it is signed after RFC 9421 (<https://www.rfc-editor.org/rfc/rfc9421>), with the digest of
/// RFC 9530 (<https://www.rfc-editor.org/rfc/rfc9530>).
#[derive(Clone)]
pub(crate) struct Signing {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) target_uri: String,
    pub(crate) body: Vec<u8>,
    pub(crate) authorization: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) label: String,
    /// The covered components, in this order.
    pub(crate) covered: Vec<&'static str>,
    /// What stands behind them in `Signature-Input`.
    pub(crate) parameters: String,
    pub(crate) secret: String,
}

impl Signing {
    /// The headers of the request; a covered component without a value is left to the verifier to notice.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let digest = content_digest(&self.body);
        let mut base = String::new();
        for name in &self.covered {
            let value = match *name {
                "@method" => &self.method,
                "@path" => &self.path,
                "@target-uri" => &self.target_uri,
                "content-digest" => &digest,
                "authorization" => &self.authorization,
                "idempotency-key" => self.idempotency_key.as_ref().unwrap(),
                "content-type" => "application/json",
                other => panic!("no value for {other}"),
            };
            writeln!(base, "\"{name}\": {value}").unwrap();
        }
        let covered: Vec<_> = self
            .covered
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect();
        let input = format!("({}){}", covered.join(" "), self.parameters);
        write!(base, "\"@signature-params\": {input}").unwrap();
        let signature = BASE64_STANDARD.encode(mac(self.secret.as_bytes(), &[base.as_bytes()]));

        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("authorization", self.authorization.clone()),
            ("content-digest", digest),
            ("signature-input", format!("{}={input}", self.label)),
            ("signature", format!("{}=:{signature}:", self.label)),
        ];
        if let Some(key) = &self.idempotency_key {
            headers.push(("idempotency-key", key.clone()));
        }
        headers
    }
}

pub(crate) fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64_STANDARD.encode(Sha256::digest(body)))
}

/// What a receiver of webhooks computes
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
pub(crate) fn webhook_signature(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = secret.strip_prefix("whsec_").expect("a webhook secret");
    let key = BASE64_STANDARD.decode(key).expect("base64");
    let signed = mac(&key, &[format!("{id}.{timestamp}.").as_bytes(), body]);
    format!("v1,{}", BASE64_STANDARD.encode(signed))
}

/// How SHOPLINE and GENSTORE sign what a browser carries: the parameters as they stand, sorted by key.
pub(crate) fn sign_query(secret: &str, parameters: &[(&str, &str)]) -> String {
    let mut sorted = parameters.to_vec();
    sorted.sort_unstable();
    let pairs: Vec<_> = sorted
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    hex::encode(mac(secret.as_bytes(), &[pairs.join("&").as_bytes()]))
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}
