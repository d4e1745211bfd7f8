//! A database or a RabbitMQ that cannot be used: one line that says what to do, or, where that is right, a
//! start all the same.

use std::hash::{BuildHasher, Hasher, RandomState};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use url::Url;

use crate::harness::{Database, TestDatabase, variable};
use crate::process::{Settings, VirtualHost, control};

/// Stands for whatever password somebody has.
const PASSWORD: &str = "correct-horse-battery";

async fn refusal(settings: &Settings) -> String {
    let line = settings.run(&["serve"]).await.failed();
    assert!(!line.contains(PASSWORD), "{line}");
    line
}

fn server() -> Url {
    Url::parse(&variable("SHOPGRANT_TEST_DATABASE_URL")).expect("a URL of PostgreSQL")
}

/// A port on which nobody listens, since it has just been given back.
fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_cannot_be_used_is_told_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let check = async |change: &dyn Fn(&mut Url), told: &str| {
        let mut url = server();
        change(&mut url);
        let settings = Settings::new(directory.path(), url.as_str());
        let line = refusal(&settings).await;
        assert_eq!(line, format!("shopgrant: setting `database_url`: {told}"));
    };
    let port = closed_port();
    let user = server().username().to_owned();
    check(
        &|url| url.set_password(Some(PASSWORD)).unwrap(),
        &format!(
            "PostgreSQL says \"password authentication failed for user \"{user}\"\": correct the \
             password here, or change it there with ALTER ROLE"
        ),
    )
    .await;
    check(
        &|url| url.set_path("/of_nobody"),
        "PostgreSQL says \"database \"of_nobody\" does not exist\": create it with `createdb`, or \
         correct the name",
    )
    .await;
    check(
        &|url| url.set_port(Some(port)).unwrap(),
        "nothing listens at this host and port: start PostgreSQL there, or correct the address",
    )
    .await;
    check(
        &|url| url.set_query(Some("sslmode=require")),
        "PostgreSQL offers no TLS, which `sslmode` in the URL asks for: switch it on there",
    )
    .await;
    check(
        &|url| url.set_query(Some("sslmode=perhaps")),
        "a part of the URL cannot be read: write sqlite://FILE or \
         postgres://USER:PASSWORD@HOST/DATABASE, with every reserved character of the password \
         percent-encoded",
    )
    .await;

    let unknown = format!("postgres://user:{PASSWORD}@host.invalid/x");
    let line = refusal(&Settings::new(directory.path(), &unknown)).await;
    // The words in brackets are those of the system's resolver.
    assert!(
        line.starts_with(
            "shopgrant: setting `database_url`: the name of the host cannot be resolved: correct it \
             (failed to lookup address information"
        ),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_create_tables_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let name = format!("it_{:016x}", RandomState::new().build_hasher().finish());
    let mut owner = PgConnection::connect(server().as_str()).await.unwrap();
    for sql in [
        format!("CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'"),
        format!("CREATE SCHEMA {name}"),
        format!("GRANT USAGE ON SCHEMA {name} TO {name}"),
    ] {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut owner)
            .await
            .unwrap();
    }
    let mut url = server();
    url.set_username(&name).unwrap();
    url.set_password(Some(PASSWORD)).unwrap();
    url.set_query(Some(&format!("options=-csearch_path%3D{name}")));
    assert_eq!(
        refusal(&Settings::new(directory.path(), url.as_str())).await,
        format!(
            "shopgrant: setting `database_url`: PostgreSQL says \"permission denied for schema \
             {name}\": the user may not do this: give it the database or the schema, such as by \
             GRANT CREATE ON SCHEMA public"
        )
    );
    for sql in [format!("DROP SCHEMA {name}"), format!("DROP ROLE {name}")] {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut owner)
            .await
            .unwrap();
    }
    owner.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_file_that_cannot_be_used_is_told_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("letter.sqlite"), [b'x'; 4096]).unwrap();
    std::fs::create_dir(directory.path().join("folder.sqlite")).unwrap();
    for (url, told) in [
        (
            "sqlite://letter.sqlite",
            "the file is no SQLite database: name another one",
        ),
        (
            "sqlite://nowhere/shopgrant.sqlite",
            "the SQLite file cannot be opened: its directory is missing, or this user may not read \
             and write there",
        ),
        (
            "sqlite://folder.sqlite",
            "the SQLite file cannot be opened: its directory is missing, or this user may not read \
             and write there",
        ),
    ] {
        let line = refusal(&Settings::new(directory.path(), url)).await;
        assert_eq!(line, format!("shopgrant: setting `database_url`: {told}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rabbitmq_that_refuses_is_told_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let host = VirtualHost::create().await;
    let user = format!("it-{:016x}", RandomState::new().build_hasher().finish());
    control(&format!("add_user {user} {PASSWORD}")).await;
    let vhost = Url::parse(&host.url).unwrap().path()[1..].to_owned();
    let check = async |change: &dyn Fn(&mut Url), told: &str| {
        let mut url = Url::parse(&host.url).unwrap();
        change(&mut url);
        let settings = Settings::new(directory.path(), "sqlite://shopgrant.sqlite");
        let line = refusal(&settings.with("amqp_url", url.as_str())).await;
        assert_eq!(line, format!("shopgrant: setting `amqp_url`: {told}"));
    };
    check(
        &|url| url.set_password(Some(PASSWORD)).unwrap(),
        "RabbitMQ does not accept the user or the password: correct them here, or change them there \
         with `rabbitmqctl change_password`",
    )
    .await;
    check(
        &|url| url.set_path("/of_nobody"),
        "RabbitMQ does not let this user into the virtual host: NOT_ALLOWED - vhost of_nobody not \
         found: create it with `rabbitmqctl add_vhost`, and let the user in with `rabbitmqctl \
         set_permissions`",
    )
    .await;
    control(&format!("set_permissions -p {vhost} {user} '' '.*' '.*'")).await;
    check(
        &|url| {
            url.set_username(&user).unwrap();
            url.set_password(Some(PASSWORD)).unwrap();
        },
        &format!(
            "RabbitMQ does not let this user do what is needed: ACCESS_REFUSED - access to exchange \
             'shopgrant.events' in vhost '{vhost}' refused for user '{user}': grant configure, write \
             and read with `rabbitmqctl set_permissions`"
        ),
    )
    .await;
    control(&format!("delete_user {user}")).await;

    // A classic queue, as somebody may have made one by hand.
    let properties = lapin::ConnectionProperties::default();
    let by_hand = lapin::Connection::connect(&host.url, properties)
        .await
        .unwrap();
    let channel = by_hand.create_channel().await.unwrap();
    let options = lapin::options::QueueDeclareOptions::durable();
    let arguments = lapin::types::FieldTable::default();
    let declared = channel.queue_declare("shopgrant.webhooks".into(), options, arguments);
    declared.await.unwrap();
    let settings = Settings::new(directory.path(), "sqlite://shopgrant.sqlite");
    let line = refusal(&settings.with("amqp_url", &host.url)).await;
    assert!(
        line.starts_with(
            "shopgrant: setting `amqp_url`: RabbitMQ has `shopgrant.webhooks` in another shape than \
             this version needs"
        ),
        "{line}"
    );
    let advice = "delete it there, and it is declared anew at the next start; events that it held are \
                  published again";
    assert!(line.ends_with(advice), "{line}");
    by_hand.close(200, "".into()).await.unwrap();
    host.delete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rabbitmq_that_is_away_stops_no_start() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("amqp://user:{PASSWORD}@127.0.0.1:{}", closed_port());
    let settings = Settings::new(directory.path(), "sqlite://shopgrant.sqlite");
    let serve = settings.with("amqp_url", &url).serve().await;
    let said = serve.stop().await.stderr;
    assert!(said.contains("RabbitMQ cannot be reached yet"), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
}

/// In a rolling upgrade a process of the old version may have to start on the schema of the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_of_a_newer_version_is_worked_on_and_told() {
    for kind in [Database::Sqlite, Database::Postgres] {
        let database = TestDatabase::create(kind).await;
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings::new(directory.path(), &database.url);
        settings.run(&["migrate"]).await.succeeded();
        database
            .execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)")
            .await;
        for migrates in ["true", "false"] {
            let serve = settings.clone().with("migrate_on_start", migrates);
            let said = serve.serve().await.stop().await.stderr;
            let told = said.lines().filter(|line| line.contains("m9999_later"));
            assert_eq!(told.count(), 1, "{said}");
            assert!(
                said.contains("the schema is that of a newer version"),
                "{said}"
            );
        }
        database.delete().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_taken_from_files_and_named_by_their_setting() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::new(directory.path(), "").with("database_url_file", "database.url");
    assert_eq!(
        refusal(&settings).await,
        "shopgrant: setting `database_url_file`: database.url cannot be read: No such file or \
         directory (os error 2)"
    );
    let file = directory.path().join("database.url");
    std::fs::write(&file, "\n").unwrap();
    assert_eq!(
        refusal(&settings).await,
        "shopgrant: setting `database_url_file`: database.url is empty"
    );
    std::fs::write(&file, format!("mysql://user:{PASSWORD}@127.0.0.1/x\n")).unwrap();
    assert_eq!(
        refusal(&settings).await,
        "shopgrant: setting `database_url_file`: database_url must start with sqlite:// or postgres://"
    );
    let both = settings.clone().with("database_url", "sqlite://x.sqlite");
    assert_eq!(
        refusal(&both).await,
        "shopgrant: setting `database_url_file`: `database_url` is set as well; set one of the two"
    );
    std::fs::write(&file, "sqlite://from-file.sqlite\n").unwrap();
    let amqp = settings.clone().with("amqp_url_file", "amqp.url");
    std::fs::write(
        directory.path().join("amqp.url"),
        format!("http://user:{PASSWORD}@127.0.0.1\n"),
    )
    .unwrap();
    assert_eq!(
        refusal(&amqp).await,
        "shopgrant: setting `amqp_url_file`: the AMQP URL must begin with amqp:// or amqps://"
    );

    let authority = settings
        .clone()
        .with("amqp_url", "amqps://127.0.0.1")
        .with("amqp_ca_file", "ca.pem");
    assert_eq!(
        refusal(&authority).await,
        "shopgrant: setting `amqp_ca_file`: ca.pem cannot be read: No such file or directory (os \
         error 2)"
    );
    std::fs::write(directory.path().join("ca.pem"), PASSWORD).unwrap();
    assert_eq!(
        refusal(&authority).await,
        "shopgrant: setting `amqp_ca_file`: the certificate authorities for RabbitMQ hold no \
         certificate in PEM, or a broken one"
    );

    settings.serve().await.stop().await;
    assert!(directory.path().join("from-file.sqlite").is_file());
}
