//! The event bus, within one process or over AMQP.
//!
//! One promise holds for both buses: [`EventBus::publish`] answers `Ok` for a message only when the
//! bus has taken responsibility for it. Everything else leaves the message with the caller, who
//! keeps it in the outbox and tries again, so a message may arrive twice and never not at all.

#![warn(clippy::future_not_send)]

mod bus;
mod in_process;
mod message;
mod rabbit;
mod status;

pub use bus::{ConsumeError, Consumer, Custody, EventBus, PublishError};
pub use in_process::InProcessBus;
pub use message::Message;
pub use rabbit::{
    BrokerError, ConnectError, Control, InvalidAmqpOptions, LOG_DIRECTIVE, RabbitBus,
    RabbitOptions, Readers, Refusal,
};
pub use status::{BusFailure, BusStatus, PublisherState};
