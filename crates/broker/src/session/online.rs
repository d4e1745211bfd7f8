//! A token of the user's own, which lives as long as the session and stands beside the store's grant.

mod exchange;

use std::time::Duration;

use domain::{CredentialAccess, FailReason, LeaseId, Store, StoreState};
use platforms::SessionUser;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use storage::credential_requests::{CredentialCall, CredentialOutcome};
use storage::online_exchanges::{self, OnlineSession};
use storage::online_tokens::{self, OnlineToken};
use storage::sealing::Place;
use storage::{Executor, News, StorageError, Tx};
use tokio::time::Instant;

use self::exchange::Turn;
use super::{Exchange, StartSession, StartSessionError};
use crate::Broker;
use crate::caller::{CallError, Caller};
use crate::change::Decision;
use crate::complete_callback::CLAIM_LIFE;
use crate::credentials::{Asked, HandedOut, without_refusal};
use crate::internal::Internal;
use crate::outcome::REPEAT_WAIT;
use crate::secret_text::sha256;
use crate::store_request::StoreRef;

/// When to try again after a platform that could not be reached.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// How long it is remembered why an exchange failed, or that it was cut off: longer than anybody waits for
/// it.
const EXCHANGE_KEPT: Duration = Duration::from_mins(1);

/// A user's token, as it is handed out.
#[derive(Debug)]
pub struct OnlineAccess {
    pub token: HandedOut,
    pub user: SessionUser,
}

/// The token and whose it is as text, for sealing alone.
#[derive(Serialize, Deserialize)]
struct PlainToken {
    access_token: String,
    email: Option<String>,
}

impl Broker {
    pub(super) async fn start_online(
        &self,
        caller: &Caller,
        command: StartSession,
        request_id: &str,
    ) -> Result<OnlineAccess, CallError<StartSessionError>> {
        self.spend_nonce(caller).await.map_err(without_refusal)?;
        let meant = StoreRef::read(&command.client_id, &command.store_id);
        let asked = Asked {
            institution: &caller.institution,
            meant: &meant,
            call: CredentialCall::Session,
            request_id,
        };
        let found = self.find_online_token(&asked, &command).await;
        let outcome = match &found {
            Ok(Ok(_)) => CredentialOutcome::HandedOut,
            Ok(Err(refusal)) => outcome_of(refusal),
            Err(_) => CredentialOutcome::Failed,
        };
        self.write_down(&asked, outcome).await?;
        found?.map_err(CallError::Refused)
    }

    /// A session token is exchanged by one call at a time, whatever process it came to, since the platform may
    /// take it once. Who sends it meanwhile gets what came of that, and who sends it later the token that is
    /// kept.
    async fn find_online_token(
        &self,
        asked: &Asked<'_>,
        command: &StartSession,
    ) -> Result<Result<OnlineAccess, StartSessionError>, Internal> {
        if asked.institution.credential_access != CredentialAccess::Granted {
            return Ok(Err(StartSessionError::Forbidden));
        }
        let session_hash = sha256(command.session_token.expose_secret());
        let give_up = Instant::now() + REPEAT_WAIT;
        let mut commits = self.storage().commits(News::Outcomes);
        let mut awaited: Option<LeaseId> = None;
        loop {
            let found = asked
                .meant
                .find(self.storage(), asked.institution.id)
                .await?;
            let Some(store) = found else {
                return Ok(Err(StartSessionError::UnknownStore));
            };
            if !matches!(store.state, StoreState::Success(_)) {
                let status = store.status();
                return Ok(Err(StartSessionError::NotAuthorized { status }));
            }
            let session = OnlineSession {
                institution: store.institution,
                store: store.id,
                hash: session_hash,
            };
            let ended = self.look_for_online(store, command, session, &mut awaited);
            if let Some(ended) = ended.await? {
                return Ok(ended);
            }
            let left = give_up.saturating_duration_since(Instant::now());
            // A process that is about to end pauses no more.
            if left.is_zero() || self.hurry().is_cancelled() {
                return Ok(Err(not_exchanged(FailReason::PlatformUnreachable)));
            }
            self.pause(left, &mut commits).await;
        }
    }

