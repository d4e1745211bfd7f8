//! The call that exchanges a code, and its answers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Credential, GrantedScopes, IdentityRealm, ShopLabel};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::*;
use crate::code_flow::ExchangeRequest;
use crate::loopback::{Peer, client};
use crate::proof::Proof;
use crate::signature::sign;

#[test]
fn known_signatures_of_calls_come_out() {
    for (key, body, timestamp, signature) in [
        (
            PUBLISHED_KEY,
            r#"{"code":"code"}"#,
            "21c335b3a",
            "4c4cf0ac52439d1308b58897f857dcba8545efb6c0e8091fba64b148218d2074",
        ),
        (
            PUBLISHED_KEY,
            "",
            "21c335b3a",
            "cf5edab6b92d740fe54b3ce9e2723788128384a1eb5c2a5d64c9210a31185b86",
        ),
        // SL-4 and SL-5 of the computed vectors: an exchange and a renewal.
        (
            SECRET,
            r#"{"code":"c0de123"}"#,
            "1700000000000",
            "02a7b708250ded1f3cd0d7385c2cbc5a921f52c23d5dc46fe23100921cb820fc",
        ),
        (
            SECRET,
            "",
            "1700000000000",
            "d67ecf5bff32578f171fd6a5b500beba496413ca8a448d001db7adacf814e59d",
        ),
    ] {
        let parts = [body.as_bytes(), timestamp.as_bytes()];
        assert_eq!(sign(&key.into(), parts), signature);
        for altered in [
            sign(&"another key".into(), parts),
            sign(&key.into(), [body.as_bytes(), b"21c335b3b"]),
            sign(&key.into(), [b"{}", timestamp.as_bytes()]),
            sign(&key.into(), [timestamp.as_bytes(), body.as_bytes(), b"\n"]),
        ] {
            assert_ne!(altered, signature);
        }
    }
}

#[test]
fn the_token_call_is_signed_with_the_secret_that_the_platform_uses() {
    let (app, callback, code) = (app(), callback(), "c0de123".into());
    let call = SHOPLINE
        .token_call(&exchange(&app, &callback, &code))
        .unwrap();
    assert_eq!(
        call.url.as_str(),
        "https://demo-shop.myshopline.com/admin/oauth/token/create"
    );
    assert_eq!(&call.body[..], br#"{"code":"c0de123"}"#);
    for (name, value) in [
        ("appkey", "ak_0001"),
        ("timestamp", "1700000000000"),
        (
            "sign",
            "02a7b708250ded1f3cd0d7385c2cbc5a921f52c23d5dc46fe23100921cb820fc",
        ),
        ("content-type", "application/json"),
    ] {
        assert_eq!(call.headers[name], value, "{name}");
    }
}

fn exchange<'a>(
    app: &'a App,
    callback: &'a Callback,
    code: &'a SecretString,
) -> ExchangeRequest<'a> {
    ExchangeRequest {
        app,
        shop: callback.shop.as_ref(),
        redirect_uri: "https://broker.example/v1/auth/shopline/callback",
        callback,
        code,
        timeout: Duration::from_secs(10),
        now: now(),
    }
}

fn read_token(status: u16, answer: &Value) -> Result<Proof, PlatformFailure> {
    let (app, callback, code) = (app(), callback(), "c0de123".into());
    let request = exchange(&app, &callback, &code);
    let status = StatusCode::from_u16(status).unwrap();
    SHOPLINE.read_token_answer(&request, status, answer)
}

fn granted(token: &str, end: &Value) -> Value {
    json!({
        "code": 200, "i18nCode": "SUCCESS", "message": "ok",
        "data": {"accessToken": token, "expireTime": end, "scope": "read_orders, write_products,"},
    })
}

/// A JWT whose signature nobody checks.
fn jwt(claims: &Value) -> String {
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("eyJhbGciOiJIUzI1NiJ9.{claims}.c2ln")
}

