//! What platforms tell by themselves: verified and recorded while the platform waits, handled by a worker.

mod pushed_code;
mod shop;

use std::time::Duration;

use domain::{
    LeaseId, Platform, PlatformAppId, PlatformEventId, PlatformEventKind, PlatformEventOutcome,
};
use futures_util::future::join_all;
use platforms::{EventRequest, PlatformEvent, adapter};
use sha2::{Digest, Sha256};
use storage::platform_apps::PlatformApp;
use storage::platform_events::{self, DueEvent, NewPlatformEvent};
use storage::{StorageError, Tx, scope_readings};

use crate::Broker;
use crate::internal::{Internal, chain};
use crate::workers::Progress;

/// How many events are handled side by side.
const BATCH: u64 = 16;
/// Longer than the questions of one event can take: nobody else handles it meanwhile.
const LEASE: Duration = Duration::from_mins(1);
/// The waits after a platform that could not be asked. After the last one its event is given up: refresh,
/// expiry and the next call notice a grant that is gone as well.
const WAITS: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(6),
    Duration::from_hours(12),
];
/// Where events have no id, the same bytes count as the same event for this long. An app that is installed
/// again and removed again brings the same bytes, and must be heard again.
const SAME_FOR: Duration = Duration::from_hours(1);

/// An event as it was received.
#[derive(Clone, Copy)]
pub struct ReceivedEvent<'a> {
    pub platform: Platform,
    /// The institution's own app, where the path names one.
    pub app: Option<PlatformAppId>,
    pub headers: &'a [(String, String)],
    /// Byte for byte.
    pub body: &'a [u8],
}

/// An event that is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum EventRefused {
    #[error("the event is not proven to be a platform's")]
    NotVerified,
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl From<StorageError> for EventRefused {
    fn from(error: StorageError) -> Self {
        Self::Internal(error.into())
    }
}

impl Broker {
    /// Records a verified event, once. When this returns the platform may forget it.
    pub async fn receive_platform_event(
        &self,
        received: ReceivedEvent<'_>,
    ) -> Result<(), EventRefused> {
        let reader = adapter(received.platform)
            .events()
            .ok_or(EventRefused::NotVerified)?;
        let app = self
            .find_app_of_path(received.platform, received.app)
            .await?
            .ok_or(EventRefused::NotVerified)?;
        let request = EventRequest {
            headers: received.headers,
            body: received.body,
            shop_header: self.options().shop_header(received.platform),
        };
        let event = reader
            .read_event(&request, &self.open_app(&app)?)
            .map_err(|_| EventRefused::NotVerified)?;
        let now = self.now();
        let new = NewPlatformEvent {
            id: PlatformEventId::new(self.next_id()),
            same_key: same_key(&app, &event, received.body, now.timestamp()),
            platform: app.platform,
            app: app.id,
            topic: event.topic,
            kind: event.kind,
            shop: event.shop,
            created_at: now,
        };
        let is_new = self
            .storage()
            .write(async |tx: &Tx| {
                let is_new = platform_events::insert(tx, &new).await?;
                if let (true, Some(code)) = (is_new, &event.code) {
                    self.keep_code(tx, new.id, &app, code).await?;
                }
                Ok::<_, Internal>(is_new)
            })
            .await?;
        tracing::info!(
            platform_event.id = %new.id, platform = %new.platform, kind = new.kind.code(), is_new,
            "a platform told something"
        );
        Ok(())
    }

    /// Handles the events that are due.
    pub async fn platform_event_step(&self) -> Result<Progress, Internal> {
        let now = self.now();
        if !platform_events::has_due_for_worker(self.storage(), now).await? {
            return Ok(Progress::Idle);
        }
        let lease = LeaseId::new(self.next_id());
        let due = self
            .storage()
            .write(async |tx: &Tx| {
                platform_events::lease_due_for_worker(tx, now, lease, now + LEASE, BATCH).await
            })
            .await?;
        if due.is_empty() {
            return Ok(Progress::Idle);
        }
        let handled = join_all(due.iter().map(|event| self.handle(event, lease))).await;
        for (event, handled) in due.iter().zip(handled) {
            // The lease runs out and the event is handled again; the others are not held up.
            if let Err(error) = handled {
                let cause = chain(&error);
                tracing::error!(platform_event.id = %event.id, cause, "not handled");
            }
        }
        Ok(Progress::Worked)
    }

