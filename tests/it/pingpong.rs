//! PingPong's own path, with its document's request, answer and error rows
//! (<https://open.pingpongx.com/docs/developer/api/store/store_auth/>).

mod rows;

use regex::Regex;
use serde_json::{Value, json};

use crate::harness::{GENSTORE, Institution, SHOPLINE, SHOPLINE_EU, Store, TestApp, refused};

on_both!(
    the_document_s_request_gets_the_document_s_answer,
    a_wrong_field_is_900002,
    an_unknown_store_is_940002,
    a_shop_of_another_store_is_900003,
    an_authorized_store_is_900004,
    all_five_calls_answer_under_both_prefixes,
);

const AUTH: &str = "/v1/mid-open-api/merchant/store/auth";

fn request(store: &Store) -> Value {
    store.with(json!({
        "seller_id": "8288sellerId",
        "auth_type": "URL",
        "redirect_url": "https://pay.example/done",
    }))
}

async fn store_of(institution: &Institution, shop: &str) -> Store {
    institution.store(&SHOPLINE, shop).await
}

/// The operator registered SHOPLINE's app without another host, as it is done outside of a sandbox.
async fn use_the_platform_s_own_host(app: &TestApp) {
    let mut configuration = SHOPLINE.configuration(app.sandbox_address);
    configuration.host = None;
    let broker = &app.process.broker;
    broker
        .configure_platform_app(&broker::Operator, configuration)
        .await
        .unwrap();
}

async fn the_document_s_request_gets_the_document_s_answer(app: &TestApp) {
    use_the_platform_s_own_host(app).await;
    let alpha = app.institution("Alpha").await;
    let store = store_of(&alpha, "8288sellerid").await;
    let answer = alpha.answer(AUTH, &request(&store)).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));

    let callback = format!("{}/v1/auth/shopline/callback", app.base_url);
    let callback = callback.replace(':', "%3A").replace('/', "%2F");
    let shape = format!(
        "^\\{{\"code\":200,\"message\":\"SUCCESS\",\"data\":\\{{\"auth_url\":\"https://8288sellerId\\.myshopline\\.com\
         /admin/oauth-web/#/oauth/authorize\\?appKey=shopline-app&responseType=code&scope=read_orders\
         &redirectUri={}&customField=[A-Za-z0-9_-]{{43}}\"\\}}\\}}$",
        regex::escape(&callback)
    );
    assert!(
        Regex::new(&shape).unwrap().is_match(&answer.text),
        "{}\n{shape}",
        answer.text
    );
}

async fn a_wrong_field_is_900002(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = store_of(&alpha, "8288sellerid").await;
    for (field, value, message) in [
        ("auth_type", json!(null), "auth_type can't be empty"),
        (
            "auth_type",
            json!("KEY"),
            "auth_info can't be empty when auth_type is KEY",
        ),
        (
            "seller_id",
            json!("no label"),
            "seller_id must look like demo-shop",
        ),
        (
            "seller_id",
            json!("another"),
            "seller_id contradicts the shop in store_url",
        ),
        (
            "redirect_url",
            json!("https://elsewhere.example/"),
            "redirect_url must be at an origin that is registered for you",
        ),
    ] {
        let mut fields = request(&store);
        fields[field] = value;
        assert_eq!(alpha.call(AUTH, &fields).await, refused(900_002, message));
    }
}

async fn an_unknown_store_is_940002(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = store_of(&alpha, "8288sellerid").await;
    let not_exist = refused(940_002, "store not exist");
    let unknown = Store {
        store_id: "SD2310250004697640".to_owned(),
        ..store.clone()
    };
    assert_eq!(alpha.call(AUTH, &request(&unknown)).await, not_exist);
    // A client that does not match is no other case.
    let other_client = alpha.client("another seller").await;
    let mismatched = Store {
        client_id: other_client,
        ..store
    };
    assert_eq!(alpha.call(AUTH, &request(&mismatched)).await, not_exist);
}

