//! What came of a renewal, and how it is written down.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{
    AssessedScopes, Credential, EventId, FailReason, GrantedScopes, Renewal, RequiredScope,
};
use platforms::{App, PlatformFailure, RefreshStrategy, RefreshVerdict, Refreshed, adapter};
use secrecy::SecretString;
use storage::refreshes::{NewRefreshToken, Postponed, RefreshWork, Renewed, Setback};
use storage::sealing::Place;
use storage::{Tx, institutions, refreshes, stores};

use crate::Broker;
use crate::internal::{Internal, chain};
use crate::scopes::log_changed_scopes;
use crate::upkeep::Life;

/// The waits after a platform that could not be asked, before jitter; the last one repeats.
const WAITS: [Duration; 6] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(5),
    Duration::from_mins(10),
    Duration::from_mins(30),
];
/// An operator who has mended the app does not wait longer than this for it to be tried.
const LONGEST_OPERATOR_WAIT: Duration = Duration::from_mins(5);
/// How far a wait is from what stands above, either way.
const JITTER: f64 = 0.2;
/// How long a platform may be in trouble before a grant whose token has ended is given up.
const BUDGET: Duration = Duration::from_hours(24);
/// The waits between tries to save an answer that the platform will not give again.
const SAVE_WAITS: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// What a renewal brought, apart from how it is sealed.
struct Got {
    credential: Credential,
    /// `None` where the answer names none.
    scopes: Option<GrantedScopes>,
    required: Vec<RequiredScope>,
}

/// What became of a newer token.
enum Saved {
    /// With the event of it, if it changed the scopes.
    Renewed { told: Option<EventId> },
    /// There was nothing to renew any more: the store was unbound, or its grant ended or was replaced. What the
    /// platform gave is nobody's, and is given up.
    Orphaned,
}

impl Broker {
    /// Writes the newer token down, again and again if the database is in trouble: a refresh token that was
    /// good for one use is spent by now.
    pub(super) async fn save_renewal(
        &self,
        work: &RefreshWork,
        strategy: RefreshStrategy,
        app: &App,
        refreshed: Refreshed,
        spent: Option<SecretString>,
    ) -> Result<(), Internal> {
        let got = Got {
            credential: refreshed.credential.clone(),
            scopes: refreshed.scopes.clone(),
            required: app.required_scopes(),
        };
        let renewed = self.seal(work, strategy, refreshed, spent);
        let mut waits = SAVE_WAITS.into_iter();
        let saved = loop {
            match self.save_once(work, renewed.clone(), &got).await {
                Ok(saved) => break saved,
                // The database is well, and will say the same again.
                Err(error) if error.is_refusal() => return Err(error),
                Err(error) => {
                    let Some(wait) = waits.next() else {
                        return Err(error);
                    };
                    let cause = chain(&error);
                    tracing::warn!(store.id = %work.store, cause, "a renewal is saved again");
                    tokio::time::timeout(wait, std::future::pending::<()>())
                        .await
                        .ok();
                }
            }
        };
        if let Saved::Renewed { told } = saved {
            self.measures().refreshed(work.platform, "renewed");
            tracing::info!(store.id = %work.store, platform = %work.platform, "a grant was renewed");
            if let Some(event) = told {
                log_changed_scopes(work.store, event);
            }
        }
        Ok(())
    }

    fn seal(
        &self,
        work: &RefreshWork,
        strategy: RefreshStrategy,
        refreshed: Refreshed,
        spent: Option<SecretString>,
    ) -> Renewed {
        let seal = |place, text: &SecretString| self.keyring().seal(place, text, self.seal_nonce());
        let credential = refreshed.credential.to_secret_text();
        let refresh_ends_at = match &refreshed.refresh_token {
            Some(new) => new.expires_at,
            None => work.refresh_ends_at,
        };
        let life = Life {
            expires_at: refreshed.expires_at,
            strategy: Some(strategy),
            refresh_ends_at,
        };
        Renewed {
            credential: seal(Place::GrantCredential(work.grant), &credential),
            expires_at: refreshed.expires_at,
            upkeep: life.upkeep(self.now()),
            scopes_told: refreshed
                .scopes
                .and_then(|scopes| scopes.told().map(str::to_owned)),
            refresh_token: refreshed.refresh_token.map(|new| NewRefreshToken {
                token: seal(Place::GrantRefreshToken(work.grant), &new.token),
                previous: spent.map(|spent| seal(Place::PreviousRefreshToken(work.grant), &spent)),
            }),
        }
    }

    async fn save_once(
        &self,
        work: &RefreshWork,
        renewed: Renewed,
        got: &Got,
    ) -> Result<Saved, Internal> {
        self.storage()
            .write(async |tx: &Tx| {
                let found = stores::find_locked(tx, work.institution, work.store).await?;
                let Some((store, before)) = found.and_then(|store| {
                    let authorized = store.authorized_by(work.grant).ok()?.clone();
                    Some((store, authorized))
                }) else {
                    self.give_up_renewal(tx, work, &got.credential).await?;
                    return Ok(Saved::Orphaned);
                };
                let sequence = store.sequence;
                let write = adapter(work.platform).facts().write_scope;
                let granted = match &got.scopes {
                    Some(granted) => granted.clone(),
                    None => before.scopes.granted(),
                };
                let scopes = AssessedScopes::of(&granted, &got.required, write);
                let told_scopes = scopes.scopes.clone();
                let store = store
                    .renew(
                        work.grant,
                        domain::Renewed {
                            expires_at: renewed.expires_at,
                            scopes,
                        },
                    )
                    .map_err(Internal::new)?;
                refreshes::renew(tx, work.lease, renewed, &told_scopes).await?;
                let told = if store.sequence == sequence {
                    stores::update(tx, &store).await?;
                    None
                } else {
                    Some(self.tell_scopes(tx, store, work.grant).await?)
                };
                Ok(Saved::Renewed { told })
            })
            .await
    }

