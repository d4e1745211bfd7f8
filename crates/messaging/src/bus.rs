use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::{BrokerError, Message};

/// Carries messages from the relay, which reads the outbox, to the consumer, which records their
/// effect.
pub trait EventBus: Send + Sync {
    /// One result per message, in their order. `Ok` means that the bus has taken responsibility;
    /// after any error the message may have arrived all the same.
    fn publish<'a>(
        &'a self,
        messages: &'a [Message],
    ) -> BoxFuture<'a, Vec<Result<(), PublishError>>>;

    /// Feeds `consumer` until `shutdown`, and through every outage in between.
    ///
    /// Messages are handed over in the order in which they were published and are handled side by
    /// side, so a consumer that cares about order looks at the sequence inside. A message counts
    /// as done only after the consumer's `Ok`; until then it comes again.
    fn consume(&self, consumer: Consumer, shutdown: CancellationToken) -> BoxFuture<'static, ()>;
}

/// Records the effect of one message; `Ok` only after its commit.
pub type Consumer =
    Arc<dyn Fn(Message) -> BoxFuture<'static, Result<(), ConsumeError>> + Send + Sync>;

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
