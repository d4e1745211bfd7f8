//! Deletes what nobody needs any more, a batch at a time.

use std::time::Duration;

use storage::{Tx, retention};

use crate::Broker;
use crate::internal::Internal;
use crate::workers::Progress;

/// How many rows of one table a step deletes at most.
const BATCH: u64 = 500;
/// How long it is remembered who asked for a credential: a yearly audit finds all of them.
const REQUESTS_KEPT: Duration = Duration::from_hours(400 * 24);

impl Broker {
    /// Deletes a batch of each kind, each in a transaction of its own: between them others write.
    pub async fn retention_step(&self) -> Result<Progress, Internal> {
        let now = self.now();
        let before = now - self.options().webhook_retention;
        let storage = self.storage();
        let expired = storage
            .write(async |tx: &Tx| retention::delete_expired_for_worker(tx, now, BATCH).await)
            .await?;
        let events = storage
            .write(async |tx: &Tx| retention::delete_events_for_worker(tx, before, BATCH).await)
            .await?;
        let ended = storage
            .write(async |tx: &Tx| retention::delete_ended_for_worker(tx, before, BATCH).await)
            .await?;
        let initiated = storage
            .write(async |tx: &Tx| {
                retention::delete_initiated_for_worker(tx, now, before, BATCH).await
            })
            .await?;
        let handed_out = storage
            .write(async |tx: &Tx| {
                retention::delete_handed_out_for_worker(tx, now, now - REQUESTS_KEPT, BATCH).await
            })
            .await?;
        let mut progress = Progress::Idle;
        for deleted in expired
            .into_iter()
            .chain([events])
            .chain(ended)
            .chain(initiated)
            .chain(handed_out)
        {
            if deleted.rows > 0 {
                self.measures().deleted(deleted.table, deleted.rows);
                progress = Progress::Worked;
            }
        }
        Ok(progress)
    }
}
