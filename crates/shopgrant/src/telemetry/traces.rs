//! Traces over OTLP: the spans of our own crates, sent to a collector that the operator chose.
//!
//! A `traceparent` from outside is not read: everybody may call, and a stranger's header must neither force
//! a trace nor join one of ours. Calls to platforms and endpoints carry none, since they have no business
//! with our ids.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use super::TelemetryError;
use crate::settings::{Role, Settings};

/// The crates whose spans are told. Those of others hold what their authors saw fit, such as whole URLs.
const OURS: [&str; 7] = [
    "broker",
    "egress",
    "messaging",
    "platforms",
    "server",
    "shopgrant",
    "storage",
];

/// How long one delivery to the collector may take.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// How long the last spans of a process may take.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// How often it is said that the collector is away.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// The traces of this process; without a collector, nothing.
pub(crate) struct Traces {
    provider: Option<SdkTracerProvider>,
}

impl Traces {
    pub(super) fn new(settings: &Settings) -> Result<Self, TelemetryError> {
        let Some(base) = &settings.telemetry.otlp_endpoint else {
            return Ok(Self { provider: None });
        };
        let endpoint = format!("{}/v1/traces", base.as_str().trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new()?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint)
            .with_timeout(SEND_LIMIT)
            .build()?;
        let sampler = Sampler::TraceIdRatioBased(settings.telemetry.sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_resource(resource(settings.role))
            .build();
        Ok(Self {
            provider: Some(provider),
        })
    }

    /// What takes the spans from the program.
    pub(super) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer = self.provider.as_ref()?.tracer("shopgrant");
        let spans = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false);
        let ours = OURS.map(|name| (name, Level::INFO));
        Some(spans.with_filter(Targets::new().with_targets(ours)))
    }

    /// Sends what is still waiting, for a few seconds at most.
    pub(crate) async fn flush(self) {
        let Some(provider) = self.provider else {
            return;
        };
        // It waits for a thread of its own, which waits for this runtime.
        let flushed =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_LIMIT));
        if !matches!(flushed.await, Ok(Ok(()))) {
            tracing::debug!("the last traces were not delivered");
        }
    }
}

fn resource(role: Role) -> Resource {
    let role = match role {
        Role::All => "all",
        Role::Api => "api",
        Role::Worker => "worker",
    };
    Resource::builder_empty()
        .with_service_name("shopgrant")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("shopgrant.role", role),
        ])
        .build()
}

/// The way to the collector. The exporter calls it on a thread without a runtime, so the call itself runs
/// on that of the process.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    warned_at: Mutex<Option<Instant>>,
}

impl Collector {
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator chose the collector, which may well be a private address"
    )]
    fn new() -> Result<Self, TelemetryError> {
        // Losing the race to another installer is as good as winning it.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(SEND_LIMIT)
            .build()
            .map_err(TelemetryError::Client)?;
        Ok(Self {
            client,
            runtime: Handle::current(),
            warned_at: Mutex::new(None),
        })
    }

    fn warn(&self, problem: &str) {
        let mut warned_at = self
            .warned_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if warned_at.is_some_and(|instant| instant.elapsed() < WARNING_INTERVAL) {
            return;
        }
        *warned_at = Some(Instant::now());
        tracing::warn!(
            problem,
            "traces are lost, since the collector does not take them"
        );
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let answered = self.runtime.spawn(async move {
            let mut answer = client.execute(request.try_into()?).await?;
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = answer.status();
            std::mem::swap(response.headers_mut(), answer.headers_mut());
            *response.body_mut() = answer.bytes().await?;
            Ok::<_, reqwest::Error>(response)
        });
        match answered.await? {
            Ok(response) => {
                if !response.status().is_success() {
                    self.warn(response.status().as_str());
                }
                Ok(response)
            }
            Err(error) => {
                let error = error.without_url();
                self.warn(&crate::command::in_one_line(&error));
                Err(error.into())
            }
        }
    }
}
