//! What the database can do without us, as the measure beside what we do with it, and rows in bulk for
//! measuring. No use case calls anything of this.

mod bulk;

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, SqlitePool};
use tokio::task::JoinSet;

pub use bulk::{
    count_stores_for_measuring, count_untold_events_for_measuring, insert_stores_for_measuring,
    list_effects_for_measuring,
};

/// About what a row of ours holds.
const BODY: &str = "A row of two hundred bytes, which is about what a store, an authorization or an \
    event of ours takes up when it is written; what is in it makes no difference to the database, only \
    how long it is and that a key stands before it.";

const TABLES: [&str; 2] = ["measured_first", "measured_second"];
const INSERTS: [&str; 2] = [
    "INSERT INTO measured_first (id, body) VALUES ($1, $2)",
    "INSERT INTO measured_second (id, body) VALUES ($1, $2)",
];

/// The limit could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    #[error("the URL is not readable")]
    Url,
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error("a client of the database ended by itself")]
    Client(#[from] tokio::task::JoinError),
}

/// What one commit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// One row, in a transaction of its own.
    OneRow,
    /// BEGIN, two inserts into two tables, COMMIT: four round trips.
    TwoInserts,
    /// As many rows at once as this says, in two tables by turns.
    Rows(u32),
}

/// What a database says of itself.
#[derive(Clone, Debug)]
pub struct DatabaseFacts {
    pub version: String,
    /// PostgreSQL's process for one of our connections, on the machine where PostgreSQL runs.
    pub backend_pid: Option<i32>,
}

/// A database with two tables of its own, which nobody else uses.
#[derive(Clone, Debug)]
pub struct RawDatabase {
    pool: Pool,
    drawn: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl RawDatabase {
    /// Connects and makes the tables anew. A SQLite file gets our own settings: WAL, `synchronous=FULL`
    /// and one writer.
    pub async fn open(database_url: &str, connections: u32) -> Result<Self, LimitError> {
        let pool = if database_url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(database_url)
                .map_err(|_| LimitError::Url)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .disable_statement_logging();
            let pool = SqlitePoolOptions::new().max_connections(1);
            Pool::Sqlite(pool.connect_with(options).await?)
        } else {
            let options = PgConnectOptions::from_str(database_url)
                .map_err(|_| LimitError::Url)?
                .disable_statement_logging();
            let pool = PgPoolOptions::new().max_connections(connections.max(1));
            Pool::Postgres(pool.connect_with(options).await?)
        };
        let database = Self {
            pool,
            drawn: Arc::default(),
        };
        database.create_tables().await?;
        Ok(database)
    }

    async fn create_tables(&self) -> Result<(), LimitError> {
        for table in TABLES {
            for statement in [
                format!("DROP TABLE IF EXISTS {table}"),
                format!(
                    "CREATE TABLE {table} (id BIGINT NOT NULL PRIMARY KEY, body TEXT NOT NULL)"
                ),
            ] {
                let query = sqlx::raw_sql(AssertSqlSafe(statement));
                match &self.pool {
                    Pool::Sqlite(pool) => {
                        query.execute(pool).await?;
                    }
                    Pool::Postgres(pool) => {
                        query.execute(pool).await?;
                    }
                }
            }
        }
        Ok(())
    }

    pub async fn facts(&self) -> Result<DatabaseFacts, LimitError> {
        match &self.pool {
            Pool::Sqlite(pool) => {
                let version: String = sqlx::query_scalar("SELECT sqlite_version()")
                    .fetch_one(pool)
                    .await?;
                Ok(DatabaseFacts {
                    version: format!("SQLite {version}"),
                    backend_pid: None,
                })
            }
            Pool::Postgres(pool) => {
                let (version, pid): (String, i32) =
                    sqlx::query_as("SELECT current_setting('server_version'), pg_backend_pid()")
                        .fetch_one(pool)
                        .await?;
                Ok(DatabaseFacts {
                    version: format!("PostgreSQL {version}"),
                    backend_pid: Some(pid),
                })
            }
        }
    }

