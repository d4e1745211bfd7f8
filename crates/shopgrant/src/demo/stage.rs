//! Everything that the demo needs, on loopback addresses of this process.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use broker::{
    Broker, ChangeInstitution, Clock, ConfigurePlatformApp, Entropy, Operator, SystemEntropy,
    read_logo,
};
use domain::{Brand, Links, Platform};
use sandbox::{AppRegistration, Dialect, Sandbox};
use secrecy::SecretString;
use storage::sealing::Keyring;
use tempfile::TempDir;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio_util::task::TaskTracker;
use url::Url;

use crate::api_client::http_client;
use crate::command::{Failure, simulated_platforms};
use crate::demo::clock::DemoClock;
use crate::demo::institution::{Beginning, Institution};
use crate::demo::seller::Seller;
use crate::process::{Http, Process};
use crate::receiver::{self, Arrival};
use crate::settings::{RateLimit, Settings};
use crate::webhook::Webhook;
use crate::wiring;

/// What the broker's apps may read, and must.
pub(super) const SCOPES: [&str; 2] = ["read_orders", "read_products"];
/// The second one lets an app ask what it was granted, and uninstall itself.
pub(super) const GENSTORE_SCOPES: [&str; 2] = ["read_orders", "write_apps"];
pub(super) const MULTIVENDE_SCOPES: [&str; 2] = ["read:checkouts", "read:stocks"];
pub(super) const CAFE24_SCOPES: [&str; 2] = ["mall.read_order", "mall.read_product"];

/// How long the end of the demo may be held up by a broker that does not answer.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);

/// The clock may go ahead by hours: then what is due is not to wait for long.
const WORKER_POLL: Duration = Duration::from_millis(50);

/// More calls than a demo makes.
const UNHINDERED: RateLimit = RateLimit {
    per_second: const { NonZeroU32::new(100_000).unwrap() },
    burst: const { NonZeroU32::new(100_000).unwrap() },
};

/// A free port of this machine.
const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// The simulated platforms, the broker, two institutions and a seller.
pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) platforms_at: SocketAddr,
    pub(super) broker_url: Url,
    /// Where sellers' browsers are sent in the end; it has a query already.
    pub(super) redirect_url: String,
    pub(super) ours: Institution,
    /// Another institution at the same broker.
    pub(super) theirs: Institution,
    pub(super) seller: Seller,
    /// By which the simulated platforms tell their events.
    pub(super) http: reqwest::Client,
    pub(super) names: Names,
    pub(super) clock: Arc<DemoClock>,
    /// The queries with which browsers came to the `redirect_url`.
    pub(super) returning: UnboundedReceiver<String>,
    /// Also where the guided demo puts what a person may want to use.
    pub(super) directory: TempDir,
    /// As the operator has it.
    broker: Broker,
    process: Process,
    side: Side,
}

/// The servers that are no part of the broker.
struct Side {
    tasks: TaskTracker,
    handles: Vec<ServerHandle>,
}

/// Makes names that no earlier run on the same database has used.
pub(super) struct Names {
    run: String,
    count: u32,
}

impl Names {
    fn new() -> Self {
        Self {
            run: random_hex::<4>(),
            count: 0,
        }
    }

    /// A label for a shop.
    pub(super) fn shop(&mut self) -> String {
        self.count += 1;
        format!("demo-{}-{}", self.run, self.count)
    }
}

