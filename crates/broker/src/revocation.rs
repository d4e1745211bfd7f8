//! Gives credentials up at their platforms that nobody may use any more: of stores that were unbound, of
//! grants that were replaced, and of exchanges and renewals that came too late.
//!
//! What is to be given up is written in the transaction that makes it so, and a worker does it. It may be
//! done twice: a platform that knows the credential no more has nothing left to do.

mod worker;

use domain::{
    AuthType, Authorization, AuthorizationState, Credential, GrantId, InstitutionId, Platform,
    PlatformAppId, ProvenShop, RevocationId, Store, StoreId,
};
use platforms::{RevokeReach, adapter};
use secrecy::SecretString;
use storage::refreshes::RefreshWork;
use storage::revocations::{self, Revocation};
use storage::sealing::Place;
use storage::{Tx, authorizations, grants};

use crate::Broker;
use crate::finish_authorization::Ending;
use crate::internal::Internal;

/// Why a grant is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// Its store was unbound.
    Unbound,
    /// Another one took its place.
    Replaced,
}

/// Whose the credential was, and where it counts.
struct Orphan {
    institution: InstitutionId,
    store: StoreId,
    platform: Platform,
    app: PlatformAppId,
    shop: ProvenShop,
    origin: String,
}

impl Broker {
    /// Writes down that the grant's credential is to be given up; `false` where the platform has no way to,
    /// or its way would hurt what takes the grant's place.
    pub(crate) async fn give_up_grant(
        &self,
        tx: &Tx,
        store: &Store,
        grant: GrantId,
        why: GivenUp,
    ) -> Result<bool, Internal> {
        let Some(revoke) = adapter(store.platform).revoke() else {
            return Ok(false);
        };
        if why == GivenUp::Replaced && revoke.reach() == RevokeReach::Installation {
            return Ok(false);
        }
        let owner = store.institution;
        let Some(held) = grants::find_live(tx, owner, grant).await? else {
            return Ok(false);
        };
        let authorization = authorizations::find(tx, owner, held.authorization).await?;
        let Some(app) = authorization.and_then(|authorization| authorization.app) else {
            return Ok(false);
        };
        let place = Place::GrantCredential(grant);
        let text = match self.keyring().open(place, &held.credential) {
            Ok(text) => text,
            // Nobody can give up what nobody can read, and the store must not be bound for that.
            Err(error) => {
                tracing::error!(store.id = %store.id, %error, "a credential is erased unrevoked");
                return Ok(false);
            }
        };
        let orphan = Orphan {
            institution: owner,
            store: store.id,
            platform: store.platform,
            app,
            shop: held.shop,
            origin: held.origin,
        };
        self.plan_revocation(tx, orphan, &text).await?;
        Ok(true)
    }

    /// Writes down that what an exchange brought is to be given up, if its attempt has ended without it.
    pub(crate) async fn give_up_orphan(
        &self,
        tx: &Tx,
        authorization: &Authorization,
        ending: &Ending,
    ) -> Result<(), Internal> {
        let has_ended = matches!(
            authorization.state,
            AuthorizationState::Superseded | AuthorizationState::Failed { .. }
        );
        // A seller's own key is not ours to give up.
        let (Ending::Proven { grant, .. }, Some(app), AuthType::Url, true) = (
            ending,
            authorization.app,
            authorization.auth_type,
            has_ended,
        ) else {
            return Ok(());
        };
        if adapter(authorization.platform).revoke().is_none() {
            return Ok(());
        }
        let orphan = Orphan {
            institution: authorization.institution,
            store: authorization.store,
            platform: authorization.platform,
            app,
            shop: grant.proof.shop.clone(),
            origin: grant.proof.origin.clone(),
        };
        let text = grant.proof.credential.to_secret_text();
        self.plan_revocation(tx, orphan, &text).await
    }

    /// Writes down that what a renewal brought is to be given up: its grant ended meanwhile.
    pub(crate) async fn give_up_renewal(
        &self,
        tx: &Tx,
        work: &RefreshWork,
        credential: &Credential,
    ) -> Result<(), Internal> {
        if adapter(work.platform).revoke().is_none() {
            return Ok(());
        }
        let (owner, attempt) = (work.institution, work.authorization);
        let authorization = authorizations::find(tx, owner, attempt).await?;
        let Some(app) = authorization.and_then(|authorization| authorization.app) else {
            return Ok(());
        };
        let orphan = Orphan {
            institution: owner,
            store: work.store,
            platform: work.platform,
            app,
            shop: work.shop.clone(),
            origin: work.origin.clone(),
        };
        let text = credential.to_secret_text();
        self.plan_revocation(tx, orphan, &text).await
    }

    async fn plan_revocation(
        &self,
        tx: &Tx,
        orphan: Orphan,
        text: &SecretString,
    ) -> Result<(), Internal> {
        let id = RevocationId::new(self.next_id());
        let place = Place::RevocationCredential(id);
        let revocation = Revocation {
            id,
            institution: orphan.institution,
            store: orphan.store,
            platform: orphan.platform,
            app: orphan.app,
            shop: orphan.shop,
            origin: orphan.origin,
            credential: self.keyring().seal(place, text, self.seal_nonce()),
        };
        Ok(revocations::insert(tx, &revocation, self.now()).await?)
    }
}
