//! Programs of other people, from the package registries, agree with us about signatures, webhooks and
//! RabbitMQ; and the demo agrees with itself.

mod demo;
mod signatures;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::harness::{Database, Decision, Webhook};
use crate::process::{
    Bus, Endpoint, Installation, Institution, Serve, ask, consumer, node, python,
};

/// An institution's endpoint, and everything that it received and the feed holds.
struct Told {
    endpoint: Endpoint,
    webhooks: Vec<Webhook>,
    events: Vec<String>,
}

/// A test event by itself and one on request, a success, a failure and an unbinding.
async fn play_every_event(
    installation: &Installation,
    serve: &Serve,
    institution: &Institution,
) -> Told {
    let url = installation
        .receiver
        .url(&format!("/{}", institution.app_id));
    let endpoint = institution.endpoint(serve, &url).await;
    let mut webhooks = vec![installation.receiver.next().await];
    let fields = json!({"endpoint_id": endpoint.endpoint_id});
    institution.data(serve, "webhook/test", &fields).await;
    webhooks.push(installation.receiver.next().await);

    let client = institution.client(serve, "seller-1").await;
    let mut stores = Vec::new();
    for (shop, decision) in [
        ("blue-shop", Decision::Approve),
        ("red-shop", Decision::Deny),
    ] {
        let url = format!("https://{shop}.myshopline.com");
        let store = institution.store(serve, &client, "SHOPLINE", &url).await;
        let link = institution.link(serve, &store).await;
        let callback = installation.seller.decide(&link, decision).await;
        installation.seller.open(serve, &callback).await;
        webhooks.push(installation.receiver.next().await);
        stores.push(store);
    }
    institution
        .data(serve, "store/unbind", &stores[0].with(json!({})))
        .await;
    webhooks.push(installation.receiver.next().await);

    let events = institution.events(serve, webhooks.len()).await;
    let types: Vec<Value> = events
        .iter()
        .map(|event| read(event)["type"].clone())
        .collect();
    assert_eq!(
        types,
        [
            "endpoint.test",
            "endpoint.test",
            "store.auth.succeeded",
            "store.auth.failed",
            "store.unbound",
        ]
    );
    Told {
        endpoint,
        webhooks,
        events,
    }
}

fn read(event: &str) -> Value {
    serde_json::from_str(event).unwrap()
}

/// A webhook as the verifiers are asked about it, so long after it came.
fn question(endpoint: &Endpoint, webhook: &Webhook, seconds_later: u32) -> Value {
    json!({
        "secret": endpoint.secret,
        "headers": webhook.headers,
        "body": BASE64_STANDARD.encode(&webhook.body),
        "seconds_later": seconds_later,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_verifiers_accept_every_webhook_and_nothing_else() {
    let installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Verifying Pay").await;
    let Told {
        endpoint, webhooks, ..
    } = play_every_event(&installation, &serve, &institution).await;

    let mut questions = Vec::new();
    let mut verdicts = Vec::new();
    for webhook in &webhooks {
        questions.push(question(&endpoint, webhook, 0));
        verdicts.push(Value::Null);

        let mut altered = webhook.clone();
        let middle = altered.body.len() / 2;
        altered.body[middle] ^= 1;
        questions.push(question(&endpoint, &altered, 0));
        verdicts.push(json!("No matching signature found"));

        let mut renamed = webhook.clone();
        renamed
            .headers
            .insert("webhook-id".to_owned(), "evt_another".to_owned());
        questions.push(question(&endpoint, &renamed, 0));
        verdicts.push(json!("No matching signature found"));

        questions.push(question(&endpoint, webhook, 600));
        verdicts.push(json!("Message timestamp too old"));
    }
    let questions = Value::Array(questions);
    let verdicts = Value::Array(verdicts);
    assert_eq!(ask(python("verify.py"), &questions).await, verdicts);
    assert_eq!(ask(node("verify.mjs"), &questions).await, verdicts);

    serve.stop().await;
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rabbitmq_client_reads_the_bytes_of_feed_and_webhooks() {
    let installation = Installation::new(Database::Sqlite, Bus::RabbitMq).await;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Consuming Pay").await;
    let neighbour = installation.institution(&serve, "Neighbour Pay").await;
    let amqp_url = &installation.virtual_host.as_ref().unwrap().url;
    let consumer = consumer(amqp_url, &format!("{}.#", institution.app_id)).await;

    // Nothing of it reaches the other institution's queue.
    play_every_event(&installation, &serve, &neighbour).await;
    let Told {
        webhooks, events, ..
    } = play_every_event(&installation, &serve, &institution).await;
    for (number, (event, webhook)) in events.iter().zip(&webhooks).enumerate() {
        let message = read(&consumer.line(1 + number).await);
        let told = read(event);
        let mut headers = json!({});
        if let Some(store) = told["data"].get("store_id") {
            headers = json!({"platform": "SHOPLINE", "store_id": store});
        }
        let event_type = told["type"].as_str().unwrap();
        assert_eq!(
            message,
            json!({
                "routing_key": format!("{}.{event_type}", institution.app_id),
                "message_id": told["id"],
                "content_type": "application/json",
                "delivery_mode": 2,
                "headers": headers,
                "body": BASE64_STANDARD.encode(event),
            })
        );
        assert_eq!(webhook.body, event.as_bytes());
    }

    drop(consumer);
    serve.stop().await;
    installation.remove().await;
}
