use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
};

use messaging::{ConsumeError, EventBus};
use tokio::time::timeout;

use crate::{
    Consumption, PATIENCE, consumer, message, messages, next, relay, soon, stuck_consumer,
};

/// One test for each promise, on a fresh bus that `$fixture` makes.
macro_rules! contract {
    ($fixture:expr) => {
        $crate::contract::contract!(
            $fixture,
            [
                carries_a_message_unchanged,
                hands_messages_over_in_the_order_of_their_publisher,
                loses_none_of_a_thousand,
                keeps_a_message_until_the_consumer_can_handle_it,
                is_not_stopped_by_poison,
                brings_unfinished_messages_again_after_a_restart,
                stops_promptly_with_an_unfinished_message,
                answers_nothing_for_nothing,
            ]
        );
    };
    ($fixture:expr, [$($promise:ident,)*]) => {
        $(
            #[tokio::test]
            async fn $promise() {
                let fixture = $fixture;
                $crate::contract::$promise(&fixture.bus).await;
                fixture.end().await;
            }
        )*
    };
}
pub(crate) use contract;

pub(crate) async fn carries_a_message_unchanged(bus: &dyn EventBus) {
    let (consumer, mut done) = consumer(|_| Ok(()));
    let consumption = Consumption::start(bus, consumer);

    let mut bare = message(2);
    bare.platform = None;
    bare.store_id = None;
    let sent = [message(1), bare];
    relay(bus, sent.to_vec()).await;

    assert_eq!([next(&mut done).await, next(&mut done).await], sent);
    consumption.stop().await;
    assert_eq!(done.recv().await, None, "something was delivered twice");
}

pub(crate) async fn hands_messages_over_in_the_order_of_their_publisher(bus: &dyn EventBus) {
    let (consumer, mut done) = consumer(|_| Ok(()));
    let consumption = Consumption::start(bus, consumer);

    relay(bus, messages(0..150)).await;
    relay(bus, messages(150..300)).await;

    for expected in messages(0..300) {
        assert_eq!(next(&mut done).await.id, expected.id);
    }
    consumption.stop().await;
}

pub(crate) async fn loses_none_of_a_thousand(bus: &dyn EventBus) {
    let failed_once = Mutex::new(HashSet::new());
    let (consumer, mut done) = consumer(move |message| {
        let is_unlucky = message.id.ends_with('7');
        if is_unlucky && failed_once.lock().unwrap().insert(message.id.clone()) {
            return Err(ConsumeError::Unavailable);
        }
        Ok(())
    });
    let consumption = Consumption::start(bus, consumer);

    tokio::join!(
        relay(bus, messages(0..250)),
        relay(bus, messages(250..500)),
        relay(bus, messages(500..750)),
        relay(bus, messages(750..1000)),
    );

    let mut missing: HashMap<String, _> = messages(0..1000)
        .into_iter()
        .map(|message| (message.id.clone(), message))
        .collect();
    while !missing.is_empty() {
        let message = next(&mut done).await;
        if let Some(expected) = missing.remove(&message.id) {
            assert_eq!(message, expected);
        }
    }
    consumption.stop().await;
}

pub(crate) async fn keeps_a_message_until_the_consumer_can_handle_it(bus: &dyn EventBus) {
    let attempts = Mutex::new(0);
    let (consumer, mut done) = consumer(move |_| {
        let mut attempts = attempts.lock().unwrap();
        *attempts += 1;
        if *attempts < 4 {
            return Err(ConsumeError::Unavailable);
        }
        Ok(())
    });
    let consumption = Consumption::start(bus, consumer);

    relay(bus, vec![message(1)]).await;

    assert_eq!(next(&mut done).await, message(1));
    consumption.stop().await;
}

pub(crate) async fn is_not_stopped_by_poison(bus: &dyn EventBus) {
    let (consumer, mut done) = consumer(|message| {
        if message.id == "evt_0" {
            return Err(ConsumeError::Poison("a test".to_owned()));
        }
        Ok(())
    });
    let consumption = Consumption::start(bus, consumer);

    // Whether this is an answer to the publisher or not is where the buses differ.
    soon("an answer", bus.publish(&[message(0)])).await;
    relay(bus, messages(1..3)).await;

    assert_eq!(next(&mut done).await, message(1));
    assert_eq!(next(&mut done).await, message(2));
    consumption.stop().await;
}

pub(crate) async fn brings_unfinished_messages_again_after_a_restart(bus: &dyn EventBus) {
    let (stuck, mut given) = stuck_consumer();
    let consumption = Consumption::start(bus, stuck);
    // The relay either gets its answer, or is stopped together with the consumer.
    let is_accepted = tokio::select! {
        biased;
        () = relay(bus, vec![message(1)]) => true,
        message = next(&mut given) => {
            assert_eq!(message.id, "evt_1");
            false
        }
    };
    if is_accepted {
        assert_eq!(next(&mut given).await, message(1));
    }
    consumption.stop().await;

    let (consumer, mut done) = consumer(|_| Ok(()));
    let consumption = Consumption::start(bus, consumer);
    if !is_accepted {
        relay(bus, vec![message(1)]).await;
    }

    assert_eq!(next(&mut done).await, message(1));
    consumption.stop().await;
}

pub(crate) async fn stops_promptly_with_an_unfinished_message(bus: &dyn EventBus) {
    let (stuck, mut given) = stuck_consumer();
    let consumption = Consumption::start(bus, stuck);

    let sent = [message(1)];
    let publication = timeout(PATIENCE, bus.publish(&sent));
    tokio::select! {
        biased;
        message = next(&mut given) => assert_eq!(message.id, "evt_1"),
        Ok(results) = publication => {
            assert!(results[0].is_ok());
            assert_eq!(next(&mut given).await, message(1));
        }
    }

    consumption.stop().await;
}

pub(crate) async fn answers_nothing_for_nothing(bus: &dyn EventBus) {
    assert!(bus.publish(&[]).await.is_empty());
}
