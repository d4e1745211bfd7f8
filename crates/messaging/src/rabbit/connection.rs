use std::{io, time::Duration};

use lapin::{
    Channel, Connection, ConnectionProperties, ErrorKind,
    protocol::{AMQPErrorKind, AMQPSoftError},
    tcp::{AMQPUriTcpExt, TLSConfig},
    types::ShortString,
    uri::AMQPUri,
};

use super::topology::{self, Names};

/// How long an address may take to answer, and the whole opening after it.
const DIAL_WITHIN: Duration = Duration::from_secs(5);
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// Unless the URL says otherwise; the broker's own proposal of a minute is long for a consumer
/// whose peer has silently gone away.
const HEARTBEAT_SECS: u16 = 10;

/// Where the broker is and what is ours there.
pub(super) struct Broker {
    uri: AMQPUri,
    pub(super) names: Names,
}

impl Broker {
    pub(super) fn new(mut uri: AMQPUri, names: Names) -> Broker {
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECS);
        Broker { uri, names }
    }

    /// A fresh connection with one channel, on which everything of ours is declared.
    ///
    /// lapin could recover connections by itself, but then a message that was in flight at the
    /// time would be in one of more states than we can tell apart. A new connection knows nothing.
    pub(super) async fn open(&self, purpose: &str) -> Result<Link, BrokerError> {
        match tokio::time::timeout(OPEN_WITHIN, self.try_open(purpose)).await {
            Ok(opened) => Ok(opened?),
            Err(_) => Err(Failure::TimedOut.into()),
        }
    }

    async fn try_open(&self, purpose: &str) -> Result<Link, Failure> {
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("shopgrant {purpose}").into());
        let connection = Connection::connector(
            self.uri.clone(),
            lapin::runtime::default_runtime()?,
            // lapin dials on a thread of its own, which would go on for minutes towards an address
            // that swallows packets, long after we have given up.
            async |uri, runtime| {
                let dial = uri.connect_with_config_async(TLSConfig::default(), &runtime);
                match tokio::time::timeout(DIAL_WITHIN, dial).await {
                    Ok(stream) => Ok(stream?),
                    Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
                }
            },
            properties,
        )
        .await?;
        let channel = connection.create_channel().await?;
        topology::declare(&channel, &self.names).await?;
        Ok(Link {
            connection,
            channel,
        })
    }
}

/// An open connection and the channel that we use on it. Both end with this value.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) channel: Channel,
}

impl Link {
    pub(super) fn is_open(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Has the broker asked us to stop publishing, because it is short of memory or disk?
    pub(super) fn is_blocked(&self) -> bool {
        self.connection.status().connected() && self.connection.status().blocked()
    }
}

/// Why the broker cannot be used at the moment; the text is for a log and holds no secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct BrokerError(#[from] Failure);

#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("RabbitMQ: {0}")]
    Protocol(#[from] lapin::Error),
    #[error(
        "RabbitMQ has `{name}` in another shape than this version needs; delete it there, or \
         choose another prefix: {source}"
    )]
    OtherShape {
        name: ShortString,
        source: lapin::Error,
    },
    #[error("RabbitMQ did not answer in time")]
    TimedOut,
    #[error("RabbitMQ ended the consumption, as when its queue is deleted")]
    Cancelled,
}

impl Failure {
    pub(super) fn of_declaration(name: &ShortString, source: lapin::Error) -> Failure {
        let ErrorKind::ProtocolError(error) = source.kind() else {
            return Failure::Protocol(source);
        };
        if error.kind() != &AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) {
            return Failure::Protocol(source);
        }
        Failure::OtherShape {
            name: name.clone(),
            source,
        }
    }
}
