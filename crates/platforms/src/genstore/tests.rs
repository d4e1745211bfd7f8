mod rows;

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Credential, FailReason, GrantedScopes, IdentityRealm, ShopLabel};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::*;
use crate::adapter::{App, PlatformAdapter};
use crate::code_flow::{AuthorizeRequest, Callback, CallbackAnswer, CallbackError, CodeFlow};
use crate::loopback::{Peer, client};
use crate::proof::Proof;
use crate::query::RawQuery;
use crate::signature::sign;

const SECRET: &str = "gs_test_secret_0001";
const CALLBACK: &str = "shop=demo-shop&shopId=988716383&state=n0nce-7f3a&timestamp=1732864257361\
    &code=c0de123&hmac=2f828e20d485326c46bbfdf83887de2c90d535d92e0af3c39ce2c3678774bb13";

fn app() -> App {
    App {
        client_id: "cid_1".to_owned(),
        secrets: vec![SECRET.into()],
        scopes: vec!["read_orders".to_owned(), "read_products".to_owned()],
        host: None,
        event_key: None,
    }
}

fn signed_at() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_732_864_257_361).unwrap()
}

fn signed(text: &str) -> String {
    let signature = sign(&SECRET.into(), [text.as_bytes()]);
    format!("{text}&hmac={signature}")
}

fn read(query: &str) -> Result<Callback, CallbackError> {
    GENSTORE.read_callback(query, &app())
}

#[test]
fn known_signatures_are_found_and_altered_ones_are_not() {
    let secrets = [SecretString::from(SECRET)];
    let signer = |query: &str| {
        DIALECT
            .signature
            .signer(&RawQuery::read(query).unwrap(), &secrets)
    };
    let launch = "shop=demo-shop&shopId=988716383&timestamp=1732864257361\
        &hmac=84f5d4ccebf6d0fc1f2ee7dd8880c2eeb5b439e7feb325329ef4b4fc3acae4e6";
    for query in [launch, CALLBACK] {
        assert_eq!(signer(query), Some(0));
        for altered in [
            query.replace("demo-shop", "demo-shoq"),
            query.replace("demo-shop", "demo%2Dshop"),
            query.replace("988716383", "988716384"),
            query.replace("&hmac=", "&lang=en&hmac="),
            query.split_once("&hmac").unwrap().0.to_owned(),
        ] {
            assert_eq!(signer(&altered), None, "{altered}");
        }
    }
}

#[test]
fn a_callback_tells_everything_about_its_shop() {
    let callback = read(CALLBACK).unwrap();
    assert_eq!(
        callback.state.as_ref().unwrap().expose_secret(),
        "n0nce-7f3a"
    );
    assert_eq!(callback.shop, Some(ShopLabel::from_checked("demo-shop")));
    assert_eq!(
        callback.identity,
        Some(ShopIdentity::new(IdentityRealm::Genstore, "988716383"))
    );
    assert_eq!(callback.signed.map(|signed| signed.at), Some(signed_at()));
    assert!(
        matches!(callback.answer, CallbackAnswer::Code(code) if code.expose_secret() == "c0de123")
    );
}

#[test]
fn values_are_signed_as_received_and_read_decoded() {
    let query = signed("code=a%2Bb&shop=Demo.genmystore.com&shopId=1&state=s&timestamp=1732864257");
    let callback = read(&query).unwrap();
    assert_eq!(callback.shop, Some(ShopLabel::from_checked("demo")));
    assert!(matches!(callback.answer, CallbackAnswer::Code(code) if code.expose_secret() == "a+b"));
    let decoded = sign(
        &SECRET.into(),
        [b"code=a+b&shop=demo&shopId=1&state=s&timestamp=1732864257"],
    );
    let query =
        format!("code=a%2Bb&shop=demo&shopId=1&state=s&timestamp=1732864257&hmac={decoded}");
    assert_eq!(read(&query).err(), Some(CallbackError::NotVerified));
}

#[test]
fn a_callback_of_another_form_is_refused() {
    for text in [
        "code=c&shop=demo&shopId=1&timestamp=1732864257361",
        "code=c&shop=demo&state=s&timestamp=1732864257361",
        "code=c&shop=demo&shopId=x1&state=s&timestamp=1732864257361",
        "code=c&shopId=1&state=s&timestamp=1732864257361",
        "code=c&shop=demo.evil.com&shopId=1&state=s&timestamp=1732864257361",
        "code=c&shop=demo&shopId=1&state=s",
    ] {
        assert_eq!(
            read(&signed(text)).err(),
            Some(CallbackError::Malformed),
            "{text}"
        );
    }
    let twice = format!("{CALLBACK}&shop=demo-shop");
    assert_eq!(read(&twice).err(), Some(CallbackError::Malformed));
}

#[test]
fn a_callback_without_a_code_is_a_denial() {
    let query = signed("shop=demo&shopId=1&state=s&timestamp=1732864257361");
    let answer = read(&query).unwrap().answer;
    assert!(matches!(
        answer,
        CallbackAnswer::Failed(FailReason::UserDenied)
    ));
}

