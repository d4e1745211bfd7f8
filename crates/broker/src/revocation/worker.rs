//! Tries what is to be given up, with a budget: whatever fails, at the platform or here, what an unbound store
//! holds is free after the last wait.

use std::time::Duration;

use domain::{Credential, LeaseId};
use futures_util::future::join_all;
use platforms::{App, PlatformFailure, Revoke, RevokeReach, RevokeRequest, adapter};
use secrecy::ExposeSecret;
use storage::revocations::{self, DueRevocation, Neighbour, Revocation, Waiting};
use storage::sealing::Place;
use storage::{Tx, platform_apps, scope_readings};

use crate::Broker;
use crate::crash_point::CrashPoint;
use crate::internal::{Internal, chain};
use crate::workers::Progress;

/// How many credentials are given up side by side.
const BATCH: u64 = 16;
/// How long a platform has to answer.
const REVOKE_LIMIT: Duration = Duration::from_secs(10);
/// Longer than a revocation can take, with every secret of an app: nobody else tries it meanwhile.
const LEASE: Duration = Duration::from_mins(1);
/// The waits after a try that came to nothing. After the last one the credential is erased all the same: what
/// an unbound store holds must not be held for ever.
const WAITS: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
];
/// How long an exchange may take that was answered before the platform gave up what it granted.
const EXCHANGE_PATIENCE: Duration = Duration::from_secs(5);

/// What came of trying.
enum Tried {
    Revoked,
    /// The whole installation is gone, and what is being exchanged for the shop may be dead for it.
    RevokedUnderExchange,
    /// Somebody else lives on the same credential.
    Shared,
    /// Nobody does yet, and somebody may soon.
    Awaited,
    Failed(PlatformFailure),
    /// Something of ours failed.
    Broken,
}

/// Who else has to do with the credential.
enum Sharing {
    Nobody,
    Grant,
    Attempt,
}

enum Next {
    End(&'static str),
    Again(Duration),
    /// What the store holds keeps a dead credential from being committed until the exchange is over.
    AfterExchange,
}

impl Broker {
    /// Gives up the credentials that are due.
    pub async fn revocation_step(&self) -> Result<Progress, Internal> {
        let now = self.now();
        if !revocations::has_due_for_worker(self.storage(), now).await? {
            return Ok(Progress::Idle);
        }
        let lease = LeaseId::new(self.next_id());
        let due = self
            .storage()
            .write(async |tx: &Tx| {
                revocations::lease_due_for_worker(tx, now, lease, now + LEASE, BATCH).await
            })
            .await?;
        if due.is_empty() {
            return Ok(Progress::Idle);
        }
        let done = join_all(due.iter().map(|due| self.advance_revocation(due, lease))).await;
        for (due, done) in due.iter().zip(done) {
            // The lease runs out and it is tried again; the others are not held up.
            if let Err(error) = done {
                let cause = chain(&error);
                tracing::error!(store.id = %due.store, cause, "what came of a revocation is not saved");
            }
        }
        Ok(Progress::Worked)
    }

    async fn advance_revocation(
        &self,
        due: &DueRevocation,
        lease: LeaseId,
    ) -> Result<(), Internal> {
        // Whoever tried it last died over it.
        let is_spent = due.attempts > WAITS.len() && !due.is_revoked;
        let tried = if is_spent {
            Tried::Broken
        } else {
            self.revoke(due).await.unwrap_or_else(|error| {
                let cause = chain(&error);
                tracing::error!(store.id = %due.store, cause, "not revoked");
                Tried::Broken
            })
        };
        match next(due, &tried) {
            Next::End(outcome) => self.end_revocation(due, lease, &tried, outcome).await,
            Next::Again(wait) => self.put_off_revocation(due, lease, wait).await,
            Next::AfterExchange => self.wait_for_exchange(due, lease).await,
        }
    }

    async fn revoke(&self, due: &DueRevocation) -> Result<Tried, Internal> {
        let revocation = due
            .revocation
            .as_ref()
            .map_err(|error| Internal::new(error.to_string()))?;
        let Some(revoke) = adapter(revocation.platform).revoke() else {
            return Err(Internal::new(
                "a credential to revoke of a platform without a way to",
            ));
        };
        let tried = if due.is_revoked {
            Tried::Revoked
        } else {
            self.try_to_revoke(revocation, revoke).await?
        };
        if !matches!(tried, Tried::Revoked) {
            return Ok(tried);
        }
        self.reach(CrashPoint::Revoked);
        let waiting = Waiting::Ignored;
        let may_be_dead = revoke.reach() == RevokeReach::Installation
            && revocations::is_being_authorized_for_worker(self.storage(), revocation, waiting)
                .await?;
        Ok(if may_be_dead {
            Tried::RevokedUnderExchange
        } else {
            Tried::Revoked
        })
    }

    async fn try_to_revoke(
        &self,
        revocation: &Revocation,
        revoke: &dyn Revoke,
    ) -> Result<Tried, Internal> {
        let Some(app) = platform_apps::find_by_id(self.storage(), revocation.app).await? else {
            return Ok(Tried::Failed(PlatformFailure::AppMisconfigured));
        };
        let app = self.open_app(&app)?;
        let place = Place::RevocationCredential(revocation.id);
        let text = self.keyring().open(place, &revocation.credential)?;
        let sharing = self
            .sharing(revocation, revoke.reach(), &app, text.expose_secret())
            .await?;
        match sharing {
            Sharing::Nobody => {}
            Sharing::Grant => return Ok(Tried::Shared),
            Sharing::Attempt => return Ok(Tried::Awaited),
        }
        let credential = Credential::from_secret_text(&text).map_err(Internal::new)?;
        let mut answer = Err(PlatformFailure::AppMisconfigured);
        // While the app's secrets roll over, the platform may know only one of them.
        for secret in &app.secrets {
            let request = RevokeRequest {
                app: &app,
                secret,
                origin: &revocation.origin,
                credential: &credential,
                timeout: REVOKE_LIMIT,
            };
            answer = revoke.revoke(self.egress(), request).await;
            if answer != Err(PlatformFailure::AppMisconfigured) {
                break;
            }
        }
        Ok(match answer {
            Ok(()) => Tried::Revoked,
            Err(failure) => Tried::Failed(failure),
        })
    }

