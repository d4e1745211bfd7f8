//! Writes that wait for each other, and the one text that they become.

use sea_orm::sea_query::{
    CaseStatement, CommonTableExpression, DeleteStatement, Expr, Func, InsertStatement, Query,
    SelectStatement, SubQueryStatement, UpdateStatement, WithClause, WithQuery,
};
use sea_orm::{
    Condition, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExprTrait, Statement,
};

use crate::error::StorageError;

/// A write whose only result is how many rows it touched.
#[derive(Debug)]
pub(crate) struct Write {
    pub(super) table: &'static str,
    pub(super) statement: SubQueryStatement,
    /// How many rows it has to touch, and what it means when it did not; `None` if that does not matter.
    pub(super) expected: Option<(u64, StorageError)>,
}

impl Write {
    /// Must touch one row, or the transaction fails with `refusal`.
    pub(crate) fn one(
        table: &'static str,
        statement: impl Into<SubQueryStatement>,
        refusal: StorageError,
    ) -> Self {
        Self::rows(1, table, statement, refusal)
    }

    /// Must touch as many rows, or the transaction fails with `refusal`.
    pub(crate) fn rows(
        count: u64,
        table: &'static str,
        statement: impl Into<SubQueryStatement>,
        refusal: StorageError,
    ) -> Self {
        Self {
            table,
            statement: statement.into(),
            expected: Some((count, refusal)),
        }
    }

    /// May touch any number of rows.
    pub(crate) fn any(table: &'static str, statement: impl Into<SubQueryStatement>) -> Self {
        Self {
            table,
            statement: statement.into(),
            expected: None,
        }
    }

    /// Writes nothing, and keeps what is written with it from being written if it finds a row.
    pub(super) fn unless(question: SelectStatement) -> Self {
        Self {
            table: "",
            statement: question.into(),
            expected: Some((0, StorageError::NeedsTransaction)),
        }
    }

    pub(super) const fn only_looks(&self) -> bool {
        matches!(self.statement, SubQueryStatement::SelectStatement(_))
    }
}

pub(super) fn build(backend: DbBackend, statement: &SubQueryStatement) -> Statement {
    match statement {
        SubQueryStatement::SelectStatement(select) => backend.build(select),
        SubQueryStatement::InsertStatement(insert) => backend.build(insert),
        SubQueryStatement::UpdateStatement(update) => backend.build(update),
        SubQueryStatement::DeleteStatement(delete) => backend.build(delete),
        SubQueryStatement::WithStatement(with) => backend.build(with),
    }
}

pub(super) async fn count_at_once(
    transaction: &DatabaseTransaction,
    statements: Vec<SubQueryStatement>,
) -> Result<Vec<u64>, DbErr> {
    let count = statements.len();
    let counted = transaction.query_one(&at_once(statements)).await?;
    let counted = counted.ok_or_else(|| DbErr::RecordNotFound("the counts".to_owned()))?;
    (0..count)
        .map(|index| Ok(counted.try_get_by_index::<i64>(index)?.unsigned_abs()))
        .collect()
}

pub(super) async fn count_in_sequence(
    transaction: &DatabaseTransaction,
    statements: Vec<SubQueryStatement>,
) -> Result<Vec<u64>, DbErr> {
    let mut touched = vec![0; statements.len()];
    let all = in_sequence(statements);
    for row in transaction.query_all_raw(all).await? {
        let index: i32 = row.try_get_by_index(0)?;
        let count = usize::try_from(index)
            .ok()
            .and_then(|index| touched.get_mut(index));
        *count.ok_or_else(|| DbErr::Type("a row of no statement".to_owned()))? += 1;
    }
    Ok(touched)
}

