//! Who may have credentials, and who asked for any.

use serde_json::{Value, json};

use crate::harness::{Database, SHOPLINE};
use crate::process::{Bus, Installation};

/// What `list` says that the one institution may do.
async fn allowed(installation: &Installation) -> Value {
    let listed = installation
        .settings
        .json(&["institution", "list", "--json"])
        .await;
    listed[0]["allow"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_is_given_and_taken_and_what_was_asked_for_is_listed() {
    let installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let settings = installation.settings.clone();
    let create = [
        "institution",
        "create",
        "--name",
        "Example Pay",
        "--allow",
        "rabbitmq",
        "--allow",
        "credential",
        "--json",
    ];
    let created = settings.json(&create).await;
    let app_id = created["app_id"].as_str().unwrap().to_owned();
    assert_eq!(
        allowed(&installation).await,
        json!(["credential", "rabbitmq"])
    );
    let set = async |option: &str, right: &str| {
        let set = ["institution", "set", &app_id, option, right];
        settings.run(&set).await.succeeded();
        allowed(&installation).await
    };
    assert_eq!(set("--deny", "rabbitmq").await, json!(["credential"]));
    assert_eq!(set("--deny", "credential").await, json!([]));

    let requests = ["institution", "requests", &app_id];
    assert_eq!(settings.run(&requests).await.succeeded(), "");
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Asking Pay").await;
    let client = institution.client(&serve, "seller-1").await;
    let url = SHOPLINE.store_url("demo-shop");
    let store = institution.store(&serve, &client, "SHOPLINE", &url).await;
    let fields = store.with(json!({}));
    let answer = institution.answer(&serve, "credential/get", &fields).await;
    assert_eq!(answer.status, 403);
    let request_id = answer.header("x-request-id").unwrap();
    serve.stop().await;

    let requests = ["institution", "requests", &institution.app_id, "--json"];
    let mut listed = settings.json(&requests).await;
    assert!(listed[0]["created_at"].take().is_string());
    let expected = json!([{
        "created_at": null,
        "call": "credential/get",
        "store_id": store.store_id,
        "outcome": "FORBIDDEN",
        "request_id": request_id,
    }]);
    assert_eq!(listed, expected);
    let printed = settings.run(&requests[..3]).await.succeeded();
    let end = format!(
        "credential/get  {}  FORBIDDEN  {request_id}\n",
        store.store_id
    );
    assert!(printed.ends_with(&end), "{printed}");
    let unknown = ["institution", "requests", "app_unknown"];
    assert!(!settings.run(&unknown).await.status.success());
    installation.remove().await;
}
