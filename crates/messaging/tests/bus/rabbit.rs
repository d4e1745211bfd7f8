use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    message::BasicGetMessage,
    options::{
        BasicAckOptions, BasicGetOptions, BasicPublishOptions, ExchangeDeleteOptions,
        QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable, ShortString},
};
use messaging::{ConsumeError, EventBus, PublishError, RabbitBus, RabbitOptions};
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::{
    Consumption, consumer, contract::contract, message, messages, next, relay, soon, variable,
};

/// Held for reading by those who use the broker, for writing by those who take it away.
pub(crate) static BROKER: RwLock<()> = RwLock::const_new(());

static INSTALLATIONS: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Fixture {
    pub(crate) bus: RabbitBus,
    pub(crate) installation: Installation,
    _broker_stays: RwLockReadGuard<'static, ()>,
}

impl Fixture {
    pub(crate) async fn start() -> Fixture {
        let broker_stays = BROKER.read().await;
        let installation = Installation::new().await;
        Fixture {
            bus: installation.bus().await,
            installation,
            _broker_stays: broker_stays,
        }
    }

    pub(crate) async fn end(self) {
        self.installation.remove().await;
    }
}

contract!(Fixture::start().await);

/// Names of their own on the broker, and a look at it from outside.
pub(crate) struct Installation {
    prefix: String,
    pub(crate) channel: Channel,
    _connection: Connection,
}

impl Installation {
    pub(crate) async fn new() -> Installation {
        let number = INSTALLATIONS.fetch_add(1, Ordering::Relaxed);
        let (connection, channel) = connect().await;
        Installation {
            prefix: format!("test-{}-{number}.", std::process::id()),
            channel,
            _connection: connection,
        }
    }

    pub(crate) fn options(&self) -> RabbitOptions {
        RabbitOptions {
            prefix: self.prefix.clone(),
            ..RabbitOptions::new(variable("SHOPGRANT_TEST_AMQP_URL").into())
        }
    }

    pub(crate) async fn bus(&self) -> RabbitBus {
        RabbitBus::connect(self.options()).await.unwrap()
    }

    pub(crate) fn name(&self, name: &str) -> ShortString {
        format!("{}shopgrant.{name}", self.prefix).into()
    }

