//! Keeps grants alive: each is renewed at half of its life, by one process at a time.
//!
//! A refresh token may be good for one use, so that it is written down before it is spent that it may be,
//! and what came of it is saved at all costs. If a crash comes between, nobody knows whether the platform
//! has the old token or the new one: the grant is `UNCERTAIN`, and is tried with what there is.

mod outcome;

use std::time::Duration;

use domain::LeaseId;
use futures_util::future::join_all;
use platforms::{
    App, PlatformFailure, Refresh, RefreshRequest, RefreshStrategy, Refreshed, adapter,
};
use secrecy::SecretString;
use storage::refreshes::RefreshWork;
use storage::sealing::Place;
use storage::{Tx, authorizations, platform_apps, refreshes};

use crate::Broker;
use crate::crash_point::CrashPoint;
use crate::internal::{Internal, chain};
use crate::workers::Progress;

/// How many grants are renewed side by side.
const BATCH: u64 = 16;
/// How long a platform has to answer.
const REFRESH_LIMIT: Duration = Duration::from_secs(10);
/// Longer than a renewal can take, with all that is tried and the saving: nobody else renews it meanwhile.
pub(crate) const LEASE: Duration = Duration::from_secs(90);

/// What came of asking the platform.
struct Asked {
    answer: Result<Refreshed, PlatformFailure>,
    /// The refresh token that was spent for the answer.
    spent: Option<SecretString>,
}

impl Broker {
    /// Renews the grants that are due.
    pub async fn refresh_step(&self) -> Result<Progress, Internal> {
        let now = self.now();
        if !refreshes::has_due_for_worker(self.storage(), now).await? {
            return Ok(Progress::Idle);
        }
        let owner = LeaseId::new(self.next_id());
        let work = self
            .storage()
            .write(async |tx: &Tx| {
                refreshes::lease_due_for_worker(tx, now, owner, now + LEASE, BATCH).await
            })
            .await?;
        if work.is_empty() {
            return Ok(Progress::Idle);
        }
        let renewed = join_all(work.iter().map(|work| self.refresh_grant(work))).await;
        for (work, renewed) in work.iter().zip(renewed) {
            // The lease runs out and the grant is renewed again; the others are not held up.
            if let Err(error) = renewed {
                let cause = chain(&error);
                tracing::error!(store.id = %work.store, platform = %work.platform, cause, "not renewed");
            }
        }
        Ok(Progress::Worked)
    }

    /// Asks the platform for what the lease is about, and saves what comes of it.
    pub(crate) async fn refresh_grant(&self, work: &RefreshWork) -> Result<(), Internal> {
        let Some(refresh) = adapter(work.platform).refresh() else {
            return Err(Internal::new(
                "a grant to renew of a platform without a way to",
            ));
        };
        let Some(app) = self.app_of(work).await? else {
            // The operator took the app away.
            let failure = PlatformFailure::AppMisconfigured;
            return self.not_renewed(work, failure).await;
        };
        let asked = self.ask_for_newer(work, &app, refresh).await?;
        match asked.answer {
            Ok(refreshed) => {
                self.reach(CrashPoint::Refreshed);
                self.save_renewal(work, refresh.strategy(), &app, refreshed, asked.spent)
                    .await?;
                self.reach(CrashPoint::RefreshSaved);
                Ok(())
            }
            Err(failure) => self.not_renewed(work, failure).await,
        }
    }

    /// The app that the grant was made with.
    async fn app_of(&self, work: &RefreshWork) -> Result<Option<App>, Internal> {
        let (institution, id) = (work.institution, work.authorization);
        let authorization = authorizations::find(self.storage(), institution, id).await?;
        let Some(id) = authorization.and_then(|authorization| authorization.app) else {
            return Ok(None);
        };
        let app = platform_apps::find_by_id(self.storage(), id).await?;
        app.map(|app| self.open_app(&app)).transpose()
    }

    /// Asks with the refresh token at hand. If that may be spent, and the platform does not take it any
    /// more, it is asked once with the one before.
    async fn ask_for_newer(
        &self,
        work: &RefreshWork,
        app: &App,
        refresh: &dyn Refresh,
    ) -> Result<Asked, Internal> {
        let open = |place, sealed| self.keyring().open(place, sealed);
        let current = match &work.refresh_token {
            Some(sealed) => Some(open(Place::GrantRefreshToken(work.grant), sealed)?),
            None if refresh.strategy() == RefreshStrategy::RotatingToken => {
                return Err(Internal::new("a grant to renew without a refresh token"));
            }
            None => None,
        };
        let answer = self.ask_with_each_secret(work, app, refresh, current.as_ref());
        let answer = answer.await;
        if work.is_uncertain
            && answer.as_ref().is_err_and(|failure| is_final(*failure))
            && let Some(sealed) = &work.previous_refresh_token
        {
            let previous = open(Place::PreviousRefreshToken(work.grant), sealed)?;
            let answer = self.ask_with_each_secret(work, app, refresh, Some(&previous));
            return Ok(Asked {
                answer: answer.await,
                spent: Some(previous),
            });
        }
        Ok(Asked {
            answer,
            spent: current,
        })
    }

    /// While the app's secrets roll over, the platform may know only one of them. A call that it refuses
    /// for that spends nothing.
    async fn ask_with_each_secret(
        &self,
        work: &RefreshWork,
        app: &App,
        refresh: &dyn Refresh,
        refresh_token: Option<&SecretString>,
    ) -> Result<Refreshed, PlatformFailure> {
        let mut answer = Err(PlatformFailure::AppMisconfigured);
        for secret in &app.secrets {
            let request = RefreshRequest {
                app,
                secret,
                shop: &work.shop,
                origin: &work.origin,
                refresh_token,
                timeout: REFRESH_LIMIT,
                now: self.now(),
            };
            answer = refresh.refresh(self.egress(), request).await;
            let is_refused = matches!(answer, Err(PlatformFailure::AppMisconfigured));
            if !is_refused {
                break;
            }
        }
        answer
    }
}

fn is_final(failure: PlatformFailure) -> bool {
    failure.refresh_verdict() == platforms::RefreshVerdict::Permanent
}