#[test]
fn a_grant_is_read_whole() {
    let answer = granted("tok_1", &json!("2023-11-15T08:13:20.000+00:00"));
    let proof = read_token(200, &answer).unwrap();
    assert_eq!(
        proof.shop,
        ProvenShop {
            identity: ShopIdentity::new(IdentityRealm::Shopline, "demo-shop"),
            label: Some(ShopLabel::from_checked("demo-shop")),
        }
    );
    assert_eq!(proof.origin, "https://demo-shop.myshopline.com");
    assert_eq!(
        proof.scopes,
        GrantedScopes::flat(["read_orders", "write_products"])
    );
    assert_eq!(proof.expires_at, Some(now() + Duration::from_hours(10)));
    assert!(matches!(
        &proof.credential,
        Credential::AccessToken { access_token } if access_token.expose_secret() == "tok_1"
    ));
    assert!(!format!("{proof:?}").contains("tok_1"));
}

#[test]
fn the_end_is_told_or_claimed_or_documented() {
    let exp = NOW_MILLIS / 1000 + 60;
    let ten_hours = NOW_MILLIS / 1000 + 36_000;
    let with_exp = jwt(&json!({"exp": exp, "storeId": "1"}));
    for (token, end, expected) in [
        ("tok", json!("2023-11-14T22:14:20Z"), exp),
        ("tok", json!("2023-11-15T06:14:20+08:00"), exp),
        ("tok", json!(exp), exp),
        ("tok", json!(exp * 1000), exp),
        ("tok", json!((exp * 1000).to_string()), exp),
        (&with_exp, json!(ten_hours), ten_hours),
        (&with_exp, json!("soon"), exp),
        (&with_exp, json!(null), exp),
        ("tok", json!("soon"), ten_hours),
        ("tok", json!(null), ten_hours),
        ("a.b.c", json!(null), ten_hours),
    ] {
        let proof = read_token(200, &granted(token, &end)).unwrap();
        let told = proof.expires_at.map(|end| end.timestamp());
        assert_eq!(told, Some(expected), "{end}");
    }
}

#[test]
fn a_token_of_another_shop_is_refused() {
    for (domain, is_ok) in [
        ("demo-shop.myshopline.com", true),
        ("Demo-Shop.myshopline.com", true),
        ("https://demo-shop.myshopline.com/", true),
        ("www.demo-shop.example", true),
        ("other.myshopline.com", false),
        ("https://other.myshopline.com", false),
    ] {
        let answer = granted(&jwt(&json!({"domain": domain})), &json!(null));
        let failure = read_token(200, &answer).err();
        let expected = (!is_ok).then_some(PlatformFailure::ShopMismatch);
        assert_eq!(failure, expected, "{domain}");
    }
}

