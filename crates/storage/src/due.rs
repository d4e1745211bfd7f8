//! Tables whose rows are work: what is due, who gets it, and what becomes of a row that nobody can read.

use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::error::StorageError;
use crate::executor::{Executor, Tx};

/// What is due in a table, and the column that says since when.
pub(crate) struct Due<E: EntityTrait> {
    pub(crate) condition: Condition,
    pub(crate) since: E::Column,
}

impl<E: EntityTrait> Due<E> {
    /// Whether there is any; asked before a transaction is opened for it. In the order of the index: a database
    /// that expects to find one soon would walk through the whole table otherwise, and when there is none it
    /// would not stop.
    pub(crate) async fn exists(self, db: &impl Executor) -> Result<bool, StorageError> {
        let found: Option<i64> = E::find()
            .select_only()
            .column(self.since)
            .filter(self.condition)
            .order_by_asc(self.since)
            .limit(1)
            .into_tuple()
            .one(db.connection())
            .await?;
        Ok(found.is_some())
    }

    /// The longest due, locked, without those that somebody else has locked.
    pub(crate) async fn lock(self, tx: &Tx, limit: u64) -> Result<Vec<E::Model>, StorageError> {
        let rows = E::find()
            .filter(self.condition)
            .order_by_asc(self.since)
            .limit(limit)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(tx.connection())
            .await?;
        Ok(rows)
    }

    /// What can be read of the longest due, for work that needs no lease. A row that cannot be read stays where
    /// it is, so that the others are looked for behind it.
    pub(crate) async fn list<T>(
        self,
        db: &impl Executor,
        limit: u64,
        problem: &'static str,
        read: impl Fn(E::Model) -> Result<T, StorageError>,
    ) -> Result<Vec<T>, StorageError> {
        let question = E::find()
            .filter(self.condition)
            .order_by_asc(self.since)
            .limit(limit);
        let mut offset = 0;
        loop {
            let rows = question.clone().offset(offset).all(db.connection()).await?;
            let are_all = rows.is_empty();
            let found = readable(rows, problem, &read);
            if are_all || !found.is_empty() {
                return Ok(found);
            }
            offset += limit;
        }
    }
}

/// What can be read of the rows. One that cannot must not hold up the others; it comes again when its lease is
/// over, if it has one, and `problem` is logged each time.
pub(crate) fn readable<R, T>(
    rows: impl IntoIterator<Item = R>,
    problem: &'static str,
    mut read: impl FnMut(R) -> Result<T, StorageError>,
) -> Vec<T> {
    let read_or_tell = |row| match read(row) {
        Ok(work) => Some(work),
        Err(error) => {
            tracing::error!(%error, "{problem}");
            None
        }
    };
    rows.into_iter().filter_map(read_or_tell).collect()
}
