//! `shopgrant institution`

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use broker::{ChangeInstitution, CreateInstitution, Operator};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use domain::Institution;
use domain::institution::BusAccess;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::command::{Failure, settings_of_short_command};
use crate::{output, wiring};

/// Create, change and list institutions, and replace their secrets
#[derive(Debug, Subcommand)]
pub(crate) enum InstitutionCommand {
    Create(Create),
    Set(Set),
    List(List),
    RotateSecret(RotateSecret),
}

/// Register an institution and print its id and, once, its secret
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  shopgrant institution create --name 'Example Pay' --redirect-origin https://pay.example.com --json")]
pub(crate) struct Create {
    #[arg(long)]
    name: String,
    /// An origin to which a seller's browser may be sent back; may be repeated
    #[arg(long = "redirect-origin", value_name = "ORIGIN")]
    redirect_origins: Vec<String>,
    /// What the institution may do beside calling the API
    #[arg(long, value_enum)]
    allow: Option<Right>,
    #[arg(long)]
    json: bool,
}

/// Change an institution; what is not named stays as it is
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("change").multiple(true).required(true),
    after_help = "\
Examples:
  shopgrant institution set app_… --name 'Example Pay' --json
  shopgrant institution set app_… --redirect-origin https://pay.example.com
  shopgrant institution set app_… --allow rabbitmq"
)]
pub(crate) struct Set {
    app_id: String,
    #[arg(long, group = "change")]
    name: Option<String>,
    /// An origin to which a seller's browser may be sent back; may be repeated, and replaces all that there
    /// were
    #[arg(long = "redirect-origin", value_name = "ORIGIN", group = "change")]
    redirect_origins: Option<Vec<String>>,
    /// What the institution may do from now on
    #[arg(long, value_enum, group = "change")]
    allow: Option<Right>,
    /// What it may no longer do
    #[arg(long, value_enum, group = "change", conflicts_with = "allow")]
    deny: Option<Right>,
    #[arg(long)]
    json: bool,
}

/// What not every institution may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Right {
    /// Read its own events from RabbitMQ, at an exchange of its own
    Rabbitmq,
}

/// List the institutions
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shopgrant institution list")]
pub(crate) struct List {
    #[arg(long)]
    json: bool,
}

/// Give an institution a new secret; the old one lives on for a while
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shopgrant institution rotate-secret app_… --overlap 24h")]
pub(crate) struct RotateSecret {
    app_id: String,
    /// How long the old secret is still good, such as 30m, 24h or 7d
    #[arg(long, default_value = "24h", value_parser = parse_duration)]
    overlap: Duration,
    #[arg(long)]
    json: bool,
}

impl InstitutionCommand {
    pub(crate) async fn run(self, config: Option<&Path>) -> Result<ExitCode, Failure> {
        let settings = settings_of_short_command(config)?;
        let broker = wiring::operators_broker(&settings).await?;
        match self {
            Self::Create(command) => command.run(&broker).await?,
            Self::Set(command) => command.run(&broker).await?,
            Self::List(command) => command.run(&broker).await?,
            Self::RotateSecret(command) => command.run(&broker).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Create {
    async fn run(self, broker: &broker::Broker) -> Result<(), Failure> {
        let command = CreateInstitution {
            name: self.name,
            redirect_origins: self.redirect_origins,
            bus_access: match self.allow {
                Some(Right::Rabbitmq) => BusAccess::Granted,
                None => BusAccess::None,
            },
        };
        let created = broker.create_institution(&Operator, command).await?;
        let app_id = created.institution.app_id.as_str();
        let app_secret = created.app_secret.expose_secret();
        if self.json {
            output::line(json!({"app_id": app_id, "app_secret": app_secret}))?;
            return Ok(());
        }
        output::line(format_args!("app_id      {app_id}"))?;
        output::line(format_args!("app_secret  {app_secret}"))?;
        output::remark("the secret is shown this once");
        Ok(())
    }
}

impl Set {
    async fn run(self, broker: &broker::Broker) -> Result<(), Failure> {
        let command = ChangeInstitution {
            name: self.name,
            redirect_origins: self.redirect_origins,
            bus_access: match (self.allow, self.deny) {
                (Some(Right::Rabbitmq), _) => Some(BusAccess::Granted),
                (None, Some(Right::Rabbitmq)) => Some(BusAccess::Revoked),
                (None, None) => None,
            },
        };
        let changed = broker
            .change_institution(&Operator, &self.app_id, command)
            .await?;
        if self.json {
            output::line(as_json(&changed))?;
            return Ok(());
        }
        print(&changed)
    }
}

impl List {
    async fn run(self, broker: &broker::Broker) -> Result<(), Failure> {
        let institutions = broker.list_institutions(&Operator).await?;
        if self.json {
            output::line(institutions.iter().map(as_json).collect::<Value>())?;
            return Ok(());
        }
        institutions.iter().try_for_each(print)
    }
}

fn as_json(institution: &Institution) -> Value {
    json!({
        "app_id": institution.app_id.as_str(),
        "name": institution.name,
        "redirect_origins": institution.redirect_origins,
        "allow": rights(institution),
        "created_at": institution.created_at,
    })
}

/// One line: id, name, origins, and what it may do beside calling the API.
fn print(institution: &Institution) -> Result<(), Failure> {
    let mut parts = vec![institution.app_id.to_string(), institution.name.clone()];
    parts.push(institution.redirect_origins.join(" "));
    let rights = rights(institution);
    if !rights.is_empty() {
        parts.push(format!("may use {}", rights.join(", ")));
    }
    output::line(parts.join("  "))?;
    Ok(())
}

/// As `--allow` spells them.
fn rights(institution: &Institution) -> &'static [&'static str] {
    match institution.bus_access {
        BusAccess::Granted => &["rabbitmq"],
        BusAccess::None | BusAccess::Revoked => &[],
    }
}

impl RotateSecret {
    async fn run(self, broker: &broker::Broker) -> Result<(), Failure> {
        let secret = broker
            .rotate_secret(&Operator, &self.app_id, self.overlap)
            .await?;
        let app_secret = secret.expose_secret();
        if self.json {
            output::line(json!({"app_id": self.app_id, "app_secret": app_secret}))?;
            return Ok(());
        }
        output::line(format_args!("app_secret  {app_secret}"))?;
        output::remark("the secret is shown this once");
        Ok(())
    }
}

/// A count and a unit: `90s`, `30m`, `24h`, `7d`.
fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const SHAPE: &str = "a duration is a number and one of s, m, h and d, such as 24h";
    let unit = text.chars().next_back().ok_or(SHAPE)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(SHAPE),
    };
    let count: u32 = text
        .strip_suffix(unit)
        .and_then(|count| count.parse().ok())
        .ok_or(SHAPE)?;
    Ok(Duration::from_secs(u64::from(count) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("30m", 1_800),
            ("24h", 86_400),
            ("7d", 604_800),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for text in ["", "h", "24", "-1h", "1.5h", "1 h", "1w", "1é"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
