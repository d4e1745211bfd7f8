//! The frame of every changing call: nonce, kept answer and change stand or fall together.

use std::convert::Infallible;
use std::time::Duration;

use domain::{AuthorizationId, AuthorizationState, StoreId};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::idempotency::{self, IdempotencyKey, Kept};
use storage::sealing::Place;
use storage::{StorageError, Tx, authorizations, nonces};

use crate::Broker;
use crate::caller::{CallError, Caller, Idempotency};
use crate::internal::Internal;
use crate::secret_text::sha256;

/// A signature counts from five minutes before to five minutes after its `created`; a nonce is
/// remembered for longer than that.
const NONCE_LIFE: Duration = Duration::from_mins(11);
/// How long an answer is kept under its `Idempotency-Key`.
const ANSWER_LIFE: Duration = Duration::from_hours(24);

/// What a use case decided: an answer, or a refusal that changed nothing.
pub(crate) type Decision<T, E> = Result<Result<T, E>, Internal>;

/// An answer that may be kept under an `Idempotency-Key`.
pub(crate) trait Answer: Serialize + DeserializeOwned + Send + Sync {
    /// The attempt whose link the answer carries; the answer is worth nothing after it.
    fn link(&self) -> Option<AuthorizationId> {
        None
    }
}

impl Answer for () {}
impl Answer for StoreId {}

