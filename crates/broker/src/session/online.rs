//! A token of the user's own, which lives as long as the session and stands beside the store's grant.

use std::time::Duration;

use domain::{CredentialAccess, GrantId, OnlineTokenId, RequiredScope, Scopes, Store, StoreState};
use platforms::{PlatformFailure, SessionProof, SessionUser, adapter};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use storage::credential_requests::{CredentialCall, CredentialOutcome};
use storage::online_tokens::{self, OnlineToken};
use storage::sealing::Place;
use storage::{Tx, stores};

use super::{Exchange, StartSession, StartSessionError, log_failure};
use crate::Broker;
use crate::caller::{CallError, Caller};
use crate::credentials::{Asked, HandedOut, without_refusal};
use crate::internal::Internal;
use crate::secret_text::sha256;
use crate::store_request::StoreRef;

/// When to try again after a platform that could not be reached.
const ASK_AGAIN: Duration = Duration::from_secs(5);

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

    /// A caller who did not get the answer gets it again once it is kept. Calls that come before that ask the
    /// platform each by itself.
    async fn find_online_token(
        &self,
        asked: &Asked<'_>,
        command: &StartSession,
    ) -> Result<Result<OnlineAccess, StartSessionError>, Internal> {
        if asked.institution.credential_access != CredentialAccess::Granted {
            return Ok(Err(StartSessionError::Forbidden));
        }
        let found = asked
            .meant
            .find(self.storage(), asked.institution.id)
            .await?;
        let Some(store) = found else {
            return Ok(Err(StartSessionError::UnknownStore));
        };
        let StoreState::Success(authorized) = &store.state else {
            let status = store.status();
            return Ok(Err(StartSessionError::NotAuthorized { status }));
        };
        let grant = authorized.grant;
        let session_hash = sha256(command.session_token.expose_secret());
        let kept = online_tokens::find_by_session(
            self.storage(),
            store.institution,
            store.id,
            session_hash,
            self.now(),
        )
        .await?;
        if let Some(kept) = kept.filter(|kept| kept.grant == grant) {
            return self.open_online(kept).map(Ok);
        }
        let prepared = self
            .storage()
            .write(async |tx: &Tx| self.prepare(tx, &store, command).await)
            .await?;
        let exchange = match prepared {
            Ok((exchange, _)) => exchange,
            Err(problem) => return Ok(Err(problem.into())),
        };
        let broker = self.clone();
        let exchanging =
            self.spawn(async move { broker.exchange_online(exchange, store, session_hash).await });
        exchanging.await.map_err(Internal::new)?
    }

    async fn exchange_online(
        &self,
        exchange: Exchange,
        store: Store,
        session_hash: [u8; 32],
    ) -> Result<Result<OnlineAccess, StartSessionError>, Internal> {
        let proven = match self.ask(&exchange).await {
            Ok(proven) => proven,
            Err(failure) => {
                log_failure(store.platform, store.id, failure);
                return Ok(Err(not_exchanged(failure)));
            }
        };
        let StoreState::Success(authorized) = &store.state else {
            return Err(Internal::new("an online token without a grant"));
        };
        let write = adapter(store.platform).facts().write_scope;
        let required = RequiredScope::read_all(&exchange.app.scopes);
        let scopes = Scopes::assess(&proven.proof.scopes, &required, write);
        let grant = authorized.grant;
        let online = self.seal_online(&store, grant, session_hash, scopes, &proven)?;
        let is_kept = self
            .storage()
            .write(async |tx: &Tx| {
                let now = stores::find_locked(tx, store.institution, store.id).await?;
                let holds_grant = now
                    .as_ref()
                    .is_some_and(|now| now.authorized_by(grant).is_ok());
                if holds_grant {
                    online_tokens::replace(tx, &online).await?;
                }
                Ok::<_, Internal>(holds_grant)
            })
            .await?;
        if !is_kept {
            let reason = domain::FailReason::AuthRevoked;
            return Ok(Err(StartSessionError::NotExchanged {
                reason,
                retry_after: None,
            }));
        }
        self.open_online(online).map(Ok)
    }

    fn seal_online(
        &self,
        store: &Store,
        grant: GrantId,
        session_hash: [u8; 32],
        scopes: Scopes,
        proven: &SessionProof,
    ) -> Result<OnlineToken, Internal> {
        let missing = || Internal::new("an online token without user, end or token");
        let user = proven.user.as_ref().ok_or_else(missing)?;
        let domain::Credential::AccessToken { access_token } = &proven.proof.credential else {
            return Err(missing());
        };
        let id = OnlineTokenId::new(self.next_id());
        let plain = PlainToken {
            access_token: access_token.expose_secret().to_owned(),
            email: user.email.clone(),
        };
        let text = SecretString::from(serde_json::to_string(&plain).map_err(Internal::new)?);
        Ok(OnlineToken {
            id,
            institution: store.institution,
            store: store.id,
            grant,
            user: user.id.clone(),
            session_hash,
            token: self
                .keyring()
                .seal(Place::OnlineToken(id), &text, self.seal_nonce()),
            scopes,
            created_at: self.now(),
            expires_at: proven.proof.expires_at.ok_or_else(missing)?,
        })
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

fn not_exchanged(failure: PlatformFailure) -> StartSessionError {
    StartSessionError::NotExchanged {
        reason: failure.reason(),
        retry_after: failure.is_transient().then_some(ASK_AGAIN),
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
