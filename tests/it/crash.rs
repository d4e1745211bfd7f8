//! The program is killed at each named step of an authorization and started again. Whatever was told stays
//! true, and what was cut off is told as such.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::harness::{Answer, Database, Decision, Webhook};
use crate::process::{Bus, Endpoint, Installation, Institution, Serve, Store, redirect_of};

const SHOP: &str = "demo-shop";

/// How soon an exchange that was cut off is told, once a worker is back.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// A step at which the program dies, and what must be found afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    Claimed,
    Exchanged,
    Committed,
    Published,
    Delivered,
}

impl Point {
    const fn name(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Exchanged => "exchanged",
            Self::Committed => "committed",
            Self::Published => "published",
            Self::Delivered => "delivered",
        }
    }

    /// Whether the result was not yet committed: the code may be spent, and the answer is gone.
    const fn cuts_off(self) -> bool {
        matches!(self, Self::Claimed | Self::Exchanged)
    }

    /// Status, reason, and the type of the event that tells them.
    const fn outcome(self) -> (&'static str, &'static str, &'static str) {
        if self.cuts_off() {
            ("FAILED", "INTERRUPTED", "store.auth.failed")
        } else {
            ("SUCCESS", "", "store.auth.succeeded")
        }
    }

    /// How many codes were spent.
    const fn exchanges(self) -> usize {
        match self {
            Self::Claimed => 0,
            Self::Exchanged | Self::Committed | Self::Published | Self::Delivered => 1,
        }
    }
}

