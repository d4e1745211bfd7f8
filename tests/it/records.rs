//! Clients and stores as they are kept: registered, changed, listed.

use serde_json::{Value, json};

use crate::harness::{SHOPLINE, TestApp, ok, refused};

on_both!(
    a_client_is_registered_once,
    an_update_changes_what_is_given,
    stores_are_listed_page_by_page,
);

async fn a_client_is_registered_once(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let seller = json!({"partner_user_id": "7", "email": "seller@shop.example", "name": "Seller"});
    let data = alpha.data("client/register", &seller).await;
    assert_eq!(
        alpha.call("client/register", &seller).await,
        ok(data.clone())
    );
    let exists = refused(910_000, "user already exist");
    for (field, value) in [
        ("email", json!("other@shop.example")),
        ("name", json!(null)),
        ("name", json!("Other")),
    ] {
        let mut other = seller.clone();
        other[field] = value;
        assert_eq!(alpha.call("client/register", &other).await, exists);
    }
    // Ids of sellers are each institution's own.
    let beta = app.institution("Beta").await;
    assert_ne!(beta.data("client/register", &seller).await, data);
}

async fn an_update_changes_what_is_given(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let mut expected = alpha.query(&store).await;
    for (field, value) in [
        ("name", "Renamed"),
        ("category", "Shoes"),
        ("store_url", "https://other-shop.myshopline.com"),
    ] {
        let answer = alpha
            .call("store/update", &store.with(json!({field: value})))
            .await;
        assert_eq!(answer, ok(json!({"store_id": store.store_id})));
        expected[field] = value.into();
        expected["revision"] = (expected["revision"].as_i64().unwrap() + 1).into();
        assert_eq!(alpha.query(&store).await, expected);
    }
    // What is absent, null or empty stays.
    let nothing = store.with(json!({"name": "", "category": null}));
    assert_eq!(alpha.call("store/update", &nothing).await.0, 200);
    expected["revision"] = (expected["revision"].as_i64().unwrap() + 1).into();
    assert_eq!(alpha.query(&store).await, expected);
}

async fn stores_are_listed_page_by_page(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let (one, two) = (alpha.client("one").await, alpha.client("two").await);
    let mut snapshots = Vec::new();
    for (client, platform, url) in [
        (&one, "SHOPLINE", "https://a.myshopline.com"),
        (&two, "GENSTORE", "https://b.example"),
        (&one, "SHOPLINE_EU", "https://c.myshopline.com"),
        (&two, "SHOPIFY", "https://d.example"),
        (&one, "SHOPLINE", "https://e.myshopline.com"),
    ] {
        let store = alpha.create(client, platform, url).await;
        if platform == "SHOPLINE_EU" {
            alpha.link(&store).await;
        }
        snapshots.push(alpha.query(&store).await);
    }
    let list = async |fields: Value| alpha.data("store/list", &fields).await;
    let all = |indices: &[usize]| {
        let stores: Vec<_> = indices
            .iter()
            .map(|&index| snapshots[index].clone())
            .collect();
        json!({"stores": stores, "next_cursor": null})
    };
    assert_eq!(list(json!({})).await, all(&[0, 1, 2, 3, 4]));
    assert_eq!(list(json!({"limit": 5})).await, all(&[0, 1, 2, 3, 4]));
    assert_eq!(list(json!({"client_id": two})).await, all(&[1, 3]));
    assert_eq!(list(json!({"platform": "SHOPLINE"})).await, all(&[0, 4]));
    assert_eq!(list(json!({"auth_status": "PROCESSING"})).await, all(&[2]));
    assert_eq!(list(json!({"auth_status": "SUCCESS"})).await, all(&[]));
    let of_one = json!({"client_id": one, "platform": "SHOPLINE", "auth_status": "UNAUTHORIZED"});
    assert_eq!(list(of_one).await, all(&[0, 4]));

    let mut cursor = Value::Null;
    let mut seen = Vec::new();
    for count in [2, 2, 1] {
        let page = list(json!({"limit": 2, "cursor": cursor})).await;
        assert_eq!(page["stores"].as_array().unwrap().len(), count);
        seen.extend(page["stores"].as_array().unwrap().clone());
        cursor = page["next_cursor"].clone();
    }
    assert_eq!((seen, cursor), (snapshots, Value::Null));
}
