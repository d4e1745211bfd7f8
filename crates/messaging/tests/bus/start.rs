//! What a start refuses, and what it waits for.

use std::{net::TcpListener, time::Duration};

use lapin::{options::QueueDeclareOptions, types::FieldTable};
use messaging::{
    ConnectError, EventBus, InvalidAmqpOptions, PublishError, PublisherState, RabbitBus,
    RabbitOptions, Refusal,
};

use crate::{
    Consumption, consumer, message, messages,
    rabbit::{BROKER, Installation},
    variable,
};

const PASSWORD: &str = "geheim-ist-es-nicht";

/// The options with another user and password, or another virtual host.
fn options(user: Option<&str>, virtual_host: Option<&str>) -> RabbitOptions {
    let url = variable("SHOPGRANT_TEST_AMQP_URL");
    let (scheme, rest) = url.split_once("://").unwrap();
    let (login, place) = rest.split_once('@').unwrap();
    let (server, own_virtual_host) = place.split_once('/').unwrap();
    let login = user.map_or(login.to_owned(), |user| format!("{user}:{PASSWORD}"));
    let virtual_host = virtual_host.unwrap_or(own_virtual_host);
    RabbitOptions {
        confirm_within: Duration::from_millis(500),
        ..RabbitOptions::new(format!("{scheme}://{login}@{server}/{virtual_host}").into())
    }
}

async fn refusal(options: RabbitOptions) -> Refusal {
    let error = RabbitBus::connect(options).await.err();
    let Some(ConnectError::Refused(refusal)) = error else {
        panic!("{error:?}");
    };
    let text = refusal.to_string();
    assert!(!text.contains(PASSWORD) && !text.contains('\n'), "{text}");
    refusal
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let _broker_stays = BROKER.read().await;
    assert_eq!(refusal(options(Some("nobody"), None)).await, Refusal::Login);
}

#[tokio::test]
async fn a_virtual_host_that_is_not_there_is_refused_by_its_name() {
    let _broker_stays = BROKER.read().await;
    let refusal = refusal(options(None, Some("nowhere"))).await;
    let Refusal::VirtualHost { reply } = refusal else {
        panic!("{refusal:?}");
    };
    assert!(reply.contains("nowhere"), "{reply}");
}

#[tokio::test]
async fn a_queue_of_another_shape_is_refused_by_its_name() {
    let _broker_stays = BROKER.read().await;
    let installation = Installation::new().await;
    let webhooks = installation.name("webhooks");
    installation
        .channel
        .queue_declare(
            webhooks.clone(),
            QueueDeclareOptions::durable(),
            FieldTable::default(),
        )
        .await
        .unwrap();

    let refusal = refusal(installation.options()).await;

    let Refusal::OtherShape { name, .. } = refusal else {
        panic!("{refusal:?}");
    };
    assert_eq!(name, webhooks.as_str());
    installation.remove().await;
}

#[tokio::test]
async fn what_a_start_refuses_is_only_an_answer_later() {
    let _broker_stays = BROKER.read().await;
    let bus = RabbitBus::new(options(Some("nobody"), None)).unwrap();
    let (consumer, _done) = consumer(|_| Ok(()));
    let consumption = Consumption::start(&bus, consumer);

    let results = bus.publish(&[message(1)]).await;

    let [Err(PublishError::Disconnected(error))] = &results[..] else {
        panic!("{results:?}");
    };
    assert_eq!(error.to_string(), Refusal::Login.to_string());
    consumption.stop().await;
}

#[tokio::test]
async fn a_bus_that_is_not_used_does_not_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");

    let bus = RabbitBus::new(RabbitOptions::new(url.into())).unwrap();

    assert_eq!(bus.status().publisher, PublisherState::Disconnected);
    drop(bus);
    let called = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(called, Err(std::io::ErrorKind::WouldBlock));
}

#[tokio::test]
async fn a_broker_that_is_away_is_an_answer_and_not_a_failure_to_start() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let bus = RabbitBus::connect(RabbitOptions {
        confirm_within: Duration::from_millis(500),
        ..RabbitOptions::new(format!("amqp://guest:guest@127.0.0.1:{port}/%2f").into())
    })
    .await
    .unwrap();
    let at_start = bus.status().last_failure.unwrap();
    let (consumer, _done) = consumer(|_| Ok(()));
    let consumption = Consumption::start(&bus, consumer);

    let results = bus.publish(&messages(0..2)).await;

    assert!(matches!(
        results[..],
        [
            Err(PublishError::Disconnected(_)),
            Err(PublishError::Disconnected(_))
        ]
    ));
    let status = bus.status();
    assert_eq!(status.publisher, PublisherState::Disconnected);
    assert!(!status.is_consuming);
    assert_eq!(status.last_published_at, None);
    assert!(status.last_failure.unwrap().at > at_start.at);
    consumption.stop().await;
}

#[tokio::test]
async fn options_that_can_never_work_are_refused() {
    let check = async |options: RabbitOptions, expected: InvalidAmqpOptions| {
        let refused = RabbitBus::connect(options).await.err();
        assert_eq!(refused, Some(expected.into()));
    };
    let url = |text: &str| RabbitOptions::new(text.to_owned().into());
    check(url("mq.example:5672"), InvalidAmqpOptions::Scheme).await;
    let long_prefix = RabbitOptions {
        prefix: "x".repeat(101),
        ..url("amqp://mq.example")
    };
    check(long_prefix, InvalidAmqpOptions::Prefix).await;
    let no_authority = RabbitOptions {
        certificate_authorities: Some("no PEM".to_owned()),
        ..url("amqps://mq.example")
    };
    check(no_authority, InvalidAmqpOptions::CertificateAuthorities).await;
}
