//! Who can run a query: the storage itself for reads, a transaction for both.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::sea_query::{
    CaseStatement, CommonTableExpression, DeleteStatement, Expr, Func, InsertStatement, Query,
    SelectStatement, SubQueryStatement, UpdateStatement, WithClause, WithQuery,
};
use sea_orm::{
    Condition, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    ExecResult, ExprTrait, QueryResult, Statement,
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

    /// Writes what waits. Fails with the refusal of the first write that did not touch its one row.
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
        let writes = std::mem::take(&mut *self.waiting());
        if writes.is_empty() {
            return Ok(());
        }
        let Session::Transaction(transaction) = &self.session else {
            return Err(self.needs_transaction());
        };
        let backend = transaction.get_database_backend();
        if writes.len() > 1 && backend == DbBackend::Postgres {
            return self.write_together(transaction, writes).await;
        }
        for write in writes {
            let statement = build(backend, &write.statement);
            let touched = transaction.execute_raw(statement).await?;
            self.judge(touched.rows_affected(), write.refusal)?;
        }
        Ok(())
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
        let Some(write) = writes.pop() else {
            return Ok(());
        };
        let statement = build(connection.get_database_backend(), &write.statement);
        let touched = connection.execute_raw(statement).await?;
        self.judge(touched.rows_affected(), write.refusal)
    }

    /// Where a plain question goes: outside of a transaction it must neither lock nor change anything, nor
    /// miss what waits to be written.
    async fn ask(&self, statement: &Statement) -> Result<Asked<'_>, DbErr> {
        let Session::Optimistic(connection) = &self.session else {
            return Ok(Asked::Transaction(self.transaction().await?));
        };
        let is_plain = statement.sql.starts_with("SELECT") && !statement.sql.contains("FOR UPDATE");
        if is_plain && self.waiting().is_empty() {
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

    /// One statement whose common table expressions are the writes, and whose row says how many rows each
    /// of them touched.
    async fn write_together(
        &self,
        transaction: &DatabaseTransaction,
        writes: Vec<Write>,
    ) -> Result<(), DbErr> {
        let (statements, refusals): (Vec<_>, Vec<_>) = writes
            .into_iter()
            .map(|write| (write.statement, write.refusal))
            .unzip();
        let counted = transaction.query_one(&at_once(statements)).await?;
        let counted = counted.ok_or_else(|| DbErr::RecordNotFound("the counts".to_owned()))?;
        for (index, refusal) in refusals.into_iter().enumerate() {
            let touched: i64 = counted.try_get_by_index(index)?;
            self.judge(touched.unsigned_abs(), refusal)?;
        }
        Ok(())
    }

    fn judge(&self, touched: u64, refusal: Option<StorageError>) -> Result<(), DbErr> {
        match refusal.filter(|_| touched != 1) {
            Some(refusal) => Err(self.refuse(refusal)),
            None => Ok(()),
        }
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

/// Where a question is asked.
enum Asked<'a> {
    Transaction(&'a DatabaseTransaction),
    Connection(&'a DatabaseConnection),
}

fn at_once(statements: Vec<SubQueryStatement>) -> WithQuery {
    let mut with = Query::with();
    let mut counts = SelectStatement::new();
    for (index, statement) in statements.into_iter().enumerate() {
        counts.expr(add(&mut with, index, statement));
    }
    with.query(counts)
}

fn all_or_nothing(writes: Vec<Write>) -> WithQuery {
    let mut with = Query::with();
    let mut is_complete = Condition::all();
    for (index, write) in writes.into_iter().enumerate() {
        let touched = add(&mut with, index, write.statement);
        if write.refusal.is_some() {
            is_complete = is_complete.add(touched.eq(1));
        }
    }
    let divisor = CaseStatement::new().case(is_complete, 1).finally(0);
    with.query(
        SelectStatement::new()
            .expr(Expr::val(1).div(Expr::Case(Box::new(divisor))))
            .to_owned(),
    )
}

/// Makes the statement a part of the query; returns the number of rows that it touches.
fn add(with: &mut WithClause, index: usize, statement: SubQueryStatement) -> Expr {
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
    Expr::SubQuery(None, Box::new(rows.into()))
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