    /// Commits per second with this many clients at once; a SQLite file has one writer, whatever is asked.
    pub async fn commits_per_second(
        &self,
        commit: Commit,
        clients: u32,
        span: Duration,
    ) -> Result<f64, LimitError> {
        let clients = match self.pool {
            Pool::Sqlite(_) => 1,
            Pool::Postgres(_) => clients.max(1),
        };
        let began = Instant::now();
        let mut running = JoinSet::new();
        for _ in 0..clients {
            let database = self.clone();
            running.spawn(async move { database.commit_until(commit, began + span).await });
        }
        let mut commits = 0;
        while let Some(ended) = running.join_next().await {
            commits += ended??;
        }
        Ok(f64::from(commits) / began.elapsed().as_secs_f64())
    }

    async fn commit_until(&self, commit: Commit, end: Instant) -> Result<u32, LimitError> {
        let mut commits = 0;
        match &self.pool {
            Pool::Sqlite(pool) => {
                let mut connection = pool.acquire().await?;
                while Instant::now() < end {
                    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
                    for row in 0..commit.rows() {
                        self.insert(row).execute(&mut *tx).await?;
                    }
                    tx.commit().await?;
                    commits += 1;
                }
            }
            Pool::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                while Instant::now() < end {
                    if commit == Commit::OneRow {
                        self.insert(0).execute(&mut *connection).await?;
                    } else {
                        let mut tx = connection.begin().await?;
                        for row in 0..commit.rows() {
                            self.insert(row).execute(&mut *tx).await?;
                        }
                        tx.commit().await?;
                    }
                    commits += 1;
                }
            }
        }
        Ok(commits)
    }

    fn insert<'q, D>(&self, row: u32) -> sqlx::query::Query<'q, D, D::Arguments>
    where
        D: sqlx::Database,
        i64: sqlx::Encode<'q, D> + sqlx::Type<D>,
        &'static str: sqlx::Encode<'q, D> + sqlx::Type<D>,
    {
        let key = self.drawn.fetch_add(1, Ordering::Relaxed);
        let statement = INSERTS[usize::from(row % 2 == 1)];
        sqlx::query(statement).bind(key.cast_signed()).bind(BODY)
    }

    /// Closes the connections, so that the database can be dropped.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

impl Commit {
    const fn rows(self) -> u32 {
        match self {
            Self::OneRow => 1,
            Self::TwoInserts => 2,
            Self::Rows(rows) => rows,
        }
    }
}

/// Makes an empty database on a PostgreSQL server. `name` is an identifier of our own making.
pub async fn create_scratch_database(server_url: &str, name: &str) -> Result<(), LimitError> {
    run_on_server(server_url, format!("CREATE DATABASE {name}")).await
}

/// Removes such a database, whoever is still connected to it.
pub async fn drop_scratch_database(server_url: &str, name: &str) -> Result<(), LimitError> {
    run_on_server(
        server_url,
        format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
    )
    .await
}

async fn run_on_server(server_url: &str, statement: String) -> Result<(), LimitError> {
    // Dropping a database waits for a checkpoint, which is slow and no cause for a warning.
    let options = PgConnectOptions::from_str(server_url)
        .map_err(|_| LimitError::Url)?
        .disable_statement_logging();
    let mut connection = PgConnection::connect_with(&options).await?;
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_kind_of_commit_is_counted_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("raw.db").display());
        let database = RawDatabase::open(&url, 8).await.unwrap();
        assert!(
            database
                .facts()
                .await
                .unwrap()
                .version
                .starts_with("SQLite 3.")
        );
        let span = Duration::from_millis(20);
        for commit in [Commit::OneRow, Commit::TwoInserts, Commit::Rows(10)] {
            let rate = database.commits_per_second(commit, 8, span).await.unwrap();
            assert!(rate > 0.0);
        }
        let Pool::Sqlite(pool) = &database.pool else {
            panic!("it is SQLite");
        };
        let kept: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM measured_first) + (SELECT count(*) FROM measured_second)",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        assert_eq!(kept.cast_unsigned(), database.drawn.load(Ordering::Relaxed));
    }
}
