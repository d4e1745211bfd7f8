//! One commit for everybody who waits for the one writing connection of SQLite.
//!
//! A commit waits for the disk, and only one can be under way. Who comes meanwhile forms the next group:
//! one after the other does its work in the group's transaction, each behind a savepoint of its own, and
//! one commit answers them all.

use std::sync::Arc;
use std::time::Instant;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sqlx::SqlitePool;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio_util::task::TaskTracker;

use crate::error::StorageError;
use crate::executor::{Tx, Write, all_or_nothing_text};
use crate::measure::Measures;
use crate::news::NewsSet;

/// Takes back what was done behind the savepoint, and the savepoint with it.
const UNDO: &str = "ROLLBACK TO member; RELEASE member";

/// The one writer of a process. Clones are the same writer.
#[derive(Clone, Debug)]
pub(crate) struct GroupWriter {
    pool: SqlitePool,
    turn: Arc<Mutex<Turn>>,
    commits: TaskTracker,
}

/// What whoever is at work finds; a fair lock hands it on in the order of arrival.
#[derive(Debug, Default)]
struct Turn {
    group: Option<Group>,
    /// The last group ended in a way after which sqlx and SQLite may disagree about whether a
    /// transaction is open, as when a full disk has rolled it back. The connection is not used again.
    is_suspect: bool,
}

/// A transaction that is not committed yet.
#[derive(Debug)]
struct Group {
    transaction: Arc<DatabaseTransaction>,
    end: watch::Sender<Option<End>>,
    /// Whether somebody was dropped in the midst of its work, so that it is still to be undone.
    is_dirty: bool,
}

/// How a group ended, for each of its members.
type End = Result<(), Arc<DbErr>>;

impl GroupWriter {
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self {
            pool,
            turn: Arc::new(Mutex::new(Turn::default())),
            commits: TaskTracker::new(),
        }
    }

    /// Runs `work` in the group that is open, and returns when the group is committed. An error undoes
    /// this work alone. `work` that is dropped is undone too, and the others go on.
    pub(crate) async fn write<T, E, F>(
        &self,
        measures: &Measures,
        work: F,
    ) -> Result<(T, NewsSet), E>
    where
        T: Send,
        E: From<StorageError> + Send,
        F: for<'tx> AsyncFnOnce(&'tx Tx) -> Result<T, E> + Send,
    {
        let asked = Instant::now();
        let mut turn = self.take_turn().await.map_err(StorageError::from)?;
        let entered = turn.enter().await;
        measures.began(asked.elapsed());
        let (transaction, mut end) = entered.map_err(StorageError::from)?;
        let tx = Tx::new(transaction);
        let worked = match work(&tx).await {
            Ok(value) => match tx.flush().await {
                Ok(()) => Ok((value, tx.news())),
                Err(refused) => Err(E::from(refused)),
            },
            Err(error) => Err(tx.refusal().map_or(error, E::from)),
        };
        drop(tx);
        match worked {
            Ok(done) => {
                turn.leave("RELEASE member")
                    .await
                    .map_err(StorageError::from)?;
                drop(turn);
                wait_for(&mut end).await?;
                Ok(done)
            }
            Err(error) => {
                // Where it cannot be undone, as when SQLite has rolled back everything already, the others
                // are told so; ours is the cause, and says more.
                if let Err(failed) = turn.leave(UNDO).await {
                    tracing::warn!(%failed, "writes that shared a commit have failed together");
                }
                Err(error)
            }
        }
    }

    /// Makes writes that were decided on outside of the group, as one text in one trip to the connection's
    /// thread; all of them or none.
    pub(crate) async fn write_at_once(
        &self,
        measures: &Measures,
        writes: Vec<Write>,
    ) -> Result<(), StorageError> {
        let text = all_or_nothing_text("SAVEPOINT member", writes, "RELEASE member");
        let asked = Instant::now();
        let mut turn = self.take_turn().await?;
        turn.undo_dropped().await;
        measures.began(asked.elapsed());
        let Some(group) = &mut turn.group else {
            return Err(no_transaction().into());
        };
        // From here on it counts as dropped, until it has left.
        group.is_dirty = true;
        let transaction = Arc::clone(&group.transaction);
        let mut end = group.end.subscribe();
        let written = transaction.execute_raw(text).await;
        drop(transaction);
        if let Err(error) = written {
            if let Err(failed) = turn.leave(UNDO).await {
                tracing::warn!(%failed, "writes that shared a commit have failed together");
            }
            return Err(error.into());
        }
        group.is_dirty = false;
        drop(turn);
        wait_for(&mut end).await
    }

    /// How many connections are open, and how many of them nobody uses.
    pub(crate) fn connections(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    /// A transaction of its own; it waits until no group is open.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        // BEGIN IMMEDIATE: a transaction that starts by reading must not find out only at its first write
        // that another process has the write lock, since SQLite cannot make it wait then.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        DatabaseConnection::from(self.pool.clone())
            .begin_with_options(options)
            .await
    }

    /// Whoever opens a group also sees to it that it is committed, by a task that stands in line behind
    /// those who are waiting now. No member commits: it may be dropped, as when a caller hangs up, and
    /// the others would wait for ever.
    async fn take_turn(&self) -> Result<OwnedMutexGuard<Turn>, DbErr> {
        let mut turn = Arc::clone(&self.turn).lock_owned().await;
        if turn.group.is_some() {
            return Ok(turn);
        }
        if turn.is_suspect {
            let connection = self
                .pool
                .acquire()
                .await
                .map_err(|error| disconnected(&error))?;
            connection
                .close()
                .await
                .map_err(|error| disconnected(&error))?;
            turn.is_suspect = false;
        }
        let transaction = self.begin().await?;
        turn.group = Some(Group {
            transaction: Arc::new(transaction),
            end: watch::Sender::new(None),
            is_dirty: false,
        });
        let line = Arc::clone(&self.turn);
        self.commits
            .spawn(async move { line.lock().await.commit().await });
        Ok(turn)
    }
}

