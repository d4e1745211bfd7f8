//! What a field of the right form may still not mean.

use serde_json::json;

use super::table::cases;
use super::{send, with};
use crate::harness::{TestApp, refused};

on_both!(
    words_have_their_meaning,
    urls_are_checked,
    extra_info_is_json_text,
    a_call_has_to_fit_its_platform,
);

async fn words_have_their_meaning(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let cases = cases(app, &alpha).await;
    let find = |name: &str| cases.iter().find(|case| case.call == name).unwrap();
    for (call, field, value, message) in [
        (
            "store/create",
            "platform",
            "SHOPLINE_US",
            "platform is not supported",
        ),
        (
            "store/create",
            "platform",
            "shopline",
            "platform is not supported",
        ),
        (
            "store/list",
            "platform",
            "AMAZON",
            "platform is not supported",
        ),
        (
            "store/auth",
            "auth_type",
            "url",
            "auth_type must be URL or KEY",
        ),
        (
            "store/list",
            "auth_status",
            "DONE",
            "auth_status must be one of UNAUTHORIZED, PROCESSING, SUCCESS, FAILED",
        ),
        ("store/list", "cursor", "x", "cursor is not one of ours"),
        (
            "event/list",
            "after",
            "x",
            "after is not one of our cursors",
        ),
        (
            "event/list",
            "after",
            "AAAAAAAAAGQ",
            "after is not one of our cursors",
        ),
        (
            "client/register",
            "email",
            "no address",
            "email must be an email address",
        ),
        (
            "token/get",
            "grant_type",
            "password",
            "grant_type must be client_credentials",
        ),
        (
            "webhook/delete",
            "endpoint_id",
            "ep_1",
            "endpoint_id is unknown",
        ),
        (
            "webhook/test",
            "endpoint_id",
            "ep_1",
            "endpoint_id is unknown",
        ),
    ] {
        let call = find(call);
        let body = with(&call.valid, field, value.into()).to_string();
        let answer = send(&alpha, call, body).await;
        assert_eq!(answer.whole(), refused(900_002, message), "{}", call.call);
    }
    let call = find("webhook/create");
    let body = with(
        &call.valid,
        "event_types",
        json!(["store.unbound", "store.bound"]),
    );
    let answer = send(&alpha, call, body.to_string()).await;
    assert_eq!(
        answer.whole(),
        refused(900_002, "event_types[1] is not an event type")
    );
}

