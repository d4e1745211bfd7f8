//! How much a process sends at the same time, and to whom.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::EndpointId;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::Assignment;

/// How many attempts a process has under way.
pub(super) const CONCURRENCY: usize = 128;
/// How many of them one endpoint may have, so that a slow one starves nobody.
pub(super) const PER_ENDPOINT: usize = 8;

/// Attempts under way, counted; and the way to the loop that makes them.
#[derive(Default)]
pub(crate) struct Slots {
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Default)]
struct Taken {
    count: usize,
    of_endpoint: HashMap<EndpointId, usize>,
    /// The loop, while it runs in this process.
    sender: Option<UnboundedSender<Assignment>>,
}

impl Slots {
    /// From now on deliveries can be handed to the caller.
    pub(super) fn open(&self) -> UnboundedReceiver<Assignment> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.taken().sender = Some(sender);
        receiver
    }

    /// From now on no slot is given to anybody who would hand a delivery over.
    pub(super) fn close(&self) {
        self.taken().sender = None;
    }

    /// A slot for a delivery that is to be handed over, if this process sends at all and has one to spare.
    pub(crate) fn take(self: &Arc<Self>, endpoint: EndpointId) -> Option<Slot> {
        let mut taken = self.taken();
        let of_endpoint = taken.of_endpoint.get(&endpoint).copied();
        if taken.sender.is_none()
            || taken.count >= CONCURRENCY
            || of_endpoint.unwrap_or_default() >= PER_ENDPOINT
        {
            return None;
        }
        Some(self.occupy_in(&mut taken, endpoint))
    }

    /// A slot for a delivery that is leased already; there may be one more than usual then.
    pub(super) fn occupy(self: &Arc<Self>, endpoint: EndpointId) -> Slot {
        self.occupy_in(&mut self.taken(), endpoint)
    }

    fn occupy_in(self: &Arc<Self>, taken: &mut Taken, endpoint: EndpointId) -> Slot {
        taken.count += 1;
        *taken.of_endpoint.entry(endpoint).or_default() += 1;
        Slot {
            slots: Arc::clone(self),
            endpoint,
        }
    }

    /// Gives a leased delivery to the loop. Should it have ended in between, the lease runs out, and
    /// another process takes it up.
    pub(crate) fn hand_over(&self, assignment: Assignment) {
        let sender = self.taken().sender.clone();
        if let Some(sender) = sender {
            sender.send(assignment).ok();
        }
    }

    pub(super) fn free(&self) -> usize {
        CONCURRENCY.saturating_sub(self.taken().count)
    }

    /// The endpoints that have as many attempts under way as they may.
    pub(super) fn busy(&self) -> Vec<EndpointId> {
        self.taken()
            .of_endpoint
            .iter()
            .filter(|(_, count)| **count >= PER_ENDPOINT)
            .map(|(id, _)| *id)
            .collect()
    }

    /// Ends when a slot was freed since the last time.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt under way; free again when dropped.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    endpoint: EndpointId,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        taken.count -= 1;
        if let Some(count) = taken.of_endpoint.get_mut(&self.endpoint) {
            *count -= 1;
            if *count == 0 {
                taken.of_endpoint.remove(&self.endpoint);
            }
        }
        drop(taken);
        self.slots.freed.notify_one();
    }
}
