use std::time::Duration;

use domain::{IdentityRealm, ShopLabel};

use super::*;
use crate::loopback::{Peer, client};
use crate::signature::sign;

const SECRET: &str = "gs_test_secret_0001";
/// The signature that another implementation made with [`SECRET`].
const KNOWN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJjaWRfMSIsInN1YiI6IjE4MTgxODE4MTgiLCJleHAiOjE3MzI4NjQ1NTcsImlhdCI6MTczMjg2NDI1NywibmJmIjoxNzMyODY0MjU3LCJzaWQiOiJzaWQtMSJ9.Jmxh0ncCQYk4GxjhWslQQf-XmRR_6Nne6zvin-t28c8";

fn app() -> App {
    App {
        client_id: "cid_1".to_owned(),
        secrets: vec!["a newer secret".into(), SECRET.into()],
        scopes: vec!["write_orders".to_owned()],
        host: None,
        event_key: None,
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn check(token: &str, now: i64) -> Result<(), SessionTokenError> {
    Sessions.check(&token.into(), &app(), at(now))
}

fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = hex::decode(sign(&secret.into(), [text.as_bytes()])).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn the_known_token_counts_from_its_begin_to_its_end() {
    for (now, expected) in [
        (1_732_864_256, Err(SessionTokenError::NotYetValid)),
        (1_732_864_257, Ok(())),
        (1_732_864_556, Ok(())),
        (1_732_864_557, Err(SessionTokenError::Expired)),
    ] {
        assert_eq!(check(KNOWN, now), expected, "{now}");
    }
}

#[test]
fn an_altered_token_is_not_signed() {
    let (text, signature) = KNOWN.rsplit_once('.').unwrap();
    for altered in [
        format!("{text}."),
        format!("{text}.{}", signature.replace('J', "K")),
        format!("{text}.{signature}="),
        KNOWN.replace("eyJhdWQi", "eyJhdWQj"),
        format!("{}.{signature}", text.replace("eyJhbGci", "e30")),
    ] {
        let expected = Err(SessionTokenError::NotSigned);
        assert_eq!(check(&altered, 1_732_864_300), expected, "{altered}");
    }
}

#[test]
fn header_and_claims_decide_once_the_signature_is_right() {
    let hs256 = json!({"alg": "HS256", "typ": "JWT"});
    let good = json!({"aud": "cid_1", "sub": "22", "exp": 2000, "iat": 1000, "nbf": 1000});
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    for (header, claims, secret, expected) in [
        (&hs256, good.clone(), SECRET, Ok(())),
        (&hs256, good.clone(), "a newer secret", Ok(())),
        (
            &hs256,
            good.clone(),
            "another's",
            Err(SessionTokenError::NotSigned),
        ),
        (
            &json!({"alg": "none"}),
            good.clone(),
            SECRET,
            Err(SessionTokenError::NotSigned),
        ),
        (
            &hs256,
            with("aud", json!("cid_2")),
            SECRET,
            Err(SessionTokenError::OfAnotherApp),
        ),
        (
            &hs256,
            with("aud", Value::Null),
            SECRET,
            Err(SessionTokenError::OfAnotherApp),
        ),
        (&hs256, with("aud", json!(["x", "cid_1"])), SECRET, Ok(())),
        (
            &hs256,
            with("exp", Value::Null),
            SECRET,
            Err(SessionTokenError::Expired),
        ),
        (&hs256, with("exp", json!("2000")), SECRET, Ok(())),
        (&hs256, with("nbf", Value::Null), SECRET, Ok(())),
    ] {
        let token = signed(header, &claims, secret);
        assert_eq!(check(&token, 1500), expected, "{claims} {secret}");
    }
}

/// The page speaks of two parts, and of a session's id.
#[test]
fn what_is_no_signed_token_is_left_to_the_exchange() {
    for token in ["sid-1", "a.b", "a.b.c.d"] {
        assert_eq!(check(token, 1500), Ok(()), "{token}");
    }
}

const ONLINE: &str = r#"{"accessToken":"0n1ine","scope":"write_orders,read_products","expiresIn":86399,
    "associatedUser":{"id":1818181818,"email":"user@example.com"}}"#;
const OFFLINE: &str = r#"{"accessToken":"0ff1ine","scope":"write_orders,read_products"}"#;
const INFO: &str = r#"{"shop":{"domain":"online-shop.genstore.com","shopId":"988716383"}}"#;

async fn exchange<const N: usize>(
    access: SessionAccess,
    known: Option<&str>,
    answers: [(u16, &str); N],
) -> (Result<SessionProof, PlatformFailure>, Vec<String>) {
    let peer = Peer::listen().await;
    let app = App {
        host: Some(format!("{}/{{shop}}", peer.origin())),
        ..app()
    };
    let egress = client();
    let known = known.map(|number| ShopIdentity::new(IdentityRealm::Genstore, number));
    let request = SessionRequest {
        app: &app,
        shop: &ShopLabel::from_checked("demo-shop"),
        token: &KNOWN.into(),
        access,
        known: known.as_ref(),
        timeout: Duration::from_secs(5),
        now: at(1_732_864_300),
    };
    let (proven, received) = tokio::join!(Sessions.exchange(&egress, request), peer.serve(answers));
    (proven, received)
}

fn body_of(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn an_offline_token_is_proven_by_the_shop_s_own_host() {
    let (proven, received) =
        exchange(SessionAccess::Offline, None, [(200, OFFLINE), (200, INFO)]).await;
    let SessionProof { proof, user } = proven.unwrap();
    assert_eq!(proof.shop.identity.value(), "988716383");
    assert_eq!(proof.shop.label.unwrap().as_str(), "demo-shop");
    assert!(proof.origin.ends_with("/demo-shop"));
    assert_eq!((proof.expires_at, user), (None, None));
    let Credential::AccessToken { access_token } = proof.credential else {
        panic!("another shape");
    };
    assert_eq!(access_token.expose_secret(), "0ff1ine");
    assert!(received[0].starts_with("POST /demo-shop/oauth2/token "));
    assert_eq!(
        body_of(&received[0]),
        json!({
            "clientId": "cid_1",
            // The one that signed the session token.
            "clientSecret": SECRET,
            "grantType": "token-exchange",
            "subjectToken": KNOWN,
        })
    );
    assert!(received[1].starts_with("GET /demo-shop/api/202412/shops/info "));
    assert!(received[1].contains("x-genstore-access-token: 0ff1ine"));
}

#[tokio::test]
async fn an_online_token_has_a_user_and_an_end() {
    let (proven, received) =
        exchange(SessionAccess::Online, None, [(200, ONLINE), (200, INFO)]).await;
    let SessionProof { proof, user } = proven.unwrap();
    assert_eq!(
        user,
        Some(SessionUser {
            id: "1818181818".to_owned(),
            email: Some("user@example.com".to_owned()),
        })
    );
    assert_eq!(proof.expires_at, Some(at(1_732_864_300 + 86_399)));
    let asked = &body_of(&received[0])["requestedTokenType"];
    assert_eq!(asked, "online-access-token");
}

#[tokio::test]
async fn without_leave_to_ask_a_number_that_was_signed_before_counts() {
    let scopes = r#"{"accessScopes":"[read_orders]"}"#;
    let denied = r#"{"error":"forbidden"}"#;
    for (known, info, probed, expected) in [
        (Some("7"), (403, denied), (200, scopes), Ok("7")),
        (Some("7"), (404, "none"), (403, denied), Ok("7")),
        (
            Some("7"),
            (403, denied),
            (401, denied),
            Err(PlatformFailure::ShopMismatch),
        ),
        (
            Some("7"),
            (403, denied),
            (500, ""),
            Err(PlatformFailure::Unreachable),
        ),
    ] {
        let (proven, _) = exchange(
            SessionAccess::Offline,
            known,
            [(200, OFFLINE), info, probed],
        )
        .await;
        let number = proven.map(|proven| proven.proof.shop.identity.value().to_owned());
        assert_eq!(number, expected.map(str::to_owned));
    }
}

#[tokio::test]
async fn a_shop_that_is_not_proven_is_nobody_s() {
    for (known, info, expected) in [
        (None, (401, "{}"), PlatformFailure::ShopMismatch),
        (
            Some("988716384"),
            (200, INFO),
            PlatformFailure::ShopMismatch,
        ),
        (None, (403, "{}"), PlatformFailure::ScopesInsufficient),
        (None, (404, "{}"), PlatformFailure::Unreachable),
        (None, (200, "{}"), PlatformFailure::Unreachable),
        (None, (200, "<html>"), PlatformFailure::Unreachable),
        (None, (503, ""), PlatformFailure::Unreachable),
    ] {
        let (proven, _) = exchange(SessionAccess::Offline, known, [(200, OFFLINE), info]).await;
        assert_eq!(proven.err(), Some(expected), "{known:?} {info:?}");
    }
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let no_user = r#"{"accessToken":"t","scope":"a","expiresIn":1}"#;
    for (access, answer, expected) in [
        (
            SessionAccess::Offline,
            (400, r#"{"error":"invalid subjectToken"}"#),
            PlatformFailure::Rejected,
        ),
        (
            SessionAccess::Offline,
            (401, r#"{"error":"invalid client"}"#),
            PlatformFailure::AppMisconfigured,
        ),
        (
            SessionAccess::Offline,
            (200, r#"{"error":"x"}"#),
            PlatformFailure::Rejected,
        ),
        (
            SessionAccess::Offline,
            (200, "{}"),
            PlatformFailure::Unreachable,
        ),
        (
            SessionAccess::Offline,
            (503, "down"),
            PlatformFailure::Unreachable,
        ),
        (
            SessionAccess::Online,
            (200, no_user),
            PlatformFailure::Unreachable,
        ),
    ] {
        let (proven, _) = exchange(access, None, [answer]).await;
        assert_eq!(proven.err(), Some(expected), "{answer:?}");
    }
}
