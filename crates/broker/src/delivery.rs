//! Sends events to webhook endpoints. The timers are rows, so that a restart goes on where it stopped.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::delivery::{AttemptError, DeliveryStatus, Verdict};
use domain::endpoint::{Endpoint, EndpointStatus};
use domain::{DeliveryId, EndpointId, EventType, LeaseId};
use egress::{EgressError, Oversize, Request, Response};
use futures_util::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use storage::attempts::Attempt;
use storage::deliveries::{DueDelivery, Next};
use storage::sealing::Place;
use storage::{Tx, attempts, deliveries, endpoints, institutions};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::Broker;
use crate::crash_point::CrashPoint;
use crate::event::Audience;
use crate::internal::{Internal, chain};
use crate::webhook_signature::sign_webhook;
use crate::workers::Progress;

/// How many attempts a process has under way.
const CONCURRENCY: usize = 128;
/// How many of them one endpoint may have, so that a slow one starves nobody.
const PER_ENDPOINT: usize = 8;
/// How much of an answer is kept for operators.
const EXCERPT_BYTES: usize = 1024;
/// By how much a lease outlives the time that an endpoint has to answer.
const LEASE_SLACK: Duration = Duration::from_secs(15);

/// A lease on deliveries to try.
struct Leased {
    lease: LeaseId,
    due: Vec<DueDelivery>,
}

impl Broker {
    /// Tries the deliveries that are due, and ends when all of them are recorded.
    pub async fn delivery_step(&self) -> Result<Progress, Internal> {
        let leased = self.lease_deliveries(&[], CONCURRENCY).await?;
        if leased.due.is_empty() {
            return Ok(Progress::Idle);
        }
        join_all(
            leased
                .due
                .into_iter()
                .map(|due| self.deliver(due, leased.lease)),
        )
        .await;
        Ok(Progress::Worked)
    }

    /// Delivers until `shutdown`, and then finishes what is under way.
    pub(crate) async fn run_deliveries(&self, shutdown: CancellationToken) {
        // Each in a task of its own: one that waited for this loop to poll it could hold the one writer of
        // SQLite, for which the loop's next lease waits.
        let mut under_way = JoinSet::new();
        let mut per_endpoint: HashMap<EndpointId, usize> = HashMap::new();
        let mut commits = self.storage().commits();
        while !shutdown.is_cancelled() {
            while let Some(ended) = under_way.try_join_next() {
                end_one(&mut per_endpoint, ended);
            }
            let free = CONCURRENCY - under_way.len();
            let busy: Vec<EndpointId> = per_endpoint
                .iter()
                .filter(|(_, count)| **count >= PER_ENDPOINT)
                .map(|(id, _)| *id)
                .collect();
            let leased = match self.lease_deliveries(&busy, free).await {
                Ok(leased) => leased,
                Err(error) => {
                    tracing::error!(cause = chain(&error), "deliveries could not be leased");
                    Leased {
                        lease: LeaseId::new(self.next_id()),
                        due: Vec::new(),
                    }
                }
            };
            let found_some = !leased.due.is_empty();
            for due in leased.due {
                let endpoint = due.endpoint.id;
                *per_endpoint.entry(endpoint).or_default() += 1;
                let (broker, lease) = (self.clone(), leased.lease);
                under_way.spawn(async move {
                    broker.deliver(due, lease).await;
                    endpoint
                });
            }
            if found_some && under_way.len() < CONCURRENCY {
                continue;
            }
            tokio::select! {
                Some(ended) = under_way.join_next() => end_one(&mut per_endpoint, ended),
                () = self.deliveries_due().notified() => {}
                _ = commits.changed() => {}
                _ = tokio::time::timeout(self.options().worker_poll, shutdown.cancelled()) => {}
            }
        }
        while let Some(ended) = under_way.join_next().await {
            end_one(&mut per_endpoint, ended);
        }
    }

    async fn lease_deliveries(
        &self,
        busy: &[EndpointId],
        limit: usize,
    ) -> Result<Leased, Internal> {
        let lease = LeaseId::new(self.next_id());
        let now = self.now();
        if limit == 0 || !deliveries::has_due_for_worker(self.storage(), now).await? {
            return Ok(Leased {
                lease,
                due: Vec::new(),
            });
        }
        let until = now + self.options().webhook_timeout + LEASE_SLACK;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let due = self
            .storage()
            .write(async |tx: &Tx| {
                deliveries::lease_for_worker(tx, now, lease, until, busy, PER_ENDPOINT, limit).await
            })
            .await?;
        Ok(Leased { lease, due })
    }

    /// One attempt, and its record.
    async fn deliver(&self, due: DueDelivery, lease: LeaseId) {
        let id = due.id;
        let delivered = match self.send(&due).await {
            Ok(sent) => {
                self.reach(CrashPoint::Delivered);
                self.record(&due, lease, sent).await
            }
            Err(error) => Err(error),
        };
        // The lease runs out, and the delivery is tried again.
        if let Err(error) = delivered {
            tracing::error!(delivery.id = %id, cause = chain(&error), "the attempt is not recorded");
        }
    }

