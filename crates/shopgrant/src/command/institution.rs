//! `shopgrant institution`

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use broker::{ChangeInstitution, CreateInstitution, Operator, read_logo};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use domain::brand::Change;
use domain::institution::{BusAccess, CredentialAccess, Links};
use domain::{Brand, BrandChange, Colour, Institution, Logo};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::command::{Failure, settings_of_short_command};
use crate::{output, wiring};

/// Create, change and list institutions, replace their secrets, and see who asked for credentials
#[derive(Debug, Subcommand)]
pub(crate) enum InstitutionCommand {
    Create(Create),
    Set(Set),
    List(List),
    RotateSecret(RotateSecret),
    Requests(Requests),
}

/// Register an institution and print its id and, once, its secret
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shopgrant institution create --name 'Example Pay' --redirect-origin https://pay.example.com --json
  shopgrant institution create --name 'Example Pay' --links hosted --colour '#0a5' --logo logo.png")]
pub(crate) struct Create {
    #[arg(long)]
    name: String,
    /// An origin to which a seller's browser may be sent back; may be repeated
    #[arg(long = "redirect-origin", value_name = "ORIGIN")]
    redirect_origins: Vec<String>,
    /// Where the links lead that its sellers get; some platforms leave no choice
    #[arg(long, value_enum, default_value_t = LinkChoice::Direct)]
    links: LinkChoice,
    /// What the institution may do beside calling the API; may be repeated
    #[arg(long, value_enum)]
    allow: Vec<Right>,
    /// The colour of its buttons on sellers' pages, such as #0a5 or #00aa55; in a shell, between quotes
    #[arg(long, value_name = "COLOUR")]
    colour: Option<Colour>,
    /// Its logo on sellers' pages: a PNG, JPEG or WebP of at most 8 KiB, each side 16 to 1024 pixels
    #[arg(long, value_name = "FILE")]
    logo: Option<PathBuf>,
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
  shopgrant institution set app_… --allow rabbitmq
  shopgrant institution set app_… --deny credential
  shopgrant institution set app_… --links hosted
  shopgrant institution set app_… --colour '#0a5' --logo logo.png
  shopgrant institution set app_… --no-logo"
)]
pub(crate) struct Set {
    app_id: String,
    #[arg(long, group = "change")]
    name: Option<String>,
    /// An origin to which a seller's browser may be sent back; may be repeated, and replaces all that there
    /// were
    #[arg(long = "redirect-origin", value_name = "ORIGIN", group = "change")]
    redirect_origins: Option<Vec<String>>,
    /// Where the links lead that its sellers get from now on
    #[arg(long, value_enum, group = "change")]
    links: Option<LinkChoice>,
    /// What the institution may do from now on; may be repeated
    #[arg(long, value_enum, group = "change")]
    allow: Vec<Right>,
    /// What it may no longer do; may be repeated
    #[arg(long, value_enum, group = "change", conflicts_with = "allow")]
    deny: Vec<Right>,
    /// The colour of its buttons on sellers' pages, such as #0a5 or #00aa55; in a shell, between quotes
    #[arg(long, value_name = "COLOUR", group = "change")]
    colour: Option<Colour>,
    /// Give it the pages' own colour again
    #[arg(long, group = "change", conflicts_with = "colour")]
    no_colour: bool,
    /// Its logo on sellers' pages: a PNG, JPEG or WebP of at most 8 KiB, each side 16 to 1024 pixels
    #[arg(long, value_name = "FILE", group = "change")]
    logo: Option<PathBuf>,
    /// Show no logo any more
    #[arg(long, group = "change", conflicts_with = "logo")]
    no_logo: bool,
    #[arg(long)]
    json: bool,
}

/// Where the links of an institution lead.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LinkChoice {
    /// To the platform's own page
    Direct,
    /// To a page of the broker's that says who asks for what
    Hosted,
}

impl From<LinkChoice> for Links {
    fn from(choice: LinkChoice) -> Self {
        match choice {
            LinkChoice::Direct => Self::Direct,
            LinkChoice::Hosted => Self::Hosted,
        }
    }
}

/// What not every institution may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Right {
    /// Have access tokens of its stores, by credential/get and store/session
    Credential,
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

