//! Attempts of our own beside a grant that needs its seller: the link is ready when the institution is told.

use domain::{
    AuthType, Authorization, AuthorizationId, AuthorizationState, EventId, EventType, GrantId,
    Reauthorization, ScopeCoverage, ShopLabel, Store, StoreState,
};
use platforms::adapter;
use storage::authorizations::Carried;
use storage::{Tx, authorizations, grants, institutions, stores};

use crate::Broker;
use crate::change::Decision;
use crate::field::FieldError;
use crate::internal::Internal;
use crate::options::ReadyLinks;

impl Broker {
    /// The shop that has to answer where a grant is renewed: the grant's own, whatever the store's URL says.
    /// Its identity counts at the end; `named` is what the institution says that it is called.
    pub(crate) async fn shop_of_grant(
        &self,
        tx: &Tx,
        store: &Store,
        grant: GrantId,
        named: Option<ShopLabel>,
    ) -> Decision<Option<ShopLabel>, FieldError> {
        let held = grants::find_live(tx, store.institution, grant).await?;
        let held = held.ok_or_else(|| Internal::new("the grant of a store is missing"))?;
        let problem = || FieldError::new("seller_id", "contradicts the shop that is authorized");
        Ok(match (held.shop.label, named) {
            (Some(own), Some(named)) if own != named => Err(problem()),
            (own, named) => Ok(own.or(named)),
        })
    }

    /// Puts an attempt beside the grant, in place of the one that we put there before; returns the store as
    /// it is to be written, and the link. There is none while the institution's own attempt runs or any code is
    /// being exchanged, and none where nothing is authorized by URL.
    pub(crate) async fn offer_reauthorization(
        &self,
        tx: &Tx,
        store: Store,
        grant: GrantId,
    ) -> Result<(Store, Option<String>), Internal> {
        let StoreState::Success(authorized) = &store.state else {
            return Ok((store, None));
        };
        if self.options().ready_links == ReadyLinks::Withheld {
            return Ok((store, None));
        }
        let is_asked_for = matches!(
            authorized.reauthorization,
            Some(Reauthorization::Processing { .. })
        );
        if is_asked_for || adapter(store.platform).code_flow().is_none() {
            return Ok((store, None));
        }
        let app = self.find_app(tx, store.platform, store.institution).await?;
        let held = grants::find_live(tx, store.institution, grant).await?;
        let (Some(app), Some(held)) = (app, held) else {
            return Ok((store, None));
        };
        if self.is_exchanging_beside(tx, &store).await? {
            return Ok((store, None));
        }
        if let Some(before) = store.current_attempt() {
            self.supersede(tx, &store, before).await?;
        }
        let now = self.now();
        let authorization = Authorization {
            id: AuthorizationId::new(self.next_id()),
            store: store.id,
            institution: store.institution,
            platform: store.platform,
            app: Some(app.id),
            auth_type: AuthType::Url,
            expected_shop: held.shop.label,
            seller_id: store.seller_id.clone(),
            beside: Some(grant),
            redirect_url: None,
            deadline_at: now + self.options().hosted_deadline,
            created_at: now,
            state: AuthorizationState::Pending,
        };
        authorizations::insert(tx, &authorization, Carried::HostedLink).await?;
        let link = self.open_hosted_link(tx, &authorization).await?;
        let store = store
            .offer(grant, authorization.id)
            .map_err(Internal::new)?;
        Ok((store, Some(link)))
    }

    /// Whether a code of the attempt beside the store's grant is being exchanged: what it brings heals the
    /// grant, and nothing of ours may end it. It stays so until the transaction ends.
    pub(crate) async fn is_exchanging_beside(
        &self,
        tx: &Tx,
        store: &Store,
    ) -> Result<bool, Internal> {
        let Some(attempt) = store.current_attempt() else {
            return Ok(false);
        };
        let found = authorizations::find_locked(tx, store.institution, attempt).await?;
        Ok(found
            .is_some_and(|beside| matches!(beside.state, AuthorizationState::Exchanging { .. })))
    }

    /// Writes a store whose scopes have changed, and tells, with a link where some are missing. The event is to
    /// be logged when it is committed.
    pub(crate) async fn tell_scopes(
        &self,
        tx: &Tx,
        store: Store,
        grant: GrantId,
    ) -> Result<EventId, Internal> {
        let found = institutions::find(tx, store.institution).await?;
        let institution = found.ok_or_else(|| Internal::new("a store of no institution"))?;
        let authorized = store.authorized_by(grant).map_err(Internal::new)?;
        let (store, link) = match authorized.coverage {
            ScopeCoverage::Missing => self.offer_reauthorization(tx, store, grant).await?,
            ScopeCoverage::Complete => (store, None),
        };
        stores::update(tx, &store).await?;
        let event_type = EventType::StoreAuthScopesChanged;
        let event = self
            .tell_store_with(tx, &institution, event_type, &store, link)
            .await?;
        Ok(event)
    }
}
