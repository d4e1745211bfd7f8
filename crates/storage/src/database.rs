//! The one way to the database: SQLite with a single writer, or PostgreSQL.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use migrations::Migrator;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_migration::MigratorTrait;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlitePool};
use tokio::sync::watch;

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::group_commit::GroupWriter;
use crate::measure::Measures;
use crate::news::{News, NewsSet};
use crate::wakeup::Wakeup;

/// How long a write waits for another process that is writing to the same SQLite file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before a file is opened again that another process is just creating.
const OPEN_RETRY: Duration = Duration::from_millis(20);
/// The result code of <https://www.sqlite.org/rescode.html#busy>.
const SQLITE_BUSY: u32 = 5;
/// How long a query waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection that nobody uses is taken to live.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// Readers beside the one writer of SQLite.
const SQLITE_READERS: u32 = 8;
/// Connections to PostgreSQL for each process.
const POSTGRES_CONNECTIONS: u32 = 24;
/// Prepared statements that each of them keeps: more than there are, or they would be prepared again and
/// again, and planned anew each time.
const STATEMENTS: usize = 300;

/// A database that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("database_url must start with sqlite:// or postgres://")]
    Scheme,
    #[error("database_url is not readable")]
    Url,
    #[error("the database cannot be reached: {0}")]
    Connect(#[source] sqlx::Error),
    #[error("the schema could not be brought up to date: {0}")]
    Migrate(#[source] DbErr),
    #[error("the schema is older than this program: run `shopgrant migrate`")]
    SchemaIsOld,
}

/// The database of a process. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Storage {
    pub(crate) reader: DatabaseConnection,
    pub(crate) writer: Writer,
    wakeup: Wakeup,
    pub(crate) measures: Measures,
}

/// Where transactions run.
#[derive(Clone, Debug)]
pub(crate) enum Writer {
    Sqlite(GroupWriter),
    Postgres(DatabaseConnection),
}

impl Storage {
    /// Connects; a missing SQLite file is created.
    pub async fn open(database_url: &str) -> Result<Self, OpenError> {
        if database_url.starts_with("sqlite:") {
            return Self::open_sqlite(database_url).await;
        }
        if database_url.starts_with("postgres://") || database_url.starts_with("postgresql://") {
            return Self::open_postgres(database_url).await;
        }
        Err(OpenError::Scheme)
    }

