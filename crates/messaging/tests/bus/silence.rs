//! Brokers that take what they are given and say nothing.

use std::time::Duration;

use messaging::{EventBus, PublishError, PublisherState, RabbitBus, RabbitOptions};
use tokio::{io::AsyncReadExt, net::TcpListener, sync::mpsc::unbounded_channel, task::JoinSet};

use crate::{
    message, messages,
    proxy::Proxy,
    rabbit::{BROKER, Installation},
    relay, soon,
};

/// What may be on its way without a confirmation.
const WINDOW: u32 = 500;

#[tokio::test]
async fn a_broker_that_confirms_nothing_gets_one_window_over_one_connection() {
    let _broker_stays = BROKER.read().await;
    let installation = Installation::new().await;
    let proxy = Proxy::start(None).await;
    let bus = RabbitBus::connect(RabbitOptions {
        url: proxy.url("amqp").into(),
        confirm_within: Duration::from_millis(300),
        ..installation.options()
    })
    .await
    .unwrap();
    assert_eq!(bus.status().publisher, PublisherState::Ready);

    proxy.keep_silent(true);
    for _ in 0..4 {
        let results = soon("an answer", bus.publish(&messages(0..1200))).await;
        let are_late = results
            .iter()
            .all(|result| matches!(result, Err(PublishError::TimedOut)));
        assert!(are_late && results.len() == 1200);
        assert_eq!(bus.status().publisher, PublisherState::Unanswered);
    }
    soon("the window to arrive", async {
        while installation.count("webhooks").await < WINDOW {}
    })
    .await;
    assert_eq!(installation.count("webhooks").await, WINDOW);
    assert_eq!(bus.status().last_published_at, None);

    proxy.keep_silent(false);
    soon("publishing to recover", relay(&bus, vec![message(1200)])).await;
    assert_eq!(installation.count("webhooks").await, WINDOW + 1);
    let status = bus.status();
    assert_eq!(status.publisher, PublisherState::Ready);
    assert!(status.last_published_at > status.last_failure.map(|failure| failure.at));
    assert_eq!(proxy.accepted(), 1);
    installation.remove().await;
}

#[tokio::test]
async fn a_peer_that_says_nothing_at_all_is_hung_up_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (ended, mut ends) = unbounded_channel();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut calls = JoinSet::new();
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let ended = ended.clone();
            calls.spawn(async move {
                let mut said = Vec::new();
                client.read_to_end(&mut said).await.ok();
                ended.send(said).unwrap();
            });
        }
    });
    let bus = RabbitBus::new(RabbitOptions {
        confirm_within: Duration::from_millis(200),
        ..RabbitOptions::new(format!("amqp://guest:guest@127.0.0.1:{port}/%2f").into())
    })
    .unwrap();

    for _ in 0..3 {
        let results = soon("an answer", bus.publish(&[message(1)])).await;
        assert!(matches!(results[..], [Err(PublishError::TimedOut)]));
        let said = soon("the end of the connection", ends.recv()).await;
        assert_eq!(said.unwrap(), b"AMQP\x00\x00\x09\x01");
    }
}
