//! The end of a process, and its workers while it runs.

use std::pin::pin;
use std::time::{Duration, Instant};

use broker::{ListEvents, Operator, QueryStore};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::harness::{Bus, Database, Gate, PATIENCE, Reply, SHOPLINE, TestApp};
use crate::process::{Finished, Installation, Serve};

on_both!(
    the_workers_need_nobody_to_step_them,
    an_exchange_ends_before_its_process_does,
    nobody_waits_for_an_event_in_a_process_that_ends,
);

async fn the_workers_need_nobody_to_step_them(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let endpoint = alpha.endpoint(app, "/alpha", &[]).await;
    let (broker, shutdown) = (app.process.broker.clone(), CancellationToken::new());
    let token = shutdown.clone();
    let workers = app
        .tasks
        .spawn(async move { broker.run_workers(token).await });

    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    app.visit(&app.approve(&alpha.link(&store).await).await)
        .await;
    let event = app.receiver.next().await.verified(&endpoint.secret);
    assert_eq!(event["data"]["store_id"], store.store_id.as_str());

    let client_id = alpha.client("another seller").await;
    let shop = "demo-shop".parse().unwrap();
    app.sandbox
        .register_token(shop, "t".into(), vec!["read_orders".to_owned()]);
    let store = alpha
        .create(&client_id, "SHOPIFY", "https://demo-shop.myshopify.com")
        .await;
    let key = json!({"auth_type": "KEY", "auth_info": {"token": "t"}});
    alpha.data("store/auth", &store.with(key)).await;
    let event = app.receiver.next().await.verified(&endpoint.secret);
    assert_eq!(event["type"], "store.auth.succeeded");
    assert_eq!(event["data"]["store_id"], store.store_id.as_str());

    shutdown.cancel();
    timeout(PATIENCE, workers)
        .await
        .expect("they stop when they are told to")
        .unwrap();
}

/// The browser that began it is gone, and the server stops: nobody but the process waits for it.
async fn an_exchange_ends_before_its_process_does(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let callback = app.approve(&alpha.link(&store).await).await;
    let mut gate = Gate::before(app.sandbox_address).await;
    let configuration = SHOPLINE.configuration(gate.address);
    app.process
        .broker
        .configure_platform_app(&Operator, configuration)
        .await
        .unwrap();
    let (_, path) = callback.split_once(&app.base_url).unwrap();
    let address = app.base_url.strip_prefix("http://").unwrap();
    let mut browser = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    browser.write_all(request.as_bytes()).await.unwrap();
    gate.arrival().await;
    // Without a goodbye, so that the server has nobody left to answer.
    browser.set_zero_linger().unwrap();
    drop(browser);

    let (broker, let_through) = (&app.process.broker, async || gate.let_one_through());
    let stopping = async {
        app.stop_serving().await;
        tokio::join!(broker.shut_down(), let_through());
    };
    timeout(PATIENCE, stopping)
        .await
        .expect("the exchange ends");

    let other = app.another_process().await;
    let institutions = other.broker.list_institutions(&Operator).await.unwrap();
    let query = QueryStore {
        client_id: store.client_id,
        store_id: store.store_id,
        wait: Duration::ZERO,
        after_sequence: None,
    };
    let snapshot = other
        .broker
        .query_store(&institutions[0], query)
        .await
        .unwrap();
    assert_eq!(snapshot.auth_status.code(), "SUCCESS");
    other.stop().await;
}

/// Long enough to see that a call waits.
const MOMENT: Duration = Duration::from_millis(500);
/// Much longer than a test.
const LONG: Duration = Duration::from_mins(10);

