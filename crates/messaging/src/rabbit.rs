use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use lapin::uri::AMQPUri;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::{connection::Broker, publisher::Publisher, topology::Names};
use crate::{Consumer, EventBus, Message, PublishError};

mod backoff;
mod connection;
mod consumer;
mod publisher;
mod topology;
mod wire;

pub use self::connection::BrokerError;

/// To be added to every log filter, after what the operator asked for: lapin logs a message that
/// the broker returns, with all of its bytes.
pub const LOG_DIRECTIVE: &str = "lapin::returned_messages=off";

/// How to reach the broker and what to be called there.
#[derive(Clone, Debug)]
pub struct RabbitOptions {
    /// `amqp://` or `amqps://`, with user, password and virtual host.
    pub url: SecretString,
    /// Put before every name, so that several installations can share a virtual host; at most 100
    /// bytes, usually none.
    pub prefix: String,
    /// How long one [`EventBus::publish`] may take, connecting included.
    pub confirm_within: Duration,
}

impl RabbitOptions {
    /// No prefix, and five seconds.
    pub fn new(url: SecretString) -> RabbitOptions {
        RabbitOptions {
            url,
            prefix: String::new(),
            confirm_within: Duration::from_secs(5),
        }
    }
}

/// The options name no broker that could ever be reached. The text leaves out what they are,
/// because the URL holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmqpUrl {
    #[error("the AMQP URL cannot be parsed: {0}")]
    Syntax(#[from] url::ParseError),
    #[error("the AMQP URL must begin with amqp:// or amqps://")]
    Scheme,
    #[error("the AMQP URL has a virtual host, a password or a parameter that cannot be read")]
    Part,
    #[error("the prefix of the names in RabbitMQ is longer than 100 bytes")]
    Prefix,
}

/// The bus over AMQP: a durable topic exchange, persistent messages, publisher confirms, and a
/// quorum queue that one or more processes consume.
pub struct RabbitBus {
    broker: Arc<Broker>,
    publisher: Publisher,
}

impl RabbitBus {
    /// Fails only on options that can never work. A broker that is away is logged and waited for:
    /// every later `publish` and `consume` connects by itself.
    pub async fn connect(options: RabbitOptions) -> Result<RabbitBus, InvalidAmqpUrl> {
        let RabbitOptions {
            url,
            prefix,
            confirm_within,
        } = options;
        if prefix.len() > 100 {
            return Err(InvalidAmqpUrl::Prefix);
        }
        let broker = Broker::new(parse_url(url.expose_secret())?, Names::new(&prefix));
        let broker = Arc::new(broker);
        let publisher = Publisher::new(Arc::clone(&broker), confirm_within);
        if let Err(error) = publisher.connect().await {
            tracing::warn!(%error, "RabbitMQ cannot be reached yet");
        }
        Ok(RabbitBus { broker, publisher })
    }
}

impl EventBus for RabbitBus {
    fn publish<'a>(
        &'a self,
        messages: &'a [Message],
    ) -> BoxFuture<'a, Vec<Result<(), PublishError>>> {
        Box::pin(self.publisher.publish(messages))
    }

    fn consume(&self, consumer: Consumer, shutdown: CancellationToken) -> BoxFuture<'static, ()> {
        Box::pin(consumer::run(Arc::clone(&self.broker), consumer, shutdown))
    }
}

fn parse_url(text: &str) -> Result<AMQPUri, InvalidAmqpUrl> {
    let url = Url::parse(text)?;
    if !matches!(url.scheme(), "amqp" | "amqps") || url.cannot_be_a_base() {
        return Err(InvalidAmqpUrl::Scheme);
    }
    let mut uri: AMQPUri = text.parse().map_err(|_| InvalidAmqpUrl::Part)?;
    // lapin's parser knows names only and would quietly put `localhost` in place of an address.
    if let Some(url::Host::Ipv6(address)) = url.host() {
        uri.authority.host = address.to_string();
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(String, u16, String), InvalidAmqpUrl> {
        let uri = parse_url(text)?;
        Ok((uri.authority.host, uri.authority.port, uri.vhost))
    }

    #[test]
    fn urls_name_a_host_a_port_and_a_virtual_host() {
        let check = |text, host: &str, port, vhost: &str| {
            assert_eq!(
                parse(text),
                Ok((host.to_owned(), port, vhost.to_owned())),
                "{text}"
            );
        };
        check("amqp://mq.example", "mq.example", 5672, "/");
        check(
            "amqps://u:p@mq.example/shop%2Fgrant",
            "mq.example",
            5671,
            "shop/grant",
        );
        check("amqp://127.0.0.1:5673/%2f", "127.0.0.1", 5673, "/");
        check("amqp://[::1]:5673/%2f", "::1", 5673, "/");
    }

    #[test]
    fn what_cannot_be_parsed_is_refused_without_repeating_it() {
        let check = |text, expected| {
            let error = parse(text).unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains("geheim"), "{error}");
        };
        check(
            "geheim",
            InvalidAmqpUrl::Syntax(url::ParseError::RelativeUrlWithoutBase),
        );
        check("http://u:geheim@mq.example", InvalidAmqpUrl::Scheme);
        check("amqp:geheim", InvalidAmqpUrl::Scheme);
        check("amqp://u:geheim%ff@mq.example", InvalidAmqpUrl::Part);
        check(
            "amqp://u:geheim@mq.example/?heartbeat=geheim",
            InvalidAmqpUrl::Part,
        );
    }
}
