use std::{sync::Arc, time::Duration};

use lapin::Channel;
use tokio::{sync::Mutex, time::timeout};

use super::{
    connection::{Broker, Link},
    failure::{BrokerError, Failure},
    topology,
};

/// How long the broker may take to answer a question or a declaration.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Which institutions may read from the bus, and which no longer; by their `app_id`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readers {
    pub granted: Vec<String>,
    pub revoked: Vec<String>,
}

/// The exchanges from which institutions read, and the questions about what is in the broker.
///
/// It has a connection of its own, opened when it is first needed: the publisher's may be blocked.
pub struct Control {
    broker: Arc<Broker>,
    desk: Mutex<Option<Desk>>,
}

struct Desk {
    link: Link,
    /// What was last done completely over this connection.
    applied: Readers,
}

impl Control {
    pub(super) fn new(broker: Arc<Broker>) -> Control {
        Control {
            broker,
            desk: Mutex::new(None),
        }
    }

    /// Sees to it that exactly those who may read have their exchange. It is done again over each
    /// new connection, because the broker may have lost what it had; otherwise it costs nothing
    /// if nothing has changed.
    pub async fn apply(&self, readers: &Readers) -> Result<(), BrokerError> {
        let mut desk = self.desk.lock().await;
        if desk.is_none() && *readers == Readers::default() {
            return Ok(());
        }
        let desk = self.open(&mut desk).await?;
        if desk.applied == *readers {
            return Ok(());
        }
        let mut failure = None;
        for app_id in &readers.granted {
            let channel = desk.channel().await?;
            let granted = topology::grant(&channel, &self.broker.names, app_id);
            failure = failure.or(in_time(granted).await.err());
        }
        for app_id in &readers.revoked {
            let channel = desk.channel().await?;
            let revoked = topology::revoke(&channel, &self.broker.names, app_id);
            failure = failure.or(in_time(revoked).await.err());
        }
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        desk.applied = readers.clone();
        Ok(())
    }

    pub(super) async fn count_parked(&self) -> Result<u64, BrokerError> {
        let mut desk = self.desk.lock().await;
        let channel = self.open(&mut desk).await?.channel().await?;
        Ok(in_time(topology::count_parked(&channel, &self.broker.names)).await?)
    }

    async fn open<'a>(&self, desk: &'a mut Option<Desk>) -> Result<&'a mut Desk, BrokerError> {
        let is_open = |desk: &Desk| desk.link.connection.status().connected();
        let current = match desk.take().filter(is_open) {
            Some(current) => current,
            None => Desk {
                link: self.broker.open("control").await?,
                applied: Readers::default(),
            },
        };
        Ok(desk.insert(current))
    }
}

impl Desk {
    /// A refused declaration closes its channel, and the next one needs another.
    async fn channel(&mut self) -> Result<Channel, Failure> {
        if !self.link.channel.status().connected() {
            self.link.channel =
                in_time(async { Ok(self.link.connection.create_channel().await?) }).await?;
        }
        Ok(self.link.channel.clone())
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(ANSWER_WITHIN, answer)
        .await
        .unwrap_or(Err(Failure::TimedOut))
}
