//! Tells whoever waits that something was committed, here or in another process.
//!
//! It is a hint: a waiter looks at the rows, and looks again after a while even without it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr};
use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool, SqlitePool};
use tokio::sync::watch;

use crate::executor::{Executor, Tx};
use crate::news::{News, NewsSet};

/// The channel on which PostgreSQL tells of commits. What is told are the kinds of news, as a number.
const CHANNEL: &str = "shopgrant_commits";
/// How often SQLite is asked whether another process has committed.
const SQLITE_POLL: Duration = Duration::from_millis(200);

#[derive(Clone, Debug)]
pub(crate) struct Wakeup {
    /// One for each kind of news.
    waiting: Arc<[watch::Sender<u64>; News::ALL.len()]>,
    /// What the other processes have not been told yet.
    untold: Arc<watch::Sender<NewsSet>>,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Wakeup {
    pub(crate) fn sqlite(pool: SqlitePool) -> Self {
        Self::new(Source::Sqlite(pool))
    }

    pub(crate) fn postgres(pool: PgPool) -> Self {
        Self::new(Source::Postgres(pool))
    }

    fn new(source: Source) -> Self {
        Self {
            waiting: Arc::new(std::array::from_fn(|_| watch::Sender::new(0))),
            untold: Arc::new(watch::Sender::default()),
            source,
        }
    }

    /// What an operator sets is told by the transaction itself: a command ends right after it and has
    /// nobody who tells. Everything else is told after its commit, because PostgreSQL commits transactions
    /// that notify one after the other:
    /// <https://www.postgresql.org/docs/15/sql-notify.html>.
    pub(crate) async fn notify_on_commit(&self, tx: &Tx) -> Result<(), DbErr> {
        let configuration = NewsSet::from(News::Configuration);
        if let Source::Postgres(_) = &self.source
            && tx.news().union(configuration) == tx.news()
        {
            let bits = configuration.bits();
            tx.connection()
                .execute_unprepared(&format!("NOTIFY {CHANNEL}, '{bits}'"))
                .await?;
        }
        Ok(())
    }

    /// Wakes this process's waiters, and has the other processes told.
    pub(crate) fn committed(&self, news: NewsSet) {
        self.wake(news);
        if let Source::Postgres(_) = &self.source {
            self.untold.send_if_modified(|untold| {
                *untold = untold.union(news);
                !untold.is_empty()
            });
        }
    }

    fn wake(&self, news: NewsSet) {
        for kind in news.kinds() {
            self.waiting[kind.index()].send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    pub(crate) fn subscribe(&self, news: News) -> watch::Receiver<u64> {
        self.waiting[news.index()].subscribe()
    }

    /// Hears of other processes' commits, and tells them of ours, until the database fails.
    pub(crate) async fn watch_other_processes(&self) -> DbErr {
        let failed = match &self.source {
            Source::Sqlite(pool) => self.poll_sqlite(pool).await,
            Source::Postgres(pool) => self.watch_postgres(pool).await,
        };
        match failed {
            Ok(never) => match never {},
            Err(error) => DbErr::Custom(error.to_string()),
        }
    }

    /// `data_version` changes on a connection when another connection has committed; to read it costs
    /// no lock. It does not say what. See <https://www.sqlite.org/pragma.html#pragma_data_version>.
    async fn poll_sqlite(&self, pool: &SqlitePool) -> Result<Infallible, sqlx::Error> {
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
                self.wake(NewsSet::EVERYTHING);
            }
        }
    }

    async fn watch_postgres(&self, pool: &PgPool) -> Result<Infallible, sqlx::Error> {
        let mut teller = pool.acquire().await?;
        let ours: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut *teller)
            .await?;
        tokio::select! {
            failed = self.listen_postgres(pool, ours.unsigned_abs()) => failed,
            failed = self.tell_postgres(&mut teller) => failed,
        }
    }

    /// `ours` is the server process that tells of our own commits, of which we know already.
    async fn listen_postgres(&self, pool: &PgPool, ours: u32) -> Result<Infallible, sqlx::Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        // Whatever was committed before we listened.
        self.wake(NewsSet::EVERYTHING);
        loop {
            // `None` is a lost connection that was made anew: something may have been missed.
            let news = match listener.try_recv().await? {
                Some(told) if told.process_id() == ours => continue,
                Some(told) => told.payload().parse().map(NewsSet::from_bits),
                None => Ok(NewsSet::EVERYTHING),
            };
            self.wake(news.unwrap_or(NewsSet::EVERYTHING));
        }
    }

    /// One message at a time, with all that was committed since the one before.
    async fn tell_postgres(&self, teller: &mut PgConnection) -> Result<Infallible, sqlx::Error> {
        let mut untold = self.untold.subscribe();
        loop {
            let news = self.untold.send_replace(NewsSet::default());
            untold.mark_unchanged();
            if news.is_empty() {
                // `self` keeps the sender alive, so this ends with news alone.
                if untold.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                continue;
            }
            sqlx::query("SELECT pg_notify($1, $2)")
                .bind(CHANNEL)
                .bind(news.bits().to_string())
                .execute(&mut *teller)
                .await?;
        }
    }
}
