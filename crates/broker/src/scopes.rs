//! Reads again what grants may do, where platforms tell it: now and then, when a platform hints that it has
//! changed, and when an institution asks.

use std::time::Duration;

use domain::{AssessedScopes, Credential, EventId, FailReason, GrantedScopes, Platform, StoreId};
use futures_util::future::join_all;
use platforms::{App, PlatformFailure, ProbeRequest, ScopeReader, adapter};
use storage::scope_readings::{self, ReadingOutcome, ScopeReading};
use storage::sealing::Place;
use storage::{Tx, authorizations, institutions, platform_apps, shop_grants, stores};

use crate::Broker;
use crate::internal::{Internal, chain};
use crate::workers::Progress;

/// How many grants are asked about side by side.
const BATCH: u64 = 16;
/// How long a platform has to answer.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// Longer than a batch of readings can take: nobody else reads the same meanwhile.
const LEASE: Duration = Duration::from_mins(1);
/// When a platform is asked again that gave no answer. Nothing ends for it, so that it need not be soon.
const AGAIN: Duration = Duration::from_mins(5);

impl Broker {
    /// Reads the scopes that are due.
    pub async fn scope_step(&self) -> Result<Progress, Internal> {
        let mut progress = Progress::Idle;
        for platform in Platform::ALL {
            if let Some(reader) = adapter(platform).scope_reader()
                && self.read_due_scopes(platform, reader).await? == Progress::Worked
            {
                progress = Progress::Worked;
            }
        }
        Ok(progress)
    }

    async fn read_due_scopes(
        &self,
        platform: Platform,
        reader: &dyn ScopeReader,
    ) -> Result<Progress, Internal> {
        let now = self.now();
        if !scope_readings::has_due_for_worker(self.storage(), platform, now).await? {
            return Ok(Progress::Idle);
        }
        let due = self
            .storage()
            .write(async |tx: &Tx| {
                let until = now + LEASE;
                scope_readings::lease_due_for_worker(tx, platform, now, until, BATCH).await
            })
            .await?;
        if due.is_empty() {
            return Ok(Progress::Idle);
        }
        let read = join_all(due.iter().map(|reading| self.read_scopes(reading, reader))).await;
        for (reading, read) in due.iter().zip(read) {
            // These are read again later; the others are not held up.
            if let Err(error) = read {
                let cause = chain(&error);
                tracing::error!(store.id = %reading.store, cause, "scopes are not read");
            }
        }
        Ok(Progress::Worked)
    }

    /// Asks the platform for what the lease is about, and saves what comes of it. After an error the lease is
    /// given back, as far as the database lets it, so that whoever wants to know need not wait for its end.
    pub(crate) async fn read_scopes(
        &self,
        reading: &ScopeReading,
        reader: &dyn ScopeReader,
    ) -> Result<(), Internal> {
        let read = self.read_leased(reading, reader).await;
        if read.is_err()
            && let Err(error) = self.put_off_reading(reading).await
        {
            let cause = chain(&error);
            tracing::warn!(store.id = %reading.store, cause, "the right to read scopes is kept to its end");
        }
        read
    }

    async fn read_leased(
        &self,
        reading: &ScopeReading,
        reader: &dyn ScopeReader,
    ) -> Result<(), Internal> {
        let app = self.app_of_reading(reading).await?;
        // A token past its end is refused, whatever it was granted.
        let is_over = reading.expires_at.is_some_and(|end| end <= self.now());
        let Some(app) = app.filter(|_| !is_over) else {
            return self.put_off_reading(reading).await;
        };
        match self.ask_for_scopes(reading, reader).await? {
            Ok(granted) => self.save_scopes(reading, &app, Some(granted)).await,
            // It may not ask, so that what is known stays; what is required may have changed all the same.
            Err(PlatformFailure::ScopesInsufficient) => self.save_scopes(reading, &app, None).await,
            Err(PlatformFailure::CredentialInvalid) => self.end_dead_grant(reading).await,
            Err(failure) => {
                tracing::info!(store.id = %reading.store, "scopes are read again later: {failure}");
                self.put_off_reading(reading).await
            }
        }
    }

