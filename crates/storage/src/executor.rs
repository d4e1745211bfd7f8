//! Who can run a query: the storage itself for reads, a transaction for both.

use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{ConnectionTrait, DatabaseTransaction};

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
    pub(crate) transaction: DatabaseTransaction,
    has_news: AtomicBool,
}

impl Tx {
    pub(crate) fn new(transaction: DatabaseTransaction) -> Self {
        Self {
            transaction,
            has_news: AtomicBool::new(false),
        }
    }

    /// Wakes, once this transaction is committed, whoever waits for work or for an outcome. Not every
    /// commit does: a worker that finds nothing commits as well, and would wake itself for ever.
    pub(crate) fn announce(&self) {
        self.has_news.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_news(&self) -> bool {
        self.has_news.load(Ordering::Relaxed)
    }
}

impl Executor for Tx {
    type Connection = DatabaseTransaction;

    fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}
