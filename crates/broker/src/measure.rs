//! What is counted about the work of a process, in the words of its monitor.
//!
//! A label's value is `'static`: what an institution, a seller or a platform sends cannot become one, and the
//! number of series is that of the words below.

use std::fmt;
use std::time::{Duration, Instant};

use domain::FailReason;
use domain::delivery::AttemptError;
use domain::{AuthType, Platform, Store};
use messaging::PublisherState;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use storage::attempts::Attempt;
use storage::backlog::Waiting;

use crate::Broker;

/// The limits of the buckets, in seconds, up to the time that an endpoint has to answer.
const ATTEMPT_BUCKETS: [f64; 11] = [
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 5.0, 15.0,
];

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The counters of one broker. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Measures {
    flows: Family<Labels<4>, Counter>,
    published: Family<Labels<1>, Counter>,
    attempts: Family<Labels<1>, Counter>,
    attempt_durations: Histogram,
    refreshes: Family<Labels<2>, Counter>,
    nonces_refused: Counter,
    deleted: Family<Labels<1>, Counter>,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            flows: Family::default(),
            published: Family::default(),
            attempts: Family::default(),
            attempt_durations: Histogram::new(ATTEMPT_BUCKETS),
            refreshes: Family::default(),
            nonces_refused: Counter::default(),
            deleted: Family::default(),
        }
    }
}

impl Measures {
    /// An authorization ended; to be called behind the commit that `store` was written by.
    pub(crate) fn flow_ended(&self, store: &Store) {
        let labels = [
            ("platform", store.platform.code()),
            ("auth_type", store.auth_type.map_or("", AuthType::code)),
            ("outcome", store.status().code()),
            ("reason", store.fail_reason().map_or("", FailReason::code)),
        ];
        self.flows.get_or_create(&labels).inc();
    }

    /// The bus took some events of a batch, and others not.
    pub(crate) fn published(&self, taken: usize, refused: usize) {
        for (result, count) in [("taken", taken), ("refused", refused)] {
            if let (1.., Ok(count)) = (count, u64::try_from(count)) {
                let labels = [("result", result)];
                self.published.get_or_create(&labels).inc_by(count);
            }
        }
    }

    /// An endpoint was called, or could not be.
    pub(crate) fn attempted(&self, attempt: &Attempt) {
        let labels = [("result", result(attempt))];
        self.attempts.get_or_create(&labels).inc();
        let duration = attempt.duration.as_secs_f64();
        self.attempt_durations.observe(duration);
    }

    /// A grant was renewed, or was not.
    pub(crate) fn refreshed(&self, platform: Platform, outcome: &'static str) {
        let labels = [("platform", platform.code()), ("outcome", outcome)];
        self.refreshes.get_or_create(&labels).inc();
    }

    /// A call came with a nonce that was used before.
    pub(crate) fn nonce_refused(&self) {
        self.nonces_refused.inc();
    }

    pub(crate) fn deleted(&self, table: &'static str, rows: u64) {
        self.deleted.get_or_create(&[("table", table)]).inc_by(rows);
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "authorizations_ended",
            "Authorizations that ended, by platform, type, status of the store and reason",
            self.flows.clone(),
        );
        registry.register(
            "outbox_events_published",
            "Events that were handed to the bus, by whether it took them",
            self.published.clone(),
        );
        registry.register(
            "webhook_attempts",
            "Attempts to deliver an event, by the endpoint's status or by what went wrong",
            self.attempts.clone(),
        );
        registry.register_with_unit(
            "webhook_attempt_duration",
            "How long these attempts took",
            Unit::Seconds,
            self.attempt_durations.clone(),
        );
        registry.register(
            "grant_refreshes",
            "Attempts to renew a grant, by platform and outcome",
            self.refreshes.clone(),
        );
        registry.register(
            "nonces_refused",
            "Signed calls whose nonce was used before",
            self.nonces_refused.clone(),
        );
        registry.register(
            "retention_rows_deleted",
            "Rows that were deleted because nobody needs them any more, by table",
            self.deleted.clone(),
        );
    }
}

