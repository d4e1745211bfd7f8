use std::time::Duration;

use lapin::{Channel, Connection, ConnectionProperties, types::ShortString, uri::AMQPUri};
use rustls::pki_types::CertificateDer;

use super::{
    dial::dial,
    failure::{BrokerError, Failure},
    topology::{self, Names},
};

/// How long the whole opening may take, the dialling included.
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// Unless the URL says otherwise; the broker's own proposal of a minute is long for a consumer
/// whose peer has silently gone away.
const HEARTBEAT_SECS: u16 = 10;

/// Where the broker is and what is ours there.
pub(super) struct Broker {
    uri: AMQPUri,
    authorities: Vec<CertificateDer<'static>>,
    pub(super) names: Names,
}

impl Broker {
    pub(super) fn new(
        mut uri: AMQPUri,
        authorities: Vec<CertificateDer<'static>>,
        names: Names,
    ) -> Broker {
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECS);
        Broker {
            uri,
            authorities,
            names,
        }
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
        let dialling = dial(self.uri.clone(), self.authorities.clone(), properties);
        let (connection, call) = dialling.await.map_err(Failure::of_opening)?;
        let channel = connection.create_channel().await?;
        topology::declare(&channel, &self.names).await?;
        call.keep();
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

    /// Says goodbye, so that the broker logs no broken connection and has taken back at once what
    /// was not acknowledged.
    pub(super) async fn close(&self, why: &'static str) -> Result<(), lapin::Error> {
        self.connection.close(200, ShortString::from(why)).await
    }
}
