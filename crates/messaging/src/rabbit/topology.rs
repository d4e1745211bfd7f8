use lapin::{
    Channel, ExchangeKind,
    options::{
        ExchangeBindOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable, ShortString},
};

use super::failure::Failure;

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
    institution: String,
}

impl Names {
    /// `prefix` is at most 100 bytes long.
    pub(super) fn new(prefix: &str) -> Names {
        Names {
            events: format!("{prefix}shopgrant.events").into(),
            webhooks: format!("{prefix}shopgrant.webhooks").into(),
            dead: format!("{prefix}shopgrant.dead").into(),
            institution: format!("{prefix}shopgrant.institution."),
        }
    }

    /// Topic exchange of one institution's events; nothing if AMQP has no room for its name.
    fn of_institution(&self, app_id: &str) -> Option<ShortString> {
        ShortString::try_new(format!("{}{app_id}", self.institution)).ok()
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

/// Declares the exchange from which one institution may read.
pub(super) async fn grant(channel: &Channel, names: &Names, app_id: &str) -> Result<(), Failure> {
    let exchange = names.of_institution(app_id).ok_or(Failure::NameTooLong)?;
    let its_events =
        ShortString::try_new(format!("{app_id}.#")).map_err(|_| Failure::NameTooLong)?;
    declare_exchange(channel, &exchange, ExchangeKind::Topic).await?;
    channel
        .exchange_bind(
            exchange.clone(),
            names.events.clone(),
            its_events,
            ExchangeBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .map_err(|error| Failure::of_declaration(&exchange, error))
}

/// Deletes that exchange, and with it what was bound to it. There may be none.
pub(super) async fn revoke(channel: &Channel, names: &Names, app_id: &str) -> Result<(), Failure> {
    let exchange = names.of_institution(app_id).ok_or(Failure::NameTooLong)?;
    channel
        .exchange_delete(exchange.clone(), ExchangeDeleteOptions::default())
        .await
        .map_err(|error| Failure::of_declaration(&exchange, error))
}

/// How many messages are parked.
pub(super) async fn count_parked(channel: &Channel, names: &Names) -> Result<u64, Failure> {
    let only_ask = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare(names.dead.clone(), only_ask, FieldTable::default())
        .await
        .map_err(|error| Failure::of_declaration(&names.dead, error))?;
    Ok(queue.message_count().into())
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
        .await
        .map_err(|error| Failure::of_declaration(queue, error))
}
