//! What a load balancer and a supervisor are told about each role.

use serde_json::json;
use tokio::time::{Instant, interval, timeout};

use crate::harness::{Answer, Bus, Database, PATIENCE, SHOPLINE, TestApp, TestDatabase};
use crate::metrics::Page;
use crate::process::{Installation, OwnService, Serve, VirtualHost, http_client};

const OK: (u16, &str) = (200, "ok");
const NO_DATABASE: (u16, &str) = (503, "not ready\nthe database does not answer");
const NOT_CONSUMING: &str = "no events are taken from the bus";

on_both!(only_an_older_schema_is_not_known);

async fn only_an_older_schema_is_not_known(app: &TestApp) {
    let readiness = async || {
        let answer = app.visit(&format!("{}/readyz", app.base_url)).await;
        (answer.status, answer.text)
    };
    let ok = (200, "ok".to_owned());
    assert_eq!(readiness().await, ok);
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_newer', 0)";
    app.database.execute(newer).await;
    assert_eq!(readiness().await, ok);
    let older = "UPDATE seaql_migrations SET version = 'm0000_other' WHERE version LIKE 'm0001%'";
    app.database.execute(older).await;
    let text = "not ready\nthe schema is older than this program: run `shopgrant migrate`";
    assert_eq!(readiness().await, (503, text.to_owned()));
    let known =
        "UPDATE seaql_migrations SET version = 'm0001_main_job' WHERE version = 'm0000_other'";
    app.database.execute(known).await;
    assert_eq!(readiness().await, ok);
}

/// One process of each role.
struct Roles {
    all: Serve,
    api: Serve,
    worker: Serve,
}

impl Roles {
    async fn start(installation: &Installation) -> Self {
        let serve = async |role| {
            installation
                .settings
                .clone()
                .with("role", role)
                .serve()
                .await
        };
        Self {
            all: serve("all").await,
            api: serve("api").await,
            worker: serve("worker").await,
        }
    }

    /// Ends when each role says this.
    async fn say(&self, all: (u16, &str), api: (u16, &str), worker: (u16, &str)) {
        for (role, serve, expected) in [
            ("all", &self.all, all),
            ("api", &self.api, api),
            ("worker", &self.worker, worker),
        ] {
            says(role, serve, expected).await;
        }
    }

    async fn stop(self) {
        for serve in [self.all, self.api, self.worker] {
            serve.stop().await;
        }
    }
}

/// Ends when the process says this.
async fn says(role: &str, serve: &Serve, expected: (u16, &str)) {
    let http = http_client();
    let give_up = Instant::now() + PATIENCE;
    let mut looks = interval(PATIENCE / 100);
    loop {
        looks.tick().await;
        let request = http.get(serve.url("/readyz")).send();
        // The limit of a probe.
        let response = timeout(PATIENCE / 5, request).await;
        let said = Answer::of(response.expect("an answer in time").unwrap()).await;
        if (said.status, said.text.as_str()) == expected {
            return;
        }
        let (status, text) = (said.status, said.text);
        assert!(Instant::now() < give_up, "{role}: {status} {text}");
    }
}

