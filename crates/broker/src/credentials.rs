//! `credential/get`: an access token for an institution that may have it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{
    AuthStatus, Credential, CredentialAccess, CredentialRequestId, Disclosure, FailReason,
    Institution, LeaseId, Platform, Scopes, Store, StoreState,
};
use platforms::adapter;
use secrecy::SecretString;
use storage::credential_requests::{self, CredentialCall, CredentialOutcome, CredentialRequest};
use storage::grants::{self, HeldCredential};
use storage::sealing::Place;
use storage::{News, Tx, refreshes};
use tokio::time::Instant;

use crate::Broker;
use crate::caller::{CallError, Caller, Operator};
use crate::institutions::OperatorError;
use crate::internal::{Internal, chain};
use crate::refresh::LEASE;
use crate::store_request::StoreRef;

/// How long a call waits for somebody else who renews the token: as long as a platform has to answer, and a
/// little for the saving.
const RENEWAL_WAIT: Duration = Duration::from_secs(12);
/// When to ask again for a token that nobody could renew, where no time is set for the next try.
const ASK_AGAIN: Duration = Duration::from_secs(5);

pub struct GetCredential {
    pub client_id: String,
    pub store_id: String,
}

/// An access token, as it is handed out.
#[derive(Debug)]
pub struct HandedOut {
    pub access_token: SecretString,
    /// `None` where the platform gives it no end.
    pub expires_at: Option<DateTime<Utc>>,
    pub scopes: Scopes,
}

/// Why no token is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GetCredentialError {
    #[error("the institution may not have credentials")]
    Forbidden,
    #[error("store not exist")]
    UnknownStore,
    #[error("the store is not authorized")]
    NotAuthorized {
        status: AuthStatus,
        reason: Option<FailReason>,
    },
    /// The store is authorized by a key and its secret.
    #[error("the store's credential is no access token")]
    NoAccessToken,
    /// The seller handed it in on a page that promised that the institution would not see it.
    #[error("the store's credential is not disclosed")]
    Undisclosed,
    /// The token has ended, and the platform gave no newer one yet.
    #[error("the token could not be renewed")]
    Unavailable { retry_after: Duration },
}

impl GetCredentialError {
    const fn outcome(self) -> CredentialOutcome {
        match self {
            Self::Forbidden => CredentialOutcome::Forbidden,
            Self::UnknownStore => CredentialOutcome::UnknownStore,
            Self::NotAuthorized { .. } => CredentialOutcome::NotAuthorized,
            Self::NoAccessToken | Self::Undisclosed => CredentialOutcome::NoAccessToken,
            Self::Unavailable { .. } => CredentialOutcome::Unavailable,
        }
    }
}

/// A request, before it is known what comes of it.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) institution: &'a Institution,
    pub(crate) meant: &'a StoreRef,
    pub(crate) call: CredentialCall,
    pub(crate) request_id: &'a str,
}

impl Broker {
    /// A token that lives for a while yet; one that has ended, or is about to, is renewed first. Every call
    /// is written down with what came of it, before the caller learns that.
    pub async fn get_credential(
        &self,
        caller: &Caller,
        command: GetCredential,
        request_id: &str,
    ) -> Result<HandedOut, CallError<GetCredentialError>> {
        self.spend_nonce(caller).await.map_err(without_refusal)?;
        let meant = StoreRef::read(&command.client_id, &command.store_id);
        let asked = Asked {
            institution: &caller.institution,
            meant: &meant,
            call: CredentialCall::Get,
            request_id,
        };
        let found = self.find_access_token(&asked).await;
        let outcome = match &found {
            Ok(Ok(_)) => CredentialOutcome::HandedOut,
            Ok(Err(refusal)) => refusal.outcome(),
            Err(_) => CredentialOutcome::Failed,
        };
        self.write_down(&asked, outcome).await?;
        found?.map_err(CallError::Refused)
    }

    /// Writes a request down with its outcome.
    pub(crate) async fn write_down(
        &self,
        asked: &Asked<'_>,
        outcome: CredentialOutcome,
    ) -> Result<(), Internal> {
        let request = CredentialRequest {
            id: CredentialRequestId::new(self.next_id()),
            institution: asked.institution.id,
            store: asked.meant.store,
            call: asked.call,
            outcome,
            request_id: asked.request_id.to_owned(),
            created_at: self.now(),
        };
        self.storage()
            .write(async |tx: &Tx| credential_requests::insert(tx, &request).await)
            .await?;
        tracing::info!(
            institution.app_id = %asked.institution.app_id, call = asked.call.code(),
            store.id = request.store.map(|store| store.to_string()), outcome = outcome.code(),
            "a credential was asked for"
        );
        Ok(())
    }

    /// The latest requests of an institution, newest first.
    pub async fn list_credential_requests(
        &self,
        _: &Operator,
        app_id: &str,
        limit: u64,
    ) -> Result<Vec<CredentialRequest>, OperatorError> {
        let institution = self.find_institution(app_id).await?;
        let requests = credential_requests::list(self.storage(), institution.id, limit).await?;
        Ok(requests)
    }

