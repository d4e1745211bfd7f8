//! The one transaction that ends an authorization: grant, claims, store status, outcome and event
//! stand or fall together. Nobody is told anything before it is committed.

use chrono::{DateTime, Utc};
use domain::{
    Authorization, AuthorizationState, Authorized, FailReason, Grant, GrantId, Health, Institution,
    InstitutionId, LeaseId, Platform, Store, StoreId,
};
use domain::{AuthorizationId, EventId, EventType};
use platforms::{Proof, Refresh, RefreshStrategy, adapter};
use secrecy::SecretString;
use storage::claims::Claimant;
use storage::grants::GrantSecrets;
use storage::sealing::{Fingerprint, Place};
use storage::{Tx, authorizations, claims, grants, institutions, stores};

use crate::Broker;
use crate::crash_point::CrashPoint;
use crate::internal::Internal;
use crate::upkeep::Life;

/// Which attempt ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) id: AuthorizationId,
    pub(crate) store: StoreId,
    pub(crate) institution: InstitutionId,
}

impl Attempt {
    pub(crate) fn of(authorization: &Authorization) -> Self {
        Self {
            id: authorization.id,
            store: authorization.store,
            institution: authorization.institution,
        }
    }
}

/// How it ends.
#[derive(Clone)]
pub(crate) enum Ending {
    Proven {
        grant: Box<NewGrant>,
        fingerprint: Option<Fingerprint>,
    },
    Failed(FailReason),
}

/// A proof that answers to the attempt: the expected shop, with every scope that is required.
#[derive(Clone)]
pub(crate) struct NewGrant {
    pub(crate) proof: Proof,
    pub(crate) scopes: domain::Scopes,
}

/// What the attempt must still be for the ending to count.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fence {
    /// Nobody has claimed it.
    Unclaimed,
    /// It is claimed by us.
    HeldBy(LeaseId),
    /// Whoever claimed it has stopped holding on to it.
    LapsedBefore(DateTime<Utc>),
}

