use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::{BrokerError, BusStatus, Control, Message};

/// Carries messages from the relay, which reads the outbox, to the consumer, which records their
/// effect.
pub trait EventBus: Send + Sync {
    /// One result per message, in their order. `Ok` means that the bus has taken responsibility;
    /// after any error the message may have arrived all the same.
    fn publish<'a>(
        &'a self,
        messages: &'a [Message],
    ) -> BoxFuture<'a, Vec<Result<(), PublishError>>>;

    /// What an `Ok` of [`EventBus::publish`] says about the message.
    fn custody(&self) -> Custody;

    /// Feeds `consumer` until `shutdown`, and through every outage in between.
    ///
    /// Messages are handed over in batches, in the order in which they were published; a batch may
    /// begin before the one before it has ended, so a consumer that cares about order looks at the
    /// sequence inside. A message counts as done only after the consumer's `Ok`; until then it comes
    /// again.
    fn consume(&self, consumer: Consumer, shutdown: CancellationToken) -> BoxFuture<'static, ()>;

    /// What the bus knows of itself, at once and without asking anybody.
    fn status(&self) -> BusStatus;

    /// How many messages are parked because they can never be handled; asks the broker.
    fn count_parked(&self) -> BoxFuture<'_, Result<u64, BrokerError>>;

    /// Where institutions' access to the bus is made, if they can have any.
    fn control(&self) -> Option<&Control>;
}

/// Records the effects of a batch, in as few commits as it likes: one result per message, in their
/// order; `Ok` only after the commit of its effect. A batch is never empty.
pub type Consumer =
    Arc<dyn Fn(Vec<Message>) -> BoxFuture<'static, Vec<Result<(), ConsumeError>>> + Send + Sync>;

/// Exactly one result per message: what the consumer leaves unanswered is not done.
pub(crate) async fn hand_over(
    consumer: &Consumer,
    messages: Vec<Message>,
) -> Vec<Result<(), ConsumeError>> {
    let count = messages.len();
    let mut results = consumer(messages).await;
    results.resize(count, Err(ConsumeError::Unavailable));
    results
}

/// Where a message is that the bus has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Custody {
    /// With the bus, which will hand it to the consumer.
    Kept,
    /// The consumer has recorded its effect.
    Consumed,
}

/// Why the bus has not taken a message.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PublishError {
    /// Nobody consumes in this process.
    #[error("no consumer is running")]
    NoConsumer,
    /// The broker has no queue for it.
    #[error("the broker has no queue for this message")]
    Unroutable,
    /// The broker said no, or the message cannot be put into its protocol.
    #[error("the broker refused the message")]
    Refused,
    /// No answer within the limit. A broker that is short of memory or disk blocks publishers, and
    /// that looks like this.
    #[error("the broker did not answer in time")]
    TimedOut,
    /// No connection, or it was lost before the answer.
    #[error("not connected to the broker")]
    Disconnected(#[source] BrokerError),
    /// The consumer could not record it; the bus has logged why.
    #[error("the consumer failed")]
    ConsumerFailed,
}

/// Why a consumer has not recorded a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsumeError {
    /// Nothing is wrong with the message: try again later (the database is away).
    #[error("cannot be handled at the moment")]
    Unavailable,
    /// This message can never be handled. The text is logged and must not contain its body.
    #[error("can never be handled: {0}")]
    Poison(String),
}
