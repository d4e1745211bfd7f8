//! The seller comes back from the platform: verify, claim, exchange, commit, show.

use std::convert::Infallible;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{
    Authorization, AuthorizationId, AuthorizationState, FailReason, LeaseId, Platform,
    PlatformAppId, Reference, ShopLabel,
};
use platforms::{
    App, Callback as PlatformCallback, CallbackAnswer, CodeFlow, ExchangeRequest, PlatformFailure,
    Proof, adapter,
};
use secrecy::{ExposeSecret, SecretString};
use storage::platform_apps::PlatformApp;
use storage::{StorageError, Tx, authorizations, hosted_links};
use tokio::time::Instant;

use crate::Broker;
use crate::asker::Asker;
use crate::crash_point::CrashPoint;
use crate::finish_authorization::{Attempt, Ending, Fence};
use crate::hosted_link::Binding;
use crate::internal::{Internal, chain};
use crate::key_proof::judge;
use crate::outcome::Shown;
use crate::secret_text::sha256;

/// How long a platform has to exchange a code, while the seller's browser waits.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(10);
/// How long a claim holds without being extended. After a crash it is told as INTERRUPTED when this is
/// over, so it is short; the exchange extends it well before.
pub(crate) const CLAIM_LIFE: Duration = Duration::from_secs(6);
pub(crate) const EXTEND_EVERY: Duration = Duration::from_secs(1);
/// How long an extension may take before another one is tried.
pub(crate) const EXTEND_WITHIN: Duration = Duration::from_secs(1);
/// The waits before an outcome is saved again that the database did not take; together less than what is
/// left of a claim that was extended in time.
pub(crate) const SAVE_AGAIN: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// What the platform's redirect brought.
#[derive(Clone, Copy)]
pub struct Callback<'a> {
    pub platform: Platform,
    /// The institution's own app, where the path names one.
    pub app: Option<PlatformAppId>,
    /// The query as it was received, byte for byte.
    pub raw_query: &'a str,
    /// The values of the cookies that clicks on hosted links left in this browser.
    pub cookies: &'a [SecretString],
}

/// A callback of a click that counts only in the browser that made it, and for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbound {
    pub why: WhyUnbound,
    pub platform_name: &'static str,
    pub institution: Asker,
    pub reference: Reference,
}

/// What keeps a callback from counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyUnbound {
    /// Another browser clicked.
    OtherBrowser,
    /// The click was too long ago, whichever browser it was made in.
    Late,
}

/// A callback that changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallbackRefused {
    /// Unknown, forged, too old, superseded: whoever sent it learns nothing about which.
    #[error("unknown link")]
    Unknown,
    /// It has no state, and its browser clicked on several links that still wait.
    #[error("several links wait")]
    SeveralWait,
    /// Its state is one that we gave out, for another browser or for a time that is over. Whoever brings it is
    /// told so, since it may be a seller whom somebody else has sent to the platform.
    #[error("another browser's link")]
    Unbound(Box<Unbound>),
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl From<StorageError> for CallbackRefused {
    fn from(error: StorageError) -> Self {
        Self::Internal(error.into())
    }
}

/// A callback that its platform signed, and the attempt that it answers.
pub(crate) struct Verified {
    pub(crate) flow: &'static dyn CodeFlow,
    pub(crate) app: App,
    pub(crate) redirect_uri: String,
    pub(crate) callback: PlatformCallback,
    pub(crate) authorization: Authorization,
    pub(crate) binding: Binding,
}

impl Verified {
    fn names_another_shop(&self) -> bool {
        match (&self.callback.shop, &self.authorization.expected_shop) {
            (Some(named), Some(expected)) => named != expected,
            (None, _) | (_, None) => false,
        }
    }

    /// The shop whose token the code buys. A callback that names none is bound to the one in whose link
    /// its state was.
    fn shop(&self) -> Option<&ShopLabel> {
        let named = self.callback.shop.as_ref();
        named.or(self.authorization.expected_shop.as_ref())
    }
}

impl Broker {
    /// Ends the attempt that the callback answers, or shows how it ended if it comes again. The exchange
    /// goes on to its end even when the browser does not wait for it.
    pub async fn complete_callback(
        &self,
        callback: Callback<'_>,
    ) -> Result<Shown, CallbackRefused> {
        let verified = self.verify(callback).await?;
        let id = Attempt::of(&verified.authorization);
        let now = self.now();
        match verified.authorization.state {
            // No code answers what waits for a key.
            AuthorizationState::AwaitingKey | AuthorizationState::Superseded => {
                return Err(CallbackRefused::Unknown);
            }
            AuthorizationState::Pending | AuthorizationState::Exchanging { .. }
                if let Binding::Unbound(why) = verified.binding =>
            {
                return Err(self.unbound(&verified.authorization, why).await);
            }
            AuthorizationState::Exchanging { .. }
            | AuthorizationState::Succeeded
            | AuthorizationState::Failed { .. } => {}
            AuthorizationState::Pending if verified.authorization.deadline_at <= now => {
                let expired = Ending::Failed(verified.authorization.reason_past_deadline());
                self.finish_authorization(id, Fence::Unclaimed, expired)
                    .await?;
            }
            AuthorizationState::Pending => self.answer(verified, now).await?,
        }
        self.show(id).await
    }

