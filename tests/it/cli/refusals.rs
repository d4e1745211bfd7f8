//! What cannot be right is refused before anything starts, in one line.

use std::net::TcpListener;

use crate::process::Settings;

/// A secret in the settings, which no line may repeat.
const PASSWORD: &str = "correct-horse-battery";

fn settings(directory: &tempfile::TempDir) -> Settings {
    Settings::new(directory.path(), "sqlite://shopgrant.sqlite")
}

async fn refusal(settings: &Settings) -> String {
    let line = settings.run(&["serve"]).await.failed();
    assert!(!line.contains(PASSWORD), "{line}");
    line
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_setting_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory);
    let with_password = |scheme: &str| format!("{scheme}://user:{PASSWORD}@127.0.0.1/x");
    for (key, value, line) in [
        (
            "public_url",
            "auth.example",
            "setting `public_url`: relative URL without a base",
        ),
        (
            "public_url",
            "ftp://auth.example",
            "setting `public_url`: must be an http or https URL without a query",
        ),
        (
            "public_url",
            "https://auth.example/?a=b",
            "setting `public_url`: must be an http or https URL without a query",
        ),
        (
            "listen",
            "everywhere",
            "setting `listen`: invalid socket address syntax",
        ),
        (
            "log.format",
            "xml",
            "setting `log.format`: must be one of text, json",
        ),
        (
            "egress.allow",
            "127.0.0.1/99",
            "setting `egress.allow`: invalid IP address syntax",
        ),
        (
            "egress.ports",
            "443,0",
            "setting `egress.ports`: 0 is no port",
        ),
        (
            "webhooks.retention_days",
            "1",
            "setting `webhooks.retention_days`: must be longer than the whole of \
             `webhooks.retry_schedule_seconds`, or deliveries are deleted before their last attempt",
        ),
        (
            "rate_limit.per_address.burst",
            "1",
            "setting `rate_limit.per_address`: `burst` must not be smaller than `per_second`",
        ),
        (
            "database_url",
            &with_password("mysql"),
            "setting `database_url`: database_url must start with sqlite:// or postgres://",
        ),
        (
            "amqp_url",
            &with_password("http"),
            "setting `amqp_url`: the AMQP URL must begin with amqp:// or amqps://",
        ),
        (
            "master_key_file",
            "absent.key",
            "setting `master_key_file`: absent.key cannot be read: No such file or directory (os error 2)",
        ),
    ] {
        let refused = refusal(&settings.clone().with(key, value)).await;
        assert_eq!(refused, format!("shopgrant: {line}"), "{key}={value}");
    }
    // The lists of what is known are long.
    let unknown = refusal(&settings.with("egress.alow", "127.0.0.0/8")).await;
    assert!(
        unknown.starts_with("shopgrant: setting `egress.alow`: unknown field `alow`, expected ")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_contradict_each_other_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let open = settings(&directory)
        .with("listen", "0.0.0.0:0")
        .without("public_url");
    assert_eq!(
        refusal(&open).await,
        "shopgrant: setting `public_url`: must be set when `listen` is no loopback address"
    );
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = refusal(&settings(&directory).with("listen", &address)).await;
    let begin = format!("shopgrant: setting `listen`: {address} cannot be bound: ");
    assert!(line.starts_with(&begin), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_seals_starts_without_a_master_key() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory).without("master_key_file");
    for arguments in [
        &["serve"][..],
        &["institution", "create", "--name", "Example Pay"],
        &["platform", "configure", "SHOPIFY"],
    ] {
        assert_eq!(
            settings.run(arguments).await.failed(),
            "shopgrant: setting `master_key_file` is missing: name a file with 32 bytes in base64, as \
             `openssl rand -base64 32` prints them"
        );
    }
    let short = directory.path().join("short.key");
    std::fs::write(&short, "dG9vIHNob3J0").unwrap();
    let line = refusal(&settings.with("master_key_file", "short.key")).await;
    assert_eq!(
        line,
        "shopgrant: setting `master_key_file`: short.key: a master key is 32 bytes in base64"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_settings_file_is_told_by_its_line_and_never_by_its_words() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory).without("database_url");
    let file = directory.path().join("shopgrant.toml");
    let text = format!("role = \"all\"\ndatabase_url = \"postgres://user:{PASSWORD}@127.0.0.1/x\n");
    std::fs::write(&file, text).unwrap();
    let line = refusal(&settings).await;
    assert!(
        line.starts_with("shopgrant: shopgrant.toml, line 2: "),
        "{line}"
    );

    std::fs::write(&file, "rolle = \"all\"\n").unwrap();
    let line = refusal(&settings).await;
    assert!(
        line.starts_with("shopgrant: setting `rolle`: unknown field `rolle`"),
        "{line}"
    );

    let line = settings
        .run(&["serve", "--config", "absent.toml"])
        .await
        .failed();
    assert!(
        line.starts_with("shopgrant: absent.toml cannot be read: "),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_schema_is_refused_where_the_operator_migrates() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory).with("migrate_on_start", "false");
    assert_eq!(
        refusal(&settings).await,
        "shopgrant: setting `database_url`: the schema is older than this program: run `shopgrant migrate`"
    );
    let printed = settings.run(&["migrate"]).await.succeeded();
    assert_eq!(printed, "The schema is up to date.\n");
    settings.serve().await.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_command_line_is_told_what_would_be_right() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory);
    for (arguments, line) in [
        (
            &[
                "institution",
                "create",
                "--name",
                "Example Pay",
                "--redirect-origin",
                "pay.example",
            ][..],
            "shopgrant: pay.example is not an origin such as https://pay.example",
        ),
        (
            &["institution", "rotate-secret", "app_unknown"],
            "shopgrant: there is no institution app_unknown",
        ),
        (
            &[
                "platform",
                "configure",
                "SHOPLINE",
                "--client-id",
                "app-key",
            ],
            "shopgrant: SHOPLINE needs a client id and a client secret",
        ),
        (
            &[
                "platform",
                "configure",
                "SHOPIFY",
                "--scopes",
                "read_orders,read:stocks=some",
            ][..],
            "shopgrant: `read:stocks=some` is not a scope such as read_orders or read:stocks=all",
        ),
    ] {
        assert_eq!(settings.run(arguments).await.failed(), line);
    }
    let unknown = settings.run(&["platform", "configure", "NOWHERE"]).await;
    assert_eq!(unknown.status.code(), Some(2), "{unknown:#?}");
    let told = "the platforms are CAFE24, GENSTORE, MULTIVENDE, SHOPIFY, SHOPLINE, SHOPLINE_EU, WOOCOMMERCE\n";
    assert!(unknown.stderr.contains(told), "{unknown:#?}");
}