    async fn app_of_reading(&self, reading: &ScopeReading) -> Result<Option<App>, Internal> {
        let (institution, id) = (reading.institution, reading.authorization);
        let authorization = authorizations::find(self.storage(), institution, id).await?;
        let Some(id) = authorization.and_then(|authorization| authorization.app) else {
            return Ok(None);
        };
        let app = platform_apps::find_by_id(self.storage(), id).await?;
        app.map(|app| self.open_app(&app)).transpose()
    }

    async fn ask_for_scopes(
        &self,
        reading: &ScopeReading,
        reader: &dyn ScopeReader,
    ) -> Result<Result<GrantedScopes, PlatformFailure>, Internal> {
        let place = Place::GrantCredential(reading.grant);
        let text = self.keyring().open(place, &reading.credential)?;
        let credential = Credential::from_secret_text(&text).map_err(Internal::new)?;
        let request = ProbeRequest {
            origin: &reading.origin,
            credential: &credential,
            timeout: READ_LIMIT,
        };
        Ok(reader.read_scopes(self.egress(), request).await)
    }

    async fn put_off_reading(&self, reading: &ScopeReading) -> Result<(), Internal> {
        let next = self.now() + AGAIN.min(self.options().scopes_interval);
        self.storage()
            .write(async |tx: &Tx| {
                let outcome = ReadingOutcome::Unanswered;
                scope_readings::finish_for_worker(tx, reading.turn, outcome, None, next).await
            })
            .await?;
        Ok(())
    }

    /// Lays what was read, or else what is known, beside what is required by now, and tells if that makes a
    /// difference.
    async fn save_scopes(
        &self,
        reading: &ScopeReading,
        app: &App,
        granted: Option<GrantedScopes>,
    ) -> Result<(), Internal> {
        let outcome = match granted {
            Some(_) => ReadingOutcome::Read,
            None => ReadingOutcome::NotTold,
        };
        let write = adapter(reading.platform).facts().write_scope;
        let required = app.required_scopes();
        let next = self.now() + self.options().scopes_interval;
        let told = self
            .storage()
            .write(async |tx: &Tx| {
                let found = stores::find_locked(tx, reading.institution, reading.store).await?;
                let Some(store) = found else { return Ok(None) };
                if !scope_readings::is_held(tx, reading.turn).await? {
                    return Ok(None);
                }
                let Ok(known) = store.authorized_by(reading.grant) else {
                    return Ok(None);
                };
                let granted = granted.unwrap_or_else(|| known.scopes.granted());
                let assessed = AssessedScopes::of(&granted, &required, write);
                let scopes = assessed.scopes.clone();
                let read = store.read_scopes(reading.grant, assessed);
                let told = match read.map_err(Internal::new)? {
                    Some(store) => Some(self.tell_scopes(tx, store, reading.grant).await?),
                    None => None,
                };
                let read = Some(&scopes);
                scope_readings::finish_for_worker(tx, reading.turn, outcome, read, next).await?;
                Ok::<_, Internal>(told)
            })
            .await?;
        if let Some(event) = told {
            log_changed_scopes(reading.store, event);
        }
        Ok(())
    }

    /// Ends a grant that the platform does not know any more, unless it was renewed while it was asked.
    async fn end_dead_grant(&self, reading: &ScopeReading) -> Result<(), Internal> {
        let event = self
            .storage()
            .write(async |tx: &Tx| {
                let found = stores::find_locked(tx, reading.institution, reading.store).await?;
                let institution = institutions::find(tx, reading.institution).await?;
                let (Some(store), Some(institution)) = (found, institution) else {
                    return Ok(None);
                };
                let (owner, credential) = (reading.institution, &reading.credential);
                if !shop_grants::has_credential(tx, owner, reading.grant, credential).await? {
                    // What the newer one may do is to be asked yet.
                    let (outcome, now) = (ReadingOutcome::Unanswered, self.now());
                    scope_readings::finish_for_worker(tx, reading.turn, outcome, None, now).await?;
                    return Ok(None);
                }
                let reason = FailReason::AuthRevoked;
                self.end_grant(tx, &institution, store, reading.grant, reason)
                    .await
            })
            .await?;
        if let Some(event) = event {
            tracing::info!(store.id = %reading.store, event.id = %event, "a grant is dead");
        }
        Ok(())
    }
}

pub(crate) fn log_changed_scopes(store: StoreId, event: EventId) {
    tracing::info!(store.id = %store, event.id = %event, "the scopes of a grant changed");
}
