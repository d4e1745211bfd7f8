//! What Cafe24 fetches of our app's menus, from a file that is checked when the app is configured.

use std::time::{Duration, Instant};

use crate::harness::Answer;
use crate::process::{Settings, http_client};

const TREE: &str = r#"{"MENU_LIST":{"Z":{"code":"M1","sub":{"Q&A":{"code":"M2"}}},"A":{"code":"M3"}},
"FUNCTION_LIST":{"Refund":{"code":"F1"}}}
"#;
const PATH: &str = "/v1/auth/cafe24/operator-scopes";

const CONFIGURE: [&str; 8] = [
    "platform",
    "configure",
    "CAFE24",
    "--client-id",
    "ID",
    "--client-secret-file",
    "app.secret",
    "--json",
];
const TREE_OPTION: [&str; 2] = ["--operator-scopes-file", "operator-scopes.json"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tree_is_told_as_it_stood_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("app.secret", "the secret of the app");
    write("operator-scopes.json", TREE);
    let settings = Settings::new(directory.path(), "sqlite://operator-scopes.db");
    let serve = settings.serve().await;
    let ask = async || {
        let answer = http_client().get(serve.url(PATH)).send().await.unwrap();
        let answer = Answer::of(answer).await;
        assert_eq!(answer.header("content-type"), Some("application/json"));
        (answer.status, answer.text)
    };
    assert_eq!(ask().await.0, 404, "no app");
    let with_tree = [&CONFIGURE[..], &TREE_OPTION].concat();
    // What an operator changes counts within a second in a process that runs beside.
    for (arguments, is_there) in [
        (&with_tree[..], true),
        (&CONFIGURE, false),
        (&with_tree, true),
    ] {
        let configured = settings.json(arguments).await;
        assert_eq!(configured["operator_scopes_url"].is_string(), is_there);
        let asked_from = Instant::now();
        let (mut status, mut text) = ask().await;
        while is_there != (status == 200) {
            assert!(asked_from.elapsed() < Duration::from_secs(1), "{text}");
            (status, text) = ask().await;
        }
        assert_eq!(text == TREE, is_there, "{text}");
        if is_there {
            let url = configured["operator_scopes_url"].as_str().unwrap();
            assert!(url.ends_with(PATH), "{url}");
        }
    }
    serve.stop().await.succeeded();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_app_cannot_be_configured_with_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("app.secret", "the secret of the app");
    let settings = Settings::new(directory.path(), "sqlite://operator-scopes.db");
    let with_tree = [&CONFIGURE[..], &TREE_OPTION].concat();
    let line = settings.run(&with_tree).await.failed();
    assert!(
        line.starts_with("shopgrant: operator-scopes.json cannot be read: "),
        "{line}"
    );
    write("operator-scopes.json", &TREE.replace("F1", "M2"));
    assert_eq!(
        settings.run(&with_tree).await.failed(),
        "shopgrant: operator-scopes.json: the code \"M2\" is there twice: for FUNCTION_LIST > Refund and \
         for MENU_LIST > Z > Q&A"
    );

    write("operator-scopes.json", TREE);
    for (option, line) in [
        (
            TREE_OPTION,
            "shopgrant: GENSTORE asks for no operators' scopes",
        ),
        (
            ["--event-key-file", "app.secret"],
            "shopgrant: GENSTORE shows no key beside its events",
        ),
    ] {
        let mut arguments = [&CONFIGURE[..], &option].concat();
        arguments[2] = "GENSTORE";
        assert_eq!(settings.run(&arguments).await.failed(), line);
    }
    let listed = settings.json(&["platform", "list", "--json"]).await;
    assert_eq!(listed, serde_json::json!([]));
}
