//! An empty database for one test, and the questions that only SQL can answer.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use storage::{Executor, Storage, StorageError};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// No test waits longer than this for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct TestDatabase {
    url: String,
    place: Place,
}

enum Place {
    File(TempDir),
    Server { url: String, name: String },
}

impl TestDatabase {
    pub(crate) fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self {
            url: format!(
                "sqlite://{}",
                directory.path().join("shopgrant.sqlite").display()
            ),
            place: Place::File(directory),
        }
    }

    pub(crate) async fn postgres() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "where the server is depends on the machine that runs the tests"
        )]
        let server = std::env::var("SHOPGRANT_TEST_DATABASE_URL");
        let Ok(server) = server else {
            panic!(
                "SHOPGRANT_TEST_DATABASE_URL is not set: run `tests/run`, or `eval \"$(tests/services up)\"`"
            );
        };
        // A new `RandomState` has new keys, so that runs on a server that stays never meet.
        let name = format!(
            "storage_{:016x}",
            RandomState::new().build_hasher().finish()
        );
        execute_on_server(
            &server,
            format!("CREATE DATABASE {name} TEMPLATE template0"),
        )
        .await;
        let (address, _) = server.rsplit_once('/').expect("a URL with a database");
        Self {
            url: format!("{address}/{name}"),
            place: Place::Server { url: server, name },
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A handle as another process would have it.
    pub(crate) async fn open(&self) -> Storage {
        Storage::open(&self.url).await.expect("it opens")
    }

    /// A handle with the schema in place.
    pub(crate) async fn open_migrated(&self) -> Storage {
        let storage = self.open().await;
        storage.migrate().await.expect("it migrates");
        storage
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Server { .. })
    }

    pub(crate) async fn delete(self) {
        match self.place {
            Place::File(directory) => directory.close().expect("nothing keeps the files"),
            Place::Server { url, name } => {
                execute_on_server(&url, format!("DROP DATABASE {name} WITH (FORCE)")).await;
            }
        }
    }
}

async fn execute_on_server(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url)
        .await
        .expect("the server of SHOPGRANT_TEST_DATABASE_URL answers");
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .expect("the user may create databases");
    connection.close().await.expect("it closes");
}

/// Runs SQL that no function of the crate would.
pub(crate) async fn execute(storage: &Storage, sql: &str) -> Result<(), StorageError> {
    storage
        .write(async |tx| {
            tx.connection().execute_unprepared(sql).await?;
            Ok(())
        })
        .await
}

/// The number that `sql` asks for.
pub(crate) async fn number(db: &impl Executor, sql: &str) -> i64 {
    let connection = db.connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql.to_owned());
    connection
        .query_one_raw(statement)
        .await
        .expect("it is answered")
        .expect("one row")
        .try_get_by_index(0)
        .expect("one number")
}

/// Runs `count` pieces of work at once and gives their results, first finished first.
pub(crate) async fn at_once<T, W>(count: usize, work: impl Fn(usize) -> W) -> Vec<T>
where
    T: Send + 'static,
    W: Future<Output = T> + Send + 'static,
{
    let mut running = JoinSet::new();
    for number in 0..count {
        running.spawn(work(number));
    }
    tokio::time::timeout(PATIENCE, running.join_all())
        .await
        .expect("everything ends")
}
