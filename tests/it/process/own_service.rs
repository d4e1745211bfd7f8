//! A server that only one test uses, so that it may take it away.

use std::process::Command;

use tempfile::TempDir;

use super::Running;

/// A private instance, started by `tests/services`; it is stopped and removed with this value.
pub(crate) struct OwnService {
    pub(crate) url: String,
    directory: TempDir,
}

impl OwnService {
    pub(crate) async fn postgresql() -> Self {
        Self::start("SHOPGRANT_TEST_DATABASE_URL", "SHOPGRANT_TEST_AMQP_URL").await
    }

    pub(crate) async fn rabbitmq() -> Self {
        Self::start("SHOPGRANT_TEST_AMQP_URL", "SHOPGRANT_TEST_DATABASE_URL").await
    }

    async fn start(wanted: &str, other: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = services(&directory);
        // A URL with no command line beside it is one that was given, which needs no server to be started.
        command.arg("up").env(other, "nobody asks for it");
        let mut service = Self {
            url: String::new(),
            directory,
        };
        let printed = Running::start(command, "").finish().await.succeeded();
        let printed = printed.lines().find_map(|line| {
            line.strip_prefix(&format!("export {wanted}="))
                // It is quoted for the shell.
                .map(|url| url.replace('\\', ""))
        });
        service.url = printed.expect("where it is");
        service
    }

    /// Runs `tests/services` with these arguments on this instance, such as `postgresql kill`.
    pub(crate) async fn run(&self, arguments: &[&str]) {
        let mut command = services(&self.directory);
        command.args(arguments);
        Running::start(command, "").finish().await.succeeded();
    }
}

impl Drop for OwnService {
    fn drop(&mut self) {
        // Also where the test has failed already.
        services(&self.directory).arg("down").output().ok();
    }
}

fn services(directory: &TempDir) -> Command {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/services");
    let mut command = Command::new(script);
    command.env("SHOPGRANT_TEST_SERVICES_DIR", directory.path());
    for name in [
        "SHOPGRANT_TEST_DATABASE_URL",
        "SHOPGRANT_TEST_PG_CTL",
        "SHOPGRANT_TEST_AMQP_URL",
        "SHOPGRANT_TEST_RABBITMQ_NODE",
        "SHOPGRANT_TEST_RABBITMQCTL",
    ] {
        command.env_remove(name);
    }
    command
}
