//! What both buses promise, and what each promises beyond that.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod batches;
mod contract;
mod control;
mod encryption;
mod in_process;
mod outage;
mod proxy;
mod rabbit;
mod silence;
mod start;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use messaging::{ConsumeError, Consumer, EventBus, Message};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes, a restart of the broker included.
const PATIENCE: Duration = Duration::from_mins(1);

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(value) = timeout(PATIENCE, future).await else {
        panic!("waited {PATIENCE:?} for {what}");
    };
    value
}

fn message(number: usize) -> Message {
    Message {
        id: format!("evt_{number}"),
        routing_key: "42.store.auth.succeeded".to_owned(),
        platform: Some("SHOPLINE".to_owned()),
        store_id: Some(format!("店-{number}")),
        // Not how a serializer would write it: the bytes must not have been read on the way.
        body: Bytes::from(format!(
            "{{ \"id\" : \"evt_{number}\",\n\"name\":\"Größe \\u0000\" }}\n"
        )),
    }
}

fn messages(numbers: std::ops::Range<usize>) -> Vec<Message> {
    numbers.map(message).collect()
}

/// A consumer that does as `verdict` says, and the messages to which it has said `Ok`.
fn consumer(
    verdict: impl Fn(&Message) -> Result<(), ConsumeError> + Send + Sync + 'static,
) -> (Consumer, UnboundedReceiver<Message>) {
    let (done, receiver) = unbounded_channel();
    let consumer: Consumer = Arc::new(move |batch| {
        let mut results = Vec::with_capacity(batch.len());
        for message in batch {
            let result = verdict(&message);
            if result.is_ok() {
                // A test that has seen enough drops its receiver.
                done.send(message).ok();
            }
            results.push(result);
        }
        Box::pin(async { results })
    });
    (consumer, receiver)
}

/// A consumer that never finishes, and the messages that were given to it.
fn stuck_consumer() -> (Consumer, UnboundedReceiver<Message>) {
    let (given, receiver) = unbounded_channel();
    let consumer: Consumer = Arc::new(move |batch| {
        for message in batch {
            given.send(message).ok();
        }
        Box::pin(std::future::pending())
    });
    (consumer, receiver)
}

/// A running `consume`.
struct Consumption {
    shutdown: CancellationToken,
    task: JoinSet<()>,
}

impl Consumption {
    fn start(bus: &dyn EventBus, consumer: Consumer) -> Consumption {
        let shutdown = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(bus.consume(consumer, shutdown.clone()));
        Consumption { shutdown, task }
    }

    async fn stop(mut self) {
        self.shutdown.cancel();
        let ended = timeout(Duration::from_secs(5), self.task.join_next()).await;
        ended
            .expect("consume goes on after the shutdown")
            .unwrap()
            .unwrap();
    }
}

/// Publishes until everything has been accepted, as the relay does with what is in the outbox.
async fn relay(bus: &dyn EventBus, mut left: Vec<Message>) {
    while !left.is_empty() {
        let results = bus.publish(&left).await;
        assert_eq!(results.len(), left.len());
        left = left
            .into_iter()
            .zip(results)
            .filter_map(|(message, result)| result.is_err().then_some(message))
            .collect();
        tokio::task::yield_now().await;
    }
}

async fn next(done: &mut UnboundedReceiver<Message>) -> Message {
    soon("a message", done.recv()).await.unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the services of the tests are is for the tests alone"
)]
fn variable(name: &str) -> String {
    let Ok(value) = std::env::var(name) else {
        panic!("{name} is not set: run `tests/run`, or `eval \"$(tests/services up)\"`");
    };
    value
}
