//! How an attempt ended, for the seller who took part in it.

use std::time::Duration;

use domain::{
    AuthStatus, Authorization, AuthorizationState, ClientId, FailReason, Reference, StoreId,
};
use platforms::adapter;
use storage::{News, authorizations, stores};
use tokio::time::Instant;

use crate::Broker;
use crate::asker::Asker;
use crate::complete_callback::CallbackRefused;
use crate::finish_authorization::Attempt;
use crate::internal::Internal;
use crate::query_store::LOOK_AGAIN;
use crate::redirect::with_outcome;

/// How long whoever comes second waits for the outcome of the first.
pub(crate) const REPEAT_WAIT: Duration = Duration::from_secs(12);

/// What became of the attempt, for the seller's eyes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// By which the seller may name the attempt to support.
    pub reference: Reference,
    pub platform_name: &'static str,
    pub client_id: ClientId,
    pub store_id: StoreId,
    pub seller_id: Option<String>,
    /// PROCESSING only where the first of two equal callbacks is still waiting for the platform.
    pub auth_status: AuthStatus,
    pub fail_reason: Option<FailReason>,
    /// Why an attempt beside a working grant failed. The status is the grant's, and this is for the page alone.
    pub failed_beside: Option<FailReason>,
}

/// An outcome, and where the browser goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub outcome: Outcome,
    pub next: Next,
}

/// Where an outcome is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// On a page of ours, which says whose it is.
    Page(Asker),
    /// On the institution's own page, which has the outcome in its query.
    Redirect(String),
}

impl Broker {
    /// How the attempt ended, as it is committed; waits for whoever is still exchanging.
    pub(crate) async fn show(&self, attempt: Attempt) -> Result<Shown, CallbackRefused> {
        let give_up = Instant::now() + REPEAT_WAIT;
        let mut commits = self.storage().commits(News::Outcomes);
        loop {
            let found =
                authorizations::find(self.storage(), attempt.institution, attempt.id).await?;
            let authorization = found.ok_or(CallbackRefused::Unknown)?;
            let left = give_up.saturating_duration_since(Instant::now());
            match authorization.state {
                AuthorizationState::AwaitingKey
                | AuthorizationState::Pending
                | AuthorizationState::Exchanging { .. }
                    if !left.is_zero() =>
                {
                    tokio::time::timeout(left.min(LOOK_AGAIN), commits.changed())
                        .await
                        .ok();
                }
                AuthorizationState::Superseded => return Err(CallbackRefused::Unknown),
                AuthorizationState::AwaitingKey
                | AuthorizationState::Pending
                | AuthorizationState::Exchanging { .. }
                | AuthorizationState::Succeeded
                | AuthorizationState::Failed { .. } => return self.shown(authorization).await,
            }
        }
    }

    /// How the attempt stands, for where the institution wants it read.
    pub(crate) async fn shown(
        &self,
        authorization: Authorization,
    ) -> Result<Shown, CallbackRefused> {
        let outcome = self.outcome_of(&authorization).await?;
        match &authorization.redirect_url {
            Some(url) if outcome.auth_status != AuthStatus::Processing => {
                let redirect_to = with_outcome(url, &outcome).map_err(Internal::new)?;
                Ok(Shown {
                    outcome,
                    next: Next::Redirect(redirect_to),
                })
            }
            _ => self.on_our_page(&authorization, outcome).await,
        }
    }

    /// The same for a page of ours, whatever the institution wants.
    pub(crate) async fn shown_here(
        &self,
        authorization: Authorization,
    ) -> Result<Shown, CallbackRefused> {
        let outcome = self.outcome_of(&authorization).await?;
        self.on_our_page(&authorization, outcome).await
    }

    async fn on_our_page(
        &self,
        authorization: &Authorization,
        outcome: Outcome,
    ) -> Result<Shown, CallbackRefused> {
        let institution = Asker::find(self.storage(), authorization.institution).await?;
        let institution = institution.ok_or(CallbackRefused::Unknown)?;
        Ok(Shown {
            outcome,
            next: Next::Page(institution),
        })
    }

    async fn outcome_of(&self, authorization: &Authorization) -> Result<Outcome, CallbackRefused> {
        let store = stores::find(
            self.storage(),
            authorization.institution,
            authorization.store,
        )
        .await?;
        let store = store.ok_or(CallbackRefused::Unknown)?;
        // What works beside an attempt that failed is what every channel tells.
        let is_beside = authorization.beside.is_some();
        let (auth_status, fail_reason, failed_beside) = match authorization.state {
            AuthorizationState::Succeeded => (AuthStatus::Success, None, None),
            AuthorizationState::Failed { reason } if is_beside => {
                (AuthStatus::Success, None, Some(reason))
            }
            AuthorizationState::Failed { reason } => (AuthStatus::Failed, Some(reason), None),
            AuthorizationState::AwaitingKey
            | AuthorizationState::Pending
            | AuthorizationState::Exchanging { .. }
            | AuthorizationState::Superseded => (AuthStatus::Processing, None, None),
        };
        Ok(Outcome {
            reference: Reference::of(authorization.id),
            platform_name: adapter(authorization.platform).facts().name,
            client_id: store.client,
            store_id: store.id,
            seller_id: authorization.seller_id.clone(),
            auth_status,
            fail_reason,
            failed_beside,
        })
    }
}
