//! The platforms' signatures, computed with the platform's half of the secret.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Sha256, Sha512};

/// The lower-case hex HMAC-SHA256 over the parameters as they stand in the
/// URL, sorted by key, without the one named `signature_name`.
///
/// Values are neither decoded nor encoded again:
/// <https://partners.genstore.ai/docs/api-rest/api-hmac> and
/// <https://developer.shopline.com/docs/apps/api-instructions-for-use/generate-and-verify-signatures>.
pub(crate) fn sign_query(secret: &str, raw_query: &str, signature_name: &str) -> String {
    hex::encode(query_mac(secret, raw_query, signature_name))
}

/// [`sign_query`] in base64 with its padding, as CAFE24 writes it.
pub(crate) fn sign_query_in_base64(secret: &str, raw_query: &str, signature_name: &str) -> String {
    BASE64_STANDARD.encode(query_mac(secret, raw_query, signature_name))
}

fn query_mac(secret: &str, raw_query: &str, signature_name: &str) -> Vec<u8> {
    let mut pairs: Vec<&str> = raw_query
        .split('&')
        .filter(|pair| !pair.is_empty() && key(pair) != signature_name)
        .collect();
    pairs.sort_by_key(|pair| key(pair));
    let mac = keyed(secret).chain_update(pairs.join("&"));
    mac.finalize().into_bytes().to_vec()
}

/// Whether `sign` is the lower-case hex HMAC-SHA256 over the exact body
/// followed by the timestamp header, as SHOPLINE signs calls to itself.
pub(crate) fn verify_body(secret: &str, body: &[u8], timestamp: &str, sign: &str) -> bool {
    if sign.bytes().any(|b| b.is_ascii_uppercase()) {
        return false;
    }
    let Ok(sign) = hex::decode(sign) else {
        return false;
    };
    let mac = keyed(secret).chain_update(body).chain_update(timestamp);
    mac.verify_slice(&sign).is_ok()
}

/// The HMAC-SHA256 over a body, as both platforms sign what they tell an app.
pub(crate) fn body_mac(secret: &str, body: &[u8]) -> Vec<u8> {
    let mac = keyed(secret).chain_update(body);
    mac.finalize().into_bytes().to_vec()
}

/// A JSON web token signed with HS256, as GENSTORE's session tokens are.
pub(crate) fn signed_token(secret: &str, claims: &Value) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    let signed = format!("{header}.{claims}");
    let mac = BASE64_URL_SAFE_NO_PAD.encode(body_mac(secret, signed.as_bytes()));
    format!("{signed}.{mac}")
}

/// A JSON web token signed with HS512, the algorithm of SHOPLINE's access tokens.
pub(crate) fn json_web_token(key: &[u8], claims: &Value) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"HS512"}"#);
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    let signed = format!("{header}.{claims}");
    let mac = Hmac::<Sha512>::new_from_slice(key)
        .expect("HMAC takes a key of any length")
        .chain_update(&signed);
    let signature = BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{signed}.{signature}")
}

fn keyed(secret: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length")
}

fn key(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The constant that SHOPLINE's own Go SDK tests with, as key and secret:
    /// <https://github.com/shoplineos/shopline-sdk-go/blob/main/client/sign_test.go>.
    const SDK: &str = "LDLLJJLflja2039203flaflaLLFLE";

    #[test]
    fn queries_match_the_vectors_in_any_order() {
        for (secret, query, name, expected) in [
            (
                SDK,
                "timestamp=21c335b3a&lang=zh&handle=zwapptest&appkey=LDLLJJLflja2039203flaflaLLFLE",
                "sign",
                "654a42549daaad959b6488500f499fc0381c6cf24d8afceeb566729fc82fee6a",
            ),
            (
                "sl_test_secret_0001",
                "appkey=ak_0001&sign=left-out&handle=demo-shop&timestamp=1700000000000",
                "sign",
                "d83fac8856151785d368c7de8269ac8a1f2b3d3ed950175b877962b03c49e349",
            ),
            (
                "gs_test_secret_0001",
                "shop=demo-shop&shopId=988716383&timestamp=1732864257361",
                "hmac",
                "84f5d4ccebf6d0fc1f2ee7dd8880c2eeb5b439e7feb325329ef4b4fc3acae4e6",
            ),
            (
                "gs_test_secret_0001",
                "shop=demo-shop&shopId=988716383&state=n0nce-7f3a&timestamp=1732864257361&code=c0de123&hmac=left-out",
                "hmac",
                "2f828e20d485326c46bbfdf83887de2c90d535d92e0af3c39ce2c3678774bb13",
            ),
        ] {
            assert_eq!(sign_query(secret, query, name), expected, "{query}");
        }
    }

    #[test]
    fn told_bodies_match_the_vectors() {
        assert_eq!(
            hex::encode(body_mac(SDK, br#""my secret message""#)),
            "7d8b4cbec432e0c7e901881cc0f2490a910d56eaa73fc94bcc4276d14a61fe88"
        );
        // Made with Python's `hmac`.
        let uninstalled = br#"{"uninstalled":{"clientId":"cid_1","shopId":"988716383"}}"#;
        let expected = "U0FjHJvt6egzvBuo7fKqYeO/tHmVqq6Rq70+XU9G3g8=";
        let mac = |secret: &str| BASE64_STANDARD.encode(body_mac(secret, uninstalled));
        assert_eq!(mac("gs_test_secret_0001"), expected);
        assert_ne!(mac("gs_test_secret_0002"), expected);
    }

    #[test]
    fn bodies_match_the_vectors_and_nothing_else() {
        let vectors = [
            (
                SDK,
                r#"{"code":"code"}"#,
                "21c335b3a",
                "4c4cf0ac52439d1308b58897f857dcba8545efb6c0e8091fba64b148218d2074",
            ),
            (
                SDK,
                "",
                "21c335b3a",
                "cf5edab6b92d740fe54b3ce9e2723788128384a1eb5c2a5d64c9210a31185b86",
            ),
            (
                "sl_test_secret_0001",
                r#"{"code":"c0de123"}"#,
                "1700000000000",
                "02a7b708250ded1f3cd0d7385c2cbc5a921f52c23d5dc46fe23100921cb820fc",
            ),
        ];
        for (secret, body, timestamp, sign) in vectors {
            assert!(verify_body(secret, body.as_bytes(), timestamp, sign));
            assert!(!verify_body(secret, b"{}", timestamp, sign));
            assert!(!verify_body(secret, body.as_bytes(), "1", sign));
            assert!(!verify_body("other", body.as_bytes(), timestamp, sign));
            let shouted = sign.to_uppercase();
            assert!(!verify_body(secret, body.as_bytes(), timestamp, &shouted));
            assert!(!verify_body(secret, body.as_bytes(), timestamp, &sign[2..]));
            assert!(!verify_body(secret, body.as_bytes(), timestamp, "no hex"));
        }
    }
}
