use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use domain::{Credential, IdentityRealm, ShopLabel};
use serde_json::json;

use super::*;
use crate::adapter::{App, PlatformAdapter};
use crate::events::{EventNotVerified, EventRequest, PlatformEvent, PushedCode};
use crate::genstore::GENSTORE;
use crate::launch::{LaunchError, LaunchedShop};
use crate::loopback::{Peer, client};
use crate::probe::{Liveness, ProbeRequest};
use crate::signature::sign;

const SECRET: &str = "gs_test_secret_0001";
/// The sheet's vector, made with another implementation of the rule in
/// <https://partners.genstore.ai/docs/api-rest/api-hmac>.
const LAUNCH: &str = "shop=demo-shop&shopId=988716383&timestamp=1732864257361\
    &hmac=84f5d4ccebf6d0fc1f2ee7dd8880c2eeb5b439e7feb325329ef4b4fc3acae4e6";

fn app() -> App {
    App {
        client_id: "cid_1".to_owned(),
        secrets: vec!["gs_newer_secret".into(), SECRET.into()],
        scopes: Vec::new(),
        host: None,
        event_key: None,
    }
}

fn launch(query: &str) -> Result<LaunchedShop, LaunchError> {
    GENSTORE.launch().unwrap().read_launch(query, &app())
}

fn signed(text: &str) -> String {
    let signature = sign(&SECRET.into(), [text.as_bytes()]);
    format!("{text}&hmac={signature}")
}

fn event(topic: &str, body: &[u8], signature: &str) -> Result<PlatformEvent, EventNotVerified> {
    let headers = [
        ("X-Genstore-Topic".to_owned(), topic.to_owned()),
        ("X-Genstore-Hmac-Sha256".to_owned(), signature.to_owned()),
        (
            "X-Genstore-Shop-Domain".to_owned(),
            "demo-shop.genmystore.com".to_owned(),
        ),
    ];
    let request = EventRequest {
        headers: &headers,
        body,
        shop_header: None,
    };
    GENSTORE.events().unwrap().read_event(&request, &app())
}

fn in_base64(body: &[u8]) -> String {
    STANDARD.encode(hex::decode(sign(&SECRET.into(), [body])).unwrap())
}

fn identity(number: &str) -> ShopIdentity {
    ShopIdentity::new(IdentityRealm::Genstore, number)
}

#[test]
fn the_known_launch_is_read_and_altered_ones_are_not() {
    let launched = launch(LAUNCH).unwrap();
    let signature = LAUNCH.split_once("hmac=").unwrap().1;
    assert_eq!(
        launched,
        LaunchedShop {
            shop: ShopLabel::from_checked("demo-shop"),
            identity: Some(identity("988716383")),
            signed_at: DateTime::from_timestamp_millis(1_732_864_257_361).unwrap(),
            language: None,
            operator: None,
            signature: hex::decode(signature).unwrap(),
        }
    );
    for altered in [
        LAUNCH.replace("demo-shop", "demo-shoq"),
        LAUNCH.replace("demo-shop", "demo%2Dshop"),
        LAUNCH.replace("988716383", "988716384"),
        LAUNCH.replace("&hmac=8", "&hmac=9"),
        LAUNCH.replace("&hmac=", "&lang=en&hmac="),
        LAUNCH.split_once("&hmac").unwrap().0.to_owned(),
        String::new(),
    ] {
        assert_eq!(launch(&altered), Err(LaunchError::NotVerified), "{altered}");
    }
}

#[test]
fn a_shop_is_named_by_its_label_or_its_domain() {
    for shop in ["demo-shop", "demo-shop.genmystore.com", "Demo-Shop"] {
        let query = signed(&format!("shop={shop}&shopId=1&timestamp=1732864257"));
        let launched = launch(&query).unwrap();
        assert_eq!(
            launched.shop,
            ShopLabel::from_checked("demo-shop"),
            "{shop}"
        );
        assert_eq!(launched.signed_at.timestamp(), 1_732_864_257);
    }
}

