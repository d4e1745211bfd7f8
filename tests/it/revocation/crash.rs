//! The program is killed between a platform's giving a credential up and the saving of it, and started again.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::harness::{CAFE24, Database, Decision, PATIENCE, let_pass};
use crate::process::{Bus, Installation};

/// What the platforms did, and the claims and credentials that are left in the end.
async fn killed_over(database: Database) -> Vec<&'static str> {
    let case = &CAFE24;
    let installation = Installation::new(database, Bus::InProcess).await;
    installation.configure(case).await;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Crash Pay").await;
    let client = institution.client(&serve, "seller-1").await;
    let url = case.store_url("demo-shop");
    let store = institution.store(&serve, &client, case.code, &url).await;
    let link = institution.link(&serve, &store).await;
    let callback = installation.seller.decide(&link, Decision::Approve).await;
    installation.seller.open(&serve, &callback).await;
    serve.stop().await;

    let doomed = installation
        .settings
        .clone()
        .with_variable("SHOPGRANT_CRASH_POINT", "revoked");
    let serve = doomed.serve().await;
    let ids = store.with(json!({}));
    institution.data(&serve, "store/unbind", &ids).await;
    let status = serve.process.end().await;
    assert_eq!(status.signal(), Some(9), "{status}");
    let held = "SELECT COUNT(*) FROM claims";
    assert_eq!(installation.database.number(held).await, 1);

    // As if the time of the dead process's lease were over.
    let lapsed = "UPDATE revocations SET lease_until = 0";
    installation.database.execute(lapsed).await;
    let serve = installation.serve().await;
    let give_up = Instant::now() + PATIENCE;
    while installation.database.number(held).await > 0 {
        assert!(Instant::now() < give_up, "the claim is still held");
        let_pass(Duration::from_millis(100)).await;
    }
    let waiting = "SELECT COUNT(*) FROM revocations";
    assert_eq!(installation.database.number(waiting).await, 0);
    serve.stop().await;
    let calls = installation.sandbox.calls();
    let ends = |path: &str| path.ends_with("/uninstall") || path.ends_with("/revoke");
    let calls = calls.iter().filter(|call| ends(&call.path));
    let outcomes = calls.map(|call| call.outcome).collect();
    installation.remove().await;
    outcomes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_done_once_more_on_sqlite() {
    let outcomes = killed_over(Database::Sqlite).await;
    assert_eq!(outcomes, ["token revoked", "nothing to revoke"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_done_once_more_on_postgres() {
    let outcomes = killed_over(Database::Postgres).await;
    assert_eq!(outcomes, ["token revoked", "nothing to revoke"]);
}
