//! What a caller can do about a failure of the database.

use std::fmt::Display;
use std::sync::Arc;

use sea_orm::{DbErr, RuntimeErr};

#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The database did not answer, or refused. Nothing of the transaction was kept.
    #[error("the database failed")]
    Database(#[from] DbErr),
    /// The database did not commit the transaction, nor those of others that shared its commit.
    #[error("the database failed to commit")]
    Commit(#[source] Arc<DbErr>),
    /// The nonce of a call was used before.
    #[error("the nonce was used before")]
    NonceUsed,
    /// An attempt without a transaction came to something that needs one; nothing was written.
    #[error("this cannot be done without a transaction")]
    NeedsTransaction,
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

    /// Whether this transaction was refused for what was in it, while the database is well.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Database(error) => is_database_error(error),
            Self::Commit(_) => false,
            Self::NonceUsed
            | Self::NeedsTransaction
            | Self::Corrupt { .. }
            | Self::Stale { .. }
            | Self::Unsealable { .. } => true,
        }
    }

    pub(crate) fn stale(table: &'static str, id: impl Display) -> Self {
        Self::Stale {
            table,
            id: id.to_string(),
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
            Err(Self::stale(table, id))
        }
    }
}

/// Whether the database said so itself; it does not where it cannot be reached.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "sea-orm may add kinds of errors, and only these two come from a statement"
)]
fn is_database_error(error: &DbErr) -> bool {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
            matches!(**cause, sqlx::Error::Database(_))
        }
        _ => false,
    }
}