/// Print which credentials an institution asked for, newest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shopgrant institution requests app_… --limit 20 --json")]
pub(crate) struct Requests {
    app_id: String,
    /// How many at most
    #[arg(long, default_value_t = 100)]
    limit: u64,
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
            Self::Requests(command) => command.run(&broker).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Create {
    async fn run(self, broker: &broker::Broker) -> Result<(), Failure> {
        let command = CreateInstitution {
            name: self.name,
            redirect_origins: self.redirect_origins,
            bus_access: if self.allow.contains(&Right::Rabbitmq) {
                BusAccess::Granted
            } else {
                BusAccess::None
            },
            credential_access: if self.allow.contains(&Right::Credential) {
                CredentialAccess::Granted
            } else {
                CredentialAccess::Denied
            },
            links: self.links.into(),
            brand: Brand {
                colour: self.colour,
                logo: self.logo.as_deref().map(logo_in).transpose()?,
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
            bus_access: changed(
                (&self.allow, &self.deny),
                Right::Rabbitmq,
                [BusAccess::Granted, BusAccess::Revoked],
            ),
            credential_access: changed(
                (&self.allow, &self.deny),
                Right::Credential,
                [CredentialAccess::Granted, CredentialAccess::Denied],
            ),
            links: self.links.map(Links::from),
            brand: BrandChange {
                colour: replaced(self.colour, self.no_colour),
                logo: replaced(self.logo.as_deref().map(logo_in).transpose()?, self.no_logo),
            },
        };
        let changed = broker
            .change_institution(&Operator, &self.app_id, command)
            .await?;
        let brands = broker.list_brands(&Operator).await?;
        let brand = brands.get(&changed.id);
        if self.json {
            output::line(as_json(&changed, brand))?;
            return Ok(());
        }
        print(&changed, brand)
    }
}

impl List {
    async fn run(self, broker: &broker::Broker) -> Result<(), Failure> {
        let institutions = broker.list_institutions(&Operator).await?;
        let brands = broker.list_brands(&Operator).await?;
        let branded = institutions
            .iter()
            .map(|institution| (institution, brands.get(&institution.id)));
        if self.json {
            let listed = branded.map(|(institution, brand)| as_json(institution, brand));
            output::line(listed.collect::<Value>())?;
            return Ok(());
        }
        for (institution, brand) in branded {
            print(institution, brand)?;
        }
        Ok(())
    }
}

fn as_json(institution: &Institution, brand: Option<&Brand>) -> Value {
    let colour = brand.and_then(|brand| brand.colour);
    let logo = brand.and_then(|brand| brand.logo.as_ref());
    json!({
        "app_id": institution.app_id.as_str(),
        "name": institution.name,
        "redirect_origins": institution.redirect_origins,
        "links": links(institution),
    "allow": rights(institution),
        "colour": colour.map(|colour| colour.to_string()),
        "logo": logo.map(|logo| json!({
            "media_type": logo.format.media_type(),
            "width": logo.width,
            "height": logo.height,
            "bytes": logo.bytes.len(),
        })),
        "created_at": institution.created_at,
    })
}

/// One line: id, name, origins, how its pages look, and what it may do beside calling the API.
fn print(institution: &Institution, brand: Option<&Brand>) -> Result<(), Failure> {
    let mut parts = vec![institution.app_id.to_string(), institution.name.clone()];
    parts.push(institution.redirect_origins.join(" "));
    if institution.links == Links::Hosted {
        parts.push("hosted links".to_owned());
    }
    if let Some(brand) = brand {
        parts.extend(brand.colour.map(|colour| format!("colour {colour}")));
        let logo = brand.logo.as_ref();
        parts.extend(logo.map(|logo| {
            let media_type = logo.format.media_type();
            format!("logo {media_type} {}x{}", logo.width, logo.height)
        }));
    }
    let rights = rights(institution);
    if !rights.is_empty() {
        parts.push(format!("may use {}", rights.join(", ")));
    }
    output::line(parts.join("  "))?;
    Ok(())
}

/// As `--links` spells it.
fn links(institution: &Institution) -> &'static str {
    match institution.links {
        Links::Direct => "direct",
        Links::Hosted => "hosted",
    }
}

/// The logo in a file, of which no more is read than a logo may have.
fn logo_in(path: &Path) -> Result<Logo, Failure> {
    let unreadable = |error| Failure::from(format!("{} cannot be read: {error}", path.display()));
    let mut bytes = Vec::new();
    let limit = u64::try_from(Logo::MAX_BYTES)? + 1;
    let file = File::open(path).map_err(unreadable)?;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(read_logo(bytes)?)
}

fn replaced<T>(new: Option<T>, is_removed: bool) -> Change<T> {
    match new {
        Some(new) => Change::Replaced(new),
        None if is_removed => Change::Removed,
        None => Change::Kept,
    }
}

/// What becomes of a right that is among those allowed, or among those denied.
fn changed<A: Copy>(
    (allow, deny): (&[Right], &[Right]),
    right: Right,
    [granted, denied]: [A; 2],
) -> Option<A> {
    if allow.contains(&right) {
        Some(granted)
    } else {
        deny.contains(&right).then_some(denied)
    }
}

/// As `--allow` spells them.
fn rights(institution: &Institution) -> Vec<&'static str> {
    let mut rights = Vec::new();
    if institution.credential_access == CredentialAccess::Granted {
        rights.push("credential");
    }
    if institution.bus_access == BusAccess::Granted {
        rights.push("rabbitmq");
    }
    rights
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

impl Requests {
    async fn run(self, broker: &broker::Broker) -> Result<(), Failure> {
        let requests = broker
            .list_credential_requests(&Operator, &self.app_id, self.limit)
            .await?;
        if self.json {
            let requests = requests.iter().map(|request| {
                json!({
                    "created_at": request.created_at,
                    "call": request.call.code(),
                    "store_id": request.store,
                    "outcome": request.outcome.code(),
                    "request_id": request.request_id,
                })
            });
            output::line(requests.collect::<Value>())?;
            return Ok(());
        }
        for request in requests {
            let store = request.store.map(|store| store.to_string());
            let parts = [
                request.created_at.to_rfc3339(),
                request.call.code().to_owned(),
                store.unwrap_or_else(|| "-".to_owned()),
                request.outcome.code().to_owned(),
                request.request_id,
            ];
            output::line(parts.join("  "))?;
        }
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
