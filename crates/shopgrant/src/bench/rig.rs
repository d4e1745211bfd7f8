//! Everything around what is measured: a database, a peer, an institution, and settings for `serve`.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use broker::{
    Broker, Clock, ConfigurePlatformApp, CreateInstitution, Entropy, Operator, SystemClock,
    SystemEntropy,
};
use domain::institution::{BusAccess, CredentialAccess, Links};
use domain::{Brand, ClientId, InstitutionId, Platform, Store, StoreId, StoreState};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use storage::Storage;
use storage::limits::{self, DatabaseFacts, RawDatabase};
use tempfile::TempDir;
use tokio::runtime;
use url::Url;
use uuid::Builder;

use crate::api_client::http_client;
use crate::bench::caller::{Institution, text};
use crate::bench::child::{Child, address_behind};
use crate::bench::options::BenchOptions;
use crate::bench::report::Subject;
use crate::bench::usage;
use crate::command::Failure;
use crate::settings::{Role, Settings};
use crate::wiring;

/// The app of the broker at the simulated platforms.
const APP: &str = "bench-app";
/// Where a seller's browser would be sent in the end.
pub(super) const ORIGIN: &str = "https://pay.example";

pub(super) struct Rig {
    pub(super) peer: Child,
    pub(super) platforms: SocketAddr,
    pub(super) raw: RawDatabase,
    pub(super) facts: DatabaseFacts,
    /// PostgreSQL's first process, if it is on this machine.
    postmaster: Option<u32>,
    http: reqwest::Client,
    operated: Broker,
    pub(super) storage: Storage,
    environment: Vec<(String, String)>,
    bus: &'static str,
    names: String,
    drawn: u32,
    // Dropped last: the processes above use them.
    _scratch: Option<Scratch>,
    pub(super) directory: TempDir,
}

/// An institution with a client, whose stores are made in bulk.
pub(super) struct Seller {
    pub(super) institution: Arc<Institution>,
    pub(super) id: InstitutionId,
    pub(super) client: ClientId,
}

/// A store that waits for its authorization.
pub(super) struct NewStore {
    pub(super) id: StoreId,
    pub(super) shop: String,
}

/// A database of a PostgreSQL server that is dropped with this value, whatever ends the measurement.
struct Scratch {
    server: SecretString,
    name: String,
}

impl Scratch {
    async fn create(server: &SecretString) -> Result<(Self, SecretString), Failure> {
        let name = format!("shopgrant_bench_{}", random_hex::<6>());
        limits::create_scratch_database(server.expose_secret(), &name).await?;
        let scratch = Self {
            server: server.clone(),
            name,
        };
        let mut url: Url = server
            .expose_secret()
            .parse()
            .map_err(|_| "--database-url cannot be read")?;
        url.set_path(&scratch.name);
        Ok((scratch, SecretString::from(String::from(url))))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A destructor cannot wait in the runtime that it is called in.
        let dropped = thread::spawn(move || -> Result<(), Failure> {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(limits::drop_scratch_database(server.expose_secret(), &name))?;
            Ok(())
        });
        if !matches!(dropped.join(), Ok(Ok(()))) {
            tracing::warn!(
                database = self.name,
                "a database of the benchmark stays behind"
            );
        }
    }
}

