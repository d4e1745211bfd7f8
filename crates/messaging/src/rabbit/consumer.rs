use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use lapin::{
    Channel,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions},
    types::{FieldTable, ShortString},
};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    connection::{Broker, Link},
    failure::{BrokerError, Failure},
    ledger::Ledger,
    wire,
};
use crate::{ConsumeError, Consumer, Message, bus, status::Journal};

/// How many messages the broker hands out to one process before the first of them is done.
const PREFETCH: u16 = 256;
/// How many batches are with the consumer at the same time: while one is committed, the next one is
/// prepared.
const SIDE_BY_SIDE: usize = 2;
/// How long what is in hand may take to finish, and the farewell, once we are asked to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(2);

/// One side of a bus that takes messages until `shutdown`.
pub(super) struct Consumption {
    pub(super) broker: Arc<Broker>,
    pub(super) consumer: Consumer,
    pub(super) hold_at_most: Duration,
    pub(super) shutdown: CancellationToken,
    pub(super) journal: Arc<Journal>,
    /// How many consumptions of this bus are under way at the moment.
    pub(super) under_way: Arc<AtomicUsize>,
}

/// Why a consumption ended that the broker would have let go on.
enum Ended {
    Shutdown,
    /// Something was kept for so long that the broker would soon take offence.
    HeldTooLong,
}

impl Consumption {
    /// Consumes over as many connections as that takes.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new();
        loop {
            let opened = tokio::select! {
                opened = self.broker.open("consumer") => opened,
                () = self.shutdown.cancelled() => return,
            };
            let ended = match opened {
                Ok(link) => self.consume(&link, &mut backoff).await,
                Err(error) => Err(error),
            };
            match ended {
                Ok(Ended::Shutdown) => return,
                Ok(Ended::HeldTooLong) => continue,
                Err(error) => {
                    tracing::warn!(%error, "not consuming from RabbitMQ, trying again");
                    self.journal.failed(&error);
                }
            }
            let pause = timeout(backoff.pause(), self.shutdown.cancelled());
            if pause.await.is_ok() {
                return;
            }
        }
    }

    /// Takes messages over one connection, until something ends it.
    async fn consume(&self, link: &Link, reconnect: &mut Backoff) -> Result<Ended, BrokerError> {
        let mut deliveries = subscribe(link, &self.broker)
            .await
            .map_err(Failure::Protocol)?;
        let _attached = Attached::new(&self.under_way);
        let mut intake = Intake::new(&link.channel, &self.consumer);
        loop {
            intake.hand_over();
            let held = intake.ledger.oldest();
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break,
                Some(handled) = intake.in_hand.next() => {
                    if intake.settle(handled).await.map_err(Failure::Protocol)? {
                        reconnect.reset();
                    }
                }
                () = sleep_until(intake.retry_at), if intake.is_waiting() => intake.retry(),
                () = passed(held, self.hold_at_most), if held.is_some() => {
                    tracing::warn!("giving back events that could not be handled for long");
                    timeout(FINISH_WITHIN, link.close("taking them anew")).await.ok();
                    return Ok(Ended::HeldTooLong);
                }
                delivery = deliveries.next() => {
                    let mut next = Some(delivery);
                    // With it comes whatever else is here already, so that it makes one batch.
                    while let Some(delivery) = next {
                        let delivery = delivery.ok_or(Failure::Cancelled)?;
                        let delivery = delivery.map_err(Failure::Protocol)?;
                        intake.take(delivery).await.map_err(Failure::Protocol)?;
                        next = deliveries.next().now_or_never();
                    }
                }
            }
        }
        let farewell = async {
            intake.finish().await?;
            link.close("shutting down").await
        };
        if !matches!(timeout(FINISH_WITHIN, farewell).await, Ok(Ok(()))) {
            tracing::info!("stopped consuming with events in hand, they will come again");
        }
        Ok(Ended::Shutdown)
    }
}

/// Counts a consumption as under way while it lives.
struct Attached<'a> {
    under_way: &'a AtomicUsize,
}

