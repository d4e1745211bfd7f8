//! Carries committed events from the outbox to the bus.

use std::time::Duration;

use bytes::Bytes;
use domain::{EventId, LeaseId};
use messaging::Message;
use storage::outbox::Event;
use storage::{Tx, outbox};

use crate::Broker;
use crate::crash_point::CrashPoint;
use crate::internal::{Internal, chain};
use crate::workers::Progress;

/// How many events are published at once.
const BATCH: u64 = 100;
/// Longer than the bus takes to say yes or no: no other relay publishes them meanwhile.
const LEASE: Duration = Duration::from_secs(30);
/// When an event that the bus did not take is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// When an event is published again whose consumer has left no trace.
const EFFECT_OVERDUE: Duration = Duration::from_mins(5);

impl Broker {
    /// Places and publishes what is due. What the bus does not take stays in the outbox; several relays
    /// may run.
    pub async fn relay_step(&self) -> Result<Progress, Internal> {
        let now = self.now();
        if !outbox::has_work_for_worker(self.storage(), now).await? {
            return Ok(Progress::Idle);
        }
        let lease = LeaseId::new(self.next_id());
        let events = self
            .storage()
            .write(async |tx: &Tx| {
                outbox::place_for_worker(tx, BATCH).await?;
                outbox::lease_for_worker(tx, now, lease, now + LEASE, BATCH).await
            })
            .await?;
        if events.is_empty() {
            return Ok(Progress::Worked);
        }
        let (taken, refused) = self.publish(&events).await;
        self.reach(CrashPoint::Published);
        let now = self.now();
        self.storage()
            .write(async |tx: &Tx| {
                let again = now + EFFECT_OVERDUE;
                outbox::mark_published_for_worker(tx, lease, &taken, now, again).await?;
                outbox::release_for_worker(tx, lease, &refused, now + RETRY).await
            })
            .await?;
        Ok(Progress::Worked)
    }

    /// Which events the bus took, and which it did not.
    async fn publish(&self, events: &[Event]) -> (Vec<EventId>, Vec<EventId>) {
        let messages: Vec<Message> = events.iter().map(message).collect();
        let results = self.bus().publish(&messages).await;
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        let mut first_error = None;
        for (event, result) in events.iter().zip(results) {
            match result {
                Ok(()) => taken.push(event.id),
                Err(error) => {
                    refused.push(event.id);
                    first_error.get_or_insert(error);
                }
            }
        }
        if let Some(error) = first_error {
            let cause = chain(&error);
            tracing::warn!(events = refused.len(), cause, "the bus did not take events");
        }
        (taken, refused)
    }
}

fn message(event: &Event) -> Message {
    Message {
        id: event.id.to_string(),
        routing_key: format!("{}.{}", event.app_id, event.event_type),
        platform: event.store.map(|store| store.platform.code().to_owned()),
        store_id: event.store.map(|store| store.id.to_string()),
        body: Bytes::from(event.payload.clone()),
    }
}
