//! How the events of one test travel.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::thread;

use futures_util::future::BoxFuture;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};
use messaging::{
    BrokerError, BusStatus, ConsumeError, Consumer, Control, Custody, EventBus, InProcessBus,
    Message, PublishError, RabbitBus, RabbitOptions,
};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::PATIENCE;
use super::environment::variable;

/// How events travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bus {
    InProcess,
    RabbitMq,
}

/// The bus of one test, which each of its processes opens for itself. Clones are the same bus.
#[derive(Clone)]
pub(crate) enum TestBus {
    InProcess,
    RabbitMq(Arc<Names>),
}

impl TestBus {
    pub(crate) fn create(kind: Bus) -> Self {
        match kind {
            Bus::InProcess => Self::InProcess,
            Bus::RabbitMq => Self::RabbitMq(Arc::new(Names::new())),
        }
    }

    /// The bus as one process has it.
    pub(super) async fn open(&self) -> Arc<dyn EventBus> {
        let Self::RabbitMq(names) = self else {
            return Arc::new(InProcessBus::new());
        };
        let options = RabbitOptions {
            prefix: names.prefix.clone(),
            ..RabbitOptions::new(names.url.clone().into())
        };
        Arc::new(Watched {
            bus: RabbitBus::connect(options)
                .await
                .expect("a URL of RabbitMQ"),
            under_way: names.under_way.clone(),
        })
    }

    /// Ends when every event that the bus has taken has had its effect. Inside of a process that is so as
    /// soon as it is published.
    pub(super) async fn all_arrived(&self) {
        let Self::RabbitMq(names) = self else { return };
        let mut under_way = names.under_way.subscribe();
        let arrived = under_way.wait_for(|counts| counts.values().all(|count| *count <= 0));
        if timeout(PATIENCE, arrived).await.is_err() {
            let counts = names.under_way.borrow();
            panic!("published, and without an effect: {:?}", *counts);
        }
    }
}

/// By the id of the event, how often it was published and has not yet had its effect.
type UnderWay = watch::Sender<HashMap<String, i64>>;

/// Names on the broker that nobody else has; they are deleted with this value.
pub(crate) struct Names {
    url: String,
    prefix: String,
    under_way: UnderWay,
}

impl Names {
    fn new() -> Self {
        // A new `RandomState` has new keys, so that runs on a server that stays never meet.
        let number = RandomState::new().build_hasher().finish();
        Self {
            url: variable("SHOPGRANT_TEST_AMQP_URL"),
            prefix: format!("t_{number:016x}."),
            under_way: watch::Sender::default(),
        }
    }
}

impl Drop for Names {
    /// On a thread, since a test that fails drops this as well, and can wait for no future then.
    fn drop(&mut self) {
        let (url, prefix) = (self.url.clone(), self.prefix.clone());
        let deleting = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(delete(&url, &prefix))
        });
        let deleted = deleting.join();
        // A second panic would hide why the test failed.
        if !thread::panicking() {
            deleted.unwrap().expect("RabbitMQ deletes what is ours");
        }
    }
}

async fn delete(url: &str, prefix: &str) -> Result<(), lapin::Error> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    for queue in ["webhooks", "dead"] {
        let name = format!("{prefix}shopgrant.{queue}").into();
        let options = QueueDeleteOptions::default();
        channel.queue_delete(name, options).await?;
    }
    for exchange in ["events", "dead"] {
        let name = format!("{prefix}shopgrant.{exchange}").into();
        let options = ExchangeDeleteOptions::default();
        channel.exchange_delete(name, options).await?;
    }
    connection.close(200, "the test is over".into()).await
}

/// The product's bus, which it is, with somebody who counts beside it: steps by hand must know when an event
/// that was published has been taken note of.
struct Watched {
    bus: RabbitBus,
    under_way: UnderWay,
}

impl EventBus for Watched {
    fn publish<'a>(
        &'a self,
        messages: &'a [Message],
    ) -> BoxFuture<'a, Vec<Result<(), PublishError>>> {
        Box::pin(async move {
            let results = self.bus.publish(messages).await;
            let taken = messages.iter().zip(&results);
            let taken = taken.filter(|(_, result)| result.is_ok());
            let ids = taken.map(|(message, _)| message.id.clone());
            count(&self.under_way, ids, 1);
            results
        })
    }

    fn custody(&self) -> Custody {
        self.bus.custody()
    }

    fn consume(&self, consumer: Consumer, shutdown: CancellationToken) -> BoxFuture<'static, ()> {
        let under_way = self.under_way.clone();
        let watched: Consumer = Arc::new(move |messages| {
            let (consumer, under_way) = (Arc::clone(&consumer), under_way.clone());
            let ids: Vec<String> = messages.iter().map(|message| message.id.clone()).collect();
            Box::pin(async move {
                let results = consumer(messages).await;
                let done = ids.into_iter().zip(&results);
                let done = done.filter(|(_, result)| **result != Err(ConsumeError::Unavailable));
                count(&under_way, done.map(|(id, _)| id), -1);
                results
            })
        });
        self.bus.consume(watched, shutdown)
    }

    fn status(&self) -> BusStatus {
        self.bus.status()
    }

    fn count_parked(&self) -> BoxFuture<'_, Result<u64, BrokerError>> {
        self.bus.count_parked()
    }

    fn control(&self) -> Option<&Control> {
        self.bus.control()
    }
}

/// A consumer may be done before the publisher hears that the broker has the message, so that a count may be
/// below zero for a moment.
fn count(under_way: &UnderWay, ids: impl Iterator<Item = String>, change: i64) {
    under_way.send_modify(|counts| {
        for id in ids {
            *counts.entry(id).or_default() += change;
        }
        counts.retain(|_, count| *count != 0);
    });
}
