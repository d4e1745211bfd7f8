//! Nothing that is secret is ever said: not in a log at its most talkative, not in an answer that refuses,
//! not in the clear in the database.

mod flows;

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use url::form_urlencoded::byte_serialize;

use crate::harness::{Answer, CAFE24, Database, GENSTORE, MULTIVENDE, SHOPLINE};
use crate::process::{Bus, Installation, MASTER_KEY};

/// Everything that our own crates say, and everything but single steps of the others.
const TALKATIVE: &str = "debug,broker=trace,domain=trace,egress=trace,messaging=trace,migrations=trace,\
    platforms=trace,server=trace,shopgrant=trace,storage=trace";

/// What must not be found anywhere, and the answers in which it is looked for.
#[derive(Default)]
struct Watch {
    secrets: BTreeSet<(&'static str, String)>,
    /// What stands in events, as it is, and nowhere else.
    in_events: Vec<String>,
    /// What was answered to calls that were refused, and what browsers were shown.
    answers: String,
}

impl Watch {
    fn keep(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 16, "{what} could be found by chance");
        self.secrets.insert((what, secret.to_owned()));
    }

    fn hear(&mut self, answer: &Answer) {
        for value in answer.headers.values() {
            self.answers
                .push_str(&String::from_utf8_lossy(value.as_bytes()));
            self.answers.push('\n');
        }
        self.answers.push_str(&answer.text);
        self.answers.push('\n');
    }

    /// Fails if a secret is in the text, as it is or as a URL or a header would carry it.
    fn search(&self, place: &str, text: &str) {
        for (what, secret) in &self.secrets {
            let encoded: String = byte_serialize(secret.as_bytes()).collect();
            for form in [secret.clone(), encoded, BASE64_STANDARD.encode(secret)] {
                // What surrounds it is the evidence; the secrets are all made up.
                if let Some(at) = text.find(&form) {
                    let before = text[..at].chars().rev().take(300).collect::<Vec<_>>();
                    let before: String = before.into_iter().rev().collect();
                    panic!("{place} has {what} behind {before:?}");
                }
            }
        }
    }
}

/// Plays everything and scans what the process said. Returns the watch, for a look at the database.
async fn check(database: Database, bus: Bus, format: &str) -> (Watch, Installation) {
    let mut installation = Installation::new(database, bus).await;
    installation.configure(&CAFE24).await;
    installation.configure(&MULTIVENDE).await;
    installation.settings = installation
        .settings
        .with_variable("RUST_LOG", TALKATIVE)
        .with("log.format", format)
        .with("webhooks.retry_schedule_seconds", "1");
    let mut watch = Watch::default();
    watch.keep("the master key", MASTER_KEY);
    for case in [SHOPLINE, GENSTORE, CAFE24, MULTIVENDE] {
        watch.keep("a platform app's secret", case.secret);
    }
    for (what, url) in [
        ("the database's password", Some(&installation.database.url)),
        (
            "RabbitMQ's URL",
            installation.virtual_host.as_ref().map(|host| &host.url),
        ),
    ] {
        if let Some(password) = url.and_then(|url| password_of(what, url)) {
            watch.keep(what, &password);
        }
    }

    let serve = installation.serve().await;
    let stores = flows::play(&installation, &serve, &mut watch).await;
    for secret in installation.sandbox.issued() {
        watch.keep("a code or a token of a platform", secret.expose_secret());
    }
    // Before the process ends: SQLite then folds its log into the file.
    if database == Database::Sqlite {
        check_files(&watch, &installation.database.url);
    }
    let finished = serve.stop().await;
    let log = format!("{}\n{}", finished.stdout, finished.stderr);
    watch.search("the log", &log);
    watch.search("an answer", &watch.answers);
    assert!(!watch.in_events.is_empty());
    for link in &watch.in_events {
        assert!(!log.contains(link.as_str()), "the log has a ready link");
        assert!(!watch.answers.contains(link.as_str()), "an answer has one");
    }

    // It is the log of all this, in all detail, and they are the answers to it.
    assert!(stores.iter().any(|store| log.contains(store)));
    assert!(log.contains("DEBUG") && watch.answers.contains("invalid token"));
    (watch, installation)
}

#[test]
fn the_watch_notices_every_form_of_a_secret() {
    let mut watch = Watch::default();
    watch.keep("a phrase", "correct horse battery");
    watch.search("nothing", "correct horses, batteries");
    for form in [
        "correct horse battery",
        "correct+horse+battery",
        "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5",
    ] {
        let text = format!("what comes before {form} and behind");
        let searched = std::panic::catch_unwind(|| watch.search("a text", &text));
        assert!(searched.is_err(), "{form}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_the_text_log_or_in_the_sqlite_file() {
    let (watch, installation) = check(Database::Sqlite, Bus::InProcess, "text").await;
    check_files(&watch, &installation.database.url);
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_the_json_log_with_postgres_and_rabbitmq() {
    let (_, installation) = check(Database::Postgres, Bus::RabbitMq, "json").await;
    installation.remove().await;
}

/// Scans every page of the database, of SQLite's log too.
fn check_files(watch: &Watch, database_url: &str) {
    let file = Path::new(database_url.strip_prefix("sqlite://").unwrap());
    let mut pages = Vec::new();
    for entry in file.parent().unwrap().read_dir().unwrap() {
        pages.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    watch.search("the database", &String::from_utf8_lossy(&pages));
    assert!(!has(&pages, &BASE64_STANDARD.decode(MASTER_KEY).unwrap()));
    // These are kept, as their hashes.
    for (what, secret) in &watch.secrets {
        let hashed = [
            "a state",
            "an access token",
            "a hosted link",
            "a click's cookie",
        ];
        if hashed.contains(what) {
            assert!(
                has(&pages, &Sha256::digest(secret)),
                "the database lacks the hash of {what}"
            );
        }
    }
}

fn has(pages: &[u8], wanted: &[u8]) -> bool {
    pages.windows(wanted.len()).any(|window| window == wanted)
}

/// A password that is worth the name; RabbitMQ's own default is not.
fn password_of(what: &str, url: &str) -> Option<String> {
    let url = url::Url::parse(url).unwrap_or_else(|_| panic!("{what} is in no URL"));
    url.password()
        .filter(|password| password.len() >= 16)
        .map(str::to_owned)
}
