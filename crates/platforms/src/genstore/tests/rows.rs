//! The parameters of <https://partners.genstore.ai/docs/api-rest/api-access-token>, one by one: of the launch,
//! the link, the callback and the exchange.

use super::*;
use crate::launch::{LaunchError, LaunchedShop};

fn launch(query: &str) -> Result<LaunchedShop, LaunchError> {
    GENSTORE.launch().unwrap().read_launch(query, &app())
}

fn launched(text: &str) -> Result<LaunchedShop, LaunchError> {
    launch(&signed(text))
}

fn label(text: &str) -> ShopLabel {
    ShopLabel::from_checked(text)
}

#[test]
fn launch_shop_is_the_domain_of_the_shop() {
    for shop in ["demo-shop", "demo-shop.genmystore.com"] {
        let text = format!("shop={shop}&shopId=1&timestamp=1732864257361");
        assert_eq!(launched(&text).unwrap().shop, label("demo-shop"));
    }
    for wrong in [
        "shopId=1&timestamp=1732864257361",
        "shop=demo-shop.example&shopId=1&timestamp=1",
    ] {
        assert_eq!(launched(wrong), Err(LaunchError::Malformed), "{wrong}");
    }
}

#[test]
fn launch_shop_id_is_the_number_of_the_shop() {
    let text = "shop=demo-shop&shopId=988716383&timestamp=1732864257361";
    let identity = ShopIdentity::new(IdentityRealm::Genstore, "988716383");
    assert_eq!(launched(text).unwrap().identity, Some(identity));
    for wrong in [
        "shop=demo-shop&timestamp=1732864257361",
        "shop=demo-shop&shopId=a&timestamp=1",
    ] {
        assert_eq!(launched(wrong), Err(LaunchError::Malformed), "{wrong}");
    }
}

/// Of which the page does not say the unit.
#[test]
fn launch_timestamp_is_in_seconds_or_milliseconds() {
    for timestamp in ["1732864257", "1732864257000"] {
        let text = format!("shop=demo-shop&shopId=1&timestamp={timestamp}");
        assert_eq!(
            launched(&text).unwrap().signed_at.timestamp(),
            1_732_864_257
        );
    }
    let wrong = "shop=demo-shop&shopId=1&timestamp=";
    assert_eq!(launched(wrong), Err(LaunchError::Malformed));
}

#[test]
fn launch_hmac_is_over_the_three_others() {
    let text = "shop=demo-shop&shopId=1&timestamp=1732864257361";
    let hmac = sign(&SECRET.into(), [text.as_bytes()]);
    assert!(launch(&format!("{text}&hmac={hmac}")).is_ok());
    let reordered = "timestamp=1732864257361&shopId=1&shop=demo-shop";
    assert!(launch(&format!("hmac={hmac}&{reordered}")).is_ok());
    for wrong in [
        text.to_owned(),
        format!("{text}&hmac={}", &hmac[1..]),
        format!("{text}&hmac="),
    ] {
        assert_eq!(launch(&wrong), Err(LaunchError::NotVerified), "{wrong}");
    }
}

fn link_parameter(name: &str) -> String {
    let link = GENSTORE.authorize_url(&AuthorizeRequest {
        app: &app(),
        shop: Some(&label("demo-shop")),
        redirect_uri: "https://broker.example/v1/auth/genstore/callback",
        state: &"n0nce-7f3a".into(),
    });
    let url = url::Url::parse(&link).unwrap();
    assert_eq!(url.host_str(), Some("demo-shop.genmystore.com"));
    assert_eq!(url.query_pairs().count(), 5);
    let mut found = url.query_pairs().filter(|(known, _)| known == name);
    found.next().unwrap().1.into_owned()
}

#[test]
fn link_client_id_is_the_app_s() {
    assert_eq!(link_parameter("clientId"), "cid_1");
}

#[test]
fn link_scope_is_joined_by_commas() {
    assert_eq!(link_parameter("scope"), "read_orders,read_products");
}

#[test]
fn link_redirect_url_is_the_registered_callback() {
    let callback = "https://broker.example/v1/auth/genstore/callback";
    assert_eq!(link_parameter("redirectUrl"), callback);
}

#[test]
fn link_state_is_handed_through() {
    assert_eq!(link_parameter("state"), "n0nce-7f3a");
}

