//! Makes a delivery of each event for each endpoint that wants it.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use domain::endpoint::Endpoint;
use domain::{DeliveryId, EventId, LeaseId};
use messaging::{ConsumeError, Consumer, Message};
use storage::deliveries::{DueDelivery, NewDelivery};
use storage::outbox::Event;
use storage::sealing::Sealed;
use storage::{Tx, deliveries, endpoints, outbox};
use tokio_util::sync::CancellationToken;

use crate::Broker;
use crate::delivery::Assignment;
use crate::internal::{Internal, chain};

impl Broker {
    /// Takes messages from the bus until `shutdown`.
    pub async fn consume_events(&self, shutdown: CancellationToken) {
        let broker = self.clone();
        let consumer: Consumer = Arc::new(move |messages| {
            let broker = broker.clone();
            Box::pin(async move { broker.consume(&messages).await })
        });
        self.bus().consume(consumer, shutdown).await;
    }

    /// One result for each message, in their order.
    async fn consume(&self, messages: &[Message]) -> Vec<Result<(), ConsumeError>> {
        let ids: Vec<Option<EventId>> = messages
            .iter()
            .map(|message| message.id.parse().ok())
            .collect();
        let known: Vec<EventId> = ids.iter().copied().flatten().collect();
        let failed = self.take_note(&known).await;
        ids.into_iter()
            .map(|id| match id {
                None => Err(ConsumeError::Poison("its id is not an event's".to_owned())),
                Some(id) if failed.contains(&id) => Err(ConsumeError::Unavailable),
                Some(_) => Ok(()),
            })
            .collect()
    }

    /// Returns the events that could not be taken note of.
    async fn take_note(&self, ids: &[EventId]) -> HashSet<EventId> {
        let Err(error) = self.fan_out(ids).await else {
            return HashSet::new();
        };
        if ids.len() == 1 || !error.is_refusal() {
            let cause = chain(&error);
            tracing::error!(events = ids.len(), event.id = ?ids.first(), cause, "not taken note of");
            return ids.iter().copied().collect();
        }
        // One that cannot be told must not hold up the others.
        let mut failed = HashSet::new();
        for id in ids {
            if let Err(error) = self.fan_out(&[*id]).await {
                tracing::error!(event.id = %id, cause = chain(&error), "not taken note of");
                failed.insert(*id);
            }
        }
        failed
    }

    /// The deliveries and the mark that the events have had their effect are one transaction: a message
    /// that comes twice has it once. What this process can try at once is leased from the beginning, so
    /// that it need not be looked for.
    async fn fan_out(&self, ids: &[EventId]) -> Result<(), Internal> {
        let now = self.now();
        let lease = LeaseId::new(self.next_id());
        let lease_until = now + self.delivery_lease();
        let assigned = self
            .storage()
            .write_optimistically(async |tx: &Tx| {
                let (events, endpoints) = tokio::try_join!(
                    outbox::record_effects_for_worker(tx, ids, now),
                    endpoints::list_for_worker(tx, ids),
                )?;
                let (mut new, mut assigned) = (Vec::new(), Vec::new());
                for event in events {
                    let event = Target::of(event);
                    for (endpoint, secret) in event.endpoints(&endpoints) {
                        let slot = self.slots().take(endpoint.id);
                        let delivery = NewDelivery {
                            id: DeliveryId::new(self.next_id()),
                            event: event.event.id,
                            endpoint: endpoint.id,
                            institution: endpoint.institution,
                            lease: slot.is_some().then_some((lease, lease_until)),
                        };
                        new.push(delivery);
                        if let Some(slot) = slot {
                            let due = event.delivery(delivery.id, endpoint, secret);
                            assigned.push(Assignment { due, lease, slot });
                        }
                    }
                }
                deliveries::insert_for_worker(tx, &new, now).await?;
                Ok::<_, Internal>(assigned)
            })
            .await?;
        for assignment in assigned {
            self.slots().hand_over(assignment);
        }
        Ok(())
    }
}

/// An event on its way to endpoints.
struct Target {
    event: Event,
    payload: Bytes,
}

impl Target {
    fn of(mut event: Event) -> Self {
        let payload = Bytes::from(std::mem::take(&mut event.payload));
        Self { event, payload }
    }

    fn endpoints<'a>(
        &self,
        known: &'a [(Endpoint, Sealed)],
    ) -> impl Iterator<Item = &'a (Endpoint, Sealed)> {
        known.iter().filter(|(endpoint, _)| {
            endpoint.institution == self.event.institution
                && match self.event.endpoint {
                    Some(only) => endpoint.id == only,
                    None => endpoint.wants(self.event.event_type),
                }
        })
    }

    fn delivery(&self, id: DeliveryId, endpoint: &Endpoint, secret: &Sealed) -> DueDelivery {
        DueDelivery {
            id,
            event: self.event.id,
            payload: self.payload.clone(),
            endpoint: endpoint.clone(),
            secret: secret.clone(),
            attempts: 0,
        }
    }
}
