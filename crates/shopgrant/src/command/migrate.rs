//! `shopgrant migrate`

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use crate::command::{Failure, settings_of_short_command};
use crate::{output, wiring};

/// Bring the database's schema up to date
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shopgrant migrate --config /etc/shopgrant.toml")]
pub(crate) struct Migrate {}

pub(crate) async fn run(config: Option<&Path>) -> Result<ExitCode, Failure> {
    let settings = settings_of_short_command(config)?;
    wiring::migrate(&settings).await?;
    output::line("The schema is up to date.")?;
    Ok(ExitCode::SUCCESS)
}
