//! Shop labels that are none: they are refused before anything is made of them.

use serde_json::json;

use super::BY_URL;
use crate::harness::{TestApp, sign_query};
use sandbox::Dialect;

on_both!(
    a_seller_id_that_is_no_label_is_refused,
    a_signed_callback_about_no_label_changes_nothing,
);

fn no_labels() -> Vec<String> {
    let long = "a".repeat(300);
    let texts = [
        "evil.com/",
        "evil.com#",
        "evil.com?",
        "user@evil.com",
        "a.b",
        "..",
        "../admin",
        "/",
        "-a",
        "a_b",
        "a b",
        "démo",
        "店铺",
        "demo\u{200d}shop",
        "demo\u{202e}shop",
        "demo\u{3002}shop",
        "%64emo",
        "demo%2eshop",
        "127.0.0.1",
        "[::1]",
        "{shop}",
        &long,
    ];
    texts.map(str::to_owned).to_vec()
}

async fn a_seller_id_that_is_no_label_is_refused(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    for case in BY_URL {
        let store = alpha.store(&case, "demo-shop").await;
        for label in no_labels() {
            let fields = json!({"auth_type": "URL", "seller_id": label});
            let (status, answer) = alpha.call("store/auth", &store.with(fields)).await;
            assert_eq!(
                (status, &answer["code"]),
                (200, &json!(900_002)),
                "{} {label}: {answer}",
                case.code
            );
        }
        let untouched = ("UNAUTHORIZED".to_owned(), String::new());
        assert_eq!(alpha.status(&store).await, untouched);
    }
    assert!(app.sandbox.calls().is_empty(), "somebody was dialled");
}

/// Signed by the platform's own key: even then no host is made of it.
async fn a_signed_callback_about_no_label_changes_nothing(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    for case in BY_URL {
        let shop = match case.dialect {
            Dialect::Shopline => "handle",
            Dialect::Genstore => "shop",
            // Their callbacks name no shop, or there are none.
            Dialect::Cafe24 | Dialect::Multivende | Dialect::Shopify | Dialect::Woocommerce => {
                continue;
            }
        };
        let store = alpha.store(&case, "demo-shop").await;
        let state = case.state_of(&alpha.link(&store).await);
        let before = alpha.query(&store).await;
        for label in no_labels() {
            let label = percent_encoded(&label);
            let timestamp = app.now().timestamp_millis().to_string();
            let mut parameters = vec![
                ("code", "c0de"),
                (shop, label.as_str()),
                (case.state, state.as_str()),
                ("timestamp", timestamp.as_str()),
            ];
            parameters.push(if case.dialect == Dialect::Genstore {
                ("shopId", "1")
            } else {
                ("appkey", case.client_id)
            });
            let signature = sign_query(case.secret, &parameters);
            parameters.push((case.signature, signature.as_str()));
            let pairs: Vec<_> = parameters
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let path = case.callback_path();
            let url = format!("{}{path}?{}", app.base_url, pairs.join("&"));
            assert_eq!(app.visit(&url).await.status, 400, "{label}");
        }
        assert_eq!(alpha.query(&store).await, before);
    }
    assert!(app.sandbox.calls().is_empty(), "somebody was dialled");
}

fn percent_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}