impl Broker {
    /// Runs `work` in a transaction that uses up the caller's nonce, also when `work` refuses. A refusal
    /// must come before the first change, since the transaction is committed all the same.
    pub(crate) async fn change<T, E, F>(&self, caller: &Caller, work: F) -> Result<T, CallError<E>>
    where
        T: Send,
        E: Send,
        F: for<'tx> AsyncFnOnce(&'tx Tx) -> Decision<T, E> + Send,
    {
        let decision = self
            .storage()
            .write(async |tx: &Tx| {
                let decision = work(tx).await?;
                self.consume_nonce(tx, caller).await?;
                Ok::<_, CallError<E>>(decision)
            })
            .await
            .inspect_err(|error| self.count(error))?;
        decision.map_err(CallError::Refused)
    }

    /// Like [`Broker::change`], for work whose writes can be one statement: see
    /// [`storage::Storage::write_optimistically`].
    pub(crate) async fn change_at_once<T, E, F>(
        &self,
        caller: &Caller,
        work: F,
    ) -> Result<T, CallError<E>>
    where
        T: Send,
        E: Send,
        F: for<'tx> AsyncFnOnce(&'tx Tx) -> Decision<T, E> + Clone + Send,
    {
        let decision = self
            .storage()
            .write_optimistically(async |tx: &Tx| {
                let decision = work(tx).await?;
                self.consume_nonce(tx, caller).await?;
                Ok::<_, CallError<E>>(decision)
            })
            .await
            .inspect_err(|error| self.count(error))?;
        decision.map_err(CallError::Refused)
    }

    /// Like [`Broker::change`], and returns the kept answer where the caller's `Idempotency-Key` has one.
    pub(crate) async fn change_once<T, E, F>(
        &self,
        caller: &Caller,
        call: &'static str,
        work: F,
    ) -> Result<T, CallError<E>>
    where
        T: Answer,
        E: Send,
        F: for<'tx> AsyncFnOnce(&'tx Tx) -> Decision<T, E> + Clone + Send,
    {
        let Some(sent) = &caller.idempotency else {
            return self.change_at_once(caller, work).await;
        };
        let key = IdempotencyKey {
            institution: caller.institution.id,
            call,
            key_hash: sha256(&sent.key),
        };
        self.storage()
            .write(async |tx: &Tx| {
                let decision = self.decide_once(tx, key, sent, work).await?;
                self.consume_nonce(tx, caller).await?;
                Ok::<_, CallError<E>>(decision)
            })
            .await
            .inspect_err(|error| self.count(error))?
    }

    fn count<E>(&self, error: &CallError<E>) {
        if matches!(error, CallError::NonceUsed) {
            self.measures().nonce_refused();
        }
    }

    async fn decide_once<T, E, F>(
        &self,
        tx: &Tx,
        key: IdempotencyKey<'_>,
        sent: &Idempotency,
        work: F,
    ) -> Result<Result<T, CallError<E>>, Internal>
    where
        T: Answer,
        E: Send,
        F: for<'tx> AsyncFnOnce(&'tx Tx) -> Decision<T, E> + Send,
    {
        match self.reserve(tx, key, sent).await? {
            Reservation::Reused => return Ok(Err(CallError::IdempotencyKeyReused)),
            Reservation::Answered(answer) => return Ok(Ok(answer)),
            Reservation::New => {}
        }
        match work(tx).await? {
            Ok(answer) => {
                self.keep(tx, key, &answer).await?;
                Ok(Ok(answer))
            }
            Err(refusal) => {
                idempotency::forget(tx, key).await?;
                Ok(Err(CallError::Refused(refusal)))
            }
        }
    }

    /// Uses up the nonce of a call that fails before it reaches a use case.
    pub async fn spend_nonce(&self, caller: &Caller) -> Result<(), CallError<Infallible>> {
        self.change(caller, async |_: &Tx| Ok(Ok(()))).await
    }

    /// Comes last, so that it is written together with the change. A call that is sent a second time does
    /// its work in vain then, and all of it is rolled back.
    async fn consume_nonce(&self, tx: &Tx, caller: &Caller) -> Result<(), StorageError> {
        let forget_at = self.now() + NONCE_LIFE;
        let hash = sha256(&caller.nonce);
        nonces::consume(tx, caller.institution.id, hash, forget_at).await
    }

    async fn reserve<T: Answer>(
        &self,
        tx: &Tx,
        key: IdempotencyKey<'_>,
        sent: &Idempotency,
    ) -> Result<Reservation<T>, Internal> {
        let (now, body) = (self.now(), sent.body_hash);
        let Some(kept) = idempotency::reserve(tx, key, body, now, now + ANSWER_LIFE).await? else {
            return Ok(Reservation::New);
        };
        if kept.body_hash != body {
            return Ok(Reservation::Reused);
        }
        if let Some(answer) = self.read_kept(tx, key, kept).await? {
            return Ok(Reservation::Answered(answer));
        }
        // The link is dead, so its answer helps nobody: the call counts as a new one.
        idempotency::forget(tx, key).await?;
        idempotency::reserve(tx, key, body, now, now + ANSWER_LIFE).await?;
        Ok(Reservation::New)
    }

    async fn read_kept<T: Answer>(
        &self,
        tx: &Tx,
        key: IdempotencyKey<'_>,
        kept: Kept,
    ) -> Result<Option<T>, Internal> {
        let Some(sealed) = kept.answer else {
            return Ok(None);
        };
        if let Some(link) = kept.authorization {
            let authorization = authorizations::find(tx, key.institution, link).await?;
            let is_live = authorization.is_some_and(|authorization| {
                authorization.deadline_at > self.now()
                    && matches!(
                        authorization.state,
                        AuthorizationState::AwaitingKey | AuthorizationState::Pending
                    )
            });
            if !is_live {
                return Ok(None);
            }
        }
        let text = self.keyring().open(place_of(&key), &sealed)?;
        // The parser's message could quote the answer, which may hold a link.
        serde_json::from_str(text.expose_secret())
            .map(Some)
            .map_err(|_| Internal::new("a kept answer is not readable"))
    }

    async fn keep<T: Answer>(
        &self,
        tx: &Tx,
        key: IdempotencyKey<'_>,
        answer: &T,
    ) -> Result<(), Internal> {
        let text = SecretString::from(serde_json::to_string(answer).map_err(Internal::new)?);
        let sealed = self
            .keyring()
            .seal(place_of(&key), &text, self.seal_nonce());
        Ok(idempotency::keep_answer(tx, key, &sealed, answer.link()).await?)
    }
}

/// What an `Idempotency-Key` turned out to be.
enum Reservation<T> {
    New,
    Answered(T),
    Reused,
}

fn place_of<'a>(key: &'a IdempotencyKey<'_>) -> Place<'a> {
    Place::IdempotentAnswer {
        institution: key.institution,
        call: key.call,
        key_hash: &key.key_hash,
    }
}
