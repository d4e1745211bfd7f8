//! The one transaction that ends an authorization: grant, claims, store status, outcome and event
//! stand or fall together. Nobody is told anything before it is committed.

use chrono::{DateTime, Utc};
use domain::{
    AuthType, Authorization, AuthorizationState, Authorized, Disclosure, FailReason, Grant,
    GrantId, Institution, InstitutionId, LeaseId, Platform, Renewal, ScopeCoverage, Store, StoreId,
    StoreState,
};
use domain::{AuthorizationId, EventId, EventType};
use platforms::{Proof, Refresh, RefreshStrategy, adapter};
use secrecy::SecretString;
use storage::claims::Claimant;
use storage::grants::GrantSecrets;
use storage::sealing::{Fingerprint, Place};
use storage::{
    Tx, authorizations, claims, grants, hosted_links, institutions, scope_readings, stores,
};

use crate::Broker;
use crate::crash_point::CrashPoint;
use crate::internal::Internal;
use crate::revocation::GivenUp;
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
    /// Nobody has claimed it, and the hosted link with this token still leads to it.
    Linked([u8; 32]),
    /// It waits for a key, and was given none.
    Keyless,
    /// It is claimed by us.
    HeldBy(LeaseId),
    /// Whoever claimed it has stopped holding on to it.
    LapsedBefore(DateTime<Utc>),
}