impl Attached<'_> {
    fn new(under_way: &AtomicUsize) -> Attached<'_> {
        under_way.fetch_add(1, Ordering::Relaxed);
        Attached { under_way }
    }
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends when `limit` has passed since then.
async fn passed(since: Option<Instant>, limit: Duration) {
    if let Some(since) = since {
        sleep_until(since + limit).await;
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

/// A message and its delivery tag.
struct Received {
    tag: u64,
    message: Message,
}

/// A batch, and the consumer's answer to each of its messages.
struct Handled {
    batch: Vec<Received>,
    results: Vec<Result<(), ConsumeError>>,
}

/// What this process has of the queue.
struct Intake<'a> {
    channel: &'a Channel,
    consumer: &'a Consumer,
    ledger: Ledger,
    /// Not yet with the consumer; never more than the prefetch.
    arrived: Vec<Received>,
    in_hand: FuturesUnordered<BoxFuture<'a, Handled>>,
    /// While the consumer is unavailable we keep what we have, unacknowledged, and the broker gives
    /// us nothing new. Handing it back counts towards the delivery limit, so that an outage of twenty rounds
    /// would park good messages; as it is, twenty times `hold_at_most` would.
    kept: Vec<Received>,
    outage: Backoff,
    retry_at: Instant,
}

impl<'a> Intake<'a> {
    fn new(channel: &'a Channel, consumer: &'a Consumer) -> Intake<'a> {
        Intake {
            channel,
            consumer,
            ledger: Ledger::default(),
            arrived: Vec::new(),
            in_hand: FuturesUnordered::new(),
            kept: Vec::new(),
            outage: Backoff::new(),
            retry_at: Instant::now(),
        }
    }

    async fn take(&mut self, mut delivery: Delivery) -> Result<(), lapin::Error> {
        let tag = delivery.delivery_tag;
        match wire::read_message(&mut delivery) {
            Ok(message) => {
                self.ledger.enter(tag, Instant::now());
                self.arrived.push(Received { tag, message });
                Ok(())
            }
            Err(reason) => {
                let id = delivery.properties.message_id().as_ref();
                park(self.channel, tag, id.map(ShortString::as_str), &reason).await
            }
        }
    }

    /// Gives what has arrived to the consumer, unless it has enough or cannot take any.
    fn hand_over(&mut self) {
        let is_free = self.in_hand.len() < SIDE_BY_SIDE && self.kept.is_empty();
        if is_free && !self.arrived.is_empty() {
            let batch = std::mem::take(&mut self.arrived);
            self.in_hand.push(Box::pin(handle(self.consumer, batch)));
        }
    }

    fn is_waiting(&self) -> bool {
        !self.kept.is_empty() && self.in_hand.is_empty()
    }

    fn retry(&mut self) {
        let batch = std::mem::take(&mut self.kept);
        self.in_hand.push(Box::pin(handle(self.consumer, batch)));
    }

    /// Acknowledges, parks or keeps each message; whether any was done with.
    async fn settle(&mut self, handled: Handled) -> Result<bool, lapin::Error> {
        let mut is_progress = false;
        for (received, result) in handled.batch.into_iter().zip(handled.results) {
            match result {
                Ok(()) => self.ledger.mark_done(received.tag),
                Err(ConsumeError::Unavailable) => {
                    self.keep(received);
                    continue;
                }
                Err(ConsumeError::Poison(reason)) => {
                    let id = Some(received.message.id.as_str());
                    park(self.channel, received.tag, id, &reason).await?;
                    self.ledger.strike(received.tag);
                }
            }
            is_progress = true;
        }
        if is_progress {
            self.outage.reset();
        }
        self.acknowledge().await?;
        Ok(is_progress)
    }

    fn keep(&mut self, received: Received) {
        if self.kept.is_empty() {
            let pause = self.outage.pause();
            tracing::warn!(?pause, "events cannot be handled at the moment, waiting");
            self.retry_at = Instant::now() + pause;
        }
        self.kept.push(received);
    }

    /// What is done behind a batch that is still in hand waits for it, so that one acknowledgement
    /// covers both; what is done behind a kept message does not.
    async fn acknowledge(&mut self) -> Result<(), lapin::Error> {
        if let Some(tag) = self.ledger.take_done() {
            let all_up_to_it = BasicAckOptions { multiple: true };
            self.channel.basic_ack(tag, all_up_to_it).await?;
        }
        if self.in_hand.is_empty() {
            for tag in self.ledger.take_stragglers() {
                let only_it = BasicAckOptions { multiple: false };
                self.channel.basic_ack(tag, only_it).await?;
            }
        }
        Ok(())
    }

    /// Lets what is in hand end and be acknowledged. The rest goes back to the queue when the
    /// connection closes.
    async fn finish(&mut self) -> Result<(), lapin::Error> {
        while let Some(handled) = self.in_hand.next().await {
            self.settle(handled).await?;
        }
        Ok(())
    }
}

async fn handle(consumer: &Consumer, batch: Vec<Received>) -> Handled {
    let messages = batch.iter().map(|received| received.message.clone());
    let results = bus::hand_over(consumer, messages.collect()).await;
    Handled { batch, results }
}

/// Moves a message to the queue of dead letters.
async fn park(
    channel: &Channel,
    tag: u64,
    id: Option<&str>,
    reason: &str,
) -> Result<(), lapin::Error> {
    tracing::error!(
        event.id = id,
        reason,
        "an event can never be handled and is parked"
    );
    let to_dead_letters = BasicRejectOptions { requeue: false };
    channel.basic_reject(tag, to_dead_letters).await
}
