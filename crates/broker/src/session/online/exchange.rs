//! One exchange of a session token for its user's token, by whoever has the right to it.

use std::convert::Infallible;

use domain::{
    FailReason, GrantId, LeaseId, OnlineTokenId, RequiredScope, Scopes, Store, StoreState,
};
use platforms::{SessionProof, adapter};
use secrecy::{ExposeSecret, SecretString};
use storage::online_exchanges::{self, OnlineSession};
use storage::online_tokens::{self, OnlineToken};
use storage::sealing::Place;
use storage::{Tx, stores};

use super::super::{Exchange, StartSessionError, log_failure};
use super::{OnlineAccess, PlainToken, not_exchanged};
use crate::Broker;
use crate::complete_callback::{CLAIM_LIFE, EXTEND_EVERY, EXTEND_WITHIN, SAVE_AGAIN, pause};
use crate::crash_point::CrashPoint;
use crate::internal::{Internal, chain};

/// The right to exchange a session token.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    pub(super) session: OnlineSession,
    pub(super) lease: LeaseId,
}

/// What the platform's answer came to.
enum Brought {
    Token(Box<OnlineToken>),
    Nothing(FailReason),
}

/// What came of saving that.
enum Saved {
    Kept(Box<OnlineToken>),
    /// There is no token, and whoever waits is told why.
    Told(FailReason),
    /// Somebody else exchanges by now.
    Overtaken,
}

impl Broker {
    /// Exchanges the token, and keeps what that brings. The right to it is held on to until that is kept.
    /// `None` if it was lost meanwhile.
    pub(super) async fn exchange_online(
        &self,
        exchange: &Exchange,
        store: &Store,
        turn: Turn,
    ) -> Result<Option<Result<OnlineAccess, StartSessionError>>, Internal> {
        self.reach(CrashPoint::Claimed);
        let saved = tokio::select! {
            saved = self.ask_and_save(exchange, store, turn) => saved?,
            never = self.hold_exchange(turn) => match never {},
        };
        Ok(match saved {
            Saved::Kept(online) => Some(Ok(self.open_online(*online)?)),
            Saved::Told(reason) => Some(Err(not_exchanged(reason))),
            Saved::Overtaken => None,
        })
    }

    async fn ask_and_save(
        &self,
        exchange: &Exchange,
        store: &Store,
        turn: Turn,
    ) -> Result<Saved, Internal> {
        let asked = self.ask(exchange).await;
        self.reach(CrashPoint::Exchanged);
        let brought = match asked {
            Ok(proven) => {
                let StoreState::Success(authorized) = &store.state else {
                    return Err(Internal::new("an online token without a grant"));
                };
                let grant = authorized.grant;
                let write = adapter(store.platform).facts().write_scope;
                let required = RequiredScope::read_all(&exchange.app.scopes);
                let scopes = Scopes::assess(&proven.proof.scopes, &required, write);
                let online = self.seal_online(store, grant, turn.session, scopes, &proven)?;
                Brought::Token(Box::new(online))
            }
            Err(failure) => {
                log_failure(store.platform, store.id, failure);
                Brought::Nothing(failure.reason())
            }
        };
        self.save_exchanged(brought, turn).await
    }

    /// The session token is spent: a database that fails for a moment must not cost what it brought. A commit
    /// that was reported as failed and did happen looks as if somebody else had exchanged, and its outcome is
    /// found as theirs would be.
    async fn save_exchanged(&self, brought: Brought, turn: Turn) -> Result<Saved, Internal> {
        for wait in SAVE_AGAIN {
            match self.save_exchange_once(&brought, turn).await {
                Ok(saved) => return Ok(saved),
                Err(error) => {
                    let cause = chain(&error);
                    tracing::warn!(store.id = %turn.session.store, cause, "an exchange is saved again");
                }
            }
            pause(wait).await;
        }
        self.save_exchange_once(&brought, turn).await
    }

    async fn save_exchange_once(&self, brought: &Brought, turn: Turn) -> Result<Saved, Internal> {
        match brought {
            Brought::Token(online) => self.save_online(online, turn).await,
            Brought::Nothing(reason) => {
                self.storage()
                    .write(async |tx: &Tx| end_without_token(tx, turn, *reason).await)
                    .await
            }
        }
    }

    /// Extends the right again and again, so that only a dead process loses it.
    async fn hold_exchange(&self, turn: Turn) -> Infallible {
        loop {
            pause(EXTEND_EVERY).await;
            let until = self.now() + CLAIM_LIFE;
            let Turn { session, lease } = turn;
            let extend = self
                .storage()
                .write(async |tx: &Tx| online_exchanges::extend(tx, session, lease, until).await);
            let cause = match tokio::time::timeout(EXTEND_WITHIN, extend).await {
                Ok(Ok(_)) => continue,
                Ok(Err(error)) => chain(&error),
                Err(elapsed) => elapsed.to_string(),
            };
            tracing::warn!(store.id = %session.store, cause, "the exchange is not held on to");
        }
    }

    async fn save_online(&self, online: &OnlineToken, turn: Turn) -> Result<Saved, Internal> {
        let Turn { session, lease } = turn;
        self.storage()
            .write(async |tx: &Tx| {
                let store = stores::find_locked(tx, online.institution, online.store).await?;
                let has_grant =
                    store.is_some_and(|store| store.authorized_by(online.grant).is_ok());
                if !has_grant {
                    return end_without_token(tx, turn, FailReason::AuthRevoked).await;
                }
                if !online_exchanges::succeed(tx, session, lease).await? {
                    return Ok(Saved::Overtaken);
                }
                online_tokens::replace(tx, online).await?;
                Ok::<_, Internal>(Saved::Kept(Box::new(online.clone())))
            })
            .await
    }

    fn seal_online(
        &self,
        store: &Store,
        grant: GrantId,
        session: OnlineSession,
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
            session_hash: session.hash,
            token: self
                .keyring()
                .seal(Place::OnlineToken(id), &text, self.seal_nonce()),
            scopes,
            created_at: self.now(),
            expires_at: proven.proof.expires_at.ok_or_else(missing)?,
        })
    }
}

async fn end_without_token(tx: &Tx, turn: Turn, reason: FailReason) -> Result<Saved, Internal> {
    let is_told = online_exchanges::fail(tx, turn.session, turn.lease, reason).await?;
    Ok(if is_told {
        Saved::Told(reason)
    } else {
        Saved::Overtaken
    })
}