async fn a_shop_of_another_store_is_900003(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let held = refused(900_003, "seller id already authorized");
    let first = store_of(&alpha, "8288sellerid").await;
    let callback = app.approve(&alpha.link(&first).await).await;
    app.visit(&callback).await;
    // Both sites of SHOPLINE have the same shops.
    for case in [SHOPLINE, SHOPLINE_EU] {
        let second = alpha.store(&case, "8288sellerid").await;
        assert_eq!(
            alpha.call(AUTH, &request(&second)).await,
            held,
            "{}",
            case.code
        );
        assert_eq!(
            alpha.status(&second).await,
            ("UNAUTHORIZED".to_owned(), String::new())
        );
    }
    // Where the identity is a number, the label that was proven with it is what is looked for.
    let first = alpha.store(&GENSTORE, "8288sellerid").await;
    let callback = app.approve(&alpha.link(&first).await).await;
    app.visit(&callback).await;
    let second = alpha.store(&GENSTORE, "8288sellerid").await;
    assert_eq!(alpha.call(AUTH, &request(&second)).await, held);
}

async fn an_authorized_store_is_900004(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = store_of(&alpha, "8288sellerid").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    app.visit(&callback).await;
    let repeated = refused(900_004, "repeat authorized");
    assert_eq!(alpha.call(AUTH, &request(&store)).await, repeated);
}

async fn all_five_calls_answer_under_both_prefixes(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let client_id = alpha.client("seller").await;
    let fields = json!({
        "client_id": client_id, "platform": "SHOPLINE", "store_url": "https://demo.myshopline.com",
        "name": "Demo", "category": "Shoes",
    });
    let created = alpha
        .data("/v1/mid-open-api/merchant/store/create", &fields)
        .await;
    let store_id = created["store_id"].as_str().unwrap().to_owned();
    let store = Store {
        client_id,
        store_id,
        seller_id: None,
    };
    let path = |verb: &str| format!("/v1/mid-open-api/merchant/store/{verb}");

    let renamed = store.with(json!({"name": "Renamed"}));
    assert_eq!(alpha.data(&path("update"), &renamed).await, created);
    let queried = alpha.data(&path("query"), &store.ids()).await;
    assert_eq!(queried, alpha.query(&store).await);
    assert_eq!(queried["name"], "Renamed");
    let asked = store.with(json!({"auth_type": "URL"}));
    assert!(alpha.data(&path("auth"), &asked).await["auth_url"].is_string());
    assert_eq!(alpha.data(&path("unbind"), &store.ids()).await, json!(null));
    let gone = refused(940_002, "store not exist");
    assert_eq!(alpha.call("store/query", &store.ids()).await, gone);
}

/// 900000, on a database that lost a table.
mod system_error {
    use super::*;
    use crate::harness::{Database, Setup};

    async fn a_failure_of_ours_is_900000(kind: Database) {
        let app = TestApp::start(kind, Setup::default()).await;
        let alpha = app.institution("Alpha").await;
        let store = store_of(&alpha, "8288sellerid").await;
        app.database
            .execute("ALTER TABLE stores RENAME TO lost")
            .await;
        let answer = alpha.answer(AUTH, &request(&store)).await;
        assert_eq!(answer.whole(), refused(900_000, "system error"));
        assert!(answer.header("x-request-id").is_some());

        // Nothing of it remains: the same call goes through when the database is back.
        app.database
            .execute("ALTER TABLE lost RENAME TO stores")
            .await;
        assert_eq!(alpha.answer(AUTH, &request(&store)).await.status, 200);
        assert_eq!(
            alpha.status(&store).await,
            ("PROCESSING".to_owned(), String::new())
        );
        app.finish().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_sqlite() {
        a_failure_of_ours_is_900000(Database::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_postgres() {
        a_failure_of_ours_is_900000(Database::Postgres).await;
    }
}
