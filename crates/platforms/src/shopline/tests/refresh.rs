//! The call that renews a token, and its answers.

use domain::{Credential, IdentityRealm};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::*;
use crate::adapter::PlatformAdapter;
use crate::failure::RefreshVerdict;
use crate::loopback::{Peer, client};
use crate::refresh::{Refresh, RefreshRequest, RefreshStrategy, Refreshed};
use crate::shopline::refresh::call;

const REFRESH: AppSigned = AppSigned {
    facts: &SHOPLINE_FACTS,
};

fn shop() -> ProvenShop {
    ProvenShop {
        identity: ShopIdentity::new(IdentityRealm::Shopline, "demo-shop"),
        label: Some(ShopLabel::from_checked("demo-shop")),
    }
}

fn request<'a>(
    app: &'a App,
    secret: &'a SecretString,
    shop: &'a ProvenShop,
    origin: &'a str,
) -> RefreshRequest<'a> {
    RefreshRequest {
        app,
        secret,
        shop,
        origin,
        refresh_token: None,
        timeout: Duration::from_secs(10),
        now: now(),
    }
}

fn read_answer(status: u16, answer: &Value) -> Result<Refreshed, PlatformFailure> {
    let (app, secret, shop) = (app(), SECRET.into(), shop());
    let request = request(&app, &secret, &shop, "https://demo-shop.myshopline.com");
    REFRESH.read(&request, StatusCode::from_u16(status).unwrap(), answer)
}

/// SL-5 of the computed vectors; the published one is beside those of the exchange.
#[test]
fn the_call_has_no_body_and_is_signed_over_its_timestamp() {
    let (app, secret, shop) = (app(), SECRET.into(), shop());
    let request = request(&app, &secret, &shop, "https://demo-shop.myshopline.com");
    let call = call(&request).unwrap();
    assert_eq!(call.method, http::Method::POST);
    assert_eq!(
        call.url.as_str(),
        "https://demo-shop.myshopline.com/admin/oauth/token/refresh"
    );
    assert!(call.body.is_empty());
    for (name, value) in [
        ("appkey", "ak_0001"),
        ("timestamp", "1700000000000"),
        (
            "sign",
            "d67ecf5bff32578f171fd6a5b500beba496413ca8a448d001db7adacf814e59d",
        ),
        ("content-type", "application/json"),
    ] {
        assert_eq!(call.headers[name], value, "{name}");
    }
}

#[test]
fn both_sites_renew_without_a_refresh_token() {
    for site in [&SHOPLINE, &SHOPLINE_EU] {
        let refresh = PlatformAdapter::refresh(site).unwrap();
        assert_eq!(refresh.strategy(), RefreshStrategy::AppSigned);
    }
}

#[test]
fn a_newer_token_is_read_with_its_end() {
    for (end, expected) in [
        (json!("2023-11-14T22:14:20.000Z"), NOW_MILLIS + 60_000),
        (json!(null), NOW_MILLIS + 36_000_000),
        (json!("soon"), NOW_MILLIS + 36_000_000),
    ] {
        let answer = json!({"code": 200, "data": {"accessToken": "tok_2", "expireTime": end}});
        let refreshed = read_answer(200, &answer).unwrap();
        let told = refreshed.expires_at.map(|end| end.timestamp_millis());
        assert_eq!(told, Some(expected), "{end}");
        assert!(refreshed.refresh_token.is_none());
        assert!(matches!(
            &refreshed.credential,
            Credential::AccessToken { access_token } if access_token.expose_secret() == "tok_2"
        ));
        assert!(!format!("{refreshed:?}").contains("tok_2"));
    }
}

#[test]
fn only_what_is_known_to_be_final_ends_a_grant() {
    use RefreshVerdict::{Operator, Permanent, Transient};
    let refused = |code: &str| json!({"code": 500, "i18nCode": code, "message": "m"});
    for (status, answer, verdict) in [
        (200, refused("STORE_NOT_INSTALL_APP"), Permanent),
        (500, refused("STORE_NOT_INSTALL_APP"), Permanent),
        (200, refused("APP_AUDIT_NOT_PASS"), Permanent),
        (200, refused("REQUEST_FREQUENTLY"), Transient),
        (429, json!({}), Transient),
        (503, json!({"errors": "system error"}), Transient),
        (200, refused("REQUEST_NOT_IN_APP_IP_WHITELIST"), Operator),
        (200, refused("SIGN_INVALID"), Operator),
        (401, refused("APP_KEY_NOT_FOUND"), Operator),
        (200, refused("error"), Transient),
        (200, refused("SOMETHING_NEW"), Transient),
        (403, refused("SOMETHING_NEW"), Transient),
        (200, json!({"errors": "system error"}), Transient),
        (
            200,
            json!({"code": 200, "data": {"accessToken": ""}}),
            Transient,
        ),
        (200, json!([]), Transient),
    ] {
        let failure = read_answer(status, &answer).unwrap_err();
        assert_eq!(failure.refresh_verdict(), verdict, "{status} {answer}");
    }
}

#[test]
fn another_shops_token_is_not_taken() {
    // {"domain":"https://other.myshopline.com"}
    let token = "e30.eyJkb21haW4iOiJodHRwczovL290aGVyLm15c2hvcGxpbmUuY29tIn0.c2ln";
    let answer = json!({"code": 200, "data": {"accessToken": token}});
    assert_eq!(
        read_answer(200, &answer).err(),
        Some(PlatformFailure::ShopMismatch)
    );
}

#[tokio::test]
async fn a_token_is_renewed_over_the_wire() {
    let peer = Peer::listen().await;
    let (app, secret, shop, origin) = (app(), SECRET.into(), shop(), peer.origin());
    let origin = format!("{origin}/shopline/demo-shop");
    let (egress, answer) = (
        client(),
        json!({"code": 200, "data": {"accessToken": "tok_2"}}).to_string(),
    );
    let (refreshed, received) = tokio::join!(
        REFRESH.refresh(&egress, request(&app, &secret, &shop, &origin)),
        peer.serve([(200, &answer)]),
    );
    refreshed.unwrap();
    assert!(
        received[0].starts_with("POST /shopline/demo-shop/admin/oauth/token/refresh HTTP/1.1\r\n")
    );
    assert!(received[0].ends_with("\r\n\r\n"));
}
