//! One order in which rows of a table are locked that one statement changes together.

use sea_orm::sea_query::{Condition, Expr, IntoCondition, LockType, Order, Query};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, IntoSimpleExpr};

use crate::executor::{Executor, Tx};

/// Whether a row is one of `those`, for an update that may meet another of the same rows. Each statement scans
/// its rows as its plan has it, and two that lock the same rows in different orders would wait for each other
/// until PostgreSQL ends one of them as a deadlock. So the rows are locked by their ids before any is changed,
/// and no harder than an update locks them: rows that only refer to them are not held up. SQLite, which has one
/// writer, takes no such lock.
/// <https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-DEADLOCKS>
///
/// The rows are found and locked once, before any of them is changed: of a plain `IN`, PostgreSQL may
/// decide to do it again for each row that it compares with them.
pub(crate) fn locked_in_order<E: EntityTrait>(
    tx: &Tx,
    table: E,
    id: E::Column,
    those: impl IntoCondition,
) -> Condition {
    if tx.connection().get_database_backend() == DbBackend::Sqlite {
        return those.into_condition();
    }
    let locked = Query::select()
        .column(id)
        .from(table)
        .cond_where(those)
        .order_by(id, Order::Asc)
        .lock(LockType::NoKeyUpdate)
        .to_owned();
    let locked = Expr::SubQuery(None, Box::new(locked.into()));
    Condition::all().add(Expr::cust_with_exprs(
        "$1 = ANY(ARRAY $2)",
        [id.into_simple_expr(), locked],
    ))
}
