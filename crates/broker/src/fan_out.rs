//! Makes a delivery of each event for each endpoint that wants it.

use std::sync::Arc;

use domain::{DeliveryId, EventId};
use messaging::{ConsumeError, Consumer, Message};
use storage::deliveries::NewDelivery;
use storage::{Tx, deliveries, endpoints, outbox};
use tokio_util::sync::CancellationToken;

use crate::Broker;
use crate::internal::{Internal, chain};

impl Broker {
    /// Takes messages from the bus until `shutdown`.
    pub async fn consume_events(&self, shutdown: CancellationToken) {
        let broker = self.clone();
        let consumer: Consumer = Arc::new(move |message| {
            let broker = broker.clone();
            Box::pin(async move { broker.consume(message).await })
        });
        self.bus().consume(consumer, shutdown).await;
    }

    async fn consume(&self, message: Message) -> Result<(), ConsumeError> {
        let id = message
            .id
            .parse()
            .map_err(|_| ConsumeError::Poison("its id is not an event's".to_owned()))?;
        match self.fan_out(id).await {
            Ok(()) => {
                self.deliveries_due().notify_one();
                Ok(())
            }
            Err(error) => {
                tracing::error!(event.id = %id, cause = chain(&error), "not taken note of");
                Err(ConsumeError::Unavailable)
            }
        }
    }

    /// The deliveries and the mark that the event has had its effect are one transaction: a message that
    /// comes twice has it once.
    async fn fan_out(&self, id: EventId) -> Result<(), Internal> {
        let now = self.now();
        self.storage()
            .write(async |tx: &Tx| {
                let Some(event) = outbox::record_effect_for_worker(tx, id, now).await? else {
                    return Ok(());
                };
                let targets: Vec<NewDelivery> = endpoints::list(tx, event.institution)
                    .await?
                    .iter()
                    .filter(|endpoint| match event.endpoint {
                        Some(only) => endpoint.id == only,
                        None => endpoint.wants(event.event_type),
                    })
                    .map(|endpoint| NewDelivery {
                        id: DeliveryId::new(self.next_id()),
                        event: event.id,
                        endpoint: endpoint.id,
                        institution: event.institution,
                    })
                    .collect();
                deliveries::insert_for_worker(tx, &targets, now).await?;
                Ok::<_, Internal>(())
            })
            .await
    }
}
