//! What Cafe24 fetches of our app's menus, from a file that is checked before anything starts.

use crate::harness::Answer;
use crate::process::{Settings, http_client};

const TREE: &str = r#"{"MENU_LIST":{"Z":{"code":"M1","sub":{"Q&A":{"code":"M2"}}},"A":{"code":"M3"}},
"FUNCTION_LIST":{"Refund":{"code":"F1"}}}
"#;
const PATH: &str = "/v1/auth/cafe24/operator-scopes";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tree_is_told_as_it_stands_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("operator-scopes.json");
    std::fs::write(&file, TREE).unwrap();
    let none = Settings::new(directory.path(), "sqlite://operator-scopes.db");
    let some = none
        .clone()
        .with("cafe24.operator_scopes_file", file.to_str().unwrap());
    for (settings, status, content) in [(none, 404, "Not Found"), (some, 200, TREE)] {
        let serve = settings.serve().await;
        let answer = http_client().get(serve.url(PATH)).send().await.unwrap();
        let answer = Answer::of(answer).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.text.contains(content), "{}", answer.text);
        serve.stop().await.succeeded();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_that_cannot_be_told_is_refused_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("operator-scopes.json");
    let path = file.to_str().unwrap();
    let settings = Settings::new(directory.path(), "sqlite://operator-scopes.db")
        .with("cafe24.operator_scopes_file", path);
    let line = settings.run(&["serve"]).await.failed();
    assert!(
        line.starts_with(&format!("shopgrant: {path} cannot be read")),
        "{line}"
    );
    std::fs::write(&file, TREE.replace("F1", "M2")).unwrap();
    let line = settings.run(&["serve"]).await.failed();
    assert_eq!(
        line,
        format!(
            "shopgrant: setting `cafe24.operator_scopes_file`: {path}: the code \"M2\" is there twice: \
             for FUNCTION_LIST > Refund and for MENU_LIST > Z > Q&A"
        )
    );
    assert!(!directory.path().join("operator-scopes.db").exists());
}