impl Stage {
    /// Starts everything. A database that is given must not be one that serves real platforms.
    pub(super) async fn set(
        database_url: Option<SecretString>,
        amqp_url: Option<SecretString>,
    ) -> Result<Self, Failure> {
        let directory = tempfile::Builder::new()
            .prefix("shopgrant-demo-")
            .tempdir()?;
        let mut settings = Settings::compiled_in()?;
        settings.egress.allow = vec!["127.0.0.0/8".parse()?, "::1/128".parse()?];
        settings.database_url = database_url.unwrap_or_else(|| {
            let file = directory.path().join("demo.db");
            format!("sqlite://{}", file.display()).into()
        });
        settings.amqp_url = amqp_url;
        // Steps follow each other without a pause, faster than an institution may call on a quick machine.
        settings.rate_limit.per_institution = UNHINDERED;
        settings.rate_limit.per_address = UNHINDERED;

        let mut side = Side {
            tasks: TaskTracker::new(),
            handles: Vec::new(),
        };
        let names = Names::new();
        let sandbox = simulated_platforms();
        let platforms_at = side.start_platforms(sandbox.clone())?;
        let mut receiver = side.start_receiver()?;

        let listener = TcpListener::bind(ANY_PORT)?;
        let broker_url = settings.public_url(listener.local_addr()?);
        let storage = wiring::open_storage(&settings).await?;
        let bus = wiring::bus(&settings).await?;
        // No run can open what another one sealed, which is no loss: the platforms forget as well.
        let mut master_key = [0; 32];
        SystemEntropy.fill(&mut master_key);
        let keyring = Keyring::new(master_key);
        let clock = Arc::new(DemoClock::default());
        let public_url = broker_url.clone();
        let mut parts = wiring::parts(&settings, storage.clone(), keyring, bus, public_url)?;
        parts.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        parts.options.worker_poll = WORKER_POLL;
        let broker = Broker::new(parts);
        configure_apps(&broker, &sandbox, platforms_at).await?;

        let mut process = Process::start(broker.clone(), storage);
        process.work();
        let options = wiring::server_options(&settings, broker_url.clone());
        process.serve(Http { listener, options })?;

        let http = http_client()?;
        let seller = format!("seller-{}", names.run);
        let mut begin = async |name, brand, path: &'static str| {
            let beginning = Beginning {
                name,
                seller: &seller,
                brand,
                redirect_origin: receiver.origin.clone(),
                webhook_url: format!("{}{path}", receiver.origin),
                webhooks: receiver.webhooks.remove(path).ok_or("no such path")?,
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
            };
            Institution::begin(&broker, http.clone(), broker_url.clone(), beginning).await
        };
        let ours = begin("Demo Pay", our_brand()?, OUR_HOOK).await?;
        let theirs = begin("Other Pay", Brand::default(), THEIR_HOOK).await?;
        Ok(Self {
            sandbox,
            platforms_at,
            redirect_url: format!("{}/return?order=1024", receiver.origin),
            ours,
            theirs,
            seller: Seller::new(http.clone()),
            http,
            names,
            clock,
            returning: receiver.returning,
            directory,
            broker_url,
            broker,
            process,
            side,
        })
    }

    /// The operator decides where the links lead that our sellers get from now on.
    pub(super) async fn set_links(&self, links: Links) -> Result<(), Failure> {
        let change = ChangeInstitution {
            links: Some(links),
            ..ChangeInstitution::default()
        };
        let changed = self
            .broker
            .change_institution(&Operator, &self.ours.app_id, change);
        changed.await?;
        Ok(())
    }

    /// Where the simulated platforms are, by the name of their dialect.
    pub(super) fn platform_url(&self, dialect: &str, shop: &str) -> String {
        format!("http://{}/{dialect}/{shop}", self.platforms_at)
    }

    /// Time goes by, for the broker, the institutions and the platforms alike. First for the platforms: what
    /// falls due by it for the broker must not be answered in their old time.
    pub(super) fn advance(&self, by: Duration) {
        self.sandbox.advance(by);
        self.clock.advance(by);
    }

    /// Stops everything and leaves nothing behind that would go on trying to reach it.
    pub(super) async fn strike(self) {
        let leaving = async {
            self.ours.leave().await?;
            self.theirs.leave().await
        };
        let left = tokio::time::timeout(LEAVE_LIMIT, leaving).await;
        if !matches!(left, Ok(Ok(()))) {
            tracing::warn!("an endpoint of the demo stays in the database");
        }
        self.process.drain().await;
        for handle in &self.side.handles {
            handle.stop(false).await;
        }
        self.side.tasks.close();
        self.side.tasks.wait().await;
    }
}

const OUR_HOOK: &str = "/webhooks/ours";
const THEIR_HOOK: &str = "/webhooks/theirs";

/// What arrives at the institutions' own server.
struct Receiver {
    origin: String,
    webhooks: HashMap<&'static str, UnboundedReceiver<Webhook>>,
    returning: UnboundedReceiver<String>,
}

impl Side {
    fn start_platforms(&mut self, sandbox: Sandbox) -> Result<SocketAddr, Failure> {
        let running = sandbox::start(sandbox, ANY_PORT.into())?;
        self.handles.push(running.server.handle());
        self.tasks.spawn(running.server);
        Ok(running.address)
    }

