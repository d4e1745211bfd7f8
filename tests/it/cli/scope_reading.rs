//! Whether a platform can be asked again what a seller granted, which needs scopes of its own.

use crate::process::Settings;

const REMARK: &str = "shopgrant: GENSTORE cannot be asked again what a seller granted: `--scopes` needs \
                      write_apps or read_apps for that";

/// <https://partners.genstore.ai/docs/api-rest/api-access-scope>: any of the two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_hears_that_the_scope_query_requires_write_apps_or_read_apps() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("app.secret");
    std::fs::write(secret, "the secret of the app").unwrap();
    let settings = Settings::new(directory.path(), "sqlite://scope-reading.db");
    let genstore = [
        "GENSTORE",
        "--client-id",
        "ID",
        "--client-secret-file",
        "app.secret",
    ];
    for (of_platform, is_told) in [
        (&[][..], true),
        (&["--scopes", "read_orders,write_app"], true),
        (&["--scopes", "read_orders,read_apps"], false),
        (&["--scopes", "write_apps"], false),
    ] {
        let arguments = [&["platform", "configure"], &genstore[..], of_platform].concat();
        let finished = settings.run(&arguments).await;
        let is_there = finished.stderr.lines().any(|line| line == REMARK);
        assert_eq!(is_there, is_told, "{finished:#?}");
        assert!(!finished.succeeded().contains("cannot be asked"));
    }
    // Nobody can ask Shopify.
    let finished = settings.run(&["platform", "configure", "SHOPIFY"]).await;
    assert!(
        !finished.stderr.contains("cannot be asked"),
        "{finished:#?}"
    );
    finished.succeeded();
}
