//! Grants that come to their end.

use domain::{EventId, FailReason, Institution, Store};
use storage::grants::ExpiredGrant;
use storage::{Tx, claims, grants, institutions, stores};

use crate::Broker;
use crate::internal::Internal;
use crate::workers::Progress;

const BATCH: u64 = 100;

impl Broker {
    /// Ends grants past their end: the store is FAILED with `AUTH_EXPIRED`, its claims are free, and the
    /// institution is told.
    pub async fn expiry_step(&self) -> Result<Progress, Internal> {
        let now = self.now();
        let expired = grants::list_expired_for_worker(self.storage(), now, BATCH).await?;
        if expired.is_empty() {
            return Ok(Progress::Idle);
        }
        for grant in expired {
            let told = self
                .storage()
                .write(async |tx: &Tx| self.expire(tx, grant).await)
                .await?;
            if let Some(event) = told {
                tracing::info!(store.id = %grant.store, event.id = %event, "a grant expired");
            }
        }
        Ok(Progress::Worked)
    }

    /// The event that tells it, unless there is nothing to end any more.
    async fn expire(&self, tx: &Tx, expired: ExpiredGrant) -> Result<Option<EventId>, Internal> {
        let store = stores::find_locked(tx, expired.institution, expired.store).await?;
        let institution = institutions::find(tx, expired.institution).await?;
        let (Some(store), Some(institution)) = (store, institution) else {
            return Ok(None);
        };
        // Somebody unbound the store, or ended the grant, before we got the lock.
        let Ok(store) = store.lose_grant(expired.grant, FailReason::AuthExpired) else {
            return Ok(None);
        };
        let event = self.end_grant(tx, &institution, &store, expired).await?;
        Ok(Some(event))
    }

    async fn end_grant(
        &self,
        tx: &Tx,
        institution: &Institution,
        store: &Store,
        ended: ExpiredGrant,
    ) -> Result<EventId, Internal> {
        grants::end(tx, ended.grant, self.now()).await?;
        claims::free(tx, store.id).await?;
        stores::update(tx, store).await?;
        self.tell_store(tx, institution, FailReason::AuthExpired.event_type(), store)
            .await
    }
}
