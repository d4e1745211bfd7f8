//! Institutions and sellers at work, whatever becomes of the processes and services underneath.

mod audit;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sandbox::KeyPermission;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::institution::REDIRECT;
use super::{Fleet, Installation, Institution, Store};
use crate::harness::{Answer, Decision, PATIENCE, let_pass};

/// How many flows are under way at the same time, if there is an end to them, and if there is none.
const AT_ONCE: usize = 8;
const ALL_THE_TIME: usize = 3;
/// The pause of a caller that was answered that the broker cannot do it now.
const PAUSE: Duration = Duration::from_millis(200);
/// The time within which a call is answered, however it is answered: a callback may wait 12 s for one that was
/// first, the broker 10 s for a connection to its database, and the rest is for a machine that is busy with
/// tests.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// The time within which a flow ends, in spite of all that happens on its way.
const OVER_WITHIN: Duration = Duration::from_mins(3);

/// Flows of one institution through a fleet. Whoever gets no answer, or one that the broker cannot do it
/// now, asks again, as callers do.
pub(crate) struct Traffic<'a> {
    installation: &'a Installation,
    fleet: &'a Fleet,
    pub(crate) institution: &'a Institution,
    client_id: String,
    turn: AtomicUsize,
    started: AtomicUsize,
    finished: watch::Sender<Vec<Flow>>,
    /// When the broker last answered that it could not do something.
    last_error: watch::Sender<Option<Instant>>,
}

/// A flow at its end.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) store: Store,
    /// How many events tell of it.
    pub(crate) events: usize,
    /// Status and reason as the seller was told, where one was.
    pub(crate) shown: Option<String>,
    /// Whether the institution dropped the store in the end.
    pub(crate) is_unbound: bool,
}

impl<'a> Traffic<'a> {
    pub(crate) async fn new(
        installation: &'a Installation,
        fleet: &'a Fleet,
        institution: &'a Institution,
    ) -> Self {
        let client_id = institution.client(&fleet.api(0).await, "seller").await;
        Self {
            installation,
            fleet,
            institution,
            client_id,
            turn: AtomicUsize::new(0),
            started: AtomicUsize::new(0),
            finished: watch::Sender::default(),
            last_error: watch::Sender::default(),
        }
    }

    /// Lets so many flows run to their ends.
    pub(crate) async fn run(&self, count: usize) {
        let going = (0..AT_ONCE).map(|_| async {
            loop {
                let number = self.started.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                self.flow(number).await;
            }
        });
        join_all(going).await;
    }

    /// Lets flows run until `stop`, those that have begun to their ends.
    pub(crate) async fn run_until(&self, stop: &CancellationToken) {
        let going = (0..ALL_THE_TIME).map(|_| async {
            while !stop.is_cancelled() {
                let number = self.started.fetch_add(1, Ordering::Relaxed);
                self.flow(number).await;
            }
        });
        join_all(going).await;
    }

    /// Ends when so many flows are over.
    pub(crate) async fn finished(&self, count: usize) {
        let mut finished = self.finished.subscribe();
        let reached = finished.wait_for(|flows| flows.len() >= count);
        reached.await.expect("it lives as long as the traffic");
    }

    /// Ends when so many flows more are over.
    pub(crate) async fn goes_on(&self, more: usize) {
        let now = self.finished.borrow().len();
        self.finished(now + more).await;
    }

    /// When the broker last answered that it could not do something.
    pub(crate) fn last_error(&self) -> Option<Instant> {
        *self.last_error.borrow()
    }

    /// Ends when the broker answers that it cannot do something.
    pub(crate) async fn fails(&self) {
        let mut errors = self.last_error.subscribe();
        let changed = timeout(ANSWERED_WITHIN, errors.changed()).await;
        changed
            .expect("it is not told")
            .expect("it lives as long as the traffic");
    }

    /// One of four ways in which an authorization goes.
    async fn flow(&self, number: usize) {
        let flow = async {
            match number % 4 {
                0 => self.approved(number).await,
                1 => self.denied_and_approved(number).await,
                2 => self.by_key(number).await,
                _ => self.approved_and_unbound(number).await,
            }
        };
        let over = timeout(OVER_WITHIN, flow).await;
        let flow = over.unwrap_or_else(|_| panic!("flow {number} finds no end"));
        self.finished.send_modify(|flows| flows.push(flow));
    }

    async fn approved(&self, number: usize) -> Flow {
        let store = self.store(number, "SHOPLINE", "myshopline.com").await;
        let shown = self.by_url(&store, Decision::Approve).await;
        Flow {
            store,
            events: 1,
            shown: Some(shown),
            is_unbound: false,
        }
    }

    async fn denied_and_approved(&self, number: usize) -> Flow {
        let store = self.store(number, "GENSTORE", "genmystore.com").await;
        let denied = self.by_url(&store, Decision::Deny).await;
        assert_eq!(denied, "FAILED USER_DENIED");
        let shown = self.by_url(&store, Decision::Approve).await;
        Flow {
            store,
            events: 2,
            shown: Some(shown),
            is_unbound: false,
        }
    }

