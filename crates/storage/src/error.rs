//! What a caller can do about a failure of the database.

use std::fmt::Display;

use sea_orm::DbErr;

#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The database did not answer, or refused. Nothing of the transaction was kept.
    #[error("the database failed")]
    Database(#[from] DbErr),
    /// A row that we would not have written.
    #[error("{table} {id} is not readable: {what}")]
    Corrupt {
        table: &'static str,
        id: String,
        what: &'static str,
    },
    /// Somebody else changed the row in between.
    #[error("{table} {id} was changed by somebody else")]
    Stale { table: &'static str, id: String },
    /// A sealed value that none of our keys opens.
    #[error("a sealed value of {place} could not be opened")]
    Unsealable { place: &'static str },
}

impl StorageError {
    pub(crate) fn corrupt(
        table: &'static str,
        id: impl Display + Copy,
        what: &'static str,
    ) -> Self {
        Self::Corrupt {
            table,
            id: id.to_string(),
            what,
        }
    }

    /// An UPDATE that had to touch one row and did not.
    pub(crate) fn expect_one(
        touched: u64,
        table: &'static str,
        id: impl Display + Copy,
    ) -> Result<(), Self> {
        if touched == 1 {
            Ok(())
        } else {
            Err(Self::Stale {
                table,
                id: id.to_string(),
            })
        }
    }
}
