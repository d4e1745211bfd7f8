//! `shopgrant platform`

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use broker::{Broker, ConfigurePlatformApp, ConfiguredApp, Operator};
use clap::{Args, Subcommand};
use domain::{InstitutionId, OperatorScopes, Platform};
use serde_json::{Value, json};

use crate::command::{Failure, settings_of_short_command};
use crate::{output, secret_file, wiring};

/// List and configure the broker's app registrations at the platforms
#[derive(Debug, Subcommand)]
pub(crate) enum PlatformCommand {
    List(List),
    Configure(Configure),
}

/// List the configured platform apps
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shopgrant platform list --json")]
pub(crate) struct List {
    #[arg(long)]
    json: bool,
}

/// Register a platform app, or change the one that is registered
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shopgrant platform configure SHOPLINE --client-id APP_KEY --client-secret-file shopline.secret --scopes read_orders
  shopgrant platform configure SHOPIFY --scopes read_orders
  shopgrant platform configure CAFE24 --client-id ID --client-secret-file F --event-key-file cafe24.key
  shopgrant platform configure GENSTORE --client-id ID --client-secret-file F --host 'http://127.0.0.1:9100/genstore/{shop}'

It prints the callback URL that has to be registered at the platform. What an option does not say again is
forgotten.")]
pub(crate) struct Configure {
    /// The platform's code, such as SHOPLINE
    #[arg(value_name = "CODE", value_parser = parse_platform)]
    platform: Platform,
    /// What the platform calls its id of our app; platforms whose stores bring their own key need none
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// What is asked for and required, in the platform's spelling; with `=all` after it, all resources of
    /// the shop and not only some
    #[arg(long, value_delimiter = ',')]
    scopes: Vec<String>,
    /// The only institution that uses it, by its id; all use it if absent
    #[arg(long, value_name = "APP_ID")]
    institution: Option<String>,
    /// Replaces the platform's own host, with {shop} for the label
    #[arg(long, value_name = "PATTERN")]
    host: Option<String>,
    /// The file with the key that the platform shows beside its events, where it signs none of them;
    /// without it they are refused
    #[arg(long, value_name = "FILE")]
    event_key_file: Option<PathBuf>,
    /// The file with the menus and functions of the app that a shop can let its operators use, as the
    /// platform fetches them: `{"MENU_LIST":{"Orders":{"code":"M1","sub":{…}}},"FUNCTION_LIST":{…}}`
    #[arg(long, value_name = "FILE")]
    operator_scopes_file: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

impl PlatformCommand {
    pub(crate) async fn run(self, config: Option<&Path>) -> Result<ExitCode, Failure> {
        let settings = settings_of_short_command(config)?;
        if settings.public_url.is_none() && settings.listen.port() == 0 {
            output::remark(
                "without `public_url`, and with port 0 in `listen`, callback URLs are not known before `serve` runs",
            );
        }
        let broker = wiring::operators_broker(&settings).await?;
        match self {
            Self::List(command) => command.run(&broker).await?,
            Self::Configure(command) => command.run(&broker).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self, broker: &Broker) -> Result<(), Failure> {
        let apps = broker.list_platform_apps(&Operator).await?;
        let owners = owners(broker).await?;
        if self.json {
            let listed = apps.iter().map(|app| as_json(app, &owners));
            output::line(listed.collect::<Value>())?;
            return Ok(());
        }
        for app in &apps {
            let callback = app.callback_url.as_deref().unwrap_or("-");
            output::line(format_args!(
                "{:<12} {}  {}  {}  {callback}",
                app.app.platform.code(),
                app.app.id,
                owner(app, &owners).unwrap_or("shared"),
                app.app.scopes.join(","),
            ))?;
        }
        Ok(())
    }
}

impl Configure {
    async fn run(self, broker: &Broker) -> Result<(), Failure> {
        let secret = self.client_secret_file.as_deref();
        let event_key = self.event_key_file.as_deref();
        let tree = self.operator_scopes_file.as_deref();
        let command = ConfigurePlatformApp {
            platform: self.platform,
            client_id: self.client_id.unwrap_or_default(),
            secret: secret.map(secret_file::read).transpose()?,
            scopes: self.scopes,
            institution: self.institution,
            host: self.host,
            event_key: event_key.map(secret_file::read).transpose()?,
            operator_scopes: tree.map(read_operator_scopes).transpose()?,
        };
        let app = broker.configure_platform_app(&Operator, command).await?;
        if !app.lacking_to_read_scopes.is_empty() {
            output::remark(format_args!(
                "{} cannot be asked again what a seller granted: `--scopes` needs {} for that",
                app.app.platform,
                app.lacking_to_read_scopes.join(" or "),
            ));
        }
        if self.json {
            output::line(as_json(&app, &owners(broker).await?))?;
            return Ok(());
        }
        output::line(format_args!("id            {}", app.app.id))?;
        if let Some(url) = &app.callback_url {
            output::line(format_args!("callback URL  {url}"))?;
        }
        if let Some(url) = &app.launch_url {
            output::line(format_args!("launch URL    {url}"))?;
        }
        if let Some(url) = &app.events_url {
            output::line(format_args!("events URL    {url}"))?;
        }
        if let Some(url) = &app.operator_scopes_url {
            output::line(format_args!("operators URL {url}"))?;
        }
        Ok(())
    }
}

/// The public names of the institutions that may own an app.
async fn owners(broker: &Broker) -> Result<HashMap<InstitutionId, String>, Failure> {
    let institutions = broker.list_institutions(&Operator).await?;
    Ok(institutions
        .into_iter()
        .map(|institution| (institution.id, institution.app_id.to_string()))
        .collect())
}

fn owner<'a>(app: &ConfiguredApp, owners: &'a HashMap<InstitutionId, String>) -> Option<&'a str> {
    owners.get(&app.app.institution?).map(String::as_str)
}

fn as_json(app: &ConfiguredApp, owners: &HashMap<InstitutionId, String>) -> Value {
    json!({
        "id": app.app.id.to_string(),
        "platform": app.app.platform.code(),
        "institution": owner(app, owners),
        "client_id": app.app.client_id,
        "scopes": app.app.scopes,
        "host": app.app.host,
        "callback_url": app.callback_url,
        "launch_url": app.launch_url,
        "events_url": app.events_url,
        "operator_scopes_url": app.operator_scopes_url,
    })
}

/// A tree in which anything is ambiguous is refused here, before it is anywhere.
fn read_operator_scopes(path: &Path) -> Result<OperatorScopes, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let scopes = OperatorScopes::parse(&text);
    scopes.map_err(|error| format!("{}: {error}", path.display()).into())
}

fn parse_platform(code: &str) -> Result<Platform, String> {
    code.parse().map_err(|_| {
        let codes = Platform::ALL.map(Platform::code).join(", ");
        format!("the platforms are {codes}")
    })
}
