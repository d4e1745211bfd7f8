//! Carries committed events from the outbox to the bus.

use std::time::Duration;

use bytes::Bytes;
use domain::{EventId, LeaseId};
use messaging::{Custody, Message};
use storage::outbox::Event;
use storage::{Tx, outbox};

use crate::Broker;
use crate::crash_point::CrashPoint;
use crate::internal::{Internal, chain};
use crate::workers::Progress;

/// How many events are published at once.
const BATCH: u64 = 250;
/// Longer than the bus takes to say yes or no: no other relay publishes them meanwhile.
const LEASE: Duration = Duration::from_secs(30);
/// When an event that the bus did not take is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// When an event is published again whose consumer has left no trace.
const EFFECT_OVERDUE: Duration = Duration::from_mins(5);

impl Broker {
    /// Places and publishes what was committed, and publishes again what is due again. What the bus does
    /// not take stays in the outbox; several relays may run.
    pub async fn relay_step(&self) -> Result<Progress, Internal> {
        let lease = LeaseId::new(self.next_id());
        let until = self.now() + LEASE;
        let placed = self
            .storage()
            .write_optimistically(async |tx: &Tx| {
                outbox::place_for_worker(tx, lease, until, BATCH).await
            })
            .await?;
        let left = BATCH - u64::try_from(placed.len()).unwrap_or(BATCH);
        match self.carry(lease, &placed).await? {
            Progress::Worked if left == 0 => return Ok(Progress::Worked),
            Progress::Stuck => return Ok(Progress::Stuck),
            Progress::Idle | Progress::Worked => {}
        }
        let now = self.now();
        if !outbox::has_due_for_worker(self.storage(), now).await? {
            return Ok(if placed.is_empty() {
                Progress::Idle
            } else {
                Progress::Worked
            });
        }
        let until = now + LEASE;
        let again = self
            .storage()
            .write(async |tx: &Tx| outbox::lease_for_worker(tx, now, lease, until, left).await)
            .await?;
        self.carry(lease, &again).await
    }

    /// Publishes events under their lease.
    async fn carry(&self, lease: LeaseId, events: &[Event]) -> Result<Progress, Internal> {
        if events.is_empty() {
            return Ok(Progress::Idle);
        }
        let (taken, refused) = self.publish(events).await;
        self.reach(CrashPoint::Published);
        self.settle(lease, &taken, &refused).await?;
        if taken.is_empty() {
            // Whatever keeps the bus from taking these keeps it from taking the next ones.
            return Ok(Progress::Stuck);
        }
        Ok(Progress::Worked)
    }

    /// Marks what the bus has taken, and gives back what it has not.
    async fn settle(
        &self,
        lease: LeaseId,
        taken: &[EventId],
        refused: &[EventId],
    ) -> Result<(), Internal> {
        let now = self.now();
        // Where the consumer has committed already, its mark says more than ours would.
        if self.bus().custody() == Custody::Kept && !taken.is_empty() {
            let again = now + EFFECT_OVERDUE;
            self.storage()
                .write_optimistically(async |tx: &Tx| {
                    outbox::mark_published_for_worker(tx, lease, taken, now, again).await
                })
                .await?;
        }
        if !refused.is_empty() {
            self.storage()
                .write_optimistically(async |tx: &Tx| {
                    outbox::release_for_worker(tx, lease, refused, now + RETRY).await
                })
                .await?;
        }
        Ok(())
    }

    /// Which events the bus took, and which it did not.
    async fn publish(&self, events: &[Event]) -> (Vec<EventId>, Vec<EventId>) {
        let messages: Vec<Message> = events.iter().map(message).collect();
        let results = self.bus().publish(&messages).await;
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        let mut first_error = None;
        for (event, result) in events.iter().zip(results) {
            match result {
                Ok(()) => {
                    tracing::debug!(event.id = %event.id, "published");
                    taken.push(event.id);
                }
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
        self.measures().published(taken.len(), refused.len());
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
