//! What calls about a store have in common: which store is meant, and what its URL may be.

use domain::{ClientId, InstitutionId, Store, StoreId};
use platforms::PlatformFacts;
use storage::{Executor, StorageError, Tx, clients, stores};
use url::Url;

use crate::Broker;
use crate::field::FieldError;

/// Ids as they were sent. What is no id of ours is an id that nobody has.
pub(crate) struct StoreRef {
    pub(crate) client: Option<ClientId>,
    pub(crate) store: Option<StoreId>,
}

impl StoreRef {
    pub(crate) fn read(client_id: &str, store_id: &str) -> Self {
        Self {
            client: client_id.parse().ok(),
            store: store_id.parse().ok(),
        }
    }

    /// The store, if it belongs to that client of that institution.
    pub(crate) async fn find(
        &self,
        db: &impl Executor,
        institution: InstitutionId,
    ) -> Result<Option<Store>, StorageError> {
        let Some(id) = self.store else {
            return Ok(None);
        };
        let found = stores::find(db, institution, id).await?;
        Ok(found.filter(|store| Some(store.client) == self.client))
    }

    /// Like [`StoreRef::find`], with the store locked until the transaction ends.
    pub(crate) async fn find_locked(
        &self,
        tx: &Tx,
        institution: InstitutionId,
    ) -> Result<Option<Store>, StorageError> {
        let Some(id) = self.store else {
            return Ok(None);
        };
        let found = stores::find_locked(tx, institution, id).await?;
        Ok(found.filter(|store| Some(store.client) == self.client))
    }

    /// Whether the institution has such a client at all.
    pub(crate) async fn has_client(
        &self,
        db: &impl Executor,
        institution: InstitutionId,
    ) -> Result<bool, StorageError> {
        let Some(id) = self.client else {
            return Ok(false);
        };
        Ok(clients::find(db, institution, id).await?.is_some())
    }
}

impl Broker {
    /// The URL of a store, if the platform and the guard of outgoing calls can take it.
    pub(crate) fn read_store_url(
        &self,
        facts: &PlatformFacts,
        text: &str,
    ) -> Result<Url, FieldError> {
        let url = self
            .egress()
            .check_url(text)
            .map_err(|refused| FieldError::new("store_url", format!("is refused: {refused}")))?;
        facts.check_store_url(&url).map_err(|_| {
            let example = facts.store_url.example;
            FieldError::new("store_url", format!("must have the form of {example}"))
        })?;
        Ok(url)
    }
}