macro_rules! at_every_point {
    ($($name:ident: $database:ident, $bus:ident;)*) => {
        $(
            mod $name {
                use crate::harness::Database::$database;
                use crate::process::Bus::$bus;
                use super::{Point, check};

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn killed_when_the_state_is_claimed() {
                    check($database, $bus, Point::Claimed).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn killed_after_the_exchange() {
                    check($database, $bus, Point::Exchanged).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn killed_after_the_commit() {
                    check($database, $bus, Point::Committed).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn killed_after_the_publish() {
                    check($database, $bus, Point::Published).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn killed_after_the_receiver_s_answer() {
                    check($database, $bus, Point::Delivered).await;
                }
            }
        )*
    };
}

at_every_point! {
    sqlite: Sqlite, InProcess;
    postgres: Postgres, InProcess;
    postgres_and_rabbitmq: Postgres, RabbitMq;
}

/// What exists before the crash.
struct Scene {
    installation: Installation,
    institution: Institution,
    endpoint: Endpoint,
    store: Store,
    /// Everything that the endpoint received.
    webhooks: Vec<Webhook>,
}

async fn check(database: Database, bus: Bus, point: Point) {
    let mut scene = Scene::set(database, bus).await;
    let (callback, shown) = scene.play_until_the_crash(point).await;
    let serve = scene.installation.serve().await;
    let snapshot = scene.check_the_result(&serve, point).await;

    // The same callback again spends nothing and shows what is stored.
    for _ in 0..2 {
        let again = scene.installation.seller.open(&serve, &callback).await;
        assert_shows(&again, &snapshot);
    }
    if let Some(shown) = shown {
        assert_shows(&shown, &snapshot);
    }
    assert_eq!(scene.exchanges(), point.exchanges());

    let events = scene.go_on(&serve, point).await;
    serve.stop().await;
    scene.check_every_copy(&events);
    scene.installation.remove().await;
}

impl Scene {
    /// Everything that has to be there before the authorization; no test event is left to be published or
    /// delivered, or the crash would hit that one.
    async fn set(database: Database, bus: Bus) -> Self {
        let mut installation = Installation::new(database, bus).await;
        // How long a delivery stays with the dead depends on it.
        installation.settings = installation.settings.with("webhooks.timeout_seconds", "1");
        let serve = installation.serve().await;
        let institution = installation.institution(&serve, "Crash Pay").await;
        let client = institution.client(&serve, "seller-1").await;
        let url = format!("https://{SHOP}.myshopline.com");
        let store = institution.store(&serve, &client, "SHOPLINE", &url).await;
        let endpoint = institution
            .endpoint(&serve, &installation.receiver.url("/hook"))
            .await;
        let test = installation.receiver.next().await;
        assert_eq!(test.verified(&endpoint.secret)["type"], "endpoint.test");
        serve.stop().await;
        Self {
            installation,
            institution,
            endpoint,
            store,
            webhooks: vec![test],
        }
    }

    /// An authorization that the program does not survive; what the seller's browser has in hand then, and
    /// what it was shown, if there was time for that.
    async fn play_until_the_crash(&self, point: Point) -> (String, Option<Answer>) {
        let Self {
            installation,
            institution,
            store,
            ..
        } = self;
        let deadly = installation.settings.clone();
        let doomed = deadly
            .with_variable("SHOPGRANT_CRASH_POINT", point.name())
            .serve()
            .await;
        let link = institution.link(&doomed, store).await;
        let callback = installation.seller.decide(&link, Decision::Approve).await;
        let shown = installation.seller.try_open(&doomed, &callback).await;
        let status = doomed.process.end().await;
        assert_eq!(
            status.signal(),
            Some(9),
            "{status}: was it built with `--features crash-points`?"
        );
        (callback, shown)
    }

    /// Webhook, query and feed tell one result. Returns the snapshot of the store.
    async fn check_the_result(&mut self, serve: &Serve, point: Point) -> Value {
        let restarted = Instant::now();
        let webhook = self.installation.receiver.next().await;
        if point.cuts_off() {
            let waited = restarted.elapsed();
            assert!(
                waited < TOLD_WITHIN,
                "INTERRUPTED was told after {waited:?}"
            );
        }
        let event = webhook.verified(&self.endpoint.secret);
        let (status, reason, event_type) = point.outcome();
        assert_eq!(event["type"], event_type);
        let snapshot = self.institution.query_after(serve, &self.store, 0).await;
        assert_eq!(snapshot["auth_status"], status);
        assert_eq!(snapshot["auth_fail_reason"], reason);
        assert_eq!(snapshot["sequence"], 1);
        assert_eq!(without_details(event), snapshot);
        self.webhooks.push(webhook);
        snapshot
    }

    /// The store can be used again: a failed one is authorized at the second attempt, one that succeeded
    /// needs none. Returns everything that the feed tells in the end.
    async fn go_on(&mut self, serve: &Serve, point: Point) -> Vec<String> {
        let Self {
            installation,
            institution,
            store,
            ..
        } = self;
        if point.cuts_off() {
            let link = institution.link(serve, store).await;
            let callback = installation.seller.decide(&link, Decision::Approve).await;
            let shown = installation.seller.open(serve, &callback).await;
            let snapshot = institution.query_after(serve, store, 1).await;
            assert_eq!(snapshot["auth_status"], "SUCCESS");
            assert_shows(&shown, &snapshot);
            self.webhooks.push(installation.receiver.next().await);
        } else {
            let fields = store.with(json!({"auth_type": "URL"}));
            let (_, body) = institution
                .answer(serve, "store/auth", &fields)
                .await
                .whole();
            assert_eq!(body["code"], 900_004);
        }
        // The dead process did not write down that the receiver had answered, so it is asked again.
        if point == Point::Delivered {
            self.webhooks.push(installation.receiver.next().await);
        }
        let stores = institution.data(serve, "store/list", &json!({})).await;
        for store in stores["stores"].as_array().unwrap() {
            assert_eq!(store["auth_status"], "SUCCESS");
        }
        let attempts = if point.cuts_off() { 2 } else { 1 };
        // Beside the endpoint's test event.
        institution.events(serve, 1 + attempts).await
    }

    /// Each event is in the feed once, numbered without a gap, and each copy that was pushed has its bytes.
    fn check_every_copy(&mut self, events: &[String]) {
        self.webhooks.extend(self.installation.receiver.take());
        let mut by_id: HashMap<String, &str> = HashMap::new();
        let mut sequences = Vec::new();
        for event in events {
            let read: Value = serde_json::from_str(event).unwrap();
            let id = read["id"].as_str().unwrap().to_owned();
            assert_eq!(by_id.insert(id, event), None, "twice in the feed: {event}");
            if read["data"]["store_id"] == self.store.store_id {
                sequences.push(read["data"]["sequence"].as_i64().unwrap());
            }
        }
        let gapless: Vec<i64> = (1..).take(sequences.len()).collect();
        assert_eq!(sequences, gapless);
        let mut pushed: Vec<&str> = Vec::new();
        for webhook in &self.webhooks {
            webhook.verified(&self.endpoint.secret);
            let id = webhook.header("webhook-id");
            assert_eq!(by_id[id].as_bytes(), webhook.body);
            pushed.push(id);
        }
        assert!(
            by_id.keys().all(|id| pushed.contains(&id.as_str())),
            "not all of it was pushed"
        );
    }

    /// How often a code was presented to the platform.
    fn exchanges(&self) -> usize {
        let calls = self.installation.sandbox.calls();
        calls
            .iter()
            .filter(|call| call.path.ends_with("/token/create"))
            .count()
    }
}

/// The data of an event, as a query tells it.
fn without_details(mut event: Value) -> Value {
    let mut data = event["data"].take();
    let fields = data.as_object_mut().unwrap();
    fields.remove("fail").unwrap();
    fields.remove("finished").unwrap();
    data
}

fn assert_shows(answer: &Answer, snapshot: &Value) {
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(
        answer.header("location"),
        Some(redirect_of(snapshot).as_str())
    );
}