    async fn handle(&self, event: &DueEvent, lease: LeaseId) -> Result<(), Internal> {
        let outcome = match event.kind {
            PlatformEventKind::Uninstalled
            | PlatformEventKind::Expired
            | PlatformEventKind::ShopRedaction => {
                return self.look_after_shop(event, lease).await;
            }
            PlatformEventKind::ScopesUpdated => return self.take_hint(event, lease).await,
            // Orders and their customers never come here: a grant lets others read them.
            PlatformEventKind::CustomerDataRequest | PlatformEventKind::CustomerRedaction => {
                PlatformEventOutcome::NothingHeld
            }
            PlatformEventKind::CodeGranted => return self.take_code(event, lease).await,
            PlatformEventKind::Other => PlatformEventOutcome::Ignored,
        };
        self.storage()
            .write(async |tx: &Tx| {
                platform_events::finish_for_worker(tx, event.id, lease, outcome, self.now()).await
            })
            .await?;
        log_outcome(event, outcome);
        Ok(())
    }

    /// Has the scopes of the shop's grants read soon. What the event says of them counts for nothing: it may
    /// be late, or another one be lost.
    async fn take_hint(&self, event: &DueEvent, lease: LeaseId) -> Result<(), Internal> {
        let now = self.now();
        let outcome = self
            .storage()
            .write(async |tx: &Tx| {
                let hastened = match &event.shop {
                    Some(shop) => {
                        let (platform, app) = (event.platform, event.app);
                        scope_readings::hasten_for_worker(tx, platform, app, shop, now).await?
                    }
                    None => 0,
                };
                let outcome = match hastened {
                    0 => PlatformEventOutcome::NoGrant,
                    _ => PlatformEventOutcome::HintTaken,
                };
                platform_events::finish_for_worker(tx, event.id, lease, outcome, now).await?;
                Ok::<_, StorageError>(outcome)
            })
            .await?;
        log_outcome(event, outcome);
        Ok(())
    }

    /// Puts an event back whose platform could not be asked, unless that has gone on for too long.
    async fn postpone(
        &self,
        tx: &Tx,
        event: &DueEvent,
        lease: LeaseId,
    ) -> Result<Option<PlatformEventOutcome>, Internal> {
        let now = self.now();
        let Some(wait) = WAITS.get(event.attempts) else {
            let outcome = PlatformEventOutcome::Unanswered;
            platform_events::finish_for_worker(tx, event.id, lease, outcome, now).await?;
            return Ok(Some(outcome));
        };
        platform_events::reschedule_for_worker(tx, event.id, lease, now + *wait).await?;
        Ok(None)
    }
}

fn log_outcome(event: &DueEvent, outcome: PlatformEventOutcome) {
    tracing::info!(
        platform_event.id = %event.id, platform = %event.platform, kind = event.kind.code(),
        outcome = outcome.code(), "a platform's event was handled"
    );
}

/// What an event is recognised by when it is sent again.
fn same_key(app: &PlatformApp, event: &PlatformEvent, body: &[u8], now_secs: i64) -> [u8; 32] {
    let hash = Sha256::new().chain_update(app.id.uuid());
    if let Some(id) = &event.id {
        return hash.chain_update(b"id").chain_update(id).finalize().into();
    }
    let hour = now_secs.div_euclid(SAME_FOR.as_secs().cast_signed());
    hash.chain_update(b"body")
        .chain_update(hour.to_be_bytes())
        .chain_update(event.topic.len().to_be_bytes())
        .chain_update(&event.topic)
        .chain_update(body)
        .finalize()
        .into()
}
