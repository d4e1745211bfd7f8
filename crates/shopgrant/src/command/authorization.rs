//! `shopgrant authorization`

use std::path::Path;
use std::process::ExitCode;

use broker::{AttemptName, FoundAttempt, Operator};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::command::{Failure, settings_of_short_command};
use crate::{output, wiring};

/// Look up the attempt that a seller tells you the reference of
#[derive(Debug, Subcommand)]
pub(crate) enum AuthorizationCommand {
    Show(Show),
}

/// Print whose attempt it is, how it ended and when; nothing secret, and nothing of the seller's person
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shopgrant authorization show 0595-9440-0153
  shopgrant authorization show '0595 9440 0153' --json
  shopgrant authorization show auth_0192f0c1000070008000000000000001

It ends with 1 if there is no such attempt. Of a request id (req_…) the log tells more.")]
pub(crate) struct Show {
    /// The reference on the seller's page, or the attempt's id (auth_…)
    #[arg(value_name = "REFERENCE", value_parser = read_name)]
    name: AttemptName,
    #[arg(long)]
    json: bool,
}

impl AuthorizationCommand {
    pub(crate) async fn run(self, config: Option<&Path>) -> Result<ExitCode, Failure> {
        let settings = settings_of_short_command(config)?;
        let broker = wiring::operators_broker(&settings).await?;
        match self {
            Self::Show(command) => command.run(&broker).await,
        }
    }
}

impl Show {
    async fn run(self, broker: &broker::Broker) -> Result<ExitCode, Failure> {
        let attempts = broker.look_up_attempts(&Operator, self.name).await?;
        if self.json {
            output::line(attempts.iter().map(as_json).collect::<Value>())?;
        } else {
            for (index, attempt) in attempts.iter().enumerate() {
                if index > 0 {
                    output::line("")?;
                }
                print(attempt)?;
            }
        }
        Ok(match attempts.len() {
            0 => {
                output::remark("there is no such attempt");
                ExitCode::FAILURE
            }
            1 => ExitCode::SUCCESS,
            _ => {
                output::remark("several attempts have this reference: ask for the platform");
                ExitCode::SUCCESS
            }
        })
    }
}

/// What there is to tell, in the order in which it is read. What an attempt does not have is `None`.
fn told(attempt: &FoundAttempt) -> [(&'static str, Option<String>); 15] {
    let authorization = &attempt.authorization;
    let store = attempt.store.as_ref();
    let reason = authorization.fail_reason();
    [
        ("reference", Some(attempt.reference.to_string())),
        ("authorization_id", Some(authorization.id.to_string())),
        ("app_id", Some(attempt.institution.app_id.to_string())),
        ("institution", Some(attempt.institution.name.clone())),
        ("client_id", store.map(|store| store.client.to_string())),
        ("store_id", Some(authorization.store.to_string())),
        ("platform", Some(authorization.platform.code().to_owned())),
        ("auth_type", Some(authorization.auth_type.code().to_owned())),
        ("state", Some(authorization.status().code().to_owned())),
        (
            "auth_fail_reason",
            reason.map(|reason| reason.code().to_owned()),
        ),
        ("who", reason.map(|reason| reason.who().code().to_owned())),
        ("created_at", Some(time(authorization.created_at))),
        ("deadline_at", Some(time(authorization.deadline_at))),
        ("finished_at", attempt.finished_at.map(time)),
        (
            "store_status_now",
            store.map(|store| store.status().code().to_owned()),
        ),
    ]
}

fn as_json(attempt: &FoundAttempt) -> Value {
    let told = told(attempt).into_iter();
    told.map(|(name, value)| (name, json!(value))).collect()
}

fn print(attempt: &FoundAttempt) -> Result<(), Failure> {
    for (name, value) in told(attempt) {
        if let Some(value) = value {
            output::line(format_args!("{name:<16}  {value}"))?;
        }
    }
    Ok(())
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn read_name(text: &str) -> Result<AttemptName, &'static str> {
    if let Ok(id) = text.trim().parse() {
        return Ok(AttemptName::Id(id));
    }
    text.parse()
        .map(AttemptName::Reference)
        .map_err(|_| "neither a reference, such as 1234-5678-9012, nor an id, such as auth_…")
}
