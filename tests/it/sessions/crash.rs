//! A process is killed over the exchange of a session token; the next one goes on.

use std::os::unix::process::ExitStatusExt;

use sandbox::ShopUser;
use secrecy::ExposeSecret;
use serde_json::json;

use crate::harness::{Database, Decision, GENSTORE};
use crate::process::{Bus, Installation};

async fn another_process_exchanges_what_one_died_over(database: Database) {
    let installation = Installation::new(database, Bus::InProcess).await;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Crash Pay").await;
    let app_id = institution.app_id.as_str();
    let permit = ["institution", "set", app_id, "--allow", "credential"];
    installation.settings.run(&permit).await.succeeded();
    let client = institution.client(&serve, "seller-1").await;
    let url = GENSTORE.store_url("demo-shop");
    let store = institution.store(&serve, &client, "GENSTORE", &url).await;
    let link = institution.link(&serve, &store).await;
    let callback = installation.seller.decide(&link, Decision::Approve).await;
    installation.seller.open(&serve, &callback).await;
    serve.stop().await;

    let user = ShopUser {
        id: 1_818_181_818,
        email: "user@example.com".to_owned(),
    };
    let scopes = ["read_orders", "read_products", "read_shops"].map(str::to_owned);
    let shop = "demo-shop".parse().unwrap();
    let token = installation
        .sandbox
        .session_token(&shop, None, user, &scopes)
        .unwrap();
    let token = token.expose_secret();
    let fields = store.with(json!({"session_token": token, "access": "online"}));
    let given = || {
        let calls = installation.sandbox.calls();
        let given = |outcome: &str| outcome == "online token granted";
        calls.iter().filter(|call| given(call.outcome)).count()
    };

    // Without workers: whoever asks is who goes on.
    let api = installation.settings.clone().with("role", "api");
    for (point, exchanged) in [("claimed", 0), ("exchanged", 1)] {
        let (of_before, next) = (given(), api.serve().await);
        let doomed = api
            .clone()
            .with_variable("SHOPGRANT_CRASH_POINT", point)
            .serve()
            .await;
        let signing = institution.signing("store/session", fields.to_string());
        assert!(institution.try_send(&doomed, &signing).await.is_none());
        let status = doomed.process.end().await;
        assert_eq!(status.signal(), Some(9), "{status}");
        assert_eq!(given(), of_before + exchanged, "{point}");
        let left = "SELECT COUNT(*) FROM online_exchanges WHERE lease_until > 0";
        assert_eq!(installation.database.number(left).await, 1);

        // It waits until the dead one's time is over, and asks by itself then.
        let data = institution.data(&next, "store/session", &fields).await;
        assert_eq!(given(), of_before + exchanged + 1, "{point}");
        let again = institution.data(&next, "store/session", &fields).await;
        assert_eq!(again["access_token"], data["access_token"]);
        assert_eq!(given(), of_before + exchanged + 1, "{point}");
        next.stop().await;
        let gone = "DELETE FROM online_tokens";
        installation.database.execute(gone).await;
    }
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    another_process_exchanges_what_one_died_over(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    another_process_exchanges_what_one_died_over(Database::Postgres).await;
}
