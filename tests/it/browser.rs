//! What sellers see, in a real browser: the stories are in `tests/browser`, and told against the program and
//! the sandbox. What came of them is asked of the broker afterwards, as an institution does.
//!
//! On SQLite alone: the pages know nothing of the database, and `hosted` tests what is behind them on both.

mod pages;
mod stage;

use serde_json::json;

use self::stage::Stage;
use crate::harness::{CAFE24, GENSTORE};

/// What a browser says that it wants, and what it gets.
const LANGUAGES: [(&str, &str); 7] = [
    ("en-US", "en"),
    ("zh-CN", "zh-Hans"),
    ("zh-TW", "zh-Hant"),
    ("ko-KR", "ko"),
    ("ja-JP", "ja"),
    ("es-MX", "es"),
    ("pt-BR", "pt"),
];

/// Phone and desk, in light and in dark.
const LOOKS: usize = 4;

const SUCCESS: (&str, &str) = ("SUCCESS", "");
const DENIED: (&str, &str) = ("FAILED", "USER_DENIED");
const PROCESSING: (&str, &str) = ("PROCESSING", "");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seller_gets_from_the_link_to_the_result_in_each_language() {
    let mut stage = Stage::set().await;
    let mut flows = Vec::new();
    for (locale, language) in LANGUAGES {
        for look in 0..LOOKS {
            let shop = format!("flow-{}-{look}", language.to_lowercase());
            let link = stage.ask(&GENSTORE, &shop).await;
            flows.push(json!({"locale": locale, "language": language, "link": link}));
        }
    }
    let count = flows.len();
    let steps = stage.tell("flow.mjs", json!({"flows": flows})).await;
    assert_eq!(steps.len(), count);
    for shop in stage.shops() {
        stage.expect(&shop, SUCCESS).await;
    }
    stage.clear().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seller_may_take_any_way_and_an_attacker_none() {
    let mut stage = Stage::set().await;
    let expected = [
        ("keys", SUCCESS),
        ("keys_declined", DENIED),
        ("declined", DENIED),
        ("denied", DENIED),
        ("reloaded", SUCCESS),
        ("back", SUCCESS),
        ("two_tabs", SUCCESS),
        ("another_language", SUCCESS),
        ("forwarded", PROCESSING),
    ];
    let mut links = json!({});
    for (shop, _) in expected {
        links[shop] = stage.ask(&GENSTORE, &shop_of(shop)).await.into();
    }
    links["redirected"] = stage
        .ask_with_redirect(&GENSTORE, "redirected")
        .await
        .into();
    let (key, secret) = ("ck_garden", "cs_garden");
    links["key"] = stage.ask_for_key("key", (key, secret)).await.into();
    stage.ask(&CAFE24, "gardenmall").await;
    let job = json!({
        "links": links,
        "key": {"api_key": key, "api_secret": secret},
        "app": stage::launched_app(),
        "mall": "gardenmall",
    });
    stage.tell("habits.mjs", job).await;
    for (shop, outcome) in expected {
        stage.expect(&shop_of(shop), outcome).await;
    }
    for shop in ["redirected", "key", "gardenmall"] {
        stage.expect(shop, SUCCESS).await;
    }
    stage.clear().await;
}

/// A label may not have what a name may.
fn shop_of(name: &str) -> String {
    name.replace('_', "-")
}
