//! Sends events to webhook endpoints. The timers are rows, so that a restart goes on where it stopped.

mod record;
mod sending;
mod slots;

use std::time::Duration;

use domain::LeaseId;
use futures_util::future::join_all;
use storage::deliveries::DueDelivery;
use storage::{News, Tx, deliveries};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use self::record::Ended;
use self::slots::{CONCURRENCY, PER_ENDPOINT};
pub(crate) use self::slots::{Slot, Slots};
use crate::Broker;
use crate::crash_point::CrashPoint;
use crate::internal::{Internal, chain};
use crate::pulse::Worker;
use crate::workers::Progress;

/// By how much a lease outlives the time that an endpoint has to answer.
const LEASE_SLACK: Duration = Duration::from_secs(5);

/// A delivery that this process has leased, and the slot that it takes until it is recorded.
pub(crate) struct Assignment {
    pub(crate) due: DueDelivery,
    pub(crate) lease: LeaseId,
    pub(crate) slot: Slot,
}

impl Broker {
    /// Tries the deliveries that are due, and ends when all of them are recorded.
    pub async fn delivery_step(&self) -> Result<Progress, Internal> {
        let lease = LeaseId::new(self.next_id());
        let due = self.lease_deliveries(lease, CONCURRENCY).await?;
        if due.is_empty() {
            return Ok(Progress::Idle);
        }
        let attempts = due.into_iter().map(|due| self.attempt(due, lease, None));
        let ended: Vec<Ended> = join_all(attempts).await.into_iter().flatten().collect();
        self.record(&ended).await;
        Ok(Progress::Worked)
    }

    /// Delivers until `shutdown`, and then finishes what is under way.
    pub(crate) async fn run_deliveries(&self, shutdown: CancellationToken) {
        let (ended, to_record) = mpsc::unbounded_channel();
        tokio::join!(
            self.make_attempts(shutdown, ended),
            self.record_attempts(to_record)
        );
    }

    async fn make_attempts(&self, shutdown: CancellationToken, ended: UnboundedSender<Ended>) {
        let mut under_way = JoinSet::new();
        let mut handed_over = self.slots().open();
        let mut commits = self.storage().commits(News::Deliveries);
        let mut should_look = true;
        let mut may_be_more = false;
        while !shutdown.is_cancelled() {
            if std::mem::take(&mut should_look) {
                // What is committed from here on wakes us, even if this look does not see it.
                commits.mark_unchanged();
                may_be_more = self.begin_due(&mut under_way, &ended).await;
            }
            tokio::select! {
                Some(assignment) = handed_over.recv() => {
                    self.begin(assignment, &mut under_way, &ended);
                }
                Some(attempt) = under_way.join_next() => check(attempt),
                () = self.slots().freed(), if may_be_more => should_look = true,
                _ = commits.changed() => should_look = true,
                _ = tokio::time::timeout(self.options().worker_poll, shutdown.cancelled()) => {
                    should_look = true;
                }
            }
        }
        self.slots().close();
        while let Some(assignment) = handed_over.recv().await {
            self.begin(assignment, &mut under_way, &ended);
        }
        while let Some(attempt) = under_way.join_next().await {
            check(attempt);
        }
    }

    /// Begins what is due and has a slot; `true` if there may be more that had none.
    async fn begin_due(&self, under_way: &mut JoinSet<()>, ended: &UnboundedSender<Ended>) -> bool {
        let lease = LeaseId::new(self.next_id());
        let free = self.slots().free();
        let due = match self.lease_deliveries(lease, free).await {
            Ok(due) => {
                self.pulse().beat(Worker::Delivery);
                due
            }
            Err(error) => {
                tracing::error!(cause = chain(&error), "deliveries could not be leased");
                return false;
            }
        };
        let has_found_some = !due.is_empty();
        for due in due {
            let slot = self.slots().occupy(due.endpoint.id);
            self.begin(Assignment { due, lease, slot }, under_way, ended);
        }
        // Fewer than there were slots says nothing: no endpoint gets more than its share of a lease.
        has_found_some || self.slots().free() == 0 || !self.slots().busy().is_empty()
    }

    /// Each attempt is a task of its own: one that waited for the loop to poll it could hold the one
    /// writer of SQLite, for which the loop's next lease waits.
    fn begin(
        &self,
        assignment: Assignment,
        under_way: &mut JoinSet<()>,
        ended: &UnboundedSender<Ended>,
    ) {
        let Assignment { due, lease, slot } = assignment;
        let (broker, ended) = (self.clone(), ended.clone());
        under_way.spawn(async move {
            if let Some(attempt) = broker.attempt(due, lease, Some(slot)).await {
                // Who records ends only after all who send.
                ended.send(attempt).ok();
            }
        });
    }

    /// One attempt; `None` if nothing could be sent, so that there is nothing to record.
    async fn attempt(&self, due: DueDelivery, lease: LeaseId, slot: Option<Slot>) -> Option<Ended> {
        match self.send(&due).await {
            Ok(sent) => {
                self.reach(CrashPoint::Delivered);
                Some(Ended {
                    due,
                    lease,
                    sent,
                    slot,
                })
            }
            // The lease runs out, and the delivery is tried again.
            Err(error) => {
                tracing::error!(delivery.id = %due.id, cause = chain(&error), "nothing was sent");
                None
            }
        }
    }

    /// How long nobody else tries a delivery that is tried now.
    pub(crate) fn delivery_lease(&self) -> Duration {
        self.options().webhook_timeout + LEASE_SLACK
    }

    async fn lease_deliveries(
        &self,
        lease: LeaseId,
        limit: usize,
    ) -> Result<Vec<DueDelivery>, Internal> {
        let now = self.now();
        if limit == 0 || !deliveries::has_due_for_worker(self.storage(), now).await? {
            return Ok(Vec::new());
        }
        let until = now + self.delivery_lease();
        let busy = self.slots().busy();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        loop {
            let leased = self
                .storage()
                .write(async |tx: &Tx| {
                    deliveries::lease_for_worker(tx, now, lease, until, &busy, PER_ENDPOINT, limit)
                        .await
                })
                .await?;
            // What cannot be read is put off by now, and what can be may be due behind it.
            if !leased.due.is_empty() || !leased.has_unreadable {
                return Ok(leased.due);
            }
        }
    }
}

/// None is ever aborted, so that one that did not end panicked, and so do we.
fn check(attempt: Result<(), JoinError>) {
    if let Err(error) = attempt {
        std::panic::resume_unwind(error.into_panic());
    }
}
