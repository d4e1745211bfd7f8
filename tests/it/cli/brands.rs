//! How an institution looks, and what an operator is told of an attempt.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Answer, Database, TestDatabase};
use crate::process::{Bus, Installation, PUBLIC_URL, Settings};

fn png(width: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(40_u32.to_be_bytes());
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_colour_and_a_logo_are_set_and_removed() {
    let database = TestDatabase::create(Database::Sqlite).await;
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::new(directory.path(), &database.url);
    let file = |name: &str, bytes: Vec<u8>| {
        let path = directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let logo = file("logo.png", png(120));
    let create = ["institution", "create", "--name", "Example Pay", "--json"];
    let looks = ["--colour", "#0a5", "--logo", &logo];
    let created = settings.json(&[&create[..], &looks].concat()).await;
    let app_id = created["app_id"].as_str().unwrap();
    let set = async |options: &[&str]| {
        let arguments = [&["institution", "set", app_id][..], options].concat();
        settings.run(&arguments).await
    };
    let looks = async || {
        let listed = settings.json(&["institution", "list", "--json"]).await;
        (listed[0]["colour"].clone(), listed[0]["logo"].clone())
    };
    let told = json!({"media_type": "image/png", "width": 120, "height": 40, "bytes": 24});
    assert_eq!(looks().await, (json!("#00aa55"), told.clone()));
    let printed = set(&["--colour", "#102030"]).await.succeeded();
    let line = format!("{app_id}  Example Pay    colour #102030  logo image/png 120x40\n");
    assert_eq!(printed, line);
    assert_eq!(looks().await, (json!("#102030"), told.clone()));
    set(&["--no-colour"]).await.succeeded();
    assert_eq!(looks().await, (Value::Null, told));
    set(&["--colour", "#fff", "--no-logo"]).await.succeeded();
    assert_eq!(looks().await, (json!("#ffffff"), Value::Null));

    let large = file("large.png", [png(120), vec![0; 8192]].concat());
    let svg = file("logo.svg", b"<svg/>".to_vec());
    let wide = file("wide.png", png(5000));
    let missing = directory.path().join("missing.png");
    for (path, problem) in [
        (large.as_str(), "the logo has more than 8192 bytes"),
        (&svg, "the logo is no PNG, JPEG or WebP"),
        (
            &wide,
            "the logo has 5000x40 pixels, and each side may have 16 to 1024",
        ),
        (missing.to_str().unwrap(), "cannot be read"),
    ] {
        let said = set(&["--logo", path, "--colour", "#000"]).await.failed();
        assert!(said.contains(problem), "{said}");
        let create = ["institution", "create", "--name", "Other", "--logo", path];
        let said = settings.run(&create).await.failed();
        assert!(said.contains(problem), "{said}");
    }
    let said = set(&["--colour", "green"]).await;
    assert_eq!(said.status.code(), Some(2), "{said:#?}");
    assert!(said.stderr.contains("such as #0a5 or #00aa55"), "{said:#?}");
    // What was refused changed nothing.
    assert_eq!(looks().await, (json!("#ffffff"), Value::Null));
    let listed = settings.run(&["institution", "list"]).await.succeeded();
    assert_eq!(listed.lines().count(), 1, "{listed}");
    database.delete().await;
}

async fn check_attempt(database: Database) {
    let installation = Installation::new(database, Bus::InProcess).await;
    let settings = &installation.settings;
    let serve = installation.serve().await;
    let institution = installation.institution(&serve, "Example Pay").await;
    let hosted = ["institution", "set", &institution.app_id];
    settings
        .run(&[&hosted[..], &["--links", "hosted"]].concat())
        .await
        .succeeded();
    let client = institution.client(&serve, "kim@seller.example").await;
    let store_url = "https://demo-shop.myshopline.com";
    let store = institution.store(&serve, &client, "SHOPLINE", store_url);
    let store = store.await;
    let page = loop {
        // What an operator sets counts within a second.
        let fields = store.with(json!({"auth_type": "URL"}));
        let data = institution.data(&serve, "store/auth", &fields).await;
        let link = data["auth_url"].as_str().unwrap().to_owned();
        if let Some(path) = link.strip_prefix(&format!("{PUBLIC_URL}/go/")) {
            break serve.url(&format!("/go/{path}"));
        }
    };
    let http = &installation.seller.http;
    let declined = http.post(format!("{page}/decline")).send().await.unwrap();
    assert_eq!(declined.status(), 303);
    let shown = Answer::of(http.get(&page).send().await.unwrap()).await;
    let (_, behind) = shown.text.split_once("<code>").expect("a reference");
    let reference = behind.split('<').next().unwrap();

    let show = async |name: &str| {
        let found = settings
            .json(&["authorization", "show", name, "--json"])
            .await;
        let [found] = found.as_array().unwrap().as_slice() else {
            panic!("{found}");
        };
        found.clone()
    };
    let found = show(reference).await;
    assert_eq!(found["reference"], reference);
    assert_eq!(found["app_id"], institution.app_id.as_str());
    assert_eq!(found["institution"], "Example Pay");
    assert_eq!(found["client_id"], client.as_str());
    assert_eq!(found["store_id"], store.store_id.as_str());
    assert_eq!(found["platform"], "SHOPLINE");
    assert_eq!(found["state"], "FAILED");
    assert_eq!(found["auth_fail_reason"], "USER_DENIED");
    assert_eq!(found["who"], "seller");
    assert_eq!(found["store_status_now"], "FAILED");
    assert!(found["finished_at"].is_string(), "{found}");
    // As a seller spells it, and as the log names the attempt.
    assert_eq!(show(&reference.replace('-', " ")).await, found);
    assert_eq!(
        show(found["authorization_id"].as_str().unwrap()).await,
        found
    );
    let printed = settings.run(&["authorization", "show", reference]).await;
    let printed = printed.succeeded();
    assert!(printed.starts_with(&format!("reference         {reference}\n")));
    assert!(
        printed.contains("\nauth_fail_reason  USER_DENIED\n"),
        "{printed}"
    );
    let (_, token) = page.rsplit_once('/').unwrap();
    for told_nobody in [token, "kim@seller.example", &institution.secret] {
        assert!(!printed.contains(told_nobody), "{printed}");
        assert!(!found.to_string().contains(told_nobody), "{found}");
    }

    let said = settings.run(&["authorization", "show", "0000-0000-0000"]);
    let said = said.await.failed();
    assert_eq!(said, "shopgrant: there is no such attempt");
    serve.stop().await;
    installation.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_is_found_by_its_reference_on_sqlite() {
    check_attempt(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_is_found_by_its_reference_on_postgres() {
    check_attempt(Database::Postgres).await;
}
