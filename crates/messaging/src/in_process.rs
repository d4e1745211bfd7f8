use std::sync::{Arc, PoisonError, RwLock};

use futures_util::{StreamExt, future::BoxFuture, stream};
use tokio_util::sync::CancellationToken;

use crate::{ConsumeError, Consumer, EventBus, Message, PublishError};

/// How many messages of one `publish` are with the consumer at the same time.
const SIDE_BY_SIDE: usize = 64;

/// The bus of a single process: `publish` answers after the consumer's commit.
///
/// It stores nothing. What it could not deliver stays with the caller, so poison does too.
#[derive(Default)]
pub struct InProcessBus {
    /// The oldest takes all; the next one takes over when it ends.
    consumers: Arc<RwLock<Vec<Consumer>>>,
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
}

impl EventBus for InProcessBus {
    fn publish<'a>(
        &'a self,
        messages: &'a [Message],
    ) -> BoxFuture<'a, Vec<Result<(), PublishError>>> {
        Box::pin(async move {
            let Some(consumer) = self.consumer() else {
                return vec![Err(PublishError::NoConsumer); messages.len()];
            };
            stream::iter(messages.iter().cloned())
                .map(|message| deliver(Arc::clone(&consumer), message))
                .buffered(SIDE_BY_SIDE)
                .collect()
                .await
        })
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
}

async fn deliver(consumer: Consumer, message: Message) -> Result<(), PublishError> {
    let id = message.id.clone();
    let Err(error) = consumer(message).await else {
        return Ok(());
    };
    if let ConsumeError::Poison(reason) = error {
        tracing::error!(event.id = id, reason, "an event can never be handled");
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
