//! What the operator chose: compiled-in defaults, then a file, then the environment.

mod value;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use config::{Config, ConfigError, Environment, File, FileFormat};
use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// The commented file that documents every setting.
const DEFAULTS: &str = include_str!("default.toml");

/// The file that is read when it is there and nobody names another.
const USUAL_FILE: &str = "shopgrant.toml";

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
    #[serde(default, deserialize_with = "value::optional")]
    pub(crate) amqp_url: Option<SecretString>,
    #[serde(default, deserialize_with = "value::optional")]
    pub(crate) master_key_file: Option<PathBuf>,
    #[serde(deserialize_with = "value::choice")]
    pub(crate) role: Role,
    pub(crate) migrate_on_start: bool,
    #[serde(deserialize_with = "value::list")]
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) log: Log,
    pub(crate) egress: Egress,
    pub(crate) authorization: Authorization,
    pub(crate) webhooks: Webhooks,
    pub(crate) rate_limit: RateLimits,
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
    pub(crate) key_deadline_seconds: NonZeroU32,
    #[serde(deserialize_with = "value::choice")]
    pub(crate) uniqueness: Uniqueness,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Uniqueness {
    Broker,
    Institution,
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
        let mut layers = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(text) = file {
            layers = layers.add_source(File::from_str(text, FileFormat::Toml));
        }
        let merged = layers
            .add_source(environment)
            .build()
            .map_err(SettingsError::Unmergeable)?;
        serde_path_to_error::deserialize(merged).map_err(|error| SettingsError::Key {
            key: error.path().to_string(),
            problem: problem(error.into_inner()),
        })
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

    /// Where the broker is reached, given the address that was bound.
    pub(crate) fn public_url(&self, bound: SocketAddr) -> Url {
        self.public_url.clone().unwrap_or_else(|| {
            Url::parse(&format!("http://{bound}")).expect("a socket address fits into a URL")
        })
    }
}

/// Names the point at which a process with the feature `crash-points` kills itself.
#[cfg(feature = "crash-points")]
pub(crate) fn crash_point() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the module that reads the environment"
    )]
    std::env::var("SHOPGRANT_CRASH_POINT").ok()
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
    Err(SettingsError::Key {
        key: key.to_owned(),
        problem: problem.to_owned(),
    })
}

#[cfg(test)]
mod tests;
