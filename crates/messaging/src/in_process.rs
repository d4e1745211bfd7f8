use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::{
    BrokerError, BusStatus, ConsumeError, Consumer, Control, Custody, EventBus, Message,
    PublishError, PublisherState, bus, status::Journal,
};

/// The bus of a single process: `publish` hands the whole slice over as one batch, and answers after
/// the consumer's commit.
///
/// It stores nothing. What it could not deliver stays with the caller, so poison does too.
#[derive(Default)]
pub struct InProcessBus {
    /// The oldest takes all; the next one takes over when it ends.
    consumers: Arc<RwLock<Vec<Consumer>>>,
    journal: Journal,
}

impl InProcessBus {
    pub fn new() -> InProcessBus {
        InProcessBus::default()
    }

    fn consumer(&self) -> Option<Consumer> {
        let consumers = self
            .consumers
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        consumers.first().map(Arc::clone)
    }

    async fn deliver(&self, messages: &[Message]) -> Vec<Result<(), PublishError>> {
        let Some(consumer) = self.consumer() else {
            return vec![Err(PublishError::NoConsumer); messages.len()];
        };
        let results = bus::hand_over(&consumer, messages.to_vec()).await;
        messages.iter().zip(results).map(answer).collect()
    }
}

impl EventBus for InProcessBus {
    fn publish<'a>(
        &'a self,
        messages: &'a [Message],
    ) -> BoxFuture<'a, Vec<Result<(), PublishError>>> {
        Box::pin(async move {
            if messages.is_empty() {
                return Vec::new();
            }
            let results = self.deliver(messages).await;
            self.journal.note(&results);
            results
        })
    }

    fn custody(&self) -> Custody {
        Custody::Consumed
    }

    /// Messages are taken from this call on, not only from the first poll of its future, so that
    /// whoever starts both sides need not wait in between.
    fn consume(&self, consumer: Consumer, shutdown: CancellationToken) -> BoxFuture<'static, ()> {
        let registration = Registration::new(Arc::clone(&self.consumers), consumer);
        Box::pin(async move {
            shutdown.cancelled().await;
            drop(registration);
        })
    }

    fn status(&self) -> BusStatus {
        let is_consuming = self.consumer().is_some();
        self.journal.status(PublisherState::Ready, is_consuming)
    }

    fn count_parked(&self) -> BoxFuture<'_, Result<u64, BrokerError>> {
        Box::pin(async { Ok(0) })
    }

    fn control(&self) -> Option<&Control> {
        None
    }
}

fn answer((message, result): (&Message, Result<(), ConsumeError>)) -> Result<(), PublishError> {
    let Err(error) = result else {
        return Ok(());
    };
    if let ConsumeError::Poison(reason) = error {
        tracing::error!(
            event.id = message.id,
            reason,
            "an event can never be handled"
        );
    }
    Err(PublishError::ConsumerFailed)
}

/// Ends with its `consume`, also when that future is dropped half-way.
struct Registration {
    consumers: Arc<RwLock<Vec<Consumer>>>,
    consumer: Consumer,
}

impl Registration {
    fn new(consumers: Arc<RwLock<Vec<Consumer>>>, consumer: Consumer) -> Registration {
        consumers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&consumer));
        Registration {
            consumers,
            consumer,
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut consumers = self
            .consumers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = consumers
            .iter()
            .position(|registered| Arc::ptr_eq(registered, &self.consumer))
        {
            consumers.remove(index);
        }
    }
}
