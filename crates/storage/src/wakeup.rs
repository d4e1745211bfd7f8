//! Tells whoever waits that something was committed, here or in another process.
//!
//! It is a hint: a waiter looks at the rows, and looks again after a while even without it.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr};
use sqlx::postgres::PgListener;
use sqlx::{PgPool, SqlitePool};
use tokio::sync::watch;

use crate::executor::Tx;

/// The channel on which PostgreSQL tells of commits.
const CHANNEL: &str = "shopgrant_commits";
/// How often SQLite is asked whether another process has committed.
const SQLITE_POLL: Duration = Duration::from_millis(200);

#[derive(Clone, Debug)]
pub(crate) struct Wakeup {
    commits: watch::Sender<u64>,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Wakeup {
    pub(crate) fn sqlite(pool: SqlitePool) -> Self {
        Self {
            commits: watch::Sender::new(0),
            source: Source::Sqlite(pool),
        }
    }

    pub(crate) fn postgres(pool: PgPool) -> Self {
        Self {
            commits: watch::Sender::new(0),
            source: Source::Postgres(pool),
        }
    }

    /// Lets PostgreSQL tell the other processes when the transaction commits, and only then.
    pub(crate) async fn notify_on_commit(&self, tx: &Tx) -> Result<(), DbErr> {
        if let Source::Postgres(_) = &self.source {
            tx.transaction
                .execute_unprepared(&format!("NOTIFY {CHANNEL}"))
                .await?;
        }
        Ok(())
    }

    pub(crate) fn committed(&self) {
        self.commits
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// Runs until the database fails.
    pub(crate) async fn watch_other_processes(&self) -> DbErr {
        let failed = match &self.source {
            Source::Sqlite(pool) => self.poll_sqlite(pool).await,
            Source::Postgres(pool) => self.listen_postgres(pool).await,
        };
        match failed {
            Ok(never) => match never {},
            Err(error) => DbErr::Custom(error.to_string()),
        }
    }

    /// `data_version` changes on a connection when another connection has committed; to read it costs
    /// no lock. See <https://www.sqlite.org/pragma.html#pragma_data_version>.
    async fn poll_sqlite(
        &self,
        pool: &SqlitePool,
    ) -> Result<std::convert::Infallible, sqlx::Error> {
        let mut connection = pool.acquire().await?;
        let mut seen: i64 = 0;
        let mut ticks = tokio::time::interval(SQLITE_POLL);
        loop {
            ticks.tick().await;
            let version: i64 = sqlx::query_scalar("PRAGMA data_version")
                .fetch_one(&mut *connection)
                .await?;
            if version != seen {
                seen = version;
                self.committed();
            }
        }
    }

    async fn listen_postgres(
        &self,
        pool: &PgPool,
    ) -> Result<std::convert::Infallible, sqlx::Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        // Whatever was committed before we listened.
        self.committed();
        loop {
            // `None` is a lost connection that was made anew: something may have been missed.
            listener.try_recv().await?;
            self.committed();
        }
    }
}
