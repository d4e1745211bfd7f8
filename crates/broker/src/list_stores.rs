//! `store/list`: the stores of an institution, page by page.

use domain::{AuthStatus, ClientId, Institution, Platform, StoreId};
use storage::stores::StoreFilter;
use storage::{StorageError, clients, stores};

use crate::Broker;
use crate::internal::Internal;
use crate::snapshot::Snapshot;

pub struct ListStores {
    pub client_id: Option<String>,
    pub platform: Option<Platform>,
    pub auth_status: Option<AuthStatus>,
    pub cursor: Option<String>,
    pub limit: u64,
}

#[derive(Debug)]
pub struct StorePage {
    pub stores: Vec<Snapshot>,
    /// `None` on the last page.
    pub next_cursor: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ListStoresError {
    #[error("user not exist")]
    UnknownClient,
    #[error("cursor is not one of ours")]
    Cursor,
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl From<StorageError> for ListStoresError {
    fn from(error: StorageError) -> Self {
        Self::Internal(error.into())
    }
}

impl Broker {
    /// Stores in the order of their creation. A cursor is the id of the last store of a page, so that a
    /// store that is created or unbound meanwhile moves nothing.
    pub async fn list_stores(
        &self,
        institution: &Institution,
        query: ListStores,
    ) -> Result<StorePage, ListStoresError> {
        let client = match &query.client_id {
            Some(text) => Some(self.find_client(institution, text).await?),
            None => None,
        };
        let after = match &query.cursor {
            Some(text) => Some(
                text.parse::<StoreId>()
                    .map_err(|_| ListStoresError::Cursor)?,
            ),
            None => None,
        };
        let filter = StoreFilter {
            client,
            platform: query.platform,
            status: query.auth_status,
            after,
        };
        // One more than the page holds tells whether there is another.
        let mut found =
            stores::list(self.storage(), institution.id, filter, query.limit + 1).await?;
        let page = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let has_more = found.len() > page;
        found.truncate(page);
        let next_cursor = match found.last() {
            Some(last) if has_more => Some(last.id.to_string()),
            _ => None,
        };
        Ok(StorePage {
            stores: found.iter().map(Snapshot::of).collect(),
            next_cursor,
        })
    }

    async fn find_client(
        &self,
        institution: &Institution,
        text: &str,
    ) -> Result<ClientId, ListStoresError> {
        let Ok(id) = text.parse() else {
            return Err(ListStoresError::UnknownClient);
        };
        let found = clients::find(self.storage(), institution.id, id).await?;
        Ok(found.ok_or(ListStoresError::UnknownClient)?.id)
    }
}
