//! A database for one test.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use storage::Storage;
use tempfile::TempDir;

use super::environment::variable;
use super::{PATIENCE, let_pass};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Which of the two databases a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// A database that nobody else has.
pub(crate) struct TestDatabase {
    pub(crate) url: String,
    place: Place,
}

enum Place {
    File(TempDir),
    Server { url: String, name: String },
}

impl TestDatabase {
    pub(crate) async fn create(kind: Database) -> Self {
        match kind {
            Database::Sqlite => Self::sqlite(),
            Database::Postgres => Self::on_server(&variable("SHOPGRANT_TEST_DATABASE_URL")).await,
        }
    }

    fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("shopgrant.sqlite");
        Self {
            url: format!("sqlite://{}", file.display()),
            place: Place::File(directory),
        }
    }

    /// On the PostgreSQL with this URL.
    pub(crate) async fn on_server(server: &str) -> Self {
        // A new `RandomState` has new keys, so that runs on a server that stays never meet.
        let name = format!("it_{:016x}", RandomState::new().build_hasher().finish());
        // A schema is a database for all that the product sees, and is made and dropped without the
        // checkpoint that a database costs.
        change_server(server, format!("CREATE SCHEMA {name}")).await;
        let joint = if server.contains('?') { '&' } else { '?' };
        Self {
            url: format!("{server}{joint}options=-csearch_path%3D{name}"),
            place: Place::Server {
                url: server.to_owned(),
                name,
            },
        }
    }

    /// A handle as a process has it, with the schema in place.
    pub(crate) async fn open(&self) -> Storage {
        let storage = Storage::open(&self.url).await.expect("it opens");
        storage.migrate().await.expect("it migrates");
        storage
    }

    /// Runs SQL behind everybody's back.
    pub(crate) async fn execute(&self, sql: impl Into<String>) {
        let sql = AssertSqlSafe(sql.into());
        match self.place {
            Place::File(_) => {
                let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
                connection.execute(sql).await.expect("SQL for SQLite");
            }
            Place::Server { .. } => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                connection.execute(sql).await.expect("SQL for PostgreSQL");
            }
        }
    }

    /// The number that a query finds behind everybody's back.
    pub(crate) async fn number(&self, sql: impl Into<String>) -> i64 {
        let sql = AssertSqlSafe(sql.into());
        match self.place {
            Place::File(_) => {
                let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await
            }
            Place::Server { .. } => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await
            }
        }
        .expect("a query for one number")
    }

    /// Ends when a query for one number finds at least this one.
    pub(crate) async fn reaches(&self, number: i64, sql: &str) {
        let mut waited = Duration::ZERO;
        while self.number(sql).await < number {
            assert!(waited < PATIENCE, "less than {number}: {sql}");
            let_pass(LOOK_EVERY).await;
            waited += LOOK_EVERY;
        }
    }

    /// Everything that stands in the tables, to be compared with what stands there later.
    pub(crate) async fn contents(&self) -> Vec<String> {
        let tables = match self.place {
            Place::File(_) => "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
            Place::Server { .. } => {
                "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
            }
        };
        let mut contents = Vec::new();
        for table in self.texts(tables).await {
            let rows = match self.place {
                Place::File(_) => {
                    let columns = format!("SELECT name FROM pragma_table_info('{table}')");
                    let columns = self.texts(columns).await;
                    let quoted: Vec<_> = columns
                        .iter()
                        .map(|column| format!("quote(\"{column}\")"))
                        .collect();
                    format!("SELECT {} FROM \"{table}\"", quoted.join(" || ' ' || "))
                }
                Place::Server { .. } => format!("SELECT row_::text FROM \"{table}\" AS row_"),
            };
            let mut rows = self.texts(rows).await;
            rows.sort_unstable();
            contents.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
        }
        contents
    }

    async fn texts(&self, sql: impl Into<String>) -> Vec<String> {
        let sql = AssertSqlSafe(sql.into());
        match self.place {
            Place::File(_) => {
                let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&mut connection).await
            }
            Place::Server { .. } => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_all(&mut connection).await
            }
        }
        .expect("a query for texts")
    }

    pub(crate) async fn delete(self) {
        match self.place {
            Place::File(directory) => directory.close().expect("nothing keeps the files"),
            Place::Server { url, name } => {
                change_server(&url, format!("DROP SCHEMA {name} CASCADE")).await;
            }
        }
    }
}

async fn change_server(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url)
        .await
        .expect("the server of SHOPGRANT_TEST_DATABASE_URL answers");
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .expect("the user may create schemas");
    connection.close().await.expect("it closes");
}
