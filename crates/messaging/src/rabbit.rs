use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use self::{
    connection::Broker, consumer::Consumption, options::parse_authorities, options::parse_url,
    publisher::Publisher, topology::Names,
};
use crate::{BusStatus, Consumer, Custody, EventBus, Message, PublishError, status::Journal};

mod backoff;
mod confirms;
mod connection;
mod consumer;
mod control;
mod dial;
mod failure;
mod ledger;
mod options;
mod publisher;
mod topology;
mod wire;

pub use self::{
    control::{Control, Readers},
    failure::{BrokerError, Refusal},
    options::{InvalidAmqpOptions, RabbitOptions},
};

/// To be added to every log filter, after what the operator asked for: lapin logs a message that
/// the broker returns, with all of its bytes.
pub const LOG_DIRECTIVE: &str = "lapin::returned_messages=off";

/// Why a bus over RabbitMQ cannot begin. Waiting would not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Options(#[from] InvalidAmqpOptions),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The bus over AMQP: a durable topic exchange, persistent messages, publisher confirms, and a
/// quorum queue that one or more processes consume.
pub struct RabbitBus {
    broker: Arc<Broker>,
    publisher: Publisher,
    control: Control,
    options: RabbitOptions,
    journal: Arc<Journal>,
    consuming: Arc<AtomicUsize>,
}

impl RabbitBus {
    /// A bus that connects when it is first used, for a process that may never use it.
    pub fn new(options: RabbitOptions) -> Result<RabbitBus, InvalidAmqpOptions> {
        if options.prefix.len() > 100 {
            return Err(InvalidAmqpOptions::Prefix);
        }
        let authorities = match &options.certificate_authorities {
            Some(pem) => parse_authorities(pem)?,
            None => Vec::new(),
        };
        let uri = parse_url(options.url.expose_secret())?;
        let broker = Broker::new(uri, authorities, Names::new(&options.prefix));
        let broker = Arc::new(broker);
        let journal = Arc::new(Journal::default());
        Ok(RabbitBus {
            publisher: Publisher::new(
                Arc::clone(&broker),
                options.confirm_within,
                Arc::clone(&journal),
            ),
            control: Control::new(Arc::clone(&broker)),
            broker,
            options,
            journal,
            consuming: Arc::default(),
        })
    }

    /// A bus that has tried once to connect. It fails only on what waiting does not change; a
    /// broker that is away is logged and waited for: every later `publish` and `consume` connects
    /// by itself, and from then on whatever goes wrong there is only logged.
    pub async fn connect(options: RabbitOptions) -> Result<RabbitBus, ConnectError> {
        let bus = RabbitBus::new(options)?;
        if let Err(error) = bus.publisher.connect().await {
            if let Some(refusal) = error.refusal() {
                return Err(refusal.clone().into());
            }
            tracing::warn!(%error, "RabbitMQ cannot be reached yet");
            bus.journal.failed(&error);
        }
        Ok(bus)
    }
}

impl EventBus for RabbitBus {
    fn publish<'a>(
        &'a self,
        messages: &'a [Message],
    ) -> BoxFuture<'a, Vec<Result<(), PublishError>>> {
        Box::pin(self.publisher.publish(messages))
    }

    fn custody(&self) -> Custody {
        Custody::Kept
    }

    fn consume(&self, consumer: Consumer, shutdown: CancellationToken) -> BoxFuture<'static, ()> {
        let consumption = Consumption {
            broker: Arc::clone(&self.broker),
            consumer,
            hold_at_most: self.options.hold_at_most,
            shutdown,
            journal: Arc::clone(&self.journal),
            under_way: Arc::clone(&self.consuming),
        };
        Box::pin(consumption.run())
    }

    fn status(&self) -> BusStatus {
        let is_consuming = self.consuming.load(Ordering::Relaxed) > 0;
        self.journal.status(self.publisher.state(), is_consuming)
    }

    fn count_parked(&self) -> BoxFuture<'_, Result<u64, BrokerError>> {
        Box::pin(self.control.count_parked())
    }

    fn control(&self) -> Option<&Control> {
        Some(&self.control)
    }
}
