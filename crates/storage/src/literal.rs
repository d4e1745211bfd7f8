//! Words that stand in the text of a query.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ExprTrait};

/// The column has this word of ours. A worker's query says it as its partial index does: of a parameter
/// neither SQLite nor a prepared plan of PostgreSQL knows whether the index covers it, and both would walk
/// through the table instead. See <https://www.sqlite.org/partialindex.html>.
pub(crate) fn is_word(column: impl ColumnTrait, word: &'static str) -> Expr {
    column.into_expr().eq(Expr::cust(format!("'{word}'")))
}
