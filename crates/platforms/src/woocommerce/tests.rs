use std::time::Duration;

use domain::IdentityRealm;

use super::*;
use crate::loopback::{Peer, client};

const PAIR: KeyPair<'_> = KeyPair {
    key: "ck_1",
    secret: "cs&1",
};

#[test]
fn answers_are_read_by_status_and_code() {
    use PlatformFailure::{CredentialInvalid, Rejected, ScopesInsufficient, Unreachable};
    let auth_error = "woocommerce_rest_authentication_error";
    let cannot_view = "woocommerce_rest_cannot_view";
    for (status, code, message, verdict) in [
        (401, cannot_view, "", Ok(Verdict::Anonymous)),
        (403, cannot_view, "", Err(ScopesInsufficient)),
        (
            401,
            auth_error,
            "Consumer secret is invalid.",
            Err(CredentialInvalid),
        ),
        (
            401,
            auth_error,
            "The API key provided does not have read permissions.",
            Err(ScopesInsufficient),
        ),
        (404, "rest_no_route", "", Err(Rejected)),
        (401, "rest_not_logged_in", "", Err(CredentialInvalid)),
        (403, "rest_forbidden", "", Err(CredentialInvalid)),
        (429, cannot_view, "", Err(Unreachable)),
        (503, cannot_view, "", Err(Unreachable)),
        (301, cannot_view, "", Err(Unreachable)),
    ] {
        let body = serde_json::json!({"code": code, "message": message}).to_string();
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            read_answer(status, body.as_bytes()),
            verdict,
            "{status} {code}"
        );
    }
    for (status, body, verdict) in [
        (
            200,
            r#"{"environment":{"home_url":"x"}}"#,
            Ok(Verdict::Proven),
        ),
        (200, r#"{"environment":null}"#, Err(Unreachable)),
        (200, "{}", Err(Unreachable)),
        (200, "<html>", Err(Unreachable)),
        (404, "<html>", Err(Unreachable)),
        (403, r#"{"blocked":true}"#, Err(Unreachable)),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            read_answer(status, body.as_bytes()),
            verdict,
            "{status} {body}"
        );
    }
}

#[test]
fn one_shop_has_one_origin() {
    for (url, origin) in [
        ("https://Shop.Example.com", "https://shop.example.com"),
        ("https://shop.example.com:443/", "https://shop.example.com"),
        (
            "https://shop.example.com:8443",
            "https://shop.example.com:8443",
        ),
        (
            "https://shop.example.com/Folder/",
            "https://shop.example.com/Folder",
        ),
        ("https://shop.example.com//", "https://shop.example.com"),
        (
            "https://shop.example.com/?a=1#b",
            "https://shop.example.com",
        ),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://127.0.0.1:9100/woo", "http://127.0.0.1:9100/woo"),
    ] {
        let url = Url::parse(url).unwrap();
        assert_eq!(canonical_origin(&url).as_deref(), Ok(origin), "{url}");
        assert_eq!(
            Woocommerce.shop_address(&url).as_deref(),
            Some(origin),
            "{url}"
        );
    }
    for url in ["https://user@shop.example.com", "ftp://shop.example.com"] {
        let found = canonical_origin(&Url::parse(url).unwrap());
        assert_eq!(found, Err(PlatformFailure::Unreachable), "{url}");
    }
}

#[test]
fn the_key_goes_into_the_header_or_into_the_query() {
    let call = call_with_header("https://shop.example.com/a", &PAIR).unwrap();
    assert_eq!(
        call.url.as_str(),
        "https://shop.example.com/a/wp-json/wc/v3/system_status?_fields=environment"
    );
    let header = &call.headers[header::AUTHORIZATION];
    assert_eq!(header, "Basic Y2tfMTpjcyYx");
    assert!(header.is_sensitive());
    let call = call_with_query("https://shop.example.com", &PAIR).unwrap();
    assert_eq!(
        call.url.as_str(),
        "https://shop.example.com/wp-json/wc/v3/system_status?_fields=environment\
         &consumer_key=ck_1&consumer_secret=cs%261"
    );
    assert!(!call.headers.contains_key(header::AUTHORIZATION));
}

async fn prove_against(answer: (u16, &str)) -> (Result<Proof, PlatformFailure>, String, String) {
    let peer = Peer::listen().await;
    let store_url = format!("{}/shop/", peer.origin());
    let credential = Credential::KeyPair {
        api_key: "ck_1 ".into(),
        api_secret: "cs&1".into(),
    };
    let egress = client();
    let request = ProveRequest {
        app: None,
        shop: None,
        store_url: &store_url,
        credential: &credential,
        timeout: Duration::from_secs(10),
    };
    let (proof, mut received) =
        tokio::join!(Woocommerce.prove(&egress, request), peer.serve([answer]));
    (proof, received.remove(0), peer.origin())
}

#[tokio::test]
async fn a_key_is_proven_over_the_wire() {
    let (proof, received, origin) = prove_against((200, r#"{"environment":{}}"#)).await;
    let proof = proof.unwrap();
    let origin = format!("{origin}/shop");
    assert_eq!(
        proof.shop,
        ProvenShop {
            identity: ShopIdentity::new(IdentityRealm::Woocommerce, origin.clone()),
            label: None,
        }
    );
    assert_eq!(proof.origin, origin);
    assert_eq!(proof.scopes, GrantedScopes::flat(["read_orders"]));
    assert!(received.starts_with("GET /shop/wp-json/wc/v3/system_status?_fields=environment "));
    assert!(received.contains("authorization: Basic Y2tfMTpjcyYx\r\n"));
}

#[tokio::test]
async fn a_key_is_never_put_into_a_query_over_plain_http() {
    let body = r#"{"code":"woocommerce_rest_cannot_view"}"#;
    // The peer takes one call; a second one would end as `ConnectFailed` or hang.
    let (proof, received, _) = prove_against((401, body)).await;
    assert_eq!(proof.err(), Some(PlatformFailure::CredentialInvalid));
    assert!(!received.contains("consumer_secret"));
}
