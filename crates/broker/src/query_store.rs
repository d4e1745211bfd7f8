//! `store/query`: a store as it is, or as soon as it has changed.

use std::time::Duration;

use domain::{Institution, Store};
use storage::{News, StorageError};
use tokio::sync::watch;

use crate::Broker;
use crate::internal::Internal;
use crate::snapshot::Snapshot;
use crate::store_request::StoreRef;

/// How long a waiting query trusts that it will be woken before it looks by itself.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(1);

pub struct QueryStore {
    pub client_id: String,
    pub store_id: String,
    /// How long to wait for an event of the store.
    pub wait: Duration,
    /// Which sequence the caller has seen; by default the one at the call.
    pub after_sequence: Option<i64>,
}

#[derive(Debug, thiserror::Error)]
pub enum QueryStoreError {
    #[error("user not exist")]
    UnknownClient,
    #[error("store not exist")]
    UnknownStore,
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl From<StorageError> for QueryStoreError {
    fn from(error: StorageError) -> Self {
        Self::Internal(error.into())
    }
}

impl Broker {
    /// The snapshot of a store, at once when its sequence is above the one that the caller has seen, else
    /// when it rises above it or the wait is over. No database connection is held meanwhile.
    pub async fn query_store(
        &self,
        institution: &Institution,
        query: QueryStore,
    ) -> Result<Snapshot, QueryStoreError> {
        let meant = StoreRef::read(&query.client_id, &query.store_id);
        let give_up = tokio::time::Instant::now() + query.wait;
        let mut commits = self.storage().commits(News::Outcomes);
        let mut store = self.find_store(institution, &meant).await?;
        let seen = query.after_sequence.unwrap_or(store.sequence);
        loop {
            let left = give_up.saturating_duration_since(tokio::time::Instant::now());
            if store.sequence > seen || left.is_zero() || self.hurry().is_cancelled() {
                return Ok(Snapshot::of(&store));
            }
            // Whether woken or not, the row says what is so. The sender lives as long as the storage.
            self.pause(left, &mut commits).await;
            store = self.find_store(institution, &meant).await?;
        }
    }

    /// Waits until something was committed that may matter, at most for `left`, and not at all in a process
    /// that is about to end.
    pub(crate) async fn pause(&self, left: Duration, commits: &mut watch::Receiver<u64>) {
        tokio::select! {
            _ = tokio::time::timeout(left.min(LOOK_AGAIN), commits.changed()) => {}
            () = self.hurry().cancelled() => {}
        }
    }

    async fn find_store(
        &self,
        institution: &Institution,
        meant: &StoreRef,
    ) -> Result<Store, QueryStoreError> {
        if let Some(store) = meant.find(self.storage(), institution.id).await? {
            return Ok(store);
        }
        if meant.has_client(self.storage(), institution.id).await? {
            Err(QueryStoreError::UnknownStore)
        } else {
            Err(QueryStoreError::UnknownClient)
        }
    }
}
