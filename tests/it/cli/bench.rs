//! `bench`, run in small: what it counts is right, and nothing stays behind. How fast it was is no test's
//! business.

use std::fs;

use rustix::process::getpid;
use serde_json::Value;

use crate::harness::variable;
use crate::process::Settings;

/// Processes of this user that a benchmark of this test started and did not end.
fn left_behind(directory: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| {
            let process = entry.path();
            if process.ends_with(getpid().as_raw_nonzero().to_string()) {
                return None;
            }
            let place = fs::read_link(process.join("cwd")).ok()?;
            place
                .starts_with(directory)
                .then(|| place.display().to_string())
        })
        .collect()
}

/// Runs a measurement in a directory of its own for temporary files; returns its one subject.
async fn measure(words: &[&str], database: Option<&str>) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let temporary = directory.path().to_str().unwrap().to_owned();
    let settings = Settings::none(directory.path()).with_variable("TMPDIR", &temporary);
    let mut arguments = ["bench", words[0], "--quick", "--json"].to_vec();
    arguments.extend(&words[1..]);
    if let Some(url) = database {
        arguments.extend(["--database-url", url]);
    }
    let report = settings.json(&arguments).await;
    assert_eq!(report["quick"], true);
    assert_eq!(report["runs"], 1);
    assert!(report["machine"]["cores"].as_u64().unwrap() > 0);
    let subject = report["subjects"][0].clone();
    let checks = subject["checks"].as_array().unwrap();
    assert!(!checks.is_empty());
    assert!(
        checks.iter().all(|check| check["holds"] == true),
        "{subject:#}"
    );
    let files: Vec<_> = fs::read_dir(&temporary).unwrap().flatten().collect();
    assert!(files.is_empty(), "{files:?}");
    assert_eq!(left_behind(&temporary), Vec::<String>::new());
    subject
}

fn says(subject: &Value, what: &str) {
    let mut checks = subject["checks"].as_array().unwrap().iter();
    let found = checks.any(|check| check["what"].as_str().unwrap().trim_end() == what);
    assert!(found, "{what}: {subject:#}");
}

fn value(subject: &Value, name: &str) -> f64 {
    let mut figures = subject["figures"].as_array().unwrap().iter();
    let figure = figures.find(|figure| figure["name"] == name);
    let figure = figure.unwrap_or_else(|| panic!("{name}: {subject:#}"));
    assert_eq!(figure["values"].as_array().unwrap().len(), 1, "{figure:#}");
    figure["median"].as_f64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_are_counted_on_sqlite() {
    let subject = measure(&["start", "--operations", "40", "--connections", "4"], None).await;
    assert!(
        subject["database"]
            .as_str()
            .unwrap()
            .starts_with("SQLite 3.")
    );
    says(&subject, "40 of 40 starts answered with a link");
    // The warm-up has a tenth of the operations, and one more.
    says(
        &subject,
        "45 of 45 started stores are PROCESSING in the database",
    );
    for name in ["starts", "raw commits of two inserts", "CPU of the broker"] {
        assert!(value(&subject, name) >= 0.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_are_counted_on_postgres() {
    let server = variable("SHOPGRANT_TEST_DATABASE_URL");
    let words = ["start", "--operations", "40", "--connections", "4"];
    let subject = measure(&words, Some(&server)).await;
    assert!(
        subject["database"]
            .as_str()
            .unwrap()
            .starts_with("PostgreSQL ")
    );
    says(&subject, "40 of 40 starts answered with a link");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flow_ends_with_one_webhook() {
    let subject = measure(&["flow", "--operations", "40", "--connections", "4"], None).await;
    for what in [
        "40 of 40 sellers were sent back",
        "40 of 40 stores had one webhook, of their success",
        "0 webhooks told of anything else",
        "0 signatures were wrong",
        // The warm-up has a tenth of the operations, and one more.
        "45 of 45 stores are SUCCESS in the database",
        "0 webhooks came after their run",
    ] {
        says(&subject, what);
    }
    for name in ["whole flows", "call to webhook, p99", "CPU of the peer"] {
        assert!(value(&subject, name) >= 0.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_stores_and_events_are_all_there() {
    let words = [
        "scale",
        "--operations",
        "20",
        "--connections",
        "4",
        "--stores",
        "2000",
        "--events",
        "300",
    ];
    let subject = measure(&words, None).await;
    for what in [
        "2000 of 2000 stores wait in the database",
        "40 of 40 started stores are PROCESSING in the database",
        "the feed has grown by 300 of 300 places",
        "300 of 300 events were placed and taken note of",
    ] {
        says(&subject, what);
    }
    for name in [
        "starts, many stores over few",
        "events told, last tenth over first",
    ] {
        assert!(value(&subject, name) > 0.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_delivered_once() {
    let words = ["deliver", "--operations", "100", "--connections", "4"];
    let subject = measure(&words, None).await;
    for what in [
        "100 of 100 events were taken",
        "0 of 100 events were lost",
        "0 events came that nobody asked for",
        "0 events came more than once",
        "0 signatures were wrong",
        "0 of 150 events were lost",
    ] {
        says(&subject, what);
    }
    assert!(value(&subject, "webhooks of a backlog") > 0.0);
    assert!(value(&subject, "event to webhook, p99") > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_are_answered_about_the_right_store() {
    let subject = measure(&["query", "--connections", "4"], None).await;
    says(&subject, "1000 answers were right, 0 were wrong");
    assert!(value(&subject, "queries, of the bare signed endpoint") > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_and_readiness_are_told() {
    let words = ["footprint", "--operations", "20", "--connections", "4"];
    let subject = measure(&words, None).await;
    says(&subject, "20 of 20 starts answered");
    let rest = value(&subject, "memory at rest");
    let peak = value(&subject, "highest memory, under load");
    assert!(rest > 0.0 && peak >= rest, "{rest} {peak}");
    assert!(value(&subject, "from start to ready, existing database") > 0.0);
}
