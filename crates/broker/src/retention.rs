//! Deletes what nobody needs any more, a batch at a time.

use storage::{Tx, retention};

use crate::Broker;
use crate::internal::Internal;
use crate::workers::Progress;

/// How many rows of one table a step deletes at most.
const BATCH: u64 = 500;

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
        let mut progress = Progress::Idle;
        for deleted in expired
            .into_iter()
            .chain([events])
            .chain(ended)
            .chain(initiated)
        {
            if deleted.rows > 0 {
                self.measures().deleted(deleted.table, deleted.rows);
                progress = Progress::Worked;
            }
        }
        Ok(progress)
    }
}
