use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use lapin::{
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions},
    types::{FieldTable, ShortString},
};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    connection::{Broker, BrokerError, Failure, Link},
    wire,
};
use crate::{ConsumeError, Consumer, Message};

/// How many messages the broker hands out to one process before the first of them is done.
const PREFETCH: u16 = 64;
/// How long what is in hand may take to finish, and the farewell, once we are asked to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(2);

/// Consumes until `shutdown`, over as many connections as that takes.
pub(super) async fn run(broker: Arc<Broker>, consumer: Consumer, shutdown: CancellationToken) {
    let mut backoff = Backoff::new();
    loop {
        let opened = tokio::select! {
            opened = broker.open("consumer") => opened,
            () = shutdown.cancelled() => return,
        };
        let ended = match opened {
            Ok(link) => consume(&link, &broker, &consumer, &shutdown, &mut backoff).await,
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "not consuming from RabbitMQ, trying again"),
        }
        if timeout(backoff.pause(), shutdown.cancelled()).await.is_ok() {
            return;
        }
    }
}

/// Returns when `shutdown` is asked for, or with what ended this connection.
async fn consume(
    link: &Link,
    broker: &Broker,
    consumer: &Consumer,
    shutdown: &CancellationToken,
    reconnect: &mut Backoff,
) -> Result<(), BrokerError> {
    let mut deliveries = subscribe(link, broker).await.map_err(Failure::Protocol)?;
    let mut in_hand: FuturesUnordered<Handling<'_>> = FuturesUnordered::new();
    // While the consumer is unavailable we keep what we have, unacknowledged, and take nothing
    // new. Handing it back would count towards the delivery limit, so that an outage of twenty
    // rounds would park good messages. The broker allows half an hour for this before it takes
    // them back by itself (<https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout>).
    let mut kept = Vec::new();
    let mut outage = Backoff::new();
    let mut retry_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(handled) = in_hand.next() => match handled.map_err(Failure::Protocol)? {
                None => {
                    outage.reset();
                    reconnect.reset();
                }
                Some(later) => {
                    if kept.is_empty() {
                        let pause = outage.pause();
                        tracing::warn!(?pause, "events cannot be handled at the moment, waiting");
                        retry_at = Instant::now() + pause;
                    }
                    kept.push(later);
                }
            },
            () = tokio::time::sleep_until(retry_at), if !kept.is_empty() && in_hand.is_empty() => {
                for received in kept.drain(..) {
                    in_hand.push(Box::pin(handle(consumer, received)));
                }
            }
            delivery = deliveries.next(), if kept.is_empty() => {
                let mut delivery = match delivery {
                    Some(delivery) => delivery.map_err(Failure::Protocol)?,
                    None => return Err(Failure::Cancelled.into()),
                };
                match wire::read_message(&mut delivery) {
                    Ok(message) => {
                        let received = Received { message, delivery };
                        in_hand.push(Box::pin(handle(consumer, received)));
                    }
                    Err(reason) => park(&delivery, &reason).await.map_err(Failure::Protocol)?,
                }
            }
        }
    }
    finish(link, in_hand).await;
    Ok(())
}

/// Lets what is in hand end and be acknowledged. The rest goes back to the queue when the
/// connection closes.
async fn finish(link: &Link, mut in_hand: FuturesUnordered<Handling<'_>>) {
    let farewell = async {
        while in_hand.next().await.is_some() {}
        link.connection.close(200, "shutting down".into()).await
    };
    if !matches!(timeout(FINISH_WITHIN, farewell).await, Ok(Ok(()))) {
        tracing::info!("stopped consuming with events in hand, they will come again");
    }
}

async fn subscribe(link: &Link, broker: &Broker) -> Result<lapin::Consumer, lapin::Error> {
    link.channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    link.channel
        .basic_consume(
            broker.names.webhooks.clone(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
}

/// A message and what it takes to acknowledge it.
struct Received {
    message: Message,
    delivery: Delivery,
}

type Handling<'a> = BoxFuture<'a, Result<Option<Received>, lapin::Error>>;

/// Returns the message if it must be kept for later; otherwise it is acknowledged or parked.
async fn handle(consumer: &Consumer, received: Received) -> Result<Option<Received>, lapin::Error> {
    match consumer(received.message.clone()).await {
        Ok(()) => {
            received.delivery.ack(BasicAckOptions::default()).await?;
        }
        Err(ConsumeError::Unavailable) => return Ok(Some(received)),
        Err(ConsumeError::Poison(reason)) => park(&received.delivery, &reason).await?,
    }
    Ok(None)
}

/// Moves a message to the queue of dead letters.
async fn park(delivery: &Delivery, reason: &str) -> Result<(), lapin::Error> {
    let id = delivery.properties.message_id().as_ref();
    tracing::error!(
        event.id = id.map(ShortString::as_str),
        reason,
        "an event can never be handled and is parked"
    );
    delivery
        .reject(BasicRejectOptions { requeue: false })
        .await?;
    Ok(())
}