impl Rig {
    /// Makes the database and starts the peer. Without a URL the database is a new SQLite file.
    pub(super) async fn build(
        database_url: Option<&SecretString>,
        options: &BenchOptions,
    ) -> Result<Self, Failure> {
        let directory = tempfile::Builder::new()
            .prefix("shopgrant-bench-")
            .tempdir()?;
        let in_directory = |name: &str| directory.path().join(name);
        let (scratch, database_url, raw_url) = match database_url {
            Some(server) => {
                let (scratch, url) = Scratch::create(server).await?;
                (Some(scratch), url.clone(), url)
            }
            // The raw commits get a file of their own: a broker looks whenever its file has changed.
            None => (
                None,
                format!("sqlite://{}", in_directory("bench.db").display()).into(),
                format!("sqlite://{}", in_directory("raw.db").display()).into(),
            ),
        };
        let key_file = in_directory("master.key");
        let mut key = [0; 32];
        SystemEntropy.fill(&mut key);
        fs::write(&key_file, BASE64_STANDARD.encode(key))?;

        let mut settings = Settings::compiled_in()?;
        settings.database_url = database_url.clone();
        settings.master_key_file = Some(key_file.clone());
        settings.egress.allow = vec!["127.0.0.0/8".parse()?];
        let operated = wiring::operators_broker(&settings).await?;
        let storage = wiring::connect(&settings).await?;
        let raw = RawDatabase::open(raw_url.expose_secret(), options.connections.get()).await?;
        let facts = raw.facts().await?;
        let peer = Child::start(&["bench-peer"], directory.path(), &[]).await?;
        let platforms = address_behind(&peer.ready_line, "platforms on http://")
            .ok_or("the peer does not say where the platforms are")?;

        let mut environment = vec![
            ("RUST_LOG".to_owned(), options.log.clone()),
            setting("listen", "127.0.0.1:0"),
            setting("database_url", database_url.expose_secret()),
            setting("master_key_file", &key_file.display().to_string()),
            setting("egress__allow", "127.0.0.0/8"),
        ];
        for limit in ["per_institution", "per_address"] {
            for number in ["per_second", "burst"] {
                environment.push(setting(
                    &format!("rate_limit__{limit}__{number}"),
                    "1000000",
                ));
            }
        }
        if let Some(url) = &options.amqp_url {
            environment.push(setting("amqp_url", url.expose_secret()));
        }
        let rig = Self {
            postmaster: postmaster(&facts),
            peer,
            platforms,
            raw,
            facts,
            http: http_client()?,
            operated,
            storage,
            environment,
            bus: match options.amqp_url {
                Some(_) => "RabbitMQ",
                None => "the bus inside the process",
            },
            names: random_hex::<4>(),
            drawn: 0,
            _scratch: scratch,
            directory,
        };
        rig.register_app().await?;
        Ok(rig)
    }

    async fn register_app(&self) -> Result<(), Failure> {
        let secret = random_hex::<16>();
        let app = ConfigurePlatformApp {
            platform: Platform::Shopline,
            client_id: APP.to_owned(),
            secret: Some(secret.clone().into()),
            scopes: vec!["read_orders".to_owned(), "read_products".to_owned()],
            institution: None,
            host: Some(format!("http://{}/shopline/{{shop}}", self.platforms)),
            event_key: None,
            operator_scopes: None,
        };
        self.operated.configure_platform_app(&Operator, app).await?;
        let command = json!({
            "action": "register_app",
            "dialect": "shopline",
            "client_id": APP,
            "client_secret": secret,
            "redirect_uris": ["http://127.0.0.1:*"],
            "name": "Bench",
        });
        self.post(self.platforms, "/control", &command).await
    }

    pub(super) fn subject(&self) -> Subject {
        Subject::new(self.facts.version.clone(), self.bus)
    }

    /// A `serve` that listens.
    pub(super) async fn serve(&self, role: Role) -> Result<Child, Failure> {
        let role = match role {
            Role::All => "all",
            Role::Api => "api",
            Role::Worker => "worker",
        };
        let arguments = ["serve", "--role", role];
        Child::start(&arguments, self.directory.path(), &self.environment).await
    }