    async fn send(&self, due: &DueDelivery) -> Result<Sent, Internal> {
        let place = Place::EndpointSecret(due.endpoint.id);
        let secret = self.keyring().open(place, &due.secret)?;
        let started_at = self.now();
        let timestamp = started_at.timestamp();
        let event_id = due.event.to_string();
        let signature = sign_webhook(&secret, &event_id, timestamp, &due.payload)
            .ok_or_else(|| Internal::new("the secret of an endpoint is not of its form"))?;
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        for (name, value) in [
            ("webhook-id", event_id),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature.clone()),
        ] {
            let value = HeaderValue::try_from(value).map_err(Internal::new)?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let request = Request {
            method: Method::POST,
            url: Url::parse(&due.endpoint.url).map_err(Internal::new)?,
            headers,
            body: Bytes::from(due.payload.clone()),
            timeout: self.options().webhook_timeout,
            max_response_bytes: EXCERPT_BYTES,
            oversize: Oversize::Cut,
        };
        let clock = Instant::now();
        let answer = self.egress().send(request).await;
        Ok(Sent {
            started_at,
            duration: clock.elapsed(),
            timestamp,
            signature,
            answer,
        })
    }

    /// Records the attempt and how the delivery goes on, in one transaction.
    async fn record(&self, due: &DueDelivery, lease: LeaseId, sent: Sent) -> Result<(), Internal> {
        let verdict = sent.verdict(self.now());
        let next = self.next(due, verdict);
        let attempt = sent.into_attempt(self.next_id(), due.id);
        tracing::info!(
            delivery.id = %due.id, event.id = %due.event, attempt = due.attempts + 1,
            status = attempt.status_code, error = attempt.error.map(AttemptError::code),
            duration_ms = attempt.duration.as_millis(), "webhook sent"
        );
        let now = self.now();
        self.storage()
            .write(async |tx: &Tx| {
                attempts::insert_for_worker(tx, &attempt).await?;
                deliveries::count_attempt_for_worker(tx, due.id, lease, next, now).await?;
                match verdict {
                    Verdict::Delivered => self.verify_endpoint(tx, &due.endpoint).await,
                    Verdict::Gone => self.disable_endpoint(tx, &due.endpoint).await,
                    Verdict::Retry { .. } => Ok(()),
                }
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

fn end_one(per_endpoint: &mut HashMap<EndpointId, usize>, ended: Result<EndpointId, JoinError>) {
    let endpoint = match ended {
        Ok(endpoint) => endpoint,
        // None is ever aborted, so that it panicked, and so do we.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    if let Some(count) = per_endpoint.get_mut(&endpoint) {
        *count -= 1;
        if *count == 0 {
            per_endpoint.remove(&endpoint);
        }
    }
}

/// What was sent, and what came back.
struct Sent {
    started_at: DateTime<Utc>,
    duration: Duration,
    timestamp: i64,
    signature: String,
    answer: Result<Response, EgressError>,
}

impl Sent {
    fn verdict(&self, now: DateTime<Utc>) -> Verdict {
        match &self.answer {
            Ok(answer) => Verdict::of_status(answer.status.as_u16(), retry_after(answer, now)),
            Err(_) => Verdict::Retry { not_before: None },
        }
    }

    fn into_attempt(self, id: uuid::Uuid, delivery: DeliveryId) -> Attempt {
        let (status_code, error, answer_excerpt) = match self.answer {
            Ok(answer) => {
                let failed = !answer.status.is_success();
                let error = failed.then_some(AttemptError::Status);
                (
                    Some(answer.status.as_u16()),
                    error,
                    Some(answer.body.to_vec()),
                )
            }
            Err(error) => (None, Some(class(error)), None),
        };
        Attempt {
            id,
            delivery,
            started_at: self.started_at,
            duration: self.duration,
            status_code,
            error,
            webhook_timestamp: self.timestamp,
            signature: self.signature,
            answer_excerpt,
        }
    }
}

fn class(error: EgressError) -> AttemptError {
    match error {
        EgressError::Refused(_) => AttemptError::Refused,
        EgressError::ConnectFailed => AttemptError::ConnectFailed,
        EgressError::TimedOut => AttemptError::TimedOut,
        EgressError::TooLarge | EgressError::Interrupted => AttemptError::Interrupted,
    }
}

/// `Retry-After` in either of its forms (RFC 9110, section 10.2.3).
fn retry_after(answer: &Response, now: DateTime<Utc>) -> Option<Duration> {
    let text = answer
        .headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?.with_timezone(&Utc);
    (at - now).to_std().ok()
}
