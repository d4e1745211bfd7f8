//! `store/unbind`: the end of a store.

use std::sync::{Mutex, PoisonError};

use domain::{AuthorizationState, EventType, StoreState};
use storage::{Tx, authorizations, claims, grants, stores};

use crate::Broker;
use crate::caller::{CallError, Caller};
use crate::internal::Internal;
use crate::revocation::GivenUp;
use crate::store_request::StoreRef;

pub struct UnbindStore {
    pub client_id: String,
    pub store_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnbindStoreError {
    #[error("user not exist")]
    UnknownClient,
    #[error("store not exist")]
    UnknownStore,
}

impl Broker {
    /// Ends the store for good: an attempt under way is dead, and the institution is told. The credential
    /// is erased and the claims are free at once, or when the platform has given the credential up.
    pub async fn unbind_store(
        &self,
        caller: &Caller,
        command: UnbindStore,
    ) -> Result<(), CallError<UnbindStoreError>> {
        let institution = &caller.institution;
        let meant = StoreRef::read(&command.client_id, &command.store_id);
        // The work may be done twice, and is logged once.
        let told = Mutex::new(None);
        self.change_once(caller, "store/unbind", async |tx: &Tx| {
            let Some(store) = meant.find_locked(tx, institution.id).await? else {
                return Ok(Err(if meant.has_client(tx, institution.id).await? {
                    UnbindStoreError::UnknownStore
                } else {
                    UnbindStoreError::UnknownClient
                }));
            };
            if let Some(attempt) = store.current_attempt() {
                self.supersede(tx, &store, attempt).await?;
            }
            let mut is_given_up = false;
            if let StoreState::Success(authorized) = &store.state {
                let grant = authorized.grant;
                is_given_up = self
                    .give_up_grant(tx, &store, grant, GivenUp::Unbound)
                    .await?;
                grants::end(tx, grant, self.now()).await?;
            }
            // Until the platform has given the credential up, nobody else may be granted it again: it could be
            // the same one.
            if !is_given_up {
                claims::free(tx, store.id).await?;
            }
            let unbound = store.unbind();
            stores::update_unbound(tx, &unbound, self.now()).await?;
            let event = self
                .tell_store(tx, institution, EventType::StoreUnbound, &unbound)
                .await?;
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some((unbound.id, event));
            Ok(Ok(()))
        })
        .await?;
        if let Some((store, event)) = told.into_inner().unwrap_or_else(PoisonError::into_inner) {
            tracing::info!(store.id = %store, event.id = %event, "a store was unbound");
        }
        Ok(())
    }

    /// Ends an attempt because another took its place, or because its store is gone. Its link is dead
    /// from here on, and an exchange of it that is under way will commit nothing.
    pub(crate) async fn supersede(
        &self,
        tx: &Tx,
        store: &domain::Store,
        attempt: domain::AuthorizationId,
    ) -> Result<(), Internal> {
        let found = authorizations::find_locked(tx, store.institution, attempt).await?;
        let Some(authorization) = found else {
            return Err(Internal::new("the attempt of a store is missing"));
        };
        let before: AuthorizationState = authorization.state.clone();
        let superseded = authorization.supersede().map_err(Internal::new)?;
        Ok(authorizations::finish(tx, &before, &superseded, self.now()).await?)
    }
}