async fn urls_are_checked(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let cases = cases(app, &alpha).await;
    let form = "store_url must have the form of https://demo-shop.myshopline.com";
    let redirect = cases.iter().find(|case| case.call == "store/auth").unwrap();
    for (url, message) in [
        ("ftp://pay.example/", "must start with https://"),
        ("http://pay.example/", "must start with https://"),
        ("pay.example", "must be a URL"),
        (
            "https://user@pay.example/",
            "must not contain a user name or a password",
        ),
        ("https://pay.example/#x", "must not have a fragment"),
        (
            "https://pay.example/?seller_id=1",
            "must not have a parameter that the redirect adds",
        ),
        (
            "https://pay.example:8443/",
            "must be at an origin that is registered for you",
        ),
        (
            "https://pay.example.evil.example/",
            "must be at an origin that is registered for you",
        ),
        ("javascript:alert(1)", "must start with https://"),
    ] {
        let body = with(&redirect.valid, "redirect_url", url.into()).to_string();
        let expected = refused(900_002, &format!("redirect_url {message}"));
        assert_eq!(
            send(&alpha, redirect, body).await.whole(),
            expected,
            "{url}"
        );
    }
    let create = cases
        .iter()
        .find(|case| case.call == "store/create")
        .unwrap();
    for (url, message) in [
        (
            "no url",
            "store_url is refused: the URL must be absolute and well formed",
        ),
        (
            "ftp://x.example",
            "store_url is refused: the scheme must be https",
        ),
        (
            "https://u:p@demo.myshopline.com",
            "store_url is refused: the URL must not contain a user name or a password",
        ),
        (
            "https://169.254.169.254/",
            "store_url is refused: the host must not be a private or reserved address",
        ),
        ("https://demo.example/", form),
        ("https://demo.myshopline.com.evil.example/", form),
        ("https://demo.myshopline.com/path", form),
        ("https://a.b.myshopline.com", form),
    ] {
        let body = with(&create.valid, "store_url", url.into()).to_string();
        assert_eq!(
            send(&alpha, create, body).await.whole(),
            refused(900_002, message),
            "{url}"
        );
    }
    let hook = cases
        .iter()
        .find(|case| case.call == "webhook/create")
        .unwrap();
    for (url, message) in [
        ("ftp://pay.example", "the scheme must be https"),
        (
            "https://10.0.0.1/",
            "the host must not be a private or reserved address",
        ),
        (
            "https://[::ffff:10.0.0.1]/",
            "the host must not be a private or reserved address",
        ),
        (
            "https://0x0a000001/",
            "the host must not be a private or reserved address",
        ),
        (
            "https://8.8.8.8:22/",
            "the port is not one of the allowed ports",
        ),
        (
            "https://pay.example./",
            "the host must be a DNS name without a trailing dot, or an address",
        ),
    ] {
        let body = with(&hook.valid, "url", url.into()).to_string();
        let expected = refused(900_002, &format!("url is refused: {message}"));
        assert_eq!(send(&alpha, hook, body).await.whole(), expected, "{url}");
    }
    assert_eq!(
        alpha.data("webhook/list", &json!({})).await["endpoints"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

async fn extra_info_is_json_text(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let cases = cases(app, &alpha).await;
    for call in cases
        .iter()
        .filter(|case| case.call.ends_with("ate") && case.call.starts_with("store/"))
    {
        for text in ["{", "nothing", "{'a':1}", "{} {}"] {
            let body = with(&call.valid, "extra_info", text.into()).to_string();
            let expected = refused(900_002, "extra_info must be JSON text");
            assert_eq!(send(&alpha, call, body).await.whole(), expected, "{text}");
        }
        // Control characters only as the escapes of that text.
        for text in ["7", "[]", "{\"a\":\"\\u0007\"}"] {
            let body = with(&call.valid, "extra_info", text.into()).to_string();
            assert_eq!(
                send(&alpha, call, body).await.whole().1["code"],
                200,
                "{text}"
            );
        }
    }
}

async fn a_call_has_to_fit_its_platform(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let client_id = alpha.client("seller").await;
    let key = |auth_info| json!({"auth_type": "KEY", "auth_info": auth_info});
    let token = json!({"token": "t"});
    let pair = json!({"api_key": "k", "api_secret": "s"});
    let both = json!({"token": "t", "api_key": "k", "api_secret": "s"});
    let either = "auth_info takes either token, or api_key and api_secret";
    let missing = "auth_info can't be empty when auth_type is KEY";
    let url = json!({"auth_type": "URL"});
    for (platform, store_url, fields, message) in [
        (
            "SHOPLINE",
            "https://a.myshopline.com",
            key(token.clone()),
            "auth_type must be URL for SHOPLINE",
        ),
        (
            "GENSTORE",
            "https://a.genmystore.com",
            key(token.clone()),
            "auth_type must be URL for GENSTORE",
        ),
        (
            "SHOPIFY",
            "https://a.myshopify.com",
            url.clone(),
            "auth_type must be KEY for SHOPIFY",
        ),
        (
            "SHOPIFY",
            "https://a.myshopify.com",
            key(pair.clone()),
            "auth_info must have token for SHOPIFY",
        ),
        (
            "WOOCOMMERCE",
            "https://shop.example",
            key(token.clone()),
            "auth_info must have api_key and api_secret for WOOCOMMERCE",
        ),
        ("SHOPIFY", "https://a.myshopify.com", key(both), either),
        (
            "WOOCOMMERCE",
            "https://shop.example",
            key(json!({"api_key": "k"})),
            either,
        ),
        (
            "WOOCOMMERCE",
            "https://shop.example",
            key(json!({})),
            missing,
        ),
        (
            "WOOCOMMERCE",
            "https://shop.example",
            json!({"auth_type": "KEY"}),
            missing,
        ),
        (
            "WOOCOMMERCE",
            "https://shop.example",
            key(json!({"api_key": " ", "api_secret": "s"})),
            "auth_info.api_key can't be empty",
        ),
        (
            "WOOCOMMERCE",
            "https://shop.example",
            json!({"auth_type": "KEY", "auth_info": pair, "seller_id": "a"}),
            "seller_id must be empty for this platform",
        ),
        (
            "GENSTORE",
            "https://shop.example",
            url,
            "seller_id can't be empty, since store_url names no shop",
        ),
        (
            "GENSTORE",
            "https://a.genmystore.com",
            json!({"auth_type": "URL", "seller_id": "b.genmystore.com"}),
            "seller_id contradicts the shop in store_url",
        ),
        (
            "SHOPIFY",
            "https://a.myshopify.com",
            json!({"auth_type": "KEY", "auth_info": token, "seller_id": "a.example.com"}),
            "seller_id must look like demo-shop.myshopify.com",
        ),
        (
            "SHOPLINE",
            "https://a.myshopline.com",
            json!({"auth_type": "URL", "auth_info": {"token": "t"}}),
            "auth_info must be empty when auth_type is URL",
        ),
    ] {
        let store = alpha.create(&client_id, platform, store_url).await;
        let answer = alpha.call("store/auth", &store.with(fields)).await;
        assert_eq!(answer, refused(900_002, message), "{platform}");
        assert_eq!(alpha.status(&store).await.0, "UNAUTHORIZED");
    }
}
