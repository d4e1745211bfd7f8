//! `store/update`: what an institution may change about a store.

use domain::{AuthStatus, AuthType, Store, StoreId};
use platforms::adapter;
use storage::{Tx, authorizations, stores};
use url::Url;

use crate::Broker;
use crate::caller::{CallError, Caller};
use crate::field::FieldError;
use crate::internal::Internal;
use crate::store_request::StoreRef;

pub struct UpdateStore {
    pub client_id: String,
    pub store_id: String,
    pub store_url: Option<String>,
    pub name: Option<String>,
    pub category: Option<String>,
    pub extra_info: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdateStoreError {
    #[error("store not exist")]
    UnknownStore,
    #[error(transparent)]
    Field(#[from] FieldError),
}

impl Broker {
    /// Changes what is given; the rest stays.
    pub async fn update_store(
        &self,
        caller: &Caller,
        command: UpdateStore,
    ) -> Result<StoreId, CallError<UpdateStoreError>> {
        let meant = StoreRef::read(&command.client_id, &command.store_id);
        self.change(caller, async |tx: &Tx| {
            let Some(store) = meant.find_locked(tx, caller.institution.id).await? else {
                return Ok(Err(UpdateStoreError::UnknownStore));
            };
            if let Some(text) = &command.store_url
                && let Err(problem) = self.check_new_url(tx, &store, text).await?
            {
                return Ok(Err(problem.into()));
            }
            let changed = Store {
                store_url: command.store_url.unwrap_or_else(|| store.store_url.clone()),
                name: command.name.unwrap_or_else(|| store.name.clone()),
                category: command.category.unwrap_or_else(|| store.category.clone()),
                extra_info: command.extra_info.or_else(|| store.extra_info.clone()),
                ..store
            }
            .changed();
            stores::update(tx, &changed).await?;
            Ok(Ok(changed.id))
        })
        .await
    }

    /// A store that is authorized, or about to be, stays where it is: its claim and its credential
    /// belong to that shop. A key goes to the shop whose address its seller was shown, to the folder of it.
    async fn check_new_url(
        &self,
        tx: &Tx,
        store: &Store,
        text: &str,
    ) -> Result<Result<(), FieldError>, Internal> {
        let new = match self.read_store_url(adapter(store.platform).facts(), text) {
            Ok(new) => new,
            Err(problem) => return Ok(Err(problem)),
        };
        let old = Url::parse(&store.store_url).ok();
        let is_bound = match store.status() {
            AuthStatus::Processing | AuthStatus::Success => true,
            AuthStatus::Unauthorized | AuthStatus::Failed => false,
        };
        let is_elsewhere = old.as_ref().is_none_or(|old| old.host() != new.host());
        if is_bound && is_elsewhere {
            let status = store.status().code();
            let problem = format!("must keep its host while auth_status is {status}");
            return Ok(Err(FieldError::new("store_url", problem)));
        }
        let address = |url: &Url| {
            let flow = adapter(store.platform).key_flow()?;
            flow.shop_address(url)
        };
        if old.as_ref().and_then(address) != address(&new) && is_keyed(tx, store).await? {
            let problem = "must stay the same shop's address while a key is waited for or proven";
            return Ok(Err(FieldError::new("store_url", problem)));
        }
        Ok(Ok(()))
    }
}

/// Whether the attempt under way waits for a key, or for the proof of the one that it has.
async fn is_keyed(tx: &Tx, store: &Store) -> Result<bool, Internal> {
    let Some(attempt) = store.current_attempt() else {
        return Ok(false);
    };
    let found = authorizations::find(tx, store.institution, attempt).await?;
    Ok(found.is_some_and(|found| found.auth_type == AuthType::Key))
}