/// The page has `{code}` in the URL and says `code` below it.
#[test]
fn link_grant_type_is_the_word_code() {
    assert_eq!(link_parameter("grantType"), "code");
}

const WHOLE: [(&str, &str); 5] = [
    ("code", "c0de123"),
    ("shop", "demo-shop"),
    ("shopId", "988716383"),
    ("state", "n0nce-7f3a"),
    ("timestamp", "1732864257361"),
];

/// A rightly signed callback in which one parameter has another value.
fn callback_with(name: &str, value: &str) -> Result<Callback, CallbackError> {
    let pairs = WHOLE.map(|(known, usual)| {
        let value = if known == name { value } else { usual };
        format!("{known}={value}")
    });
    read(&signed(&pairs.join("&")))
}

#[test]
fn callback_shop_is_the_domain_of_the_shop() {
    for shop in ["demo-shop", "demo-shop.genmystore.com"] {
        let callback = callback_with("shop", shop).unwrap();
        assert_eq!(callback.shop, Some(label("demo-shop")));
    }
    let wrong = callback_with("shop", "").err();
    assert_eq!(wrong, Some(CallbackError::Malformed));
}

#[test]
fn callback_shop_id_is_the_number_of_the_shop() {
    let identity = ShopIdentity::new(IdentityRealm::Genstore, "4022054969604");
    let callback = callback_with("shopId", "4022054969604").unwrap();
    assert_eq!(callback.identity, Some(identity));
    let wrong = callback_with("shopId", "demo-shop").err();
    assert_eq!(wrong, Some(CallbackError::Malformed));
}

#[test]
fn callback_state_is_the_link_s() {
    let callback = callback_with("state", "another").unwrap();
    assert_eq!(callback.state.unwrap().expose_secret(), "another");
}

#[test]
fn callback_timestamp_is_when_it_was_signed() {
    let at = |timestamp| callback_with("timestamp", timestamp).map(|read| read.signed.unwrap().at);
    assert_eq!(at("1732864257361").unwrap(), signed_at());
    assert_eq!(at("").err(), Some(CallbackError::Malformed));
}

#[test]
fn callback_code_is_what_is_exchanged() {
    let answer = callback_with("code", "4ac5").unwrap().answer;
    assert!(matches!(answer, CallbackAnswer::Code(code) if code.expose_secret() == "4ac5"));
}

#[test]
fn callback_hmac_is_over_the_five_others() {
    let right = CALLBACK.split_once("&hmac=").unwrap().1;
    let pairs = WHOLE.map(|(name, value)| format!("{name}={value}"));
    for (place, _) in pairs.iter().enumerate() {
        let mut altered = pairs.clone();
        altered[place].push('0');
        let query = format!("{}&hmac={right}", altered.join("&"));
        assert_eq!(
            read(&query).err(),
            Some(CallbackError::NotVerified),
            "{query}"
        );
    }
    assert!(read(&format!("{}&hmac={right}", pairs.join("&"))).is_ok());
}

#[test]
fn exchange_headers_are_content_type_and_accept_of_json() {
    let (app, callback, code) = (app(), read(CALLBACK).unwrap(), "c0de123".into());
    let call = GENSTORE
        .token_call(&exchange(&app, &callback, &code))
        .unwrap();
    for name in ["accept", "content-type"] {
        assert_eq!(call.headers[name], "application/json", "{name}");
    }
}

/// The exchange has four fields and no more; the address that the link had is none of them.
#[tokio::test]
async fn exchange_has_client_id_client_secret_grant_type_and_code() {
    let peer = Peer::listen().await;
    let app = App {
        host: Some(format!("{}/genstore/{{shop}}", peer.origin())),
        ..app()
    };
    let (callback, code, egress) = (read(CALLBACK).unwrap(), "c0de123".into(), client());
    let answer = granted().to_string();
    let (proof, received) = tokio::join!(
        GENSTORE.exchange(&egress, exchange(&app, &callback, &code)),
        peer.serve([(200, answer.as_str())])
    );
    proof.unwrap();
    let (head, body) = received[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /genstore/demo-shop/oauth2/token HTTP/1.1"));
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body,
        json!({
            "clientId": "cid_1", "clientSecret": SECRET, "grantType": "code", "code": "c0de123",
        })
    );
}
