//! The program is killed around the saving of a renewal, and started again.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::harness::{CAFE24, Database, Decision, PATIENCE, PlatformCase, SHOPLINE, let_pass};
use crate::process::{Bus, Endpoint, Installation, Institution, Serve, Store};

/// The revision of a store that was created, asked for and authorized.
const AUTHORIZED: i64 = 3;

macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(super::Database::Sqlite).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(super::Database::Postgres).await;
                }
            )*
        }
    };
}

on_both_databases!(
    a_token_that_was_not_saved_is_asked_for_again,
    a_rotating_token_that_was_not_saved_ends_the_grant,
    a_token_that_was_saved_is_not_asked_for_again,
);

/// An authorized store, and a `serve` that died over the renewal of its grant.
struct Wreck {
    installation: Installation,
    institution: Institution,
    endpoint: Endpoint,
    store: Store,
}

impl Wreck {
    async fn of(database: Database, case: &PlatformCase, point: &str) -> Self {
        let installation = Installation::new(database, Bus::InProcess).await;
        installation.configure(case).await;
        let serve = installation.serve().await;
        let institution = installation.institution(&serve, "Crash Pay").await;
        let client = institution.client(&serve, "seller-1").await;
        let url = case.store_url("demo-shop");
        let store = institution.store(&serve, &client, case.code, &url).await;
        let url = installation.receiver.url("/hook");
        let endpoint = institution.endpoint(&serve, &url).await;
        let link = institution.link(&serve, &store).await;
        let callback = installation.seller.decide(&link, Decision::Approve).await;
        installation.seller.open(&serve, &callback).await;
        for expected in ["endpoint.test", "store.auth.succeeded"] {
            let event = installation.receiver.next().await;
            assert_eq!(event.verified(&endpoint.secret)["type"], expected);
        }
        serve.stop().await;
        let due = "UPDATE grants SET next_refresh_at = 1";
        installation.database.execute(due).await;
        let doomed = installation
            .settings
            .clone()
            .with_variable("SHOPGRANT_CRASH_POINT", point)
            // It may be dead before it says where it listens.
            .start(&["serve"]);
        let status = doomed.end().await;
        assert_eq!(status.signal(), Some(9), "{status}");
        Self {
            installation,
            institution,
            endpoint,
            store,
        }
    }

    /// As if the time of the dead process's lease were over.
    async fn let_the_lease_lapse(&self) {
        let lapsed = "UPDATE grants SET refresh_lease_until = 0";
        self.installation.database.execute(lapsed).await;
    }

    /// The store once its grant is renewed.
    async fn renewed(&self, serve: &Serve) -> Value {
        let give_up = Instant::now() + PATIENCE;
        let ids = self.store.with(json!({}));
        loop {
            let snapshot = self.institution.data(serve, "store/query", &ids).await;
            if snapshot["revision"].as_i64() > Some(AUTHORIZED) && snapshot["health"] == "HEALTHY" {
                return snapshot;
            }
            let calls = self.installation.sandbox.calls();
            assert!(Instant::now() < give_up, "{snapshot} {calls:?}");
            let_pass(Duration::from_millis(100)).await;
        }
    }

    /// How many newer tokens the platform gave, after the first.
    fn given(&self) -> usize {
        let calls = self.installation.sandbox.calls();
        let tokens = calls
            .iter()
            .filter(|call| call.outcome.starts_with("token "));
        tokens.count() - 1
    }
}

async fn a_token_that_was_not_saved_is_asked_for_again(database: Database) {
    let wreck = Wreck::of(database, &SHOPLINE, "refreshed").await;
    assert_eq!(wreck.given(), 1);
    wreck.let_the_lease_lapse().await;
    // The platform refuses another call within a second.
    wreck.installation.sandbox.advance(Duration::from_secs(2));
    let serve = wreck.installation.serve().await;
    let snapshot = wreck.renewed(&serve).await;
    assert_eq!(snapshot["auth_status"], "SUCCESS");
    assert_eq!(wreck.given(), 2);
    serve.stop().await;
    wreck.installation.remove().await;
}

/// The refresh token is spent, the next one is gone, and before it there was none.
async fn a_rotating_token_that_was_not_saved_ends_the_grant(database: Database) {
    let wreck = Wreck::of(database, &CAFE24, "refreshed").await;
    assert_eq!(wreck.given(), 1);
    wreck.let_the_lease_lapse().await;
    let serve = wreck.installation.serve().await;
    let webhook = wreck.installation.receiver.next().await;
    let event = webhook.verified(&wreck.endpoint.secret);
    assert_eq!(event["type"], "store.auth.expired");
    let ids = wreck.store.with(json!({}));
    let snapshot = wreck.institution.data(&serve, "store/query", &ids).await;
    assert_eq!(snapshot["auth_status"], "FAILED");
    assert_eq!(snapshot["auth_fail_reason"], "AUTH_EXPIRED");
    assert_eq!(snapshot["sequence"], event["data"]["sequence"]);
    assert_eq!(wreck.given(), 1);
    serve.stop().await;
    wreck.installation.remove().await;
}

async fn a_token_that_was_saved_is_not_asked_for_again(database: Database) {
    for case in [&SHOPLINE, &CAFE24] {
        let wreck = Wreck::of(database, case, "refresh_saved").await;
        let serve = wreck.installation.serve().await;
        let snapshot = wreck.renewed(&serve).await;
        assert_eq!(snapshot["auth_status"], "SUCCESS");
        serve.stop().await;
        assert_eq!(wreck.given(), 1);
        wreck.installation.remove().await;
    }
}
