use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Credential, FailReason, GrantedScopes, IdentityRealm};
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::token::{Tokens, basic, read_exchange, read_refresh};
use super::*;
use crate::code_flow::CallbackAnswer;
use crate::loopback::{Peer, client};
use crate::proof::RefreshToken;

const SECRET: &str = "c24_test_secret_01";
/// Vector C24-3: `demo_client_id:c24_test_secret_01`.
const BASIC: &str = "Basic ZGVtb19jbGllbnRfaWQ6YzI0X3Rlc3Rfc2VjcmV0XzAx";
const REDIRECT_URI: &str = "https://broker.example/v1/auth/cafe24/callback";

fn app(host: Option<String>) -> App {
    App {
        client_id: "demo_client_id".to_owned(),
        secrets: vec![SECRET.into(), "an_older_secret".into()],
        scopes: vec![
            "mall.read_order".to_owned(),
            "mall.read_store=all".to_owned(),
        ],
        host,
        event_key: None,
    }
}

fn mall() -> ShopLabel {
    ShopLabel::from_checked("demomall/2")
}

fn now() -> DateTime<Utc> {
    "2021-03-01T03:00:00Z".parse().unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn granted() -> Value {
    json!({
        "access_token": "tok_1",
        "expires_at": "2021-03-01T14:00:00.000",
        "refresh_token": "ref_1",
        "refresh_token_expires_at": "2021-03-15T12:00:00.000",
        "client_id": "demo_client_id",
        "mall_id": "demomall",
        "user_id": "demomall",
        "scopes": ["mall.read_order", "mall.read_store"],
        "issued_at": "2021-03-01T12:00:00.000",
        "shop_no": "1",
        "token_type": "Bearer",
    })
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap()
}

fn read_tokens(answer: &Value) -> Result<Tokens, PlatformFailure> {
    read_exchange(status(200), answer, &mall(), now())
}

fn refresh_token(tokens: &Tokens) -> Option<(&str, Option<DateTime<Utc>>)> {
    let RefreshToken { token, expires_at } = tokens.refresh_token.as_ref()?;
    Some((token.expose_secret(), *expires_at))
}

#[test]
fn the_link_leads_to_the_malls_host_with_scopes_joined_by_encoded_commas() {
    let link = |shop: &str| {
        Cafe24.authorize_url(&AuthorizeRequest {
            app: &app(None),
            shop: Some(&ShopLabel::from_checked(shop)),
            redirect_uri: REDIRECT_URI,
            state: &"n0nce-7f3a".into(),
        })
    };
    assert_eq!(
        link("demomall/2"),
        "https://demomall.cafe24api.com/api/v2/oauth/authorize?response_type=code\
         &client_id=demo_client_id&state=n0nce-7f3a\
         &redirect_uri=https%3A%2F%2Fbroker.example%2Fv1%2Fauth%2Fcafe24%2Fcallback\
         &scope=mall.read_order%2Cmall.read_store"
    );
    assert_eq!(link("demomall"), link("demomall/2"));
}

#[test]
fn a_callback_tells_its_state_and_answer_and_nothing_else() {
    let read = |query: &str| Cafe24.read_callback(query, &app(None));
    let callback = read("code=c0de%2B1&state=n0nce").unwrap();
    assert_eq!(callback.state.as_ref().unwrap().expose_secret(), "n0nce");
    assert_eq!((callback.shop, callback.identity), (None, None));
    assert_eq!(callback.signed, None);
    assert!(matches!(
        callback.answer,
        CallbackAnswer::Code(code) if code.expose_secret() == "c0de+1"
    ));
    for (query, reason) in [
        ("state=s&error=access_denied", FailReason::UserDenied),
        ("state=s", FailReason::UserDenied),
        (
            "state=s&error=invalid_scope&error_description=no",
            FailReason::PlatformAppMisconfigured,
        ),
        (
            "state=s&code=c&error=server_error",
            FailReason::PlatformRejected,
        ),
    ] {
        let answer = read(query).unwrap().answer;
        assert!(
            matches!(answer, CallbackAnswer::Failed(found) if found == reason),
            "{query}"
        );
    }
    for query in ["", "code=c", "code=c&state=", "code=c&state=s&state=t"] {
        assert_eq!(read(query).err(), Some(CallbackError::Malformed), "{query}");
    }
}

#[test]
fn the_header_of_a_call_is_the_known_one_and_never_prints() {
    let header = basic("demo_client_id", &SECRET.into()).unwrap();
    assert_eq!(header, BASIC);
    assert!(header.is_sensitive());
    for (client_id, secret) in [
        ("demo_client_ie", SECRET),
        ("demo_client_id", "c24_test_secret_02"),
    ] {
        assert_ne!(basic(client_id, &secret.into()).unwrap(), BASIC);
    }
}

#[test]
fn times_without_a_zone_are_koreas() {
    let tokens = read_tokens(&granted()).unwrap();
    assert_eq!(tokens.expires_at, instant("2021-03-01T05:00:00Z"));
    assert_eq!(
        refresh_token(&tokens),
        Some(("ref_1", Some(instant("2021-03-15T03:00:00Z"))))
    );
    assert_eq!(
        tokens.scopes,
        Some(GrantedScopes::flat(["mall.read_order", "mall.read_store"]))
    );
    assert!(matches!(
        &tokens.credential,
        Credential::AccessToken { access_token } if access_token.expose_secret() == "tok_1"
    ));
}

#[test]
fn the_end_is_the_tokens_own_then_the_fields_then_the_documented_one() {
    let jwt = |claims: Value| {
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("eyJhbGciOiJSUzI1NiJ9.{claims}.c2ln")
    };
    let exp = instant("2021-03-01T04:30:00Z");
    for (token, field, end) in [
        (
            jwt(json!({"exp": exp.timestamp()})),
            json!("2021-03-01T14:00:00.000"),
            exp,
        ),
        (
            jwt(json!({"iss": "mall"})),
            json!("2021-03-01T14:00:00.000"),
            instant("2021-03-01T05:00:00Z"),
        ),
        (
            "tok_1".to_owned(),
            json!("2021-03-01T14:00:00+09:00"),
            instant("2021-03-01T05:00:00Z"),
        ),
        ("tok_1".to_owned(), json!(null), now() + TimeDelta::hours(2)),
        (
            "a.b.c".to_owned(),
            json!("soon"),
            now() + TimeDelta::hours(2),
        ),
    ] {
        let mut answer = granted();
        answer["access_token"] = token.into();
        answer["expires_at"] = field;
        assert_eq!(read_tokens(&answer).unwrap().expires_at, end, "{answer}");
    }
    let mut answer = granted();
    answer["refresh_token_expires_at"] = json!(null);
    assert_eq!(
        refresh_token(&read_tokens(&answer).unwrap()),
        Some(("ref_1", Some(now() + TimeDelta::days(14))))
    );
}

#[test]
fn the_answer_is_about_the_mall_that_was_asked() {
    use PlatformFailure::{ShopMismatch, Unreachable};
    for (field, value, failure) in [
        ("mall_id", json!("DemoMall"), None),
        ("mall_id", json!("othermall"), Some(ShopMismatch)),
        ("mall_id", json!("demomall/2"), Some(ShopMismatch)),
        ("mall_id", json!(null), Some(Unreachable)),
        ("access_token", json!(""), Some(Unreachable)),
        ("access_token", json!(null), Some(Unreachable)),
        ("scopes", json!(7), Some(Unreachable)),
        ("scopes", json!(null), None),
        ("refresh_token", json!(null), None),
        ("shop_no", json!("3"), None),
    ] {
        let mut answer = granted();
        answer[field] = value;
        assert_eq!(read_tokens(&answer).err(), failure, "{answer}");
    }
}

/// The bodies are those that integrators report, and variations on them.
#[test]
fn refusals_are_told_apart_by_error_description_and_status() {
    use PlatformFailure::{AppMisconfigured, Rejected, Unreachable};
    let seen =
        |error: &str, description: &str| json!({"error": error, "error_description": description});
    let parameters = "The request is invalid. check the request parameters.";
    for (code, answer, exchange, refresh) in [
        (
            401,
            seen("invalid_client", "Invalid client_secret"),
            AppMisconfigured,
            AppMisconfigured,
        ),
        (
            400,
            seen("invalid_grant", "Invalid client_secret"),
            AppMisconfigured,
            AppMisconfigured,
        ),
        (
            200,
            seen("invalid_client", ""),
            AppMisconfigured,
            AppMisconfigured,
        ),
        (
            400,
            seen(
                "invalid_request",
                "The redirect_uri added by Cafe24 Developers is invalid.",
            ),
            AppMisconfigured,
            AppMisconfigured,
        ),
        (
            400,
            seen("invalid_scope", ""),
            AppMisconfigured,
            AppMisconfigured,
        ),
        (400, seen("invalid_grant", ""), Rejected, Rejected),
        (401, seen("invalid_grant", ""), Rejected, Rejected),
        (403, json!({"error": "invalid_grant"}), Rejected, Rejected),
        (
            401,
            seen("unauthorized", "Invalid refresh_token"),
            Rejected,
            Rejected,
        ),
        (
            400,
            seen("invalid_request", parameters),
            Rejected,
            Unreachable,
        ),
        (503, seen("invalid_grant", ""), Unreachable, Unreachable),
        (429, seen("invalid_grant", ""), Unreachable, Unreachable),
        (302, seen("invalid_grant", ""), Unreachable, Unreachable),
        (
            403,
            json!({"error": {"code": 403, "message": "deleted"}}),
            Unreachable,
            Unreachable,
        ),
        (400, json!([]), Unreachable, Unreachable),
        (404, json!({}), Unreachable, Unreachable),
    ] {
        let code = status(code);
        let exchanged = read_exchange(code, &answer, &mall(), now()).err();
        assert_eq!(exchanged, Some(exchange), "{code} {answer}");
        let refreshed = read_refresh(code, &answer, &mall(), now()).err();
        assert_eq!(refreshed, Some(refresh), "{code} {answer}");
    }
}

/// The lines of a request that matter, in no order, and its body.
fn lines(request: &str) -> (BTreeSet<String>, String) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let wanted = ["POST ", "authorization:", "content-type:"];
    let head = head
        .lines()
        .filter(|line| {
            let line = line.to_ascii_lowercase();
            wanted
                .iter()
                .any(|start| line.starts_with(&start.to_ascii_lowercase()))
        })
        .map(str::to_owned)
        .collect();
    (head, body.to_owned())
}

