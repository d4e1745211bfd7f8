//! The whole system as a value.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use broker::{
    Clock, CreateInstitution, Entropy, ManualClock, Operator, Options, PlainHttp, SeededEntropy,
};
use chrono::{DateTime, Utc};
use domain::Brand;
use domain::institution::{BusAccess, CredentialAccess, Links};
use sandbox::{Sandbox, SandboxOptions};
use secrecy::ExposeSecret;
use server::{Rate, RateOptions, ServerOptions};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;
use url::Url;

use super::bus::{Bus, TestBus};
use super::database::TestDatabase;
use super::institution::ORIGIN;
use super::process::{Process, Surroundings};
use super::receiver::Receiver;
use super::seller::Browser;
use super::{Database, Institution, PATIENCE, platform};

/// When everything begins.
const BEGINNING: i64 = 1_795_284_000;

/// What differs between applications.
pub(crate) struct Setup {
    /// How events travel; in-process on SQLite and over RabbitMQ on PostgreSQL, if nothing is said.
    pub(crate) bus: Option<Bus>,
    pub(crate) rate: RateOptions,
    pub(crate) change_options: fn(&mut Options),
}

impl Default for Setup {
    fn default() -> Self {
        // The clock stands still, so that a limit would be a number of calls for the whole test.
        let many = NonZeroU32::new(1_000_000).unwrap();
        let unlimited = Rate {
            per_second: many,
            burst: many,
        };
        Self {
            bus: None,
            rate: RateOptions {
                per_institution: unlimited,
                per_address: unlimited,
            },
            change_options: |_| {},
        }
    }
}

pub(crate) struct TestApp {
    pub(crate) base_url: String,
    pub(crate) http: reqwest::Client,
    /// The sellers'.
    pub(crate) browser: Browser,
    pub(crate) sandbox: Sandbox,
    pub(crate) sandbox_address: SocketAddr,
    pub(crate) receiver: Receiver,
    pub(crate) process: Process,
    pub(crate) surroundings: Surroundings,
    pub(crate) database: TestDatabase,
    /// What goes on beside the test.
    pub(crate) tasks: TaskTracker,
    handles: Vec<ServerHandle>,
    servers: JoinSet<std::io::Result<()>>,
}

impl TestApp {
    pub(crate) async fn start(kind: Database, setup: Setup) -> Self {
        let database = TestDatabase::create(kind).await;
        let bus = setup.bus.unwrap_or(match kind {
            Database::Sqlite => Bus::InProcess,
            Database::Postgres => Bus::RabbitMq,
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let public_url = Url::parse(&base_url).unwrap();
        let mut options = Options::new(public_url.clone());
        options.plain_http_redirects = PlainHttp::LoopbackOnly;
        (setup.change_options)(&mut options);
        let beginning = DateTime::from_timestamp(BEGINNING, 0).unwrap();
        let surroundings = Surroundings {
            clock: Arc::new(ManualClock::at(beginning)),
            entropy: Arc::new(SeededEntropy::new(1)),
            options,
            bus: TestBus::create(bus),
        };
        let process = Process::start(database.open().await, surroundings.clone()).await;

        let mut servers = JoinSet::new();
        let sandbox = sandbox(Arc::clone(&surroundings.clock));
        let far_end = sandbox::start(sandbox.clone(), ([127, 0, 0, 1], 0).into()).unwrap();
        platform::register(&process.broker, &sandbox, far_end.address).await;
        let options = ServerOptions {
            rate: setup.rate,
            ..ServerOptions::new(public_url)
        };
        let http = http_client();
        let server = server::start(process.broker.clone(), options, listener).unwrap();
        let handles = vec![server.handle(), far_end.server.handle()];
        servers.spawn(server);
        servers.spawn(far_end.server);
        Self {
            browser: Browser::new(http.clone(), &base_url),
            base_url,
            http,
            sandbox,
            sandbox_address: far_end.address,
            receiver: Receiver::listen().await,
            process,
            surroundings,
            database,
            tasks: TaskTracker::new(),
            handles,
            servers,
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.surroundings.clock.now()
    }

    /// As events and snapshots write it.
    pub(crate) fn now_text(&self) -> String {
        self.now()
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }

    /// Everybody's clock goes forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.surroundings.clock.advance(by);
    }

    /// Steps every worker until none has anything to do at this moment of the clock.
    pub(crate) async fn settle(&self) {
        self.process.settle().await;
    }

    /// Another process on the same database.
    pub(crate) async fn another_process(&self) -> Process {
        Process::start(self.database.open().await, self.surroundings.clone()).await
    }

    pub(crate) async fn institution(&self, name: &str) -> Institution {
        self.institution_with(name, Links::Direct).await
    }

    /// An institution whose sellers get links of this kind.
    pub(crate) async fn institution_with(&self, name: &str, links: Links) -> Institution {
        let command = CreateInstitution {
            name: name.to_owned(),
            redirect_origins: vec![ORIGIN.to_owned()],
            bus_access: BusAccess::None,
            credential_access: CredentialAccess::Denied,
            links,
            brand: Brand::default(),
        };
        let new = self
            .process
            .broker
            .create_institution(&Operator, command)
            .await
            .unwrap();
        let app_id = new.institution.app_id.as_str();
        Institution::enter(self, app_id, new.app_secret.expose_secret()).await
    }

    /// Ends the server as a process that is told to stop does; what it began may go on.
    pub(crate) async fn stop_serving(&self) {
        self.handles[0].stop(true).await;
    }

    /// Fails if something was told that the test did not look at, or can never be told.
    pub(crate) async fn finish(self) {
        self.settle().await;
        assert_eq!(self.receiver.take(), [], "nobody looked at these webhooks");
        self.end().await;
    }

    /// Ends without looking at what is left, for a test that broke the system.
    pub(crate) async fn end(mut self) {
        for handle in &self.handles {
            handle.stop(true).await;
        }
        while let Some(served) = self.servers.join_next().await {
            served.unwrap().unwrap();
        }
        self.process.stop().await;
        self.database.delete().await;
    }
}

fn sandbox(clock: Arc<ManualClock>) -> Sandbox {
    let entropy = SeededEntropy::new(2);
    Sandbox::new(SandboxOptions {
        now: Arc::new(move || clock.now()),
        random: Arc::new(move |bytes| entropy.fill(bytes)),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "what institutions and sellers dial is the test's own choice"
)]
fn http_client() -> reqwest::Client {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        // A server may close a connection that lies idle just as it is used once more.
        .pool_idle_timeout(Duration::from_secs(1))
        // Longer than any answer that a test waits for on purpose.
        .timeout(2 * PATIENCE);
    builder.build().unwrap()
}