    /// The bytes first: nothing of the query counts before its signature does, and where the platform signs
    /// nothing, before its state is one that we gave out.
    async fn verify(&self, callback: Callback<'_>) -> Result<Verified, CallbackRefused> {
        let flow = adapter(callback.platform)
            .code_flow()
            .ok_or(CallbackRefused::Unknown)?;
        let found = self
            .find_app_of_path(callback.platform, callback.app)
            .await?
            .ok_or(CallbackRefused::Unknown)?;
        let app = self.open_app(&found)?;
        let read = flow
            .read_callback(callback.raw_query, &app)
            .map_err(|_| CallbackRefused::Unknown)?;
        let (authorization, binding) = self
            .find_answered(&found, &read, callback.cookies)
            .await?
            .filter(|(known, _)| known.platform == callback.platform && known.app == Some(found.id))
            .ok_or(CallbackRefused::Unknown)?;
        Ok(Verified {
            flow,
            app,
            redirect_uri: self.callback_url(&found),
            callback: read,
            authorization,
            binding,
        })
    }

    /// The attempt whose link, or a click on whose link, led to the platform. A state that was not handed
    /// through leaves the cookies of the browser; both must agree where there are both.
    async fn find_answered(
        &self,
        app: &PlatformApp,
        read: &PlatformCallback,
        cookies: &[SecretString],
    ) -> Result<Option<(Authorization, Binding)>, CallbackRefused> {
        let hash = |secret: &SecretString| sha256(secret.expose_secret());
        let cookie_hashes: Vec<_> = cookies.iter().map(hash).collect();
        let Some(state) = &read.state else {
            let code_hash = match &read.answer {
                CallbackAnswer::Code(code) => Some(hash(code)),
                CallbackAnswer::Failed(_) => None,
            };
            return self
                .find_by_cookies(app, &cookie_hashes, code_hash)
                .await
                .map(Some);
        };
        let state_hash = hash(state);
        match authorizations::find_by_state(self.storage(), state_hash).await? {
            Some(direct) => Ok(Some((direct, Binding::Bound))),
            None => self.find_by_click(state_hash, &cookie_hashes).await,
        }
    }

    /// The first callback of an attempt. How old it is counts only now: the seller may reload the page
    /// tomorrow and still see the outcome.
    async fn answer(&self, verified: Verified, now: DateTime<Utc>) -> Result<(), CallbackRefused> {
        let freshness = self.options().freshness_of(verified.authorization.platform);
        if let Some(signed) = verified.callback.signed
            && (now - signed.at).abs() > chrono_duration(freshness)
        {
            return Err(CallbackRefused::Unknown);
        }
        let attempt = Attempt::of(&verified.authorization);
        let code = match &verified.callback.answer {
            CallbackAnswer::Failed(reason) => {
                let ending = Ending::Failed(*reason);
                self.finish_authorization(attempt, Fence::Unclaimed, ending)
                    .await?;
                return Ok(());
            }
            CallbackAnswer::Code(code) => code.clone(),
        };
        // Another shop consented than the one that was asked for: its code stays unspent.
        if verified.names_another_shop() {
            let ending = Ending::Failed(FailReason::SellerMismatch);
            self.finish_authorization(attempt, Fence::Unclaimed, ending)
                .await?;
            return Ok(());
        }
        let lease = LeaseId::new(self.next_id());
        let claimed = self
            .storage()
            .write(async |tx: &Tx| {
                let claimed =
                    authorizations::claim(tx, attempt.id, lease, now + CLAIM_LIFE).await?;
                if claimed {
                    let code_hash = sha256(code.expose_secret());
                    hosted_links::keep_code(tx, attempt.institution, attempt.id, code_hash).await?;
                }
                Ok::<_, StorageError>(claimed)
            })
            .await?;
        if !claimed {
            return Ok(());
        }
        self.reach(CrashPoint::Claimed);
        let broker = self.clone();
        let exchange =
            self.spawn(async move { broker.exchange_and_finish(verified, code, lease).await });
        exchange.await.map_err(Internal::new)??;
        Ok(())
    }

