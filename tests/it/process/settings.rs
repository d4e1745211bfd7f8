//! What a process of the program is started with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::running::Output;
use super::{Finished, Running};

/// Where the world believes that the broker is. The tests stand where a proxy would, so that a process can
/// be started again on another port.
pub(crate) const PUBLIC_URL: &str = "https://auth.example";

/// 32 bytes.
pub(crate) const MASTER_KEY: &str = "c2hvcGdyYW50IHRlc3RzOiB0aGlydHktdHdvIGJ5dGU=";

/// The environment and the directory of a process.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) directory: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Settings {
    /// Nothing is set.
    pub(crate) fn none(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            environment: BTreeMap::new(),
        }
    }

    /// What every process of an installation on this machine needs.
    pub(crate) fn new(directory: &Path, database_url: &str) -> Self {
        let key = directory.join("master.key");
        std::fs::write(&key, MASTER_KEY).unwrap();
        Self::none(directory)
            .with("listen", "127.0.0.1:0")
            .with("public_url", PUBLIC_URL)
            .with("database_url", database_url)
            .with("master_key_file", key.to_str().unwrap())
            .with("egress.allow", "127.0.0.0/8")
    }

    /// A setting, by its key in the settings file.
    pub(crate) fn with(self, key: &str, value: &str) -> Self {
        let name = format!("SHOPGRANT__{}", key.to_uppercase().replace('.', "__"));
        self.with_variable(&name, value)
    }

    /// With nobody's limit in the way of many calls.
    pub(crate) fn unlimited(mut self) -> Self {
        for limit in ["per_institution", "per_address"] {
            for number in ["per_second", "burst"] {
                self = self.with(&format!("rate_limit.{limit}.{number}"), "1000000");
            }
        }
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        let name = format!("SHOPGRANT__{}", key.to_uppercase().replace('.', "__"));
        self.environment.remove(&name);
        self
    }

    /// A variable of the environment that is no setting.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Starts the program.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.start_with_input(arguments, "")
    }

    pub(crate) fn start_with_input(&self, arguments: &[&str], input: &str) -> Running {
        let mut command = Command::new(executable());
        command.args(arguments).env_clear();
        self.enter(&mut command);
        Running::start(command, input)
    }

    /// Has a command run with these settings.
    pub(crate) fn enter(&self, command: &mut Command) {
        command.current_dir(&self.directory).envs(&self.environment);
    }

    /// Runs a command that ends by itself.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).finish().await
    }

    /// Runs a command that must do what it is asked, and returns what it prints as JSON.
    pub(crate) async fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let printed = self.run(arguments).await.succeeded();
        serde_json::from_str(&printed).unwrap_or_else(|_| panic!("no JSON: {printed}"))
    }

    /// Starts `serve`, and returns when it listens.
    pub(crate) async fn serve(&self) -> Serve {
        let process = self.start(&["serve"]);
        let address = process.says("where it listens", listening).await;
        Serve { process, address }
    }
}

fn listening(output: &Output) -> Option<Address> {
    let log = String::from_utf8_lossy(&output.stderr);
    let (_, behind) = log.split_once("listening on http://")?;
    let end = behind.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')?;
    let socket = behind[..end].parse().ok()?;
    Some(Address { socket })
}

/// Where a process of the broker really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    socket: SocketAddr,
}

impl Address {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.socket)
    }
}

/// A `serve` that listens; for whoever calls it, it is its address.
pub(crate) struct Serve {
    pub(crate) process: Running,
    pub(crate) address: Address,
}

impl Deref for Serve {
    type Target = Address;

    fn deref(&self) -> &Address {
        &self.address
    }
}

impl Serve {
    /// Asks it to end, and expects that it does so in good order.
    pub(crate) async fn stop(self) -> Finished {
        self.process.stop().await
    }
}

/// The program lies beside the folder of the test that runs now.
pub(crate) fn executable() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let executable = test.ancestors().nth(2).unwrap().join("shopgrant");
    assert!(
        executable.is_file(),
        "there is no program to test: run `tests/run`, or `cargo build -p shopgrant --features crash-points`"
    );
    executable
}
