//! What institutions may read, and what is parked.

use lapin::{
    options::{BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{FieldTable, ShortString},
};
use messaging::{ConsumeError, EventBus, InProcessBus, Message, RabbitBus, RabbitOptions, Readers};

use crate::{
    Consumption, consumer, message, messages,
    proxy::Proxy,
    rabbit::{Fixture, Installation, connect, id_of},
    relay, soon,
};

fn readers(granted: &[&str], revoked: &[&str]) -> Readers {
    let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    Readers {
        granted: owned(granted),
        revoked: owned(revoked),
    }
}

/// An event of an institution.
fn event(number: usize, app_id: &str) -> Message {
    Message {
        routing_key: format!("{app_id}.store.auth.succeeded"),
        ..message(number)
    }
}

/// Whether there is an exchange of this institution.
async fn has_exchange(installation: &Installation, app_id: &str) -> bool {
    // A refusal closes the channel.
    let (_connection, channel) = connect().await;
    let only_ask = ExchangeDeclareOptions {
        passive: true,
        ..ExchangeDeclareOptions::default()
    };
    let name = installation.name(&format!("institution.{app_id}"));
    let asked = channel.exchange_declare(
        name,
        lapin::ExchangeKind::Topic,
        only_ask,
        FieldTable::default(),
    );
    asked.await.is_ok()
}

/// A queue on an institution's exchange, which ends with the connection of the installation.
async fn subscribe(installation: &Installation, app_id: &str) -> ShortString {
    let queue = installation
        .channel
        .queue_declare(
            "".into(),
            QueueDeclareOptions::exclusive(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    installation
        .channel
        .queue_bind(
            queue.name().clone(),
            installation.name(&format!("institution.{app_id}")),
            "#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    queue.name().clone()
}

/// The ids in a queue up to the given one.
async fn take_until(installation: &Installation, queue: &ShortString, last: &str) -> Vec<String> {
    let mut ids = Vec::new();
    soon("the messages of an institution", async {
        while ids.last().is_none_or(|id| id != last) {
            let got = installation
                .channel
                .basic_get(queue.clone(), BasicGetOptions { no_ack: true })
                .await
                .unwrap();
            ids.extend(got.map(|message| id_of(&message).unwrap().to_owned()));
        }
    })
    .await;
    ids
}

#[tokio::test]
async fn an_institution_reads_its_own_events_and_no_others() {
    let fixture = Fixture::start().await;
    let (bus, installation) = (&fixture.bus, &fixture.installation);
    let control = bus.control().unwrap();
    control
        .apply(&readers(&["app_a", "app_b"], &[]))
        .await
        .unwrap();
    let queue = subscribe(installation, "app_a").await;

    let sent = ["app_a", "app_b", "app_aa", "app_b", "app_a"];
    let sent = sent.iter().enumerate();
    relay(
        bus,
        sent.map(|(number, app_id)| event(number, app_id)).collect(),
    )
    .await;

    let ids = take_until(installation, &queue, "evt_4").await;
    assert_eq!(ids, ["evt_0", "evt_4"]);

    control
        .apply(&readers(&["app_b"], &["app_a"]))
        .await
        .unwrap();
    assert!(!has_exchange(installation, "app_a").await);
    assert!(has_exchange(installation, "app_b").await);
    control
        .apply(&readers(&[], &["app_a", "app_b"]))
        .await
        .unwrap();
    assert!(!has_exchange(installation, "app_b").await);
    fixture.end().await;
}

#[tokio::test]
async fn exchanges_are_made_again_over_a_new_connection_and_only_then() {
    let fixture = Fixture::start().await;
    let installation = &fixture.installation;
    let proxy = Proxy::start(None).await;
    let bus = RabbitBus::new(RabbitOptions {
        url: proxy.url("amqp").into(),
        ..installation.options()
    })
    .unwrap();
    let control = bus.control().unwrap();
    let granted = readers(&["app_a"], &[]);
    control.apply(&granted).await.unwrap();
    installation.delete_exchange("institution.app_a").await;

    // What was done is not looked at again.
    control.apply(&granted).await.unwrap();
    assert!(!has_exchange(installation, "app_a").await);

    proxy.hang_up();
    soon("a new connection", async {
        while proxy.accepted() < 2 {
            // The first calls may still find the old one.
            control.apply(&granted).await.ok();
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(has_exchange(installation, "app_a").await);
    installation.delete_exchange("institution.app_a").await;
    fixture.end().await;
}

#[tokio::test]
async fn an_exchange_of_another_shape_stops_none_of_the_others() {
    let fixture = Fixture::start().await;
    let installation = &fixture.installation;
    let control = fixture.bus.control().unwrap();
    installation
        .channel
        .exchange_declare(
            installation.name("institution.app_a"),
            lapin::ExchangeKind::Fanout,
            ExchangeDeclareOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();

    let error = control
        .apply(&readers(&["app_a", "app_b"], &["app_c"]))
        .await;

    let text = error.unwrap_err().to_string();
    assert!(text.contains("shopgrant.institution.app_a"), "{text}");
    assert!(has_exchange(installation, "app_b").await);
    control
        .apply(&readers(&[], &["app_a", "app_b"]))
        .await
        .unwrap();
    fixture.end().await;
}

#[tokio::test]
async fn nothing_is_opened_for_nobody() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("amqp://guest:guest@127.0.0.1:{port}/%2f");
    let bus = RabbitBus::new(RabbitOptions::new(url.into())).unwrap();
    let control = bus.control().unwrap();
    control.apply(&Readers::default()).await.unwrap();
    assert!(control.apply(&readers(&["app_a"], &[])).await.is_err());
    assert!(InProcessBus::new().control().is_none());
}

#[tokio::test]
async fn parked_messages_are_counted() {
    let fixture = Fixture::start().await;
    assert_eq!(fixture.bus.count_parked().await.unwrap(), 0);
    let (consumer, _done) = consumer(|_| Err(ConsumeError::Poison("a test".to_owned())));
    let consumption = Consumption::start(&fixture.bus, consumer);

    relay(&fixture.bus, messages(0..3)).await;

    soon("three parked messages", async {
        while fixture.bus.count_parked().await.unwrap() < 3 {}
    })
    .await;
    assert!(fixture.bus.status().is_consuming);
    consumption.stop().await;
    assert!(!fixture.bus.status().is_consuming);
    assert_eq!(InProcessBus::new().count_parked().await.unwrap(), 0);
    fixture.end().await;
}