async fn nobody_waits_for_an_event_in_a_process_that_ends(app: &TestApp) {
    let alpha = app.institution("Alpha").await;
    let store = alpha.store(&SHOPLINE, "demo-shop").await;
    let broker = &app.process.broker;
    let institutions = broker.list_institutions(&Operator).await.unwrap();
    let query = || QueryStore {
        client_id: store.client_id.clone(),
        store_id: store.store_id.clone(),
        wait: LONG,
        after_sequence: None,
    };
    let mut queried = pin!(broker.query_store(&institutions[0], query()));
    let events = ListEvents {
        after: None,
        limit: 10,
        wait: LONG,
    };
    let mut listed = pin!(broker.list_events(&institutions[0], events));
    assert!(timeout(MOMENT, &mut queried).await.is_err());
    assert!(timeout(MOMENT, &mut listed).await.is_err());

    broker.stop_waiting();
    let snapshot = timeout(PATIENCE, queried)
        .await
        .expect("its answer")
        .unwrap();
    assert_eq!(snapshot.auth_status.code(), "UNAUTHORIZED");
    let page = timeout(PATIENCE, listed)
        .await
        .expect("its answer")
        .unwrap();
    assert_eq!(page.events, Vec::<Vec<u8>>::new());
    // Who comes now does not wait either.
    let queried = broker.query_store(&institutions[0], query());
    timeout(PATIENCE, queried)
        .await
        .expect("its answer")
        .unwrap();
}

/// The limit of the whole end of a process, with some room for a machine that is busy with other tests.
const ENDS_WITHIN: Duration = Duration::from_secs(25);
/// The end of a process in which nothing takes its time.
const ENDS_AT_ONCE: Duration = Duration::from_secs(10);

/// How long the process took to end, in good order.
async fn stop(serve: Serve) -> (Duration, Finished) {
    let began = Instant::now();
    let finished = serve.stop().await;
    (began.elapsed(), finished)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_does_not_hold_up_the_end() {
    let installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Waiting Pay").await;
    let fields = json!({"wait_seconds": 30});
    let address = serve.address;
    let mut call = pin!(institution.answer(&address, "event/list", &fields));
    assert!(timeout(2 * MOMENT, &mut call).await.is_err());
    let ((took, _), answer) = tokio::join!(stop(serve), call);
    assert_eq!(answer.data()["events"], json!([]));
    assert!(took < ENDS_AT_ONCE, "{took:?}");
    installation.remove().await;
}

/// A worker has an event with an endpoint that does not answer, and is told to end.
async fn end_in_mid_delivery(timeout_seconds: &str) -> (Installation, Duration, Finished) {
    let mut installation = Installation::new(Database::Postgres, Bus::RabbitMq).await;
    installation.settings = installation
        .settings
        .with("webhooks.timeout_seconds", timeout_seconds)
        .with("webhooks.retry_schedule_seconds", "1");
    let serve = async |role| {
        installation
            .settings
            .clone()
            .with("role", role)
            .serve()
            .await
    };
    let (api, worker) = (serve("api").await, serve("worker").await);
    installation.receiver.script("/hook", [Reply::Never]);
    let institution = installation.institution(&api, "Hanging Pay").await;
    let url = installation.receiver.url("/hook");
    institution.endpoint(&api, &url).await;
    installation.receiver.next().await;
    let (took, finished) = stop(worker).await;
    api.stop().await;
    (installation, took, finished)
}

const PENDING: &str = "SELECT count(*) FROM deliveries WHERE status = 'PENDING'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_under_way_is_finished_and_recorded() {
    let (installation, took, finished) = end_in_mid_delivery("15").await;
    assert!(took < ENDS_WITHIN, "{took:?}");
    assert!(!finished.stderr.contains("will be taken up again"));
    let database = &installation.database;
    let timed_out = "SELECT count(*) FROM attempts WHERE error_class = 'TIMED_OUT'";
    assert_eq!(database.number(timed_out).await, 1);
    assert_eq!(database.number(PENDING).await, 1);

    let worker = installation.settings.clone().with("role", "worker");
    let worker = worker.serve().await;
    installation.receiver.next().await;
    worker.stop().await;
    assert_eq!(installation.database.number(PENDING).await, 0);
    installation.remove().await;
}

/// What is not finished in time stays leased, and is tried again when the lease is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_takes_too_long_is_left_to_others() {
    let (installation, took, finished) = end_in_mid_delivery("60").await;
    assert!(took < ENDS_WITHIN, "{took:?}");
    assert!(finished.stderr.contains("will be taken up again"));
    let database = &installation.database;
    assert_eq!(database.number("SELECT count(*) FROM attempts").await, 0);
    let leased = "SELECT count(*) FROM deliveries WHERE status = 'PENDING' AND attempts = 0 \
         AND lease_until > next_attempt_at + 60000";
    assert_eq!(database.number(leased).await, 1);
    installation.remove().await;
}