#[test]
fn what_is_signed_and_is_no_launch_is_refused() {
    let twice = LAUNCH.replace("&timestamp", "&shop=demo-shop&timestamp");
    assert_eq!(launch(&twice), Err(LaunchError::Malformed));
    for text in [
        "shop=demo.shop&shopId=1&timestamp=1732864257361",
        "shop=demo-shop&timestamp=1732864257361",
        "shop=demo-shop&shopId=x&timestamp=1732864257361",
        "shop=demo-shop&shopId=1&timestamp=today",
        "shop=demo-shop&shopId=1",
        // Callbacks are signed alike.
        "code=c0de123&shop=demo-shop&shopId=1&timestamp=1732864257361",
        "shop=demo-shop&shopId=1&state=n0nce&timestamp=1732864257361",
    ] {
        assert_eq!(launch(&signed(text)), Err(LaunchError::Malformed), "{text}");
    }
}

/// Made with Python's `hmac` from the secret and the body.
const KNOWN_BODY: &str = r#"{"uninstalled":{"clientId":"cid_1","shopId":"988716383"}}"#;
const KNOWN_SIGNATURE: &str = "U0FjHJvt6egzvBuo7fKqYeO/tHmVqq6Rq70+XU9G3g8=";

#[test]
fn the_known_webhook_is_verified_and_altered_ones_are_not() {
    let topic = "app/uninstalled";
    let read = event(topic, KNOWN_BODY.as_bytes(), KNOWN_SIGNATURE).unwrap();
    assert_eq!(read.kind, PlatformEventKind::Uninstalled);
    let in_hex = "5341631c9bede9e833bc1ba8edf2aa61e3bfb47995aaae91abbd3e5d4f46de0f";
    assert_eq!(event(topic, KNOWN_BODY.as_bytes(), in_hex), Ok(read));
    for (body, signature) in [
        (
            KNOWN_BODY.replace("988716383", "988716384"),
            KNOWN_SIGNATURE.to_owned(),
        ),
        (format!("{KNOWN_BODY}\n"), KNOWN_SIGNATURE.to_owned()),
        (String::new(), KNOWN_SIGNATURE.to_owned()),
        (KNOWN_BODY.to_owned(), KNOWN_SIGNATURE.replace("U0F", "V0F")),
        (KNOWN_BODY.to_owned(), KNOWN_SIGNATURE.to_lowercase()),
        (KNOWN_BODY.to_owned(), in_hex.replace("5341", "5342")),
    ] {
        let refused = event(topic, body.as_bytes(), &signature);
        assert_eq!(refused, Err(EventNotVerified), "{body} {signature}");
    }
}

#[test]
fn an_event_is_verified_on_its_bytes_and_read() {
    let uninstalled = br#"{"uninstalled":{"clientId":"cid_1","shopId":"988716383"}}"#;
    let by_id = Some(NamedShop::Identity(identity("988716383")));
    let read = event("app/uninstalled", uninstalled, &in_base64(uninstalled)).unwrap();
    assert_eq!(
        read,
        PlatformEvent {
            topic: "app/uninstalled".to_owned(),
            id: None,
            shop: by_id.clone(),
            kind: PlatformEventKind::Uninstalled,
            code: None,
        }
    );
    let spaced = br#"{ "uninstalled":{"clientId":"cid_1","shopId":"988716383"}}"#;
    let wrong = in_base64(uninstalled);
    assert_eq!(
        event("app/uninstalled", spaced, &wrong),
        Err(EventNotVerified)
    );
    for signature in ["", "00", &"0".repeat(64), &"A".repeat(44)] {
        let refused = event("app/uninstalled", uninstalled, signature);
        assert_eq!(refused, Err(EventNotVerified), "{signature}");
    }

    let by_label = Some(NamedShop::Label(ShopLabel::from_checked("demo-shop")));
    for (topic, body, shop, kind) in [
        (
            "app/uninstalled",
            json!({"uninstalled": {"shopId": 988_716_383}}),
            &by_id,
            PlatformEventKind::Uninstalled,
        ),
        (
            "app/scopesUpdate",
            json!({"authScope": {"current": "[read_order]", "shopId": "988716383"}}),
            &by_id,
            PlatformEventKind::ScopesUpdated,
        ),
        (
            "shop/redact",
            json!({"shopId": "988716383"}),
            &by_id,
            PlatformEventKind::ShopRedaction,
        ),
        (
            "customers/redact",
            json!({}),
            &by_label,
            PlatformEventKind::CustomerRedaction,
        ),
        (
            "customers/data_request",
            json!({"shopId": "../etc"}),
            &by_label,
            PlatformEventKind::CustomerDataRequest,
        ),
        (
            "orders/create",
            json!([]),
            &by_label,
            PlatformEventKind::Other,
        ),
    ] {
        let body = body.to_string().into_bytes();
        let read = event(topic, &body, &in_base64(&body)).unwrap();
        assert_eq!((&read.shop, read.kind), (shop, kind), "{topic}");
    }
    let no_json = b"not json";
    let read = event("app/uninstalled", no_json, &in_base64(no_json)).unwrap();
    assert_eq!(read.kind, PlatformEventKind::Uninstalled);
    assert_eq!(read.shop, by_label);
}

