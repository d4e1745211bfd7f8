//! `shopgrant openapi`

use std::process::ExitCode;

use clap::Args;

use crate::command::Failure;
use crate::output;

/// Print the OpenAPI document of the institution API
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shopgrant openapi > openapi.json")]
pub(crate) struct PrintOpenapi {}

pub(crate) fn run() -> Result<ExitCode, Failure> {
    output::line(server::openapi().to_pretty_json()?)?;
    Ok(ExitCode::SUCCESS)
}
