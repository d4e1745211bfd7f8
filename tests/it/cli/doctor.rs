//! `shopgrant doctor`, on installations that are well and on others.

use serde_json::{Value, json};

use crate::harness::{Database, GENSTORE, SHOPLINE, TestDatabase};
use crate::process::{Bus, Installation, PUBLIC_URL, Settings};

/// The verdict and the finding of each check of this name.
fn of(report: &Value, check: &str) -> Vec<(String, String)> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .filter(|finding| finding["check"] == check)
        .map(|finding| {
            let text = |field: &str| finding[field].as_str().unwrap().to_owned();
            (text("verdict"), text("found"))
        })
        .collect()
}

fn one(report: &Value, check: &str) -> (String, String) {
    let mut found = of(report, check);
    assert_eq!(found.len(), 1, "{check}: {report:#}");
    found.remove(0)
}

/// What it prints for scripts, whether it is satisfied or not.
async fn report(settings: &Settings) -> (Value, Option<i32>) {
    let ended = settings.run(&["doctor", "--json"]).await;
    assert_eq!(ended.stderr, "");
    let report = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:#?}"));
    (report, ended.status.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_that_works_is_well() {
    let installation = Installation::new(Database::Postgres, Bus::RabbitMq).await;
    let (report, code) = report(&installation.settings).await;
    assert_eq!((code, &report["ok"]), (Some(0), &json!(true)), "{report:#}");
    let ok = |text: &str| ("ok".to_owned(), text.to_owned());
    assert_eq!(one(&report, "settings"), ok("no contradiction"));
    assert_eq!(one(&report, "schema"), ok("up to date"));
    assert_eq!(
        one(&report, "bus"),
        ok("RabbitMQ has its exchanges and queues, and nothing is parked")
    );
    let (verdict, found) = one(&report, "database");
    assert!(
        verdict == "ok" && found.starts_with("PostgreSQL "),
        "{found}"
    );
    let (verdict, found) = one(&report, "latency");
    assert!(["ok", "warn"].contains(&verdict.as_str()), "{verdict}");
    assert!(found.starts_with("a read takes ") && found.contains(" ms, a commit "));
    let (verdict, found) = one(&report, "clock");
    assert!(
        verdict == "ok" && found.starts_with("this machine is "),
        "{found}"
    );
    let (verdict, found) = one(&report, "connections");
    assert!(
        verdict == "ok" && found.ends_with(" connections are in use"),
        "{found}"
    );
    // The tests' services may run without flushes, which it has to notice.
    let (verdict, found) = one(&report, "durability");
    assert_eq!(verdict == "warn", found.contains("fsync=off"), "{found}");
    let apps: Vec<_> = of(&report, "platform app");
    assert_eq!(apps.len(), 2, "{report:#}");
    for (case, (verdict, found)) in [GENSTORE, SHOPLINE].iter().zip(apps) {
        let path = case.code.to_lowercase();
        let callback = format!(", callback {PUBLIC_URL}/v1/auth/{path}/callback");
        assert!(verdict == "ok" && found.ends_with(&callback), "{found}");
    }
    // The hosts of the simulated platforms are addresses.
    assert!(of(&report, "resolver").is_empty());
    // Its own proxy, and its networks for development, are worth a look.
    assert_eq!(one(&report, "proxies").0, "warn");
    assert_eq!(one(&report, "egress").0, "warn");

    let lines = installation.settings.run(&["doctor"]).await.succeeded();
    assert!(
        lines
            .lines()
            .any(|line| line == "ok    schema         up to date"),
        "{lines}"
    );
    assert_eq!(
        lines.lines().count(),
        report["checks"].as_array().unwrap().len()
    );
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_master_key_is_told() {
    let installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let create = ["institution", "create", "--name", "Example Pay", "--json"];
    let created = installation.settings.json(&create).await;
    let (well, code) = report(&installation.settings).await;
    assert_eq!(code, Some(0), "{well:#}");
    assert_eq!(
        one(&well, "master key"),
        (
            "ok".to_owned(),
            "it opens the institutions' secrets".to_owned()
        )
    );

    let other = installation.settings.directory.join("other.key");
    std::fs::write(&other, "YW5vdGhlciBrZXksIHdoaWNoIGlzIDMyIGJ5dGVzIDo=").unwrap();
    let settings = installation
        .settings
        .clone()
        .with("master_key_file", "other.key");
    let (report, code) = report(&settings).await;
    assert_eq!((code, &report["ok"]), (Some(1), &json!(false)));
    assert_eq!(
        one(&report, "master key"),
        (
            "fail".to_owned(),
            "it does not open the institutions' secrets in the database".to_owned()
        )
    );
    for (verdict, found) in of(&report, "platform app") {
        let told = "the master key does not open its client secret";
        assert!(verdict == "fail" && found.ends_with(told), "{found}");
    }
    let told = report.to_string();
    let secret = created["app_secret"].as_str().unwrap();
    assert!(!told.contains(secret) && !told.contains(SHOPLINE.secret));
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_told_and_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::new(directory.path(), "sqlite://shopgrant.sqlite");
    let (fresh, code) = report(&settings).await;
    assert_eq!(code, Some(0), "{fresh:#}");
    assert_eq!(
        one(&fresh, "database"),
        (
            "ok".to_owned(),
            "shopgrant.sqlite is not there yet; `serve` creates it".to_owned()
        )
    );
    assert!(!directory.path().join("shopgrant.sqlite").exists());

    let nowhere = settings
        .clone()
        .with("database_url", "sqlite://nowhere/x.sqlite");
    let (missing, code) = report(&nowhere).await;
    assert_eq!(code, Some(1), "{missing:#}");
    assert_eq!(one(&missing, "database").0, "fail");

    let (wrong, code) = report(&settings.clone().with("role", "boss")).await;
    assert_eq!(code, Some(1));
    assert_eq!(
        wrong["checks"],
        json!([{
            "check": "settings",
            "verdict": "fail",
            "found": "setting `role`: must be one of all, api, worker",
            "advice": null,
        }])
    );

    let proxy = settings.with_variable("HTTPS_PROXY", "http://user:geheim@127.0.0.1:3128");
    let (proxied, code) = report(&proxy).await;
    assert_eq!(code, Some(0), "{proxied:#}");
    let told = (
        "warn".to_owned(),
        "HTTPS_PROXY is set and not used".to_owned(),
    );
    assert!(of(&proxied, "egress").contains(&told), "{proxied:#}");
    assert!(!proxied.to_string().contains("geheim"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_of_another_version_is_told() {
    let database = TestDatabase::create(Database::Postgres).await;
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::new(directory.path(), &database.url);
    let (empty, code) = report(&settings).await;
    assert_eq!(code, Some(0), "{empty:#}");
    assert_eq!(
        one(&empty, "schema"),
        (
            "ok".to_owned(),
            "older than this program; `serve` brings it up to date".to_owned()
        )
    );
    let (by_hand, code) = report(&settings.clone().with("migrate_on_start", "false")).await;
    assert_eq!(code, Some(1));
    assert_eq!(one(&by_hand, "schema").0, "fail");

    settings.run(&["migrate"]).await.succeeded();
    database
        .execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)")
        .await;
    let (newer, code) = report(&settings).await;
    assert_eq!(code, Some(0), "{newer:#}");
    assert_eq!(
        one(&newer, "schema"),
        (
            "warn".to_owned(),
            "a newer version has taken m9999_later".to_owned()
        )
    );
    database.delete().await;
}
