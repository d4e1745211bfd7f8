use std::{cell::Cell, collections::HashSet, process::Command, time::Duration};

use messaging::{EventBus, PublishError, PublisherState, RabbitBus, RabbitOptions};

use crate::{
    Consumption, consumer, message, messages, next,
    rabbit::{BROKER, Installation},
    relay, soon, variable,
};

/// Runs `{command line in the variable} {arguments}` to its end.
async fn run(name: &str, arguments: &'static str) {
    let command_line = format!("{} {arguments}", variable(name));
    let output = tokio::task::spawn_blocking(move || {
        Command::new("sh").args(["-c", &command_line]).output()
    });
    let output = output.await.unwrap().unwrap();
    assert!(output.status.success(), "{arguments}: {output:?}");
}

/// Publishes and consumes while `disturbance` happens, and for a while after it: what the bus has
/// accepted must have arrived in the end.
async fn check_nothing_accepted_is_lost(disturbance: impl Future<Output = ()>) {
    let installation = Installation::new().await;
    let bus = installation.bus().await;
    let (consumer, mut done) = consumer(|_| Ok(()));
    let consumption = Consumption::start(&bus, consumer);
    let mut accepted = HashSet::new();
    let is_over = Cell::new(false);

    let stream = async {
        let mut batches_afterwards = 0;
        for start in (0..).step_by(20) {
            let batch = messages(start..start + 20);
            let results = bus.publish(&batch).await;
            if is_over.get() && results.iter().all(Result::is_ok) {
                batches_afterwards += 1;
            }
            for (message, result) in batch.into_iter().zip(results) {
                if result.is_ok() {
                    accepted.insert(message.id);
                }
            }
            if batches_afterwards == 10 {
                break;
            }
        }
    };
    let disturbance = async {
        disturbance.await;
        is_over.set(true);
    };
    soon("publishing to recover", async {
        tokio::join!(stream, disturbance)
    })
    .await;

    while !accepted.is_empty() {
        let message = next(&mut done).await;
        accepted.remove(&message.id);
    }
    consumption.stop().await;
    installation.remove().await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_broker_closes_all_connections() {
    let _broker_is_ours = BROKER.write().await;
    check_nothing_accepted_is_lost(async {
        for _ in 0..3 {
            run("SHOPGRANT_TEST_RABBITMQCTL", "close_all_connections test").await;
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_broker_is_killed_and_started_again() {
    let _broker_is_ours = BROKER.write().await;
    check_nothing_accepted_is_lost(async {
        // The broker writes down the existence of a new quorum queue up to three seconds late.
        // Killed before, it comes back with an empty queue that never elects a leader.
        run(
            "SHOPGRANT_TEST_RABBITMQCTL",
            "eval 'dets:sync(ra_directory_reverse).'",
        )
        .await;
        run("SHOPGRANT_TEST_RABBITMQ_NODE", "kill").await;
        run("SHOPGRANT_TEST_RABBITMQ_NODE", "start").await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_broker_is_stopped_and_started_again() {
    let _broker_is_ours = BROKER.write().await;
    check_nothing_accepted_is_lost(async {
        run("SHOPGRANT_TEST_RABBITMQ_NODE", "stop").await;
        run("SHOPGRANT_TEST_RABBITMQ_NODE", "start").await;
    })
    .await;
}

#[tokio::test]
async fn a_blocked_connection_times_out_and_recovers() {
    let _broker_is_ours = BROKER.write().await;
    let installation = Installation::new().await;
    let bus = RabbitBus::connect(RabbitOptions {
        confirm_within: Duration::from_secs(1),
        ..installation.options()
    })
    .await
    .unwrap();
    let (consumer, mut done) = consumer(|_| Ok(()));
    let consumption = Consumption::start(&bus, consumer);
    relay(&bus, vec![message(1)]).await;
    assert_eq!(next(&mut done).await, message(1));

    run(
        "SHOPGRANT_TEST_RABBITMQCTL",
        "set_vm_memory_high_watermark absolute 1",
    )
    .await;
    for _ in 0..3 {
        let results = soon("an answer", bus.publish(&messages(2..4))).await;
        assert!(
            matches!(
                results[..],
                [Err(PublishError::TimedOut), Err(PublishError::TimedOut)]
            ),
            "{results:?}"
        );
        assert_eq!(bus.status().publisher, PublisherState::Blocked);
    }
    run(
        "SHOPGRANT_TEST_RABBITMQCTL",
        "set_vm_memory_high_watermark 0.6",
    )
    .await;

    soon("publishing to recover", relay(&bus, vec![message(4)])).await;
    assert_eq!(bus.status().publisher, PublisherState::Ready);
    while next(&mut done).await != message(4) {}
    consumption.stop().await;
    installation.remove().await;
}
