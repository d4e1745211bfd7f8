//! Who can run a query: the storage itself for reads, a transaction for both.

mod write;

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::sea_query::SelectStatement;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, Statement,
};

pub(crate) use self::write::{Write, all_or_nothing_text};
use self::write::{all_or_nothing, build, count_at_once, count_in_sequence};
use crate::error::StorageError;
use crate::news::{News, NewsSet};

/// Runs queries. Implemented by [`crate::Storage`], which reads, and by [`Tx`].
pub trait Executor: Sync {
    #[doc(hidden)]
    type Connection: ConnectionTrait;

    #[doc(hidden)]
    fn connection(&self) -> &Self::Connection;
}

/// An open transaction; only [`crate::Storage::write`] makes one. Functions that change something ask
/// for it by type, so that nothing is written outside of one.
#[derive(Debug)]
pub struct Tx {
    connection: TxConnection,
    news: AtomicU8,
}

impl Tx {
    pub(crate) fn new(transaction: Arc<DatabaseTransaction>) -> Self {
        Self::on(Session::Transaction(transaction))
    }

    /// An attempt without a transaction: it reads without locks, and all of its writes are one statement
    /// at its end. What needs more than that fails with [`StorageError::NeedsTransaction`].
    pub(crate) fn optimistic(connection: DatabaseConnection) -> Self {
        Self::on(Session::Optimistic(connection))
    }

    fn on(session: Session) -> Self {
        Self {
            connection: TxConnection {
                session,
                waiting: Mutex::new(Vec::new()),
                refusal: Mutex::new(None),
            },
            news: AtomicU8::new(0),
        }
    }

    /// Whether rows stay locked that are read for a change. If not, the change has to check that they are
    /// still as they were read.
    pub(crate) fn locks(&self) -> bool {
        matches!(self.connection.session, Session::Transaction(_))
    }

    /// Wakes, once this transaction is committed, whoever waits for that kind of news. Not every commit
    /// has some: a worker that finds nothing commits as well, and would wake itself for ever.
    pub(crate) fn announce(&self, news: News) {
        self.news
            .fetch_or(NewsSet::from(news).bits(), Ordering::Relaxed);
    }

    pub(crate) fn news(&self) -> NewsSet {
        NewsSet::from_bits(self.news.load(Ordering::Relaxed))
    }

    /// Writes at the latest at the end of the transaction, and before its next query: on PostgreSQL all
    /// that waits goes there as one statement, because each trip there and back costs as much as the
    /// writing itself.
    ///
    /// The parts of one statement see the tables as they were before it, so two writes to one table are
    /// never part of the same.
    pub(crate) async fn write_later(&self, write: Write) -> Result<(), StorageError> {
        if self.connection.waits_for(write.table) {
            self.flush().await?;
        }
        self.connection.waiting().push(write);
        Ok(())
    }

    /// Whether a row is there that rarely is. An attempt without a transaction takes it that there is none,
    /// and has the statement with its writes look: if there is one after all, nothing is written.
    pub(crate) async fn finds(&self, rare: SelectStatement) -> Result<bool, StorageError> {
        if !self.locks() {
            self.connection.waiting().push(Write::unless(rare));
            return Ok(false);
        }
        Ok(self.connection.query_one(&rare).await?.is_some())
    }