/// 410 ends a delivery, and so is no 4xx like the others.
fn result(attempt: &Attempt) -> &'static str {
    match (attempt.status_code, attempt.error) {
        (Some(410), _) => "410",
        (Some(200..300), _) => "2xx",
        (Some(300..400), _) => "3xx",
        (Some(400..500), _) => "4xx",
        (Some(500..600), _) => "5xx",
        (Some(_), _) | (None, None | Some(AttemptError::Status)) => "other",
        (None, Some(AttemptError::TimedOut)) => "timed_out",
        (None, Some(AttemptError::ConnectFailed)) => "connect_failed",
        (None, Some(AttemptError::Refused)) => "refused",
        (None, Some(AttemptError::Interrupted)) => "interrupted",
    }
}

impl Broker {
    /// Adds everything that is counted here and below.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.measures().register(registry);
        self.storage().register_metrics(registry);
        self.egress().register_metrics(registry);
        registry.register_collector(Box::new(Gauges(self.clone())));
    }
}

/// What is read at the moment of the question, and is left out where it is not known.
struct Gauges(Broker);

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gauges")
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let broker = &self.0;
        let reading = broker.readings().last();
        if let Some(reading) = &reading {
            let is_up = i64::from(reading.backlog.is_some());
            let help = "Whether the database answered when it was asked for the backlogs";
            gauge(&mut encoder, "database_up", help, None, is_up)?;
        }
        if let Some(backlog) = reading.and_then(|reading| reading.backlog) {
            let now = broker.now();
            let age = |waiting: Waiting| match waiting.oldest {
                Some(oldest) => (now - oldest).to_std().unwrap_or_default(),
                None => Duration::ZERO,
            };
            for (name, what, waiting) in [
                (
                    "outbox_events_waiting",
                    "Events that have had no effect yet",
                    backlog.events,
                ),
                (
                    "deliveries_due",
                    "Deliveries that are due or under way",
                    backlog.deliveries,
                ),
                ("key_proofs_due", "Pasted keys to prove", backlog.key_proofs),
                (
                    "authorizations_overdue",
                    "Authorizations past their deadline that nobody has ended",
                    backlog.overdue,
                ),
            ] {
                let count = i64::try_from(waiting.count).unwrap_or(i64::MAX);
                let help = format!("{what}, counted to 10001");
                gauge(&mut encoder, name, &help, None, count)?;
                let help = format!("{what}: for how long the oldest of them has waited");
                let name = format!("{name}_oldest_age");
                let age = age(waiting).as_secs_f64();
                gauge(&mut encoder, &name, &help, Some(&Unit::Seconds), age)?;
            }
        }
        if let Some(parked) = reading.and_then(|reading| reading.parked) {
            let help = "Messages of the bus that can never be handled";
            let parked = i64::try_from(parked).unwrap_or(i64::MAX);
            gauge(&mut encoder, "bus_messages_parked", help, None, parked)?;
        }
        encode_bus(broker, &mut encoder)?;
        encode_pulse(broker, &mut encoder)
    }
}

fn encode_bus(broker: &Broker, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let bus = broker.bus().status();
    let help = "Whether events are taken from the bus by this process";
    gauge(
        encoder,
        "bus_consuming",
        help,
        None,
        i64::from(bus.is_consuming),
    )?;
    let mut states = encoder.encode_descriptor(
        "bus_publisher",
        "The state of the connection on which this process publishes: 1 beside the one that it is in",
        None,
        MetricType::Gauge,
    )?;
    for (state, name) in [
        (PublisherState::Ready, "ready"),
        (PublisherState::Disconnected, "disconnected"),
        (PublisherState::Blocked, "blocked"),
        (PublisherState::Unanswered, "unanswered"),
    ] {
        let is_in = i64::from(bus.publisher == state);
        ConstGauge::new(is_in).encode(states.encode_family(&[("state", name)])?)?;
    }
    Ok(())
}

fn encode_pulse(broker: &Broker, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let beats = broker.pulse().ages(Instant::now());
    if beats.is_empty() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(
        "worker_progress_age",
        "How long ago each loop of a worker last got to the end of a step",
        Some(&Unit::Seconds),
        MetricType::Gauge,
    )?;
    for (worker, age) in beats {
        let labels = [("worker", worker.name())];
        ConstGauge::new(age.as_secs_f64()).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauge<N>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: N,
) -> Result<(), fmt::Error>
where
    ConstGauge<N>: EncodeMetric,
{
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
}
