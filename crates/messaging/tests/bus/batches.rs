//! What comes together, and what becomes of each message of it.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use messaging::{
    ConsumeError, Consumer, EventBus, InProcessBus, Message, RabbitBus, RabbitOptions,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::{
    Consumption, consumer, messages, next,
    proxy::Proxy,
    rabbit::{Fixture, id_of},
    relay, soon,
};

/// A consumer that says `Ok` to everything, and the batches that it was given.
fn batch_consumer() -> (Consumer, UnboundedReceiver<Vec<Message>>) {
    let (given, batches) = unbounded_channel();
    let consumer: Consumer = Arc::new(move |batch| {
        let count = batch.len();
        given.send(batch).ok();
        Box::pin(async move { vec![Ok(()); count] })
    });
    (consumer, batches)
}

#[tokio::test]
async fn in_process_a_publication_is_one_batch() {
    let bus = InProcessBus::new();
    let (consumer, mut batches) = batch_consumer();
    let consumption = Consumption::start(&bus, consumer);

    let results = bus.publish(&messages(0..300)).await;

    assert!(results.len() == 300 && results.iter().all(Result::is_ok));
    assert_eq!(batches.recv().await, Some(messages(0..300)));
    consumption.stop().await;
    assert_eq!(batches.recv().await, None);
}

#[tokio::test]
async fn from_rabbitmq_what_has_arrived_is_one_batch() {
    let fixture = Fixture::start().await;
    relay(&fixture.bus, messages(0..2000)).await;
    let (consumer, mut batches) = batch_consumer();
    let consumption = Consumption::start(&fixture.bus, consumer);

    let mut sizes = Vec::new();
    let mut taken = Vec::new();
    while taken.len() < 2000 {
        let batch = soon("a batch", batches.recv()).await.unwrap();
        sizes.push(batch.len());
        taken.extend(batch);
    }
    assert_eq!(taken, messages(0..2000));
    assert!(sizes.iter().all(|size| *size <= 256), "{sizes:?}");
    assert!(sizes.len() < 1000, "{} batches", sizes.len());
    consumption.stop().await;
    assert_eq!(fixture.installation.count("webhooks").await, 0);
    fixture.end().await;
}

/// An answer that is missing is none.
#[tokio::test]
async fn what_the_consumer_does_not_answer_stays_with_the_publisher() {
    let bus = InProcessBus::new();
    let consumer: Consumer = Arc::new(|_| Box::pin(async { vec![Ok(())] }));
    let consumption = Consumption::start(&bus, consumer);

    let results = bus.publish(&messages(0..3)).await;

    let accepted: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(accepted, [true, false, false]);
    consumption.stop().await;
}

#[tokio::test]
async fn each_message_of_a_batch_has_its_own_fate() {
    let fixture = Fixture::start().await;
    relay(&fixture.bus, messages(0..9)).await;
    let kept_once = Mutex::new(HashSet::new());
    let (consumer, mut done) = consumer(move |message| match message.id.as_str() {
        "evt_2" | "evt_8" => Err(ConsumeError::Poison("a test".to_owned())),
        "evt_0" | "evt_4" | "evt_5" if kept_once.lock().unwrap().insert(message.id.clone()) => {
            Err(ConsumeError::Unavailable)
        }
        _ => Ok(()),
    });
    let consumption = Consumption::start(&fixture.bus, consumer);

    let mut handled = Vec::new();
    for _ in 0..7 {
        handled.push(next(&mut done).await.id);
    }
    handled.sort();
    let good = [
        "evt_0", "evt_1", "evt_3", "evt_4", "evt_5", "evt_6", "evt_7",
    ];
    assert_eq!(handled, good);
    let mut parked = HashSet::new();
    for _ in 0..2 {
        let message = fixture.installation.take("dead").await;
        parked.insert(id_of(&message).unwrap().to_owned());
    }
    assert_eq!(parked, HashSet::from(["evt_2".into(), "evt_8".into()]));
    consumption.stop().await;
    assert_eq!(done.recv().await, None, "something was delivered twice");
    assert_eq!(fixture.installation.count("webhooks").await, 0);
    fixture.end().await;
}

#[tokio::test]
async fn what_is_kept_for_long_is_given_back_and_taken_anew() {
    let fixture = Fixture::start().await;
    let proxy = Proxy::start(None).await;
    let bus = RabbitBus::new(RabbitOptions {
        url: proxy.url("amqp").into(),
        hold_at_most: Duration::from_millis(500),
        ..fixture.installation.options()
    })
    .unwrap();
    relay(&fixture.bus, messages(0..2)).await;
    let is_available = Arc::new(AtomicBool::new(false));
    let (consumer, mut done) = consumer({
        let is_available = Arc::clone(&is_available);
        move |_| {
            if is_available.load(Ordering::Relaxed) {
                return Ok(());
            }
            Err(ConsumeError::Unavailable)
        }
    });
    let consumption = Consumption::start(&bus, consumer);

    soon("the second connection after the first", async {
        while proxy.accepted() < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    is_available.store(true, Ordering::Relaxed);

    for expected in messages(0..2) {
        assert_eq!(next(&mut done).await, expected);
    }
    consumption.stop().await;
    assert_eq!(fixture.installation.count("webhooks").await, 0);
    fixture.end().await;
}
