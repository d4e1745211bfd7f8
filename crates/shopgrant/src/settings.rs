//! What the operator chose: compiled-in defaults, then a file, then the environment.

mod environment;
mod value;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use config::{Config, ConfigError, Environment, File, FileFormat};
use domain::Platform;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use crate::secret_file::{self, SecretFileError};

#[cfg(feature = "crash-points")]
pub(crate) use environment::crash_point;
pub(crate) use environment::{log_directives, proxy_variables};

/// The commented file that documents every setting.
const DEFAULTS: &str = include_str!("default.toml");

/// The file that is read when it is there and nobody names another.
const USUAL_FILE: &str = "shopgrant.toml";

const MAX_FRESHNESS_SECS: u32 = 6 * 60 * 60;

/// Everything that can be set; `default.toml` says what each of it means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    #[serde(default, deserialize_with = "value::optional")]
    pub(crate) public_url: Option<Url>,
    /// A secret, because it may hold a password.
    #[serde(deserialize_with = "value::secret")]
    pub(crate) database_url: SecretString,
    /// Where `database_url` was read from, if it stands in a file of its own.
    #[serde(default, deserialize_with = "value::optional")]
    database_url_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "value::optional")]
    pub(crate) amqp_url: Option<SecretString>,
    /// Where `amqp_url` was read from, if it stands in a file of its own.
    #[serde(default, deserialize_with = "value::optional")]
    amqp_url_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "value::optional")]
    pub(crate) amqp_ca_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "value::optional")]
    pub(crate) master_key_file: Option<PathBuf>,
    #[serde(deserialize_with = "value::choice")]
    pub(crate) role: Role,
    pub(crate) migrate_on_start: bool,
    #[serde(deserialize_with = "value::list")]
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) log: Log,
    pub(crate) telemetry: Telemetry,
    pub(crate) egress: Egress,
    pub(crate) authorization: Authorization,
    pub(crate) webhooks: Webhooks,
    pub(crate) rate_limit: RateLimits,
    /// By the codes of platforms, in lower case.
    #[serde(default)]
    freshness_seconds: BTreeMap<String, NonZeroU32>,
    pub(crate) refresh: Refresh,
    pub(crate) genstore: Genstore,
}

/// Which part of the work a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// HTTP and workers
    All,
    /// HTTP alone
    Api,
    /// Workers alone: events, webhooks, key proofs, deadlines
    Worker,
}

impl Role {
    pub(crate) const fn serves_http(self) -> bool {
        matches!(self, Self::All | Self::Api)
    }

