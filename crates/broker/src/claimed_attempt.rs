//! Attempts that send nobody anywhere: what is to be exchanged is in our hands, so that they are claimed
//! from their first moment on, and a crash before their end is told as `INTERRUPTED`.

use domain::{
    AuthType, Authorization, AuthorizationId, AuthorizationState, LeaseId, ShopLabel, Store,
    StoreState,
};
use platforms::PlatformFacts;
use storage::authorizations::Carried;
use storage::platform_apps::PlatformApp;
use storage::{Tx, authorizations, stores};
use url::Url;

use crate::Broker;
use crate::complete_callback::CLAIM_LIFE;
use crate::finish_authorization::Attempt;
use crate::internal::Internal;

/// What came of beginning an attempt. Nothing was changed but by the first.
pub(crate) enum Begun {
    Claimed(Box<Authorization>),
    /// The store is authorized, and its grant is in good health.
    AlreadyAuthorized,
    /// The store's attempt is being exchanged.
    UnderWay(Attempt),
}

impl Broker {
    /// Begins an attempt that whoever holds the lease is about to finish. One that waits for its seller is
    /// superseded by it. One whose exchange is under way is not: what that spends at the platform is spent,
    /// and a good answer to it would be nobody's.
    pub(crate) async fn begin_claimed(
        &self,
        tx: &Tx,
        store: Store,
        app: &PlatformApp,
        shop: &ShopLabel,
        lease: LeaseId,
    ) -> Result<Begun, Internal> {
        let now = self.now();
        let authorization = Authorization {
            id: AuthorizationId::new(self.next_id()),
            store: store.id,
            institution: store.institution,
            platform: store.platform,
            app: Some(app.id),
            auth_type: AuthType::Url,
            expected_shop: Some(shop.clone()),
            seller_id: store.seller_id.clone(),
            redirect_url: None,
            beside: match &store.state {
                StoreState::Success(authorized) => Some(authorized.grant),
                StoreState::Unauthorized
                | StoreState::Processing { .. }
                | StoreState::Failed { .. } => None,
            },
            deadline_at: now + self.options().direct_deadline,
            created_at: now,
            state: AuthorizationState::Exchanging {
                lease,
                lease_until: now + CLAIM_LIFE,
            },
        };
        let before = store.current_attempt();
        let seller_id = store.seller_id.clone();
        let begun = store
            .clone()
            .begin(authorization.id, AuthType::Url, seller_id);
        let Ok(begun) = begun else {
            return Ok(Begun::AlreadyAuthorized);
        };
        if let Some(attempt) = before {
            // Locked, so that no callback claims it in between.
            let found = authorizations::find_locked(tx, store.institution, attempt).await?;
            let exchanging =
                found.filter(|found| matches!(found.state, AuthorizationState::Exchanging { .. }));
            if let Some(exchanging) = exchanging {
                return Ok(Begun::UnderWay(Attempt::of(&exchanging)));
            }
            self.supersede(tx, &store, attempt).await?;
        }
        stores::update(tx, &begun).await?;
        authorizations::insert(tx, &authorization, Carried::Claimed).await?;
        Ok(Begun::Claimed(Box::new(authorization)))
    }
}

/// The shop that a store expects: the one that the institution named or the platform proved, else the one
/// in its URL.
pub(crate) fn shop_of(facts: &PlatformFacts, store: &Store) -> Option<ShopLabel> {
    let named = store.seller_id.as_deref();
    named
        .and_then(|label| facts.parse_seller_id(label).ok())
        .or_else(|| facts.label_in_store_url(&Url::parse(&store.store_url).ok()?))
}
