//! Who follows an authorization through the log of several processes finds its way by two ids.

use serde_json::Value;

use crate::harness::{Bus, Database, Decision, SHOPLINE};
use crate::process::{Finished, Installation};

/// The lines with this message; what they say is in `fields`, and of which request in `span`.
fn lines(finished: &Finished, message: &str) -> Vec<Value> {
    let lines = finished.stderr.lines().map(|line| {
        let read: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        read
    });
    lines
        .filter(|line| line["fields"]["message"] == message)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_leads_to_its_event_and_the_event_to_its_webhooks() {
    let installation = Installation::new(Database::Postgres, Bus::RabbitMq).await;
    let settings = installation.settings.clone().with("log.format", "json");
    let api = settings.clone().with("role", "api").serve().await;
    let worker = settings
        .with("role", "worker")
        .with_variable("RUST_LOG", "info,broker=debug");
    let worker = worker.serve().await;
    let institution = installation.institution(&api, "Reading Pay").await;
    let url = installation.receiver.url("/hook");
    institution.endpoint(&api, &url).await;
    installation.receiver.next().await;
    let client = institution.client(&api, "seller").await;
    let store_url = SHOPLINE.store_url("demo-shop");
    let store = institution
        .store(&api, &client, "SHOPLINE", &store_url)
        .await;
    let link = institution.link(&api, &store).await;
    let callback = installation.seller.decide(&link, Decision::Approve).await;
    let shown = installation.seller.open(&api, &callback).await;
    let webhook = installation.receiver.next().await;
    let (api, worker) = (api.stop().await, worker.stop().await);

    // The answer to the browser has the one id, the webhook the other, and the line of the commit both.
    let request_id = shown.header("x-request-id").unwrap();
    let event_id = webhook.header("webhook-id");
    let committed = lines(&api, "an authorization ended");
    assert_eq!(committed.len(), 1, "{committed:#?}");
    assert_eq!(committed[0]["span"]["request.id"], request_id);
    assert_eq!(committed[0]["fields"]["event.id"], event_id);
    for message in ["published", "webhook sent"] {
        let found = lines(&worker, message);
        let of_event = found
            .iter()
            .filter(|line| line["fields"]["event.id"] == event_id);
        assert_eq!(of_event.count(), 1, "{message}: {found:#?}");
    }
    installation.remove().await;
}
