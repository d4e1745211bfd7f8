//! What every measurement can be told.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;

/// Runs below this are too few for a median.
const FEWEST_RUNS: u64 = 5;

#[derive(Clone, Debug, Args)]
pub(crate) struct BenchOptions {
    /// A PostgreSQL server, on which a database is made and dropped again; a new SQLite file if absent
    #[arg(long, value_name = "URL")]
    pub(super) database_url: Option<SecretString>,
    /// A RabbitMQ, whose exchanges and queues are used as they are; the bus inside the process if absent
    #[arg(long, value_name = "URL")]
    pub(super) amqp_url: Option<SecretString>,
    /// How often everything is measured; the figures are medians
    #[arg(long, value_name = "COUNT", default_value_t = FEWEST_RUNS,
          value_parser = clap::value_parser!(u64).range(FEWEST_RUNS..))]
    runs: u64,
    /// Measured operations of a run, where operations are counted
    #[arg(long, value_name = "COUNT")]
    operations: Option<NonZeroU64>,
    /// Seconds of a run, where time is given
    #[arg(long, value_name = "SECONDS", default_value = "3")]
    seconds: NonZeroU32,
    /// Connections of the generator, and clients of the raw database
    #[arg(long, value_name = "COUNT", default_value = "32")]
    pub(super) connections: NonZeroU32,
    /// One short run, to see that it works; its figures say little
    #[arg(long)]
    pub(super) quick: bool,
    /// Print everything as JSON, the values of each run too
    #[arg(long)]
    pub(super) json: bool,
    /// What the measured processes log, in the words of `RUST_LOG`
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    pub(super) log: String,
}

impl BenchOptions {
    pub(super) fn runs(&self) -> u64 {
        if self.quick { 1 } else { self.runs }
    }

    /// Operations of a run: what was asked for, or the measurement's own numbers.
    pub(super) fn operations(&self, usual: u64, quick: u64) -> u64 {
        match self.operations {
            Some(operations) => operations.get(),
            None if self.quick => quick,
            None => usual,
        }
    }

    pub(super) fn span(&self) -> Duration {
        if self.quick {
            Duration::from_millis(500)
        } else {
            Duration::from_secs(u64::from(self.seconds.get()))
        }
    }
}
