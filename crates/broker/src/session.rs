//! `store/session`: the session token of an app inside of the platform's own pages, exchanged for a grant of
//! the store or for a token of the user's own.

mod online;

use std::time::Duration;

use domain::{
    AuthStatus, Authorization, AuthorizationState, FailReason, LeaseId, Platform, ShopIdentity,
    ShopLabel, Store, StoreState,
};
use platforms::{
    App, PlatformFailure, SessionAccess, SessionExchange, SessionProof, SessionRequest, adapter,
};
use secrecy::SecretString;
use storage::platform_apps::PlatformApp;
use storage::{News, Tx, authorizations, claims, launches};
use tokio::time::Instant;

pub use self::online::OnlineAccess;
use crate::Broker;
use crate::caller::{CallError, Caller};
use crate::change::Decision;
use crate::claimed_attempt::{Begun, shop_of};
use crate::field::FieldError;
use crate::finish_authorization::{Attempt, Ending};
use crate::internal::Internal;
use crate::key_proof::judge;
use crate::outcome::REPEAT_WAIT;
use crate::store_request::StoreRef;

/// How long a platform has for each call: the exchange, and the proof of the shop.
const CALL_LIMIT: Duration = Duration::from_secs(8);

pub struct StartSession {
    pub client_id: String,
    pub store_id: String,
    pub session_token: SecretString,
    pub access: SessionAccess,
}

