use messaging::{ConsumeError, EventBus, InProcessBus, PublishError};

use crate::{Consumption, consumer, contract::contract, message, messages, next};

struct Fixture {
    bus: InProcessBus,
}

impl Fixture {
    fn start() -> Fixture {
        Fixture {
            bus: InProcessBus::new(),
        }
    }

    #[expect(
        clippy::unused_async,
        reason = "that of the other bus has something to wait for"
    )]
    async fn end(self) {}
}

contract!(Fixture::start());

#[tokio::test]
async fn takes_nothing_without_a_consumer() {
    let bus = InProcessBus::new();
    let results = bus.publish(&messages(0..2)).await;
    assert!(matches!(
        results[..],
        [Err(PublishError::NoConsumer), Err(PublishError::NoConsumer)]
    ));
}

#[tokio::test]
async fn takes_nothing_after_its_consumer_has_stopped() {
    let bus = InProcessBus::new();
    let (consumer, _done) = consumer(|_| Ok(()));
    Consumption::start(&bus, consumer).stop().await;
    let results = bus.publish(&[message(1)]).await;
    assert!(matches!(results[..], [Err(PublishError::NoConsumer)]));
}

#[tokio::test]
async fn leaves_what_failed_with_the_publisher_and_nothing_else() {
    let bus = InProcessBus::new();
    let (consumer, mut done) = consumer(|message| match message.id.as_str() {
        "evt_0" => Err(ConsumeError::Unavailable),
        "evt_1" => Err(ConsumeError::Poison("a test".to_owned())),
        _ => Ok(()),
    });
    let consumption = Consumption::start(&bus, consumer);

    let results = bus.publish(&messages(0..3)).await;

    assert!(matches!(
        results[..],
        [
            Err(PublishError::ConsumerFailed),
            Err(PublishError::ConsumerFailed),
            Ok(())
        ]
    ));
    assert_eq!(next(&mut done).await, message(2));
    consumption.stop().await;
}

#[tokio::test]
async fn a_second_consumer_takes_over_from_the_first() {
    let bus = InProcessBus::new();
    let (first, mut seen_by_first) = consumer(|_| Ok(()));
    let (second, mut seen_by_second) = consumer(|_| Ok(()));
    let first = Consumption::start(&bus, first);
    let second = Consumption::start(&bus, second);

    assert!(bus.publish(&[message(1)]).await[0].is_ok());
    first.stop().await;
    assert!(bus.publish(&[message(2)]).await[0].is_ok());
    second.stop().await;

    assert_eq!(next(&mut seen_by_first).await.id, "evt_1");
    assert_eq!(next(&mut seen_by_second).await.id, "evt_2");
    assert_eq!(seen_by_first.recv().await, None);
}
