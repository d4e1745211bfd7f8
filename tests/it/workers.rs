//! Several processes work on one database and one RabbitMQ.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Database, Reply, SHOPLINE};
use crate::process::{Bus, Fleet, Installation, Role, Traffic, consumer};

/// The receiver holds its answer, and the worker that waits for it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_delivers_what_one_died_over() {
    let mut installation = Installation::new(Database::Postgres, Bus::RabbitMq).await;
    // How long a delivery stays with the dead depends on it.
    installation.settings = installation.settings.with("webhooks.timeout_seconds", "5");
    let fleet = Fleet::start(&installation.settings, &[Role::Api, Role::Worker]).await;
    let address = fleet.api(0).await;
    let institution = installation.institution(&address, "Dying Pay").await;
    let url = installation.receiver.url("/hook");
    let endpoint = institution.endpoint(&address, &url).await;
    installation.receiver.next().await;
    let client = institution.client(&address, "seller").await;
    let store_url = SHOPLINE.store_url("demo-shop");
    let store = institution
        .store(&address, &client, "SHOPLINE", &store_url)
        .await;

    installation.receiver.script("/hook", [Reply::Never]);
    let ids = store.with(json!({}));
    institution.data(&address, "store/unbind", &ids).await;
    let unanswered = installation.receiver.next().await;
    fleet.kill(1).await;
    fleet.start_again(1).await;

    let answered = installation.receiver.next().await;
    assert_eq!(
        answered.header("webhook-id"),
        unanswered.header("webhook-id")
    );
    assert_eq!(answered.body, unanswered.body);
    let event = answered.verified(&endpoint.secret);
    assert_eq!(event["type"], "store.unbound");
    // It was tried twice, and one of them lived to write it down.
    fleet.stop().await;
    let database = &installation.database;
    let delivered = "SELECT count(*) FROM deliveries WHERE status = 'DELIVERED'";
    assert_eq!(database.number(delivered).await, 2);
    assert_eq!(database.number("SELECT count(*) FROM deliveries").await, 2);
    assert_eq!(database.number("SELECT count(*) FROM attempts").await, 2);
    assert_eq!(installation.receiver.take(), []);
    installation.remove().await;
}

/// While nobody dies, three relays, three consumers and three deliverers tell everything once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_tell_everything_once() {
    let mut installation = Installation::new(Database::Postgres, Bus::RabbitMq).await;
    installation.settings = installation.settings.unlimited();
    let roles = [Role::Api, Role::Worker, Role::Worker, Role::Worker];
    let fleet = Fleet::start(&installation.settings, &roles).await;
    let consumer = consumer(&installation.virtual_host.as_ref().unwrap().url, "#").await;
    let address = fleet.api(0).await;
    let institution = installation.institution(&address, "Busy Pay").await;
    let url = installation.receiver.url("/hook");
    let endpoint = institution.endpoint(&address, &url).await;
    let traffic = Traffic::new(&installation, &fleet, &institution).await;

    // Long enough that each finds deliveries that another has under way.
    installation.receiver.take_time(Duration::from_millis(300));
    traffic.run(100).await;

    let audit = traffic.audit(&endpoint).await;
    assert_eq!(traffic.last_error(), None);
    let messages = audit.check_consumer(&consumer).await;
    // They end in good order, so that nothing can come any more.
    fleet.stop().await;
    let mut webhooks = audit.webhooks;
    webhooks.extend(installation.receiver.take());
    assert_eq!(
        (webhooks.len(), messages),
        (audit.events.len(), audit.events.len())
    );
    // Two events of a store may overtake each other. Whoever keeps the one with the highest sequence has the
    // last of the feed in the end.
    let mut kept: HashMap<String, Value> = HashMap::new();
    for webhook in &webhooks {
        keep_the_highest(&mut kept, webhook.verified(&endpoint.secret));
    }
    let mut last: HashMap<String, Value> = HashMap::new();
    for (_, event) in &audit.events {
        let mut event: Value = serde_json::from_str(event).unwrap();
        if let Some(store) = event["data"]["store_id"].as_str() {
            last.insert(store.to_owned(), event["data"].take());
        }
    }
    assert_eq!(kept, last);
    installation.remove().await;
}

/// The rule for order that a receiver is told to keep to.
fn keep_the_highest(kept: &mut HashMap<String, Value>, mut event: Value) {
    let data = event["data"].take();
    let Some(store) = data["store_id"].as_str() else {
        return;
    };
    let known = kept
        .get(store)
        .map_or(0, |known| known["sequence"].as_i64().unwrap());
    if data["sequence"].as_i64().unwrap() > known {
        kept.insert(store.to_owned(), data);
    }
}
