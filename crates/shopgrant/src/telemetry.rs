//! Logs, to stderr, and traces, to a collector if one is set. `RUST_LOG` says how much is logged.

mod traces;

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::settings::{self, LogFormat, Settings};

pub(crate) use traces::Traces;

/// lapin tells each of its failures in several lines of its own. All of them come back as errors, and are
/// logged once, where they are handled. What PostgreSQL notices is that a table is there already.
const QUIET: &str = "lapin=off,sqlx::postgres::notice=off";

/// The log or the traces cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    #[error("RUST_LOG cannot be read")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("setting `telemetry.otlp_endpoint`")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    #[error("setting `telemetry.otlp_endpoint`")]
    Client(#[source] reqwest::Error),
    #[error("the log is set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Logs what is at least as grave as `level` where `RUST_LOG` says nothing else.
pub(crate) fn start(format: LogFormat, level: LevelFilter) -> Result<(), TelemetryError> {
    tracing_subscriber::registry()
        .with(log(format))
        .with(filter(level)?)
        .try_init()?;
    Ok(())
}

/// Logs, and traces if the settings name a collector. To be called inside of the Tokio runtime that lives
/// as long as the process.
pub(crate) fn start_with_traces(
    settings: &Settings,
    level: LevelFilter,
) -> Result<Traces, TelemetryError> {
    let traces = Traces::new(settings)?;
    let Some(layer) = traces.layer() else {
        start(settings.log.format, level)?;
        return Ok(traces);
    };
    // The filter is the log's own: what is traced does not depend on what is logged.
    let log = log(settings.log.format).with_filter(filter(level)?);
    tracing_subscriber::registry()
        .with(log)
        .with(layer)
        .try_init()?;
    Ok(traces)
}

fn log(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let log = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => log.json().boxed(),
    }
}

fn filter(level: LevelFilter) -> Result<EnvFilter, TelemetryError> {
    let mut wanted = settings::log_directives();
    if wanted.is_empty() {
        wanted = level.to_string();
    }
    // Later directives for a target replace earlier ones.
    Ok(EnvFilter::builder()
        .parse(format!("{QUIET},{wanted}"))?
        .add_directive(messaging::LOG_DIRECTIVE.parse()?))
}
