//! `shopgrant demo --auto`, which compares redirect, webhook, feed and query by itself.

use crate::harness::{Database, TestDatabase};
use crate::process::{Settings, VirtualHost};

const URL_STEPS: [&str; 9] = [
    "the seller approves",
    "the seller denies",
    "another shop consents",
    "a scope is not granted",
    "the link is superseded",
    "the callback comes again",
    "the store is authorized already",
    "a second store with the same shop",
    "the same shop at another's store",
];

const BOTH_SITES_STEPS: [&str; 2] = ["the seller approves", "the same shop on the other site"];

const KEY_STEPS: [&str; 8] = [
    "the key is right",
    "the key is wrong",
    "the key may not read",
    "the key is another shop's",
    "the platform is down, then up",
    "the store is authorized already",
    "a second store with the same key",
    "the same key at another's store",
];

async fn check(arguments: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::none(directory.path());
    let arguments = [&["demo", "--auto"], arguments].concat();
    let printed = settings.run(&arguments).await.succeeded();
    assert!(!printed.contains("FAIL"), "{printed}");
    // WooCommerce names no shop, so that no key there can be another's.
    let woocommerce = KEY_STEPS
        .iter()
        .filter(|step| !step.contains("another shop's"))
        .copied();
    for (platform, auth_type, steps) in [
        ("SHOPLINE", "URL", URL_STEPS.to_vec()),
        ("GENSTORE", "URL", URL_STEPS.to_vec()),
        ("CAFE24", "URL", URL_STEPS.to_vec()),
        ("SHOPLINE_EU", "URL", BOTH_SITES_STEPS.to_vec()),
        ("SHOPIFY", "KEY", KEY_STEPS.to_vec()),
        ("WOOCOMMERCE", "KEY", woocommerce.collect()),
    ] {
        for step in steps {
            let line = format!("ok    {platform:<11}  {auth_type}  {step:<35}  ");
            assert_eq!(printed.matches(&line).count(), 1, "{line}\n{printed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_plays_every_flow_with_nothing_prepared() {
    check(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_plays_every_flow_on_postgres_and_rabbitmq() {
    let database = TestDatabase::create(Database::Postgres).await;
    let host = VirtualHost::create().await;
    check(&["--database-url", &database.url, "--amqp-url", &host.url]).await;
    host.delete().await;
    database.delete().await;
}
