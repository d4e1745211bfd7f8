//! Puts a broker together from the settings.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use broker::{
    Broker, Options, Parts, PlainHttp, ReadyLinks, SystemClock, SystemEntropy, Uniqueness,
};
use domain::Platform;
use domain::delivery::RetrySchedule;
use messaging::{
    ConnectError, EventBus, InProcessBus, InvalidAmqpOptions, RabbitBus, RabbitOptions, Refusal,
};
use secrecy::ExposeSecret;
use server::{Rate, RateOptions, ServerOptions};
use storage::sealing::{Keyring, NotAMasterKey};
use storage::{OpenError, Storage, StorageError, diagnosis};
use url::Url;

use crate::secret_file::{self, SecretFileError};
use crate::settings::{self, RateLimit, Settings};

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WiringError {
    #[error(
        "setting `master_key_file` is missing: name a file with 32 bytes in base64, as `openssl rand -base64 32` prints them"
    )]
    NoMasterKey,
    #[error("setting `master_key_file`")]
    MasterKeyFile(#[source] SecretFileError),
    #[error("setting `master_key_file`: {}", path.display())]
    MasterKey {
        path: PathBuf,
        #[source]
        source: NotAMasterKey,
    },
    /// Without a source: the advice says what its cause says, in plain words.
    #[error("setting `{key}`: {advice}")]
    Database { key: &'static str, advice: String },
    #[error("the database answers, but not what it was asked")]
    Steps(#[source] StorageError),
    #[error("setting `{key}`: {problem}")]
    Amqp { key: &'static str, problem: String },
    #[error("setting `amqp_ca_file`")]
    AmqpAuthority(#[source] SecretFileError),
    #[error(transparent)]
    Egress(#[from] egress::BuildError),
    #[cfg(feature = "crash-points")]
    #[error("SHOPGRANT_CRASH_POINT: there is no point `{0}`")]
    CrashPoint(String),
}

/// The database with a schema that this program knows: it is migrated, or refused if that is not wanted.
pub(crate) async fn open_storage(settings: &Settings) -> Result<Storage, WiringError> {
    let storage = connect(settings).await?;
    let checked = if settings.migrate_on_start {
        storage.migrate().await
    } else {
        storage.check_schema().await
    };
    checked.map_err(|error| unusable_database(settings, &error))?;
    let newer = diagnosis::unknown_steps(&storage).await;
    let newer = newer.map_err(WiringError::Steps)?;
    if !newer.is_empty() {
        tracing::warn!(
            steps = newer.join(", "),
            "the schema is that of a newer version: finish the upgrade, or restore a backup to go back"
        );
    }
    Ok(storage)
}

/// The database with whatever schema it has.
pub(crate) async fn connect(settings: &Settings) -> Result<Storage, WiringError> {
    let opened = Storage::open(settings.database_url.expose_secret()).await;
    opened.map_err(|error| unusable_database(settings, &error))
}

/// Brings the schema up to date.
pub(crate) async fn migrate(settings: &Settings) -> Result<(), WiringError> {
    let storage = connect(settings).await?;
    let migrated = storage.migrate().await;
    migrated.map_err(|error| unusable_database(settings, &error))
}

fn unusable_database(settings: &Settings, error: &OpenError) -> WiringError {
    WiringError::Database {
        key: settings.database_key(),
        advice: error.advice(),
    }
}

/// A broker for `serve`, on the bus that the settings name, and its storage. What can be refused without
/// the database is refused before it is touched.
pub(crate) async fn serving_broker(
    settings: &Settings,
    public_url: Url,
) -> Result<(Broker, Storage), WiringError> {
    let keyring = keyring(settings)?;
    let bus = bus(settings).await?;
    let storage = open_storage(settings).await?;
    let broker = assemble(settings, storage.clone(), keyring, bus, public_url)?;
    Ok((broker, storage))
}

/// A broker for the operator's commands: no worker of it ever runs, so that it needs no RabbitMQ.
pub(crate) async fn operators_broker(settings: &Settings) -> Result<Broker, WiringError> {
    let keyring = keyring(settings)?;
    let storage = open_storage(settings).await?;
    let public_url = settings.public_url(settings.listen);
    let bus = Arc::new(InProcessBus::new());
    assemble(settings, storage, keyring, bus, public_url)
}

/// A broker of the given parts, with the settings' options.
pub(crate) fn assemble(
    settings: &Settings,
    storage: Storage,
    keyring: Keyring,
    bus: Arc<dyn EventBus>,
    public_url: Url,
) -> Result<Broker, WiringError> {
    let parts = parts(settings, storage, keyring, bus, public_url)?;
    Ok(Broker::new(parts))
}

/// What [`assemble`] makes a broker of, for whoever has another clock.
pub(crate) fn parts(
    settings: &Settings,
    storage: Storage,
    keyring: Keyring,
    bus: Arc<dyn EventBus>,
    public_url: Url,
) -> Result<Parts, WiringError> {
    let egress = egress(settings)?;
    let options = options(settings, public_url);
    #[cfg(feature = "crash-points")]
    let options = with_crash_point(options)?;
    Ok(Parts {
        storage,
        keyring,
        egress,
        bus,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        options,
    })
}

/// The bus over RabbitMQ, or inside the process if there is no URL. A process that runs workers tries to
/// connect at once, to say what is wrong while somebody is looking; a RabbitMQ that is away stops nothing.
pub(crate) async fn bus(settings: &Settings) -> Result<Arc<dyn EventBus>, WiringError> {
    let Some(options) = rabbit_options(settings)? else {
        return Ok(Arc::new(InProcessBus::new()));
    };
    let bus = if settings.role.runs_workers() {
        RabbitBus::connect(options).await
    } else {
        RabbitBus::new(options).map_err(ConnectError::from)
    };
    let bus = bus.map_err(|error| unusable_bus(settings, &error))?;
    Ok(Arc::new(bus))
}

/// How to reach RabbitMQ, if the settings name one.
pub(crate) fn rabbit_options(settings: &Settings) -> Result<Option<RabbitOptions>, WiringError> {
    let Some(url) = &settings.amqp_url else {
        return Ok(None);
    };
    let authorities = settings.amqp_ca_file.as_deref().map(secret_file::read);
    let authorities = authorities
        .transpose()
        .map_err(WiringError::AmqpAuthority)?;
    Ok(Some(RabbitOptions {
        certificate_authorities: authorities.map(|pem| pem.expose_secret().to_owned()),
        ..RabbitOptions::new(url.clone())
    }))
}

/// What is wrong with RabbitMQ, by the setting to change and with what to do there.
pub(crate) fn unusable_bus(settings: &Settings, error: &ConnectError) -> WiringError {
    let (key, advice) = match error {
        ConnectError::Options(InvalidAmqpOptions::CertificateAuthorities) => ("amqp_ca_file", None),
        ConnectError::Options(_) => (settings.amqp_key(), None),
        ConnectError::Refused(refusal) => (settings.amqp_key(), Some(advice(refusal))),
    };
    let mut problem = error.to_string();
    if let Some(advice) = advice {
        problem.push_str(": ");
        problem.push_str(advice);
    }
    WiringError::Amqp { key, problem }
}

const fn advice(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Login => {
            "correct them here, or change them there with `rabbitmqctl change_password`"
        }
        Refusal::VirtualHost { .. } => {
            "create it with `rabbitmqctl add_vhost`, and let the user in with `rabbitmqctl set_permissions`"
        }
        Refusal::Permission { .. } => {
            "grant configure, write and read with `rabbitmqctl set_permissions`"
        }
        Refusal::OtherShape { .. } => {
            "delete it there, and it is declared anew at the next start; events that it held are published again"
        }
        Refusal::Tls { .. } => {
            "the certificate is checked against the system's authorities and that of `amqp_ca_file`"
        }
    }
}

/// The HTTP server's part of the settings.
pub(crate) fn server_options(settings: &Settings, public_url: Url) -> ServerOptions {
    let rate = |limit: RateLimit| Rate {
        per_second: limit.per_second,
        burst: limit.burst,
    };
    ServerOptions {
        rate: RateOptions {
            per_institution: rate(settings.rate_limit.per_institution),
            per_address: rate(settings.rate_limit.per_address),
        },
        trusted_proxies: settings.trusted_proxies.clone(),
        ..ServerOptions::new(public_url)
    }
}

/// The guarded client for outgoing calls.
pub(crate) fn egress(settings: &Settings) -> Result<egress::Client, WiringError> {
    Ok(egress::Client::new(egress::Policy {
        allow: settings.egress.allow.clone(),
        ports: settings.egress.ports.iter().copied().collect(),
        ..egress::Policy::default()
    })?)
}

/// The key that seals.
pub(crate) fn keyring(settings: &Settings) -> Result<Keyring, WiringError> {
    let path = settings.master_key_file.as_deref();
    let path = path.ok_or(WiringError::NoMasterKey)?;
    let text = secret_file::read(path).map_err(WiringError::MasterKeyFile)?;
    Keyring::from_base64(&text).map_err(|source| WiringError::MasterKey {
        path: path.to_owned(),
        source,
    })
}

fn options(settings: &Settings, public_url: Url) -> Options {
    let seconds = |count: u32| Duration::from_secs(u64::from(count));
    let mut options = Options::new(public_url);
    options.uniqueness = match settings.authorization.uniqueness {
        settings::Uniqueness::Broker => Uniqueness::Broker,
        settings::Uniqueness::Institution => Uniqueness::Institution,
    };
    options.direct_deadline = seconds(settings.authorization.direct_deadline_seconds.get());
    options.hosted_deadline = seconds(settings.authorization.hosted_deadline_seconds.get());
    options.click_deadline = seconds(settings.authorization.click_deadline_seconds.get());
    options.key_deadline = seconds(settings.authorization.key_deadline_seconds.get());
    options.refresh_margin = seconds(settings.refresh.margin_seconds.get());
    if settings.public_url.is_none() && !settings.role.serves_http() {
        options.ready_links = ReadyLinks::Withheld;
    }
    options.scopes_interval = seconds(settings.refresh.scopes_seconds.get());
    let genstores = settings.genstore.shop_header.iter();
    options.shop_headers = genstores
        .map(|name| (Platform::Genstore, name.clone()))
        .collect();
    options.freshness = settings.freshness();
    options.plain_http_redirects = plain_http_redirects(settings);
    let waits = settings.webhooks.retry_schedule_seconds.iter();
    options.retry_schedule =
        RetrySchedule::new(waits.map(|wait| Duration::from_secs(wait.get())).collect());
    options.webhook_timeout = seconds(settings.webhooks.timeout_seconds.get());
    options.webhook_retention =
        Duration::from_hours(24 * u64::from(settings.webhooks.retention_days.get()));
    options
}

/// Has a test's process kill itself where the test says.
#[cfg(feature = "crash-points")]
fn with_crash_point(mut options: Options) -> Result<Options, WiringError> {
    if let Some(name) = settings::crash_point() {
        let point = name.parse().map_err(|()| WiringError::CrashPoint(name))?;
        options.crash_point = Some(point);
    }
    Ok(options)
}

/// Where the operator opened loopback, this is a machine for development.
fn plain_http_redirects(settings: &Settings) -> PlainHttp {
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let is_open = |address: &IpAddr| {
        settings
            .egress
            .allow
            .iter()
            .any(|net| net.contains(address))
    };
    if loopback.iter().any(is_open) {
        PlainHttp::LoopbackOnly
    } else {
        PlainHttp::Refused
    }
}
