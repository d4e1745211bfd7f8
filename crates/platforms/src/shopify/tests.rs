use std::time::Duration;

use domain::IdentityRealm;
use serde_json::json;

use super::*;
use crate::loopback::{Peer, client};

fn app(host: Option<String>) -> App {
    App {
        client_id: "cid_1".to_owned(),
        secrets: Vec::new(),
        scopes: vec!["read_orders".to_owned()],
        host,
        event_key: None,
    }
}

fn label() -> ShopLabel {
    ShopLabel::from_checked("demo-shop")
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap()
}

#[test]
fn the_shop_that_answers_is_the_one_that_was_asked() {
    use PlatformFailure::{ShopMismatch, Unreachable};
    let told = |domain: &str| json!({"shop": {"id": 1, "myshopify_domain": domain}}).to_string();
    for (body, failure) in [
        (told("demo-shop.myshopify.com"), None),
        (told("Demo-Shop.myshopify.com"), None),
        (told("other.myshopify.com"), Some(ShopMismatch)),
        (told("shop.example.com"), Some(ShopMismatch)),
        (json!({"shop": {"id": 1}}).to_string(), Some(Unreachable)),
        (json!([]).to_string(), Some(Unreachable)),
        ("<html>".to_owned(), Some(Unreachable)),
    ] {
        let result = read_shop(status(200), body.as_bytes(), &label());
        match failure {
            Some(failure) => assert_eq!(result, Err(failure), "{body}"),
            None => assert_eq!(
                result,
                Ok(ProvenShop {
                    identity: ShopIdentity::new(IdentityRealm::Shopify, "demo-shop.myshopify.com"),
                    label: Some(label()),
                }),
                "{body}"
            ),
        }
    }
}

#[test]
fn a_refusal_is_told_by_its_status() {
    use PlatformFailure::{CredentialInvalid, Rejected, ScopesInsufficient, Unreachable};
    for (code, failure) in [
        (401, CredentialInvalid),
        (400, CredentialInvalid),
        (403, ScopesInsufficient),
        (402, Rejected),
        (404, Rejected),
        (423, Rejected),
        (301, Unreachable),
        (429, Unreachable),
        (500, Unreachable),
        (503, Unreachable),
    ] {
        assert_eq!(
            read_shop(status(code), b"", &label()),
            Err(failure),
            "{code}"
        );
    }
}

#[test]
fn scopes_are_the_tokens_own() {
    let app = app(None);
    let asked_for = || Ok(vec!["read_orders".to_owned()]);
    for (code, body, scopes) in [
        (
            200,
            r#"{"access_scopes":[{"handle":"read_orders"},{"handle":"write_products"}]}"#,
            Ok(vec!["read_orders".to_owned(), "write_products".to_owned()]),
        ),
        (200, r#"{"access_scopes":[]}"#, Ok(Vec::new())),
        (404, "", asked_for()),
        (200, "{}", Err(PlatformFailure::Unreachable)),
        (
            200,
            r#"{"access_scopes":[{}]}"#,
            Err(PlatformFailure::Unreachable),
        ),
        (401, "", Err(PlatformFailure::CredentialInvalid)),
        (502, "", Err(PlatformFailure::Unreachable)),
    ] {
        assert_eq!(
            read_scopes(status(code), body.as_bytes(), &app),
            scopes.map(GrantedScopes::flat),
            "{code} {body}"
        );
    }
}

fn prove_request<'a>(
    app: Option<&'a App>,
    shop: Option<&'a ShopLabel>,
    credential: &'a Credential,
) -> ProveRequest<'a> {
    ProveRequest {
        app,
        shop,
        store_url: "https://shop.example.com",
        credential,
        timeout: Duration::from_secs(10),
    }
}

#[tokio::test]
async fn a_token_is_proven_over_the_wire() {
    let peer = Peer::listen().await;
    let app = app(Some(format!("{}/shopify/{{shop}}", peer.origin())));
    let credential = Credential::Token {
        token: " shpat_1\n".into(),
    };
    let (egress, label) = (client(), label());
    let request = ProveRequest {
        // Without a label, the address of the store names it.
        store_url: "https://demo-shop.myshopify.com",
        ..prove_request(Some(&app), None, &credential)
    };
    let (proof, received) = tokio::join!(
        Shopify.prove(&egress, request),
        peer.serve([
            (
                200,
                r#"{"shop":{"myshopify_domain":"demo-shop.myshopify.com"}}"#
            ),
            (200, r#"{"access_scopes":[{"handle":"write_orders"}]}"#),
        ]),
    );
    let proof = proof.unwrap();
    assert_eq!(proof.shop.label, Some(label));
    assert_eq!(proof.origin, format!("{}/shopify/demo-shop", peer.origin()));
    assert_eq!(proof.scopes, GrantedScopes::flat(["write_orders"]));
    assert_eq!(proof.expires_at, None);
    let Credential::Token { token } = proof.credential else {
        panic!("another shape");
    };
    assert_eq!(token.expose_secret(), "shpat_1");
    for (request, path) in received.iter().zip([
        "/shopify/demo-shop/admin/api/2026-07/shop.json",
        "/shopify/demo-shop/admin/oauth/access_scopes.json",
    ]) {
        assert!(
            request.starts_with(&format!("GET {path} HTTP/1.1\r\n")),
            "{request}"
        );
        assert!(request.contains("x-shopify-access-token: shpat_1\r\n"));
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_not_sent() {
    let (egress, label, app) = (client(), label(), app(None));
    let token = Credential::Token {
        token: "shpat_1".into(),
    };
    let pair = Credential::KeyPair {
        api_key: "k".into(),
        api_secret: "s".into(),
    };
    let split = Credential::Token {
        token: "shp\r\nat".into(),
    };
    for (app, shop, credential, failure) in [
        (
            None,
            Some(&label),
            &token,
            PlatformFailure::AppMisconfigured,
        ),
        (Some(&app), None, &token, PlatformFailure::CredentialInvalid),
        (
            Some(&app),
            Some(&label),
            &pair,
            PlatformFailure::CredentialInvalid,
        ),
        (
            Some(&app),
            Some(&label),
            &split,
            PlatformFailure::CredentialInvalid,
        ),
    ] {
        let proof = Shopify
            .prove(&egress, prove_request(app, shop, credential))
            .await;
        assert_eq!(proof.err(), Some(failure));
    }
}
