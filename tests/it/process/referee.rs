//! Programs that nobody here wrote, and that must agree with us.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::Running;

/// A script under `tests/referees`, run by the Python that has the packages of `requirements.txt`.
pub(crate) fn python(script: &str) -> Command {
    let python = tests().join(".venv/bin/python");
    assert!(
        python.exists(),
        "tests/.venv is missing: run `tests/run`, or `python3 -m venv tests/.venv && tests/.venv/bin/pip install -r tests/requirements.txt`"
    );
    let mut command = Command::new(python);
    command.arg(tests().join("referees").join(script));
    command
}

/// A script under `tests/referees`, run by Node with the packages of `package.json`.
pub(crate) fn node(script: &str) -> Command {
    assert!(
        tests().join("node_modules/standardwebhooks").is_dir(),
        "tests/node_modules is missing: run `tests/run`, or `(cd tests && npm ci)`"
    );
    let mut command = Command::new("node");
    command.arg(tests().join("referees").join(script));
    command
}

/// A story under `tests/browser`, which Node tells with the browser at [`chromium`].
pub(crate) fn browser(story: &str) -> Command {
    assert!(
        tests().join("node_modules/playwright-core").is_dir(),
        "tests/node_modules is missing or old: run `tests/run`, or `(cd tests && npm ci)`"
    );
    let mut command = Command::new("node");
    command.arg(tests().join("browser").join(story));
    command
}

/// Debian's Chromium, or the one that the environment names.
pub(crate) fn chromium() -> String {
    let named = std::env::var_os("SHOPGRANT_TEST_CHROMIUM");
    let path = named.map_or("/usr/bin/chromium".into(), PathBuf::from);
    assert!(
        path.exists(),
        "there is no {}: run `tests/run`, or `apt-get install chromium fonts-noto-cjk`",
        path.display()
    );
    path.display().to_string()
}

/// What a script answers to a question in JSON.
pub(crate) async fn ask(command: Command, question: &Value) -> Value {
    let answer = Running::start(command, question.to_string())
        .finish()
        .await
        .succeeded();
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("no JSON: {answer}"))
}

/// A client of RabbitMQ that is not ours, with a queue of its own; it prints every message that comes from
/// now on with such a routing key.
pub(crate) async fn consumer(amqp_url: &str, routing_key: &str) -> Running {
    let job =
        json!({"amqp_url": amqp_url, "exchange": "shopgrant.events", "routing_key": routing_key});
    let consumer = Running::start(python("consume.py"), format!("{job}\n"));
    assert_eq!(consumer.line(0).await, "bound");
    consumer
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