    /// An institution with a token. The operator makes it, as for every institution.
    pub(super) async fn institution(
        &self,
        broker: SocketAddr,
    ) -> Result<(InstitutionId, Institution), Failure> {
        let command = CreateInstitution {
            name: "Bench Pay".to_owned(),
            redirect_origins: vec![ORIGIN.to_owned()],
            bus_access: BusAccess::None,
            credential_access: CredentialAccess::Denied,
            links: Links::Direct,
            brand: Brand::default(),
        };
        let created = self.operated.create_institution(&Operator, command).await?;
        let app_id = created.institution.app_id.to_string();
        let institution = Institution::begin(broker, app_id, created.app_secret).await?;
        Ok((created.institution.id, institution))
    }

    /// An institution with a client.
    pub(super) async fn seller(&self, broker: SocketAddr) -> Result<Seller, Failure> {
        let (id, institution) = self.institution(broker).await?;
        let fields = json!({"partner_user_id": "seller-1", "name": "Bench Seller"});
        let client = institution
            .call(broker, "/v1/client/register", &fields)
            .await?;
        let client = text(&client, "client_id")?.parse()?;
        Ok(Seller {
            institution: Arc::new(institution),
            id,
            client,
        })
    }

    /// Stores that were never authorized, each of a shop of its own.
    pub(super) async fn new_stores(
        &mut self,
        seller: &Seller,
        count: u64,
    ) -> Result<Vec<NewStore>, Failure> {
        let now = SystemClock.now();
        let millis = u64::try_from(now.timestamp_millis())?;
        let mut random = [0; 10];
        SystemEntropy.fill(&mut random);
        let mut stores = Vec::new();
        let mut rows = Vec::new();
        for _ in 0..count {
            self.drawn += 1;
            random[6..].copy_from_slice(&self.drawn.to_be_bytes());
            let id = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
            let store = NewStore {
                id: StoreId::new(id),
                shop: format!("bench-{}-{}", self.names, self.drawn),
            };
            rows.push(Store {
                id: store.id,
                institution: seller.id,
                client: seller.client,
                platform: Platform::Shopline,
                state: StoreState::Unauthorized,
                store_url: format!("https://{}.myshopline.com", store.shop),
                name: "Bench Shop".to_owned(),
                category: "General Categories".to_owned(),
                extra_info: None,
                seller_id: None,
                auth_type: None,
                sequence: 0,
                revision: 1,
                created_at: now,
            });
            stores.push(store);
        }
        limits::insert_stores_for_measuring(&self.storage, &rows).await?;
        Ok(stores)
    }

    /// CPU time of the database, where it has processes of its own on this machine.
    pub(super) fn database_cpu(&self) -> Option<Duration> {
        usage::cpu_of_family(self.postmaster?)
    }

    /// What the peer answers to one of its own calls.
    pub(super) async fn ask_peer<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let url = format!("http://{}{path}", self.peer.address);
        let answer = self.http.get(url).send().await?.bytes().await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    pub(super) async fn tell_peer(&self, path: &str, fields: &Value) -> Result<(), Failure> {
        self.post(self.peer.address, path, fields).await
    }

    async fn post(&self, to: SocketAddr, path: &str, fields: &Value) -> Result<(), Failure> {
        let request = self
            .http
            .post(format!("http://{to}{path}"))
            .header("content-type", "application/json")
            .body(fields.to_string());
        let status = request.send().await?.status();
        if !status.is_success() {
            return Err(format!("{path} answered {status}").into());
        }
        Ok(())
    }

    /// Ends the peer; the database and all files go with the value.
    pub(super) async fn remove(self) -> Result<(), Failure> {
        self.raw.close().await;
        self.peer.stop().await
    }
}

/// The parent of the process that serves us, if that is a process of this machine.
fn postmaster(facts: &DatabaseFacts) -> Option<u32> {
    usage::parent_of(u32::try_from(facts.backend_pid?).ok()?, "postgres")
}

fn setting(key: &str, value: &str) -> (String, String) {
    (
        format!("SHOPGRANT__{}", key.to_uppercase()),
        value.to_owned(),
    )
}

fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    SystemEntropy.fill(&mut bytes);
    hex::encode(bytes)
}