impl Fence {
    fn lets_through(self, state: &AuthorizationState) -> bool {
        match (self, state) {
            (Self::Unclaimed, AuthorizationState::Pending) => true,
            (Self::HeldBy(ours), AuthorizationState::Exchanging { lease, .. }) => ours == *lease,
            (Self::LapsedBefore(now), AuthorizationState::Exchanging { lease_until, .. }) => {
                *lease_until <= now
            }
            _ => false,
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finished {
    /// Committed, with its event.
    Told,
    /// Somebody else ended it, or another attempt took its place: nothing was changed.
    Overtaken,
}

impl Broker {
    /// Ends an attempt, and tells. The first proven store wins a claim, whatever started first; the
    /// loser is FAILED with `SELLER_ALREADY_AUTHORIZED`.
    pub(crate) async fn finish_authorization(
        &self,
        attempt: Attempt,
        fence: Fence,
        ending: Ending,
    ) -> Result<Finished, Internal> {
        let ended = self
            .storage()
            .write(async |tx: &Tx| {
                // Always the store first: whoever starts or ends anything about it waits here.
                let store = stores::find_locked(tx, attempt.institution, attempt.store).await?;
                let authorization =
                    authorizations::find_locked(tx, attempt.institution, attempt.id).await?;
                let institution = institutions::find(tx, attempt.institution).await?;
                let (Some(store), Some(authorization), Some(institution)) =
                    (store, authorization, institution)
                else {
                    return Ok(None);
                };
                let is_current = store.current_attempt() == Some(attempt.id);
                if !is_current || !fence.lets_through(&authorization.state) {
                    return Ok(None);
                }
                let ended = self
                    .commit_ending(tx, &institution, store, authorization, ending)
                    .await?;
                Ok::<_, Internal>(Some(ended))
            })
            .await?;
        let Some((store, event)) = ended else {
            return Ok(Finished::Overtaken);
        };
        self.reach(CrashPoint::Committed);
        self.measures().flow_ended(&store);
        tracing::info!(
            store.id = %store.id, event.id = %event, platform = %store.platform, status = store.status().code(),
            reason = store.fail_reason().map(FailReason::code), "an authorization ended"
        );
        Ok(Finished::Told)
    }

    /// The store as it is written, and the event that tells it.
    async fn commit_ending(
        &self,
        tx: &Tx,
        institution: &Institution,
        store: Store,
        authorization: Authorization,
        ending: Ending,
    ) -> Result<(Store, EventId), Internal> {
        let before = authorization.state.clone();
        let ending = match ending {
            Ending::Proven { grant, fingerprint }
                if !self
                    .take_claims(tx, &store, &grant, fingerprint.as_ref())
                    .await? =>
            {
                Ending::Failed(FailReason::SellerAlreadyAuthorized)
            }
            ending @ (Ending::Proven { .. } | Ending::Failed(_)) => ending,
        };
        let (store, authorization, event_type) = match ending {
            Ending::Failed(reason) => {
                let store = store
                    .fail(authorization.id, reason)
                    .map_err(Internal::new)?;
                let authorization = authorization.fail(reason).map_err(Internal::new)?;
                (store, authorization, reason.event_type())
            }
            Ending::Proven { grant, .. } => {
                let store = self.insert_grant(tx, store, &authorization, *grant).await?;
                let seller_id = store.seller_id.clone();
                let authorization = authorization.succeed(seller_id).map_err(Internal::new)?;
                (store, authorization, EventType::StoreAuthSucceeded)
            }
        };
        stores::update(tx, &store).await?;
        authorizations::finish(tx, &before, &authorization, self.now()).await?;
        let event = self.tell_store(tx, institution, event_type, &store).await?;
        Ok((store, event))
    }

    pub(crate) fn claimant(&self, store: &Store) -> Claimant {
        Claimant {
            uniqueness: self.options().uniqueness,
            realm: store.platform.realm(),
            institution: store.institution,
            store: store.id,
        }
    }

    /// Takes the shop, and for KEY the credential. Both or none.
    async fn take_claims(
        &self,
        tx: &Tx,
        store: &Store,
        grant: &NewGrant,
        fingerprint: Option<&Fingerprint>,
    ) -> Result<bool, Internal> {
        let claimant = self.claimant(store);
        // The same order everywhere, so that two stores never wait for each other's claims.
        let has_shop = claims::take_shop(tx, claimant, &grant.proof.shop).await?;
        let has_credential = match fingerprint {
            Some(fingerprint) if has_shop => {
                claims::take_credential(tx, claimant, fingerprint).await?
            }
            _ => has_shop,
        };
        if has_shop && !has_credential {
            claims::free(tx, store.id).await?;
        }
        Ok(has_shop && has_credential)
    }

    async fn insert_grant(
        &self,
        tx: &Tx,
        store: Store,
        authorization: &Authorization,
        new: NewGrant,
    ) -> Result<Store, Internal> {
        let NewGrant { proof, scopes } = new;
        let now = self.now();
        let life = life_of(store.platform, &proof);
        let grant = Grant {
            id: GrantId::new(self.next_id()),
            store: store.id,
            institution: store.institution,
            authorization: authorization.id,
            platform: store.platform,
            shop: proof.shop,
            origin: proof.origin,
            scopes,
            expires_at: proof.expires_at,
            upkeep: life.upkeep(now),
            created_at: now,
        };
        let seal = |place, text: &SecretString| self.keyring().seal(place, text, self.seal_nonce());
        let credential = proof.credential.to_secret_text();
        let secrets = GrantSecrets {
            credential: seal(Place::GrantCredential(grant.id), &credential),
            refresh_token: proof
                .refresh_token
                .map(|refresh| seal(Place::GrantRefreshToken(grant.id), &refresh.token)),
        };
        grants::insert(tx, &grant, secrets).await?;
        let authorized = Authorized {
            grant: grant.id,
            shop: grant.shop.identity,
            scopes: grant.scopes,
            authorized_at: now,
            expires_at: grant.expires_at,
            health: Health::Healthy,
            // A refresh token moves its own end, so that there is none to tell as long as it does.
            reauthorize_by: match life.strategy {
                Some(_) => None,
                None => grant.expires_at,
            },
        };
        let label = grant.shop.label.as_ref().map(domain::ShopLabel::as_str);
        store
            .succeed(authorization.id, authorized, label)
            .map_err(Internal::new)
    }
}

/// What a grant that was just proven lives on.
fn life_of(platform: Platform, proof: &Proof) -> Life {
    let strategy = adapter(platform).refresh().map(Refresh::strategy);
    let refresh_token = proof.refresh_token.as_ref();
    Life {
        expires_at: proof.expires_at,
        strategy: strategy.filter(|strategy| match strategy {
            RefreshStrategy::AppSigned => true,
            RefreshStrategy::RotatingToken => refresh_token.is_some(),
        }),
        refresh_ends_at: refresh_token.and_then(|refresh| refresh.expires_at),
    }
}