async fn metrics(serve: &Serve) -> Page {
    Page::load(&http_client(), &serve.url("/metrics")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_database_no_role_is_ready() {
    let postgresql = OwnService::postgresql().await;
    let host = VirtualHost::create().await;
    let database = TestDatabase::on_server(&postgresql.url).await;
    let installation = Installation::on(database, Some(&host.url)).await;
    let roles = Roles::start(&installation).await;
    roles.say(OK, OK, OK).await;

    postgresql.run(&["postgresql", "kill"]).await;
    roles.say(NO_DATABASE, NO_DATABASE, NO_DATABASE).await;
    for serve in [&roles.all, &roles.api, &roles.worker] {
        let page = metrics(serve).await;
        assert_eq!(page.value("database_up"), Some(0.0));
        assert_eq!(page.value("outbox_events_waiting"), None);
        let alive = http_client().get(serve.url("/healthz")).send().await;
        assert_eq!(alive.unwrap().status().as_u16(), 200);
    }

    postgresql.run(&["postgresql", "start"]).await;
    roles.say(OK, OK, OK).await;
    let url = roles.worker.url("/metrics");
    let is_up = |page: &Page| page.value("database_up") == Some(1.0);
    Page::when(&http_client(), &url, is_up).await;
    roles.stop().await;
    installation.remove().await;
    host.delete().await;
}

/// An event that nobody carries waits in the outbox, and is seen to wait; callers notice nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_rabbitmq_only_a_worker_is_not_ready() {
    let rabbitmq = OwnService::rabbitmq().await;
    rabbitmq.run(&["rabbitmq", "stop"]).await;
    let database = TestDatabase::create(Database::Postgres).await;
    let installation = Installation::on(database, Some(&rabbitmq.url)).await;
    let roles = Roles::start(&installation).await;
    let (late, waiting) = (
        format!("ok\n{NOT_CONSUMING}"),
        format!("not ready\n{NOT_CONSUMING}"),
    );
    roles.say((200, &late), OK, (503, &waiting)).await;

    let api = &roles.api;
    let institution = installation.institution(api, "Waiting Pay").await;
    let endpoint = institution
        .endpoint(api, &installation.receiver.url("/hook"))
        .await;
    let client = institution.client(api, "seller").await;
    let store_url = SHOPLINE.store_url("demo-shop");
    let store = institution
        .store(api, &client, "SHOPLINE", &store_url)
        .await;
    institution
        .data(api, "store/unbind", &store.with(json!({})))
        .await;

    let url = roles.worker.url("/metrics");
    let age = |page: &Page| page.value("outbox_events_waiting_oldest_age_seconds");
    let has_both = |page: &Page| page.value("outbox_events_waiting") == Some(2.0);
    let first = Page::when(&http_client(), &url, has_both).await;
    let later = |page: &Page| age(page) > age(&first).map(|age| age + 1.0);
    let second = Page::when(&http_client(), &url, later).await;
    assert!(has_both(&second));
    for page in [&first, &second] {
        assert_eq!(page.value("bus_consuming"), Some(0.0));
        assert_eq!(page.value("bus_messages_parked"), None);
    }

    rabbitmq.run(&["rabbitmq", "start"]).await;
    roles.say(OK, OK, OK).await;
    let mut told = Vec::new();
    for _ in 0..2 {
        let webhook = installation.receiver.next().await;
        let event = webhook.verified(&endpoint.secret);
        told.push(event["type"].as_str().unwrap().to_owned());
    }
    told.sort();
    assert_eq!(told, ["endpoint.test", "store.unbound"]);
    let is_told = |page: &Page| page.value("outbox_events_waiting") == Some(0.0);
    let last = Page::when(&http_client(), &url, is_told).await;
    assert_eq!(last.value("bus_consuming"), Some(1.0));
    assert_eq!(last.value("bus_messages_parked"), Some(0.0));
    roles.stop().await;
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_answers_machines_alone() {
    let installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    // It needs no address for sellers and institutions.
    let settings = installation.settings.clone().without("public_url");
    let worker = settings.with("role", "worker").serve().await;
    let http = http_client();
    for path in ["/healthz", "/readyz"] {
        let answer = Answer::of(http.get(worker.url(path)).send().await.unwrap()).await;
        assert_eq!((answer.status, answer.text.as_str()), OK, "{path}");
    }
    let page = metrics(&worker).await;
    for loop_name in [
        "relay",
        "key_proof",
        "platform_events",
        "deadline",
        "refresh",
        "expiry",
        "scopes",
        "revocation",
        "delivery",
        "retention",
    ] {
        let age = page.value(&format!(
            "worker_progress_age_seconds{{worker=\"{loop_name}\"}}"
        ));
        assert!(age.is_some_and(|age| age < 30.0), "{loop_name}: {age:?}");
    }
    for path in ["/docs/", "/openapi.json", "/v1/auth/shopline/callback", "/"] {
        let answer = http.get(worker.url(path)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{path}");
    }
    for path in ["/v1/token/get", "/v1/store/list"] {
        let answer = http.post(worker.url(path)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{path}");
    }
    worker.stop().await;
    installation.remove().await;
}
