//! What an operator changes while `serve` runs counts within a second.

use std::fmt::Debug;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::harness::{Database, Decision, GENSTORE, SHOPLINE, refused};
use crate::process::{Bus, Installation};

async fn check_new_secret(database: Database) {
    let installation = Installation::new(database, Bus::InProcess).await;
    let serve = installation.serve().await;
    // Its token is asked for as soon as the command has ended.
    let mut institution = installation.institution(&serve, "Rotating Pay").await;
    let nothing = json!({});
    institution.data(&serve, "platform/list", &nothing).await;

    let rotate = |overlap: &'static str| {
        let (settings, app_id) = (installation.settings.clone(), institution.app_id.clone());
        async move {
            let arguments = [
                "institution",
                "rotate-secret",
                &app_id,
                "--overlap",
                overlap,
                "--json",
            ];
            settings.json(&arguments).await["app_secret"]
                .as_str()
                .unwrap()
                .to_owned()
        }
    };
    let second = rotate("1h").await;
    let third = rotate("0s").await;
    assert_ne!(second, third);

    // Nothing of what was live before an overlap of zero is live afterwards.
    let first = institution.secret.clone();
    for old in [&first, &second] {
        institution.secret.clone_from(old);
        let message = "invalid signature: the signature does not match";
        within_a_second(refused(401, message), async || {
            let answer = institution.answer(&serve, "platform/list", &nothing).await;
            answer.whole()
        })
        .await;
        let answer = institution.ask_token(&serve, old).await;
        assert_eq!(answer.whole(), refused(401, "invalid client"));
    }
    institution.secret = third;
    institution.data(&serve, "platform/list", &nothing).await;
    institution.renew_token(&serve).await;
    institution.data(&serve, "platform/list", &nothing).await;

    serve.stop().await;
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_secret_on_sqlite() {
    check_new_secret(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_secret_on_postgres() {
    check_new_secret(Database::Postgres).await;
}

/// During the overlap both are good, the new one from its first call on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_secret_beside_the_old_one() {
    let installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let serve = installation.serve().await;
    let mut institution = installation.institution(&serve, "Rotating Pay").await;
    let arguments = [
        "institution",
        "rotate-secret",
        &institution.app_id,
        "--json",
    ];
    let printed = installation.settings.json(&arguments).await;
    let new = printed["app_secret"].as_str().unwrap();
    for secret in [institution.secret.clone(), new.to_owned()] {
        institution.secret = secret;
        institution.data(&serve, "platform/list", &json!({})).await;
        institution.renew_token(&serve).await;
    }
    serve.stop().await;
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_platform_app() {
    let installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Expanding Pay").await;
    let client = institution.client(&serve, "seller-1").await;
    let url = "https://demo-shop.myshopify.com";
    let store = institution.store(&serve, &client, "SHOPIFY", url).await;
    let fields = store.with(json!({
        "auth_type": "KEY", "seller_id": "demo-shop", "auth_info": {"token": "shpat_unknown"},
    }));
    let before = institution.answer(&serve, "store/auth", &fields).await;
    assert_eq!(
        before.whole(),
        refused(900_002, "platform is not available")
    );
    let host = format!("http://{}/shopify/{{shop}}", installation.platforms);
    let arguments = ["platform", "configure", "SHOPIFY", "--host", &host];
    installation.settings.run(&arguments).await.succeeded();
    institution.data(&serve, "store/auth", &fields).await;
    let snapshot = institution.query_after(&serve, &store, 0).await;
    assert_eq!(snapshot["auth_fail_reason"], "AUTH_INFO_INVALID");
    serve.stop().await;
    installation.remove().await;
}

/// Scopes that are asked for from now on, and an app of the institution's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_platform_app_and_an_app_of_an_institution() {
    let installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Own Pay").await;
    let client = institution.client(&serve, "seller-1").await;
    let store = institution
        .store(&serve, &client, "SHOPLINE", &SHOPLINE.store_url("demo"))
        .await;
    let shared = institution.link(&serve, &store).await;
    assert!(shared.contains("scope=read_orders"), "{shared}");

    let secret = installation.settings.directory.join("own.secret");
    std::fs::write(&secret, GENSTORE.secret).unwrap();
    let host = SHOPLINE.host(installation.platforms);
    let app = installation
        .settings
        .json(&[
            "platform",
            "configure",
            "SHOPLINE",
            "--client-id",
            "own-app",
            "--client-secret-file",
            "own.secret",
            "--scopes",
            "read_products",
            "--institution",
            &institution.app_id,
            "--host",
            &host,
            "--json",
        ])
        .await;
    let callback = app["callback_url"].as_str().unwrap();
    let id = app["id"].as_str().unwrap();
    assert_eq!(
        callback,
        format!("https://auth.example/v1/auth/shopline/{id}/callback")
    );
    let mut registration = SHOPLINE.registration(callback.to_owned());
    registration.client_id = "own-app".to_owned();
    registration.client_secret = GENSTORE.secret.into();
    installation.sandbox.register_app(registration);

    let mut own = String::new();
    within_a_second((true, true), async || {
        own = institution.link(&serve, &store).await;
        (
            own.contains("appKey=own-app"),
            own.contains("scope=read_products"),
        )
    })
    .await;
    let callback = installation.seller.decide(&own, Decision::Approve).await;
    assert_eq!(
        installation.seller.open(&serve, &callback).await.status,
        303
    );
    let snapshot = institution.query_after(&serve, &store, 0).await;
    assert_eq!(snapshot["auth_status"], "SUCCESS");

    serve.stop().await;
    installation.remove().await;
}

/// What a command has set counts within a second in a process that runs beside it.
async fn within_a_second<T: PartialEq + Debug>(expected: T, mut look: impl AsyncFnMut() -> T) {
    let give_up = Instant::now() + Duration::from_secs(1);
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    loop {
        let asked = looks.tick().await;
        let found = look().await;
        if found == expected {
            return;
        }
        assert!(asked < give_up, "still {found:?}, not {expected:?}");
    }
}