    /// Who lives on what would end. Where that is the whole installation, it is every grant of the shop to the
    /// same app, and whoever asks for one.
    async fn sharing(
        &self,
        revocation: &Revocation,
        reach: RevokeReach,
        app: &App,
        text: &str,
    ) -> Result<Sharing, Internal> {
        let storage = self.storage();
        for neighbour in revocations::list_neighbours_for_worker(storage, revocation).await? {
            let is_same = match reach {
                RevokeReach::Installation => {
                    let theirs = match neighbour.app {
                        Some(id) => platform_apps::find_by_id(storage, id).await?,
                        None => None,
                    };
                    theirs.is_none_or(|theirs| theirs.client_id == app.client_id)
                }
                RevokeReach::Credential => self.may_be_credential_of(&neighbour, text),
            };
            if is_same {
                return Ok(Sharing::Grant);
            }
        }
        let (is_whole, waiting) = (reach == RevokeReach::Installation, Waiting::Counts);
        let is_asked_for = is_whole
            && revocations::is_being_authorized_for_worker(storage, revocation, waiting).await?;
        Ok(if is_asked_for {
            Sharing::Attempt
        } else {
            Sharing::Nobody
        })
    }

    fn may_be_credential_of(&self, neighbour: &Neighbour, text: &str) -> bool {
        let place = Place::GrantCredential(neighbour.grant);
        match self.keyring().open(place, &neighbour.credential) {
            Ok(theirs) => theirs.expose_secret() == text,
            // A live grant must not die for what we cannot read of it.
            Err(error) => {
                tracing::error!(grant.id = %neighbour.grant, %error, "taken for a shared credential");
                true
            }
        }
    }

    /// A grant of the shop that was made while its app was being uninstalled may be dead, and is asked about.
    async fn end_revocation(
        &self,
        due: &DueRevocation,
        lease: LeaseId,
        tried: &Tried,
        outcome: &'static str,
    ) -> Result<(), Internal> {
        let now = self.now();
        let revocation = due.revocation.as_ref().ok();
        let uninstalled = revocation.filter(|revocation| {
            let reach = adapter(revocation.platform).revoke().map(Revoke::reach);
            matches!(tried, Tried::Revoked) && reach == Some(RevokeReach::Installation)
        });
        let is_done = self
            .storage()
            .write(async |tx: &Tx| {
                if !revocations::finish_for_worker(tx, due.id, due.store, lease).await? {
                    return Ok(false);
                }
                if let Some(Revocation { platform, shop, .. }) = uninstalled {
                    let shop = &shop.identity;
                    scope_readings::hasten_shop_for_worker(tx, *platform, shop, now).await?;
                }
                Ok::<_, Internal>(true)
            })
            .await?;
        if is_done {
            tracing::info!(store.id = %due.store, outcome, "a credential was given up");
        }
        Ok(())
    }

    async fn wait_for_exchange(&self, due: &DueRevocation, lease: LeaseId) -> Result<(), Internal> {
        let now = self.now();
        self.storage()
            .write(async |tx: &Tx| {
                let next = now + EXCHANGE_PATIENCE;
                revocations::reschedule_for_worker(tx, due.id, lease, Some(now), next).await
            })
            .await?;
        Ok(())
    }

    async fn put_off_revocation(
        &self,
        due: &DueRevocation,
        lease: LeaseId,
        wait: Duration,
    ) -> Result<(), Internal> {
        let next = self.now() + wait;
        self.storage()
            .write(async |tx: &Tx| {
                revocations::reschedule_for_worker(tx, due.id, lease, None, next).await
            })
            .await?;
        Ok(())
    }
}

fn next(due: &DueRevocation, tried: &Tried) -> Next {
    let (store, attempt) = (due.store, due.attempts.saturating_add(1));
    let wait = WAITS.get(due.attempts).copied();
    match (tried, wait) {
        (Tried::Revoked, _) => Next::End("revoked"),
        (Tried::RevokedUnderExchange, _) => Next::AfterExchange,
        // Only the database can have failed, and what waits for an exchange has no budget to spend.
        (Tried::Broken, _) if due.is_revoked && due.revocation.is_ok() => Next::AfterExchange,
        (Tried::Shared, _) | (Tried::Awaited, None) => Next::End("shared"),
        (Tried::Awaited | Tried::Broken, Some(wait)) => Next::Again(wait),
        (Tried::Broken, None) => {
            tracing::error!(store.id = %store, "a credential is erased that could not be revoked");
            Next::End("erased")
        }
        (Tried::Failed(failure), Some(wait)) if may_end_well(*failure) => {
            tracing::info!(store.id = %store, attempt, "a credential is revoked later: {failure}");
            Next::Again(wait)
        }
        (Tried::Failed(failure), _) => {
            tracing::warn!(
                store.id = %store, attempt, "a credential is erased that could not be revoked: {failure}"
            );
            Next::End("erased")
        }
    }
}

/// Whether the same call may end well later: the platform may come back, and the operator may mend the app.
const fn may_end_well(failure: PlatformFailure) -> bool {
    failure.is_transient() || matches!(failure, PlatformFailure::AppMisconfigured)
}