    /// Spends the code, and ends the attempt with what it bought.
    pub(crate) async fn exchange_and_finish(
        &self,
        verified: Verified,
        code: SecretString,
        lease: LeaseId,
    ) -> Result<(), Internal> {
        let attempt = Attempt::of(&verified.authorization);
        let exchanged = self.exchange_holding(&verified, &code, lease).await;
        self.reach(CrashPoint::Exchanged);
        let ending = match exchanged {
            Ok(proof) => judge(&verified.authorization, &verified.app.scopes, proof, None),
            Err(failure) => {
                tracing::warn!(
                    store.id = %attempt.store, platform = %verified.authorization.platform,
                    reason = %failure.reason(), "the code could not be exchanged: {failure}"
                );
                Ending::Failed(failure.reason())
            }
        };
        self.finish_spent(attempt, lease, ending).await
    }

    /// The code is spent: a database that fails for a moment must not cost the seller what it brought. A
    /// commit that was reported as failed and did happen is found by the fence, and not made twice.
    pub(crate) async fn finish_spent(
        &self,
        attempt: Attempt,
        lease: LeaseId,
        ending: Ending,
    ) -> Result<(), Internal> {
        for wait in SAVE_AGAIN {
            let fence = Fence::HeldBy(lease);
            let Err(error) = self
                .finish_authorization(attempt, fence, ending.clone())
                .await
            else {
                return Ok(());
            };
            let cause = chain(&error);
            tracing::warn!(store.id = %attempt.store, cause, "the outcome is saved again");
            pause(wait).await;
        }
        self.finish_authorization(attempt, Fence::HeldBy(lease), ending)
            .await?;
        Ok(())
    }

    /// Exchanges the code while extending the claim, so that a slow platform is not taken for a crash. The
    /// one does not wait for the other: a database that is away must not hold up the answer, nor a slow
    /// answer let the claim lapse.
    async fn exchange_holding(
        &self,
        verified: &Verified,
        code: &SecretString,
        lease: LeaseId,
    ) -> Result<Proof, PlatformFailure> {
        tokio::select! {
            exchanged = self.exchange(verified, code) => exchanged,
            never = self.hold(verified.authorization.id, lease) => match never {},
        }
    }

    /// Extends the claim for as long as it is polled. An extension that fails is tried again.
    pub(crate) async fn hold(&self, id: AuthorizationId, lease: LeaseId) -> Infallible {
        loop {
            pause(EXTEND_EVERY).await;
            let until = self.now() + CLAIM_LIFE;
            let extend = self
                .storage()
                .write(async |tx: &Tx| authorizations::extend_claim(tx, id, lease, until).await);
            match tokio::time::timeout(EXTEND_WITHIN, extend).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    let cause = chain(&error);
                    tracing::warn!(authorization.id = %id, cause, "the claim is not extended");
                }
                Err(_) => {
                    tracing::warn!(authorization.id = %id, "the claim is not extended in time");
                }
            }
        }
    }

    /// Spends the code. It is tried again only where nothing was sent, and within the same limit.
    async fn exchange(
        &self,
        verified: &Verified,
        code: &SecretString,
    ) -> Result<Proof, PlatformFailure> {
        let give_up = Instant::now() + EXCHANGE_LIMIT;
        let request = |timeout| ExchangeRequest {
            app: &verified.app,
            shop: verified.shop(),
            redirect_uri: &verified.redirect_uri,
            callback: &verified.callback,
            code,
            timeout,
            now: self.now(),
        };
        match verified
            .flow
            .exchange(self.egress(), request(EXCHANGE_LIMIT))
            .await
        {
            Err(PlatformFailure::ConnectFailed) => {
                let left = give_up.saturating_duration_since(Instant::now());
                verified.flow.exchange(self.egress(), request(left)).await
            }
            exchanged => exchanged,
        }
    }

    /// What is told to whoever brings the state of a click that does not count in this browser, or not any more.
    pub(crate) async fn unbound(
        &self,
        authorization: &Authorization,
        why: WhyUnbound,
    ) -> CallbackRefused {
        match Asker::find(self.storage(), authorization.institution).await {
            Ok(Some(institution)) => CallbackRefused::Unbound(Box::new(Unbound {
                why,
                platform_name: adapter(authorization.platform).facts().name,
                institution,
                reference: Reference::of(authorization.id),
            })),
            Ok(None) => CallbackRefused::Unknown,
            Err(error) => error.into(),
        }
    }
}

pub(crate) async fn pause(wait: Duration) {
    tokio::time::timeout(wait, std::future::pending::<()>())
        .await
        .ok();
}

fn chrono_duration(duration: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(duration).unwrap_or(chrono::TimeDelta::MAX)
}
