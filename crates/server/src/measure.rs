//! What is counted about calls, and about the process that answers them.

use std::fmt;
use std::fs;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::Method;
use chrono::{DateTime, Utc};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use rustix::param::page_size;
use rustix::time::{ClockId, clock_gettime};

use crate::code::Code;
use crate::signature::SignatureError;

/// The limits of the buckets, in seconds, up to the longest wait that a call may ask for.
const BUCKETS: [f64; 13] = [
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 30.0,
];

/// A route by its pattern: what stands in the path of a request may be as secret as its query.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: &'static str,
    /// Empty where no route matched.
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: &'static str,
    /// The code of the envelope; empty where there is none, as with pages.
    code: Option<u32>,
}

/// What keeps a caller from calling too often.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limited {
    Institution,
    Address,
}

/// The counters of one server. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Measures {
    requests: Family<Answered, Counter>,
    durations: Family<Route, Histogram>,
    signatures_refused: Family<[(&'static str, &'static str); 1], Counter>,
    limited: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            signatures_refused: Family::default(),
            limited: Family::default(),
        }
    }
}

impl Measures {
    /// A request was answered. `pattern` is that of the route that took it.
    pub(crate) fn answered<B>(
        &self,
        method: &Method,
        pattern: Option<String>,
        response: &HttpResponse<B>,
        duration: Duration,
    ) {
        let (method, route) = (name(method), pattern.unwrap_or_default());
        let answered = Answered {
            method,
            route: route.clone(),
            status: class(response.status().as_u16()),
            code: response.extensions().get().copied().map(Code::number),
        };
        self.requests.get_or_create(&answered).inc();
        self.durations
            .get_or_create(&Route { method, route })
            .observe(duration.as_secs_f64());
    }

    pub(crate) fn signature_refused(&self, error: &SignatureError) {
        let labels = [("reason", error.class())];
        self.signatures_refused.get_or_create(&labels).inc();
    }

    pub(crate) fn limited(&self, by: Limited) {
        let by = match by {
            Limited::Institution => "institution",
            Limited::Address => "address",
        };
        self.limited.get_or_create(&[("by", by)]).inc();
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_requests",
            "Answered requests, by route, method, class of the status and code of the envelope",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "How long requests took, those included that wait on purpose",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "signatures_refused",
            "Calls whose signature was not accepted, by kind of reason",
            self.signatures_refused.clone(),
        );
        registry.register(
            "requests_limited",
            "Requests that were answered 429, by what is counted",
            self.limited.clone(),
        );
    }
}

/// Anybody can invent a method, and none of those becomes a label.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        _ => "other",
    }
}

fn class(status: u16) -> &'static str {
    match status {
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500..600 => "5xx",
        _ => "other",
    }
}

/// Adds what the operating system knows about this process, and which version it is.
pub(crate) fn register_process(registry: &mut Registry, started_at: DateTime<Utc>) {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    registry.register("build", "The version of the program", Info::new(version));
    registry.register_collector(Box::new(Process { started_at }));
}

#[derive(Debug)]
struct Process {
    started_at: DateTime<Utc>,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let seconds = Some(&Unit::Seconds);
        #[expect(clippy::cast_precision_loss, reason = "it is exact for 285,000 years")]
        let started_at = self.started_at.timestamp_millis() as f64 / 1000.0;
        let start = encoder.encode_descriptor(
            "process_start_time",
            "When the server started, since 1970",
            seconds,
            MetricType::Gauge,
        )?;
        ConstGauge::new(started_at).encode(start)?;

        let used = clock_gettime(ClockId::ProcessCPUTime);
        let used = Duration::try_from(used).unwrap_or_default();
        let cpu = encoder.encode_descriptor(
            "process_cpu",
            "Processor time that the process has used",
            seconds,
            MetricType::Counter,
        )?;
        ConstCounter::new(used.as_secs_f64()).encode(cpu)?;

        if let Some(resident) = resident_bytes() {
            let memory = encoder.encode_descriptor(
                "process_resident_memory",
                "Memory that the process holds",
                Some(&Unit::Bytes),
                MetricType::Gauge,
            )?;
            ConstGauge::new(resident).encode(memory)?;
        }
        Ok(())
    }
}

/// From <https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html>; other systems have no such file.
fn resident_bytes() -> Option<u64> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let resident: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    resident.checked_mul(page_size().try_into().ok()?)
}