    fn start_receiver(&mut self) -> Result<Receiver, Failure> {
        let (our_sender, ours) = mpsc::unbounded_channel();
        let (their_sender, theirs) = mpsc::unbounded_channel();
        let (return_sender, returning) = mpsc::unbounded_channel();
        // Everything is taken as it comes: the secrets are not known before the first webhook is on
        // its way, so that whoever reads the mailbox verifies.
        let on_arrival = move |arrival| {
            let is_taken = match arrival {
                Arrival::Webhook { path, webhook } if path == OUR_HOOK => {
                    our_sender.send(webhook).is_ok()
                }
                Arrival::Webhook { path, webhook } if path == THEIR_HOOK => {
                    their_sender.send(webhook).is_ok()
                }
                Arrival::Browser { path, query } if path == "/return" => {
                    return_sender.send(query).is_ok()
                }
                Arrival::Webhook { .. } | Arrival::Browser { .. } => false,
            };
            if is_taken {
                StatusCode::OK
            } else {
                StatusCode::NOT_FOUND
            }
        };
        let listener = TcpListener::bind(ANY_PORT)?;
        let (address, server) = receiver::start(listener, Arc::new(on_arrival))?;
        self.handles.push(server.handle());
        self.tasks.spawn(server);
        Ok(Receiver {
            origin: format!("http://{address}"),
            webhooks: HashMap::from([(OUR_HOOK, ours), (THEIR_HOOK, theirs)]),
            returning,
        })
    }
}

/// How our sellers' pages look.
fn our_brand() -> Result<Brand, Failure> {
    Ok(Brand {
        colour: Some("#0b6e4f".parse()?),
        logo: Some(read_logo(include_bytes!("logo.png").to_vec())?),
    })
}

/// Registers the broker's apps at the platforms, and the platforms' hosts at the broker.
async fn configure_apps(
    broker: &Broker,
    sandbox: &Sandbox,
    platforms_at: SocketAddr,
) -> Result<(), Failure> {
    refuse_real_platforms(broker).await?;
    for (platform, dialect, path, scopes) in [
        (
            Platform::Shopline,
            Some(Dialect::Shopline),
            "shopline",
            SCOPES,
        ),
        (
            Platform::ShoplineEu,
            Some(Dialect::Shopline),
            "shopline",
            SCOPES,
        ),
        (
            Platform::Genstore,
            Some(Dialect::Genstore),
            "genstore",
            GENSTORE_SCOPES,
        ),
        (
            Platform::Cafe24,
            Some(Dialect::Cafe24),
            "cafe24",
            CAFE24_SCOPES,
        ),
        (
            Platform::Multivende,
            Some(Dialect::Multivende),
            "multivende",
            MULTIVENDE_SCOPES,
        ),
        (Platform::Shopify, None, "shopify", SCOPES),
    ] {
        let client_id = format!("demo-{}", platform.path_segment());
        let secret = SecretString::from(random_hex::<16>());
        // Only there a key stands beside events; elsewhere they are signed.
        let event_key = (dialect == Some(Dialect::Cafe24)).then(random_hex::<16>);
        let event_key = event_key.map(SecretString::from);
        // One host for all merchants there.
        let shop = if dialect == Some(Dialect::Multivende) {
            ""
        } else {
            "/{shop}"
        };
        let app = ConfigurePlatformApp {
            platform,
            client_id: client_id.clone(),
            secret: dialect.map(|_| secret.clone()),
            scopes: scopes.map(str::to_owned).to_vec(),
            institution: None,
            host: Some(format!("http://{platforms_at}/{path}{shop}")),
            event_key: event_key.clone(),
            operator_scopes: None,
        };
        let configured = broker.configure_platform_app(&Operator, app).await?;
        if let Some(key) = event_key {
            sandbox.set_event_key(&client_id, key);
        }
        if let (Some(dialect), Some(callback_url)) = (dialect, configured.callback_url) {
            sandbox.register_app(AppRegistration {
                dialect,
                client_id,
                client_secret: secret,
                redirect_uris: vec![callback_url],
                name: "Demo Pay".to_owned(),
            });
        }
    }
    Ok(())
}

/// The demo replaces the shared apps; in a database that serves sellers that would cut them off.
async fn refuse_real_platforms(broker: &Broker) -> Result<(), Failure> {
    for configured in broker.list_platform_apps(&Operator).await? {
        let host = configured.app.host.as_deref().unwrap_or_default();
        if !host.starts_with("http://127.0.0.1:") {
            return Err(format!(
                "this database has an app of the real platform {}: give the demo a database of its own",
                configured.app.platform
            )
            .into());
        }
    }
    Ok(())
}

/// Digits that nobody can guess, for keys and names.
pub(super) fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    SystemEntropy.fill(&mut bytes);
    hex::encode(bytes)
}
