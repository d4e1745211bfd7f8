//! `shopgrant bench`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use tracing_subscriber::filter::LevelFilter;

use crate::bench::{self, BenchOptions, DeliverOptions, ScaleOptions, StartOptions};
use crate::command::{Failure, log_as_text};

/// Measure this program on this machine, beside what the machine can do
///
/// It starts and stops everything that it needs. It ends with 1 if a result was lost, doubled or wrong,
/// and never because a figure is low.
#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    Start(StartOptions),
    Flow(Flow),
    Deliver(DeliverOptions),
    Query(Query),
    Scale(ScaleOptions),
    Footprint(Footprint),
}

/// Whole authorizations per second, from the call to the webhook
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shopgrant bench flow --database-url postgres://127.0.0.1/postgres"
)]
pub(crate) struct Flow {
    #[command(flatten)]
    common: BenchOptions,
}

/// Memory at rest and under load, and the time until it is ready
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  shopgrant bench footprint --database-url postgres://127.0.0.1/postgres"
)]
pub(crate) struct Footprint {
    #[command(flatten)]
    common: BenchOptions,
}

/// Queries per second, beside an endpoint that only verifies the signature
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shopgrant bench query --seconds 5")]
pub(crate) struct Query {
    #[command(flatten)]
    common: BenchOptions,
}

/// The platforms and the receiver of webhooks of `bench`, as a process of their own
#[derive(Debug, Args)]
#[command(after_help = "Example, as `bench` starts it:\n  shopgrant bench-peer")]
pub(crate) struct BenchPeer {}

impl Bench {
    pub(crate) async fn run(self) -> Result<ExitCode, Failure> {
        log_as_text(LevelFilter::WARN)?;
        match self {
            Self::Start(options) => {
                Box::pin(bench::conclude(&options.common, bench::start(&options))).await
            }
            Self::Flow(options) => {
                Box::pin(bench::conclude(
                    &options.common,
                    bench::flow(&options.common),
                ))
                .await
            }
            Self::Scale(options) => {
                Box::pin(bench::conclude(&options.common, bench::scale(&options))).await
            }
            Self::Deliver(options) => {
                Box::pin(bench::conclude(&options.common, bench::deliver(&options))).await
            }
            Self::Query(options) => {
                Box::pin(bench::conclude(
                    &options.common,
                    bench::query(&options.common),
                ))
                .await
            }
            Self::Footprint(options) => {
                Box::pin(bench::conclude(
                    &options.common,
                    bench::footprint(&options.common),
                ))
                .await
            }
        }
    }
}

/// Runs the peer until its input ends or it is told to.
pub(crate) async fn run_peer() -> Result<ExitCode, Failure> {
    log_as_text(LevelFilter::WARN)?;
    bench::run_peer().await?;
    Ok(ExitCode::SUCCESS)
}
