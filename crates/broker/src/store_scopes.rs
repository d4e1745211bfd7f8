//! `store/scopes`: what a store's grant may do, asked of the platform now.

use std::time::Duration;

use domain::{
    AuthStatus, FailReason, GrantId, Institution, InstitutionId, Platform, Store, StoreState,
};
use platforms::{ScopeReader, adapter};
use storage::scope_readings::{self, LastReading, ReadingOutcome};
use storage::{News, Tx};
use tokio::time::Instant;

use crate::Broker;
use crate::caller::{CallError, Caller};
use crate::change::Decision;
use crate::credentials::without_refusal;
use crate::internal::Internal;
use crate::snapshot::Snapshot;
use crate::store_request::StoreRef;

/// How long a call waits for a reading that somebody else began: as long as a platform has to answer, and a
/// little for the saving.
const READING_WAIT: Duration = Duration::from_secs(12);
/// Longer than one reading can take: nobody else reads the same meanwhile. Whoever dies keeps others from it for
/// no longer.
const LEASE: Duration = Duration::from_secs(20);
/// When to ask again after a platform that gave no answer.
const ASK_AGAIN: Duration = Duration::from_secs(5);

pub struct ReadStoreScopes {
    pub client_id: String,
    pub store_id: String,
}

/// Why the scopes are not those that the platform has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadStoreScopesError {
    #[error("store not exist")]
    UnknownStore,
    #[error("the store is not authorized")]
    NotAuthorized {
        status: AuthStatus,
        reason: Option<FailReason>,
    },
    /// The platform tells a grant's scopes when it is made or renewed, and at no other time.
    #[error("the platform cannot be asked for scopes")]
    NotOffered { platform: Platform },
    /// The grant has none of the scopes by which it could ask.
    #[error("the grant may not ask for its scopes")]
    NotTold {
        needs_any_of: &'static [&'static str],
    },
    #[error("the platform gave no answer")]
    Unavailable { retry_after: Duration },
}

/// The reading that a call waits for; a later one of the grant does as well.
#[derive(Clone, Copy)]
struct Awaited {
    grant: GrantId,
    number: i64,
}

impl Awaited {
    fn outcome(self, last: LastReading) -> Option<ReadingOutcome> {
        last.outcome.filter(|_| last.number >= self.number)
    }
}

impl Broker {
    /// The snapshot of a store once its scopes are read at the platform. Whoever asks while they are being
    /// read, by another call or by the worker, waits for that reading and asks nothing. A grant that turns
    /// out to be dead is ended, and the snapshot says so.
    pub async fn read_store_scopes(
        &self,
        caller: &Caller,
        command: ReadStoreScopes,
    ) -> Result<Snapshot, CallError<ReadStoreScopesError>> {
        self.spend_nonce(caller).await.map_err(without_refusal)?;
        let meant = StoreRef::read(&command.client_id, &command.store_id);
        let read = self.read_or_await(&caller.institution, &meant).await?;
        let store = read.map_err(CallError::Refused)?;
        Ok(Snapshot::of(&store))
    }

    async fn read_or_await(
        &self,
        institution: &Institution,
        meant: &StoreRef,
    ) -> Decision<Store, ReadStoreScopesError> {
        let give_up = Instant::now() + READING_WAIT;
        let mut commits = self.storage().commits(News::Outcomes);
        let mut awaited: Option<Awaited> = None;
        loop {
            let Some(store) = meant.find(self.storage(), institution.id).await? else {
                return Ok(Err(ReadStoreScopesError::UnknownStore));
            };
            let StoreState::Success(authorized) = &store.state else {
                // What was awaited may have found that the grant is dead.
                return Ok(match awaited {
                    Some(_) => Ok(store),
                    None => Err(not_authorized(&store)),
                });
            };
            let Some(reader) = adapter(store.platform).scope_reader() else {
                let platform = store.platform;
                return Ok(Err(ReadStoreScopesError::NotOffered { platform }));
            };
            let grant = authorized.grant;
            if awaited.is_some_and(|awaited| awaited.grant != grant) {
                // The seller authorized again meanwhile, and the platform told the scopes of that.
                return Ok(Ok(store));
            }
            let last = scope_readings::find_last(self.storage(), institution.id, grant).await?;
            if let (Some(last), Some(awaited)) = (last, awaited)
                && let Some(outcome) = awaited.outcome(last)
            {
                return self
                    .after_reading(institution, meant, outcome, reader)
                    .await;
            }
            let under_way = last.filter(|last| last.leased_until > self.now());
            if let Some(under_way) = under_way {
                let number = under_way.number;
                awaited.get_or_insert(Awaited { grant, number });
            } else if let Some(number) = self.read_at_once(institution, grant, reader).await? {
                awaited = Some(Awaited { grant, number });
                continue;
            }
            let left = give_up.saturating_duration_since(Instant::now());
            // A process that is about to end pauses no more.
            if left.is_zero() || self.hurry().is_cancelled() {
                let retry_after = ASK_AGAIN;
                return Ok(Err(ReadStoreScopesError::Unavailable { retry_after }));
            }
            self.pause(left, &mut commits).await;
        }
    }

    /// The answer to those who waited for a reading. The store is looked at anew: it was read before its
    /// outcome was.
    async fn after_reading(
        &self,
        institution: &Institution,
        meant: &StoreRef,
        outcome: ReadingOutcome,
        reader: &'static dyn ScopeReader,
    ) -> Decision<Store, ReadStoreScopesError> {
        Ok(match outcome {
            ReadingOutcome::Read => {
                let found = meant.find(self.storage(), institution.id).await?;
                found.ok_or(ReadStoreScopesError::UnknownStore)
            }
            ReadingOutcome::NotTold => Err(ReadStoreScopesError::NotTold {
                needs_any_of: reader.needs_any_of(),
            }),
            ReadingOutcome::Unanswered => Err(ReadStoreScopesError::Unavailable {
                retry_after: ASK_AGAIN,
            }),
        })
    }

    /// Reads the grant's scopes, unless somebody else does: `None` then. From the lease on it goes on to its end
    /// even when the caller does not wait for it: a lease that nobody works under would hold up the next call.
    async fn read_at_once(
        &self,
        institution: &Institution,
        grant: GrantId,
        reader: &'static dyn ScopeReader,
    ) -> Result<Option<i64>, Internal> {
        let (broker, owner) = (self.clone(), institution.id);
        let work = self.spawn(async move { broker.lease_and_read(owner, grant, reader).await });
        work.await.map_err(Internal::new)?
    }

    async fn lease_and_read(
        &self,
        owner: InstitutionId,
        grant: GrantId,
        reader: &dyn ScopeReader,
    ) -> Result<Option<i64>, Internal> {
        let now = self.now();
        let reading = self
            .storage()
            .write(async |tx: &Tx| {
                scope_readings::lease_one(tx, owner, grant, now, now + LEASE).await
            })
            .await?;
        let Some(reading) = reading else {
            return Ok(None);
        };
        self.read_scopes(&reading, reader).await?;
        Ok(Some(reading.turn.number()))
    }
}

fn not_authorized(store: &Store) -> ReadStoreScopesError {
    ReadStoreScopesError::NotAuthorized {
        status: store.status(),
        reason: store.fail_reason(),
    }
}
