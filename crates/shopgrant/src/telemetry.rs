//! Logs, to stderr. `RUST_LOG` says how much of them.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter};

use crate::settings::LogFormat;

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    #[error("RUST_LOG cannot be read")]
    Filter(#[from] tracing_subscriber::filter::FromEnvError),
    #[error("a log filter of our own cannot be read")]
    Directive(#[from] tracing_subscriber::filter::ParseError),
    #[error("the log is set up already")]
    Twice(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Logs what is at least as grave as `level` where `RUST_LOG` says nothing else.
pub(crate) fn start(format: LogFormat, level: LevelFilter) -> Result<(), TelemetryError> {
    let quieter: Directive = messaging::LOG_DIRECTIVE.parse()?;
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .from_env()?
        .add_directive(quieter);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().try_init(),
    }
    .map_err(TelemetryError::Twice)
}
