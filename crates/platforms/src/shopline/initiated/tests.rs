use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use domain::ShopLabel;
use serde_json::json;

use super::*;
use crate::adapter::{App, PlatformAdapter};
use crate::events::{EventNotVerified, EventRequest, PlatformEvent};
use crate::launch::{LaunchError, LaunchedShop};
use crate::shopline::SHOPLINE;
use crate::signature::{sign, signs_body};

const SECRET: &str = "sl_test_secret_0001";
/// Key and secret of the published vectors:
/// <https://github.com/shoplineos/shopline-sdk-go/blob/main/client/sign_test.go>
const PUBLISHED_KEY: &str = "LDLLJJLflja2039203flaflaLLFLE";
const LAUNCH: &str = "appkey=ak_0001&handle=demo-shop&timestamp=1700000000000\
    &sign=d83fac8856151785d368c7de8269ac8a1f2b3d3ed950175b877962b03c49e349";

fn app() -> App {
    App {
        client_id: "ak_0001".to_owned(),
        secrets: vec!["sl_newer_secret".into(), SECRET.into()],
        scopes: Vec::new(),
        host: None,
        event_key: None,
    }
}

fn launch(query: &str) -> Result<LaunchedShop, LaunchError> {
    SHOPLINE.launch().unwrap().read_launch(query, &app())
}

fn signed(text: &str) -> String {
    let signature = sign(&SECRET.into(), [text.as_bytes()]);
    format!("{text}&sign={signature}")
}

fn event(headers: &[(&str, &str)], body: &[u8]) -> Result<PlatformEvent, EventNotVerified> {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let request = EventRequest {
        headers: &headers,
        body,
        shop_header: None,
    };
    SHOPLINE.events().unwrap().read_event(&request, &app())
}

#[test]
fn the_known_launches_are_verified_and_altered_ones_are_not() {
    let launched = launch(LAUNCH).unwrap();
    let signature = LAUNCH.split_once("sign=").unwrap().1;
    assert_eq!(
        launched,
        LaunchedShop {
            shop: ShopLabel::from_checked("demo-shop"),
            identity: None,
            signed_at: DateTime::from_timestamp_millis(1_700_000_000_000).unwrap(),
            language: None,
            operator: None,
            signature: hex::decode(signature).unwrap(),
        }
    );
    for altered in [
        LAUNCH.replace("demo-shop", "demo-shoq"),
        LAUNCH.replace("ak_0001", "ak_0002"),
        LAUNCH.replace("e349", "e348"),
        format!("{LAUNCH}&lang=en"),
        LAUNCH.split_once("&sign").unwrap().0.to_owned(),
    ] {
        assert_eq!(launch(&altered), Err(LaunchError::NotVerified), "{altered}");
    }

    // The published vector is rightly signed, and its timestamp is none.
    let published = "appkey=LDLLJJLflja2039203flaflaLLFLE&handle=zwapptest&lang=zh\
        &timestamp=21c335b3a\
        &sign=654a42549daaad959b6488500f499fc0381c6cf24d8afceeb566729fc82fee6a";
    let app = App {
        client_id: PUBLISHED_KEY.to_owned(),
        secrets: vec![PUBLISHED_KEY.into()],
        ..app()
    };
    let read = |query: &str| SHOPLINE.launch().unwrap().read_launch(query, &app);
    assert_eq!(read(published), Err(LaunchError::Malformed));
    let altered = published.replace("lang=zh", "lang=en");
    assert_eq!(read(&altered), Err(LaunchError::NotVerified));
}

#[test]
fn a_language_may_be_a_list_and_either_form_of_it_is_signed() {
    let raw = "appkey=ak_0001&handle=demo-shop&lang=zh%2Cen&timestamp=1700000000";
    let decoded = raw.replace("%2C", ",");
    let by_decoded = sign(&SECRET.into(), [decoded.as_bytes()]);
    for query in [signed(raw), format!("{raw}&sign={by_decoded}")] {
        let launched = launch(&query).unwrap();
        assert_eq!(launched.language.as_deref(), Some("zh,en"));
        assert_eq!(launched.signed_at.timestamp(), 1_700_000_000);
    }
    let long = "x".repeat(65);
    let query = signed(&format!(
        "appkey=ak_0001&handle=demo-shop&lang={long}&timestamp=1700000000"
    ));
    assert_eq!(launch(&query).unwrap().language, None);
}

