//! Grants that come to their end.

use domain::{EventId, EventType, FailReason, GrantId, Institution, Store};
use platforms::{Refresh, RefreshStrategy, adapter};
use storage::grants::EndingGrant;
use storage::{Tx, claims, grants, institutions, refreshes, stores};

use crate::Broker;
use crate::internal::Internal;
use crate::workers::Progress;

const BATCH: u64 = 100;

/// What came of a grant that is past its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expired {
    Told(EventId),
    /// There is nothing to end any more, or its end is somebody else's to find.
    Untold,
    /// The attempt beside it is about to replace it, or to fail; it is looked at again then.
    NotYet,
}

impl Broker {
    /// Tells of ends ahead that no renewal prevents, and ends grants past theirs: the store is FAILED with
    /// `AUTH_EXPIRED`, its claims are free, and the institution is told.
    pub async fn expiry_step(&self) -> Result<Progress, Internal> {
        let (storage, now, mut progress) = (self.storage(), self.now(), Progress::Idle);
        let ending = grants::list_ending_for_worker(storage, now, BATCH).await?;
        let mut expired = grants::list_expired_for_worker(storage, now, BATCH).await?;
        expired.extend(grants::list_unrenewable_for_worker(storage, now, BATCH).await?);
        if ending.is_empty() && expired.is_empty() {
            return Ok(Progress::Idle);
        }
        for grant in ending {
            progress = Progress::Worked;
            let told = storage
                .write(async |tx: &Tx| self.tell_end_ahead(tx, grant).await)
                .await?;
            if let Some(event) = told {
                tracing::info!(store.id = %grant.store, event.id = %event, "a grant ends soon");
            }
        }
        for grant in expired {
            let expired = storage
                .write(async |tx: &Tx| self.expire(tx, grant).await)
                .await?;
            if expired != Expired::NotYet {
                progress = Progress::Worked;
            }
            if let Expired::Told(event) = expired {
                tracing::info!(store.id = %grant.store, event.id = %event, "a grant expired");
            }
        }
        Ok(progress)
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
        let (store, link) = self.offer_reauthorization(tx, store, ending.grant).await?;
        stores::update(tx, &store).await?;
        let event_type = EventType::StoreAuthExpiring;
        let event = self
            .tell_store_with(tx, &institution, event_type, &store, link)
            .await?;
        Ok(Some(event))
    }

    async fn expire(&self, tx: &Tx, expired: EndingGrant) -> Result<Expired, Internal> {
        let store = stores::find_locked(tx, expired.institution, expired.store).await?;
        let institution = institutions::find(tx, expired.institution).await?;
        let (Some(store), Some(institution)) = (store, institution) else {
            return Ok(Expired::Untold);
        };
        let now = self.now();
        if !grants::is_past_its_end(tx, expired.grant, now).await? {
            return Ok(Expired::Untold);
        }
        if self.is_exchanging_beside(tx, &store).await? {
            return Ok(Expired::NotYet);
        }
        let strategy = adapter(expired.platform).refresh().map(Refresh::strategy);
        if strategy == Some(RefreshStrategy::AppSigned) {
            refreshes::begin_for_worker(tx, expired.grant, now).await?;
            return Ok(Expired::Untold);
        }
        // Somebody unbound the store, or ended the grant, before we got the lock.
        let reason = FailReason::AuthExpired;
        let told = self
            .end_grant(tx, &institution, store, expired.grant, reason)
            .await?;
        Ok(told.map_or(Expired::Untold, Expired::Told))
    }

    /// Ends the grant of a store, with the attempt that may run beside it, and tells. `None`, and nothing is
    /// changed, if the store holds another grant by now, or none.
    pub(crate) async fn end_grant(
        &self,
        tx: &Tx,
        institution: &Institution,
        store: Store,
        ended: GrantId,
        reason: FailReason,
    ) -> Result<Option<EventId>, Internal> {
        let Ok(lost) = store.clone().lose_grant(ended, reason) else {
            return Ok(None);
        };
        if let Some(attempt) = store.current_attempt() {
            self.supersede(tx, &store, attempt).await?;
        }
        grants::end(tx, ended, self.now()).await?;
        claims::free(tx, lost.id).await?;
        stores::update(tx, &lost).await?;
        let event = self
            .tell_store(tx, institution, reason.event_type(), &lost)
            .await?;
        Ok(Some(event))
    }
}