/// What a session token was exchanged for.
#[derive(Debug)]
pub enum SessionStarted {
    /// How the attempt to authorize the store ended.
    Offline {
        auth_status: AuthStatus,
        fail_reason: Option<FailReason>,
    },
    Online(OnlineAccess),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartSessionError {
    /// For a token of the user's own: the institution may not have credentials.
    #[error("the institution may not have credentials")]
    Forbidden,
    #[error("store not exist")]
    UnknownStore,
    #[error("repeat authorized")]
    AlreadyAuthorized,
    #[error("seller id already authorized")]
    ShopHeld,
    /// For a token of the user's own: the store has no grant that it could stand beside.
    #[error("the store is not authorized")]
    NotAuthorized { status: AuthStatus },
    /// For a token of the user's own: the platform gave none.
    #[error("the session token could not be exchanged")]
    NotExchanged {
        reason: FailReason,
        retry_after: Option<Duration>,
    },
    #[error(transparent)]
    Field(#[from] FieldError),
}

/// A session token that may be exchanged, and where.
struct Exchange {
    flow: &'static dyn SessionExchange,
    app: App,
    shop: ShopLabel,
    /// The shop's number, where the platform signed it before or the store's grant proved it.
    known: Option<ShopIdentity>,
    token: SecretString,
    access: SessionAccess,
}

/// What a call for an offline token comes to.
enum Course {
    Exchange(Box<(Exchange, Authorization)>),
    /// An exchange for the store is under way, and its outcome is the answer.
    Await(Attempt),
}

impl Broker {
    /// Exchanges the token at the host of the store's own shop. An offline token authorizes the store as a
    /// code would; one of the user's own is kept beside the grant and handed out.
    pub async fn start_session(
        &self,
        caller: &Caller,
        command: StartSession,
        request_id: &str,
    ) -> Result<SessionStarted, CallError<StartSessionError>> {
        match command.access {
            SessionAccess::Offline => self.authorize_by_session(caller, command).await,
            SessionAccess::Online => {
                let access = self.start_online(caller, command, request_id).await?;
                Ok(SessionStarted::Online(access))
            }
        }
    }

    async fn authorize_by_session(
        &self,
        caller: &Caller,
        command: StartSession,
    ) -> Result<SessionStarted, CallError<StartSessionError>> {
        let lease = LeaseId::new(self.next_id());
        let course = self
            .change(caller, async |tx: &Tx| {
                self.begin_session(tx, caller, &command, lease).await
            })
            .await?;
        let attempt = match course {
            Course::Exchange(begun) => {
                let (exchange, authorization) = *begun;
                let attempt = Attempt::of(&authorization);
                let broker = self.clone();
                let exchanging = self.spawn(async move {
                    broker
                        .exchange_session(&exchange, authorization, lease)
                        .await
                });
                exchanging.await.map_err(Internal::new)??;
                attempt
            }
            Course::Await(attempt) => attempt,
        };
        let (auth_status, fail_reason) = self.end_of(attempt).await?;
        Ok(SessionStarted::Offline {
            auth_status,
            fail_reason,
        })
    }

    /// A caller who got no answer asks again while the first call is exchanging. The platform may take a
    /// session token once, so the second call begins nothing.
    async fn begin_session(
        &self,
        tx: &Tx,
        caller: &Caller,
        command: &StartSession,
        lease: LeaseId,
    ) -> Decision<Course, StartSessionError> {
        let meant = StoreRef::read(&command.client_id, &command.store_id);
        let Some(store) = meant.find_locked(tx, caller.institution.id).await? else {
            return Ok(Err(StartSessionError::UnknownStore));
        };
        let (exchange, app) = match self.prepare(tx, &store, command).await? {
            Ok(prepared) => prepared,
            Err(problem) => return Ok(Err(problem.into())),
        };
        let claimant = self.claimant(&store);
        if claims::is_shop_held_by_another_store(tx, claimant, &exchange.shop).await? {
            return Ok(Err(StartSessionError::ShopHeld));
        }
        let begun = self
            .begin_claimed(tx, store, &app, &exchange.shop, lease)
            .await?;
        Ok(match begun {
            Begun::Claimed(authorization) => {
                Ok(Course::Exchange(Box::new((exchange, *authorization))))
            }
            Begun::UnderWay(attempt) => Ok(Course::Await(attempt)),
            Begun::AlreadyAuthorized => Err(StartSessionError::AlreadyAuthorized),
        })
    }

    /// How an attempt ended, as it is committed; waits for whoever is still exchanging. PROCESSING if that
    /// takes too long, or if another attempt took its place.
    async fn end_of(&self, attempt: Attempt) -> Result<(AuthStatus, Option<FailReason>), Internal> {
        let give_up = Instant::now() + REPEAT_WAIT;
        let mut commits = self.storage().commits(News::Outcomes);
        loop {
            let found =
                authorizations::find(self.storage(), attempt.institution, attempt.id).await?;
            let left = give_up.saturating_duration_since(Instant::now());
            match found.map(|found| found.state) {
                Some(AuthorizationState::Succeeded) => return Ok((AuthStatus::Success, None)),
                Some(AuthorizationState::Failed { reason }) => {
                    return Ok((AuthStatus::Failed, Some(reason)));
                }
                Some(AuthorizationState::Exchanging { .. })
                    if !left.is_zero() && !self.hurry().is_cancelled() =>
                {
                    self.pause(left, &mut commits).await;
                }
                Some(
                    AuthorizationState::AwaitingKey
                    | AuthorizationState::Pending
                    | AuthorizationState::Exchanging { .. }
                    | AuthorizationState::Superseded,
                )
                | None => return Ok((AuthStatus::Processing, None)),
            }
        }
    }

    /// What the exchange needs, once everything is checked that can be checked without the platform.
    async fn prepare(
        &self,
        tx: &Tx,
        store: &Store,
        command: &StartSession,
    ) -> Decision<(Exchange, PlatformApp), FieldError> {
        let platform = adapter(store.platform);
        let Some(flow) = platform.session() else {
            let problem = format!("is of {}, which has no session tokens", store.platform);
            return Ok(Err(FieldError::new("store_id", problem)));
        };
        let Some(found) = self.find_app(tx, store.platform, store.institution).await? else {
            return Ok(Err(FieldError::new("platform", "is not available")));
        };
        let Some(shop) = shop_of(platform.facts(), store) else {
            let problem = "is of a store whose store_url names no shop";
            return Ok(Err(FieldError::new("store_id", problem)));
        };
        let app = self.open_app(&found)?;
        if let Err(problem) = flow.check(&command.session_token, &app, self.now()) {
            return Ok(Err(FieldError::new("session_token", problem.to_string())));
        }
        let known = match &store.state {
            StoreState::Success(authorized) => Some(authorized.shop.clone()),
            StoreState::Unauthorized
            | StoreState::Processing { .. }
            | StoreState::Failed { .. } => {
                launches::find_identity_for_worker(tx, found.id, &shop).await?
            }
        };
        let exchange = Exchange {
            flow,
            app,
            shop,
            known,
            token: command.session_token.clone(),
            access: command.access,
        };
        Ok(Ok((exchange, found)))
    }

    async fn ask(&self, exchange: &Exchange) -> Result<SessionProof, PlatformFailure> {
        let request = SessionRequest {
            app: &exchange.app,
            shop: &exchange.shop,
            token: &exchange.token,
            access: exchange.access,
            known: exchange.known.as_ref(),
            timeout: CALL_LIMIT,
            now: self.now(),
        };
        exchange.flow.exchange(self.egress(), request).await
    }

    async fn exchange_session(
        &self,
        exchange: &Exchange,
        authorization: Authorization,
        lease: LeaseId,
    ) -> Result<(), Internal> {
        let attempt = Attempt::of(&authorization);
        self.reach(crate::CrashPoint::Claimed);
        let exchanged = tokio::select! {
            exchanged = self.ask(exchange) => exchanged,
            never = self.hold(attempt.id, lease) => match never {},
        };
        self.reach(crate::CrashPoint::Exchanged);
        let ending = match exchanged {
            Ok(SessionProof { proof, .. }) => {
                judge(&authorization, &exchange.app.scopes, proof, None)
            }
            Err(failure) => {
                log_failure(authorization.platform, attempt.store, failure);
                Ending::Failed(failure.reason())
            }
        };
        self.finish_spent(attempt, lease, ending).await
    }
}

fn log_failure(platform: Platform, store: domain::StoreId, failure: PlatformFailure) {
    tracing::warn!(
        store.id = %store, %platform, reason = %failure.reason(),
        "a session token could not be exchanged: {failure}"
    );
}