#[test]
fn what_is_signed_and_is_no_launch_is_refused() {
    let twice = format!("{LAUNCH}&handle=demo-shop");
    assert_eq!(launch(&twice), Err(LaunchError::Malformed));
    let another = "appkey=ak_0002&handle=demo-shop&timestamp=1700000000000";
    assert_eq!(launch(&signed(another)), Err(LaunchError::NotVerified));
    for text in [
        "appkey=ak_0001&handle=demo.shop&timestamp=1700000000000",
        "appkey=ak_0001&timestamp=1700000000000",
        "appkey=ak_0001&handle=demo-shop&timestamp=-1",
        "appkey=ak_0001&handle=demo-shop",
        // Callbacks are signed alike.
        "appkey=ak_0001&code=c0de&handle=demo-shop&timestamp=1700000000000",
        "appkey=ak_0001&customField=n0nce&handle=demo-shop&timestamp=1700000000000",
    ] {
        assert_eq!(launch(&signed(text)), Err(LaunchError::Malformed), "{text}");
    }
}

#[test]
fn the_published_signature_of_a_body_is_taken_in_hex_and_in_base64() {
    let body = br#""my secret message""#;
    let hex_text = "7d8b4cbec432e0c7e901881cc0f2490a910d56eaa73fc94bcc4276d14a61fe88";
    let base64_text = STANDARD.encode(hex::decode(hex_text).unwrap());
    let secrets = ["another".into(), PUBLISHED_KEY.into()];
    for signature in [hex_text, &hex_text.to_uppercase(), &base64_text] {
        assert!(signs_body(&secrets, body, signature), "{signature}");
        assert!(!signs_body(&secrets[..1], body, signature));
        assert!(!signs_body(&secrets, b"my secret message", signature));
    }
    for altered in [
        hex_text.replace("7d8b", "7d8c"),
        hex_text[2..].to_owned(),
        base64_text.replace('=', ""),
        base64_text.replacen('f', "g", 1),
        String::new(),
    ] {
        assert!(!signs_body(&secrets, body, &altered), "{altered}");
    }
}

#[test]
fn an_event_names_its_shop_and_what_it_asks_for() {
    let named = |label| Some(NamedShop::Label(ShopLabel::from_checked(label)));
    for (topic, body, shop, kind) in [
        (
            "apps/installed_uninstalled",
            json!({"handle": "demo-shop", "operate": "UNINSTALL"}),
            named("demo-shop"),
            PlatformEventKind::Uninstalled,
        ),
        (
            "apps/installed_uninstalled",
            json!({"handle": "demo-shop", "operate": "uninstall"}),
            named("demo-shop"),
            PlatformEventKind::Uninstalled,
        ),
        (
            "apps/installed_uninstalled",
            json!({"handle": "demo-shop", "operate": "INSTALL"}),
            named("demo-shop"),
            PlatformEventKind::Other,
        ),
        (
            "customers/redact",
            json!({"shop_domain": "demo-shop.myshopline.com", "customer": {"id": "1"}}),
            named("demo-shop"),
            PlatformEventKind::CustomerRedaction,
        ),
        (
            "customers/data_request",
            json!({"shop_domain": "demo-shop.elsewhere.example"}),
            named("header-shop"),
            PlatformEventKind::CustomerDataRequest,
        ),
        (
            "merchants/redact",
            json!({"store_domain": "demo-shop.myshopline.com"}),
            named("demo-shop"),
            PlatformEventKind::ShopRedaction,
        ),
        (
            "orders/create",
            json!({}),
            named("header-shop"),
            PlatformEventKind::Other,
        ),
    ] {
        let body = body.to_string().into_bytes();
        let signature = sign(&SECRET.into(), [&body[..]]);
        let headers = [
            ("x-shopline-topic", topic),
            ("x-shopline-hmac-sha256", signature.as_str()),
            ("x-shopline-shop-domain", "header-shop.myshopline.com"),
            ("x-shopline-webhook-id", "b54557e4"),
        ];
        let read = event(&headers, &body).unwrap();
        let expected = PlatformEvent {
            topic: topic.to_owned(),
            id: Some("b54557e4".to_owned()),
            shop,
            kind,
            code: None,
        };
        assert_eq!(read, expected);
        let doubled = [&headers[..], &headers[1..2]].concat();
        assert_eq!(event(&doubled, &body), Err(EventNotVerified));
        assert_eq!(event(&headers[..1], &body), Err(EventNotVerified));
    }
}
