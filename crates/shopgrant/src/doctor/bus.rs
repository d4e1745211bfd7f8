//! Whether events can travel.

use messaging::{EventBus, RabbitBus};

use super::Finding;
use crate::settings::Settings;
use crate::wiring;

const CHECK: &str = "bus";

/// Connects as a worker does, which also declares the exchanges and queues or finds that they differ. A
/// RabbitMQ that is short of memory would say so only to whoever publishes, which a look does not.
pub(super) async fn examine(settings: &Settings) -> Finding {
    let options = match wiring::rabbit_options(settings) {
        Ok(Some(options)) => options,
        Ok(None) => return Finding::ok(CHECK, "events travel inside the process"),
        Err(error) => return Finding::of_error(CHECK, &error),
    };
    let bus = match RabbitBus::connect(options).await {
        Ok(bus) => bus,
        Err(error) => return Finding::of_error(CHECK, &wiring::unusable_bus(settings, &error)),
    };
    let parked = match bus.count_parked().await {
        Ok(parked) => parked,
        Err(error) => {
            return Finding::fail(
                CHECK,
                error.to_string(),
                "events wait in the database until it is there; start it, or correct `amqp_url`",
            );
        }
    };
    if parked > 0 {
        return Finding::warn(
            CHECK,
            format!("messages parked in shopgrant.dead: {parked}"),
            "they could not be handled; look at them and purge the queue, as docs/operations.md says",
        );
    }
    Finding::ok(
        CHECK,
        "RabbitMQ has its exchanges and queues, and nothing is parked",
    )
}
