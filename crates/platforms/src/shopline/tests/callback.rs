//! The link, and what comes back.

use domain::{FailReason, ShopLabel};
use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::code_flow::{AuthorizeRequest, CallbackAnswer, Signed};
use crate::query::RawQuery;
use crate::signature::sign;

fn signer(query: &str, secrets: &[&str]) -> Option<usize> {
    let secrets: Vec<SecretString> = secrets.iter().map(|&secret| secret.into()).collect();
    DIALECT
        .signature
        .signer(&RawQuery::read(query).unwrap(), &secrets)
}

/// `text` has to be sorted already, so that it does not rest on the code under test.
fn signed(text: &str) -> String {
    let signature = sign(&SECRET.into(), [text.as_bytes()]);
    format!("{text}&sign={signature}")
}

#[test]
fn known_signatures_of_queries_are_found_and_altered_ones_are_not() {
    let published = "appkey=LDLLJJLflja2039203flaflaLLFLE&handle=zwapptest&lang=zh\
        &timestamp=21c335b3a\
        &sign=654a42549daaad959b6488500f499fc0381c6cf24d8afceeb566729fc82fee6a";
    assert_eq!(signer(published, &[PUBLISHED_KEY]), Some(0));
    let install = "timestamp=1700000000000&handle=demo-shop&appkey=ak_0001\
        &sign=d83fac8856151785d368c7de8269ac8a1f2b3d3ed950175b877962b03c49e349";
    assert_eq!(signer(install, &["another", SECRET]), Some(1));
    assert_eq!(signer(install, &["another"]), None);
    assert_eq!(signer(install, &[]), None);
    for altered in [
        install.replace("demo-shop", "demo-shoq"),
        install.replace("handle", "handlf"),
        install.replace("sign=d8", "sign=d9"),
        install.replace("e349", ""),
        install.replace("e349", "e34"),
        install.replace("d83fac", "zzzzzz"),
        format!("{install}&lang=en"),
        format!("{install}&embedded"),
        install.replace("&handle=demo-shop", ""),
        install.split_once("&sign").unwrap().0.to_owned(),
    ] {
        assert_eq!(signer(&altered, &[SECRET]), None, "{altered}");
    }
}

#[test]
fn both_forms_of_a_query_are_taken() {
    let query = "appkey=ak_0001&code=c0%20de%2F123&customField=n0nce-7f3a&handle=demo-shop\
        &lang=en&timestamp=1700000000000&sign=";
    let raw = "04fdff2f4e61ed88848bf7e388d06fb043ce3b6692069c8f51d6e5f1ebd9e707";
    let decoded = "d20ca0fc98c9226283b84ee19f36282e2f433e0255a7120247231df4d0e24284";
    for signature in [raw, decoded] {
        let callback = read(&format!("{query}{signature}")).unwrap();
        let CallbackAnswer::Code(code) = callback.answer else {
            panic!("no code");
        };
        assert_eq!(code.expose_secret(), "c0 de/123");
    }
}

#[test]
fn a_genuine_signature_cannot_be_moved_to_another_shop() {
    // Whoever starts the flow by hand chooses `customField`; here it holds the text of a query.
    let told = "appkey=ak_0001&code=c0de123&customField=n0nce&handle=victim&hb=&handle=attacker\
        &timestamp=1700000000000";
    let signature = sign(&SECRET.into(), [told.as_bytes()]);
    let forged = "appkey=ak_0001&code=c0de123&customField=n0nce&handle=victim\
        &hb=%26handle%3Dattacker&timestamp=1700000000000&sign=";
    let result = read(&format!("{forged}{signature}"));
    assert_eq!(result.err(), Some(CallbackError::NotVerified));
}

#[test]
fn a_callback_tells_its_state_shop_time_and_code() {
    let callback = callback();
    assert_eq!(
        callback.state.as_ref().unwrap().expose_secret(),
        "n0nce-7f3a"
    );
    assert_eq!(callback.shop, Some(ShopLabel::from_checked("demo-shop")));
    assert_eq!(callback.identity, None);
    let signed = Signed { at: now(), with: 1 };
    assert_eq!(callback.signed, Some(signed));
    assert!(
        matches!(&callback.answer, CallbackAnswer::Code(code) if code.expose_secret() == "c0de123")
    );
    assert!(!format!("{callback:?}").contains("c0de123"));
}