    async fn by_key(&self, number: usize) -> Flow {
        let shop = format!("shop-{number}");
        let (key, secret) = (format!("ck_{number}"), format!("cs_{number}"));
        let label = shop.parse().unwrap();
        self.installation.sandbox.register_key(
            label,
            &key,
            secret.as_str().into(),
            KeyPermission::Read,
        );
        let platforms = self.installation.platforms;
        let url = format!("http://{platforms}/woocommerce/{shop}");
        let store = self.create(number, "WOOCOMMERCE", &url).await;
        let auth_info = json!({"api_key": key, "api_secret": secret});
        let fields = store.with(json!({"auth_type": "KEY", "auth_info": auth_info}));
        let (_, asked) = self.call("store/auth", &fields, None).await.whole();
        // The second is what a call is told whose first try was answered to nobody.
        assert!(
            [200, 900_004].map(Value::from).contains(&asked["code"]),
            "{asked}"
        );
        let fields = store.with(json!({"wait_seconds": 10, "after_sequence": 0}));
        while self.call("store/query", &fields, None).await.data()["sequence"] == 0 {}
        Flow {
            store,
            events: 1,
            shown: None,
            is_unbound: false,
        }
    }

    async fn approved_and_unbound(&self, number: usize) -> Flow {
        let store = self.store(number, "SHOPLINE", "myshopline.com").await;
        self.by_url(&store, Decision::Approve).await;
        let (_, unbound) = self
            .call("store/unbind", &store.with(json!({})), None)
            .await
            .whole();
        assert!(
            [200, 940_002].map(Value::from).contains(&unbound["code"]),
            "{unbound}"
        );
        Flow {
            store,
            events: 2,
            shown: None,
            is_unbound: true,
        }
    }

    async fn store(&self, number: usize, platform: &str, domain: &str) -> Store {
        let url = format!("https://shop-{number}.{domain}");
        self.create(number, platform, &url).await
    }

    /// Creates a store once, however often that has to be asked for.
    async fn create(&self, number: usize, platform: &str, store_url: &str) -> Store {
        let fields = json!({
            "client_id": self.client_id, "platform": platform, "store_url": store_url,
            "name": format!("Shop {number}"), "category": "General Categories",
        });
        let key = format!("store-{number}");
        let created = self.call("store/create", &fields, Some(&key)).await.data();
        Store {
            client_id: self.client_id.clone(),
            store_id: created["store_id"].as_str().unwrap().to_owned(),
        }
    }

    /// One authorization by URL; returns what the seller was told.
    async fn by_url(&self, store: &Store, decision: Decision) -> String {
        let fields = store.with(json!({"auth_type": "URL", "redirect_url": REDIRECT}));
        let asked = self.call("store/auth", &fields, None).await.data();
        let link = asked["auth_url"].as_str().unwrap();
        let seller = &self.installation.seller;
        let callback = seller.decide(link, decision).await;
        loop {
            let address = self.address().await;
            let asked = Instant::now();
            let shown = seller.try_open(&address, &callback).await;
            let Some(shown) = self.answered(asked, shown).await else {
                continue;
            };
            // A page without a redirect says that it is not decided yet.
            if shown.status != 200 {
                return told(&shown);
            }
        }
    }

    /// A call that is made until it is answered, by an answer that decides it.
    async fn call(&self, call: &str, fields: &Value, idempotency_key: Option<&str>) -> Answer {
        loop {
            let address = self.address().await;
            let mut signing = self.institution.signing(call, fields.to_string());
            if let Some(key) = idempotency_key {
                signing.idempotency_key = Some(key.to_owned());
                signing.covered.push("idempotency-key");
            }
            let asked = Instant::now();
            let answer = self.institution.try_send(&address, &signing).await;
            if let Some(answer) = self.answered(asked, answer).await {
                return answer;
            }
        }
    }

    async fn address(&self) -> super::Address {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let up = timeout(2 * PATIENCE, self.fleet.api(turn)).await;
        up.expect("no process comes back")
    }

    /// The answer, if it is one. A broker that cannot do something says so, in time and in its own form.
    async fn answered(&self, asked: Instant, answer: Option<Answer>) -> Option<Answer> {
        let took = asked.elapsed();
        let answer = answer?;
        assert!(took < ANSWERED_WITHIN, "{took:?} for {answer:?}");
        if answer.status < 500 {
            return Some(answer);
        }
        assert!(
            answer.status == 500 && (is_envelope(&answer) || is_page(&answer)),
            "{answer:?}"
        );
        self.last_error.send_replace(Some(Instant::now()));
        let_pass(PAUSE).await;
        None
    }
}

fn is_envelope(answer: &Answer) -> bool {
    let expected = json!({"code": 900_000, "message": "system error", "data": null});
    serde_json::from_str(&answer.text).is_ok_and(|body: Value| body == expected)
}

fn is_page(answer: &Answer) -> bool {
    answer.header("content-type") == Some("text/html; charset=utf-8")
}

/// Status and reason in the address to which a browser is sent.
fn told(shown: &Answer) -> String {
    assert_eq!(shown.status, 303, "{shown:?}");
    let location = shown.header("location").expect("an address");
    let location = url::Url::parse(location).unwrap();
    let find = |name: &str| {
        let mut pairs = location.query_pairs();
        let (_, value) = pairs.find(|(key, _)| key == name).expect("five parameters");
        value.into_owned()
    };
    let told = format!("{} {}", find("auth_status"), find("auth_fail_reason"));
    told.trim_end().to_owned()
}
