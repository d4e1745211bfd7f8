//! `store/create`: one shop of a client on one platform.

use domain::{ClientId, Platform, Store, StoreId, StoreState};
use platforms::adapter;
use storage::{Tx, clients, stores};

use crate::Broker;
use crate::caller::{CallError, Caller};
use crate::field::FieldError;

pub struct CreateStore {
    pub client_id: String,
    pub platform: Platform,
    pub store_url: String,
    pub name: String,
    pub category: String,
    pub extra_info: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateStoreError {
    #[error("user not exist")]
    UnknownClient,
    #[error(transparent)]
    Field(#[from] FieldError),
}

impl Broker {
    pub async fn create_store(
        &self,
        caller: &Caller,
        command: CreateStore,
    ) -> Result<StoreId, CallError<CreateStoreError>> {
        let institution = caller.institution.id;
        self.change_once(caller, "store/create", async |tx: &Tx| {
            let facts = adapter(command.platform).facts();
            if let Err(problem) = self.read_store_url(facts, &command.store_url) {
                return Ok(Err(problem.into()));
            }
            let client = match command.client_id.parse::<ClientId>() {
                Ok(id) => clients::find(tx, institution, id).await?,
                Err(_) => None,
            };
            let Some(client) = client else {
                return Ok(Err(CreateStoreError::UnknownClient));
            };
            let store = Store {
                id: StoreId::new(self.next_id()),
                institution,
                client: client.id,
                platform: command.platform,
                store_url: command.store_url.clone(),
                name: command.name.clone(),
                category: command.category.clone(),
                extra_info: command.extra_info.clone(),
                seller_id: None,
                auth_type: None,
                state: StoreState::Unauthorized,
                sequence: 0,
                revision: 1,
                created_at: self.now(),
            };
            stores::insert(tx, &store).await?;
            Ok(Ok(store.id))
        })
        .await
    }
}