#[test]
fn the_link_has_the_words_and_the_order_of_the_page() {
    let url = GENSTORE.authorize_url(&AuthorizeRequest {
        app: &app(),
        shop: Some(&ShopLabel::from_checked("demo-shop")),
        redirect_uri: "https://broker.example/v1/auth/genstore/callback",
        state: &"n0nce-7f3a".into(),
    });
    assert_eq!(
        url,
        "https://demo-shop.genmystore.com/admin/oauth2/authorize?clientId=cid_1\
         &scope=read_orders%2Cread_products\
         &redirectUrl=https%3A%2F%2Fbroker.example%2Fv1%2Fauth%2Fgenstore%2Fcallback\
         &state=n0nce-7f3a&grantType=code"
    );
}

fn exchange<'a>(
    app: &'a App,
    callback: &'a Callback,
    code: &'a SecretString,
) -> ExchangeRequest<'a> {
    ExchangeRequest {
        app,
        shop: callback.shop.as_ref(),
        redirect_uri: "https://broker.example/v1/auth/genstore/callback",
        callback,
        code,
        timeout: Duration::from_secs(10),
        now: signed_at(),
    }
}

fn read_token(status: u16, answer: &Value) -> Result<Proof, PlatformFailure> {
    let (app, callback, code) = (app(), read(CALLBACK).unwrap(), "c0de123".into());
    let status = StatusCode::from_u16(status).unwrap();
    GENSTORE.read_token_answer(&exchange(&app, &callback, &code), status, answer)
}

fn granted() -> Value {
    json!({
        "accessToken": "tok_1", "scope": "write_orders,read_products",
        "shopId": 988_716_383, "shopDomain": "demo-shop.genmystore.com",
    })
}

#[test]
fn a_grant_is_read_whole_and_has_no_end() {
    let proof = read_token(200, &granted()).unwrap();
    assert_eq!(
        proof.shop,
        ProvenShop {
            identity: ShopIdentity::new(IdentityRealm::Genstore, "988716383"),
            label: Some(ShopLabel::from_checked("demo-shop")),
        }
    );
    assert_eq!(proof.origin, "https://demo-shop.genmystore.com");
    assert_eq!(
        proof.scopes,
        GrantedScopes::flat(["write_orders", "read_products"])
    );
    assert_eq!(proof.expires_at, None);
    assert!(matches!(
        &proof.credential,
        Credential::AccessToken { access_token } if access_token.expose_secret() == "tok_1"
    ));
}

#[test]
fn the_answer_is_about_the_shop_of_the_callback() {
    use PlatformFailure::{ShopMismatch, Unreachable};
    for (field, value, failure) in [
        ("shopId", json!("988716383"), None),
        ("shopId", json!(988_716_384), Some(ShopMismatch)),
        ("shopId", json!("988716384"), Some(ShopMismatch)),
        ("shopId", json!(null), Some(Unreachable)),
        ("shopDomain", json!("demo-shop"), None),
        ("shopDomain", json!("Demo-Shop.genmystore.com"), None),
        (
            "shopDomain",
            json!("other.genmystore.com"),
            Some(ShopMismatch),
        ),
        ("shopDomain", json!("shop.example.com"), Some(ShopMismatch)),
        ("shopDomain", json!(null), Some(Unreachable)),
    ] {
        let mut answer = granted();
        answer[field] = value;
        assert_eq!(read_token(200, &answer).err(), failure, "{answer}");
    }
}

#[test]
fn every_other_answer_has_its_class() {
    use PlatformFailure::{AppMisconfigured, Rejected, Unreachable};
    let error = |text: &str| json!({ "error": text });
    for (status, answer, failure) in [
        (400, error("invalid_grant"), Rejected),
        (400, error("code is expired"), Rejected),
        (402, error("Payment Required"), Rejected),
        (403, error("Forbidden"), Rejected),
        (404, error("Not Found"), Rejected),
        (200, error("invalid_grant"), Rejected),
        (401, error("Unauthorized"), AppMisconfigured),
        (400, error("invalid_client"), AppMisconfigured),
        (400, error("clientSecret is wrong"), AppMisconfigured),
        (403, error("Invalid redirect URL"), AppMisconfigured),
        (403, error("IP not in whitelist"), AppMisconfigured),
        (429, error("invalid_client"), Unreachable),
        (500, error("invalid_grant"), Unreachable),
        (302, error("moved"), Unreachable),
        (400, json!({}), Unreachable),
        (400, json!({"error": {"code": 1}}), Unreachable),
        (200, json!({}), Unreachable),
        (200, json!(null), Unreachable),
        (200, json!({"accessToken": ""}), Unreachable),
    ] {
        assert_eq!(
            read_token(status, &answer).err(),
            Some(failure),
            "{status} {answer}"
        );
    }
}

#[tokio::test]
async fn a_code_is_exchanged_over_the_wire() {
    let peer = Peer::listen().await;
    let app = App {
        host: Some(format!("{}/genstore/{{shop}}", peer.origin())),
        ..app()
    };
    let (egress, callback, code) = (client(), read(CALLBACK).unwrap(), "c0de123".into());
    let answer = granted().to_string();
    let (proof, received) = tokio::join!(
        GENSTORE.exchange(&egress, exchange(&app, &callback, &code)),
        peer.serve([(200, &answer)]),
    );
    assert!(proof.is_ok());
    let (head, body) = received[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /genstore/demo-shop/oauth2/token HTTP/1.1\r\n"));
    assert!(head.contains("content-type: application/json"));
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body,
        json!({
            "clientId": "cid_1", "clientSecret": SECRET, "grantType": "code", "code": "c0de123",
        })
    );
}
