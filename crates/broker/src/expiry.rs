//! Grants that come to their end.

use domain::{EventId, EventType, FailReason, GrantId, Institution, Store};
use platforms::{Refresh, RefreshStrategy, adapter};
use storage::grants::EndingGrant;
use storage::{Tx, claims, grants, institutions, refreshes, stores};

use crate::Broker;
use crate::internal::Internal;
use crate::workers::Progress;

const BATCH: u64 = 100;

impl Broker {
    /// Tells of ends ahead that no renewal prevents, and ends grants past theirs: the store is FAILED with
    /// `AUTH_EXPIRED`, its claims are free, and the institution is told.
    pub async fn expiry_step(&self) -> Result<Progress, Internal> {
        let (storage, now) = (self.storage(), self.now());
        let ending = grants::list_ending_for_worker(storage, now, BATCH).await?;
        let mut expired = grants::list_expired_for_worker(storage, now, BATCH).await?;
        expired.extend(grants::list_unrenewable_for_worker(storage, now, BATCH).await?);
        if ending.is_empty() && expired.is_empty() {
            return Ok(Progress::Idle);
        }
        for grant in ending {
            let told = storage
                .write(async |tx: &Tx| self.tell_end_ahead(tx, grant).await)
                .await?;
            if let Some(event) = told {
                tracing::info!(store.id = %grant.store, event.id = %event, "a grant ends soon");
            }
        }
        for grant in expired {
            let told = storage
                .write(async |tx: &Tx| self.expire(tx, grant).await)
                .await?;
            if let Some(event) = told {
                tracing::info!(store.id = %grant.store, event.id = %event, "a grant expired");
            }
        }
        Ok(Progress::Worked)
    }

    /// The event that tells it, unless it was told already or the end has moved.
    async fn tell_end_ahead(
        &self,
        tx: &Tx,
        ending: EndingGrant,
    ) -> Result<Option<EventId>, Internal> {
        let store = stores::find_locked(tx, ending.institution, ending.store).await?;
        let institution = institutions::find(tx, ending.institution).await?;
        if !grants::take_notice(tx, ending.grant, self.now()).await? {
            return Ok(None);
        }
        let (Some(store), Some(institution)) = (store, institution) else {
            return Ok(None);
        };
        let Ok(store) = store.expire_soon(ending.grant, ending.ends_at) else {
            return Ok(None);
        };
        stores::update(tx, &store).await?;
        let event = self
            .tell_store(tx, &institution, EventType::StoreAuthExpiring, &store)
            .await?;
        Ok(Some(event))
    }

    /// The event that tells it, unless there is nothing to end any more.
    async fn expire(&self, tx: &Tx, expired: EndingGrant) -> Result<Option<EventId>, Internal> {
        let store = stores::find_locked(tx, expired.institution, expired.store).await?;
        let institution = institutions::find(tx, expired.institution).await?;
        let (Some(store), Some(institution)) = (store, institution) else {
            return Ok(None);
        };
        let now = self.now();
        if !grants::is_past_its_end(tx, expired.grant, now).await? {
            return Ok(None);
        }
        let strategy = adapter(expired.platform).refresh().map(Refresh::strategy);
        if strategy == Some(RefreshStrategy::AppSigned) {
            refreshes::begin_for_worker(tx, expired.grant, now).await?;
            return Ok(None);
        }
        // Somebody unbound the store, or ended the grant, before we got the lock.
        let reason = FailReason::AuthExpired;
        let Ok(store) = store.lose_grant(expired.grant, reason) else {
            return Ok(None);
        };
        let event = self
            .end_grant(tx, &institution, &store, expired.grant, reason)
            .await?;
        Ok(Some(event))
    }

    /// Writes the end of a grant that `store` has just lost, and the event that tells it.
    pub(crate) async fn end_grant(
        &self,
        tx: &Tx,
        institution: &Institution,
        store: &Store,
        ended: GrantId,
        reason: FailReason,
    ) -> Result<EventId, Internal> {
        grants::end(tx, ended, self.now()).await?;
        claims::free(tx, store.id).await?;
        stores::update(tx, store).await?;
        self.tell_store(tx, institution, reason.event_type(), store)
            .await
    }
}
