//! `event/list`: the feed of an institution's events, for catching up.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::Institution;
use storage::{News, StorageError, outbox};

use crate::Broker;
use crate::internal::Internal;

pub struct ListEvents {
    /// Where to go on; from the oldest kept event without it.
    pub after: Option<String>,
    pub limit: u64,
    /// How long to wait for an event if there is none.
    pub wait: Duration,
}

#[derive(Debug)]
pub struct EventPage {
    /// Each event's own bytes.
    pub events: Vec<Vec<u8>>,
    pub next_cursor: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ListEventsError {
    #[error("after is not one of our cursors")]
    Cursor,
    /// Events behind this cursor may have been deleted already.
    #[error("cursor expired")]
    CursorExpired,
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl From<StorageError> for ListEventsError {
    fn from(error: StorageError) -> Self {
        Self::Internal(error.into())
    }
}

impl Broker {
    /// Events behind the cursor, byte for byte as they are pushed.
    pub async fn list_events(
        &self,
        institution: &Institution,
        query: ListEvents,
    ) -> Result<EventPage, ListEventsError> {
        let after = match &query.after {
            Some(text) => self.read_cursor(text).await?,
            None => 0,
        };
        let give_up = tokio::time::Instant::now() + query.wait;
        let mut commits = self.storage().commits(News::Feed);
        loop {
            // Read before the events: what is placed later is behind this cursor, and an institution
            // with few events moves on with the feed of all, so that its cursor does not expire.
            let newest = outbox::newest_position(self.storage()).await?;
            let found =
                outbox::list_feed(self.storage(), institution.id, after, query.limit).await?;
            let left = give_up.saturating_duration_since(tokio::time::Instant::now());
            if found.is_empty() && !left.is_zero() && !self.hurry().is_cancelled() {
                self.pause(left, &mut commits).await;
                continue;
            }
            let is_full = u64::try_from(found.len()).is_ok_and(|count| count == query.limit);
            let last = found.last().map_or(after, |entry| entry.position);
            let next = if is_full { last } else { last.max(newest) };
            return Ok(EventPage {
                events: found.into_iter().map(|entry| entry.payload).collect(),
                next_cursor: write_cursor(next),
            });
        }
    }

    async fn read_cursor(&self, text: &str) -> Result<i64, ListEventsError> {
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| ListEventsError::Cursor)?;
        let bytes: [u8; 8] = bytes.try_into().map_err(|_| ListEventsError::Cursor)?;
        let after = i64::from_be_bytes(bytes);
        let newest = outbox::newest_position(self.storage()).await?;
        if !(0..=newest).contains(&after) {
            return Err(ListEventsError::Cursor);
        }
        let oldest = outbox::oldest_kept_position(self.storage())
            .await?
            .unwrap_or(newest + 1);
        if after + 1 < oldest {
            return Err(ListEventsError::CursorExpired);
        }
        Ok(after)
    }
}

fn write_cursor(position: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(position.to_be_bytes())
}
