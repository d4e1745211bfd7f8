//! Everything around the processes of one broker.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use broker::{Clock, Entropy, SystemClock, SystemEntropy};
use sandbox::{Sandbox, SandboxOptions};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::institution::ORIGIN;
use super::{Address, Institution, Seller, Serve, Settings, VirtualHost};
use crate::harness::{
    Bus, Database, GENSTORE, PATIENCE, PlatformCase, Receiver, SHOPLINE, TestDatabase,
};

/// A database with a schema, platforms with our apps, and a receiver of webhooks; no `serve` runs yet.
pub(crate) struct Installation {
    pub(crate) settings: Settings,
    pub(crate) sandbox: Sandbox,
    pub(crate) platforms: SocketAddr,
    pub(crate) receiver: Receiver,
    pub(crate) seller: Seller,
    pub(crate) virtual_host: Option<VirtualHost>,
    pub(crate) database: TestDatabase,
    directory: TempDir,
    platforms_handle: ServerHandle,
    platforms_server: JoinSet<std::io::Result<()>>,
}

impl Installation {
    pub(crate) async fn new(database: Database, bus: Bus) -> Self {
        let virtual_host = match bus {
            Bus::InProcess => None,
            Bus::RabbitMq => Some(VirtualHost::create().await),
        };
        let amqp_url = virtual_host.as_ref().map(|host| host.url.as_str());
        let mut installation = Self::on(TestDatabase::create(database).await, amqp_url).await;
        installation.virtual_host = virtual_host;
        installation
    }

    /// On a database, and on a RabbitMQ that has nobody else's events, if there is one.
    pub(crate) async fn on(database: TestDatabase, amqp_url: Option<&str>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings::new(directory.path(), &database.url);
        if let Some(url) = amqp_url {
            settings = settings.with("amqp_url", url);
        }
        settings.run(&["migrate"]).await.succeeded();

        let sandbox = Sandbox::new(SandboxOptions {
            now: Arc::new(|| SystemClock.now()),
            random: Arc::new(|bytes| SystemEntropy.fill(bytes)),
        });
        let platforms = sandbox::start(sandbox.clone(), ([127, 0, 0, 1], 0).into()).unwrap();
        let platforms_handle = platforms.server.handle();
        let mut platforms_server = JoinSet::new();
        platforms_server.spawn(platforms.server);
        let installation = Self {
            settings,
            sandbox,
            platforms: platforms.address,
            receiver: Receiver::listen().await,
            seller: Seller {
                http: http_client(),
            },
            virtual_host: None,
            database,
            directory,
            platforms_handle,
            platforms_server,
        };
        installation.configure(&SHOPLINE).await;
        installation.configure(&GENSTORE).await;
        installation
    }

    /// Registers our app with the platform, and the platform with the broker.
    pub(crate) async fn configure(&self, case: &PlatformCase) {
        self.configure_at(case, self.platforms).await;
    }

    /// The same with the platform at another address, as behind a door.
    pub(crate) async fn configure_at(&self, case: &PlatformCase, address: SocketAddr) {
        let secret = self.directory.path().join(format!("{}.secret", case.code));
        std::fs::write(&secret, case.secret).unwrap();
        let app = self
            .settings
            .json(&[
                "platform",
                "configure",
                case.code,
                "--client-id",
                case.client_id,
                "--client-secret-file",
                secret.to_str().unwrap(),
                "--scopes",
                case.two_scopes(),
                "--host",
                &case.host(address),
                "--json",
            ])
            .await;
        let callback = app["callback_url"].as_str().unwrap().to_owned();
        self.sandbox.register_app(case.registration(callback));
    }

    pub(crate) async fn serve(&self) -> Serve {
        self.settings.serve().await
    }

    /// An institution that the operator made, with a token.
    pub(crate) async fn institution(&self, serve: &Address, name: &str) -> Institution {
        self.institution_with(serve, name, &[]).await
    }

    /// The same, with more that the operator says of it.
    pub(crate) async fn institution_with(
        &self,
        serve: &Address,
        name: &str,
        more: &[&str],
    ) -> Institution {
        let mut arguments = vec![
            "institution",
            "create",
            "--name",
            name,
            "--redirect-origin",
            ORIGIN,
            "--json",
        ];
        arguments.extend(more);
        let created = self.settings.json(&arguments).await;
        let text = |field: &str| created[field].as_str().unwrap();
        let http = self.seller.http.clone();
        let mut institution = Institution::new(http, text("app_id"), text("app_secret"));
        institution.renew_token(serve).await;
        institution
    }

    /// Stops and removes everything; every `serve` has ended before.
    pub(crate) async fn remove(mut self) {
        self.platforms_handle.stop(false).await;
        while let Some(served) = self.platforms_server.join_next().await {
            served.unwrap().unwrap();
        }
        if let Some(host) = self.virtual_host {
            host.delete().await;
        }
        self.database.delete().await;
    }
}

/// A client that follows no redirect and uses no proxy.
#[expect(
    clippy::disallowed_methods,
    reason = "what institutions and sellers dial is the test's own choice"
)]
pub(crate) fn http_client() -> reqwest::Client {
    // Whoever was first has installed the same one.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        // A server may close a connection that lies idle just as it is used once more.
        .pool_idle_timeout(Duration::from_secs(1))
        .timeout(3 * PATIENCE);
    builder.build().unwrap()
}
