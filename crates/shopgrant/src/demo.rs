//! `shopgrant demo`: everything at once on this machine, with nothing prepared.

mod channels;
mod clock;
mod guided;
mod hosted_scenario;
mod institution;
mod key_scenario;
mod mailbox;
mod report;
mod scenario;
mod seller;
mod stage;
mod url_scenario;
mod week;

use std::process::ExitCode;

use clap::Args;
use secrecy::SecretString;
use tracing_subscriber::filter::LevelFilter;

use crate::command::{Failure, log_as_text};
use crate::signal::EndSignals;

use self::report::Report;
use self::stage::Stage;

/// Try everything on this machine, with simulated platforms
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shopgrant demo
  shopgrant demo --auto
  shopgrant demo --auto --database-url postgres://127.0.0.1/shopgrant_demo --amqp-url amqp://127.0.0.1

With --auto it ends with 0 only if every result arrived on all channels, and all of them agreed.")]
pub(crate) struct Demo {
    /// Play the seller too, through the flows of every platform
    #[arg(long)]
    auto: bool,
    /// A database to use in place of a temporary SQLite file; not one that serves real platforms
    #[arg(long, value_name = "URL")]
    database_url: Option<SecretString>,
    /// A RabbitMQ to use in place of the bus inside the process
    #[arg(long, value_name = "URL")]
    amqp_url: Option<SecretString>,
}

impl Demo {
    pub(crate) async fn run(self) -> Result<ExitCode, Failure> {
        log_as_text(LevelFilter::WARN)?;
        let mut signals = EndSignals::catch()?;
        let mut stage = Stage::set(self.database_url, self.amqp_url).await?;
        let played = tokio::select! {
            played = play(&mut stage, self.auto) => played,
            () = signals.recv() => Ok(interrupted(self.auto)),
        };
        stage.strike().await;
        played
    }
}

async fn play(stage: &mut Stage, is_auto: bool) -> Result<ExitCode, Failure> {
    if !is_auto {
        guided::play(stage).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut report = Report::default();
    scenario::play(stage, &mut report).await?;
    report.summarize()?;
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The guided demo is ended by an interrupt and no other way; half of the automatic one proves nothing.
fn interrupted(is_auto: bool) -> ExitCode {
    if is_auto {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
