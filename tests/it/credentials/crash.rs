//! The program is killed between the platform's answer and its saving, over a call that asked for the token.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{CAFE24, Database, Decision, PlatformCase, SHOPLINE, refused};
use crate::process::{Bus, Installation, Institution, Store};

/// What a call of a process of another start is answered, after one died over the same call.
async fn after_the_crash(
    database: Database,
    case: &PlatformCase,
) -> (Installation, (u16, Value), usize) {
    let installation = Installation::new(database, Bus::InProcess).await;
    installation.configure(case).await;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Crash Pay").await;
    let permit = [
        "institution",
        "set",
        &institution.app_id,
        "--allow",
        "credential",
    ];
    installation.settings.run(&permit).await.succeeded();
    let store = authorized(&installation, &serve, &institution, case).await;
    serve.stop().await;
    let ended = "UPDATE grants SET next_refresh_at = 1, expires_at = 1";
    installation.database.execute(ended).await;
    // The platform refuses another call within a second.
    installation.sandbox.advance(Duration::from_secs(2));

    // Without workers, so that it is the call over which it dies.
    let api = installation.settings.clone().with("role", "api");
    let doomed = api
        .clone()
        .with_variable("SHOPGRANT_CRASH_POINT", "refreshed")
        .serve()
        .await;
    let signing = institution.signing("credential/get", store.with(json!({})).to_string());
    assert!(institution.try_send(&doomed, &signing).await.is_none());
    let status = doomed.process.end().await;
    assert_eq!(status.signal(), Some(9), "{status}");
    let lapsed = "UPDATE grants SET refresh_lease_until = 0";
    installation.database.execute(lapsed).await;
    installation.sandbox.advance(Duration::from_secs(2));

    let serve = api.serve().await;
    let fields = store.with(json!({}));
    let answer = institution.answer(&serve, "credential/get", &fields).await;
    serve.stop().await;
    let calls = installation.sandbox.calls();
    let tokens = calls
        .iter()
        .filter(|call| call.outcome.starts_with("token "));
    let given = tokens.count() - 1;
    (installation, answer.whole(), given)
}

async fn authorized(
    installation: &Installation,
    serve: &crate::process::Address,
    institution: &Institution,
    case: &PlatformCase,
) -> Store {
    let client = institution.client(serve, "seller-1").await;
    let url = case.store_url("demo-shop");
    let store = institution.store(serve, &client, case.code, &url).await;
    let link = institution.link(serve, &store).await;
    let callback = installation.seller.decide(&link, Decision::Approve).await;
    installation.seller.open(serve, &callback).await;
    store
}

async fn what_only_the_app_signs_is_asked_for_again(database: Database) {
    let (installation, answer, given) = after_the_crash(database, &SHOPLINE).await;
    assert_eq!(answer.1["code"], 200, "{answer:?}");
    assert_eq!(given, 2);
    installation.remove().await;
}

/// The refresh token is spent, the next one is gone, and before it there was none: the grant has ended, and
/// the caller is told so.
async fn what_was_good_once_has_ended_and_says_so(database: Database) {
    let (installation, answer, given) = after_the_crash(database, &CAFE24).await;
    let message = "store_id is not authorized: it is FAILED with AUTH_EXPIRED";
    assert_eq!(answer, refused(900_002, message));
    assert_eq!(given, 1);
    installation.remove().await;
}

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
    what_only_the_app_signs_is_asked_for_again,
    what_was_good_once_has_ended_and_says_so,
);