    /// Writes down that the platform gave nothing newer: only a clear refusal ends the grant, or a platform
    /// that is in trouble for longer than a grant without a good token is worth.
    pub(super) async fn not_renewed(
        &self,
        work: &RefreshWork,
        failure: PlatformFailure,
    ) -> Result<(), Internal> {
        let now = self.now();
        match failure.refresh_verdict() {
            RefreshVerdict::Permanent => {
                // If the token may have been spent by us, it says nothing about the seller that it is dead.
                let is_ours =
                    work.is_uncertain || work.refresh_ends_at.is_some_and(|end| end <= now);
                let reason = if is_ours {
                    FailReason::AuthExpired
                } else {
                    FailReason::AuthRevoked
                };
                self.measures().refreshed(work.platform, "permanent");
                self.give_up(work, reason).await
            }
            RefreshVerdict::Transient => {
                self.measures().refreshed(work.platform, "transient");
                if is_hopeless(work, now) {
                    return self.give_up(work, FailReason::AuthExpired).await;
                }
                tracing::info!(
                    store.id = %work.store, platform = %work.platform, attempt = work.failures + 1,
                    "a grant is renewed again later: {failure}"
                );
                self.put_off(work, failure, Setback::Transient).await
            }
            RefreshVerdict::Operator => {
                self.measures().refreshed(work.platform, "operator");
                tracing::error!(
                    store.id = %work.store, platform = %work.platform,
                    "a grant cannot be renewed until the operator mends the app: {failure}"
                );
                self.put_off(work, failure, Setback::Operator).await
            }
        }
    }

    async fn put_off(
        &self,
        work: &RefreshWork,
        failure: PlatformFailure,
        setback: Setback,
    ) -> Result<(), Internal> {
        let now = self.now();
        // What was never sent, or not even looked at, has spent nothing; but whether an earlier try has is
        // not known any better for that.
        let may_be_spent = match failure {
            PlatformFailure::ConnectFailed | PlatformFailure::AppMisconfigured => work.is_uncertain,
            PlatformFailure::Unreachable
            | PlatformFailure::Rejected
            | PlatformFailure::CredentialInvalid
            | PlatformFailure::ScopesInsufficient
            | PlatformFailure::ShopMismatch => work.refresh_token.is_some(),
        };
        let longest = match setback {
            Setback::Transient => Duration::MAX,
            Setback::Operator => LONGEST_OPERATOR_WAIT,
        };
        let wait = WAITS[work.failures.min(WAITS.len() - 1)].min(longest);
        let jitter = 1.0 + JITTER * (2.0 * self.chance() - 1.0);
        let postponed = Postponed {
            next_refresh_at: now + wait.mul_f64(jitter),
            setback,
            failing_since: work.failing_since.unwrap_or(now),
            is_uncertain: may_be_spent,
        };
        let renewal = if may_be_spent {
            Renewal::Uncertain
        } else {
            Renewal::Failing
        };
        self.storage()
            .write(async |tx: &Tx| {
                let found = stores::find_locked(tx, work.institution, work.store).await?;
                let Some(Ok(worse)) = found.map(|store| store.worsen(work.grant, renewal)) else {
                    return Ok(());
                };
                refreshes::postpone(tx, work.lease, postponed).await?;
                if let Some(store) = worse {
                    stores::update(tx, &store).await?;
                }
                Ok(())
            })
            .await
    }

    /// Ends the grant, if it is still ours to renew, and tells.
    async fn give_up(&self, work: &RefreshWork, reason: FailReason) -> Result<(), Internal> {
        let event = self
            .storage()
            .write(async |tx: &Tx| {
                let found = stores::find_locked(tx, work.institution, work.store).await?;
                let institution = institutions::find(tx, work.institution).await?;
                let (Some(store), Some(institution)) = (found, institution) else {
                    return Ok(None);
                };
                // Whoever renewed it meanwhile knows better.
                if !refreshes::is_held(tx, work.lease).await? {
                    return Ok(None);
                }
                // The lease runs out, and by then the exchange has replaced the grant or failed. What the
                // seller took away is dead at once.
                if reason == FailReason::AuthExpired
                    && self.is_exchanging_beside(tx, &store).await?
                {
                    return Ok(None);
                }
                self.end_grant(tx, &institution, store, work.grant, reason)
                    .await
            })
            .await?;
        if let Some(event) = event {
            tracing::info!(
                store.id = %work.store, event.id = %event, platform = %work.platform, %reason,
                "a grant could not be renewed and ended"
            );
        }
        Ok(())
    }
}

/// Whether the platform was in trouble for so long that the grant is worth nothing any more.
fn is_hopeless(work: &RefreshWork, now: DateTime<Utc>) -> bool {
    let is_over = work
        .failing_since
        .is_some_and(|since| now >= since + BUDGET);
    is_over && work.expires_at.is_some_and(|end| end <= now)
}