#[test]
fn every_other_answer_has_its_class() {
    use PlatformFailure::{AppMisconfigured, Rejected, Unreachable};
    let refused = |code: &str| json!({"code": 500, "i18nCode": code, "message": "m"});
    for (status, answer, failure) in [
        (200, refused("OAUTH_CODE_INVALID"), Rejected),
        (500, refused("OAUTH_CODE_INVALID"), Rejected),
        (200, refused("STORE_NOT_INSTALL_APP"), Rejected),
        (200, refused("REQUEST_FREQUENTLY"), Unreachable),
        (
            200,
            refused("REQUEST_NOT_IN_APP_IP_WHITELIST"),
            AppMisconfigured,
        ),
        (
            200,
            refused("REDIRECT_URI_NOT_WHITELISTED"),
            AppMisconfigured,
        ),
        (200, refused("APP_AUDIT_NOT_PASS"), AppMisconfigured),
        (200, refused("SIGN_INVALID"), AppMisconfigured),
        (200, refused("APP_KEY_NOT_FOUND"), AppMisconfigured),
        (200, refused("DESIGN_CHANGED"), Rejected),
        (200, refused("SOMETHING_NEW"), Rejected),
        (403, refused("SOMETHING_NEW"), Rejected),
        (429, refused("SOMETHING_NEW"), Unreachable),
        (502, refused("SOMETHING_NEW"), Unreachable),
        (
            200,
            json!({"code": "500", "i18nCode": "error", "message": "error"}),
            Rejected,
        ),
        (
            500,
            json!({"code": "500", "i18nCode": "error", "message": "error"}),
            Unreachable,
        ),
        (200, json!({"errors": "system error"}), Rejected),
        (500, json!({"errors": "system error"}), Unreachable),
        (400, granted("tok", &json!(null)), Rejected),
        (302, granted("tok", &json!(null)), Unreachable),
        (200, granted("", &json!(null)), Unreachable),
        (
            200,
            json!({"code": 200, "data": {"scope": "read_orders"}}),
            Unreachable,
        ),
        (200, json!({"code": 200, "data": null}), Unreachable),
        (
            200,
            json!({"code": 200, "data": {"accessToken": 5}}),
            Unreachable,
        ),
        (
            200,
            json!({"code": 200, "data": {"accessToken": "t", "scope": 5}}),
            Unreachable,
        ),
        (
            200,
            json!({"code": true, "data": {"accessToken": "t"}}),
            Unreachable,
        ),
        (200, json!({}), Unreachable),
        (200, json!([]), Unreachable),
        (200, json!("ok"), Unreachable),
    ] {
        assert_eq!(
            read_token(status, &answer).err(),
            Some(failure),
            "{status} {answer}"
        );
    }
    let text_code = json!({"code": "200", "data": {"accessToken": "t"}});
    let proof = read_token(200, &text_code).unwrap();
    assert_eq!(
        proof.scopes,
        GrantedScopes::flat(app().scopes),
        "left out is what was asked for"
    );
}

#[tokio::test]
async fn a_code_is_exchanged_over_the_wire() {
    let peer = Peer::listen().await;
    let app = App {
        host: Some(format!("{}/shopline/{{shop}}", peer.origin())),
        ..app()
    };
    let (egress, callback, code) = (client(), callback(), "c0de123".into());
    let answer = granted("tok_1", &json!("2023-11-15T08:13:20Z")).to_string();
    let (proof, received) = tokio::join!(
        SHOPLINE.exchange(&egress, exchange(&app, &callback, &code)),
        peer.serve([(200, &answer)]),
    );
    assert_eq!(
        proof.unwrap().origin,
        format!("{}/shopline/demo-shop", peer.origin())
    );
    assert!(
        received[0].starts_with("POST /shopline/demo-shop/admin/oauth/token/create HTTP/1.1\r\n")
    );
    assert!(received[0].ends_with("\r\n\r\n{\"code\":\"c0de123\"}"));
    assert!(
        received[0].contains("02a7b708250ded1f3cd0d7385c2cbc5a921f52c23d5dc46fe23100921cb820fc")
    );
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart_from_what_was_never_sent() {
    let peer = Peer::listen().await;
    let app = App {
        host: Some(peer.origin()),
        ..app()
    };
    let (egress, callback, code) = (client(), callback(), "c0de123".into());
    let (garbage, _) = tokio::join!(
        SHOPLINE.exchange(&egress, exchange(&app, &callback, &code)),
        peer.serve([(200, "<html>")]),
    );
    assert_eq!(garbage.err(), Some(PlatformFailure::Unreachable));
    drop(peer);
    let closed = SHOPLINE
        .exchange(&egress, exchange(&app, &callback, &code))
        .await;
    assert_eq!(closed.err(), Some(PlatformFailure::ConnectFailed));
    let private = App {
        host: Some("https://10.0.0.1".to_owned()),
        ..app
    };
    let refused = SHOPLINE
        .exchange(&egress, exchange(&private, &callback, &code))
        .await;
    assert_eq!(refused.err(), Some(PlatformFailure::Unreachable));
}