#[test]
fn a_pushed_code_is_for_our_app_and_a_shop_that_both_names_tell() {
    let topic = "app/authorizationCodeGranted";
    let good =
        json!({"authCode": {"clientId": "cid_1", "code": "e4141d", "shopId": "4022054969604"}});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body["authCode"][name] = value;
        body
    };
    let code = PushedCode {
        code: "e4141d".into(),
        label: ShopLabel::from_checked("demo-shop"),
        identity: identity("4022054969604"),
    };
    let no_code = PlatformEventKind::Other;
    for (topic, body, expected) in [
        (topic, good.clone(), Ok(&code)),
        (
            topic,
            with("shopId", json!(4_022_054_969_604_u64)),
            Ok(&code),
        ),
        (topic, with("clientId", json!("cid_2")), Err(no_code)),
        (topic, with("code", json!("")), Err(no_code)),
        (topic, with("code", json!(1)), Err(no_code)),
        (topic, with("shopId", json!("../etc")), Err(no_code)),
        ("orders/create", good.clone(), Err(no_code)),
    ] {
        let body = body.to_string().into_bytes();
        let read = event(topic, &body, &in_base64(&body)).unwrap();
        let found = read.code.as_ref().ok_or(read.kind);
        assert_eq!(found, expected);
        if found.is_ok() {
            assert_eq!(read.kind, PlatformEventKind::CodeGranted);
        }
        assert!(!format!("{read:?}").contains("e4141d"));
    }
}

#[tokio::test]
async fn a_probe_presents_the_token_and_reads_the_status() {
    let peer = Peer::listen().await;
    let origin = format!("{}/genstore/demo-shop", peer.origin());
    let credential = Credential::AccessToken {
        access_token: "t0ken".into(),
    };
    let probe = GENSTORE.probe().unwrap();
    for (status, liveness) in [
        (200, Liveness::Alive),
        (403, Liveness::Alive),
        (401, Liveness::Dead),
        (402, Liveness::Unknown),
        (404, Liveness::Unknown),
        (429, Liveness::Unknown),
        (302, Liveness::Unknown),
        (503, Liveness::Unknown),
    ] {
        let client = client();
        let request = ProbeRequest {
            origin: &origin,
            credential: &credential,
            timeout: std::time::Duration::from_secs(10),
        };
        let (received, said) =
            tokio::join!(peer.serve([(status, "{}")]), probe.probe(&client, request));
        assert_eq!(said, liveness, "{status}");
        let head = &received[0];
        assert!(
            head.starts_with("GET /genstore/demo-shop/api/202412/oauth2/access_scopes HTTP/1.1"),
            "{head}"
        );
        assert!(
            head.contains("x-genstore-access-token: t0ken\r\n"),
            "{head}"
        );
    }
}