impl Fence {
    fn lets_through(self, state: &AuthorizationState) -> bool {
        match (self, state) {
            (Self::Unclaimed | Self::Linked(_), AuthorizationState::Pending)
            | (Self::Keyless, AuthorizationState::AwaitingKey) => true,
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
    /// Committed; a grant that works as before is no news.
    Untold,
    /// Somebody else ended it, or another attempt took its place: the store was not changed.
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
                let Some(authorization) = authorization else {
                    return Ok(None);
                };
                let is_current = |store: &Store| store.current_attempt() == Some(attempt.id);
                let (Some(store), Some(institution)) = (store.filter(is_current), institution)
                else {
                    let left = self.end_left_behind(tx, authorization, fence).await?;
                    self.give_up_orphan(tx, &left, &ending).await?;
                    return Ok(None);
                };
                let is_linked = match fence {
                    Fence::Linked(token_hash) => hosted_links::find_by_token(tx, token_hash)
                        .await?
                        .is_some_and(|linked| linked.id == attempt.id),
                    Fence::Unclaimed
                    | Fence::Keyless
                    | Fence::HeldBy(_)
                    | Fence::LapsedBefore(_) => true,
                };
                if !is_linked || !fence.lets_through(&authorization.state) {
                    self.give_up_orphan(tx, &authorization, &ending).await?;
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
        let Some(event) = event else {
            tracing::info!(
                store.id = %store.id, platform = %store.platform,
                "an authorization beside a working grant failed, and the grant goes on"
            );
            return Ok(Finished::Untold);
        };
        self.measures().flow_ended(&store);
        tracing::info!(
            store.id = %store.id, event.id = %event, platform = %store.platform, status = store.status().code(),
            reason = store.fail_reason().map(FailReason::code), "an authorization ended"
        );
        Ok(Finished::Told)
    }

    /// Ends an attempt that is open although its store holds it no more, and which nobody would ever end: the
    /// version before does not know of the attempt beside a grant when it ends that grant.
    async fn end_left_behind(
        &self,
        tx: &Tx,
        left: Authorization,
        fence: Fence,
    ) -> Result<Authorization, Internal> {
        if !fence.lets_through(&left.state) {
            return Ok(left);
        }
        let before = left.state.clone();
        let ended = left.supersede().map_err(Internal::new)?;
        authorizations::finish(tx, &before, &ended, self.now()).await?;
        Ok(ended)
    }

    /// The store as it is written, and the event that tells it, if one does.
    async fn commit_ending(
        &self,
        tx: &Tx,
        institution: &Institution,
        store: Store,
        authorization: Authorization,
        ending: Ending,
    ) -> Result<(Store, Option<EventId>), Internal> {
        let (before, sequence) = (authorization.state.clone(), store.sequence);
        let ending = match ending {
            Ending::Proven { grant, fingerprint } => {
                let print = fingerprint.as_ref();
                match self.take_claims(tx, &store, &grant, print).await? {
                    Some(reason) => Ending::Failed(reason),
                    None => Ending::Proven { grant, fingerprint },
                }
            }
            ending @ Ending::Failed(_) => ending,
        };
        let (store, authorization, event_type) = match ending {
            Ending::Failed(reason) => {
                if let StoreState::Success(kept) = &store.state {
                    // The seller may have changed what the grant is for, and refused the rest.
                    let grant = kept.grant;
                    scope_readings::hasten(tx, store.institution, grant, self.now()).await?;
                }
                let store = store
                    .fail(authorization.id, reason)
                    .map_err(Internal::new)?;
                let authorization = authorization.fail(reason).map_err(Internal::new)?;
                (store, authorization, reason.event_type())
            }
            Ending::Proven { grant, .. } => {
                if let StoreState::Success(replaced) = &store.state {
                    let given_up = replaced.grant;
                    self.give_up_grant(tx, &store, given_up, GivenUp::Replaced)
                        .await?;
                    grants::end(tx, given_up, self.now()).await?;
                }
                let store = self.insert_grant(tx, store, &authorization, *grant).await?;
                let seller_id = store.seller_id.clone();
                let authorization = authorization.succeed(seller_id).map_err(Internal::new)?;
                (store, authorization, EventType::StoreAuthSucceeded)
            }
        };
        stores::update(tx, &store).await?;
        authorizations::finish(tx, &before, &authorization, self.now()).await?;
        if store.sequence == sequence {
            return Ok((store, None));
        }
        let event = self.tell_store(tx, institution, event_type, &store).await?;
        Ok((store, Some(event)))
    }

    pub(crate) fn claimant(&self, store: &Store) -> Claimant {
        Claimant {
            uniqueness: self.options().uniqueness,
            realm: store.platform.realm(),
            institution: store.institution,
            store: store.id,
        }
    }

    /// Takes the shop, and for KEY the credential. Both or none, and then the reason. A store whose grant is
    /// replaced has its shop already, and no other can take the place of it.
    async fn take_claims(
        &self,
        tx: &Tx,
        store: &Store,
        grant: &NewGrant,
        fingerprint: Option<&Fingerprint>,
    ) -> Result<Option<FailReason>, Internal> {
        let claimant = self.claimant(store);
        if let StoreState::Success(replaced) = &store.state {
            if replaced.shop != grant.proof.shop.identity {
                return Ok(Some(FailReason::SellerMismatch));
            }
            let Some(print) = fingerprint else {
                claims::free_credentials(tx, store.id).await?;
                return Ok(None);
            };
            let is_taken = claims::replace_credential(tx, claimant, print).await?;
            return Ok((!is_taken).then_some(FailReason::SellerAlreadyAuthorized));
        }
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
        let has_both = has_shop && has_credential;
        Ok((!has_both).then_some(FailReason::SellerAlreadyAuthorized))
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
            scopes_told: proof.scopes.told().map(str::to_owned),
            expires_at: proof.expires_at,
            upkeep: life.upkeep(now),
            scopes_due_at: now + self.options().scopes_interval,
            created_at: now,
        };
        let seal = |place, text: &SecretString| self.keyring().seal(place, text, self.seal_nonce());
        let credential = proof.credential.to_secret_text();
        let secrets = GrantSecrets {
            credential: seal(Place::GrantCredential(grant.id), &credential),
            refresh_token: proof
                .refresh_token
                .map(|refresh| seal(Place::GrantRefreshToken(grant.id), &refresh.token)),
            disclosure: match authorization.auth_type {
                AuthType::Key if hosted_links::has_one(tx, authorization.id).await? => {
                    Disclosure::Nobody
                }
                AuthType::Key | AuthType::Url => Disclosure::Institution,
            },
        };
        grants::insert(tx, &grant, secrets).await?;
        let authorized = Authorized {
            grant: grant.id,
            shop: grant.shop.identity,
            scopes: grant.scopes,
            coverage: ScopeCoverage::Complete,
            authorized_at: now,
            expires_at: grant.expires_at,
            renewal: Renewal::Good,
            reauthorization: None,
            // A refresh token moves its own end, so that there is none to tell as long as it does.
            reauthorize_by: match life.strategy {
                Some(_) => None,
                None => grant.expires_at,
            },
        };
        let label = grant.shop.label.as_ref().map(domain::ShopLabel::as_str);
        store
            .succeed(authorization.id, authorization.auth_type, authorized, label)
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
