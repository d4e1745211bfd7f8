//! One order in which rows of a table are locked that one statement changes together.

use sea_orm::sea_query::{Expr, IntoCondition, LockType, Order, Query};
use sea_orm::{ColumnTrait, EntityTrait};

/// Whether a row is one of `those`, for an update that may meet another of the same rows. Each statement scans
/// its rows as its plan has it, and two that lock the same rows in different orders would wait for each other
/// until PostgreSQL ends one of them as a deadlock. So the rows are locked by their ids before any is changed,
/// and no harder than an update locks them: rows that only refer to them are not held up. SQLite, which has one
/// writer, takes no such lock.
/// <https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-DEADLOCKS>
pub(crate) fn locked_in_order<E: EntityTrait>(
    table: E,
    id: E::Column,
    those: impl IntoCondition,
) -> Expr {
    let locked = Query::select()
        .column(id)
        .from(table)
        .cond_where(those)
        .order_by(id, Order::Asc)
        .lock(LockType::NoKeyUpdate)
        .to_owned();
    id.in_subquery(locked)
}