    pub(crate) const fn runs_workers(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    #[serde(deserialize_with = "value::choice")]
    pub(crate) format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Telemetry {
    #[serde(default, deserialize_with = "value::optional")]
    pub(crate) otlp_endpoint: Option<Url>,
    pub(crate) sample_ratio: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Egress {
    #[serde(deserialize_with = "value::list")]
    pub(crate) allow: Vec<IpNet>,
    #[serde(deserialize_with = "value::list")]
    pub(crate) ports: Vec<u16>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authorization {
    pub(crate) direct_deadline_seconds: NonZeroU32,
    pub(crate) hosted_deadline_seconds: NonZeroU32,
    pub(crate) click_deadline_seconds: NonZeroU32,
    pub(crate) key_deadline_seconds: NonZeroU32,
    #[serde(deserialize_with = "value::choice")]
    pub(crate) uniqueness: Uniqueness,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Uniqueness {
    Broker,
    Institution,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    pub(crate) margin_seconds: NonZeroU32,
    pub(crate) scopes_seconds: NonZeroU32,
}

/// What is set for Genstore alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Genstore {
    #[serde(default, deserialize_with = "value::optional")]
    pub(crate) shop_header: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhooks {
    #[serde(deserialize_with = "value::list")]
    pub(crate) retry_schedule_seconds: Vec<NonZeroU64>,
    pub(crate) timeout_seconds: NonZeroU32,
    pub(crate) retention_days: NonZeroU32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimits {
    pub(crate) per_institution: RateLimit,
    pub(crate) per_address: RateLimit,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateLimit {
    pub(crate) per_second: NonZeroU32,
    pub(crate) burst: NonZeroU32,
}

/// Settings with which nothing may start. No variant holds a value, since some of them are secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}, line {line}: {problem}", path.display())]
    Syntax {
        path: PathBuf,
        line: usize,
        problem: String,
    },
    #[error("setting `{key}`: {problem}")]
    Key { key: String, problem: String },
    #[error("setting `{key}`")]
    SecretFile {
        key: &'static str,
        #[source]
        source: SecretFileError,
    },
    #[error("the settings cannot be put together")]
    Unmergeable(#[source] ConfigError),
}

impl Settings {
    /// The settings of this process. `file` must exist if it is named.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        Self::load_as(None, file)
    }

    /// The settings of a process that was told its role on the command line.
    pub(crate) fn load_as(role: Option<Role>, file: Option<&Path>) -> Result<Self, SettingsError> {
        let mut settings = Self::read(file)?;
        settings.role = role.unwrap_or(settings.role);
        settings.read_secret_files()?;
        settings.check()?;
        Ok(settings)
    }

    fn read(file: Option<&Path>) -> Result<Self, SettingsError> {
        let path = match file {
            Some(path) => path,
            None if Path::new(USUAL_FILE).exists() => Path::new(USUAL_FILE),
            None => return Self::merge(None, None),
        };
        let text = fs::read_to_string(path).map_err(|source| SettingsError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        check_syntax(path, &text)?;
        Self::merge(Some(&text), None)
    }

    /// The settings where nobody chose anything: neither a file nor the environment is looked at.
    pub(crate) fn compiled_in() -> Result<Self, SettingsError> {
        Self::merge(None, Some(HashMap::new()))
    }

    /// `environment` stands for that of the process, unless it is `None`.
    fn merge(
        file: Option<&str>,
        environment: Option<HashMap<String, String>>,
    ) -> Result<Self, SettingsError> {
        // Values are left as text here: the crate's own guess would make a number of `443`, where a
        // list of one is meant.
        let environment = Environment::with_prefix("SHOPGRANT")
            .prefix_separator("__")
            .separator("__")
            .source(environment);
        let mut chosen = Config::builder();
        if let Some(text) = file {
            chosen = chosen.add_source(File::from_str(text, FileFormat::Toml));
        }
        let chosen = chosen
            .add_source(environment)
            .build()
            .map_err(SettingsError::Unmergeable)?;
        // One of the two has a default, with which the other one is no contradiction.
        for (key, file_key) in [
            ("database_url", "database_url_file"),
            ("amqp_url", "amqp_url_file"),
        ] {
            let is_chosen = |key| chosen.get_string(key).is_ok_and(|text| !text.is_empty());
            if is_chosen(key) && is_chosen(file_key) {
                return Err(refusal(
                    file_key,
                    format!("`{key}` is set as well; set one of the two"),
                ));
            }
        }
        let merged = Config::builder()
            .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
            .add_source(chosen)
            .build()
            .map_err(SettingsError::Unmergeable)?;
        serde_path_to_error::deserialize(merged).map_err(|error| SettingsError::Key {
            key: error.path().to_string(),
            problem: problem(error.into_inner()),
        })
    }

    fn read_secret_files(&mut self) -> Result<(), SettingsError> {
        let read = |key, path: &Path| {
            secret_file::read(path).map_err(|source| SettingsError::SecretFile { key, source })
        };
        if let Some(path) = &self.database_url_file {
            self.database_url = read("database_url_file", path)?;
        }
        if let Some(path) = &self.amqp_url_file {
            self.amqp_url = Some(read("amqp_url_file", path)?);
        }
        Ok(())
    }

    /// The setting to change if the database cannot be used.
    pub(crate) const fn database_key(&self) -> &'static str {
        match self.database_url_file {
            Some(_) => "database_url_file",
            None => "database_url",
        }
    }

    /// The setting to change if RabbitMQ cannot be used.
    pub(crate) const fn amqp_key(&self) -> &'static str {
        match self.amqp_url_file {
            Some(_) => "amqp_url_file",
            None => "amqp_url",
        }
    }

    /// Refuses what each key allows by itself and all together do not.
    fn check(&self) -> Result<(), SettingsError> {
        match &self.public_url {
            Some(url) if !is_base(url) => {
                return refuse("public_url", "must be an http or https URL without a query");
            }
            None if self.role.serves_http() && !self.listen.ip().is_loopback() => {
                return refuse(
                    "public_url",
                    "must be set when `listen` is no loopback address",
                );
            }
            Some(_) | None => {}
        }
        if self.amqp_ca_file.is_some() && !self.has_amqp_over_tls() {
            return refuse("amqp_ca_file", "needs an amqps:// URL in `amqp_url`");
        }
        if let Some(url) = &self.telemetry.otlp_endpoint
            && !is_base(url)
        {
            return refuse(
                "telemetry.otlp_endpoint",
                "must be an http or https URL without a query",
            );
        }
        if !(0.0..=1.0).contains(&self.telemetry.sample_ratio) {
            return refuse("telemetry.sample_ratio", "must be between 0 and 1");
        }
        if self.egress.ports.contains(&0) {
            return refuse("egress.ports", "0 is no port");
        }
        for (key, limit) in [
            (
                "rate_limit.per_institution",
                self.rate_limit.per_institution,
            ),
            ("rate_limit.per_address", self.rate_limit.per_address),
        ] {
            if limit.burst < limit.per_second {
                return refuse(key, "`burst` must not be smaller than `per_second`");
            }
        }
        for (code, secs) in &self.freshness_seconds {
            let key = format!("freshness_seconds.{code}");
            if Platform::from_path_segment(code).is_none() {
                return refuse(&key, "there is no such platform");
            }
            // A launch is remembered for a day, and what is forgotten must be too old.
            if secs.get() > MAX_FRESHNESS_SECS {
                return refuse(&key, "must not be longer than six hours, 21600");
            }
        }
        let waits = self.webhooks.retry_schedule_seconds.iter();
        let longest = waits.fold(0_u64, |sum, wait| sum.saturating_add(wait.get()));
        if longest >= u64::from(self.webhooks.retention_days.get()) * 86_400 {
            return refuse(
                "webhooks.retention_days",
                "must be longer than the whole of `webhooks.retry_schedule_seconds`, or deliveries are deleted before their last attempt",
            );
        }
        Ok(())
    }

    /// The ages that were chosen for what platforms sign.
    pub(crate) fn freshness(&self) -> Vec<(Platform, Duration)> {
        let chosen = self.freshness_seconds.iter();
        chosen
            .filter_map(|(code, secs)| {
                let platform = Platform::from_path_segment(code)?;
                Some((platform, Duration::from_secs(u64::from(secs.get()))))
            })
            .collect()
    }

    fn has_amqp_over_tls(&self) -> bool {
        let url = self.amqp_url.as_ref().map(ExposeSecret::expose_secret);
        url.is_some_and(|url| url.starts_with("amqps:"))
    }

    /// Where the broker is reached, given the address that was bound.
    pub(crate) fn public_url(&self, bound: SocketAddr) -> Url {
        self.public_url.clone().unwrap_or_else(|| {
            Url::parse(&format!("http://{bound}")).expect("a socket address fits into a URL")
        })
    }
}

/// Whether paths of ours can be put behind it.
fn is_base(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

/// The parser's message is kept and its excerpt of the file is not: the line may hold a password.
fn check_syntax(path: &Path, text: &str) -> Result<(), SettingsError> {
    let Err(error) = text.parse::<toml::Table>() else {
        return Ok(());
    };
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    Err(SettingsError::Syntax {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        problem: error.message().to_owned(),
    })
}

/// The error without the crate's own words for the key, which leave out half of it.
fn problem(error: ConfigError) -> String {
    if let ConfigError::At { error, .. } = error {
        return error.to_string();
    }
    error.to_string()
}

fn refuse(key: &str, problem: &str) -> Result<(), SettingsError> {
    Err(refusal(key, problem.to_owned()))
}

fn refusal(key: &str, problem: String) -> SettingsError {
    SettingsError::Key {
        key: key.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests;
