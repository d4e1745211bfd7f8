//! An institution's side of a signed call: HTTP message signatures
//! (<https://www.rfc-editor.org/rfc/rfc9421>) over a body digest (<https://www.rfc-editor.org/rfc/rfc9530>).
//!
//! It shares no code with the side that verifies, so that the demo would notice if that side changed.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// A POST as far as it is signed.
pub(crate) struct Unsigned<'a> {
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
    /// The value of the `Authorization` header.
    pub(crate) authorization: &'a SecretString,
    pub(crate) created: DateTime<Utc>,
    /// Never used before by this institution.
    pub(crate) nonce: &'a str,
}

/// The headers that a signature adds to a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignatureHeaders {
    pub(crate) content_digest: String,
    pub(crate) signature_input: String,
    pub(crate) signature: String,
}

/// Signs a call in the name of `app_id`.
pub(crate) fn sign(
    request: &Unsigned<'_>,
    app_id: &str,
    app_secret: &SecretString,
) -> SignatureHeaders {
    let content_digest = content_digest(request.body);
    let parameters = signature_parameters(request, app_id);
    let base = signature_base(request, &content_digest, &parameters);
    let mac = Hmac::<Sha256>::new_from_slice(app_secret.expose_secret().as_bytes())
        .expect("HMAC takes a key of any length")
        .chain_update(base.expose_secret());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    SignatureHeaders {
        content_digest,
        signature_input: format!("sig={parameters}"),
        signature: format!("sig=:{signature}:"),
    }
}

fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64_STANDARD.encode(Sha256::digest(body)))
}

fn signature_parameters(request: &Unsigned<'_>, app_id: &str) -> String {
    format!(
        "(\"@method\" \"@path\" \"content-digest\" \"authorization\");created={};nonce=\"{}\";keyid=\"{app_id}\";alg=\"hmac-sha256\"",
        request.created.timestamp(),
        request.nonce,
    )
}

/// A secret, because the access token stands in it.
fn signature_base(request: &Unsigned<'_>, digest: &str, parameters: &str) -> SecretString {
    let path = request.path;
    let authorization = request.authorization.expose_secret();
    format!(
        "\"@method\": POST\n\
         \"@path\": {path}\n\
         \"content-digest\": {digest}\n\
         \"authorization\": {authorization}\n\
         \"@signature-params\": {parameters}"
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(token: &SecretString) -> Unsigned<'_> {
        Unsigned {
            path: "/v1/store/query",
            body: br#"{"client_id":"cl_1"}"#,
            authorization: token,
            created: DateTime::from_timestamp(1_763_740_800, 0).unwrap(),
            nonce: "n-1",
        }
    }

    #[test]
    fn the_base_is_built_line_by_line() {
        let token = "token-1".into();
        let request = request(&token);
        let base = signature_base(
            &request,
            &content_digest(request.body),
            &signature_parameters(&request, "app_1"),
        );
        assert_eq!(
            base.expose_secret(),
            concat!(
                "\"@method\": POST\n",
                "\"@path\": /v1/store/query\n",
                "\"content-digest\": sha-256=:aUe52UIrF5iUHJwtuv1armi5ikh6i339ZLryaBxJO6g=:\n",
                "\"authorization\": token-1\n",
                "\"@signature-params\": (\"@method\" \"@path\" \"content-digest\" \"authorization\")",
                ";created=1763740800;nonce=\"n-1\";keyid=\"app_1\";alg=\"hmac-sha256\"",
            )
        );
    }

    /// Computed with Python's hashlib and hmac over the base above.
    #[test]
    fn the_signature_is_the_known_one() {
        let token = "token-1".into();
        let headers = sign(&request(&token), "app_1", &"secret-1".into());
        assert_eq!(
            headers,
            SignatureHeaders {
                content_digest: "sha-256=:aUe52UIrF5iUHJwtuv1armi5ikh6i339ZLryaBxJO6g=:".to_owned(),
                signature_input: "sig=(\"@method\" \"@path\" \"content-digest\" \"authorization\");created=1763740800;nonce=\"n-1\";keyid=\"app_1\";alg=\"hmac-sha256\"".to_owned(),
                signature: "sig=:5gPtFyDq71BeK3hpCUDOlDgGvLv0wJT4KS6RKTD+R1g=:".to_owned(),
            }
        );
    }
}
