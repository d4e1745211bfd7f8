use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};

use super::connection::Failure;

/// How often a message is delivered before the broker parks it, should consumers die on it.
/// Version 4 has this limit by default, older ones have none
/// (<https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling>).
const DELIVERY_LIMIT: i32 = 20;

/// The names of this installation's exchanges and queues.
pub(super) struct Names {
    /// Topic exchange that takes every event.
    pub(super) events: ShortString,
    /// Queue of all events, from which webhooks are made.
    pub(super) webhooks: ShortString,
    /// Exchange and queue of what could not be handled.
    pub(super) dead: ShortString,
}

impl Names {
    /// `prefix` is at most 100 bytes long.
    pub(super) fn new(prefix: &str) -> Names {
        Names {
            events: format!("{prefix}shopgrant.events").into(),
            webhooks: format!("{prefix}shopgrant.webhooks").into(),
            dead: format!("{prefix}shopgrant.dead").into(),
        }
    }
}

/// Declares everything. Who connects first creates it; for the others it is a check.
pub(super) async fn declare(channel: &Channel, names: &Names) -> Result<(), Failure> {
    declare_exchange(channel, &names.events, ExchangeKind::Topic).await?;
    declare_exchange(channel, &names.dead, ExchangeKind::Fanout).await?;
    declare_queue(channel, &names.dead, parking_arguments()).await?;
    bind(channel, &names.dead, &names.dead, "").await?;
    declare_queue(channel, &names.webhooks, webhooks_arguments(&names.dead)).await?;
    bind(channel, &names.webhooks, &names.events, "#").await
}

fn webhooks_arguments(dead: &ShortString) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert(
        "x-delivery-limit".into(),
        AMQPValue::LongInt(DELIVERY_LIMIT),
    );
    arguments.insert("x-dead-letter-exchange".into(), text(dead.as_str()));
    // By default a dead letter is sent without a confirm and is lost when its queue cannot take
    // it. At-least-once keeps it here until the parking queue has it, and requires reject-publish
    // (<https://www.rabbitmq.com/docs/quorum-queues#activating-at-least-once-dead-lettering>).
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn parking_arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    // Whoever looks at a parked message and puts it back spends a delivery. With the default limit
    // of RabbitMQ 4 the twentieth look would delete it; versions before 4 do not know "unlimited".
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(i32::MAX));
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

async fn declare_exchange(
    channel: &Channel,
    name: &ShortString,
    kind: ExchangeKind,
) -> Result<(), Failure> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(name.clone(), kind, durable, FieldTable::default())
        .await
        .map_err(|error| Failure::of_declaration(name, error))
}

async fn declare_queue(
    channel: &Channel,
    name: &ShortString,
    arguments: FieldTable,
) -> Result<(), Failure> {
    channel
        .queue_declare(name.clone(), QueueDeclareOptions::durable(), arguments)
        .await
        .map_err(|error| Failure::of_declaration(name, error))?;
    Ok(())
}

async fn bind(
    channel: &Channel,
    queue: &ShortString,
    exchange: &ShortString,
    routing_key: &str,
) -> Result<(), Failure> {
    channel
        .queue_bind(
            queue.clone(),
            exchange.clone(),
            routing_key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    Ok(())
}
