//! RabbitMQ and PostgreSQL go away and come back while authorizations go on. Nothing is lost, nobody restarts
//! us, and soon everything is told as fast as before.
//!
//! The servers are the test's own, since everybody else needs theirs.

mod exchange;

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::harness::{Database, Receiver, TestDatabase, let_pass};
use crate::process::{
    Endpoint, Fleet, Installation, Institution, OwnService, Role, Store, Traffic,
};

/// When all must be as it was, once a server is back.
const SETTLED_AFTER: Duration = Duration::from_secs(10);
/// How soon an event is told then. The promise is one second; five are for a program that is not optimised, on a
/// machine that is busy with other tests. Whoever waits for a lease or for a long backoff takes longer.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_rabbitmq() {
    let rabbitmq = OwnService::rabbitmq().await;
    let database = TestDatabase::create(Database::Postgres).await;
    let scene = Scene::set(database, &rabbitmq.url).await;
    scene
        .live_through(async |outages| {
            for _ in 0..3 {
                rabbitmq
                    .run(&["rabbitmqctl", "close_all_connections", "test"])
                    .await;
            }
            outages.are_over().await;

            let watermark = ["rabbitmqctl", "set_vm_memory_high_watermark"];
            rabbitmq
                .run(&[&watermark[..], &["absolute", "1"]].concat())
                .await;
            outages.traffic.goes_on(20).await;
            rabbitmq.run(&[&watermark[..], &["0.4"]].concat()).await;
            outages.are_over().await;

            for goes in ["stop", "kill"] {
                rabbitmq.run(&["rabbitmq", goes]).await;
                outages.traffic.goes_on(20).await;
                rabbitmq.run(&["rabbitmq", "start"]).await;
                outages.are_over().await;
            }
            assert_eq!(outages.traffic.last_error(), None, "no call needs RabbitMQ");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_postgresql() {
    let postgresql = OwnService::postgresql().await;
    let database = TestDatabase::on_server(&postgresql.url).await;
    let virtual_host = crate::process::VirtualHost::create().await;
    let scene = Scene::set(database, &virtual_host.url).await;
    scene
        .live_through(async |outages| {
            postgresql.run(&["postgresql", "kill"]).await;
            postgresql.run(&["postgresql", "start"]).await;
            outages.are_over().await;

            postgresql.run(&["postgresql", "kill"]).await;
            // Which takes as long as a call waits for the database.
            outages.traffic.fails().await;
            postgresql.run(&["postgresql", "start"]).await;
            outages.are_over().await;
        })
        .await;
    virtual_host.delete().await;
}

/// Processes at work, and an institution that has nothing to do with the traffic.
struct Scene {
    installation: Installation,
    fleet: Fleet,
    institution: Institution,
    endpoint: Endpoint,
    bystander: Bystander,
}

struct Bystander {
    institution: Institution,
    receiver: Receiver,
    endpoint: Endpoint,
    client_id: String,
}

impl Scene {
    async fn set(database: TestDatabase, amqp_url: &str) -> Self {
        let mut installation = Installation::on(database, Some(amqp_url)).await;
        installation.settings = installation.settings.unlimited();
        let roles = [Role::Api, Role::Worker, Role::Worker];
        let fleet = Fleet::start(&installation.settings, &roles).await;
        let address = fleet.api(0).await;
        let institution = installation.institution(&address, "Outage Pay").await;
        let url = installation.receiver.url("/hook");
        let endpoint = institution.endpoint(&address, &url).await;

        let bystander = installation.institution(&address, "Bystander Pay").await;
        let receiver = Receiver::listen().await;
        let bystander = Bystander {
            endpoint: bystander.endpoint(&address, &receiver.url("/hook")).await,
            client_id: bystander.client(&address, "seller").await,
            institution: bystander,
            receiver,
        };
        bystander.receiver.next().await;
        Self {
            installation,
            fleet,
            institution,
            endpoint,
            bystander,
        }
    }

    async fn live_through(self, happens: impl AsyncFnOnce(&Outages<'_>)) {
        let traffic = Traffic::new(&self.installation, &self.fleet, &self.institution).await;
        let outages = Outages {
            scene: &self,
            traffic: &traffic,
        };
        let stop = CancellationToken::new();
        tokio::join!(traffic.run_until(&stop), async {
            traffic.goes_on(8).await;
            happens(&outages).await;
            stop.cancel();
        });
        traffic.audit(&self.endpoint).await;
        self.fleet.stop().await;
        self.installation.remove().await;
    }
}

/// What happens to the servers while the traffic goes on.
struct Outages<'a> {
    scene: &'a Scene,
    traffic: &'a Traffic<'a>,
}

impl Outages<'_> {
    /// Some time after the return of a server every call is answered, and what happens is told at once.
    async fn are_over(&self) {
        let settled = Instant::now() + SETTLED_AFTER;
        let_pass(SETTLED_AFTER).await;
        let lag = self.scene.lag().await;
        assert!(lag < TOLD_WITHIN, "an event was told after {lag:?}");
        self.traffic.goes_on(8).await;
        assert!(
            self.traffic
                .last_error()
                .is_none_or(|error| error < settled),
            "calls fail after the end of an outage"
        );
    }
}

impl Scene {
    /// How long an event takes to its receiver that is committed now.
    async fn lag(&self) -> Duration {
        let Bystander {
            institution,
            receiver,
            endpoint,
            client_id,
        } = &self.bystander;
        let address = self.fleet.api(0).await;
        let url = "https://bystander.myshopline.com";
        let store: Store = institution
            .store(&address, client_id, "SHOPLINE", url)
            .await;
        let ids = store.with(serde_json::json!({}));
        institution.data(&address, "store/unbind", &ids).await;
        let committed = Instant::now();
        let event = receiver.next().await.verified(&endpoint.secret);
        assert_eq!(event["data"]["store_id"], store.store_id);
        committed.elapsed()
    }
}
