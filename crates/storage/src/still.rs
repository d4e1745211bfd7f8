//! Conditions on rows that are found by their ids.

use sea_orm::sea_query::{Expr, Func};

/// What rows that are named by their ids still have to be, for nothing but a look at those rows.
///
/// An index of what waits is empty most of the time, and so are PostgreSQL's statistics of it. To a statement
/// that names rows by their ids and says of them what such an index says of its own, it promises a shorter way
/// than the primary key: through one row at most. When much waits after all, that way leads through all of it,
/// for each statement, until the statistics are made anew. In this dress no index knows the condition.
/// <https://www.postgresql.org/docs/current/indexes-partial.html>
pub(crate) fn still(condition: Expr) -> Expr {
    Func::coalesce([condition, Expr::val(false)]).into()
}
