//! Records attempts, all that have ended meanwhile in one transaction.

use std::collections::HashMap;

use domain::delivery::{AttemptError, DeliveryStatus, Verdict};
use domain::endpoint::{Endpoint, EndpointStatus};
use domain::{DeliveryId, EndpointId, EventType, LeaseId};
use storage::attempts::Attempt;
use storage::deliveries::{DueDelivery, Next};
use storage::{Tx, attempts, deliveries, endpoints, institutions};
use tokio::sync::mpsc::UnboundedReceiver;

use super::sending::Sent;
use super::slots::Slot;
use crate::Broker;
use crate::event::Audience;
use crate::internal::{Internal, chain};

/// How many attempts are recorded in one transaction.
const BATCH: usize = 128;

/// An attempt that has ended and is not recorded yet; its slot is free when it is.
pub(super) struct Ended {
    pub(super) due: DueDelivery,
    pub(super) lease: LeaseId,
    pub(super) sent: Sent,
    pub(super) slot: Option<Slot>,
}

/// What is written of it.
struct Record<'a> {
    due: &'a DueDelivery,
    lease: LeaseId,
    attempt: Attempt,
    verdict: Verdict,
    next: Next,
}

impl Broker {
    /// Records until all who send have ended.
    pub(super) async fn record_attempts(&self, mut ended: UnboundedReceiver<Ended>) {
        let mut batch = Vec::with_capacity(BATCH);
        while ended.recv_many(&mut batch, BATCH).await > 0 {
            self.record(&batch).await;
            for ended in batch.drain(..) {
                drop(ended.slot);
            }
        }
    }

    /// What cannot be recorded is tried again when its lease is over.
    pub(super) async fn record(&self, ended: &[Ended]) {
        let records: Vec<Record<'_>> = ended.iter().map(|ended| self.read(ended)).collect();
        let Err(error) = self.write_records(&records).await else {
            return;
        };
        if records.len() == 1 || !error.is_refusal() {
            let cause = chain(&error);
            tracing::error!(attempts = records.len(), cause, "attempts are not recorded");
            return;
        }
        // One that the database refuses, as when its row is gone, must not cost the others theirs.
        for record in &records {
            if let Err(error) = self.write_records(std::slice::from_ref(record)).await {
                let (id, cause) = (record.due.id, chain(&error));
                tracing::error!(delivery.id = %id, cause, "the attempt is not recorded");
            }
        }
    }

    fn read<'a>(&self, ended: &'a Ended) -> Record<'a> {
        let Ended {
            due, lease, sent, ..
        } = ended;
        let verdict = sent.verdict(self.now());
        let attempt = sent.attempt(self.next_id(), due.id);
        tracing::info!(
            delivery.id = %due.id, event.id = %due.event, attempt = due.attempts + 1,
            status = attempt.status_code, error = attempt.error.map(AttemptError::code),
            duration_ms = attempt.duration.as_millis(), "webhook sent"
        );
        self.measures().attempted(&attempt);
        Record {
            due,
            lease: *lease,
            attempt,
            verdict,
            next: self.next(due, verdict),
        }
    }

    async fn write_records(&self, records: &[Record<'_>]) -> Result<(), Internal> {
        let now = self.now();
        let attempts: Vec<Attempt> = records
            .iter()
            .map(|record| record.attempt.clone())
            .collect();
        let mut delivered: HashMap<LeaseId, Vec<DeliveryId>> = HashMap::new();
        // In one order for all processes, so that no two wait for each other's endpoints.
        let mut answered: Vec<&Record<'_>> = Vec::new();
        for record in records {
            if let Next::End(DeliveryStatus::Delivered) = record.next {
                delivered
                    .entry(record.lease)
                    .or_default()
                    .push(record.due.id);
            }
            answered.push(record);
        }
        answered.sort_unstable_by_key(|record| record.due.endpoint.id);
        self.storage()
            .write_optimistically(async |tx: &Tx| {
                attempts::insert_for_worker(tx, &attempts).await?;
                for (lease, ids) in &delivered {
                    deliveries::end_as_delivered_for_worker(tx, *lease, ids, now).await?;
                }
                for record in records {
                    if !matches!(record.next, Next::End(DeliveryStatus::Delivered)) {
                        let Record {
                            due, lease, next, ..
                        } = record;
                        deliveries::count_attempt_for_worker(tx, due.id, *lease, *next, now)
                            .await?;
                    }
                }
                let mut last: Option<EndpointId> = None;
                for record in &answered {
                    let endpoint = &record.due.endpoint;
                    match record.verdict {
                        Verdict::Delivered if last != Some(endpoint.id) => {
                            last = Some(endpoint.id);
                            self.verify_endpoint(tx, endpoint).await?;
                        }
                        Verdict::Gone => self.disable_endpoint(tx, endpoint).await?,
                        Verdict::Delivered | Verdict::Retry { .. } => {}
                    }
                }
                Ok(())
            })
            .await
    }

    fn next(&self, due: &DueDelivery, verdict: Verdict) -> Next {
        let not_before = match verdict {
            Verdict::Delivered => return Next::End(DeliveryStatus::Delivered),
            Verdict::Gone => None,
            Verdict::Retry { not_before } => not_before,
        };
        let schedule = &self.options().retry_schedule;
        match schedule.wait_after(due.attempts + 1, self.chance()) {
            Some(wait) => Next::Try {
                at: self.now() + wait.max(not_before.unwrap_or_default()),
            },
            None => Next::End(DeliveryStatus::Exhausted),
        }
    }

    async fn verify_endpoint(&self, tx: &Tx, endpoint: &Endpoint) -> Result<(), Internal> {
        if endpoint.status == EndpointStatus::Unverified {
            let (before, after) = (EndpointStatus::Unverified, EndpointStatus::Active);
            endpoints::change_status_for_worker(tx, endpoint.id, before, after).await?;
        }
        Ok(())
    }

    /// Stops sending to an endpoint that said it is gone, and tells the institution's others.
    async fn disable_endpoint(&self, tx: &Tx, endpoint: &Endpoint) -> Result<(), Internal> {
        let disabled = Endpoint {
            status: EndpointStatus::Disabled,
            ..endpoint.clone()
        };
        let was = endpoint.status;
        if !endpoints::change_status_for_worker(tx, endpoint.id, was, disabled.status).await? {
            return Ok(());
        }
        let Some(institution) = institutions::find(tx, endpoint.institution).await? else {
            return Ok(());
        };
        let (event_type, others) = (EventType::EndpointDisabled, Audience::TheOthers);
        self.tell_endpoint(tx, &institution, event_type, &disabled, others)
            .await?;
        Ok(())
    }
}
