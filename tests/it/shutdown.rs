//! The end of a process, and its workers while it runs.

use std::time::Duration;

use broker::{Operator, QueryStore};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::harness::{Gate, PATIENCE, SHOPLINE, TestApp};

on_both!(
    the_workers_need_nobody_to_step_them,
    an_exchange_ends_before_its_process_does,
);

async fn the_workers_need_nobody_to_step_them(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let (broker, shutdown) = (app.process.broker.clone(), CancellationToken::new());
    let token = shutdown.clone();
    let workers = app
        .tasks
        .spawn(async move { broker.run_workers(token).await });

    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    app.visit(&app.approve(&alpha.link(&store).await).await)
        .await;
    let event = app.receiver.next().await.verified(&endpoint.secret);
    assert_eq!(event["data"]["store_id"], store.store_id.as_str());

    let client_id = alpha.client("another seller").await;
    let shop = "demo-shop".parse().unwrap();
    app.sandbox
        .register_token(shop, "t".into(), vec!["read_orders".to_owned()]);
    let store = alpha
        .create(&client_id, "SHOPIFY", "https://demo-shop.myshopify.com")
        .await;
    let key = json!({"auth_type": "KEY", "auth_info": {"token": "t"}});
    alpha.data("store/auth", &store.with(key)).await;
    let event = app.receiver.next().await.verified(&endpoint.secret);
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(event["data"]["store_id"], store.store_id.as_str());

    shutdown.cancel();
    timeout(PATIENCE, workers)
        .await
        .expect("they stop when they are told to")
        .unwrap();
}

/// The browser that began it is gone, and the server stops: nobody but the process waits for it.
async fn an_exchange_ends_before_its_process_does(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let mut gate = Gate::before(app.sandbox_address).await;
    let configuration = SHOPLINE.configuration(gate.address);
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();
    let (_, path) = callback.split_once(&app.base_url).unwrap();
    let address = app.base_url.strip_prefix("http://").unwrap();
    let mut browser = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    browser.write_all(request.as_bytes()).await.unwrap();
    gate.arrival().await;
    // Without a goodbye, so that the server has nobody left to answer.
    browser.set_zero_linger().unwrap();
    drop(browser);

    let (broker, let_through) = (&app.process.broker, async || gate.let_one_through());
    let stopping = async {
        app.stop_serving().await;
        tokio::join!(broker.shut_down(), let_through());
    };
    timeout(PATIENCE, stopping)
        .await
        .expect("the exchange ends");

    let other = app.another_process().await;
    let institutions = other.broker.list_institutions(&Operator).await.unwrap();
    let query = QueryStore {
        client_id: store.client_id,
        store_id: store.store_id,
        wait: Duration::ZERO,
        after_sequence: None,
    };
    let snapshot = other
        .broker
        .query_store(&institutions[0], query)
        .await
        .unwrap();
    assert_eq!(snapshot.auth_status.code(), "SUCCESS");
    other.stop().await;
}
