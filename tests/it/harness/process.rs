//! A process of the product: a broker on a database, its workers stepped by hand.

use std::sync::Arc;
use std::task::Poll;

use broker::{Broker, Entropy, Internal, ManualClock, Options, Parts, Progress};
use futures_util::future::BoxFuture;
use storage::Storage;
use storage::sealing::Keyring;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::bus::TestBus;

/// Every test's master key.
const MASTER_KEY: [u8; 32] = [7; 32];

/// What a process shares with the rest of the test.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) options: Options,
    pub(crate) bus: TestBus,
}

pub(crate) struct Process {
    pub(crate) broker: Broker,
    bus: TestBus,
    /// A test that fails does not stop its processes, which end all the same.
    shutdown: DropGuard,
    consumers: TaskTracker,
}

type Step = for<'a> fn(&'a Broker) -> BoxFuture<'a, Result<Progress, Internal>>;

const RELAY: (&str, Step) = ("relay", |broker| Box::pin(broker.relay_step()));

/// The order in which an event travels, so that a round gets as far as it can.
const STEPS: [(&str, Step); 9] = [
    ("key proof", |broker| Box::pin(broker.key_proof_step())),
    ("platform event", |broker| {
        Box::pin(broker.platform_event_step())
    }),
    ("deadline", |broker| Box::pin(broker.deadline_step())),
    ("refresh", |broker| Box::pin(broker.refresh_step())),
    ("expiry", |broker| Box::pin(broker.expiry_step())),
    ("scopes", |broker| Box::pin(broker.scope_step())),
    ("revocation", |broker| Box::pin(broker.revocation_step())),
    RELAY,
    ("delivery", |broker| Box::pin(broker.delivery_step())),
];

/// More rounds than any test has work for.
const ROUNDS: usize = 1_000;

impl Process {
    pub(crate) async fn start(storage: Storage, surroundings: Surroundings) -> Self {
        let egress = egress::Client::new(egress::Policy {
            allow: vec!["127.0.0.0/8".parse().unwrap()],
            ..egress::Policy::default()
        });
        let broker = Broker::new(Parts {
            storage,
            keyring: Keyring::new(MASTER_KEY),
            egress: egress.expect("a client for loopback"),
            bus: surroundings.bus.open().await,
            clock: surroundings.clock,
            entropy: surroundings.entropy,
            options: surroundings.options,
        });
        let shutdown = CancellationToken::new();
        let process = Self {
            broker,
            bus: surroundings.bus,
            shutdown: shutdown.clone().drop_guard(),
            consumers: TaskTracker::new(),
        };
        process.consume(shutdown).await;
        process
    }

    /// Takes events from the bus; the first poll is here, so that no relay finds the bus without a consumer.
    async fn consume(&self, shutdown: CancellationToken) {
        let broker = self.broker.clone();
        let mut consuming: BoxFuture<'static, ()> =
            Box::pin(async move { broker.consume_events(shutdown).await });
        std::future::poll_fn(|context| {
            assert!(consuming.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        self.consumers.spawn(consuming);
    }

    /// Steps every worker until none has anything to do at this moment of the clock.
    pub(crate) async fn settle(&self) {
        for _ in 0..ROUNDS {
            let mut has_worked = false;
            for (name, step) in STEPS {
                has_worked |= self.step(name, step).await == Progress::Worked;
            }
            if !has_worked {
                return;
            }
        }
        panic!("the workers find no end");
    }

    /// Publishes all that is due, and ends when it has had its effect.
    pub(crate) async fn relay(&self) {
        let (name, relay) = RELAY;
        while self.step(name, relay).await == Progress::Worked {}
    }

    async fn step(&self, name: &str, step: Step) -> Progress {
        let progress = match step(&self.broker).await {
            Ok(progress) => progress,
            Err(error) => panic!("the {name} step failed: {error:?}"),
        };
        self.bus.all_arrived().await;
        progress
    }

    /// Waits for what is under way, and stops.
    pub(crate) async fn stop(self) {
        self.broker.shut_down().await;
        drop(self.shutdown);
        self.consumers.close();
        self.consumers.wait().await;
    }
}