    /// The token, or why there is none; `None` while somebody else exchanges the session token.
    async fn look_for_online(
        &self,
        store: Store,
        command: &StartSession,
        session: OnlineSession,
        awaited: &mut Option<LeaseId>,
    ) -> Result<Option<Result<OnlineAccess, StartSessionError>>, Internal> {
        if let Some(kept) = self.find_kept(self.storage(), &store, session).await? {
            return Ok(Some(Ok(self.open_online(kept)?)));
        }
        let latest = online_exchanges::find(self.storage(), session).await?;
        if let Some(latest) = latest {
            if let Some(reason) = latest.failure
                && *awaited == Some(latest.lease)
            {
                return Ok(Some(Err(not_exchanged(reason))));
            }
            if latest.leased_until > self.now() {
                *awaited = Some(latest.lease);
                return Ok(None);
            }
        }
        match self.begin_online(&store, command, session).await? {
            Ok(Course::Exchange(exchange, lease)) => {
                // What came of it is the answer, also where a look is all that tells.
                *awaited = Some(lease);
                let turn = Turn { session, lease };
                let broker = self.clone();
                let work = self
                    .spawn(async move { broker.exchange_online(&exchange, &store, turn).await });
                work.await.map_err(Internal::new)?
            }
            Ok(Course::Kept(kept)) => Ok(Some(Ok(self.open_online(*kept)?))),
            Ok(Course::Await) => Ok(None),
            Err(refusal) => Ok(Some(Err(refusal))),
        }
    }

    /// The living token that the session token brought before, beside the grant that the store has now.
    async fn find_kept(
        &self,
        db: &impl Executor,
        store: &Store,
        session: OnlineSession,
    ) -> Result<Option<OnlineToken>, StorageError> {
        let StoreState::Success(authorized) = &store.state else {
            return Ok(None);
        };
        let (owner, now) = (store.institution, self.now());
        let kept = online_tokens::find_by_session(db, owner, store.id, session.hash, now).await?;
        Ok(kept.filter(|kept| kept.grant == authorized.grant))
    }

    async fn begin_online(
        &self,
        store: &Store,
        command: &StartSession,
        session: OnlineSession,
    ) -> Decision<Course, StartSessionError> {
        let lease = LeaseId::new(self.next_id());
        self.storage()
            .write(async |tx: &Tx| {
                let exchange = match self.prepare(tx, store, command).await? {
                    Ok((exchange, _)) => exchange,
                    Err(problem) => return Ok(Err(problem.into())),
                };
                let now = self.now();
                let (until, forget_at) = (now + CLAIM_LIFE, now + EXCHANGE_KEPT);
                let is_ours =
                    online_exchanges::lease(tx, session, lease, now, until, forget_at).await?;
                if !is_ours {
                    return Ok(Ok(Course::Await));
                }
                // Whoever had the right before may have brought the token since we looked.
                if let Some(kept) = self.find_kept(tx, store, session).await? {
                    online_exchanges::succeed(tx, session, lease).await?;
                    return Ok(Ok(Course::Kept(Box::new(kept))));
                }
                Ok::<_, Internal>(Ok(Course::Exchange(Box::new(exchange), lease)))
            })
            .await
    }

    fn open_online(&self, kept: OnlineToken) -> Result<OnlineAccess, Internal> {
        let text = self
            .keyring()
            .open(Place::OnlineToken(kept.id), &kept.token)?;
        // The parser's message could quote the token.
        let plain: PlainToken = serde_json::from_str(text.expose_secret())
            .map_err(|_| Internal::new("a kept online token is not readable"))?;
        Ok(OnlineAccess {
            token: HandedOut {
                access_token: plain.access_token.into(),
                expires_at: Some(kept.expires_at),
                scopes: kept.scopes,
            },
            user: SessionUser {
                id: kept.user,
                email: plain.email,
            },
        })
    }
}

/// What a call for a session token comes to that brought nothing yet.
enum Course {
    Exchange(Box<Exchange>, LeaseId),
    Kept(Box<OnlineToken>),
    /// Somebody exchanges it.
    Await,
}

fn not_exchanged(reason: FailReason) -> StartSessionError {
    let is_transient = reason == FailReason::PlatformUnreachable;
    StartSessionError::NotExchanged {
        reason,
        retry_after: is_transient.then_some(ASK_AGAIN),
    }
}

const fn outcome_of(refusal: &StartSessionError) -> CredentialOutcome {
    match refusal {
        StartSessionError::Forbidden => CredentialOutcome::Forbidden,
        StartSessionError::UnknownStore => CredentialOutcome::UnknownStore,
        StartSessionError::NotAuthorized { .. } => CredentialOutcome::NotAuthorized,
        StartSessionError::NotExchanged {
            retry_after: Some(_),
            ..
        } => CredentialOutcome::Unavailable,
        StartSessionError::NotExchanged { .. }
        | StartSessionError::AlreadyAuthorized
        | StartSessionError::ShopHeld
        | StartSessionError::Field(_) => CredentialOutcome::SessionRefused,
    }
}
