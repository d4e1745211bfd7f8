//! Who can run a query: the storage itself for reads, a transaction for both.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::sea_query::{
    CommonTableExpression, DeleteStatement, Expr, Func, InsertStatement, Query, SelectStatement,
    SubQueryStatement, UpdateStatement, WithQuery,
};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};

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
        Self {
            connection: TxConnection {
                transaction,
                waiting: Mutex::new(Vec::new()),
                refusal: Mutex::new(None),
            },
            news: AtomicU8::new(0),
        }
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

    /// Writes what waits. Fails with the refusal of the first write that did not touch its one row.
    pub(crate) async fn flush(&self) -> Result<(), StorageError> {
        match self.connection.flush().await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refusal().unwrap_or_else(|| error.into())),
        }
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

/// A write whose only result is whether it touched its one row.
#[derive(Debug)]
pub(crate) struct Write {
    table: &'static str,
    statement: SubQueryStatement,
    /// What it means when it did not; `None` if that may be.
    refusal: Option<StorageError>,
}

impl Write {
    /// Must touch one row, or the transaction fails with `refusal`.
    pub(crate) fn one(
        table: &'static str,
        statement: impl Into<SubQueryStatement>,
        refusal: StorageError,
    ) -> Self {
        Self {
            table,
            statement: statement.into(),
            refusal: Some(refusal),
        }
    }

    /// May touch any number of rows.
    pub(crate) fn any(table: &'static str, statement: impl Into<SubQueryStatement>) -> Self {
        Self {
            table,
            statement: statement.into(),
            refusal: None,
        }
    }
}

/// The connection of a transaction; what waits to be written goes before every query.
#[derive(Debug)]
pub struct TxConnection {
    transaction: Arc<DatabaseTransaction>,
    waiting: Mutex<Vec<Write>>,
    refusal: Mutex<Option<StorageError>>,
}

impl TxConnection {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Write>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits_for(&self, table: &str) -> bool {
        self.waiting().iter().any(|write| write.table == table)
    }

    async fn flush(&self) -> Result<(), DbErr> {
        let writes = std::mem::take(&mut *self.waiting());
        if writes.len() > 1 && self.transaction.get_database_backend() == DbBackend::Postgres {
            return self.write_at_once(writes).await;
        }
        for write in writes {
            let statement = build(self.transaction.get_database_backend(), &write.statement);
            let touched = self.transaction.execute_raw(statement).await?;
            self.judge(touched.rows_affected(), write.refusal)?;
        }
        Ok(())
    }

    /// One statement whose common table expressions are the writes, and whose row says how many rows each
    /// of them touched.
    async fn write_at_once(&self, writes: Vec<Write>) -> Result<(), DbErr> {
        let (statements, refusals): (Vec<_>, Vec<_>) = writes
            .into_iter()
            .map(|write| (write.statement, write.refusal))
            .unzip();
        let counted = self.transaction.query_one(&at_once(statements)).await?;
        let counted = counted.ok_or_else(|| DbErr::RecordNotFound("the counts".to_owned()))?;
        for (index, refusal) in refusals.into_iter().enumerate() {
            let touched: i64 = counted.try_get_by_index(index)?;
            self.judge(touched.unsigned_abs(), refusal)?;
        }
        Ok(())
    }

    fn judge(&self, touched: u64, refusal: Option<StorageError>) -> Result<(), DbErr> {
        let Some(refusal) = refusal.filter(|_| touched != 1) else {
            return Ok(());
        };
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        Err(DbErr::RecordNotUpdated)
    }
}

fn build(backend: DbBackend, statement: &SubQueryStatement) -> Statement {
    match statement {
        SubQueryStatement::SelectStatement(select) => backend.build(select),
        SubQueryStatement::InsertStatement(insert) => backend.build(insert),
        SubQueryStatement::UpdateStatement(update) => backend.build(update),
        SubQueryStatement::DeleteStatement(delete) => backend.build(delete),
        SubQueryStatement::WithStatement(with) => backend.build(with),
    }
}

fn at_once(statements: Vec<SubQueryStatement>) -> WithQuery {
    let mut with = Query::with();
    let mut counts = SelectStatement::new();
    for (index, statement) in statements.into_iter().enumerate() {
        let name = format!("w{index}");
        with.cte(
            CommonTableExpression::new()
                .table_name(name.clone())
                .query(returning_rows(statement))
                .to_owned(),
        );
        let rows = Query::select()
            .expr(Func::count(Expr::val(1)))
            .from(name)
            .to_owned();
        counts.expr(Expr::SubQuery(None, Box::new(rows.into())));
    }
    with.query(counts)
}

fn returning_rows(statement: SubQueryStatement) -> SubQueryStatement {
    let one = || Query::returning().expr(Expr::cust("1"));
    match statement {
        SubQueryStatement::InsertStatement(mut insert) => {
            <InsertStatement>::returning(&mut insert, one())
                .to_owned()
                .into()
        }
        SubQueryStatement::UpdateStatement(mut update) => {
            <UpdateStatement>::returning(&mut update, one())
                .to_owned()
                .into()
        }
        SubQueryStatement::DeleteStatement(mut delete) => {
            <DeleteStatement>::returning(&mut delete, one())
                .to_owned()
                .into()
        }
        other @ (SubQueryStatement::SelectStatement(_) | SubQueryStatement::WithStatement(_)) => {
            other
        }
    }
}

#[sea_orm::prelude::async_trait::async_trait]
impl ConnectionTrait for TxConnection {
    fn get_database_backend(&self) -> DbBackend {
        self.transaction.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.flush().await?;
        self.transaction.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.flush().await?;
        self.transaction.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.flush().await?;
        self.transaction.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.flush().await?;
        self.transaction.query_all_raw(statement).await
    }
}