    /// Writes what waits. Fails with the refusal of the first write that did not touch the rows it had to.
    pub(crate) async fn flush(&self) -> Result<(), StorageError> {
        match self.connection.flush().await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refusal().unwrap_or_else(|| error.into())),
        }
    }

    /// Writes everything that an optimistic attempt has to write, or nothing of it.
    pub(crate) async fn write_at_once(&self) -> Result<(), StorageError> {
        match self.connection.write_alone().await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refusal().unwrap_or_else(|| error.into())),
        }
    }

    /// What an optimistic attempt has to write, for somebody else to write it.
    pub(crate) fn into_writes(self) -> Vec<Write> {
        std::mem::take(&mut self.connection.waiting())
    }

    /// Why a write that waited was refused, if one was: the query that it was sent along with could only
    /// say that something was.
    pub(crate) fn refusal(&self) -> Option<StorageError> {
        self.connection
            .refusal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Executor for Tx {
    type Connection = TxConnection;

    fn connection(&self) -> &TxConnection {
        &self.connection
    }
}

/// The connection of a transaction; what waits to be written goes before every query.
#[derive(Debug)]
pub struct TxConnection {
    session: Session,
    waiting: Mutex<Vec<Write>>,
    refusal: Mutex<Option<StorageError>>,
}

#[derive(Debug)]
enum Session {
    Transaction(Arc<DatabaseTransaction>),
    Optimistic(DatabaseConnection),
}

impl TxConnection {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Write>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits_for(&self, table: &str) -> bool {
        self.waiting().iter().any(|write| write.table == table)
    }

    /// The transaction, with nothing left that waits to be written.
    async fn transaction(&self) -> Result<&DatabaseTransaction, DbErr> {
        self.flush().await?;
        match &self.session {
            Session::Transaction(transaction) => Ok(transaction),
            Session::Optimistic(_) => Err(self.needs_transaction()),
        }
    }

    async fn flush(&self) -> Result<(), DbErr> {
        let mut writes = std::mem::take(&mut *self.waiting());
        if writes.is_empty() {
            return Ok(());
        }
        let Session::Transaction(transaction) = &self.session else {
            return Err(self.needs_transaction());
        };
        if writes.len() > 1 {
            return self.write_together(transaction, writes).await;
        }
        match writes.pop() {
            Some(write) => self.write_one(transaction.as_ref(), write).await,
            None => Ok(()),
        }
    }

    async fn write_one(
        &self,
        connection: &impl ConnectionTrait,
        write: Write,
    ) -> Result<(), DbErr> {
        let statement = build(connection.get_database_backend(), &write.statement);
        let touched = connection.execute_raw(statement).await?;
        self.judge(touched.rows_affected(), write.expected)
    }

    /// Everything as one statement that commits by itself. If one of the writes does not touch its row, the
    /// statement divides by zero, and none of them was made.
    async fn write_alone(&self) -> Result<(), DbErr> {
        let Session::Optimistic(connection) = &self.session else {
            return self.flush().await;
        };
        let mut writes = std::mem::take(&mut *self.waiting());
        if writes.len() > 1 {
            let all = all_or_nothing(writes);
            let written = connection.query_one(&all).await;
            return written.map(drop);
        }
        match writes.pop() {
            Some(write) => self.write_one(connection, write).await,
            None => Ok(()),
        }
    }

    /// Where a plain question goes: outside of a transaction it must neither lock nor change anything, nor
    /// miss what waits to be written.
    async fn ask(&self, statement: &Statement) -> Result<Asked<'_>, DbErr> {
        let Session::Optimistic(connection) = &self.session else {
            return Ok(Asked::Transaction(self.transaction().await?));
        };
        let is_plain = statement.sql.starts_with("SELECT")
            && LOCKING.iter().all(|lock| !statement.sql.contains(lock));
        let misses_nothing = self.waiting().iter().all(Write::only_looks);
        if is_plain && misses_nothing {
            Ok(Asked::Connection(connection))
        } else {
            Err(self.needs_transaction())
        }
    }

    fn needs_transaction(&self) -> DbErr {
        self.refuse(StorageError::NeedsTransaction)
    }

    fn refuse(&self, refusal: StorageError) -> DbErr {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        DbErr::RecordNotUpdated
    }

    /// One trip to the database for all of them. On PostgreSQL it is one statement, whose common table
    /// expressions are the writes and whose row says how many rows each of them touched; on SQLite it is
    /// one text of several statements, in which each touched row says by which of them.
    async fn write_together(
        &self,
        transaction: &DatabaseTransaction,
        writes: Vec<Write>,
    ) -> Result<(), DbErr> {
        let (statements, expected): (Vec<_>, Vec<_>) = writes
            .into_iter()
            .map(|write| (write.statement, write.expected))
            .unzip();
        let touched = if transaction.get_database_backend() == DbBackend::Sqlite {
            count_in_sequence(transaction, statements).await?
        } else {
            count_at_once(transaction, statements).await?
        };
        for (touched, expected) in touched.into_iter().zip(expected) {
            self.judge(touched, expected)?;
        }
        Ok(())
    }

    fn judge(&self, touched: u64, expected: Option<(u64, StorageError)>) -> Result<(), DbErr> {
        match expected {
            Some((count, refusal)) if touched != count => Err(self.refuse(refusal)),
            Some(_) | None => Ok(()),
        }
    }
}

/// What a question ends with that keeps the rows it finds locked; only a transaction can.
const LOCKING: [&str; 2] = ["FOR UPDATE", "FOR NO KEY UPDATE"];

/// Where a question is asked.
enum Asked<'a> {
    Transaction(&'a DatabaseTransaction),
    Connection(&'a DatabaseConnection),
}

#[sea_orm::prelude::async_trait::async_trait]
impl ConnectionTrait for TxConnection {
    fn get_database_backend(&self) -> DbBackend {
        match &self.session {
            Session::Transaction(transaction) => transaction.get_database_backend(),
            Session::Optimistic(connection) => connection.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.transaction().await?.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.transaction().await?.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self.ask(&statement).await? {
            Asked::Transaction(transaction) => transaction.query_one_raw(statement).await,
            Asked::Connection(connection) => connection.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self.ask(&statement).await? {
            Asked::Transaction(transaction) => transaction.query_all_raw(statement).await,
            Asked::Connection(connection) => connection.query_all_raw(statement).await,
        }
    }
}
