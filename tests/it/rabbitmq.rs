//! RabbitMQ as operators and institutions have it before them.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lapin::options::ExchangeDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, ExchangeKind};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use crate::harness::{Database, PATIENCE};
use crate::process::{Bus, Installation, Running, Settings, VirtualHost, control, python};

/// How the documents call an institution, and the password of its user.
const DOCUMENTED: &str = "app_0123456789abcdef01234567";
const PASSWORD: &str = "a password";

/// The commands in docs/events.md that let an institution read.
fn documented_commands() -> Vec<String> {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/events.md");
    let document = std::fs::read_to_string(document).unwrap();
    let (_, section) = document
        .split_once("### An institution reads from RabbitMQ")
        .unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    block.lines().map(str::to_owned).collect()
}

/// Does what the document says, for this institution and this virtual host.
async fn allow(settings: &Settings, app_id: &str, virtual_host: &str) {
    for line in documented_commands() {
        let line = line.replace(DOCUMENTED, app_id);
        if let Some(arguments) = line.strip_prefix("shopgrant ") {
            let arguments: Vec<&str> = arguments.split(' ').collect();
            settings.run(&arguments).await.succeeded();
        } else {
            let arguments = line.strip_prefix("rabbitmqctl ").unwrap();
            control(&arguments.replace("-p / ", &format!("-p {virtual_host} "))).await;
        }
    }
}

/// An institution's own client, bound to its exchange, and what else it could do there.
async fn reader(host: &VirtualHost, app_id: &str, other: &str) -> (Running, Value) {
    let mut url = Url::parse(&host.url).unwrap();
    url.set_username(app_id).unwrap();
    url.set_password(Some(PASSWORD)).unwrap();
    let job = json!({"amqp_url": url.as_str(), "app_id": app_id, "other_app_id": other});
    let reader = Running::start(python("institution.py"), format!("{job}\n"));
    let attempts = serde_json::from_str(&reader.line(0).await).unwrap();
    assert_eq!(reader.line(1).await, "bound");
    (reader, attempts)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Exists {
    Yes,
    No,
}

/// Waits for what the workers do when the operator has changed something.
async fn until_exchange(host: &VirtualHost, app_id: &str, wanted: Exists) {
    let connection = Connection::connect(&host.url, ConnectionProperties::default())
        .await
        .unwrap();
    let name = format!("shopgrant.institution.{app_id}");
    let is_so = async {
        while exists(&connection, &name).await != wanted {
            tokio::task::yield_now().await;
        }
    };
    let in_time = timeout(PATIENCE, is_so).await;
    in_time.unwrap_or_else(|_| panic!("{name} is not as it should be"));
}

async fn exists(connection: &Connection, name: &str) -> Exists {
    // A refusal closes the channel.
    let channel = connection.create_channel().await.unwrap();
    let only_ask = ExchangeDeclareOptions {
        passive: true,
        ..ExchangeDeclareOptions::default()
    };
    let topic = ExchangeKind::Topic;
    let asked = channel.exchange_declare(name.into(), topic, only_ask, FieldTable::default());
    match asked.await {
        Ok(()) => Exists::Yes,
        Err(_) => Exists::No,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_institution_reads_its_own_events_and_can_do_nothing_else() {
    let installation = Installation::new(Database::Postgres, Bus::RabbitMq).await;
    let settings = &installation.settings;
    let host = installation.virtual_host.as_ref().unwrap();
    let virtual_host = Url::parse(&host.url).unwrap().path()[1..].to_owned();
    let serve = installation.serve().await;
    let reading = installation.institution(&serve, "Reading Pay").await;
    let other = installation.institution(&serve, "Other Pay").await;
    for institution in [&reading, &other] {
        allow(settings, &institution.app_id, &virtual_host).await;
    }
    for institution in [&reading, &other] {
        until_exchange(host, &institution.app_id, Exists::Yes).await;
    }

    let (reader, attempts) = reader(host, &reading.app_id, &other.app_id).await;
    for (attempt, reply_code) in attempts.as_object().unwrap() {
        assert_eq!(reply_code, 403, "{attempt}");
    }
    assert_eq!(attempts.as_object().unwrap().len(), 14);

    other
        .endpoint(&serve, &installation.receiver.url("/other"))
        .await;
    installation.receiver.next().await;
    reading
        .endpoint(&serve, &installation.receiver.url("/reading"))
        .await;
    let webhook = installation.receiver.next().await;
    let first: Value = serde_json::from_str(&reader.line(2).await).unwrap();
    assert_eq!(
        first,
        json!({
            "routing_key": format!("{}.endpoint.test", reading.app_id),
            "message_id": webhook.header("webhook-id"),
            "body": BASE64_STANDARD.encode(&webhook.body),
        })
    );
    reader.kill().await;

    let deny = [
        "institution",
        "set",
        &reading.app_id,
        "--deny",
        "rabbitmq",
        "--json",
    ];
    assert_eq!(settings.json(&deny).await["allow"], json!([]));
    until_exchange(host, &reading.app_id, Exists::No).await;
    until_exchange(host, &other.app_id, Exists::Yes).await;

    serve.stop().await;
    for institution in [&reading, &other] {
        control(&format!("delete_user {}", institution.app_id)).await;
    }
    installation.remove().await;
}
