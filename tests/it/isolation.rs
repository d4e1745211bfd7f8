//! Another institution's ids behave exactly like ids that nobody has.

use serde_json::{Value, json};

use crate::harness::{SHOPLINE, TestApp};

on_both!(
    ids_of_others_are_unknown_ids,
    a_cursor_of_another_shows_nothing_of_theirs,
    what_is_listed_is_one_s_own,
);

const UNKNOWN: &str = "0192f0c1000070008000000000000001";

async fn ids_of_others_are_unknown_ids(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let theirs = beta.store(&SHOPLINE, "demo-shop").await;
    let their_endpoint = beta.endpoint(app, "/beta", &[]).await.id;
    let ours = alpha.store(&SHOPLINE, "our-shop").await;
    beta.link(&theirs).await;
    let before = beta.query(&theirs).await;

    // In each pair the first has an id of Beta's, the second one that nobody has.
    let (no_client, no_store) = (format!("cl_{UNKNOWN}"), format!("st_{UNKNOWN}"));
    let clients = (&theirs.client_id, &no_client);
    let stores = (&theirs.store_id, &no_store);
    let mut pairs: Vec<(&str, Value, Value)> = Vec::new();
    for (call, more) in [
        ("store/update", json!({"name": "Mine"})),
        (
            "store/auth",
            json!({"auth_type": "URL", "seller_id": "demo-shop"}),
        ),
        (
            "store/auth",
            json!({"auth_type": "KEY", "auth_info": {"token": "t"}}),
        ),
        ("store/query", json!({})),
        (
            "store/query",
            json!({"wait_seconds": 30, "after_sequence": 0}),
        ),
        ("store/scopes", json!({})),
        ("store/unbind", json!({})),
    ] {
        let fields = |client: &str, store: &str| {
            let mut fields = more.clone();
            fields["client_id"] = client.into();
            fields["store_id"] = store.into();
            fields
        };
        pairs.extend([
            (
                call,
                fields(clients.0, stores.0),
                fields(clients.1, stores.1),
            ),
            (
                call,
                fields(&ours.client_id, stores.0),
                fields(&ours.client_id, stores.1),
            ),
            (
                call,
                fields(clients.0, &ours.store_id),
                fields(clients.1, &ours.store_id),
            ),
        ]);
    }
    let creation = |client: &str| {
        json!({
            "client_id": client, "platform": "SHOPLINE", "name": "Mine", "category": "Mine",
            "store_url": "https://mine.myshopline.com",
        })
    };
    pairs.push(("store/create", creation(clients.0), creation(clients.1)));
    let listing = |client: &str| json!({"client_id": client});
    pairs.push(("store/list", listing(clients.0), listing(clients.1)));
    let endpoint = |id: &str| json!({"endpoint_id": id});
    for call in ["webhook/test", "webhook/delete"] {
        pairs.push((
            call,
            endpoint(&their_endpoint),
            endpoint(&format!("ep_{UNKNOWN}")),
        ));
    }

    for (call, foreign, unknown) in pairs {
        let foreign_answer = alpha.answer(call, &foreign).await;
        let unknown_answer = alpha.answer(call, &unknown).await;
        assert_eq!(foreign_answer.text, unknown_answer.text, "{call} {foreign}");
        assert_eq!(foreign_answer.status, 200, "{call} {foreign}");
        let (_, body) = foreign_answer.whole();
        let expected = match call {
            "store/update" | "store/auth" | "store/scopes" => (940_002, "store not exist"),
            "webhook/test" | "webhook/delete" => (900_002, "endpoint_id is unknown"),
            _ if foreign["client_id"] == ours.client_id.as_str() => (940_002, "store not exist"),
            _ => (910_001, "user not exist"),
        };
        let told = (
            body["code"].as_u64().unwrap(),
            body["message"].as_str().unwrap(),
        );
        assert_eq!(told, expected, "{call} {foreign}");
        // Nor do texts that are no ids at all tell another story.
        let garbled = unknown
            .to_string()
            .replace(&format!("_{UNKNOWN}"), "_garbled");
        let garbled_answer = alpha.send(&alpha.signing(call, garbled)).await;
        assert_eq!(garbled_answer.text, unknown_answer.text, "{call} {foreign}");
    }
    assert_eq!(beta.query(&theirs).await, before);
    let endpoints = beta.data("webhook/list", &json!({})).await;
    assert_eq!(endpoints["endpoints"][0]["status"], "ACTIVE");
}

async fn a_cursor_of_another_shows_nothing_of_theirs(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    let mut theirs = Vec::new();
    for shop in ["a", "b"] {
        let store = beta.store(&SHOPLINE, shop).await;
        beta.data("store/unbind", &store.ids()).await;
        theirs.push(beta.store(&SHOPLINE, shop).await);
    }
    app.settle().await;
    let page = beta.data("event/list", &json!({"limit": 1})).await;
    assert_eq!(page["events"].as_array().unwrap().len(), 1);
    let ours = alpha
        .data("event/list", &json!({"after": page["next_cursor"]}))
        .await;
    assert_eq!(ours["events"], json!([]));
    let page = beta.data("store/list", &json!({"limit": 1})).await;
    let listed = alpha
        .data("store/list", &json!({"cursor": page["next_cursor"]}))
        .await;
    assert_eq!(listed, json!({"stores": [], "next_cursor": null}));
}

async fn what_is_listed_is_one_s_own(app: &TestApp) {
    let (alpha, beta) = (
        app.institution("Alpha").await,
        app.institution("Beta").await,
    );
    for institution in [&alpha, &beta] {
        let store = institution.store(&SHOPLINE, "demo-shop").await;
        let gone = institution.store(&SHOPLINE, "demo-shop").await;
        institution.data("store/unbind", &gone.ids()).await;
        app.settle().await;
        let stores = institution.data("store/list", &json!({})).await;
        assert_eq!(stores["stores"], json!([institution.query(&store).await]));
        let events = institution.data("event/list", &json!({})).await;
        assert_eq!(events["events"].as_array().unwrap().len(), 1);
        assert_eq!(
            events["events"][0]["data"]["store_id"],
            gone.store_id.as_str()
        );
        let endpoints = institution.data("webhook/list", &json!({})).await;
        assert_eq!(endpoints, json!({"endpoints": []}));
    }
}
