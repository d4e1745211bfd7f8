use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{Credential, FailReason, GrantedScopes, IdentityRealm, RequiredScope};
use http::StatusCode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::token::{ACCESS_LIFE, Tokens, read_exchange, read_refresh};
use super::*;
use crate::code_flow::CallbackAnswer;
use crate::failure::RefreshVerdict;
use crate::loopback::{Peer, client};

mod seed;

const MERCHANT: &str = "0b7e6a52-6f0d-4c36-9a4e-3d1f5b8c2e70";
const OTHER: &str = "0b7e6a52-6f0d-4c36-9a4e-3d1f5b8c2e71";
const SECRET: &str = "mv_test_secret_01";
const REDIRECT_URI: &str = "https://broker.example/v1/auth/multivende/callback";

fn app(host: Option<String>) -> App {
    App {
        client_id: "123456789012".to_owned(),
        secrets: vec![SECRET.into(), "an_older_secret".into()],
        scopes: vec!["read:checkouts".to_owned(), "read:stocks=all".to_owned()],
        host,
        event_key: None,
    }
}

fn merchant() -> ShopLabel {
    ShopLabel::from_checked(MERCHANT)
}

fn now() -> DateTime<Utc> {
    "2024-10-15T13:57:26.468Z".parse().unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The seed's sample answer, with ids of our own.
fn granted(scopes: &Value) -> Value {
    json!({
        "_id": "5d0a7f0e-3f0e-4a3c-8d7c-1b9a5f3e2d01",
        "status": "created",
        "OauthClientId": "5d0a7f0e-3f0e-4a3c-8d7c-1b9a5f3e2d02",
        "MerchantId": MERCHANT,
        "MerchantAppId": "5d0a7f0e-3f0e-4a3c-8d7c-1b9a5f3e2d03",
        "CreatedById": "5d0a7f0e-3f0e-4a3c-8d7c-1b9a5f3e2d04",
        "UpdatedById": "5d0a7f0e-3f0e-4a3c-8d7c-1b9a5f3e2d04",
        "OwnerId": "5d0a7f0e-3f0e-4a3c-8d7c-1b9a5f3e2d04",
        "scopes": scopes,
        "expiresAt": "2024-10-15T19:57:26.468Z",
        "refreshToken": "rt-5d0a7f0e-3f0e-4a3c-8d7c-1b9a5f3e2d05",
        "refreshTokenExpiresAt": "2024-10-17T13:57:26.468Z",
        "updatedAt": "2024-10-15T13:57:26.000Z",
        "createdAt": "2024-10-15T13:57:26.000Z",
        "token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    })
}

fn everything() -> Value {
    granted(&json!({"read:checkouts": {"all": true}, "read:stocks": {"all": true}}))
}

fn read(answer: &Value) -> Result<Tokens, PlatformFailure> {
    read_exchange(StatusCode::OK, answer, None, now())
}

fn missing(scopes: &GrantedScopes, required: &str) -> Vec<String> {
    let required = [RequiredScope::read(required)];
    let missing = scopes.missing(&required, FACTS.write_scope);
    missing.map(str::to_owned).collect()
}

#[test]
fn the_link_leads_to_the_one_host_whoever_is_asked() {
    let link = |shop| {
        Multivende.authorize_url(&AuthorizeRequest {
            app: &app(None),
            shop,
            redirect_uri: REDIRECT_URI,
            state: &"n0nce-7f3a".into(),
        })
    };
    assert_eq!(
        link(None),
        "https://app.multivende.com/apps/authorize?response_type=code&client_id=123456789012\
         &redirect_uri=https%3A%2F%2Fbroker.example%2Fv1%2Fauth%2Fmultivende%2Fcallback\
         &scope=read%3Acheckouts%2Cread%3Astocks&state=n0nce-7f3a"
    );
    assert_eq!(link(None), link(Some(&merchant())));
}

#[test]
fn a_seller_id_is_a_uuid_in_either_case() {
    assert_eq!(FACTS.parse_seller_id(MERCHANT), Ok(merchant()));
    assert_eq!(
        FACTS.parse_seller_id(&MERCHANT.to_uppercase()),
        Ok(merchant())
    );
    for text in [
        "",
        "demo",
        "0b7e6a526f0d4c369a4e3d1f5b8c2e70",
        "0b7e6a52-6f0d-4c36-9a4e-3d1f5b8c2e7",
        "0b7e6a52-6f0d-4c36-9a4e-3d1f5b8c2e70-",
        "0b7e6a52-6f0d-4c36-9a4e-3d1f5b8c2e7g",
        "{0b7e6a52-6f0d-4c36-9a4e-3d1f5b8c2e70}",
        " 0b7e6a52-6f0d-4c36-9a4e-3d1f5b8c2e70",
        "0b7e6a5-26f0d-4c36-9a4e-3d1f5b8c2e70",
        "evil.example/1-2-3-4-5",
    ] {
        assert!(FACTS.parse_seller_id(text).is_err(), "{text}");
    }
}

#[test]
fn a_callback_may_lack_its_state_and_never_names_a_shop() {
    let callback = |query: &str| Multivende.read_callback(query, &app(None));
    let echoed = callback("code=ac-1&state=n0nce").unwrap();
    assert_eq!(echoed.state.unwrap().expose_secret(), "n0nce");
    assert_eq!((echoed.shop, echoed.identity), (None, None));
    assert_eq!(echoed.signed, None);
    let bare = callback("code=ac-1").unwrap();
    assert!(bare.state.is_none());
    assert!(matches!(bare.answer, CallbackAnswer::Code(code) if code.expose_secret() == "ac-1"));
    for (query, reason) in [
        ("state=n0nce", FailReason::UserDenied),
        ("error=access_denied", FailReason::UserDenied),
        (
            "error=access_denied&state=n0nce&code=ac-1",
            FailReason::UserDenied,
        ),
        ("error=invalid_scope", FailReason::PlatformAppMisconfigured),
        ("error=server_error", FailReason::PlatformRejected),
    ] {
        let answer = callback(query).unwrap().answer;
        assert!(
            matches!(answer, CallbackAnswer::Failed(found) if found == reason),
            "{query}"
        );
    }
    // A visit that brings nothing is no refusal, and a doubled key is nobody's.
    for query in [
        "",
        "x=1",
        "code=",
        "state=",
        "code=a&code=b",
        "state=a&state=a",
    ] {
        assert_eq!(
            callback(query).err(),
            Some(CallbackError::Malformed),
            "{query}"
        );
    }
}

#[test]
fn the_merchant_of_the_answer_is_who_was_expected() {
    let read = |expected: Option<&str>| {
        let expected = expected.map(ShopLabel::from_checked);
        let read = read_exchange(StatusCode::OK, &everything(), expected.as_ref(), now());
        read.map(|tokens| tokens.merchant)
    };
    assert_eq!(read(None), Ok(merchant()));
    assert_eq!(read(Some(MERCHANT)), Ok(merchant()));
    assert_eq!(read(Some(&MERCHANT.to_uppercase())), Ok(merchant()));
    assert_eq!(read(Some(OTHER)), Err(PlatformFailure::ShopMismatch));
    let proven = proven(merchant());
    assert_eq!(proven.identity.realm(), IdentityRealm::Multivende);
    assert_eq!(proven.identity.value(), MERCHANT);
    assert!(proven.answers_to(Some(&merchant())));
}

/// What makes an answer useless is noticed before anything else in it counts.
#[test]
fn an_answer_without_a_legible_merchant_token_or_scopes_is_none() {
    for (field, value) in [
        ("MerchantId", json!(null)),
        ("MerchantId", json!("")),
        ("MerchantId", json!(7)),
        ("MerchantId", json!("not-a-uuid")),
        ("MerchantId", json!("evil.example")),
        ("MerchantId", json!("0b7e6a526f0d4c369a4e3d1f5b8c2e70")),
        ("token", json!(null)),
        ("token", json!("")),
        ("scopes", json!(null)),
        ("scopes", json!("read:checkouts")),
        ("scopes", json!(["read:checkouts"])),
        ("scopes", json!({"read:checkouts": true})),
        ("scopes", json!({"read:checkouts": {"all": "true"}})),
    ] {
        let mut answer = everything();
        answer[field] = value.clone();
        let refused = read(&answer).map(drop);
        assert_eq!(
            refused,
            Err(PlatformFailure::Unreachable),
            "{field}: {value}"
        );
    }
    let mut stranger = everything();
    stranger["MerchantId"] = json!("not-a-uuid");
    let read = read_exchange(StatusCode::OK, &stranger, Some(&merchant()), now());
    assert_eq!(read.map(drop), Err(PlatformFailure::Unreachable));
}

#[test]
fn a_refusal_is_classed_by_what_it_names() {
    use RefreshVerdict::{Operator, Permanent, Transient};
    let app = PlatformFailure::AppMisconfigured;
    let (rejected, unreachable) = (PlatformFailure::Rejected, PlatformFailure::Unreachable);
    for (status, answer, exchanged, refreshed) in [
        (400, json!({"error": "invalid_grant"}), rejected, Permanent),
        (
            401,
            json!({"error": "Refresh token expired"}),
            rejected,
            Permanent,
        ),
        (
            403,
            json!({"error": "invalid refresh_token"}),
            rejected,
            Permanent,
        ),
        (400, json!({"error": "invalid_client"}), app, Operator),
        (
            401,
            json!({"error": "client_secret does not match"}),
            app,
            Operator,
        ),
        (
            400,
            json!({"error": "redirect_uri mismatch"}),
            app,
            Operator,
        ),
        (400, json!({"error": "unknown scope"}), app, Operator),
        // Whatever else is refused says nothing about the grant.
        (
            400,
            json!({"error": "Unexpected token < in JSON"}),
            rejected,
            Transient,
        ),
        (403, json!({"error": "forbidden"}), rejected, Transient),
        (
            404,
            json!({"error": "refresh token route not found"}),
            rejected,
            Transient,
        ),
        (
            405,
            json!({"error": "method not allowed"}),
            rejected,
            Transient,
        ),
        (200, json!({"error": "something"}), rejected, Transient),
        (
            500,
            json!({"error": "invalid_grant"}),
            unreachable,
            Transient,
        ),
        (
            503,
            json!({"error": "invalid_client"}),
            unreachable,
            Transient,
        ),
        (
            429,
            json!({"error": "invalid_grant"}),
            unreachable,
            Transient,
        ),
        (
            302,
            json!({"error": "invalid_grant"}),
            unreachable,
            Transient,
        ),
        (400, json!({"message": "no"}), unreachable, Transient),
        (400, json!({"error": {"code": 1}}), unreachable, Transient),
        (200, json!([]), unreachable, Transient),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let exchange = read_exchange(status, &answer, None, now()).map(drop);
        assert_eq!(exchange, Err(exchanged), "{status} {answer}");
        let refresh = read_refresh(status, &answer, &merchant(), now()).map(drop);
        let verdict = refresh.unwrap_err().refresh_verdict();
        assert_eq!(verdict, refreshed, "{status} {answer}");
    }
}

#[test]
fn a_refresh_that_answers_for_another_merchant_is_not_taken() {
    let read = |id: &str| {
        let merchant = ShopLabel::from_checked(id);
        read_refresh(StatusCode::OK, &everything(), &merchant, now()).map(drop)
    };
    assert_eq!(read(MERCHANT), Ok(()));
    assert_eq!(read(OTHER), Err(PlatformFailure::ShopMismatch));
    assert_eq!(
        PlatformFailure::ShopMismatch.refresh_verdict(),
        RefreshVerdict::Transient
    );
}

/// The token that was sent is spent by then: what it bought must not be thrown away for what it does not say.
#[test]
fn a_refresh_that_says_less_is_taken() {
    let mut answer = everything();
    for field in ["MerchantId", "scopes", "expiresAt"] {
        answer[field].take();
    }
    let refreshed = read_refresh(StatusCode::OK, &answer, &merchant(), now()).unwrap();
    assert!(refreshed.refresh_token.is_some());
    assert_eq!(refreshed.scopes, None);
    assert_eq!(refreshed.expires_at, Some(now() + ACCESS_LIFE));
    answer["token"].take();
    let refused = read_refresh(StatusCode::OK, &answer, &merchant(), now()).map(drop);
    assert_eq!(refused, Err(PlatformFailure::Unreachable));
}

#[tokio::test]
async fn a_code_is_exchanged_as_json_with_the_secret_and_without_the_address() {
    let peer = Peer::listen().await;
    let app = app(Some(format!("{}/", peer.origin())));
    let callback = Multivende.read_callback("code=ac-1", &app).unwrap();
    let code = "ac-1".into();
    let egress = client();
    let request = ExchangeRequest {
        app: &app,
        shop: None,
        redirect_uri: REDIRECT_URI,
        callback: &callback,
        code: &code,
        timeout: Duration::from_secs(10),
        now: now(),
    };
    let answer = everything().to_string();
    let (proof, received) = tokio::join!(
        Multivende.exchange(&egress, request),
        peer.serve([(200, &answer)])
    );
    let proof = proof.unwrap();
    let (head, body) = received[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /oauth/access-token HTTP/1.1\r\n"));
    assert!(head.contains("content-type: application/json"));
    let sent: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        sent,
        json!({
            "client_id": "123456789012",
            "client_secret": SECRET,
            "grant_type": "authorization_code",
            "code": "ac-1",
        })
    );
    assert_eq!(proof.origin, peer.origin());
    assert_eq!(proof.shop, proven(merchant()));
    let Credential::AccessToken { access_token } = &proof.credential else {
        panic!("no access token");
    };
    assert_eq!(
        access_token.expose_secret(),
        "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"
    );
}

#[tokio::test]
async fn a_refresh_sends_the_refresh_token_and_brings_a_new_one() {
    let peer = Peer::listen().await;
    let (app, shop) = (app(None), proven(merchant()));
    let (egress, token) = (client(), "rt-before".into());
    let origin = peer.origin();
    let request = RefreshRequest {
        app: &app,
        secret: &app.secrets[1],
        shop: &shop,
        origin: &origin,
        refresh_token: Some(&token),
        timeout: Duration::from_secs(10),
        now: now(),
    };
    let answer = granted(&json!({"read:stocks": {"all": false, OTHER: true}})).to_string();
    let (refreshed, received) = tokio::join!(
        Refresh::refresh(&Multivende, &egress, request),
        peer.serve([(200, &answer)])
    );
    let refreshed = refreshed.unwrap();
    let (_, body) = received[0].split_once("\r\n\r\n").unwrap();
    let sent: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        sent,
        json!({
            "client_id": "123456789012",
            "client_secret": "an_older_secret",
            "grant_type": "refresh_token",
            "refresh_token": "rt-before",
        })
    );
    let new = refreshed.refresh_token.unwrap();
    assert_eq!(
        new.token.expose_secret(),
        "rt-5d0a7f0e-3f0e-4a3c-8d7c-1b9a5f3e2d05"
    );
    assert_eq!(new.expires_at, Some(instant("2024-10-17T13:57:26.468Z")));
    assert_eq!(
        refreshed.expires_at,
        Some(instant("2024-10-15T19:57:26.468Z"))
    );
    assert_eq!(missing(&refreshed.scopes.unwrap(), "read:stocks"), [""; 0]);
}

#[test]
fn without_a_refresh_token_there_is_nothing_to_ask_with() {
    let (app, shop) = (app(None), proven(merchant()));
    let request = RefreshRequest {
        app: &app,
        secret: &app.secrets[0],
        shop: &shop,
        origin: HOST,
        refresh_token: None,
        timeout: Duration::from_secs(10),
        now: now(),
    };
    let refused = token::refresh_call(&request).err();
    assert_eq!(refused, Some(PlatformFailure::Rejected));
}