    async fn find_access_token(
        &self,
        asked: &Asked<'_>,
    ) -> Result<Result<HandedOut, GetCredentialError>, Internal> {
        if asked.institution.credential_access != CredentialAccess::Granted {
            return Ok(Err(GetCredentialError::Forbidden));
        }
        let give_up = Instant::now() + RENEWAL_WAIT;
        let mut commits = self.storage().commits(News::Outcomes);
        loop {
            let found = asked
                .meant
                .find(self.storage(), asked.institution.id)
                .await?;
            let Some(store) = found else {
                return Ok(Err(GetCredentialError::UnknownStore));
            };
            let StoreState::Success(authorized) = &store.state else {
                return Ok(Err(not_authorized(&store)));
            };
            let (owner, grant) = (store.institution, authorized.grant);
            let left = give_up.saturating_duration_since(Instant::now());
            // A process that is about to end pauses no more.
            let is_over = left.is_zero() || self.hurry().is_cancelled();
            let held = grants::find_credential(self.storage(), owner, grant).await?;
            let Some(held) = held else {
                // The grant was replaced, or ended, between the two questions.
                if is_over {
                    let retry_after = ASK_AGAIN;
                    return Ok(Err(GetCredentialError::Unavailable { retry_after }));
                }
                self.pause(left, &mut commits).await;
                continue;
            };
            match self.next_move(store.platform, &held) {
                Move::HandOut => return self.hand_out(&store, &held),
                Move::Renew if self.renew_at_once(&store).await? => {}
                // Somebody else renews it, or was faster.
                Move::Wait | Move::Renew if !is_over => self.pause(left, &mut commits).await,
                Move::Wait | Move::Renew | Move::MakeDo => {
                    return self.hand_out_while_it_lives(&store, &held);
                }
            }
        }
    }

    fn next_move(&self, platform: Platform, held: &HeldCredential) -> Move {
        let now = self.now();
        let Some(end) = held.expires_at else {
            return Move::HandOut;
        };
        let half_life = adapter(platform)
            .facts()
            .lifetimes
            .access
            .map(|life| life / 2);
        let margin = self
            .options()
            .refresh_margin
            .min(half_life.unwrap_or(Duration::MAX));
        if end > now + margin {
            return Move::HandOut;
        }
        if held.leased_until > now {
            return Move::Wait;
        }
        // A renewal that was put off is not tried by every call in between.
        match held.next_refresh_at {
            Some(due) if due <= now => Move::Renew,
            Some(_) | None => Move::MakeDo,
        }
    }

    /// Renews the store's token, unless somebody else does: `false` then. It goes on to its end even when
    /// the caller does not wait for it.
    async fn renew_at_once(&self, store: &Store) -> Result<bool, Internal> {
        let StoreState::Success(authorized) = &store.state else {
            return Ok(false);
        };
        let (owner, grant, now) = (store.institution, authorized.grant, self.now());
        let lease = LeaseId::new(self.next_id());
        let work = self
            .storage()
            .write(async |tx: &Tx| {
                refreshes::lease_one(tx, owner, grant, now, lease, now + LEASE).await
            })
            .await?;
        let Some(work) = work else {
            return Ok(false);
        };
        let broker = self.clone();
        let renewing = self.spawn(async move { broker.refresh_grant(&work).await });
        if let Err(error) = renewing.await.map_err(Internal::new)? {
            let cause = chain(&error);
            tracing::error!(store.id = %store.id, platform = %store.platform, cause, "not renewed");
        }
        Ok(true)
    }

    fn hand_out_while_it_lives(
        &self,
        store: &Store,
        held: &HeldCredential,
    ) -> Result<Result<HandedOut, GetCredentialError>, Internal> {
        let now = self.now();
        if held.expires_at.is_none_or(|end| end > now) {
            return self.hand_out(store, held);
        }
        let next = held.next_refresh_at.and_then(|at| (at - now).to_std().ok());
        let retry_after = next.filter(|wait| !wait.is_zero()).unwrap_or(ASK_AGAIN);
        Ok(Err(GetCredentialError::Unavailable { retry_after }))
    }

    fn hand_out(
        &self,
        store: &Store,
        held: &HeldCredential,
    ) -> Result<Result<HandedOut, GetCredentialError>, Internal> {
        let StoreState::Success(authorized) = &store.state else {
            return Ok(Err(not_authorized(store)));
        };
        if held.disclosure == Disclosure::Nobody {
            return Ok(Err(GetCredentialError::Undisclosed));
        }
        let place = Place::GrantCredential(authorized.grant);
        let text = self.keyring().open(place, &held.sealed)?;
        let credential = Credential::from_secret_text(&text).map_err(Internal::new)?;
        let (Credential::AccessToken {
            access_token: token,
        }
        | Credential::Token { token }) = credential
        else {
            return Ok(Err(GetCredentialError::NoAccessToken));
        };
        Ok(Ok(HandedOut {
            access_token: token,
            expires_at: held.expires_at,
            scopes: authorized.scopes.clone(),
        }))
    }
}

/// What is done about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    /// It lives for long enough.
    HandOut,
    /// Somebody renews it.
    Wait,
    Renew,
    /// It cannot be renewed now.
    MakeDo,
}

fn not_authorized(store: &Store) -> GetCredentialError {
    GetCredentialError::NotAuthorized {
        status: store.status(),
        reason: store.fail_reason(),
    }
}

/// The error of a call that cannot be refused.
pub(crate) fn without_refusal<E>(error: CallError<std::convert::Infallible>) -> CallError<E> {
    match error {
        CallError::NonceUsed => CallError::NonceUsed,
        CallError::IdempotencyKeyReused => CallError::IdempotencyKeyReused,
        CallError::Refused(never) => match never {},
        CallError::Internal(internal) => CallError::Internal(internal),
    }
}
