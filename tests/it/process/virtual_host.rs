//! A part of RabbitMQ for one test, since every installation uses the same names.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::process::Command;

use url::Url;

use super::Running;
use crate::harness::variable;

/// A virtual host that nobody else has.
pub(crate) struct VirtualHost {
    pub(crate) url: String,
    name: String,
}

impl VirtualHost {
    pub(crate) async fn create() -> Self {
        let mut url = Url::parse(&variable("SHOPGRANT_TEST_AMQP_URL")).expect("a URL of RabbitMQ");
        let name = format!("it-{:016x}", RandomState::new().build_hasher().finish());
        control(&format!("add_vhost {name}")).await;
        let user = url.username();
        control(&format!("set_permissions -p {name} {user} '.*' '.*' '.*'")).await;
        url.set_path(&name);
        Self {
            url: url.into(),
            name,
        }
    }

    pub(crate) async fn delete(self) {
        control(&format!("delete_vhost {}", self.name)).await;
    }
}

/// Runs `rabbitmqctl` against the RabbitMQ of the tests.
pub(crate) async fn control(arguments: &str) {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        &format!("{} {arguments}", variable("SHOPGRANT_TEST_RABBITMQCTL")),
    ]);
    Running::start(command, "").finish().await.succeeded();
}
