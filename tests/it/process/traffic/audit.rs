//! Whether everything that happened was told, once, and the same to everybody.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Flow, Traffic};
use crate::harness::Webhook;
use crate::process::{Endpoint, Running};

/// How long nothing may come while something is still to come. Whoever dies holds what it had under way for as
/// long as its lease, a relay its events for 30 s.
const TOLD_WITHIN: Duration = Duration::from_mins(1);

/// What the world was told of the traffic, after every channel was found to tell the same.
pub(crate) struct Audit {
    /// By id, the bytes of every event, in the order of the feed.
    pub(crate) events: Vec<(String, String)>,
    /// Everything that came to the endpoint, in its order.
    pub(crate) webhooks: Vec<Webhook>,
}

impl Traffic<'_> {
    /// Fails if a store has no final status, a change no event or two, a store's sequence a gap, or the
    /// endpoint not every event. Waits for what is still to come.
    pub(crate) async fn audit(&self, endpoint: &Endpoint) -> Audit {
        let flows = self.finished.borrow().clone();
        let snapshots = self.final_snapshots(&flows).await;
        let events = self.feed().await;
        check_feed(&flows, &snapshots, &events);
        let webhooks = self.everything_received(endpoint, &events).await;
        Audit { events, webhooks }
    }

    /// By id, the stores that are still there; none waits for anything any more.
    async fn final_snapshots(&self, flows: &[Flow]) -> HashMap<String, Value> {
        let mut snapshots = HashMap::new();
        let mut fields = json!({"limit": 100});
        loop {
            let page = self.call("store/list", &fields, None).await.data();
            for store in page["stores"].as_array().unwrap() {
                let id = store["store_id"].as_str().unwrap().to_owned();
                snapshots.insert(id, store.clone());
            }
            if page["next_cursor"].is_null() {
                break;
            }
            fields["cursor"] = page["next_cursor"].clone();
        }
        let is_kept = |flow: &&Flow| !flow.is_unbound;
        assert_eq!(snapshots.len(), flows.iter().filter(is_kept).count());
        for flow in flows.iter().filter(is_kept) {
            let snapshot = &snapshots[&flow.store.store_id];
            let text = |name: &str| snapshot[name].as_str().unwrap();
            let status = format!("{} {}", text("auth_status"), text("auth_fail_reason"));
            let status = status.trim_end();
            assert!(
                ["SUCCESS", "FAILED INTERRUPTED"].contains(&status),
                "{snapshot}"
            );
            // What the seller was told stays true.
            assert!(
                flow.shown.as_ref().is_none_or(|shown| shown == status),
                "{flow:?} {snapshot}"
            );
        }
        snapshots
    }

    /// Every event of the feed, which are those of the outbox.
    async fn feed(&self) -> Vec<(String, String)> {
        let database = &self.installation.database;
        let app_id = &self.institution.app_id;
        let sql = format!("SELECT count(*) FROM outbox WHERE app_id = '{app_id}'");
        let count = database.number(sql).await;
        let address = self.address().await;
        let events = self
            .institution
            .events(&address, usize::try_from(count).unwrap())
            .await;
        assert_eq!(count, i64::try_from(events.len()).unwrap());
        let events = events.into_iter().map(|event| {
            let id = read(&event)["id"].as_str().unwrap().to_owned();
            (id, event)
        });
        events.collect()
    }

    /// Every webhook, as soon as each event has come at least once; every copy has the bytes of the feed.
    async fn everything_received(
        &self,
        endpoint: &Endpoint,
        events: &[(String, String)],
    ) -> Vec<Webhook> {
        let told: HashMap<&str, &str> = events
            .iter()
            .map(|(id, event)| (id.as_str(), event.as_str()))
            .collect();
        let mut missing: HashSet<&str> = told.keys().copied().collect();
        let mut webhooks = Vec::new();
        while !missing.is_empty() {
            let Some(webhook) = self.installation.receiver.try_next(TOLD_WITHIN).await else {
                panic!("never delivered: {missing:?}");
            };
            webhook.verified(&endpoint.secret);
            let id = webhook.header("webhook-id");
            assert_eq!(told[id].as_bytes(), webhook.body);
            missing.remove(id);
            webhooks.push(webhook);
        }
        webhooks.extend(self.installation.receiver.take());
        webhooks
    }
}

impl Audit {
    /// Waits until a client of RabbitMQ has every event; returns how many messages it had.
    pub(crate) async fn check_consumer(&self, consumer: &Running) -> usize {
        let messages = consumer.says("every event", |output| {
            let mut missing: HashSet<&str> =
                self.events.iter().map(|(id, _)| id.as_str()).collect();
            let text = String::from_utf8_lossy(&output.stdout);
            // The last line may not be whole yet.
            let lines = text
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'));
            let mut count = 0;
            for line in lines.skip(1) {
                let message = read(line);
                missing.remove(message["message_id"].as_str().unwrap());
                count += 1;
            }
            missing.is_empty().then_some(count)
        });
        messages.await
    }
}

/// Each store's events are as many as there were changes, numbered without a gap, and the last is the snapshot.
fn check_feed(flows: &[Flow], snapshots: &HashMap<String, Value>, events: &[(String, String)]) {
    let ids: HashSet<&str> = events.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids.len(), events.len(), "an event is twice in the feed");
    let mut of_store: HashMap<String, Vec<Value>> = HashMap::new();
    for (_, event) in events {
        let mut event = read(event);
        if let Some(store) = event["data"]["store_id"].as_str() {
            let store = store.to_owned();
            of_store
                .entry(store)
                .or_default()
                .push(event["data"].take());
        }
    }
    assert_eq!(of_store.len(), flows.len());
    for flow in flows {
        let told = &of_store[&flow.store.store_id];
        let sequences: Vec<&Value> = told.iter().map(|data| &data["sequence"]).collect();
        let gapless: Vec<Value> = (1..=flow.events).map(Value::from).collect();
        assert_eq!(
            sequences,
            gapless.iter().collect::<Vec<_>>(),
            "{flow:?}: {told:#?}"
        );
        if let Some(snapshot) = snapshots.get(&flow.store.store_id) {
            let mut last = told.last().unwrap().clone();
            let fields = last.as_object_mut().unwrap();
            fields.remove("fail").unwrap();
            fields.remove("finished").unwrap();
            assert_eq!(&last, snapshot);
        }
    }
}

fn read(event: &str) -> Value {
    serde_json::from_str(event).unwrap()
}