/// The statements one after the other; each row that one of them touches comes back as its index.
fn in_sequence(statements: Vec<SubQueryStatement>) -> Statement {
    let mut text = String::new();
    let mut values = Vec::new();
    for (index, statement) in statements.into_iter().enumerate() {
        let statement = build(
            DbBackend::Sqlite,
            &returning(statement, Expr::cust(index.to_string())),
        );
        text.push_str(&statement.sql);
        text.push(';');
        values.extend(statement.values.into_iter().flatten());
    }
    Statement::from_sql_and_values(DbBackend::Sqlite, text, values)
}

fn at_once(statements: Vec<SubQueryStatement>) -> WithQuery {
    let mut with = Query::with();
    let mut counts = SelectStatement::new();
    for (index, statement) in statements.into_iter().enumerate() {
        counts.expr(add(&mut with, index, statement));
    }
    with.query(counts)
}

pub(super) fn all_or_nothing(writes: Vec<Write>) -> WithQuery {
    let mut with = Query::with();
    let mut is_complete = Condition::all();
    for (index, write) in writes.into_iter().enumerate() {
        let touched = add(&mut with, index, write.statement);
        if let Some((count, _)) = write.expected {
            is_complete = is_complete.add(touched.eq(count));
        }
    }
    let divisor = CaseStatement::new().case(is_complete, 1).finally(0);
    with.query(
        SelectStatement::new()
            .expr(Expr::val(1).div(Expr::Case(Box::new(divisor))))
            .to_owned(),
    )
}

/// What [`all_or_nothing`] is on PostgreSQL, as a text of several statements between an opening and an
/// end that is not reached when a write does not touch what it has to: then the absolute value of the
/// smallest integer is asked for, which overflows.
/// `changes()` is about the last statement that wrote: <https://www.sqlite.org/lang_corefunc.html#changes>.
pub(crate) fn all_or_nothing_text(opening: &str, writes: Vec<Write>, end: &str) -> Statement {
    let mut text = format!("{opening};");
    let mut values = Vec::new();
    for write in writes {
        let statement = build(DbBackend::Sqlite, &write.statement);
        values.extend(statement.values.into_iter().flatten());
        let sql = statement.sql;
        let refused = if write.only_looks() {
            Some(format!("EXISTS ({sql})"))
        } else {
            text.extend([&sql, ";"]);
            let expected = write.expected;
            expected.map(|(count, _)| format!("(changes() <> {count})"))
        };
        if let Some(refused) = refused {
            text.extend(["SELECT abs(-9223372036854775807 - ", &refused, ");"]);
        }
    }
    text.push_str(end);
    Statement::from_sql_and_values(DbBackend::Sqlite, text, values)
}

/// Makes the statement a part of the query; returns the number of rows that it touches.
fn add(with: &mut WithClause, index: usize, statement: SubQueryStatement) -> Expr {
    let name = format!("w{index}");
    with.cte(
        CommonTableExpression::new()
            .table_name(name.clone())
            .query(returning(statement, Expr::cust("1")))
            .to_owned(),
    );
    let rows = Query::select()
        .expr(Func::count(Expr::val(1)))
        .from(name)
        .to_owned();
    Expr::SubQuery(None, Box::new(rows.into()))
}

/// The statement with `mark` as the one column of each row that it touches or finds.
fn returning(statement: SubQueryStatement, mark: Expr) -> SubQueryStatement {
    let marked = Query::returning().expr(mark.clone());
    match statement {
        SubQueryStatement::InsertStatement(mut insert) => {
            <InsertStatement>::returning(&mut insert, marked)
                .to_owned()
                .into()
        }
        SubQueryStatement::UpdateStatement(mut update) => {
            <UpdateStatement>::returning(&mut update, marked)
                .to_owned()
                .into()
        }
        SubQueryStatement::DeleteStatement(mut delete) => {
            <DeleteStatement>::returning(&mut delete, marked)
                .to_owned()
                .into()
        }
        SubQueryStatement::SelectStatement(mut select) => {
            select.clear_selects().expr(mark).limit(1).to_owned().into()
        }
        other @ SubQueryStatement::WithStatement(_) => other,
    }
}