#[test]
fn a_callback_without_a_code_is_a_failure() {
    for (text, reason) in [
        ("", FailReason::UserDenied),
        ("code=&", FailReason::UserDenied),
        ("error=access_denied&", FailReason::UserDenied),
        ("code=null&error=access_denied&", FailReason::UserDenied),
        ("error=invalid_scope&", FailReason::PlatformAppMisconfigured),
        ("error=server_error&", FailReason::PlatformRejected),
    ] {
        // `appkey` < `code` < `customField` < `error` < `handle`
        let (code, error) = match text.split_once("error") {
            Some((code, rest)) => (code, format!("error{rest}")),
            None => (text, String::new()),
        };
        let query = signed(&format!(
            "appkey=ak_0001&{code}customField=n0nce-7f3a&{error}handle=demo-shop\
             &timestamp=1700000000"
        ));
        let callback = read(&query).unwrap();
        let CallbackAnswer::Failed(found) = callback.answer else {
            panic!("{query} brought a code");
        };
        assert_eq!(found, reason, "{query}");
        assert_eq!(callback.signed.map(|signed| signed.at), Some(now()));
    }
}

#[test]
fn a_callback_of_another_form_is_refused() {
    for (text, error) in [
        (
            "appkey=ak_0001&code=c&handle=demo-shop&timestamp=1700000000000",
            CallbackError::Malformed,
        ),
        (
            "appkey=ak_0001&code=c&customField=&handle=demo-shop&timestamp=1700000000000",
            CallbackError::Malformed,
        ),
        (
            "appkey=ak_0001&code=c&customField=s&timestamp=1700000000000",
            CallbackError::Malformed,
        ),
        (
            "appkey=ak_0001&code=c&customField=s&handle=evil.com%2F&timestamp=1700000000000",
            CallbackError::Malformed,
        ),
        (
            "appkey=ak_0001&code=c&customField=s&handle=demo-shop",
            CallbackError::Malformed,
        ),
        (
            "appkey=ak_0001&code=c&customField=s&handle=demo-shop&timestamp=21c335b3a",
            CallbackError::Malformed,
        ),
        (
            "appkey=ak_0002&code=c&customField=s&handle=demo-shop&timestamp=1700000000000",
            CallbackError::NotVerified,
        ),
    ] {
        assert_eq!(read(&signed(text)).err(), Some(error), "{text}");
    }
    let twice =
        signed("appkey=ak_0001&code=c&customField=s&handle=demo-shop&timestamp=1700000000000");
    assert_eq!(
        read(&format!("{twice}&handle=demo-shop")).err(),
        Some(CallbackError::Malformed)
    );
    assert_eq!(read("").err(), Some(CallbackError::NotVerified));
}

#[test]
fn the_link_is_the_one_of_pingpongs_example() {
    let app = App {
        client_id: "60ef9ba14340a7c4d0a72cb4391fa09807b1ca18".to_owned(),
        secrets: Vec::new(),
        scopes: vec!["read_orders".to_owned()],
        host: None,
        event_key: None,
    };
    let url = SHOPLINE.authorize_url(&AuthorizeRequest {
        app: &app,
        shop: Some(&ShopLabel::from_checked("8288sellerId")),
        redirect_uri: "https://dev-store-center-auth.pingpongx.com/api/v1/auth/shopline/cb",
        state: &"SD2310250004697640".into(),
    });
    // Labels are kept in lower case, and so is the host; all else is byte for byte.
    assert_eq!(
        url,
        "https://8288sellerId.myshopline.com/admin/oauth-web/#/oauth/authorize\
         ?appKey=60ef9ba14340a7c4d0a72cb4391fa09807b1ca18&responseType=code&scope=read_orders\
         &redirectUri=https%3A%2F%2Fdev-store-center-auth.pingpongx.com%2Fapi%2Fv1%2Fauth%2Fshopline%2Fcb\
         &customField=SD2310250004697640"
    );
}

#[test]
fn a_configured_host_takes_the_place_of_the_platforms() {
    let app = App {
        host: Some("http://127.0.0.1:9100/shopline/{shop}/".to_owned()),
        ..app()
    };
    let url = SHOPLINE_EU.authorize_url(&AuthorizeRequest {
        app: &app,
        shop: Some(&ShopLabel::from_checked("demo-shop")),
        redirect_uri: "https://a.example/cb?x=1&y=ü~",
        state: &"s-_1".into(),
    });
    assert_eq!(
        url,
        "http://127.0.0.1:9100/shopline/demo-shop/admin/oauth-web/#/oauth/authorize?appKey=ak_0001\
         &responseType=code&scope=read_orders%2Cread_products\
         &redirectUri=https%3A%2F%2Fa.example%2Fcb%3Fx%3D1%26y%3D%C3%BC~&customField=s-_1"
    );
}
