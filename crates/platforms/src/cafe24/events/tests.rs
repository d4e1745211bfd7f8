use serde_json::json;

use super::*;
use crate::adapter::PlatformAdapter;
use crate::cafe24::Cafe24;

const KEY: &str = "made-up-event-key";

fn app(event_key: Option<&str>) -> App {
    App {
        client_id: "demo_client_id".to_owned(),
        secrets: vec!["c24_test_secret_01".into()],
        scopes: Vec::new(),
        host: None,
        event_key: event_key.map(Into::into),
    }
}

fn event(
    app: &App,
    headers: &[(&str, &str)],
    body: &Value,
) -> Result<PlatformEvent, EventNotVerified> {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let body = body.to_string();
    let request = EventRequest {
        headers: &headers,
        body: body.as_bytes(),
        shop_header: None,
    };
    Cafe24.events().unwrap().read_event(&request, app)
}

fn deleted() -> Value {
    json!({
        "event_no": 90077,
        "resource": {
            "mall_id": "demomall",
            "client_id": "demo_client_id",
            "app_name": "Shopgrant",
            "deleted_date": "2021-03-01T14:00:00+09:00",
        }
    })
}

#[test]
fn an_event_comes_with_the_key_or_is_none() {
    let app = app(Some(KEY));
    for headers in [[("x-api-key", KEY)], [("X-Api-Key", KEY)]] {
        assert!(event(&app, &headers, &deleted()).is_ok());
    }
    for headers in [
        &[][..],
        &[("x-api-key", "")],
        &[("x-api-key", "made-up-event-kez")],
        &[("x-api-key", "made-up-event-key ")],
        &[("x-api-key", "c24_test_secret_01")],
        &[("authorization", KEY)],
        &[("x-api-key", KEY), ("X-API-KEY", KEY)],
    ] {
        let refused = event(&app, headers, &deleted());
        assert_eq!(refused, Err(EventNotVerified), "{headers:?}");
    }
}

#[test]
fn without_a_key_of_ours_nothing_is_an_event() {
    for shown in [KEY, "", "None"] {
        let refused = event(&app(None), &[("x-api-key", shown)], &deleted());
        assert_eq!(refused, Err(EventNotVerified));
    }
}

#[test]
fn an_event_says_what_happened_in_which_mall() {
    use PlatformEventKind::{Expired, Other, Uninstalled};
    let mall = |label| Some(NamedShop::Mall(ShopLabel::from_checked(label)));
    let resource = json!({"mall_id": "demomall", "client_id": "demo_client_id"});
    for (body, topic, kind, shop) in [
        (deleted(), "90077", Uninstalled, mall("demomall")),
        (
            json!({"event_no": 90078, "resource": resource}),
            "90078",
            Expired,
            mall("demomall"),
        ),
        (
            json!({"event_no": "90077", "resource": resource}),
            "90077",
            Uninstalled,
            mall("demomall"),
        ),
        (
            json!({"event_no": 90079, "resource": resource}),
            "90079",
            Other,
            mall("demomall"),
        ),
        (
            json!({"event_no": 90157, "resource": resource}),
            "90157",
            Other,
            mall("demomall"),
        ),
        // The shape of an older sample.
        (
            json!({"resource_type": "APP", "event_type": "MALL.APP.DELETED", "resource": {"mall_id": "demomall"}}),
            "MALL.APP.DELETED",
            Uninstalled,
            mall("demomall"),
        ),
        (
            json!({"resource_type": "APP", "event_type": "MALL.APP.EXPIRED", "resource": {"mall_id": "demomall"}}),
            "MALL.APP.EXPIRED",
            Expired,
            mall("demomall"),
        ),
        (
            json!({"resource_type": "ORDER", "event_type": "MALL.APP.DELETED", "resource": resource}),
            "",
            Other,
            mall("demomall"),
        ),
        // About another app of ours, to which this address does not belong.
        (
            json!({"event_no": 90077, "resource": {"mall_id": "demomall", "client_id": "another"}}),
            "90077",
            Other,
            mall("demomall"),
        ),
        (
            json!({"event_no": 90077, "resource": {"mall_id": "demomall/2"}}),
            "90077",
            Uninstalled,
            None,
        ),
        (
            json!({"event_no": 90077, "resource": {"mall_id": "../x"}}),
            "90077",
            Uninstalled,
            None,
        ),
        (json!({"event_no": 90077}), "90077", Uninstalled, None),
        (json!({"event_no": "90077\n"}), "", Other, None),
        (json!([]), "", Other, None),
    ] {
        let told = event(&app(Some(KEY)), &[("x-api-key", KEY)], &body).unwrap();
        let expected = PlatformEvent {
            topic: topic.to_owned(),
            id: None,
            shop,
            kind,
            code: None,
        };
        assert_eq!(told, expected, "{body}");
    }
}

#[test]
fn what_is_no_json_is_an_event_that_says_nothing() {
    let headers = [("x-api-key".to_owned(), KEY.to_owned())];
    let request = EventRequest {
        headers: &headers,
        body: b"\xff{",
        shop_header: None,
    };
    let told = Cafe24
        .events()
        .unwrap()
        .read_event(&request, &app(Some(KEY)));
    let told = told.unwrap();
    assert_eq!((told.kind, told.shop), (PlatformEventKind::Other, None));
}