    async fn open_sqlite(database_url: &str) -> Result<Self, OpenError> {
        let options = SqliteConnectOptions::from_str(database_url)
            .map_err(|_| OpenError::Url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let writer = connect_writer(&options).await.map_err(OpenError::Connect)?;
        let reader = SqlitePoolOptions::new()
            .max_connections(SQLITE_READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await
            .map_err(OpenError::Connect)?;
        Ok(Self {
            wakeup: Wakeup::sqlite(reader.clone()),
            reader: reader.into(),
            writer: Writer::Sqlite(GroupWriter::new(writer)),
            measures: Measures::default(),
        })
    }

    async fn open_postgres(database_url: &str) -> Result<Self, OpenError> {
        let options = PgConnectOptions::from_str(database_url)
            .map_err(|_| OpenError::Url)?
            .application_name("shopgrant")
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging();
        // The pool would try until its time is up, and then tell of the time and not of the cause.
        let first = sqlx::PgConnection::connect_with(&options)
            .await
            .map_err(OpenError::Connect)?;
        Connection::close(first).await.map_err(OpenError::Connect)?;
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // By default each connection is asked whether it lives before each use, which is a trip to the
            // server and back. Under load one was used just before.
            .test_before_acquire(false)
            .before_acquire(|connection, used| {
                Box::pin(async move {
                    if used.idle_for >= TRUSTED_FOR {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .map_err(OpenError::Connect)?;
        let wakeup = Wakeup::postgres(pool.clone());
        let connection = DatabaseConnection::from(pool);
        Ok(Self {
            reader: connection.clone(),
            writer: Writer::Postgres(connection),
            wakeup,
            measures: Measures::default(),
        })
    }

    /// Brings the schema up to date, all of it or nothing. One process does it at a time; the others wait
    /// and find it done.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        self.migrate_alone().await.map_err(OpenError::Migrate)
    }

    async fn migrate_alone(&self) -> Result<(), DbErr> {
        let transaction = match &self.writer {
            // The transaction itself keeps other processes out.
            Writer::Sqlite(writer) => writer.begin().await?,
            Writer::Postgres(connection) => {
                let transaction = connection.begin().await?;
                let lock = "SELECT pg_advisory_xact_lock(7306086990613016403)";
                transaction.execute_unprepared(lock).await?;
                transaction
            }
        };
        Migrator::up(&transaction, None).await?;
        transaction.commit().await
    }

    /// Fails if the schema lacks a step that this program needs; changes nothing.
    pub async fn check_schema(&self) -> Result<(), OpenError> {
        let pending = Migrator::get_pending_migrations_read_only(&self.reader)
            .await
            .map_err(OpenError::Migrate)?;
        if pending.is_empty() {
            Ok(())
        } else {
            Err(OpenError::SchemaIsOld)
        }
    }

    /// Whether the database answers a query now.
    pub async fn check_alive(&self) -> Result<(), StorageError> {
        self.reader.ping().await?;
        Ok(())
    }

    /// Runs `work` in a transaction: committed when it returns `Ok`, rolled back when it returns `Err`
    /// or is dropped. On SQLite the transactions of a process follow one another on its one writing
    /// connection, and those that wait at the same time share a commit.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send,
        E: From<StorageError> + Send,
        F: for<'tx> AsyncFnOnce(&'tx Tx) -> Result<T, E> + Send,
    {
        let (value, news) = match &self.writer {
            Writer::Sqlite(writer) => writer.write(&self.measures, work).await?,
            Writer::Postgres(connection) => self.write_alone(connection, work).await?,
        };
        self.wakeup.committed(news);
        Ok(value)
    }

    /// Like [`Storage::write`], for work that writes only at its end. It is tried outside of a transaction
    /// first, with all its writes together at the end: nothing is locked meanwhile, which saves PostgreSQL
    /// three trips there and back, and keeps SQLite's one writer free for others. Nothing is written if a
    /// row was changed in between. Then, or if the work needs more, it is done once more in a transaction.
    pub async fn write_optimistically<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send,
        E: From<StorageError> + Send,
        F: for<'tx> AsyncFnOnce(&'tx Tx) -> Result<T, E> + Clone + Send,
    {
        let tx = Tx::optimistic(self.reader.clone());
        if let Ok(value) = work.clone()(&tx).await {
            let news = tx.news();
            match self.write_at_once(tx).await {
                Ok(()) => {
                    self.wakeup.committed(news);
                    return Ok(value);
                }
                Err(refused) if refused.is_refusal() => {}
                // It may have been committed, so that it must not be written again.
                Err(error) => return Err(error.into()),
            }
        }
        self.write(work).await
    }

    async fn write_at_once(&self, tx: Tx) -> Result<(), StorageError> {
        let Writer::Sqlite(writer) = &self.writer else {
            return tx.write_at_once().await;
        };
        let waiting = tx.into_writes();
        if waiting.is_empty() {
            return Ok(());
        }
        writer.write_at_once(&self.measures, waiting).await
    }

    async fn write_alone<T, E, F>(
        &self,
        connection: &DatabaseConnection,
        work: F,
    ) -> Result<(T, NewsSet), E>
    where
        T: Send,
        E: From<StorageError> + Send,
        F: for<'tx> AsyncFnOnce(&'tx Tx) -> Result<T, E> + Send,
    {
        let asked = Instant::now();
        let begun = connection.begin().await;
        self.measures.began(asked.elapsed());
        let transaction = Arc::new(begun.map_err(StorageError::from)?);
        let tx = Tx::new(Arc::clone(&transaction));
        // An error drops the transaction, which rolls it back.
        let value = match work(&tx).await {
            Ok(value) => value,
            Err(error) => return Err(tx.refusal().map_or(error, E::from)),
        };
        tx.flush().await?;
        self.wakeup
            .notify_on_commit(&tx)
            .await
            .map_err(StorageError::from)?;
        let news = tx.news();
        drop(tx);
        let transaction = Arc::into_inner(transaction).ok_or_else(|| {
            StorageError::from(DbErr::Custom("a transaction is still in use".to_owned()))
        })?;
        transaction.commit().await.map_err(StorageError::from)?;
        Ok((value, news))
    }

    /// Changes when a transaction with this kind of news was committed, by any process. It is a hint, and
    /// may change without need. Subscribe before looking, so that nothing slips in between.
    pub fn commits(&self, news: News) -> watch::Receiver<u64> {
        self.wakeup.subscribe(news)
    }

    /// Watches for the commits of other processes, and tells them of ours, until it is dropped; each process
    /// runs one.
    pub async fn watch_other_processes(&self) -> StorageError {
        self.wakeup.watch_other_processes().await.into()
    }
}

/// Opens the one writing connection. Of two processes that create a file at the same time one fails at
/// once in `PRAGMA journal_mode`, since SQLite does not wait while it changes from the rollback journal
/// to WAL: see <https://www.sqlite.org/c3ref/busy_handler.html>. It finds the change done when it tries
/// again.
async fn connect_writer(options: &SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let mut tries = tokio::time::interval(OPEN_RETRY);
    let last_try = tokio::time::Instant::now() + BUSY_TIMEOUT;
    loop {
        let now = tries.tick().await;
        let connected = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await;
        match connected {
            Err(sqlx::Error::Database(error)) if is_busy(error.as_ref()) && now < last_try => {}
            result => return result,
        }
    }
}

fn is_busy(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code: Option<u32> = error.code().and_then(|code| code.parse().ok());
    // The higher bits of an extended code say more exactly why.
    code.is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

impl Executor for Storage {
    type Connection = DatabaseConnection;

    fn connection(&self) -> &DatabaseConnection {
        &self.reader
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_foreign_scheme_is_refused() {
        let error = Storage::open("mysql://localhost/x").await.err();
        assert!(matches!(error, Some(OpenError::Scheme)));
    }
}
