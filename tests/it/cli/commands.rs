//! The commands that are neither `serve` nor about its settings.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Database, Decision, SHOPLINE, TestDatabase};
use crate::process::{Bus, Installation, PUBLIC_URL, Running, Settings, executable, http_client};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn institutions_and_apps_are_listed_for_scripts_and_for_people() {
    let installation = Installation::new(Database::Postgres, Bus::InProcess).await;
    let settings = &installation.settings;
    let create = ["institution", "create", "--name", "Example Pay"];
    let origin = ["--redirect-origin", "https://pay.example"];
    let created = settings
        .json(&[&create[..], &origin, &["--json"]].concat())
        .await;
    let fields: Vec<_> = created.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["app_id", "app_secret"]);
    let app_id = created["app_id"].as_str().unwrap();
    let mut listed = settings.json(&["institution", "list", "--json"]).await;
    assert!(listed[0]["created_at"].take().is_string());
    assert_eq!(
        listed,
        json!([{
            "app_id": app_id,
            "name": "Example Pay",
            "redirect_origins": ["https://pay.example"],
            "links": "direct",
            "allow": [],
            "colour": null,
            "logo": null,
            "created_at": null,
        }])
    );
    let printed = settings.run(&["institution", "list"]).await.succeeded();
    assert_eq!(
        printed,
        format!("{app_id}  Example Pay  https://pay.example\n")
    );

    let printed = settings.run(&create).await;
    assert_eq!(printed.stderr, "shopgrant: the secret is shown this once\n");
    assert!(printed.succeeded().contains("app_secret  "));

    let apps = settings.json(&["platform", "list", "--json"]).await;
    let apps = apps.as_array().unwrap();
    let shopline = apps
        .iter()
        .find(|app| app["platform"] == "SHOPLINE")
        .unwrap();
    assert_eq!(
        *shopline,
        json!({
            "id": shopline["id"],
            "platform": "SHOPLINE",
            "institution": null,
            "client_id": SHOPLINE.client_id,
            "scopes": ["read_orders", "read_products"],
            "host": SHOPLINE.host(installation.platforms),
            "callback_url": format!("{PUBLIC_URL}/v1/auth/shopline/callback"),
            "launch_url": format!("{PUBLIC_URL}/v1/auth/shopline/launch"),
            "events_url": format!("{PUBLIC_URL}/v1/auth/shopline/events"),
            "operator_scopes_url": null,
        })
    );
    let printed = settings.run(&["platform", "list"]).await.succeeded();
    assert_eq!(printed.lines().count(), apps.len());
    assert!(!printed.contains(SHOPLINE.secret));
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_institution_is_changed_in_what_is_named() {
    let database = TestDatabase::create(Database::Sqlite).await;
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::new(directory.path(), &database.url);
    let create = ["institution", "create", "--name", "Old Pay", "--json"];
    let options = [
        "--redirect-origin",
        "https://old.example",
        "--allow",
        "rabbitmq",
    ];
    let created = settings.json(&[&create[..], &options].concat()).await;
    let app_id = created["app_id"].as_str().unwrap();
    let set = |options: &'static [&'static str]| {
        let arguments = [&["institution", "set", app_id][..], options].concat();
        settings.start(&arguments).finish()
    };
    let line = |rest: &str| format!("{app_id}  {rest}\n");

    let printed = set(&["--name", "New Pay"]).await.succeeded();
    assert_eq!(
        printed,
        line("New Pay  https://old.example  may use rabbitmq")
    );
    let origins = [
        "--redirect-origin",
        "https://a.example",
        "--redirect-origin",
        "https://b.example",
    ];
    let arguments = [&["institution", "set", app_id, "--json"][..], &origins].concat();
    let mut changed = settings.json(&arguments).await;
    assert!(changed["created_at"].take().is_string());
    assert_eq!(
        changed,
        json!({
            "app_id": app_id,
            "name": "New Pay",
            "redirect_origins": ["https://a.example", "https://b.example"],
            "links": "direct",
            "allow": ["rabbitmq"],
            "colour": null,
            "logo": null,
            "created_at": null,
        })
    );
    set(&["--deny", "rabbitmq"]).await.succeeded();
    let listed = settings.run(&["institution", "list"]).await.succeeded();
    assert_eq!(listed, line("New Pay  https://a.example https://b.example"));
    let printed = set(&["--allow", "rabbitmq"]).await.succeeded();
    assert!(printed.ends_with("  may use rabbitmq\n"), "{printed}");
    let printed = set(&["--links", "hosted"]).await.succeeded();
    assert!(
        printed.contains("https://b.example  hosted links  "),
        "{printed}"
    );
    let printed = set(&["--links", "direct"]).await.succeeded();
    assert!(!printed.contains("links"), "{printed}");
    let hosted = [
        "institution",
        "create",
        "--name",
        "Page Pay",
        "--links",
        "hosted",
    ];
    settings.run(&hosted).await.succeeded();
    let listed = settings.run(&["institution", "list"]).await.succeeded();
    assert!(listed.ends_with("Page Pay    hosted links\n"), "{listed}");

    for (options, told) in [
        (
            &["--name", " "][..],
            "shopgrant: the name is empty".to_owned(),
        ),
        (
            &["--redirect-origin", "a.example"],
            "shopgrant: a.example is not an origin such as https://pay.example".to_owned(),
        ),
    ] {
        assert_eq!(set(options).await.failed(), told);
    }
    let unknown = ["institution", "set", "app_unknown", "--name", "Any Pay"];
    assert_eq!(
        settings.run(&unknown).await.failed(),
        "shopgrant: there is no institution app_unknown"
    );
    for wrong in [
        &[][..],
        &["--allow", "rabbitmq", "--deny", "rabbitmq"],
        &["--links", "magic"],
    ] {
        assert_eq!(set(wrong).await.status.code(), Some(2), "{wrong:?}");
    }
    database.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_prints_the_answer_and_fails_on_any_code_but_200() {
    let installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Calling Pay").await;
    std::fs::write(
        installation.settings.directory.join("app.secret"),
        &institution.secret,
    )
    .unwrap();
    let url = serve.url("");
    // It needs none of the broker's settings.
    let settings = Settings::none(&installation.settings.directory);
    let options = [
        "--url",
        &url,
        "--app-id",
        &institution.app_id,
        "--secret-file",
        "app.secret",
    ];

    let register = [
        "call",
        "client/register",
        r#"{"partner_user_id":"seller-1"}"#,
    ];
    let registered = settings.json(&[&register[..], &options].concat()).await;
    assert_eq!(registered["message"], "SUCCESS");
    let client = registered["data"]["client_id"].as_str().unwrap();

    let arguments = [&["call", "store/list", "-"][..], &options].concat();
    let fields = json!({"client_id": client}).to_string();
    let listed = settings
        .start_with_input(&arguments, &fields)
        .finish()
        .await
        .succeeded();
    assert_eq!(
        serde_json::from_str::<Value>(&listed).unwrap(),
        json!({"code": 200, "message": "SUCCESS", "data": {"stores": [], "next_cursor": null}})
    );

    let unknown = [
        &["call", "store/list", r#"{"client_id":"cl_unknown"}"#][..],
        &options,
    ]
    .concat();
    let refused = settings.run(&unknown).await;
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        refused.stdout,
        "{\"code\":910001,\"message\":\"user not exist\",\"data\":null}\n"
    );

    std::fs::write(
        settings.directory.join("app.secret"),
        "no secret of any app",
    )
    .unwrap();
    let line = settings.run(&unknown).await.failed();
    assert_eq!(line, "shopgrant: no token: 401 invalid client");
    serve.stop().await;
    let line = settings.run(&unknown).await.failed();
    assert!(
        line.starts_with("shopgrant: token/get got no answer: "),
        "{line}"
    );
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openapi_prints_the_document_that_serve_shows() {
    let database = TestDatabase::create(Database::Sqlite).await;
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::new(directory.path(), &database.url);
    let document = Settings::none(directory.path()).json(&["openapi"]).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    assert!(document["paths"]["/v1/store/auth"]["post"].is_object());

    let serve = settings.serve().await;
    let shown = http_client()
        .get(serve.url("/openapi.json"))
        .send()
        .await
        .unwrap();
    let shown: Value = serde_json::from_str(&shown.text().await.unwrap()).unwrap();
    assert_eq!(shown["paths"], document["paths"]);
    serve.stop().await;
    database.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listen_believes_a_webhook_only_with_its_signature() {
    let installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Listening Pay").await;
    let endpoint = institution
        .endpoint(&serve, &installation.receiver.url("/hook"))
        .await;
    let webhook = installation.receiver.next().await;

    let directory = &installation.settings.directory;
    std::fs::write(directory.join("webhook.secret"), &endpoint.secret).unwrap();
    let settings = Settings::none(directory);
    let listening = settings.start(&["listen", "--port", "0", "--secret-file", "webhook.secret"]);
    let first = listening.line(0).await;
    let url = first.strip_prefix("Listening on ").unwrap();
    let url = url.strip_suffix("; every path is taken.").unwrap();
    let post = async |body: Vec<u8>| {
        let mut request = http_client().post(url).body(body);
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            request = request.header(name, webhook.header(name));
        }
        request.send().await.unwrap().status().as_u16()
    };

    assert_eq!(post(webhook.body.clone()).await, 204);
    let id = webhook.header("webhook-id");
    assert_eq!(
        listening.line(1).await,
        format!("verified  {id}  endpoint.test")
    );
    let mut altered = webhook.body.clone();
    altered.push(b' ');
    assert_eq!(post(altered).await, 401);
    assert!(
        listening
            .line(2)
            .await
            .starts_with(&format!("REFUSED  {id}  "))
    );
    listening.stop().await;
    serve.stop().await;
    installation.remove().await;
}

/// Three processes that know nothing of each other but what they printed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sandbox_prints_the_commands_that_lead_a_broker_there() {
    let installation = Installation::new(Database::Sqlite, Bus::InProcess).await;
    let settings = &installation.settings;
    let platforms = settings.start(&["sandbox", "--listen", "127.0.0.1:0", "--broker", PUBLIC_URL]);
    let directions = platforms
        .says("its directions", |output| {
            let text = String::from_utf8_lossy(&output.stdout);
            text.contains("register_key").then(|| text.into_owned())
        })
        .await;
    let printed: Vec<&str> = directions
        .lines()
        .filter_map(|line| line.strip_prefix("  shopgrant "))
        .collect();
    assert_eq!(printed.len(), 6, "{directions}");
    for arguments in printed {
        let mut command = Command::new("sh");
        let line = format!("'{}' {arguments}", executable().display());
        command.args(["-c", &line]);
        settings.enter(&mut command);
        Running::start(command, "").finish().await.succeeded();
    }

    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Sandbox Pay").await;
    let client = institution.client(&serve, "seller-1").await;
    let store = institution
        .store(&serve, &client, "SHOPLINE", &SHOPLINE.store_url("demo"))
        .await;
    let link = institution.link(&serve, &store).await;
    let seller = &installation.seller;
    let callback = seller.decide(&link, Decision::Approve).await;
    assert_eq!(seller.open(&serve, &callback).await.status, 303);
    let snapshot = institution.query_after(&serve, &store, 0).await;
    assert_eq!(snapshot["auth_status"], "SUCCESS");
    // The platforms of the test itself were never asked.
    assert_eq!(installation.sandbox.calls(), []);

    platforms.stop().await;
    serve.stop().await;
    installation.remove().await;
}