    async fn bind(&self, routing_key: &str) {
        self.channel
            .queue_bind(
                self.name("webhooks"),
                self.name("events"),
                routing_key.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .unwrap();
    }

    async fn unbind(&self, routing_key: &str) {
        self.channel
            .queue_unbind(
                self.name("webhooks"),
                self.name("events"),
                routing_key.into(),
                FieldTable::default(),
            )
            .await
            .unwrap();
    }

    /// The next message in a queue, which must come soon; it is taken out.
    pub(crate) async fn take(&self, queue: &str) -> BasicGetMessage {
        soon("a message in the queue", async {
            loop {
                let got = self
                    .channel
                    .basic_get(self.name(queue), BasicGetOptions::default())
                    .await
                    .unwrap();
                if let Some(message) = got {
                    message.ack(BasicAckOptions::default()).await.unwrap();
                    return message;
                }
            }
        })
        .await
    }

    /// How many messages wait in a queue, those aside that a consumer has.
    pub(crate) async fn count(&self, queue: &str) -> u32 {
        let only_ask = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = self
            .channel
            .queue_declare(self.name(queue), only_ask, FieldTable::default())
            .await
            .unwrap();
        queue.message_count()
    }

    /// Over a connection of its own, as ours may have been taken away.
    pub(crate) async fn remove(self) {
        let (_connection, channel) = connect().await;
        for queue in ["webhooks", "dead"] {
            channel
                .queue_delete(self.name(queue), QueueDeleteOptions::default())
                .await
                .unwrap();
        }
        for exchange in ["events", "dead"] {
            channel
                .exchange_delete(self.name(exchange), ExchangeDeleteOptions::default())
                .await
                .unwrap();
        }
    }

    pub(crate) async fn delete_exchange(&self, exchange: &str) {
        self.channel
            .exchange_delete(self.name(exchange), ExchangeDeleteOptions::default())
            .await
            .unwrap();
    }
}

pub(crate) async fn connect() -> (Connection, Channel) {
    let url = variable("SHOPGRANT_TEST_AMQP_URL");
    let connection = Connection::connect(&url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

pub(crate) fn id_of(message: &BasicGetMessage) -> Option<&str> {
    let id = message.properties.message_id().as_ref();
    id.map(ShortString::as_str)
}

#[tokio::test]
async fn a_message_that_no_queue_takes_is_unroutable_until_the_queue_is_declared_again() {
    let fixture = Fixture::start().await;
    fixture.installation.unbind("#").await;

    let results = fixture.bus.publish(&[message(1)]).await;
    assert!(matches!(results[..], [Err(PublishError::Unroutable)]));

    let results = fixture.bus.publish(&[message(1)]).await;
    assert!(matches!(results[..], [Ok(())]));
    let taken = fixture.installation.take("webhooks").await;
    assert_eq!(id_of(&taken), Some("evt_1"));
    fixture.end().await;
}

#[tokio::test]
async fn among_many_exactly_those_without_a_queue_are_unroutable() {
    let fixture = Fixture::start().await;
    fixture.installation.unbind("#").await;
    fixture.installation.bind("routed.#").await;
    // More than are on their way at once.
    let sent: Vec<_> = messages(0..1600)
        .into_iter()
        .enumerate()
        .map(|(index, mut message)| {
            let is_routed = index % 3 == 0;
            message.routing_key = if is_routed { "routed.x" } else { "lost.x" }.to_owned();
            message
        })
        .collect();

    let results = fixture.bus.publish(&sent).await;

    for (message, result) in sent.iter().zip(&results) {
        let is_routed = message.routing_key == "routed.x";
        match result {
            Ok(()) => assert!(is_routed, "{} was accepted", message.id),
            Err(PublishError::Unroutable) => assert!(!is_routed, "{} was refused", message.id),
            Err(error) => panic!("{}: {error:?}", message.id),
        }
    }
    fixture.end().await;
}

#[tokio::test]
async fn the_wire_format_is_what_the_documentation_says() {
    let fixture = Fixture::start().await;

    assert!(fixture.bus.publish(&[message(1)]).await[0].is_ok());

    let taken = fixture.installation.take("webhooks").await;
    let expected = message(1);
    assert_eq!(taken.data, expected.body);
    assert_eq!(taken.routing_key.as_str(), expected.routing_key);
    assert_eq!(taken.exchange, fixture.installation.name("events"));
    let properties = &taken.properties;
    assert_eq!(properties.content_type(), &Some("application/json".into()));
    assert_eq!(properties.delivery_mode(), &Some(2));
    assert_eq!(properties.message_id(), &Some("evt_1".into()));
    let headers = properties.headers().clone().unwrap_or_default();
    for (name, value) in [("platform", "SHOPLINE"), ("store_id", "店-1")] {
        let value = AMQPValue::LongString(value.into());
        assert_eq!(headers.inner().get(name), Some(&value));
    }
    fixture.end().await;
}

#[tokio::test]
async fn poison_is_parked_with_its_bytes_and_leaves_the_queue() {
    let fixture = Fixture::start().await;
    let (consumer, _done) = consumer(|_| Err(ConsumeError::Poison("a test".to_owned())));
    let consumption = Consumption::start(&fixture.bus, consumer);

    relay(&fixture.bus, vec![message(1)]).await;

    let parked = fixture.installation.take("dead").await;
    assert_eq!(id_of(&parked), Some("evt_1"));
    assert_eq!(parked.data, message(1).body);
    assert_eq!(parked.routing_key.as_str(), message(1).routing_key);
    consumption.stop().await;
    fixture.end().await;
}

#[tokio::test]
async fn what_is_not_one_of_our_messages_is_parked() {
    let fixture = Fixture::start().await;
    let (consumer, mut done) = consumer(|_| Ok(()));
    let consumption = Consumption::start(&fixture.bus, consumer);

    fixture
        .installation
        .channel
        .basic_publish(
            fixture.installation.name("events"),
            "x".into(),
            BasicPublishOptions::default(),
            b"no message id",
            BasicProperties::default(),
        )
        .await
        .unwrap();
    relay(&fixture.bus, vec![message(1)]).await;

    assert_eq!(
        fixture.installation.take("dead").await.data,
        b"no message id"
    );
    assert_eq!(next(&mut done).await, message(1));
    consumption.stop().await;
    fixture.end().await;
}

#[tokio::test]
async fn an_outage_of_the_consumer_does_not_spend_the_delivery_limit() {
    let fixture = Fixture::start().await;
    let (attempted, mut attempts) = tokio::sync::mpsc::unbounded_channel();
    let (consumer, _done) = consumer(move |_| {
        attempted.send(()).ok();
        Err(ConsumeError::Unavailable)
    });
    let consumption = Consumption::start(&fixture.bus, consumer);

    relay(&fixture.bus, vec![message(1)]).await;
    for _ in 0..4 {
        soon("an attempt", attempts.recv()).await.unwrap();
    }
    consumption.stop().await;

    // The end of the connection counts, the attempts on it do not.
    let back = fixture.installation.take("webhooks").await;
    let headers = back.properties.headers().clone().unwrap_or_default();
    let count = headers.inner().get("x-delivery-count");
    assert_eq!(count, Some(&AMQPValue::LongLongInt(1)));
    fixture.end().await;
}

#[tokio::test]
async fn no_new_messages_are_taken_while_the_consumer_is_unavailable() {
    let fixture = Fixture::start().await;
    let is_available = Arc::new(AtomicBool::new(false));
    let (attempted, mut attempts) = tokio::sync::mpsc::unbounded_channel();
    let (consumer, mut done) = consumer({
        let is_available = Arc::clone(&is_available);
        move |message| {
            attempted.send(message.id.clone()).ok();
            if is_available.load(Ordering::Relaxed) {
                return Ok(());
            }
            Err(ConsumeError::Unavailable)
        }
    });
    relay(&fixture.bus, messages(0..200)).await;
    let consumption = Consumption::start(&fixture.bus, consumer);

    let mut seen = std::collections::HashSet::new();
    for _ in 0..5 {
        seen.insert(soon("an attempt", attempts.recv()).await.unwrap());
    }
    assert!(seen.len() <= 256, "{} messages were taken", seen.len());

    is_available.store(true, Ordering::Relaxed);
    for expected in messages(0..200) {
        assert_eq!(next(&mut done).await.id, expected.id);
    }
    consumption.stop().await;
    fixture.end().await;
}

#[tokio::test]
async fn a_message_that_does_not_fit_into_the_protocol_is_refused_alone() {
    let fixture = Fixture::start().await;
    let mut long = message(1);
    long.routing_key = "x".repeat(256);

    let results = fixture.bus.publish(&[message(0), long, message(2)]).await;

    assert!(matches!(
        results[..],
        [Ok(()), Err(PublishError::Refused), Ok(())]
    ));
    fixture.end().await;
}

#[tokio::test]
async fn a_publication_that_was_dropped_half_way_does_not_disturb_the_next() {
    let fixture = Fixture::start().await;
    let many = messages(0..500);
    for _ in 0..5 {
        let publication = fixture.bus.publish(&many);
        tokio::select! {
            biased;
            results = publication => assert!(results.iter().all(Result::is_ok)),
            () = tokio::task::yield_now() => {}
        }
    }

    let results = fixture.bus.publish(&many).await;

    assert!(results.iter().all(Result::is_ok));
    fixture.end().await;
}