fn expected_lines() -> BTreeSet<String> {
    [
        "POST /cafe24/demomall/api/v2/oauth/token HTTP/1.1".to_owned(),
        format!("authorization: {BASIC}"),
        "content-type: application/x-www-form-urlencoded".to_owned(),
    ]
    .into()
}

#[tokio::test]
async fn a_code_is_exchanged_over_the_wire() {
    let peer = Peer::listen().await;
    let app = app(Some(format!("{}/cafe24/{{shop}}", peer.origin())));
    let callback = Cafe24
        .read_callback("code=c0de%2B1&state=n0nce", &app)
        .unwrap();
    let CallbackAnswer::Code(code) = &callback.answer else {
        panic!("no code");
    };
    let (egress, shop, answer) = (client(), mall(), granted().to_string());
    let request = ExchangeRequest {
        app: &app,
        shop: Some(&shop),
        redirect_uri: REDIRECT_URI,
        callback: &callback,
        code,
        timeout: Duration::from_secs(10),
        now: now(),
    };
    let (proof, received) = tokio::join!(
        Cafe24.exchange(&egress, request),
        peer.serve([(200, &answer)])
    );
    let proof = proof.unwrap();
    assert_eq!(
        proof.shop,
        ProvenShop {
            identity: ShopIdentity::new(IdentityRealm::Cafe24, "demomall/2"),
            label: Some(mall()),
        }
    );
    assert_eq!(proof.origin, format!("{}/cafe24/demomall", peer.origin()));
    assert_eq!(proof.expires_at, Some(instant("2021-03-01T05:00:00Z")));
    assert_eq!(
        proof.scopes,
        GrantedScopes::flat(["mall.read_order", "mall.read_store"])
    );
    assert_eq!(proof.refresh_token.unwrap().token.expose_secret(), "ref_1");
    let (head, body) = lines(&received[0]);
    assert_eq!(head, expected_lines());
    assert_eq!(
        body,
        "grant_type=authorization_code&code=c0de%2B1\
         &redirect_uri=https%3A%2F%2Fbroker.example%2Fv1%2Fauth%2Fcafe24%2Fcallback"
    );
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_the_next_pair() {
    let peer = Peer::listen().await;
    let app = app(None);
    let origin = format!("{}/cafe24/demomall", peer.origin());
    let (egress, shop, answer) = (client(), proven(&mall()), granted().to_string());
    let spent: SecretString = "ref/0".into();
    let request = RefreshRequest {
        app: &app,
        secret: &app.secrets[0],
        shop: &shop,
        origin: &origin,
        refresh_token: Some(&spent),
        timeout: Duration::from_secs(10),
        now: now(),
    };
    assert_eq!(Cafe24.strategy(), RefreshStrategy::RotatingToken);
    let (refreshed, received) = tokio::join!(
        Refresh::refresh(&Cafe24, &egress, request),
        peer.serve([(200, &answer)])
    );
    let refreshed = refreshed.unwrap();
    assert_eq!(refreshed.expires_at, Some(instant("2021-03-01T05:00:00Z")));
    let next = refreshed.refresh_token.unwrap();
    assert_eq!(next.token.expose_secret(), "ref_1");
    let (head, body) = lines(&received[0]);
    assert_eq!(head, expected_lines());
    assert_eq!(body, "grant_type=refresh_token&refresh_token=ref%2F0");
    let without = RefreshRequest {
        refresh_token: None,
        ..request
    };
    let refused = Refresh::refresh(&Cafe24, &egress, without).await.err();
    assert_eq!(refused, Some(PlatformFailure::Rejected));
}