impl Turn {
    /// Begins the work of one member.
    async fn enter(
        &mut self,
    ) -> Result<(Arc<DatabaseTransaction>, watch::Receiver<Option<End>>), DbErr> {
        self.undo_dropped().await;
        let Some(group) = &mut self.group else {
            return Err(no_transaction());
        };
        // From here on it counts as dropped, until it has left.
        group.is_dirty = true;
        let transaction = Arc::clone(&group.transaction);
        let end = group.end.subscribe();
        match transaction.execute_unprepared("SAVEPOINT member").await {
            Ok(_) => Ok((transaction, end)),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Ends the work of one member. Where that fails there is no telling what became of the work of the
    /// others, as when SQLite has rolled back all of it, so the whole group fails.
    async fn leave(&mut self, sql: &str) -> Result<(), DbErr> {
        let Some(group) = &mut self.group else {
            return Err(no_transaction());
        };
        match group.transaction.execute_unprepared(sql).await {
            Ok(_) => {
                group.is_dirty = false;
                Ok(())
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// A savepoint that is not there was never set, or went with a transaction that SQLite rolled back;
    /// there is nothing to undo in the first case, and in the second the commit fails.
    async fn undo_dropped(&mut self) {
        if let Some(group) = &mut self.group
            && group.is_dirty
        {
            if let Err(error) = group.transaction.execute_unprepared(UNDO).await {
                tracing::debug!(%error, "nothing of a dropped write is left to undo");
            }
            group.is_dirty = false;
        }
    }

    async fn commit(&mut self) {
        self.undo_dropped().await;
        let Some(group) = self.group.take() else {
            return;
        };
        let Group {
            transaction, end, ..
        } = group;
        let committed = match Arc::into_inner(transaction) {
            Some(transaction) => transaction.commit().await,
            None => Err(DbErr::Custom("a write outlived its turn".to_owned())),
        };
        self.is_suspect = committed.is_err();
        end.send_replace(Some(committed.map_err(Arc::new)));
    }

    /// Gives up the group, and returns the error for whoever found it.
    fn fail(&mut self, error: DbErr) -> DbErr {
        let told = DbErr::Custom(error.to_string());
        if let Some(group) = self.group.take() {
            self.is_suspect = true;
            group.end.send_replace(Some(Err(Arc::new(error))));
        }
        told
    }
}

async fn wait_for(end: &mut watch::Receiver<Option<End>>) -> Result<(), StorageError> {
    let ended = end.wait_for(Option::is_some).await.map(|end| end.clone());
    match ended {
        Ok(Some(Ok(()))) => Ok(()),
        Ok(Some(Err(error))) => Err(StorageError::Commit(error)),
        // The task that commits was dropped with its runtime.
        Ok(None) | Err(_) => Err(DbErr::Custom("the process is ending".to_owned()).into()),
    }
}

fn no_transaction() -> DbErr {
    DbErr::Custom("no transaction is open".to_owned())
}

fn disconnected(error: &sqlx::Error) -> DbErr {
    DbErr::Custom(error.to_string())
}
